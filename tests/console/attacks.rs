//! Attacks on the pages, each of which an owner's browser could be made to help with.

use std::net::TcpStream;
use std::sync::Barrier;
use std::thread;

use serde_json::json;
use test_support::agent::exchange;
use test_support::people::enrol;

use super::visitor::{SESSION, Site};
use super::{bypass, linked, owner};

/// Each route that changes something.
const CHANGES: [&str; 24] = [
    "/language",
    "/stay",
    "/sign-out",
    "/link",
    "/sign-in",
    "/sign-in/code",
    "/sign-in/key",
    "/prove/code",
    "/prove/key",
    "/login",
    "/login/code",
    "/login/key",
    "/devices/add/app",
    "/devices/add/key",
    "/devices/add/token",
    "/devices/{}",
    "/devices/{}/activate",
    "/devices/{}/resync",
    "/devices/{}/test",
    "/devices/{}/deactivate",
    "/devices/{}/remove",
    "/recovery",
    "/sign-ins/everywhere",
    "/lost",
];

/// The same of operators.
const OPERATORS: [&str; 12] = [
    "/operator/sign-in",
    "/operator/sign-in/code",
    "/operator/sign-in/key",
    "/operator/accounts/alice/link",
    "/operator/accounts/alice/recovery-link",
    "/operator/accounts/alice/sign-out",
    "/operator/devices/{}/unlock",
    "/operator/devices/{}/deactivate",
    "/operator/devices/{}/remove",
    "/operator/devices/{}/resync",
    "/operator/devices/{}/activate",
    "/operator/links/000000000000",
];

#[test]
fn a_form_of_another_page_changes_nothing() {
    let site = Site::new("");
    let (mut visitor, token) = owner(&site, "alice");
    let own = site.origin();
    let port = site.port;
    let foreign = [
        "https://evil.example".to_owned(),
        "null".to_owned(),
        format!("https://localhost:{port}"),
        format!("http://localhost:{}", port ^ 1),
        format!("http://localhost.evil.example:{port}"),
        format!("http://127.0.0.1:{port}"),
        "http://localhost".to_owned(),
        format!("{own}/"),
        own.to_uppercase(),
        format!("{own} {own}"),
        String::new(),
    ];
    for path in CHANGES.into_iter().chain(OPERATORS) {
        let path = path.replace("{}", &token.serial);
        for origin in &foreign {
            let page = visitor.post_with(&path, &[], &[("Origin", origin)]);
            page.is(403, "This came from another page");
        }
        visitor.post_with(&path, &[], &[]).is(403, "This came from another page");
        let twice = [("Origin", own.as_str()), ("Origin", own.as_str())];
        visitor.post_with(&path, &[], &twice).is(403, "This came from another page");
        for site in ["same-site", "cross-site", "none", ""] {
            let headers = [("Origin", own.as_str()), ("Sec-Fetch-Site", site)];
            visitor.post_with(&path, &[], &headers).is(403, "This came from another page");
        }
    }
    visitor.get("/devices").is(200, "Your devices");
}

#[test]
fn an_address_alone_changes_nothing() {
    let site = Site::new("");
    let (mut visitor, token) = owner(&site, "alice");
    let before = site.admin().get(&token.path("")).text();
    for path in CHANGES {
        let path = path.replace("{}", &token.serial);
        let page = visitor.get(&path);
        assert_ne!(page.answer.status, 303, "{path}");
        let stream = TcpStream::connect(("127.0.0.1", site.port)).unwrap();
        let cookie = visitor.session().unwrap();
        let head = format!(
            "HEAD {path} HTTP/1.1\r\nHost: localhost:{}\r\nCookie: {SESSION}={cookie}\r\n\
             Connection: close\r\n\r\n",
            site.port
        );
        assert!(exchange(stream, &head).starts_with("HTTP/1.1 "), "{path}");
    }
    for path in ["/sign-out", "/devices/add/app", "/language", "/stay"] {
        visitor.get(path).is(405, "This page cannot be opened by its address");
    }
    assert_eq!(site.admin().get(&token.path("")).text(), before);
}

