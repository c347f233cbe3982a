//! One-time links: each opens once, by a press of a button, and no more than it is for.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use serde_json::json;
use test_support::chromium::Browser;
use test_support::{people, tools};

use crate::journeys::{World, outside, posted, problems};

const REFUSED: &str = "This link has been used or has expired. Ask for a new one.";

/// The code of a link.
fn code(link: &str) -> String {
    link.split_once('#').unwrap().1.to_owned()
}

/// The status of a try to open a link with this code.
fn open(world: &World, code: &str) -> u16 {
    posted(world, "/link", &[("code", code)]).status
}

#[test]
fn a_link_opens_once_in_any_spelling() {
    let world = World::open();
    let link = code(&world.link("alice"));
    let spelled = link.to_lowercase().replace('-', "");
    assert_eq!(open(&world, &spelled), 303);
    for spelling in [&link, &spelled] {
        let answer = posted(&world, "/link", &[("code", spelling)]);
        assert_eq!(answer.status, 403);
        assert!(answer.text().contains(REFUSED), "{}", answer.text());
    }
}

#[test]
fn a_newer_link_voids_the_older() {
    let world = World::open();
    let older = code(&world.link("alice"));
    let newer = code(&world.link("alice"));
    assert_eq!(open(&world, &older), 403);
    let listed = world.admin.get("/v1/console/links").is(200);
    let [only] = listed["links"].as_array().unwrap().as_slice() else {
        panic!("{listed}");
    };
    assert!(!listed.to_string().contains(&newer), "{listed}");
    let id = only["id"].as_str().unwrap();
    world.admin.delete(&format!("/v1/console/links/{id}")).is(204);
    assert_eq!(open(&world, &newer), 403);
}

#[test]
fn of_eight_who_open_a_link_at_once_one_does() {
    let world = World::open();
    let link = code(&world.link("alice"));
    let start = Barrier::new(8);
    let opened: Vec<u16> = thread::scope(|scope| {
        let tries: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    open(&world, &link)
                })
            })
            .collect();
        tries.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(opened.iter().filter(|status| **status == 303).count(), 1, "{opened:?}");
}

/// Programs that look at mail for viruses open links, run scripts, and send what they find.
#[test]
fn a_link_is_not_used_up_by_looking_at_it() {
    if !tools::have("chromium") {
        return;
    }
    let world = World::open();
    let link = world.link("alice");
    let client = outside(&world);
    for path in ["/link".to_owned(), format!("/link?code={}", code(&link))] {
        assert_eq!(client.get(&path).status, 200);
    }
    let mut scanner = Browser::open(&link);
    thread::sleep(Duration::from_millis(300));
    assert_eq!(scanner.heading(), "Open your link");
    let sent = scanner.requests();
    assert!(sent.iter().all(|(address, _)| !address.contains(&code(&link))), "{sent:?}");
    let mut browser = Browser::open(&link);
    browser.press("button", "Continue");
    browser.arrives("Your devices");
    scanner.press("button", "Continue");
    assert!(problems(&mut scanner)[0].contains(REFUSED));
}

/// A second link, pasted into the address of the open page, loads nothing: the script sees it.
#[test]
fn a_link_in_an_open_page_is_taken_too() {
    if !tools::have("chromium") {
        return;
    }
    let world = World::open();
    let link = world.link("alice");
    let mut browser = Browser::open(&world.page("/link"));
    browser.go(&link);
    browser.until("document.querySelector('[data-link-code]').value !== ''");
    assert_eq!(browser.address(), world.page("/link"));
    browser.press("button", "Continue");
    browser.arrives("Your devices");
}

#[test]
fn a_link_alone_does_not_open_a_protected_account() {
    if !tools::have("chromium") {
        return;
    }
    let world = World::open();
    let mut token = people::enrol(&world.admin, "alice");
    let mut browser = Browser::open(&world.link("alice"));
    browser.press("button", "Continue");
    browser.arrives("Sign in");
    for path in ["/devices", "/devices/add/key", "/recovery", "/sign-ins", "/activity"] {
        browser.go(&world.page(path));
        assert_eq!(browser.heading(), "Sign in", "{path}");
    }
    // The link stood before the code, which is now taken.
    browser.fill("Code", &token.code());
    browser.press("button", "Sign in");
    browser.arrives("Your devices");
}

/// A recovery link is an administrator's bypass code: its owner comes back with a new phone.
#[test]
fn a_recovery_link_lets_its_owner_back_in() {
    if !tools::have("chromium") {
        return;
    }
    let world = World::open();
    people::enrol(&world.admin, "alice");
    let body = json!({ "account": "alice", "recover": true });
    let made = world.admin.post("/v1/console/links", body).is(201);
    let mut browser = Browser::open(made["url"].as_str().unwrap());
    browser.press("button", "Continue");
    browser.arrives("Your devices");
    browser.add_platform();
    browser.press("button", "Security key or passkey");
    browser.fill("Name", "New phone");
    browser.press("button", "Start");
    browser.arrives("Your devices");
    assert!(browser.has("article", "New phone"));
    let rows = world.admin.get("/v1/audit?account=alice").is(200).to_string();
    assert!(rows.contains("bypass.accepted"), "{rows}");
}
