//! The pages of operators, and the sign-in page of services, in every way that
//! [`every_page`](super::every_page) looks at a page.

use serde_json::json;
use test_support::chromium::Browser;
use test_support::{people, tools};

use crate::journeys::every_page::look;
use crate::journeys::operators::operator;
use crate::journeys::{World, text};

/// Pages of operators: path, and heading in English and German.
const OPERATORS: &[(&str, &str, &str)] = &[
    ("/operator", "Find", "Suchen"),
    ("/operator?q=a", "Find", "Suchen"),
    ("/operator?q=nowhere", "Find", "Suchen"),
    ("/operator/accounts/alice", "alice", "alice"),
    ("/operator/devices/{token}", "Gate token", "Gate token"),
    ("/operator/devices/{token}/resync", "Resync Gate token", "Gate token abgleichen"),
    ("/operator/devices/{token}/deactivate", "Deactivate Gate token?", "Gate token abschalten?"),
    ("/operator/devices/{token}/remove", "Remove Gate token?", "Gate token entfernen?"),
    ("/operator/devices/{off}", "Old token", "Old token"),
    ("/operator/devices/{off}/activate", "Activate Old token", "Old token aktivieren"),
    ("/operator/links", "Links", "Links"),
    ("/operator/fleet", "Drift of all tokens", "Gang aller Token"),
    ("/operator/audit", "Audit", "Protokoll"),
    ("/operator/sign-in", "Operator sign-in", "Anmeldung der Betreuung"),
    ("/operator/nowhere", "Nothing here", "Hier ist nichts"),
];

/// The sign-in page of a service: the end of its address.
const SIGN_INS: &[&str] = &["", "&login_hint=alice", "&login_hint=alice&pair=1"];

const SERVICE: &str = "[[console.service]]\nname = \"Orders\"\nreceive = \"/mfa\"\n\
    origin = \"https://orders.example.com\"\naudience = \"twostep\"\n";

#[test]
fn every_page_of_operators_is_for_all() {
    if !tools::have("chromium,python:axe_playwright_python") {
        return;
    }
    let world = World::open();
    let [token, off] = ["Gate token", "Old token"].map(|name| {
        let mut token = people::enrol(&world.admin, "alice");
        world.admin.patch(&token.path(""), json!({ "name": name })).is(200);
        token.session(&world.admin, "alice");
        token
    });
    world.admin.post(&off.path("/deactivate"), json!({})).is(200);
    people::add(&world.admin, "alina");
    world.link("alina");
    let key = json!({ "role": "admin", "name": "desk", "operator": "dana" });
    let mut browser = operator(&world, key);
    for (german, language) in [(false, "en"), (true, "de")] {
        browser.speak(language);
        for (path, english, other) in OPERATORS {
            let path = path.replace("{token}", &token.serial).replace("{off}", &off.serial);
            look(&world, &mut browser, (&path, english, other), german);
        }
    }
}

#[test]
fn the_sign_in_page_of_services_is_for_all() {
    if !tools::have("chromium,python:axe_playwright_python") {
        return;
    }
    let world = World::with("", &format!("open_codes = true\n{SERVICE}"));
    people::enrol(&world.admin, "alice");
    let body = json!({ "account": "alice", "return_to": "https://orders.example.com/" });
    let started = text(&world.admin.post("/v1/console/sign-ins", body).is(201)["url"]);
    let started = started.strip_prefix(&world.origin).unwrap();
    let mut browser = Browser::new();
    for (german, language) in [(false, "en"), (true, "de")] {
        browser.speak(language);
        let heading = ["Sign in to Orders", "Bei Orders anmelden"];
        for end in SIGN_INS {
            let path = format!("/login?return_to=https%3A%2F%2Forders.example.com%2F{end}");
            look(&world, &mut browser, (&path, heading[0], heading[1]), german);
        }
        for path in [started.to_owned(), format!("{started}?pair=1")] {
            look(&world, &mut browser, (&path, heading[0], heading[1]), german);
        }
        let stopped = ["This sign-in cannot go on", "Diese Anmeldung geht hier nicht weiter"];
        look(&world, &mut browser, ("/login?return_to=x", stopped[0], stopped[1]), german);
    }
}