#[test]
fn another_name_of_the_machine_is_no_console() {
    let site = Site::new("");
    let mut visitor = site.visitor();
    for host in ["evil.example", "127.0.0.1", "localhost", "localhost:1", "localhost.evil.example"]
    {
        visitor
            .send_to(host, "GET", "/sign-in", (&[], b""))
            .is(403, "This came from another page");
    }
}

#[test]
fn each_answer_binds_the_browser() {
    let site = Site::new("");
    let mut visitor = site.visitor();
    let style = visitor
        .get("/sign-in")
        .between("href=\"/assets/style", "\"")
        .unwrap()
        .to_owned();
    let style = format!("/assets/style{style}");
    let paths = ["/sign-in", "/devices", "/nothing", "/sign-out", "/link", "/lost", &style];
    for path in paths.into_iter().chain(["/login?return_to=x"]) {
        let page = visitor.get(path);
        let header = |name: &str| page.answer.header(name).unwrap_or_default();
        let policy = header("content-security-policy");
        for rule in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "require-trusted-types-for 'script'",
        ] {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        for (name, value) in [
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(header(name), value, "{path}");
        }
        let kept = if path == style { "public, max-age=31536000, immutable" } else { "no-store" };
        assert_eq!(header("cache-control"), kept, "{path}");
        assert!(!page.html.contains("style=\"") && !page.html.contains("<script>"), "{path}");
    }
}

#[test]
fn a_link_is_opened_once_by_one() {
    let site = Site::new("");
    let code = site.link("alice");
    let (barrier, site) = (Barrier::new(8), &site);
    let opened: Vec<bool> = thread::scope(|scope| {
        let race = || {
            let mut visitor = site.visitor();
            barrier.wait();
            visitor.post("/link", &[("code", &code)]).answer.status == 303
        };
        let racers: Vec<_> = (0..8).map(|_| scope.spawn(race)).collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).collect()
    });
    assert_eq!(opened.iter().filter(|opened| **opened).count(), 1);

    let voided = site.link("alice");
    let newer = site.link("alice");
    let mut visitor = site.visitor();
    let refused = "This link has been used or has expired. Ask for a new one.";
    for code in [&code, &voided, "", "0000000000000000000000000X"] {
        visitor.post("/link", &[("code", code)]).is(403, "Open your link").says(refused);
    }
    // Programs that look at mail fetch an address, and the code is not in it.
    visitor.get(&format!("/link?code={newer}")).is(200, "Open your link");
    assert_eq!(visitor.session(), None);
    visitor.post("/link", &[("code", &newer.to_lowercase())]).leads_to("/devices");
}

#[test]
fn a_link_alone_opens_no_protected_account() {
    let site = Site::new("");
    enrol(&site.admin(), "alice");
    let mut visitor = linked(&site, "alice");
    for path in ["/devices", "/recovery", "/sign-ins", "/activity", "/prove", "/devices/add/key"] {
        visitor.get(path).leads_to("/sign-in");
    }
    visitor.post("/devices/add/app", &[]).leads_to("/sign-in");
    visitor.get("/sign-in").is(200, "Sign in").says("<strong>alice</strong>");
    // The link is for one account, also where the form names another one.
    enrol(&site.admin(), "bob");
    let code = bypass(&site, "bob");
    visitor
        .post("/sign-in/code", &[("account", "bob"), ("code", &code)])
        .is(403, "Sign in");
}

#[test]
fn a_planted_session_is_never_taken_over() {
    let site = Site::new("");
    enrol(&site.admin(), "alice");
    let mut visitor = site.visitor();
    let planted = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for value in [planted, "", "x", &"A".repeat(4_000)] {
        visitor.cookies.insert(SESSION.to_owned(), value.to_owned());
        visitor.get("/devices").leads_to("/sign-in");
    }
    visitor.cookies.insert(SESSION.to_owned(), planted.to_owned());
    visitor.post("/link", &[("code", &site.link("alice"))]).leads_to("/devices");
    let linked = visitor.session().unwrap().to_owned();
    assert_ne!(linked, planted);
    visitor
        .post("/sign-in/code", &[("code", &bypass(&site, "alice"))])
        .leads_to("/devices");
    assert_ne!(visitor.session().unwrap(), linked);
    for old in [planted, &linked] {
        let mut other = site.visitor();
        other.cookies.insert(SESSION.to_owned(), old.to_owned());
        other.get("/devices").leads_to("/sign-in");
    }
}

