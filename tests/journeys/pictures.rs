//! Pictures of the main pages for README.md: `TWOSTEP_PICTURES=docs/pictures` makes them anew.

use std::path::{Path, PathBuf};

use test_support::chromium::{Browser, Protocol, Scheme};
use test_support::{people, tools};

use crate::journeys::tokens::Clock;
use crate::journeys::{World, add_key, gallery};

/// The folder of the pictures, and true if they are to be kept.
fn folder() -> (PathBuf, bool) {
    let named = std::env::var_os("TWOSTEP_PICTURES");
    let kept = named.is_some();
    (named.map_or_else(gallery, |name| Path::new(env!("CARGO_MANIFEST_DIR")).join(name)), kept)
}

#[test]
fn the_pictures_of_the_readme_are_light() {
    if !tools::have("chromium") {
        return;
    }
    let (folder, kept) = folder();
    std::fs::create_dir_all(&folder).unwrap();
    let world = World::taking_codes();
    let account = "alice@example.com";
    let mut button = people::enrol(&world.admin, account);
    let mut browser = Browser::new();
    browser.plug_in(Protocol::Ctap2);
    world.sign_in(&mut browser, account, &button.code());
    add_key(&mut browser, "YubiKey desk");
    let phone = Clock::that_jumped(&world, account, 9);
    phone.rename(&world, "Pixel 8");
    let clock = Clock::that_jumped(&world, account, 41);
    for token in [&phone, &clock] {
        browser.go(&token.resync_page(&world));
        token.type_pair(&mut browser);
        browser.press("button", "Resync");
    }
    world.admin.delete(&button.path("")).is(204);
    let devices = world.page("/devices");
    let take = |browser: &mut Browser, name: &str, scheme, width, address: &str| {
        browser.prefer(scheme);
        browser.resize(width, 760);
        browser.go(address);
        let file = folder.join(format!("{name}.png"));
        browser.picture(&file);
        let size = std::fs::metadata(&file).unwrap().len();
        assert!(!kept || size <= 60_000, "{name}: {size} bytes");
    };
    let resync = clock.resync_page(&world);
    take(&mut browser, "devices", Scheme::Light, 1100, &devices);
    take(&mut browser, "devices-dark", Scheme::Dark, 390, &devices);
    take(&mut browser, "resync", Scheme::Dark, 800, &resync);
    browser.prefer(Scheme::Light);
    browser.go(&devices);
    browser.press("button", "Authenticator app");
    let page = browser.address();
    take(&mut browser, "add-app", Scheme::Light, 800, &page);
}
