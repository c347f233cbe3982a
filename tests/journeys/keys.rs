//! Security keys and passkeys.

use test_support::chromium::{Authenticator, Browser, Protocol};
use test_support::{people, tools};

use crate::journeys::{World, add_key, is_told, news, state_of};

/// A word for a kind of key, and how a browser gets one.
type Kind = (&'static str, fn(&mut Browser) -> Authenticator);

/// Each kind of key.
fn kinds() -> [Kind; 4] {
    [
        ("U2F", |browser| browser.plug_in(Protocol::U2f)),
        ("FIDO2", |browser| browser.plug_in(Protocol::Ctap2)),
        ("FIDO2 with user verification", |browser| {
            let options = serde_json::json!({
                "transport": "usb", "hasUserVerification": true, "isUserVerified": true,
            });
            browser.add(Protocol::Ctap2, options)
        }),
        ("passkey", Browser::add_platform),
    ]
}

#[test]
fn every_kind_of_key_is_enrolled_tested_and_signs_in() {
    if !tools::have("chromium") {
        return;
    }
    let world = World::open();
    for (index, (kind, plug_in)) in kinds().into_iter().enumerate() {
        let account = format!("person{index}");
        let mut browser = world.newcomer(&account);
        plug_in(&mut browser);
        add_key(&mut browser, kind);
        assert_eq!(state_of(&mut browser, kind), "Active · cannot be phished");

        // The same key is no second device.
        browser.press("button", "Security key or passkey");
        let start = browser.by("button", "Start");
        browser.click(&start);
        is_told(&mut browser, "This key is already one of your devices.");

        browser.go(&world.page("/devices"));
        browser.press("link", &format!("Manage {kind}"));
        browser.press("link", "Test");
        browser.arrives(&format!("Test {kind}"));
        browser.press("button", "Use a security key");
        assert_eq!(news(&mut browser), ["It works."]);

        browser.press("button", "Sign out");
        world.sign_in_as(&mut browser, &account);
        assert!(browser.text().contains("only security keys are taken"), "{}", browser.text());
        assert!(browser.text().contains("Call 2222"), "{}", browser.text());
        assert!(!browser.has("textbox", "Code"));
        browser.press("button", "Use a security key");
        browser.arrives("Your devices");
        assert_eq!(browser.complaints(), Vec::<String>::new(), "{kind}");
    }
}

#[test]
fn a_page_asks_to_touch_the_key() {
    if !tools::have("chromium") {
        return;
    }
    let world = World::open();
    let mut token = people::enrol(&world.admin, "alice");
    let mut browser = Browser::open(&world.link("alice"));
    browser.press("button", "Continue");
    browser.fill("Code", &token.code());
    browser.press("button", "Sign in");
    browser.arrives("Your devices");
    let key = browser.plug_in(Protocol::Ctap2);
    browser.touches(&key, false);
    browser.press("button", "Security key or passkey");
    let start = browser.by("button", "Start");
    browser.click(&start);
    is_told(&mut browser, "Touch your key.");
}

#[test]
fn a_stranger_s_key_is_refused() {
    if !tools::have("chromium") {
        return;
    }
    let world = World::open();
    people::enrol(&world.admin, "bob");
    let mut browser = world.newcomer("alice");
    browser.add_platform();
    add_key(&mut browser, "Laptop");
    browser.press("button", "Sign out");
    world.sign_in_as(&mut browser, "bob");
    let button = browser.by("button", "Use a security key");
    browser.click(&button);
    is_told(&mut browser, "The key did not answer. Try again.");
}

#[test]
fn without_scripts_a_page_says_what_needs_them() {
    if !tools::have("chromium") {
        return;
    }
    let world = World::open();
    people::enrol(&world.admin, "alice");
    let mut browser = Browser::new();
    browser.scripts(false);
    world.sign_in_as(&mut browser, "alice");
    let told = "Security keys need JavaScript. Codes work without it.";
    assert!(browser.text().contains(told), "{}", browser.text());
}