#[test]
fn a_revoked_account_and_a_removed_device_end_the_session() {
    let site = Site::new("");
    let (mut visitor, token) = owner(&site, "alice");
    site.admin().delete(&token.path("")).is(204);
    visitor.get("/devices").leads_to("/sign-in");
    let (mut visitor, _) = owner(&site, "bob");
    visitor.get("/devices").is(200, "Your devices");
    site.admin().post("/v1/accounts/bob/revoke-sessions", json!({})).is(200);
    visitor.get("/devices").leads_to("/sign-in");
}

#[test]
fn foreign_devices_look_like_missing_ones() {
    let site = Site::new("");
    let (mut visitor, _) = owner(&site, "alice");
    let other = enrol(&site.admin(), "bob");
    for verb in ["", "/activate", "/resync", "/test", "/deactivate", "/remove"] {
        let [none, others] = ["NONE12345678", other.serial.as_str()].map(|serial| {
            let page = visitor.get(&format!("/devices/{serial}{verb}"));
            page.is(404, "Nothing here");
            page.html.replace(serial, "")
        });
        assert_eq!(none, others, "{verb}");
        let [none, others] = ["NONE12345678", other.serial.as_str()].map(|serial| {
            let fields = [("first", "111111"), ("second", "222222"), ("code", "111111")];
            let page = visitor.post(&format!("/devices/{serial}{verb}"), &fields);
            (page.answer.status, page.html.replace(serial, ""))
        });
        assert_eq!(none, others, "{verb}");
    }
}

#[test]
fn refused_sign_ins_look_alike_and_wait_after_ten() {
    let site = Site::new("open_codes = true\n");
    enrol(&site.admin(), "alice");
    let mut visitor = site.visitor();
    let mut refused = |account: &str| {
        let page = visitor.post("/sign-in/code", &[("account", account), ("code", "000000")]);
        let ceremony = page.between("name=\"ceremony\" value=\"", "\"").unwrap_or("-").to_owned();
        let options = page.between("data-options=\"", "\"").unwrap_or("-").to_owned();
        let html = page.html.replace(account, "").replace(&ceremony, "").replace(&options, "");
        // The credentials of an account without a key differ in length by account.
        (page.answer.status, html)
    };
    let [known, unknown] = ["alice", "nobod"].map(&mut refused);
    assert_eq!(known.0, 403);
    assert_eq!(known, unknown);
    for _ in 0..8 {
        refused("alice");
    }
    assert_eq!(refused("alice").0, 429);
    assert_eq!(refused("bobby").0, 429);
}

#[test]
fn markup_in_names_stays_text() {
    let site = Site::new("");
    let name = "<img src=x onerror=alert(1)>{{1234567*7}}&amp;\"'";
    let (mut visitor, token) = owner(&site, "alice");
    let device = format!("/devices/{}", token.serial);
    visitor.post(&device, &[("name", name)]).leads_to(&device);
    let pages = ["/devices", &device, "/sign-ins", "/activity", "/lost", "/recovery"];
    let changes = ["deactivate", "remove", "resync", "test"].map(|verb| format!("{device}/{verb}"));
    for path in pages.into_iter().chain(changes.iter().map(String::as_str)) {
        let page = visitor.get(path);
        assert!(
            !page.html.contains("<img") && !page.html.contains("8641969"),
            "{path} {}",
            page.html
        );
    }
    let hint: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
    let page = site.visitor().get(&format!("/sign-in?account={hint}"));
    assert!(!page.html.contains("<img"), "{}", page.html);
}
