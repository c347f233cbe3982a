//! Tokens of hardware: drift and resync, and what an owner does with a device.

use serde_json::{Value, json};
use test_support::chromium::Browser;
use test_support::http::segment;
use test_support::{people, tools};
use twostep::otp::{Seed, Totp};
use twostep::testing::SimulatedToken;
use twostep::time::UnixTime;

use crate::journeys::{World, news, problems, state_of, text};

/// A time-based token whose clock is off by some seconds since its activation.
struct Clock {
    serial: String,
    token: SimulatedToken,
}

impl Clock {
    /// A token that was on time when it was activated, and jumps by so many seconds.
    fn that_jumped(world: &World, account: &str, seconds: i64) -> Clock {
        let body = json!({ "account": account, "kind": "totp", "name": "Gate token" });
        let added: Value = world.admin.post("/v1/devices", body).is(201);
        let secret = text(&added["provisioning"]["secret"]);
        let serial = text(&added["device"]["serial"]);
        let seed = Seed::from_base32(&secret).unwrap();
        let mut token = SimulatedToken::totp(&seed, Totp::default());
        // A token cannot go back behind codes that it has shown: one that is slow always was.
        let always = seconds.min(0);
        token.jump(always);
        let now = people::now();
        let codes = [now.0 - 90, now.0 - 60].map(|at| token.text_at(UnixTime(at)));
        let path = format!("/v1/devices/{}/activate", segment(&serial));
        world.admin.post(&path, json!({ "codes": codes })).is(200);
        token.jump(seconds - always);
        Clock { serial, token }
    }

    /// Types two consecutive codes, the second one of now.
    fn type_pair(&self, browser: &mut Browser) {
        let now = people::now();
        type_pair(browser, [now.0 - 30, now.0].map(|at| self.token.text_at(UnixTime(at))));
    }

    /// The address of its page for resynchronisation.
    fn resync_page(&self, world: &World) -> String {
        world.page(&format!("/devices/{}/resync", segment(&self.serial)))
    }
}

/// Types a pair that the device shows.
fn type_pair(browser: &mut Browser, [first, next]: [String; 2]) {
    browser.fill("First code", &first);
    browser.fill("Next code", &next);
}

/// The offset in seconds that a sentence tells.
fn told_seconds(sentence: &str) -> i64 {
    let words: Vec<&str> = sentence.split([' ', '.', ',']).collect();
    let number = |unit: &str| {
        let at = words.iter().position(|word| *word == unit);
        at.and_then(|at| words[at - 1].parse::<i64>().ok()).unwrap_or(0)
    };
    let seconds = number("h") * 3_600 + number("min") * 60 + number("s");
    if words.contains(&"slow") { -seconds } else { seconds }
}

#[test]
fn a_token_that_is_off_is_found_and_told_truly() {
    if !tools::have("chromium") {
        return;
    }
    let world = World::taking_codes();
    for (index, off) in [204_i64, 383, -300].into_iter().enumerate() {
        let account = format!("person{index}");
        let mut button = people::enrol(&world.admin, &account);
        let mut browser = Browser::new();
        browser.scripts(off != 204);
        world.sign_in(&mut browser, &account, &button.code());
        let clock = Clock::that_jumped(&world, &account, off);
        browser.go(&clock.resync_page(&world));
        browser.arrives("Resync Gate token");
        clock.type_pair(&mut browser);
        browser.press("button", "Resync");
        browser.arrives("Gate token is in step again");
        let told = browser.text();
        let sentence = told.lines().find(|line| line.starts_with("It runs")).unwrap_or(&told);
        let seconds = told_seconds(sentence);
        assert!((seconds - off).abs() <= 15 && seconds.signum() == off.signum(), "{off}: {told}");
        browser.go(&world.page("/devices"));
        let state = state_of(&mut browser, "Gate token");
        assert!((told_seconds(&state) - off).abs() <= 15, "{off}: {state}");
        assert!(browser.has("link", "Resync Gate token"));
    }
}

