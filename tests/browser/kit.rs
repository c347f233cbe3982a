//! The browser kit itself: each of its ways to see and to use a page, on pages made for that.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use serde_json::json;
use test_support::chromium::{Browser, Protocol, Scheme};
use test_support::tools;

/// Serves the pages of these tests on a loopback port. The thread ends with the program.
fn site() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream));
        }
    });
    format!("http://localhost:{port}")
}

fn answer(mut stream: TcpStream) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let request = lines.next().unwrap_or_default();
    let headers: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let language = headers.iter().find(|line| line.to_lowercase().starts_with("accept-language"));
    let (status, body) = match request.split(' ').nth(1).unwrap_or_default() {
        "/" => ("200 OK", PAGE.to_owned()),
        "/sent" => ("422 Unprocessable", page("Sent", language.map_or("", String::as_str))),
        "/noisy" => ("200 OK", page("Noisy", NOISE)),
        "/faulty" => {
            ("200 OK", page("Faulty", "<img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='>"))
        }
        _ => ("404 Not Found", page("Nothing here", "")),
    };
    let policy = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
        img-src data:; form-action 'self'";
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nConnection: close\r\n\
         Set-Cookie: __Host-kit=1; Secure; HttpOnly; SameSite=Strict; Path=/\r\n\
         Content-Security-Policy: {policy}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
}

fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=en><title>{title}</title><meta name=viewport \
         content='width=device-width'><main><h1>{title}</h1>{body}</main></html>"
    )
}

#[test]
fn controls_are_found_by_role_and_name_and_used() {
    if !tools::have("chromium") {
        return;
    }
    let mut browser = Browser::open(&site());
    assert_eq!((browser.heading().as_str(), browser.status()), ("Kit", 200));
    browser.fill("First code", "123 456");
    browser.fill("First code", "654321");
    assert_eq!(browser.field("First code").value, "654321");
    browser.key("Tab");
    assert_eq!(browser.focused().unwrap().name, "Send");
    let article = browser.by("article", "Gate token");
    let inside = browser.by_within(&article, "link", "Manage Gate token");
    assert_eq!(browser.text_of(&inside), "Manage Gate token");
    assert!(browser.has("link", "Manage Pixel 8") && !browser.has("link", "Manage"));
    browser.speak("de");
    browser.press("button", "Send");
    assert_eq!((browser.heading().as_str(), browser.status()), ("Sent", 422));
    assert!(browser.text().contains("de"), "{}", browser.text());
    assert!(browser.requests().iter().any(|(address, _)| address.ends_with("/sent")));
}

#[test]
fn a_covered_control_is_not_clicked() {
    if !tools::have("chromium") {
        return;
    }
    let mut browser = Browser::open(&site());
    let covered = browser.by("button", "Covered");
    let clicked = catch_unwind(AssertUnwindSafe(|| browser.click(&covered)));
    let said = clicked.expect_err("a click on the lid").downcast::<String>().unwrap();
    assert!(said.contains("is covered"), "{said}");
}

#[test]
fn pages_work_without_scripts_and_browsers_share_nothing() {
    if !tools::have("chromium") {
        return;
    }
    let site = site();
    let (mut with, mut without) = (Browser::open(&site), Browser::new());
    without.scripts(false);
    assert_eq!((with.cookies().len(), without.cookies().len()), (1, 0));
    without.go(&site);
    assert_eq!(with.run("document.documentElement.dataset.script"), "on");
    assert!(without.run("document.documentElement.dataset.script").is_null());
    without.fill("First code", "1");
    without.enter();
    assert_eq!(without.heading(), "Sent");
    without.set_cookie(&json!({ "name": "planted", "value": "1", "url": site }));
    assert_eq!((with.cookies().len(), without.cookies().len()), (1, 2));
}

#[test]
fn complaints_of_a_page_are_kept() {
    if !tools::have("chromium") {
        return;
    }
    let site = site();
    let mut browser = Browser::open(&site);
    browser.go(&format!("{site}/nowhere"));
    assert_eq!((browser.status(), browser.complaints()), (404, Vec::new()));
    browser.go(&format!("{site}/noisy"));
    let complaints = browser.complaints();
    for expected in ["said", "thrown", "dialog", "Content Security Policy"] {
        assert!(complaints.iter().any(|it| it.contains(expected)), "{expected}: {complaints:#?}");
    }
}

