//! Every page in both languages, light and dark, narrow, wide and enlarged: what people who use a
//! screen reader, a keyboard or a small screen need of all of them alike.

use serde_json::json;
use test_support::chromium::{Browser, Scheme};
use test_support::{people, tools};

use crate::journeys::{World, gallery, problems};

/// Pages without a session: path, and heading in English and German.
const OPEN: &[(&str, &str, &str)] = &[
    ("/link", "Open your link", "Link öffnen"),
    ("/sign-in", "Sign in", "Anmelden"),
    ("/sign-in?account=alice", "Sign in", "Anmelden"),
    ("/sign-in?account=alice&pair=1", "Sign in", "Anmelden"),
    ("/lost", "Lost a device?", "Gerät verloren?"),
    ("/nowhere", "Nothing here", "Hier ist nichts"),
];

/// Pages of an owner; `{token}` is a token's serial number.
const OWN: &[(&str, &str, &str)] = &[
    ("/devices", "Your devices", "Ihre Geräte"),
    ("/devices/{token}", "Gate token", "Gate token"),
    ("/devices/{token}/resync", "Resync Gate token", "Gate token abgleichen"),
    ("/devices/{token}/test", "Test Gate token", "Gate token testen"),
    ("/devices/{token}/deactivate", "Deactivate Gate token?", "Gate token abschalten?"),
    ("/devices/{token}/remove", "Remove Gate token?", "Gate token entfernen?"),
    ("/devices/{app}/activate", "Add an authenticator app", "Authenticator-App hinzufügen"),
    (
        "/devices/add/key",
        "Add a security key or passkey",
        "Sicherheitsschlüssel oder Passkey hinzufügen",
    ),
    ("/devices/add/token", "Add a hardware token", "Hardware-Token hinzufügen"),
    ("/recovery", "Recovery codes", "Notfallcodes"),
    ("/sign-ins", "Sign-ins", "Anmeldungen"),
    ("/sign-ins/everywhere", "Sign out everywhere?", "Überall abmelden?"),
    ("/activity", "Activity", "Verlauf"),
    ("/lost", "Lost a device?", "Gerät verloren?"),
    ("/prove", "Confirm it’s you", "Bestätigen Sie, dass Sie es sind"),
];

#[test]
fn every_page_is_for_all() {
    if !tools::have("chromium,python:axe_playwright_python") {
        return;
    }
    let world = World::taking_codes();
    let mut token = people::enrol(&world.admin, "alice");
    world
        .admin
        .post("/v1/devices", json!({ "account": "alice", "kind": "totp" }))
        .is(201);
    let named = json!({ "name": "Gate token" });
    world.admin.patch(&token.path(""), named).is(200);
    let mut browser = Browser::new();
    for (german, language) in [(false, "en"), (true, "de")] {
        browser.speak(language);
        for page in OPEN {
            look(&world, &mut browser, *page, german);
        }
    }
    browser.speak("en");
    world.sign_in(&mut browser, "alice", &token.code());
    browser.press("button", "Authenticator app");
    let app = browser.address();
    let app = app.trim_end_matches("/activate").rsplit('/').next().unwrap_or_default();
    for (german, language) in [(false, "en"), (true, "de")] {
        browser.speak(language);
        for (path, english, other) in OWN {
            let path = path.replace("{token}", &token.serial).replace("{app}", app);
            look(&world, &mut browser, (&path, english, other), german);
        }
    }
}

/// Looks at one page in every way.
#[track_caller]
pub(crate) fn look(
    world: &World,
    browser: &mut Browser,
    (path, english, other): (&str, &str, &str),
    german: bool,
) {
    let (language, heading) = if german { ("de", other) } else { ("en", english) };
    browser.resize(1280, 800);
    browser.prefer(Scheme::Light);
    browser.go(&world.page(path));
    let place = format!("{path} in {language}");
    assert_eq!(browser.heading(), heading, "{place}");
    assert_eq!(browser.title(), format!("{heading} – twostep"), "{place}");
    assert_eq!(browser.run("document.documentElement.lang"), language, "{place}");
    for width in [1280, 768, 360] {
        browser.resize(width, 800);
        assert!(!browser.scrolls_sideways(), "{place} at {width} px");
        let small = browser.run(SMALL);
        assert_eq!(small, json!([]), "{place} at {width} px has small controls");
        let flat = browser.run(FLAT);
        assert_eq!(flat, json!([]), "{place} at {width} px has a picture without room");
        for scheme in [Scheme::Light, Scheme::Dark] {
            browser.prefer(scheme);
            let violations = browser.violations();
            assert!(violations.is_empty(), "{place} at {width} px, {scheme:?}: {violations:#?}");
        }
    }
    browser.enlarge(1280, 800);
    assert!(!browser.scrolls_sideways(), "{place} enlarged");
    browser.resize(1280, 800);
    if !german {
        tab_through(browser, &place);
    }
    let name = path.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    browser.whole_picture(&gallery().join(format!("console{name}-{language}.png")));
    assert_eq!(browser.complaints(), Vec::<String>::new(), "{place}");
}

