//! The session's cookie: made by the agent alone, new at every step, dead after its end.

use serde_json::json;
use test_support::chromium::Browser;
use test_support::{people, tools};

use crate::journeys::{World, outside};

/// The session's value in a browser.
fn value(browser: &Browser) -> Option<String> {
    let cookies = browser.cookies();
    let found = cookies.iter().find(|cookie| cookie["name"] == "__Host-twostep")?;
    Some(found["value"].as_str()?.to_owned())
}

/// True if a value opens the page of its owner's devices.
fn opens(world: &World, value: &str) -> bool {
    let cookie = format!("__Host-twostep={value}");
    let answer = outside(world).raw("GET", "/devices", &[("Cookie", &cookie)], b"");
    answer.status == 200
}

#[test]
fn a_session_has_a_new_value_at_each_step_and_ends() {
    if !tools::have("chromium") {
        return;
    }
    let world = World::taking_codes();
    let mut token = people::enrol(&world.admin, "alice");
    let mut browser = Browser::new();
    // Another port of the same host may have set it.
    let planted = "A".repeat(43);
    let cookie = json!({
        "name": "__Host-twostep", "value": planted, "url": world.origin, "path": "/",
        "secure": true, "httpOnly": true,
    });
    browser.set_cookie(&cookie);
    world.sign_in(&mut browser, "alice", &token.code());
    let first = value(&browser).unwrap();
    assert!(first != planted && !opens(&world, &planted) && opens(&world, &first));
    let cookies = browser.cookies();
    let own = cookies.iter().find(|cookie| cookie["name"] == "__Host-twostep").unwrap();
    let facts = ["secure", "httpOnly", "session"].map(|name| own[name] == true);
    assert_eq!((facts, &own["sameSite"]), ([true; 3], &json!("Strict")), "{own}");

    // A new proof makes a new value.
    browser.go(&world.page("/prove"));
    browser.fill("Code", &token.code());
    browser.press("button", "Confirm");
    let second = value(&browser).unwrap();
    assert!(second != first && !opens(&world, &first) && opens(&world, &second));

    browser.go(&world.page("/devices"));
    browser.press("button", "Sign out");
    assert!(!opens(&world, &second));
    assert_ne!(value(&browser).as_ref(), Some(&second));
}

#[test]
fn a_revoked_accounts_session_is_over() {
    if !tools::have("chromium") {
        return;
    }
    let world = World::taking_codes();
    let mut token = people::enrol(&world.admin, "alice");
    let mut browser = Browser::new();
    world.sign_in(&mut browser, "alice", &token.code());
    world.admin.post("/v1/accounts/alice/revoke-sessions", json!({})).is(200);
    browser.go(&world.page("/devices"));
    assert_eq!(browser.heading(), "Sign in");
}

#[test]
fn a_removed_devices_session_is_over() {
    if !tools::have("chromium") {
        return;
    }
    let world = World::taking_codes();
    let mut token = people::enrol(&world.admin, "alice");
    let mut browser = Browser::new();
    world.sign_in(&mut browser, "alice", &token.code());
    people::enrol(&world.admin, "alice");
    world.admin.delete(&token.path("")).is(204);
    browser.go(&world.page("/devices"));
    assert_eq!(browser.heading(), "Sign in");
}

/// Signing out everywhere ends the console's session, and every context.
#[test]
fn signing_out_everywhere_ends_every_session() {
    if !tools::have("chromium") {
        return;
    }
    let world = World::taking_codes();
    for (account, scripts) in [("alice", true), ("bob", false)] {
        let mut token = people::enrol(&world.admin, account);
        let elsewhere = token.session(&world.admin, account);
        assert!(people::alive(&world.admin, &elsewhere));
        let mut browser = Browser::new();
        browser.scripts(scripts);
        world.sign_in(&mut browser, account, &token.code());
        browser.press("link", "Sign-ins");
        browser.arrives("Sign-ins");
        assert!(browser.has("list", "Sign-ins"));
        browser.press("button", "Sign out everywhere");
        browser.arrives("Sign out everywhere?");
        browser.press("button", "Sign out everywhere");
        browser.arrives("Sign in");
        assert!(!people::alive(&world.admin, &elsewhere));
        browser.go(&world.page("/devices"));
        assert_eq!(browser.heading(), "Sign in");
    }
}

