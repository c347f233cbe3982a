//! Operators: a key made for each, a device of their own, and the accounts that the key covers.

use serde_json::{Value, json};
use test_support::http::Client;
use test_support::people::{Token, add, app, enrol, now, text};
use twostep::testing::SimulatedToken;
use twostep::time::UnixTime;

use super::visitor::{Page, Site, Visitor};

const SIGN_IN: &str = "/operator/sign-in";

/// An API key made for this operator.
fn key_of(site: &Site, operator: &str, more: Value) -> Value {
    let mut body = json!({"role": "admin", "operator": operator});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    site.admin().post("/v1/api-keys", body).is(201)
}

fn shows_key(site: &Site, account: &str, key: &str) -> (Visitor, Page) {
    let mut visitor = site.visitor();
    let page = visitor.post(SIGN_IN, &[("account", account), ("api_key", key)]);
    (visitor, page)
}

/// The operator Carol, signed in, with such a key.
fn carol(site: &Site, more: Value) -> (Visitor, Token, String) {
    let mut token = enrol(&site.admin(), "carol");
    let made = key_of(site, "carol", more);
    let (mut visitor, page) = shows_key(site, "carol", &text(&made["key"]));
    page.leads_to(SIGN_IN);
    visitor.get(SIGN_IN).is(200, "Operator sign-in").says("carol");
    visitor
        .post(&format!("{SIGN_IN}/code"), &[("code", &token.code())])
        .leads_to("/operator");
    (visitor, token, text(&made["api_key"]["id"]))
}

#[test]
fn an_operator_signs_in_with_a_key_and_a_device() {
    let site = Site::new("");
    let mut visitor = site.visitor();
    for path in ["/operator", "/operator/links", "/operator/fleet", "/operator/audit"] {
        visitor.get(path).leads_to(SIGN_IN);
    }
    visitor.get(SIGN_IN).is(200, "Operator sign-in").says("type=\"password\"");
    let (mut visitor, _, id) = carol(&site, json!({}));
    visitor.get("/operator").is(200, "Find").says("carol · operator");
    visitor.get("/").leads_to("/operator");
    for (path, heading) in [
        ("/operator/links", "Links"),
        ("/operator/fleet", "Drift of all tokens"),
        ("/operator/audit", "Audit"),
        ("/devices", "Your devices"),
    ] {
        visitor.get(path).is(200, heading);
    }
    visitor.get("/operator/audit").says("The chain is whole");
    // The key ends, and with it all that it opened.
    site.admin().delete(&format!("/v1/api-keys/{id}")).is(204);
    visitor.get("/operator").leads_to(SIGN_IN);
    visitor.get("/devices").is(200, "Your devices");
}

#[test]
fn no_other_key_makes_an_operator() {
    let site = Site::new("");
    let admin = site.admin();
    for account in ["carol", "alice"] {
        enrol(&admin, account);
    }
    let carols = text(&key_of(&site, "carol", json!({}))["key"]);
    let plain = text(&admin.post("/v1/api-keys", json!({"role": "admin"})).is(201)["key"]);
    let mut answers = Vec::new();
    for (account, key) in [("carol", plain.as_str()), ("alice", &carols), ("carol", "nonsense")] {
        let (visitor, page) = shows_key(&site, account, key);
        page.is(403, "Operator sign-in").says("That did not work.");
        assert!(visitor.session().is_none());
        answers.push(page.html.replace(account, "ACCOUNT"));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "one answer for each reason");
    // A key alone opens neither the operator's pages nor the owner's.
    let (mut visitor, page) = shows_key(&site, "carol", &carols);
    page.leads_to(SIGN_IN);
    for path in ["/operator", "/devices", "/operator/accounts/alice"] {
        visitor.get(path).leads_to(SIGN_IN);
    }
    // Nor does a device alone.
    let (mut owner, token) = super::owner(&site, "dave");
    for path in ["/operator", &format!("/operator/devices/{}", token.serial)] {
        owner.get(path).leads_to(SIGN_IN);
    }
}

