//! What happens in a browser, in a real one.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/chromium.rs"]
mod chromium;
#[path = "support/tools.rs"]
mod tools;

use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use chromium::Browser;

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
        // Built already where all tests are; cargo becomes the program that it runs.
        let mut command = Command::new(env!("CARGO"));
        command.args(["run", "--quiet", "--locked", "--example", "6_step_up", "--", "127.0.0.1:0"]);
        command.current_dir(env!("CARGO_MANIFEST_DIR")).env("TMPDIR", folder.path()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let line = lines.find(|line| line.contains("is open")).unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        let address = words.iter().find_map(|word| word.find("http://").and_then(|at| word.get(at..))).unwrap().to_owned();
        Shop { child, address, code: words.last().unwrap().to_string(), _folder: folder }
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_page_that_is_refused_asks_for_the_second_factor_and_tries_again() {
    if !tools::have("chromium") {
        return;
    }
    let shop = Shop::open();
    let mut browser = Browser::open(&shop.address);
    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR"));
    assert_eq!(browser.run("document.querySelector('#second').hidden"), true);

    browser.run("document.querySelector('#pay').click()");
    browser.until("!document.querySelector('#second').hidden");
    assert_eq!(browser.run("document.querySelector('#why').textContent"), "To pay, type a code of your token. It counts for 300 seconds.");
    assert_eq!(browser.run("document.activeElement.id"), "code");
    browser.picture(&pictures.join("step-up-1.png"));

    let wrong = if shop.code == "000000" { "111111" } else { "000000" };
    browser.types(wrong);
    browser.run("document.querySelector('#second').requestSubmit()");
    browser.until("document.querySelector('#said').textContent.startsWith('This was not the right code.')");
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