#[test]
fn a_token_that_is_off_is_found_at_sign_in() {
    if !tools::have("chromium") {
        return;
    }
    let world = World::taking_codes();
    let clock = Clock::that_jumped(&world, "alice", 204);
    let mut browser = Browser::new();
    world.sign_in_as(&mut browser, "alice");
    browser.press("link", "Type two codes instead");
    clock.type_pair(&mut browser);
    browser.press("button", "Sign in");
    browser.arrives("Your devices");
    let state = state_of(&mut browser, "Gate token");
    assert!((told_seconds(&state) - 204).abs() <= 15, "{state}");
}

#[test]
fn a_pair_that_is_not_one_is_explained() {
    if !tools::have("chromium") {
        return;
    }
    let world = World::taking_codes();
    let mut token = people::enrol(&world.admin, "alice");
    let mut browser = Browser::new();
    browser.scripts(false);
    world.sign_in(&mut browser, "alice", &token.code());
    let address = format!("/devices/{}/resync", segment(&token.serial));
    browser.go(&world.page(&address));
    for (first, next, told) in [
        ("12", "1234567890", "A code has 6 to 8 digits."),
        ("123456", "123 456", "This is the same code twice."),
        ("١٢٣٤٥٦", "123-456", "This is the same code twice."),
        (token.wrong(), "987654", "The two codes were not accepted."),
    ] {
        type_pair(&mut browser, [first.to_owned(), next.to_owned()]);
        browser.press("button", "Resync");
        let problems = problems(&mut browser).join("\n");
        assert!(problems.contains(told), "{first}, {next}: {problems}");
        let field = browser.field("First code");
        assert_eq!(field.value, "", "a code is kept");
    }
}

/// An owner renames, tests, deactivates, activates again and removes a device; the last one stays.
#[test]
fn an_owner_manages_a_device_and_the_last_one_stays() {
    if !tools::have("chromium") {
        return;
    }
    let world = World::taking_codes();
    for (account, scripts) in [("alice", true), ("bob", false)] {
        let mut one = people::enrol(&world.admin, account);
        let mut browser = Browser::new();
        browser.scripts(scripts);
        world.sign_in(&mut browser, account, &one.code());
        let mut other = people::enrol(&world.admin, account);
        let page = |serial: &str| world.page(&format!("/devices/{serial}"));

        browser.go(&page(&other.serial));
        browser.fill("Name", "Desk token");
        browser.press("button", "Rename");
        browser.arrives("Desk token");
        assert_eq!(news(&mut browser), ["Renamed."]);

        browser.go(&page(&one.serial));
        browser.press("link", "Test");
        browser.fill("Code", &one.code());
        browser.press("button", "Test");
        assert_eq!(news(&mut browser), ["It works."]);

        browser.go(&page(&other.serial));
        browser.press("link", "Deactivate");
        browser.arrives("Deactivate Desk token?");
        browser.press("button", "Deactivate Desk token");
        assert_eq!(news(&mut browser), ["Desk token is deactivated."], "{}", browser.text());
        assert_eq!(state_of(&mut browser, "Desk token"), "Deactivated");

        browser.go(&page(&one.serial));
        stays(&mut browser, &page(&one.serial));

        browser.go(&world.page(&format!("/devices/{}/activate", other.serial)));
        browser.arrives("Activate Desk token");
        type_pair(&mut browser, other.pair());
        browser.press("button", "Activate");
        assert_eq!(news(&mut browser), ["Desk token is ready."]);

        browser.go(&page(&other.serial));
        browser.press("link", "Remove");
        browser.arrives("Remove Desk token?");
        browser.press("link", "Keep it");
        browser.press("link", "Remove");
        browser.press("button", "Remove Desk token");
        // The last proof was made with it.
        browser.arrives("Sign in");
        world.sign_in(&mut browser, account, &one.code());
        assert!(!browser.has("article", "Desk token"));
        browser.go(&page(&other.serial));
        assert_eq!((browser.status(), browser.heading().as_str()), (404, "Nothing here"));
        assert_eq!(browser.complaints(), Vec::<String>::new());
    }
}

/// The pages that deactivate and remove a device say that it is the last one, and do nothing.
#[track_caller]
fn stays(browser: &mut Browser, page: &str) {
    for verb in ["Deactivate", "Remove"] {
        browser.go(page);
        browser.press("link", verb);
        assert!(browser.text().contains("This is your only device."), "{}", browser.text());
        let go = browser.all("button").into_iter().any(|it| it.name.starts_with(verb));
        assert!(!go, "{verb} of the last device");
    }
}
