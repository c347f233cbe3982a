//! Owners: their first device by a link, and all that they do with their devices.

use test_support::people::{app, enrol, now};
use twostep::time::UnixTime;

use super::visitor::{Page, Site};
use super::{bypass, linked, owner};

/// The secret that the page of an enrolment shows.
fn secret(page: &Page) -> String {
    page.between("id=\"secret\" value=\"", "\"").unwrap().replace(' ', "")
}

/// The present code of an app with this secret, and the next one.
fn pair(secret: &str) -> [String; 2] {
    let (app, now) = (app(secret), now());
    [now, UnixTime(now.0 + 30)].map(|time| app.text_at(time))
}

/// The path of the page that an answer leads to.
fn path(page: &Page) -> String {
    page.answer.header("location").unwrap().to_owned()
}

#[test]
fn a_link_leads_to_the_first_app() {
    let site = Site::new("");
    let mut visitor = linked(&site, "alice");
    visitor.get("/devices").is(200, "Your devices").says("You have no device yet.");
    let activate = path(visitor.post("/devices/add/app", &[]).leads_to("/devices/"));
    let page = visitor.get(&activate);
    let shown = secret(page.is(200, "Add an authenticator app"));
    assert_eq!(secret(&visitor.get(&activate)), shown, "the same secret after a reload");
    assert_eq!(path(&visitor.post("/devices/add/app", &[])), activate, "no second device");

    // Another session of the account does not see it.
    let mut other = linked(&site, "alice");
    assert!(!other.get(&activate).html.contains("otpauth"));

    let [first, second] = pair(&shown);
    let typed = |first: &str, second: &str| {
        [("name", "Pixel 8".to_owned()), ("first", first.to_owned()), ("second", second.to_owned())]
    };
    let mut send = |first: &str, second: &str| {
        let fields = typed(first, second);
        let fields: Vec<(&str, &str)> =
            fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        visitor.post(&activate, &fields)
    };
    send("12", &second)
        .is(422, "Add an authenticator app")
        .says("A code has 6 to 8 digits.");
    send(&first, &first)
        .is(422, "Add an authenticator app")
        .says("This is the same code twice.");
    let wrong = send(&second, &first);
    wrong
        .is(403, "Add an authenticator app")
        .says("The two codes were not accepted.");
    assert!(wrong.html.contains("value=\"Pixel 8\"") && !wrong.html.contains(&first));
    // As an autocorrection or another keyboard writes them.
    let spaced = format!("{} {}", &first[..3], &first[3..]);
    send(&spaced, &second).leads_to("/devices?done=ready");
    let list = visitor.get("/devices?done=ready&name=Pixel+8");
    list.says("Pixel 8 is ready.")
        .says("If you lose Pixel 8, only an administrator");
    // The codes were a proof of the device: nothing more is asked for.
    visitor.get("/recovery").is(200, "Recovery codes");
    visitor.post("/recovery", &[]).is(200, "Your recovery codes");
}

#[test]
fn an_owner_manages_a_device() {
    let site = Site::new("");
    let (mut visitor, token) = owner(&site, "alice");
    let device = format!("/devices/{}", token.serial);
    let heading = format!("Hardware token {}", token.serial);
    visitor.get(&device).is(200, &heading);
    visitor.post(&device, &[("name", "Gate")]).leads_to(&device);
    visitor.get(&format!("{device}?renamed=1")).is(200, "Gate").says("Renamed.");
    for (change, question) in [("deactivate", "Deactivate Gate?"), ("remove", "Remove Gate?")] {
        let path = format!("{device}/{change}");
        visitor.get(&path).is(200, question).says("This is your only device.");
        visitor.post(&path, &[]).is(403, question).says("This is your only device.");
    }
    visitor.post("/recovery", &[]).is(200, "Your recovery codes");
    let sent_again = visitor.post("/recovery", &[]);
    sent_again.leads_to("/prove?next=%2Frecovery");
    visitor
        .post(&format!("{device}/deactivate"), &[])
        .leads_to("/devices?done=deactivated");
    // The session was proved with that device, and ends with it.
    visitor.get("/devices").leads_to("/sign-in");
}

#[test]
fn a_change_asks_for_a_new_proof_after_fifteen_minutes() {
    let site = Site::new("");
    let (mut visitor, token) = owner(&site, "alice");
    let clock = site.agent.folder.path().join("clock");
    std::fs::write(&clock, "901").unwrap();
    visitor.get("/devices").is(200, "Your devices");
    visitor.post("/devices/add/app", &[]).leads_to("/prove?next=%2Fdevices");
    let device = format!("/devices/{}", token.serial);
    visitor.post(&device, &[("name", "Late")]).leads_to("/prove?next=%2Fdevices%2F");
    let page = visitor.get("/prove?next=%2Frecovery");
    page.is(200, "Confirm it’s you");
    let before = visitor.session().unwrap().to_owned();
    let wrong = token.wrong();
    let refused = visitor.post("/prove/code", &[("code", wrong), ("next", "/recovery")]);
    refused.is(403, "Confirm it’s you").says("That did not work.");
    let code = bypass(&site, "alice");
    let proved = visitor.post("/prove/code", &[("code", &code), ("next", "/recovery")]);
    proved.leads_to("/recovery");
    assert_ne!(visitor.session().unwrap(), before, "a new value after a proof");
    let mut old = visitor.clone();
    old.cookies.insert(super::visitor::SESSION.to_owned(), before);
    old.get("/devices").leads_to("/sign-in");
}

