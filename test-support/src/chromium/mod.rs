//! A real browser without a screen, told what to do over the Chrome DevTools Protocol.
//!
//! One process serves all tests of a program. [`Browser`] is a person's browser in it: a context
//! of its own, with its own cookies, and one page. Controls are found as people and screen readers
//! find them, by role and name ([`Control`]).

mod authenticator;
mod axe;
mod connection;
mod control;
mod looks;

pub use authenticator::{Authenticator, Protocol};
pub use control::Control;
pub use looks::Scheme;

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use connection::{Connection, Session};

/// A browser with one page and nothing in it from other tests. Its context ends when this is
/// dropped.
pub struct Browser {
    context: String,
    page: Session,
}

impl Browser {
    /// Opens a page, and waits until it is there.
    pub fn open(address: &str) -> Browser {
        let mut browser = Browser::new();
        browser.go(address);
        browser
    }

    /// A browser with an empty page.
    pub fn new() -> Browser {
        let connection = Connection::shared();
        let made = connection.call(None, "Target.createBrowserContext", &json!({}));
        let context = text(&made["browserContextId"]);
        let target = json!({
            "url": "about:blank", "browserContextId": context, "width": 800, "height": 700,
        });
        let target = connection.call(None, "Target.createTarget", &target);
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = connection.call(None, "Target.attachToTarget", &attach);
        let page = Session::new(connection, &text(&attached["sessionId"]));
        let mut browser = Browser { context, page };
        for domain in ["Page", "Runtime", "Log", "Network", "DOM", "Accessibility"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        browser
    }

    /// Goes to an address, and waits until the page is there.
    #[track_caller]
    pub fn go(&mut self, address: &str) {
        let loads = self.page.loads();
        let gone = self.call("Page.navigate", &json!({ "url": address }));
        assert!(gone["errorText"].is_null(), "{address}: {}", gone["errorText"]);
        // A new fragment on the same page loads nothing.
        if gone["loaderId"].is_string() {
            self.wait_for_page(loads);
        }
    }

    /// Loads the page anew.
    #[track_caller]
    pub fn reload(&mut self) {
        let loads = self.page.loads();
        self.call("Page.reload", &json!({}));
        self.wait_for_page(loads);
    }

    /// The address of the page.
    pub fn address(&mut self) -> String {
        text(&self.run("location.href"))
    }

    /// The title of the page.
    pub fn title(&mut self) -> String {
        text(&self.run("document.title"))
    }

    /// The status of the answer that brought the page.
    pub fn status(&self) -> u64 {
        self.page.status()
    }

    /// The text of the page as a person sees it.
    pub fn text(&mut self) -> String {
        text(&self.run("document.body.innerText"))
    }

    /// The value of an expression on the page; a promise is waited for. With scripts off, this is
    /// the only script that runs.
    #[track_caller]
    pub fn run(&mut self, expression: &str) -> Value {
        let parameters = json!({
            "expression": expression, "awaitPromise": true, "returnByValue": true,
            "userGesture": true,
        });
        let answer = self.call("Runtime.evaluate", &parameters);
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    #[track_caller]
    pub fn until(&mut self, expression: &str) {
        let deadline = Instant::now() + LONGEST;
        while self.run(expression) != true {
            assert!(Instant::now() < deadline, "never: {expression}\n{}", self.text());
            sleep(PAUSE);
        }
    }

    /// Types into the focused element, as a keyboard would.
    pub fn types(&mut self, text: &str) {
        self.call("Input.insertText", &json!({ "text": text }));
    }

    /// Presses a key: `Tab`, `Shift+Tab`, `Enter`, `Space`, `Escape` or `Backspace`.
    pub fn key(&mut self, key: &str) {
        let (shift, key) = match key.strip_prefix("Shift+") {
            Some(key) => (8, key),
            None => (0, key),
        };
        let (name, code, number, text) = match key {
            "Tab" => ("Tab", "Tab", 9, ""),
            "Enter" => ("Enter", "Enter", 13, "\r"),
            "Space" => (" ", "Space", 32, " "),
            "Escape" => ("Escape", "Escape", 27, ""),
            "Backspace" => ("Backspace", "Backspace", 8, ""),
            unknown => panic!("no key {unknown}"),
        };
        for kind in [if text.is_empty() { "rawKeyDown" } else { "keyDown" }, "keyUp"] {
            let mut parameters = json!({
                "type": kind, "modifiers": shift, "key": name, "code": code,
                "windowsVirtualKeyCode": number,
            });
            if kind == "keyDown" {
                parameters["text"] = text.into();
            }
            self.call("Input.dispatchKeyEvent", &parameters);
        }
    }

    /// All that scripts, the content security policy and the browser itself had to say since the
    /// last call. Failed requests for pages are left out: a test asks for [`Browser::status`].
    pub fn complaints(&self) -> Vec<String> {
        self.page.take_complaints()
    }

    /// Addresses that the browser asked for since the last call, each with the `Referer` it sent.
    pub fn requests(&self) -> Vec<(String, Option<String>)> {
        self.page.take_requests()
    }

    /// Cookies of this browser, as the protocol names their members.
    pub fn cookies(&self) -> Vec<Value> {
        let context = json!({ "browserContextId": self.context });
        let answer = self.page.connection().call(None, "Storage.getCookies", &context);
        answer["cookies"].as_array().cloned().unwrap_or_default()
    }

    /// Sets a cookie: `name`, `value`, and `url` or `domain`.
    pub fn set_cookie(&self, cookie: &Value) {
        let cookies = json!({ "browserContextId": self.context, "cookies": [cookie] });
        self.page.connection().call(None, "Storage.setCookies", &cookies);
    }

    /// A command of the protocol to the page, and its result.
    #[track_caller]
    pub fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.page
            .call(method, parameters)
            .unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// Waits until more pages have loaded than this.
    #[track_caller]
    fn wait_for_page(&mut self, loads: u64) {
        let deadline = Instant::now() + LONGEST;
        while self.page.loads() <= loads {
            assert!(Instant::now() < deadline, "no page came: {}", self.text());
            sleep(PAUSE);
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let context = json!({ "browserContextId": self.context });
        // A browser that is gone has no contexts.
        let _ = self.page.connection().try_call(
            None,
            "Target.disposeBrowserContext",
            &context,
            LONGEST,
        );
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Longest time that a page may take.
const LONGEST: Duration = Duration::from_secs(20);

/// Time between two looks at a page.
const PAUSE: Duration = Duration::from_millis(10);
