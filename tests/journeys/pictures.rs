//! The pictures of the console in README.md.
//!
//! `TWOSTEP_DOCS_WRITE=1 cargo test --test pages pictures` makes them anew.

use std::fs;
use std::path::PathBuf;

use serde_json::json;
use test_support::chromium::{Browser, Protocol, Scheme};
use test_support::people::{now, text};
use test_support::{people, tools};
use twostep::time::UnixTime;

use crate::journeys::operators::operator;
use crate::journeys::{World, add_key};

/// File, width and scheme.
type Picture = (&'static str, u32, Scheme);

const DEVICES: Picture = ("devices", 1280, Scheme::Light);
const ADD_APP: Picture = ("add-app", 768, Scheme::Light);
const RESYNC: Picture = ("resync", 768, Scheme::Dark);
const FLEET: Picture = ("fleet", 1280, Scheme::Dark);

/// Bytes of a picture.
const LARGEST: u64 = 60_000;

const README: &str = include_str!("../../README.md");

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("docs/src/console/{name}.webp"))
}

/// Takes a picture of the page that is open.
fn take(browser: &mut Browser, (name, width, scheme): Picture) {
    browser.prefer(scheme);
    browser.resize(width, 800);
    browser.run("document.activeElement.blur(); true");
    browser.small_picture(&file(name));
}

/// A time-based token with this name, whose clock is off by so many seconds.
fn token(world: &World, account: &str, name: &str, off: i64) -> String {
    let body = json!({ "account": account, "kind": "totp", "name": name });
    let added = world.admin.post("/v1/devices", body).is(201);
    let app = people::app(&text(&added["provisioning"]["secret"])).off_by(off);
    let now = now();
    let codes = [UnixTime(now.0 - 30), now].map(|at| app.text_at(at));
    let serial = text(&added["device"]["serial"]);
    let path = format!("/v1/devices/{serial}/activate");
    world.admin.post(&path, json!({ "codes": codes })).is(200);
    serial
}

#[test]
fn the_pictures_of_the_readme_are_made_here() {
    if !tools::have("chromium") {
        return;
    }
    if std::env::var_os("TWOSTEP_DOCS_WRITE").is_some() {
        fs::create_dir_all(file("x").parent().unwrap()).unwrap();
        of_owner();
        of_operator();
    }
    for (name, ..) in [DEVICES, ADD_APP, RESYNC, FLEET] {
        let picture = fs::read(file(name)).unwrap();
        let size = u64::try_from(picture.len()).unwrap();
        assert!(size <= LARGEST, "{name}.webp has {size} bytes");
        assert_eq!((&picture[..4], &picture[8..12]), (&b"RIFF"[..], &b"WEBP"[..]), "{name}");
        assert!(README.contains(&format!("docs/src/console/{name}.webp")), "{name}");
    }
}

fn of_owner() {
    let world = World::open();
    let mut browser = world.newcomer("alice");
    browser.speak("en");
    browser.plug_in(Protocol::Ctap2);
    add_key(&mut browser, "Blue key");
    token(&world, "alice", "Pixel 8", 2);
    let gate = token(&world, "alice", "Gate token", 41);
    browser.go(&world.page("/recovery"));
    browser.press("button", "Make new codes");
    browser.go(&world.page("/devices"));
    take(&mut browser, DEVICES);
    browser.go(&world.page(&format!("/devices/{gate}/resync")));
    take(&mut browser, RESYNC);
    browser.go(&world.page("/devices"));
    browser.press("button", "Authenticator app");
    browser.arrives("Add an authenticator app");
    take(&mut browser, ADD_APP);
}

fn of_operator() {
    let world = World::open();
    for number in 0..60_i64 {
        let off = match number {
            0 => 131,
            1 => -96,
            // Most clocks are near the middle.
            number => (number * 37 % 41 - 20) * (number % 3),
        };
        token(&world, &format!("person-{number}"), &format!("Token {number}"), off);
    }
    let key = json!({ "role": "admin", "name": "desk", "operator": "dana" });
    let mut browser = operator(&world, key);
    browser.go(&world.page("/operator/fleet"));
    take(&mut browser, FLEET);
}
