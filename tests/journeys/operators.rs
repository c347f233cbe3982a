//! Operators: they find people and devices, and help.

use serde_json::{Value, json};
use test_support::chromium::{Browser, Protocol};
use test_support::{people, tools};

use crate::journeys::{World, add_key, news, state_of};

/// An operator who is signed in, with a key of this role for these accounts.
pub(crate) fn operator(world: &World, key: Value) -> Browser {
    let mut token = people::enrol(&world.admin, "dana");
    let key = people::api_key(&world.admin, key);
    let mut browser = Browser::open(&world.page("/operator/sign-in"));
    assert_eq!(browser.heading(), "Operator sign-in");
    browser.fill("Account", "dana");
    browser.fill("API key", &key);
    browser.press("button", "Continue");
    browser.fill("Code", &token.code());
    browser.press("button", "Sign in");
    browser.arrives("Find");
    browser
}

/// Searches, and returns the names of the links that were found.
fn find(browser: &mut Browser, world: &World, words: &str) -> Vec<String> {
    browser.go(&world.page("/operator"));
    browser.fill("Account or serial number", words);
    browser.press("button", "Search");
    let list = browser.by("list", "Results");
    browser.all_within(&list, "link").into_iter().map(|link| link.name).collect()
}

#[test]
fn an_operator_finds_helps_and_lets_an_owner_back_in() {
    if !tools::have("chromium") {
        return;
    }
    let world = World::open();
    let key = json!({ "role": "admin", "name": "desk", "operator": "dana" });
    let mut browser = operator(&world, key);
    let mut token = people::enrol(&world.admin, "alice@example.com");
    let serial = token.serial.clone();
    world.admin.patch(&token.path(""), json!({ "name": "Gate token" })).is(200);
    for words in [
        "alice@example.com",
        "alice",
        serial.as_str(),
        serial.get(..6).unwrap(),
        serial.get(serial.len() - 5..).unwrap(),
    ] {
        let found = find(&mut browser, &world, words);
        let matches = |name: &String| name.contains("alice@example.com") || name.contains(&serial);
        assert!(found.iter().any(matches), "{words}: {found:?}");
    }

    // Wrong codes lock a device; the operator unlocks it.
    for _ in 0..3 {
        let body = json!({
            "account": "alice@example.com", "serial": serial, "code": token.wrong(),
        });
        world.admin.post("/v1/sessions", body);
    }
    browser.go(&world.page(&format!("/operator/devices/{serial}")));
    browser.arrives("Gate token");
    assert!(browser.text().contains("Waiting until"), "{}", browser.text());
    assert!(browser.has("table", "History"));
    browser.press("button", "Unlock");
    assert_eq!(news(&mut browser), ["Unlocked."]);
    token.session(&world.admin, "alice@example.com");

    browser.go(&world.page("/operator/accounts/alice%40example.com"));
    browser.arrives("alice@example.com");
    assert_eq!(state_of(&mut browser, "Gate token"), "Active");
    browser.press("button", "Create recovery link");
    let link = browser.by("textbox", "Link").value;
    let mut owner = Browser::open(&link);
    owner.press("button", "Continue");
    owner.arrives("Your devices");
    owner.plug_in(Protocol::Ctap2);
    add_key(&mut owner, "New key");
    browser.reload();
    assert!(browser.has("article", "New key"));
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

/// Accounts that the key does not cover do not exist for its operator.
#[test]
fn an_operator_sees_only_the_accounts_of_the_key() {
    if !tools::have("chromium") {
        return;
    }
    let world = World::open();
    let key = json!({
        "role": "enroller", "name": "desk", "operator": "dana", "accounts": ["team-*"],
    });
    let mut browser = operator(&world, key);
    people::enrol(&world.admin, "team-1");
    let other = people::enrol(&world.admin, "boss");
    assert_eq!(find(&mut browser, &world, "team-1").len(), 1);
    for words in ["boss", other.serial.as_str()] {
        browser.go(&world.page("/operator"));
        browser.fill("Account or serial number", words);
        browser.press("button", "Search");
        let links = browser.all("link");
        let tells = |name: &str| name.contains("boss") || name.contains(&other.serial);
        assert!(!links.iter().any(|link| tells(&link.name)), "{words}");
        assert!(browser.text().contains(&format!("“{words}”")), "{}", browser.text());
    }
    for path in
        ["/operator/accounts/boss".to_owned(), format!("/operator/devices/{}", other.serial)]
    {
        browser.go(&world.page(&path));
        assert_eq!((browser.status(), browser.heading().as_str()), (404, "Nothing here"), "{path}");
    }
}