#[test]
fn signing_out_ends_the_session_and_its_context() {
    let site = Site::new("");
    let (mut visitor, mut token) = owner(&site, "alice");
    let before = visitor.clone();
    visitor.post("/sign-out", &[]).leads_to("/sign-in?ended=1");
    assert_eq!(visitor.session(), None);
    let mut before = before;
    before.get("/devices").leads_to("/sign-in");

    let mut one = linked(&site, "alice");
    one.post("/sign-in/code", &[("code", &bypass(&site, "alice"))])
        .leads_to("/devices");
    let token = token.session(&site.admin(), "alice");
    let list = one.get("/sign-ins");
    list.is(200, "Sign-ins").says("This console, here");
    one.post("/sign-ins/everywhere", &[]).leads_to("/sign-in?ended=1");
    assert!(!test_support::people::alive(&site.admin(), &token));
}

#[test]
fn a_code_may_be_of_any_device_of_the_account() {
    let site = Site::new("");
    let [mut one, mut other] = [(); 2].map(|()| enrol(&site.admin(), "alice"));
    let sign_in = |fields: &[(&str, &str)]| {
        let mut visitor = linked(&site, "alice");
        visitor.post("/sign-in/code", fields)
    };
    for code in [one.code(), other.code(), one.code()] {
        sign_in(&[("code", &code)]).leads_to("/devices");
        sign_in(&[("code", &code)]).is(403, "Sign in");
    }
    let [first, second] = other.pair();
    sign_in(&[("first", &first), ("second", &second)]).leads_to("/devices");
    sign_in(&[("code", "000000")]).is(403, "Sign in");
}

#[test]
fn no_guess_among_several_devices_is_free() {
    let site = Site::new("");
    let [mut one, mut other] = [(); 2].map(|()| enrol(&site.admin(), "alice"));
    let mut visitor = linked(&site, "alice");
    // Three wrong codes keep the one device waiting, three more the other one.
    for _ in 0..6 {
        visitor.post("/sign-in/code", &[("code", "000000")]).is(403, "Sign in");
    }
    for code in [one.code(), other.code()] {
        visitor.post("/sign-in/code", &[("code", &code)]).is(403, "Sign in");
    }
}

#[test]
fn a_test_of_a_device_leaves_the_session_as_it_is() {
    let site = Site::new("");
    let (mut visitor, _) = owner(&site, "alice");
    let mut other = enrol(&site.admin(), "alice");
    let before = visitor.session().unwrap().to_owned();
    let path = format!("/devices/{}/test", other.serial);
    visitor.post(&path, &[("code", &other.code())]).says("It works.");
    assert_eq!(visitor.session().unwrap(), before);
    let deactivate = format!("/devices/{}/deactivate", other.serial);
    visitor.post(&deactivate, &[]).leads_to("/devices?done=deactivated");
    visitor.get("/devices").is(200, "Your devices");
}

#[test]
fn a_recovery_link_lets_its_owner_replace_a_device() {
    let site = Site::new("");
    let (_, token) = owner(&site, "alice");
    let mut visitor = site.visitor();
    let code = site.link_of(serde_json::json!({ "account": "alice", "recover": true }));
    visitor.post("/link", &[("code", &code)]).leads_to("/devices");
    let added = visitor.post("/devices/add/app", &[]);
    let shown = secret(&visitor.get(&path(&added)));
    let pair = pair(&shown);
    let fields = [("name", "New"), ("first", pair[0].as_str()), ("second", pair[1].as_str())];
    visitor.post(&path(&added), &fields).leads_to("/devices?done=ready");
    let old = format!("/devices/{}/remove", &token.serial);
    visitor.post(&old, &[]).leads_to("/devices?done=removed");
}

#[test]
fn pages_speak_the_language_that_was_chosen() {
    let site = Site::new("");
    let mut visitor = site.visitor();
    let german = [("Accept-Language", "de-AT,en;q=0.5")];
    let page = visitor.send("GET", "/sign-in", &german, b"");
    page.is(200, "Anmelden").says("<html lang=\"de\">");
    let switch = visitor.post("/language", &[("lang", "en"), ("next", "/lost")]);
    switch.leads_to("/lost");
    visitor.send("GET", "/sign-in", &german, b"").is(200, "Sign in");
    visitor.post("/language", &[("lang", "xx")]).is(422, "Something went wrong");
}