/// Another account's devices are answered as none.
#[test]
fn another_accounts_device_does_not_exist() {
    if !tools::have("chromium") {
        return;
    }
    let world = World::taking_codes();
    let mut token = people::enrol(&world.admin, "alice");
    let other = people::enrol(&world.admin, "bob");
    let mut browser = Browser::new();
    world.sign_in(&mut browser, "alice", &token.code());
    let cookie = format!("__Host-twostep={}", value(&browser).unwrap());
    let client = outside(&world);
    for page in ["", "/resync", "/test", "/activate", "/deactivate", "/remove"] {
        let answer = |serial: &str| {
            let path = format!("/devices/{serial}{page}");
            let answer = client.raw("GET", &path, &[("Cookie", &cookie)], b"");
            (answer.status, answer.text().replace(serial, "x"))
        };
        let (theirs, none) = (answer(&other.serial), answer("no-such-device"));
        assert_eq!(theirs, none, "{page}");
        assert_eq!(theirs.0, 404, "{page}");
    }
}

/// Markup and templates in names are text on every page.
#[test]
fn markup_in_names_is_text() {
    if !tools::have("chromium") {
        return;
    }
    let world = World::taking_codes();
    let mut token = people::enrol(&world.admin, "alice");
    let mut browser = Browser::new();
    let account = "<script>alert(1)</script>{{7*7}}\"'>";
    world.sign_in_as(&mut browser, account);
    assert!(browser.text().contains(account), "{}", browser.text());
    world.sign_in(&mut browser, "alice", &token.code());
    for name in ["<img src=x onerror=alert(1)>", "{{7*7}}${7*7}<%=1%>", "\"' onfocus=alert(1) x="] {
        browser.go(&world.page(&format!("/devices/{}", token.serial)));
        browser.fill("Name", name);
        browser.press("button", "Rename");
        assert_eq!(browser.heading(), name);
        for page in ["", "/resync", "/test", "/remove"] {
            browser.go(&world.page(&format!("/devices/{}{page}", token.serial)));
            assert!(browser.heading().contains(name), "{page}");
        }
        browser.go(&world.page("/devices"));
        assert!(browser.has("article", name));
        assert!(browser.has("link", &format!("Manage {name}")));
    }
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn the_language_follows_the_browser_and_the_button() {
    if !tools::have("chromium") {
        return;
    }
    let world = World::open();
    for scripts in [true, false] {
        let mut browser = Browser::new();
        browser.scripts(scripts);
        browser.speak("de-AT, en;q=0.5");
        browser.go(&world.page("/sign-in"));
        assert_eq!(browser.heading(), "Anmelden");
        browser.press("button", "English");
        assert_eq!(browser.heading(), "Sign in");
        browser.go(&world.page("/lost"));
        assert_eq!(browser.heading(), "Lost a device?");
        browser.press("button", "Deutsch");
        assert_eq!(browser.heading(), "Gerät verloren?");
    }
}

#[test]
fn a_session_is_renewed_in_the_footer() {
    if !tools::have("chromium") {
        return;
    }
    let world = World::taking_codes();
    let mut token = people::enrol(&world.admin, "alice");
    let mut browser = Browser::new();
    world.sign_in(&mut browser, "alice", &token.code());
    assert!(browser.text().contains("Signed in until"), "{}", browser.text());
    let first = value(&browser).unwrap();
    browser.press("button", "Stay signed in");
    browser.arrives("Your devices");
    let second = value(&browser).unwrap();
    assert!(opens(&world, &second) && (second == first || !opens(&world, &first)));
}

/// An owner signs in with another device, and ends all that the lost one could do.
#[test]
fn a_lost_device_is_deactivated_and_ends_every_session() {
    if !tools::have("chromium") {
        return;
    }
    let world = World::taking_codes();
    let mut token = people::enrol(&world.admin, "alice");
    let mut browser = Browser::new();
    browser.scripts(false);
    world.sign_in(&mut browser, "alice", &token.code());
    let mut lost = people::enrol(&world.admin, "alice");
    world.admin.patch(&lost.path(""), json!({ "name": "Lost phone" })).is(200);
    let elsewhere = lost.session(&world.admin, "alice");
    browser.reload();
    browser.press("link", "Lost a device?");
    browser.arrives("Lost a device?");
    let choice = browser.by("radio", "Lost phone");
    browser.click(&choice);
    browser.press("button", "Deactivate and sign out everywhere");
    assert!(!people::alive(&world.admin, &elsewhere));
    let state = world.admin.get(&lost.path("")).is(200)["state"].clone();
    assert_eq!(state, "disabled");
    browser.go(&world.page("/devices"));
    assert_eq!(browser.heading(), "Sign in");
}
