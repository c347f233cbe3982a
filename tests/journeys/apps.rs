//! Authenticator apps and recovery codes, from a one-time link on.

use serde_json::json;
use test_support::chromium::{Browser, Scheme};
use test_support::{people, tools};

use crate::journeys::{World, news, oathtool, problems, read_picture, state_of};

/// The secret of the page, as its text shows it and as `zbarimg` reads it from the picture.
fn secret(browser: &mut Browser) -> String {
    let uri = read_picture(browser, "QR code for your authenticator app");
    let (_, rest) = uri.split_once("secret=").unwrap();
    let secret = rest.split('&').next().unwrap().to_owned();
    if !browser.has("textbox", "Secret") {
        let summary = browser.all("DisclosureTriangle").remove(0);
        assert!(summary.name.starts_with("The camera does not work"), "{summary:?}");
        browser.click(&summary);
    }
    let shown = browser.by("textbox", "Secret").value.replace(' ', "");
    assert_eq!(shown, secret, "{uri}");
    let link = browser.by("link", "Open in an app on this device");
    let link = browser.on(&link, "function() { return this.href }");
    assert_eq!(link, json!(uri));
    secret
}

/// Enrols the app of the page by the codes of its secret.
fn enrol(browser: &mut Browser, secret: &str, name: &str) {
    browser.fill("Name", name);
    browser.fill("First code", &oathtool(secret, -30));
    browser.fill("Next code", &oathtool(secret, 0));
    browser.press("button", "Add this app");
}

fn enrols_an_app_from_a_link(scripts: bool, scheme: Scheme, width: u32) {
    let world = World::open();
    let mut browser = Browser::new();
    browser.prefer(scheme);
    browser.resize(width, 900);
    browser.scripts(scripts);
    let link = world.link("alice");
    browser.go(&link);
    assert_eq!(browser.heading(), "Open your link");
    if scripts {
        assert_eq!(browser.address(), world.page("/link"));
    } else {
        browser.fill("Link code", link.split_once('#').unwrap().1);
    }
    browser.press("button", "Continue");
    browser.arrives("Your devices");
    assert!(browser.text().contains("You have no device yet."));

    browser.press("button", "Authenticator app");
    browser.arrives("Add an authenticator app");
    let first = secret(&mut browser);
    // Half-way on, the same device goes on with the same secret.
    browser.reload();
    assert_eq!(secret(&mut browser), first);
    browser.go(&world.page("/devices"));
    browser.press("button", "Authenticator app");
    assert_eq!(secret(&mut browser), first);

    let code = oathtool(&first, 0);
    browser.fill("Name", "Pixel 8");
    browser.fill("First code", &code);
    browser.fill("Next code", &code);
    browser.press("button", "Add this app");
    let told = problems(&mut browser).join("\n");
    assert!(told.contains("There is a problem"), "{told}");
    assert!(told.contains("This is the same code twice."), "{told}");
    assert_eq!(browser.status(), 422);
    assert_eq!(browser.field("Name").value, "Pixel 8");
    assert_eq!(browser.field("First code").value, "");

    enrol(&mut browser, &first, "Pixel 8");
    browser.arrives("Your devices");
    assert_eq!(news(&mut browser), ["Pixel 8 is ready."]);
    assert_eq!(state_of(&mut browser, "Pixel 8"), "Active · on time");
    let safety = "If you lose Pixel 8, only an administrator can let you in.";
    assert!(browser.text().contains(safety), "{}", browser.text());
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn an_app_is_enrolled_from_a_link_on_a_phone() {
    if !tools::have("chromium,zbarimg,oathtool") {
        return;
    }
    enrols_an_app_from_a_link(true, Scheme::Dark, 360);
}

#[test]
fn an_app_is_enrolled_from_a_link_without_scripts() {
    if !tools::have("chromium,zbarimg,oathtool") {
        return;
    }
    enrols_an_app_from_a_link(false, Scheme::Light, 1280);
}

/// Recovery codes are shown once, sign in once, and make an account safe.
#[test]
fn recovery_codes_are_made_saved_and_used() {
    if !tools::have("chromium") {
        return;
    }
    let world = World::taking_codes();
    for (account, scripts) in [("alice", true), ("bob", false)] {
        let mut token = people::enrol(&world.admin, account);
        let mut browser = Browser::new();
        browser.scripts(scripts);
        let downloads = tempfile::tempdir().unwrap();
        browser.download_to(downloads.path());
        world.sign_in(&mut browser, account, &token.code());
        browser.press("button", "Recovery codes");
        browser.arrives("Recovery codes");
        browser.press("button", "Make new codes");
        browser.arrives("Your recovery codes");
        let list = browser.by("list", "Recovery codes");
        let items = browser.all_within(&list, "listitem");
        let codes: Vec<String> = items.iter().map(|item| browser.text_of(item)).collect();
        assert_eq!(codes.len(), 10);

        let link = browser.by("link", "Download");
        browser.click(&link);
        let saved = saved_in(downloads.path());
        assert!(codes.iter().all(|code| saved.contains(code.trim())), "{saved}");
        assert_eq!(browser.has("button", "Print"), scripts);
        browser.press("link", "I have saved them");
        browser.arrives("Your devices");
        assert_eq!(state_of(&mut browser, "Recovery codes"), "Active · 10 of 10 left");
        assert!(browser.text().contains("You can lose any one of these and still sign in."));

        browser.press("button", "Sign out");
        world.sign_in(&mut browser, account, codes[3].trim());
        assert_eq!(state_of(&mut browser, "Recovery codes"), "Active · 9 of 10 left");
        browser.press("button", "Sign out");
        world.sign_in_as(&mut browser, account);
        browser.fill("Code", codes[3].trim());
        browser.press("button", "Sign in");
        assert_eq!(browser.status(), 403);
        assert!(problems(&mut browser)[0].contains("That did not work."));
    }
}

fn saved_in(folder: &std::path::Path) -> String {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let mut files = std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
        let done = files.find(|file| file.extension().is_some_and(|it| it == "txt"));
        if let Some(text) = done.and_then(|file| std::fs::read_to_string(file).ok())
            && !text.is_empty()
        {
            return text;
        }
        assert!(std::time::Instant::now() < deadline, "nothing was saved");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
