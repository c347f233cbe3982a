//! Sign-in, step-up and passkeys in a real browser.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod kit;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::json;
use test_support::chromium::Browser;
use test_support::tools;

/// The example in a process of its own. It is killed when this is dropped.
struct Shop {
    child: Child,
    address: String,
    code: String,
    _folder: tempfile::TempDir,
}

impl Shop {
    fn open() -> Shop {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(example("6_step_up"));
        command.arg("127.0.0.1:0").env("TMPDIR", folder.path()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let line = lines.find(|line| line.contains("is open")).unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        let address = words
            .iter()
            .find_map(|word| word.find("http://").and_then(|at| word.get(at..)))
            .unwrap()
            .to_owned();
        Shop { child, address, code: words.last().unwrap().to_string(), _folder: folder }
    }
}

/// The program of an example, which cargo builds beside the tests: its folder is the neighbour of
/// this program's.
fn example(name: &str) -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let built = this.parent().and_then(Path::parent).unwrap().join("examples").join(name);
    assert!(built.exists(), "{} is not built: cargo build --example {name}", built.display());
    built
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_refused_page_asks_for_a_second_proof_and_tries_again() {
    if !tools::have("chromium") {
        return;
    }
    let shop = Shop::open();
    let mut browser = Browser::open(&shop.address);
    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR"));
    assert_eq!(browser.run("document.querySelector('#second').hidden"), true);

    browser.run("document.querySelector('#pay').click()");
    browser.until("!document.querySelector('#second').hidden");
    assert_eq!(
        browser.run("document.querySelector('#why').textContent"),
        "To pay, type a code of your token. It counts for 300 seconds."
    );
    assert_eq!(browser.run("document.activeElement.id"), "code");
    browser.picture(&pictures.join("step-up-1.png"));

    let wrong = if shop.code == "000000" { "111111" } else { "000000" };
    browser.types(wrong);
    browser.run("document.querySelector('#second').requestSubmit()");
    browser.until(
        "document.querySelector('#said').textContent.startsWith('This was not the right code.')",
    );
    assert_eq!(browser.run("fetch('/pay', { method: 'POST' }).then(answer => answer.status)"), 401);

    browser.run("document.querySelector('#code').focus()");
    browser.types(&shop.code);
    browser.run("document.querySelector('#second').requestSubmit()");
    browser.until("document.querySelector('#said').textContent === 'Paid by alice. Thank you.'");
    browser.picture(&pictures.join("step-up-2.png"));
    assert_eq!(browser.run("document.querySelector('#second').hidden"), true);
    // The context is in a cookie that no script reads, and now nothing is asked.
    assert_eq!(browser.run("document.cookie"), "");
    browser.run("document.querySelector('#said').textContent = ''");
    browser.run("document.querySelector('#pay').click()");
    browser.until("document.querySelector('#said').textContent === 'Paid by alice. Thank you.'");
}

/// The browser has an authenticator of its own that stores what it makes and touches itself.
#[test]
fn a_passkey_signs_in_without_a_name_or_a_code() {
    if !tools::have("chromium") {
        return;
    }
    let shop = Shop::open();
    let mut browser = Browser::open(&shop.address);
    browser.call("WebAuthn.enable", &json!({ "enableUI": false }));
    let authenticator = json!({ "options": {
        "protocol": "ctap2", "ctap2Version": "ctap2_1", "transport": "internal",
        "hasResidentKey": true, "hasUserVerification": true, "isUserVerified": true,
        "automaticPresenceSimulation": true,
    }});
    let authenticator =
        browser.call("WebAuthn.addVirtualAuthenticator", &authenticator)["authenticatorId"].clone();
    assert_eq!(browser.run("document.querySelector('#name').autocomplete"), "username webauthn");
    assert_eq!(browser.run("knows.conditional()"), true);

    // A passkey needs another proof first.
    assert_eq!(browser.run("send('/passkey/new').then(answer => answer.status)"), 401);
    browser.run("document.querySelector('#pay').click()");
    browser.until("!document.querySelector('#second').hidden");
    browser.types(&shop.code);
    browser.run("document.querySelector('#second').requestSubmit()");
    browser.until(
        "document.querySelector('#said').textContent === 'Paid by alice. Thank you.' \
            && !document.querySelector('#add').hidden",
    );
    browser.run("document.querySelector('#add').click()");
    browser.until("document.querySelector('#said').textContent === 'You have a passkey now.'");
    let stored =
        browser.call("WebAuthn.getCredentials", &json!({ "authenticatorId": authenticator }));
    let stored = &stored["credentials"][0];
    assert_eq!(
        (&stored["isResidentCredential"], &stored["rpId"]),
        (&json!(true), &json!("localhost")),
        "{stored}"
    );

    // Another visit, with nothing left of this one: the browser offers the passkey, and it is
    // picked.
    browser.call("Network.clearBrowserCookies", &json!({}));
    assert_eq!(browser.run("fetch('/pay', { method: 'POST' }).then(answer => answer.status)"), 401);
    browser.call("Page.reload", &json!({}));
    browser.until(
        "document.querySelector('#said')?.textContent === 'You have signed in with a passkey.'",
    );
    browser.picture(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("passkey.png"));
    browser.run("document.querySelector('#pay').click()");
    browser.until("document.querySelector('#said').textContent === 'Paid by alice. Thank you.'");
}
