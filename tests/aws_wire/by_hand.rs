//! Requests that no client of AWS would send, and the rules of sessions.

use serde_json::json;
use test_support::http::Client;
use test_support::people::{Token, add, enrol};

use super::wire::{Ask, Key, Wire, element, refused};

const IDENTITY: &str = "Action=GetCallerIdentity";

#[test]
fn nothing_listens_and_no_route_exists_without_an_address() {
    let agent = test_support::agent::Agent::start("");
    let admin = Client::unix(agent.socket());
    enrol(&admin, "alice");
    for answer in [
        admin.post("/v1/access-keys", json!({"account": "alice"})),
        admin.get("/v1/access-keys"),
        admin.patch("/v1/access-keys/AKIA", json!({"active": true})),
        admin.delete("/v1/access-keys/AKIA"),
    ] {
        assert_eq!((answer.status, answer.json()["detail"].as_str().unwrap()), NOT_THERE);
    }
    assert!(!agent.log().contains("\"message\":\"listening\""));
}

const NOT_THERE: (u16, &str) = (404, "there is no such page");

#[test]
fn a_user_has_two_access_keys_at_most() {
    let wire = Wire::start("");
    let admin = &wire.admin;
    let second = Key::make(admin, json!({"account": "alice"}));
    let keys = "/v1/access-keys";
    admin.post(keys, json!({"account": "alice"})).refused(409, "LimitExceeded");
    admin.post(keys, json!({"account": "nobody"})).refused(404, "NoSuchEntity");
    admin.post(keys, json!({})).refused(400, "InvalidInput");
    admin
        .post(keys, json!({"account": "alice", "root": true}))
        .refused(400, "InvalidInput");
    enrol(admin, "Zoë Müller");
    admin.post(keys, json!({"account": "Zoë Müller"})).refused(400, "InvalidInput");
    let listed = admin.get(keys).is(200);
    assert_eq!(listed["access_keys"].as_array().unwrap().len(), 2);
    assert!(!listed.to_string().contains(&second.secret));

    let arn = "arn:aws:iam::100000000000:user/alice";
    assert_eq!(element(&wire.sts(&second, IDENTITY), "Arn"), arn);
    let path = format!("{keys}/{}", second.id);
    admin.patch(&path, json!({"active": false})).is(204);
    refused(&wire.sts(&second, IDENTITY), 403, "InvalidClientTokenId");
    admin.patch(&path, json!({"active": true})).is(204);
    assert_eq!(element(&wire.sts(&second, IDENTITY), "Arn"), arn);
    admin.delete(&path).is(204);
    refused(&wire.sts(&second, IDENTITY), 403, "InvalidClientTokenId");
    admin.delete(&path).refused(404, "NoSuchEntity");

    // A user who comes back under the same name inherits no key.
    admin.delete("/v1/accounts/alice").is(204);
    refused(&wire.sts(&wire.key, IDENTITY), 403, "InvalidClientTokenId");
    enrol(admin, "alice");
    refused(&wire.sts(&wire.key, IDENTITY), 403, "InvalidClientTokenId");
    let keys = [(); 2].map(|()| Key::make(admin, json!({"account": "alice"})));
    assert_eq!(element(&wire.sts(&keys[1], IDENTITY), "Arn"), arn);
}

#[test]
fn a_request_is_refused_for_its_signature_before_its_content() {
    let wire = Wire::start("");
    let with = |form| Ask { form, ..Ask::default() };
    let good = "Action=GetCallerIdentity&Version=2011-06-15";
    assert_eq!(wire.send(&wire.key, &with(good)).status, 200);
    let wrong = Key { secret: "x".repeat(40), ..wire.key.clone() };
    let unknown = Key { id: "AKIAAAAAAAAAAAAAAAAA".to_owned(), ..wire.key.clone() };
    for (answer, status, code) in [
        (wire.send(&wrong, &with(good)), 403, "SignatureDoesNotMatch"),
        (wire.send(&wrong, &with("Action=No&Version=2011-06-15")), 403, "SignatureDoesNotMatch"),
        (wire.send(&unknown, &with(good)), 403, "InvalidClientTokenId"),
        (wire.send(&wire.key, &Ask { ahead: 400, ..with(good) }), 403, "SignatureDoesNotMatch"),
        (wire.send(&wire.key, &Ask { ahead: -400, ..with(good) }), 403, "SignatureDoesNotMatch"),
        (wire.send(&wire.key, &Ask { service: "s3", ..with(good) }), 403, "SignatureDoesNotMatch"),
        (wire.send(&wire.key, &with("Action=No&Version=2011-06-15")), 400, "InvalidAction"),
        (wire.send(&wire.key, &with("Action=GetCallerIdentity&Version=2")), 400, "InvalidAction"),
        (wire.send(&wire.key, &with("Version=2011-06-15")), 400, "MissingAction"),
        (wire.send(&wire.key, &with(&format!("{good}&Tags=1"))), 400, "ValidationError"),
        (wire.send(&wire.key, &with(&format!("{good}&A=1&A=1"))), 404, "MalformedQueryString"),
        (wire.send(&wire.key, &with(&format!("{good}&A=%zz"))), 404, "MalformedQueryString"),
        (wire.send(&wire.key, &with(&"a".repeat(70_000))), 404, "MalformedQueryString"),
    ] {
        refused(&answer, status, code);
    }
    let bare = Client::tcp(wire.agent.address());
    refused(&bare.raw("POST", "/", &[], good.as_bytes()), 403, "MissingAuthenticationToken");
    refused(&bare.raw("GET", "/elsewhere", &[], b""), 404, "InvalidAction");
    refused(&bare.raw("PUT", "/", &[], b""), 404, "InvalidAction");
    let page = bare.raw("POST", "/", &[("Origin", "https://evil.example")], good.as_bytes());
    refused(&page, 403, "AccessDenied");
}