#[test]
fn looks_are_set_and_pictures_taken() {
    if !tools::have("chromium") {
        return;
    }
    let mut browser = Browser::open(&site());
    let matches = |query: &str| format!("matchMedia('{query}').matches");
    browser.prefer(Scheme::Dark);
    assert_eq!(browser.run(&matches("(prefers-color-scheme: dark)")), true);
    browser.prefer(Scheme::Light);
    assert_eq!(browser.run(&matches("(prefers-color-scheme: dark)")), false);
    browser.print(true);
    assert_eq!(browser.run(&matches("print")), true);
    browser.print(false);
    browser.resize(360, 640);
    assert_eq!((browser.run("innerWidth"), browser.scrolls_sideways()), (json!(360), false));
    browser.run("document.querySelector('main').style.width = '400px'");
    assert!(browser.scrolls_sideways());
    browser.enlarge(1280, 800);
    assert_eq!(browser.run("[innerWidth, devicePixelRatio]"), json!([640, 2]));
    browser.resize(300, 200);
    let folder = tempfile::tempdir().unwrap();
    let (part, whole) = (folder.path().join("part.png"), folder.path().join("whole.png"));
    browser.picture(&part);
    browser.whole_picture(&whole);
    let height = |file| {
        let bytes: Vec<u8> = std::fs::read(file).unwrap();
        u32::from_be_bytes([bytes[20], bytes[21], bytes[22], bytes[23]])
    };
    assert_eq!(height(part), 200);
    assert!(height(whole) > 2_000);
}

#[test]
fn a_key_is_plugged_in_copied_and_unplugged() {
    if !tools::have("chromium") {
        return;
    }
    let mut browser = Browser::open(&site());
    for protocol in [Protocol::U2f, Protocol::Ctap2] {
        let key = browser.plug_in(protocol);
        assert_eq!(browser.run(CREATE), "public-key", "{protocol:?}");
        let made = browser.credentials(&key).remove(0);
        browser.unplug(&key);
        let copy = browser.plug_in(protocol);
        browser.put(&copy, &made, "localhost");
        assert_eq!(browser.credentials(&copy).len(), 1);
        browser.unplug(&copy);
    }
    let platform = browser.add_platform();
    assert_eq!(browser.run(CREATE), "public-key");
    assert_eq!(browser.credentials(&platform)[0]["backupEligibility"], true);
}

#[test]
fn axe_finds_faults_and_only_faults() {
    if !tools::have("chromium,python:axe_playwright_python") {
        return;
    }
    let site = site();
    let mut browser = Browser::open(&format!("{site}/nowhere"));
    assert_eq!(browser.violations(), Vec::<String>::new());
    browser.go(&format!("{site}/faulty"));
    let found = browser.violations();
    assert!(found.len() == 1 && found[0].starts_with("image-alt"), "{found:#?}");
}

const PAGE: &str = "<!doctype html><html lang=en><title>Kit</title>
    <meta name=viewport content='width=device-width'>
    <style>#lid { position: absolute; inset: 0; } #pot { position: relative; width: 9em; }</style>
    <script>document.documentElement.dataset.script = 'on'</script>
    <main><h1>Kit</h1><form method=post action=/sent>
    <label>First code <input name=first></label> <button>Send</button></form>
    <article aria-label='Gate token'><a href=/>Manage <span>Gate token</span></a></article>
    <article aria-label='Pixel 8'><a href=/>Manage <span>Pixel 8</span></a></article>
    <div style='height: 2000px'></div>
    <div id=pot><button>Covered</button><div id=lid></div></div></main>";

const NOISE: &str = "<script>console.log('said'); alert('dialog'); </script>
    <script>throw new Error('thrown')</script><link rel=stylesheet href=/style.css>";

const CREATE: &str = "navigator.credentials.create({ publicKey: {
    challenge: new Uint8Array(32), rp: { name: 'Kit', id: 'localhost' },
    user: { id: new Uint8Array(8), name: 'alice', displayName: 'Alice' },
    pubKeyCredParams: [{ type: 'public-key', alg: -7 }],
    authenticatorSelection: { userVerification: 'discouraged' },
}}).then(credential => credential.type)";
