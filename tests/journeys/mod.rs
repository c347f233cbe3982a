//! The console as people use it: in a real browser, by roles and names alone.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod apps;
mod every_other_page;
mod every_page;
mod keys;
mod links;
mod operators;
mod pictures;
mod proxied;
mod services;
mod sessions;
mod tokens;

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use test_support::agent::Agent;
use test_support::chromium::{Browser, Control};
use test_support::http::{Answer, Client};

/// An agent with a console, and its administrator.
pub(crate) struct World {
    pub(crate) admin: Client,
    pub(crate) origin: String,
    pub(crate) agent: Agent,
}

impl World {
    /// A console that takes a code only where something stood before it.
    pub(crate) fn open() -> World {
        World::with("", "")
    }

    /// A console that takes a code from anybody: what stands before it is not under test.
    pub(crate) fn taking_codes() -> World {
        World::with("", "open_codes = true\n")
    }

    /// A console with more lines before and in its table.
    pub(crate) fn with(before: &str, more: &str) -> World {
        let port = free_port();
        let origin = format!("http://localhost:{port}");
        let config = format!(
            "rp_id = \"localhost\"\norigins = [\"{origin}\"]\n{before}\n[console]\n\
             origin = \"{origin}\"\nlisten = [\"127.0.0.1:{port}\"]\nhelp = \"Call 2222\"\n{more}"
        );
        let agent = Agent::start(&config);
        World { admin: Client::unix(agent.socket()), origin, agent }
    }

    /// The address of a page.
    pub(crate) fn page(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// A one-time link for an account.
    #[track_caller]
    pub(crate) fn link(&self, account: &str) -> String {
        text(&self.admin.post("/v1/console/links", json!({ "account": account })).is(201)["url"])
    }

    /// A browser that has opened a link for an account without a device.
    #[track_caller]
    pub(crate) fn newcomer(&self, account: &str) -> Browser {
        let mut browser = Browser::open(&self.link(account));
        browser.press("button", "Continue");
        browser.arrives("Your devices");
        browser
    }

    /// Signs in with a code; the console takes codes from anybody.
    #[track_caller]
    pub(crate) fn sign_in(&self, browser: &mut Browser, account: &str, code: &str) {
        self.sign_in_as(browser, account);
        browser.fill("Code", code);
        browser.press("button", "Sign in");
        browser.arrives("Your devices");
    }

    /// Goes to the second step of a sign-in.
    #[track_caller]
    pub(crate) fn sign_in_as(&self, browser: &mut Browser, account: &str) {
        browser.go(&self.page("/sign-in"));
        browser.fill("Account", account);
        browser.press("button", "Continue");
        browser.arrives("Sign in");
    }
}

/// A client of the console's listener, without a browser.
pub(crate) fn outside(world: &World) -> Client {
    let host = world.origin.trim_start_matches("http://");
    Client::tcp(host.replace("localhost", "127.0.0.1")).to_host(host)
}

/// The answer to a form, sent as a page of the console would.
pub(crate) fn posted(world: &World, path: &str, fields: &[(&str, &str)]) -> Answer {
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    let headers = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Origin", world.origin.as_str()),
        ("Sec-Fetch-Site", "same-origin"),
    ];
    outside(world).raw("POST", path, &headers, body.as_bytes())
}

/// Adds the key that is plugged in, under this name, and comes back to the list.
#[track_caller]
pub(crate) fn add_key(browser: &mut Browser, name: &str) {
    browser.press("button", "Security key or passkey");
    browser.arrives("Add a security key or passkey");
    browser.fill("Name", name);
    browser.press("button", "Start");
    if browser.heading() == "Sign in" {
        // A link alone opens no account that has a device: the new key signs in.
        browser.press("button", "Use a security key");
    }
    browser.arrives("Your devices");
    assert!(browser.has("article", name));
}

/// The state that a device's card tells, such as `Active · on time`.
#[track_caller]
pub(crate) fn state_of(browser: &mut Browser, name: &str) -> String {
    let card = browser.by("article", name);
    let text = browser.text_of(&card);
    let states = ["Active", "Waiting", "Locked", "Deactivated"];
    let line = text.lines().find(|line| states.iter().any(|state| line.starts_with(state)));
    line.unwrap_or_else(|| panic!("no state in {text}")).to_owned()
}

/// The texts of the elements that tell news.
pub(crate) fn news(browser: &mut Browser) -> Vec<String> {
    said(browser, "status")
}

/// The texts of the elements that tell problems.
pub(crate) fn problems(browser: &mut Browser) -> Vec<String> {
    said(browser, "alert")
}

fn said(browser: &mut Browser, role: &str) -> Vec<String> {
    let found: Vec<Control> = browser.all(role);
    let texts = found.iter().map(|control| browser.text_of(control));
    texts.filter(|text| !text.is_empty()).collect()
}

/// Waits until an element of role `status` says this.
#[track_caller]
pub(crate) fn is_told(browser: &mut Browser, text: &str) {
    let text = json!(text);
    browser.until(&format!(
        "[...document.querySelectorAll('[role=status]')].some(it => it.innerText.trim() === {text})"
    ));
}

/// The text that `zbarimg` reads from the picture with this name.
#[track_caller]
pub(crate) fn read_picture(browser: &mut Browser, name: &str) -> String {
    let picture = browser.by("image", name);
    let place = "function() { const { x, y, width, height } = this.getBoundingClientRect(); \
        return { x: x + scrollX, y: y + scrollY, width, height } }";
    let place = browser.on(&picture, place);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("qr.png");
    browser.part_picture(&file, &place);
    let read = Command::new("zbarimg").args(["--quiet", "--raw"]).arg(&file).output().unwrap();
    assert!(read.status.success(), "{read:?}");
    String::from_utf8(read.stdout).unwrap().trim().to_owned()
}

/// A code of this secret at a distance in seconds from now, by oathtool.
pub(crate) fn oathtool(secret: &str, seconds: i64) -> String {
    let then = format!("now {seconds} seconds");
    let code = Command::new("oathtool")
        .args(["--totp", "--base32", "--now", &then, secret])
        .output()
        .unwrap();
    assert!(code.status.success(), "{code:?}");
    String::from_utf8(code.stdout).unwrap().trim().to_owned()
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// The place of pictures that are looked at by eye.
pub(crate) fn gallery() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