#[test]
fn accounts_and_serial_numbers_are_found_as_people_type_them() {
    let site = Site::new("");
    let admin = site.admin();
    let body = json!({"account": "alice", "kind": "hotp", "serial": "GAHT12345678"});
    admin.post("/v1/devices", body).is(201);
    enrol(&admin, "alina");
    let (mut visitor, _, _) = carol(&site, json!({}));
    for query in ["GAHT12345678", "gaht12345678", "GAHT%201234%205678", "gaht12", "345678", "GAHT1"]
    {
        let page = visitor.get(&format!("/operator?q={query}"));
        page.is(200, "Find").says("/operator/devices/GAHT12345678");
    }
    let page = visitor.get("/operator?q=ali");
    page.says("/operator/accounts/alice").says("/operator/accounts/alina");
    visitor.get("/operator?q=nowhere").says("Nothing begins or ends with");
    let page = visitor.get("/operator?q=%3Cscript%3E");
    assert!(!page.html.contains("<script>") && page.html.contains("&#60;script"), "{}", page.html);
    // A device that waits for its first codes needs attention.
    visitor.get("/operator").says("/operator/devices/GAHT12345678");
}

#[test]
fn an_operator_helps_an_owner() {
    let site = Site::new("");
    let admin = site.admin();
    let (mut owner, mut token) = super::owner(&site, "alice");
    let (mut visitor, _, _) = carol(&site, json!({}));
    let device = format!("/operator/devices/{}", token.serial);
    let wrong = json!({"account": "alice", "serial": token.serial, "code": token.wrong()});
    for _ in 0..3 {
        admin.post("/v1/sessions", wrong.clone()).is(403);
    }
    let page = visitor.get(&device);
    page.says("Codes are refused until").says(">Unlock</button>").says("History");
    visitor.post(&format!("{device}/unlock"), &[]).leads_to(&device);
    let page = visitor.get(&format!("{device}?done=unlocked"));
    page.says("Unlocked.");
    assert!(!page.html.contains(">Unlock</button>"), "{}", page.html);

    let resync = format!("{device}/resync");
    visitor.get(&resync).says("Next code");
    let [first, second] = token.pair();
    visitor
        .post(&resync, &[("first", &first), ("second", &first)])
        .says("same code twice");
    visitor
        .post(&resync, &[("first", &first), ("second", &second)])
        .leads_to(&device);
    let again = visitor.post(&resync, &[("first", &first), ("second", &second)]);
    assert_eq!(again.answer.status, 403);
    again.says("The two codes were not accepted.");

    visitor.get(&format!("{device}/deactivate")).says("<h1>Deactivate");
    owner.get("/devices").is(200, "Your devices");
    visitor.post(&format!("{device}/deactivate"), &[]).leads_to(&device);
    visitor.get(&device).says("Deactivated");
    owner.get("/devices").leads_to("/sign-in");

    let [first, second] = token.pair();
    let codes = [("first", first.as_str()), ("second", second.as_str())];
    visitor.post(&format!("{device}/activate"), &codes).leads_to(&device);
    visitor.get(&device).says("Active");
    visitor
        .post(&format!("{device}/remove"), &[])
        .leads_to("/operator/accounts/alice");
    visitor.get(&device).is(404, "Nothing here");
}

#[test]
fn a_lost_owner_comes_back_by_a_recovery_link() {
    let site = Site::new("");
    super::owner(&site, "alice");
    let (mut visitor, _, _) = carol(&site, json!({}));
    let account = "/operator/accounts/alice";
    visitor.get(account).is(200, "alice").says("Create recovery link");
    let page = visitor.post(&format!("{account}/recovery-link"), &[]);
    let url = page.is(200, "alice").between("id=\"link\" value=\"", "\"").unwrap().to_owned();
    let code = url.split_once('#').unwrap().1.to_owned();
    visitor.get("/operator/links").says("Recovery").says("/operator/accounts/alice");
    assert!(!visitor.get("/operator/links").html.contains(&code), "it is shown once");
    let mut lost = site.visitor();
    lost.post("/link", &[("code", &code)]).leads_to("/devices");
    lost.post("/devices/add/app", &[]).leads_to("/devices/");

    let page = visitor.post(&format!("{account}/link"), &[]);
    page.is(200, "alice").says("Shown once");
    let withdraw = visitor.get("/operator/links");
    let action = withdraw.between("action=\"/operator/links/", "\"").unwrap().to_owned();
    visitor
        .post(&format!("/operator/links/{action}"), &[])
        .leads_to("/operator/links");
    visitor.get("/operator/links").says("No link is open.");
    visitor.post(&format!("{account}/sign-out"), &[]).leads_to(account);
    lost.get("/devices").leads_to("/sign-in");
}

