//! A real browser without a screen, told what to do over the Chrome DevTools Protocol.
//!
//! Commands and answers go through a pair of pipes (`--remote-debugging-pipe`): JSON texts,
//! each with a NUL after it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// A browser with one page. It is killed when this is dropped.
pub struct Browser {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    sent: u64,
    page: Option<String>,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Opens a page, and waits until it is there.
    pub fn open(address: &str) -> Browser {
        let profile = tempfile::tempdir().unwrap();
        // The shell puts our pipes where the browser looks for them. Tests run as root, which its
        // own sandbox refuses.
        let script = "exec chromium --headless --no-sandbox --disable-gpu \
            --disable-dev-shm-usage --no-first-run --window-size=800,700 \
            --remote-debugging-pipe --user-data-dir=\"$0\" about:blank \
            3<&0 4>&1 </dev/null >/dev/null 2>&1";
        let mut shell = Command::new("sh");
        shell
            .args(["-c", script])
            .arg(profile.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = shell.spawn().unwrap();
        let (to, from) =
            (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut browser = Browser { child, to, from, sent: 0, page: None, _profile: profile };
        let target = browser.call("Target.createTarget", &json!({ "url": address }));
        let attached = browser.call(
            "Target.attachToTarget",
            &json!({ "targetId": target["targetId"], "flatten": true }),
        );
        browser.page = attached["sessionId"].as_str().map(str::to_owned);
        browser.until("document.readyState === 'complete' && location.href !== 'about:blank'");
        browser
    }

    /// The value of an expression on the page; a promise is waited for.
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
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.run(expression) != true {
            assert!(
                Instant::now() < deadline,
                "never: {expression}\n{}",
                self.run("document.body.innerText")
            );
            sleep(Duration::from_millis(20));
        }
    }

    /// Types into the focused element, as a keyboard would.
    pub fn types(&mut self, text: &str) {
        self.call("Input.insertText", &json!({ "text": text }));
    }

    /// Saves a picture of the page to this file.
    pub fn picture(&mut self, file: &Path) {
        let taken = self.call("Page.captureScreenshot", &json!({ "format": "png" }));
        fs::write(file, STANDARD.decode(taken["data"].as_str().unwrap()).unwrap()).unwrap();
    }

    /// A command of the protocol to the page, and its result.
    pub fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.sent += 1;
        let mut command = json!({ "id": self.sent, "method": method, "params": parameters });
        if let Some(page) = &self.page {
            command["sessionId"] = page.as_str().into();
        }
        self.to.write_all(format!("{command}\0").as_bytes()).unwrap();
        loop {
            let mut text = Vec::new();
            self.from.read_until(0, &mut text).unwrap();
            assert_eq!(text.pop(), Some(0), "the browser is gone");
            let mut answer: Value = serde_json::from_slice(&text).unwrap();
            // Skip events, which are many.
            if answer["id"] == self.sent {
                assert!(answer.get("error").is_none(), "{method}: {answer}");
                return answer["result"].take();
            }
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.to.write_all(b"{\"id\":0,\"method\":\"Browser.close\"}\0");
        let deadline = Instant::now() + Duration::from_secs(5);
        while Instant::now() < deadline && matches!(self.child.try_wait(), Ok(None)) {
            sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