/// Follows the page by the Tab key: each control is reached in the order of the page, and seen.
#[track_caller]
fn tab_through(browser: &mut Browser, place: &str) {
    let count = browser.run(TABBED).as_u64().unwrap_or_default();
    browser.run("document.activeElement.blur(); window.before = null; true");
    for step in 0..count {
        browser.key("Tab");
        let fault = browser.run(FOCUS);
        assert_eq!(fault, "", "{place}, control {step} of {count}");
    }
}

/// A refused form begins with its problem, which has the focus, and leads to the field.
#[test]
fn a_refused_form_leads_to_its_field() {
    if !tools::have("chromium,python:axe_playwright_python") {
        return;
    }
    let world = World::taking_codes();
    let mut token = people::enrol(&world.admin, "alice");
    let mut browser = Browser::new();
    browser.scripts(false);
    world.sign_in(&mut browser, "alice", &token.code());
    browser.go(&world.page(&format!("/devices/{}/resync", token.serial)));
    browser.fill("First code", "12");
    browser.press("button", "Resync");
    assert_eq!(browser.status(), 422);
    // A browser moves the focus when it draws the page.
    browser.until("document.activeElement !== document.body");
    let focused = browser.focused();
    assert!(focused.is_some_and(|control| control.role == "alert"), "{}", browser.outline());
    assert!(problems(&mut browser)[0].starts_with("There is a problem"));
    let field = browser.field("First code");
    assert!(field.description.contains("A code has 6 to 8 digits."), "{field:?}");
    assert!(
        field
            .properties
            .iter()
            .any(|(name, value)| name == "invalid" && value == "true")
    );
    browser.key("Tab");
    browser.key("Enter");
    browser.until("location.hash === '#first'");
    browser.scripts(true);
    browser.reload();
    assert_eq!(browser.violations(), Vec::<String>::new());
}

#[test]
fn the_first_page_is_light() {
    if !tools::have("chromium") {
        return;
    }
    let world = World::open();
    let mut browser = Browser::open(&world.page("/sign-in"));
    browser.until("performance.getEntriesByType('resource').length >= 2");
    let weight = browser.run(WEIGHT).as_u64().unwrap_or_default();
    assert!((5_000..60_000).contains(&weight), "{weight} bytes");
}

/// The size of the page and of all that it needs.
const WEIGHT: &str = "[...performance.getEntriesByType('navigation'),
        ...performance.getEntriesByType('resource')]
    .reduce((sum, it) => sum + it.decodedBodySize, 0)";

/// Controls lower than 44 px; links inside of sentences are as high as their lines.
const SMALL: &str = "[...document.querySelectorAll('button, summary, a.button, label.choice, \
        input:not([type=hidden], [type=radio], [type=checkbox])')]
    .filter(it => it.checkVisibility() && it.getBoundingClientRect().height < 43.5)
    .map(it => it.outerHTML)";

/// Names of pictures that are drawn in no room.
const FLAT: &str = "[...document.querySelectorAll('svg[role=img]')]
    .filter(it => it.checkVisibility() && it.getBoundingClientRect().width < 100)
    .map(it => it.getAttribute('aria-label'))";

/// The number of controls that the Tab key reaches.
const TABBED: &str = "[...document.querySelectorAll('a[href], button, input, summary, \
        [tabindex=\"0\"]')]
    .filter(it => it.type !== 'hidden' && it.checkVisibility()).length";

/// The fault of the focus now: not seen, or before the control that had it.
const FOCUS: &str = "(() => {
    const now = document.activeElement, before = window.before;
    window.before = now;
    if (now === document.body) return 'nothing has the focus';
    const style = getComputedStyle(now);
    if (style.outlineStyle === 'none' || parseFloat(style.outlineWidth) < 2)
        return 'unseen: ' + now.outerHTML;
    const place = now.getBoundingClientRect();
    if (place.bottom < 0 || place.top > innerHeight) return 'outside: ' + now.outerHTML;
    if (before && !(before.compareDocumentPosition(now) & Node.DOCUMENT_POSITION_FOLLOWING))
        return 'out of order: ' + now.outerHTML;
    return '';
})()";