#[test]
fn a_session_ends_with_its_context_or_its_key() {
    let mut wire = Wire::start("");
    let dead = |wire: &Wire, key: &Key| {
        refused(&wire.sts(key, IDENTITY), 403, "InvalidClientTokenId");
    };
    let session = wire.session();
    assert_eq!(wire.sts(&session, IDENTITY).status, 200);
    // A key without its token, a token with another key, a token that was changed.
    let other = wire.session().token;
    dead(&wire, &Key { token: other, ..session.clone() });
    let changed = session.token.as_ref().unwrap().replacen(|_: char| true, "B", 1);
    dead(&wire, &Key { token: Some(changed), ..session.clone() });
    dead(&wire, &Key { token: None, ..session.clone() });
    dead(&wire, &Key { token: session.token.clone(), ..wire.key.clone() });

    wire.admin.post("/v1/accounts/alice/revoke-sessions", json!({})).is(200);
    dead(&wire, &session);
    let session = wire.session();
    let path = format!("/v1/access-keys/{}", wire.key.id);
    wire.admin.patch(&path, json!({"active": false})).is(204);
    dead(&wire, &session);
    wire.admin.patch(&path, json!({"active": true})).is(204);
    assert_eq!(wire.sts(&session, IDENTITY).status, 200);
    wire.admin.post(&wire.alice.path("/deactivate"), json!({})).is(200);
    dead(&wire, &session);
    let key = Key::make(&wire.admin, json!({"account": "alice"}));
    wire.admin.delete(&path).is(204);
    assert_eq!(wire.sts(&key, IDENTITY).status, 200);
}

#[test]
fn a_session_lasts_as_long_as_asked_within_the_limits() {
    let wire = Wire::start("");
    let asked = |key: &Key, seconds: &str| {
        wire.sts(key, &format!("Action=GetSessionToken&DurationSeconds={seconds}"))
    };
    for seconds in ["899", "129601", "x", "-900", "900.5", "99999999999999999999"] {
        refused(&asked(&wire.key, seconds), 400, "ValidationError");
    }
    let lasts = |answer: &test_support::http::Answer| {
        let end: twostep::time::UnixTime = element(answer, "Expiration").parse().unwrap();
        end.0 - test_support::people::now().0
    };
    for seconds in [900, 129_600] {
        let left = lasts(&asked(&wire.key, &seconds.to_string()));
        assert!((seconds - 30..=seconds + 1).contains(&left), "{left} of {seconds}");
    }
    // A session opens no other one.
    let session = Key::of_session(&asked(&wire.key, "900"));
    refused(&asked(&session, "900"), 403, "AccessDenied");
    // One of root is cut to an hour.
    let root = Key::make(&wire.admin, json!({"root": true}));
    let left = lasts(&asked(&root, "129600"));
    assert!((3_570..=3_601).contains(&left), "{left}");
    let arn = element(&wire.sts(&root, IDENTITY), "Arn");
    assert_eq!(arn, "arn:aws:iam::100000000000:root");
}

#[test]
fn a_session_without_mfa_asks_nothing_of_iam() {
    let mut wire = Wire::start("");
    let list = "Action=ListMFADevices";
    let listed = wire.iam(&wire.key, list);
    assert_eq!(element(&listed, "SerialNumber"), wire.alice.serial);
    let bare = Key::of_session(&wire.sts(&wire.key, "Action=GetSessionToken"));
    refused(&wire.iam(&bare, list), 403, "InvalidClientTokenId");
    let session = wire.session();
    assert_eq!(wire.iam(&session, list).status, 200);
    // The policy speaks of nobody else, and denies what it does not name.
    enrol(&wire.admin, "bob");
    let other = "Action=ListMFADevices&UserName=bob";
    assert_eq!(wire.iam(&session, other).status, 200);
    let mut fresh = add(&wire.admin, "alice");
    let [one, two] = fresh.pair();
    let enable = |user: &str, device: &Token, [one, two]: [&str; 2]| {
        format!(
            "Action=EnableMFADevice&UserName={user}&SerialNumber={}&AuthenticationCode1={one}\
             &AuthenticationCode2={two}",
            device.serial
        )
    };
    let pair = [one.as_str(), two.as_str()];
    refused(&wire.iam(&wire.key, &enable("alice", &fresh, pair)), 403, "AccessDenied");
    refused(&wire.iam(&session, &enable("bob", &fresh, pair)), 403, "AccessDenied");
    let wrong = wire.iam(&session, &enable("alice", &fresh, ["000000", "000001"]));
    refused(&wrong, 403, "InvalidAuthenticationCode");
    assert_eq!(wire.iam(&session, &enable("alice", &fresh, pair)).status, 200);
    let two_of_them = wire.iam(&session, list);
    assert_eq!(two_of_them.text().matches("<SerialNumber>").count(), 2);
    let first = wire.iam(&session, "Action=ListMFADevices&MaxItems=1");
    assert_eq!(element(&first, "IsTruncated"), "true");
    let marker = element(&first, "Marker");
    let last = wire.iam(&session, &format!("Action=ListMFADevices&MaxItems=1&Marker={marker}"));
    assert_eq!(element(&last, "IsTruncated"), "false");
    assert_ne!(element(&first, "SerialNumber"), element(&last, "SerialNumber"));
    let forged = "Action=ListMFADevices&Marker=AAAA";
    refused(&wire.iam(&session, forged), 400, "ValidationError");
}