#[test]
fn an_operator_sees_what_its_key_covers() {
    let site = Site::new("");
    let admin = site.admin();
    let (hers, his) = (add(&admin, "alice"), add(&admin, "bob"));
    let limits = json!({"role": "enroller", "accounts": ["alice"]});
    let (mut visitor, _, _) = carol(&site, limits);
    visitor.get("/operator/accounts/alice").is(200, "alice");
    visitor.get(&format!("/operator/devices/{}", hers.serial)).says("alice");
    let missing = visitor.get("/operator/devices/NOT-THERE-000");
    missing.is(404, "Nothing here");
    for path in [
        "/operator/accounts/bob".to_owned(),
        format!("/operator/devices/{}", his.serial),
        format!("/operator/devices/{}/resync", his.serial),
        format!("/operator/devices/{}/remove", his.serial),
        "/operator/fleet".to_owned(),
        "/operator/audit".to_owned(),
    ] {
        let hidden = visitor.get(&path);
        assert_eq!(hidden.html, missing.html, "{path} is answered like a device that is not there");
    }
    for action in ["link", "recovery-link", "sign-out"] {
        let page = visitor.post(&format!("/operator/accounts/bob/{action}"), &[]);
        assert!([404, 422].contains(&page.answer.status), "{action}: {}", page.html);
    }
    for query in ["bob", his.serial.as_str()] {
        let page = visitor.get(&format!("/operator?q={query}"));
        assert!(!page.html.contains("/operator/accounts/bob"), "{query}: {}", page.html);
        assert!(!page.html.contains(&format!("devices/{}", his.serial)), "{query}");
    }
    let page = visitor.get("/operator/accounts/alice");
    assert!(!page.html.contains("Create recovery link"), "for administrators");
}

/// The serial number of a time-based token whose clock is off by so many seconds.
fn timed(admin: &Client, account: &str, off: i64) -> (String, SimulatedToken) {
    let made = admin.post("/v1/devices", json!({"account": account, "kind": "totp"})).is(201);
    let serial = text(&made["device"]["serial"]);
    let token = app(&text(&made["provisioning"]["secret"])).off_by(off);
    let now = now();
    let codes = [UnixTime(now.0 - 30), now].map(|then| token.text_at(then));
    let path = format!("/v1/devices/{serial}/activate");
    admin.post(&path, json!({"codes": codes})).is(200);
    (serial, token)
}

#[test]
fn tokens_that_give_trouble_need_attention() {
    let site = Site::new("");
    let admin = site.admin();
    let (far, _) = timed(&admin, "alice", 300);
    let (waiting, token) = timed(&admin, "bob", 0);
    let (well, _) = timed(&admin, "cleo", 0);
    let near: Vec<String> =
        (0..20).map(|step| token.text_at(UnixTime(now().0 - 300 + 30 * step))).collect();
    let mut codes = (0..).map(|code| format!("{code:06}"));
    let wrong = codes.find(|code| !near.contains(code)).unwrap();
    for _ in 0..3 {
        let guess = json!({"account": "bob", "serial": waiting, "code": wrong});
        admin.post("/v1/sessions", guess).is(403);
    }
    let listed = |visitor: &mut Visitor| {
        let page = visitor.get("/operator");
        let list = page.between("aria-labelledby=\"attention\"", "</section>").unwrap().to_owned();
        [&far, &waiting, &well].map(|serial| list.contains(serial.as_str()))
    };
    let (mut visitor, ..) = carol(&site, json!({}));
    assert_eq!(listed(&mut visitor), [true, true, false]);
    // Tokens beyond the accounts of a key do not exist for its operator.
    let key = key_of(&site, "carol", json!({"role": "enroller", "accounts": ["bob"]}));
    let (mut visitor, page) = shows_key(&site, "carol", &text(&key["key"]));
    page.leads_to(SIGN_IN);
    let code = super::bypass(&site, "carol");
    let path = format!("{SIGN_IN}/code");
    visitor.post(&path, &[("code", &code)]).leads_to("/operator");
    assert_eq!(listed(&mut visitor), [false, true, false]);
}
