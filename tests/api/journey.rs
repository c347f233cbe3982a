//! The main job from end to end: enrol, activate, open a session, find a lost device again, revoke.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::Duration;

use serde_json::json;
use test_support::agent::Agent;
use test_support::http::Client;
use test_support::people::{alive, app, enrol, now, text};
use twostep::session::{AnyContext, JwkSet, SignedContext, Validator};

use super::{TCP, admin};

/// The three who take part: on a Unix socket all of them are root.
struct Cast {
    verifier: Client,
    enroller: Client,
    admin: Client,
}

#[test]
fn the_whole_journey_over_the_unix_socket() {
    let agent = Agent::start("");
    the_whole_journey(&Cast {
        verifier: admin(&agent),
        enroller: admin(&agent),
        admin: admin(&agent),
    });
}

#[test]
fn the_whole_journey_over_tcp_with_api_keys() {
    let agent = Agent::start(TCP);
    let [verifier, enroller, admin] =
        ["verifier", "enroller", "admin"].map(|role| super::caller(&agent, role));
    the_whole_journey(&Cast { verifier, enroller, admin });
}

fn the_whole_journey(cast: &Cast) {
    let Cast { verifier, enroller, admin } = cast;
    // An app that shows two codes is a device.
    let added = enroller
        .post("/v1/devices", json!({"account": "alice", "kind": "totp", "name": "Alice's phone"}))
        .is(201);
    let (device, shown) = (&added["device"], &added["provisioning"]);
    assert_eq!(
        (&device["state"], &device["kind"], &device["name"]),
        (&"pending".into(), &"totp".into(), &"Alice's phone".into())
    );
    assert_eq!(
        (&device["algorithm"], &device["digits"], &device["period"]),
        (&"SHA1".into(), &6.into(), &30.into())
    );
    let (serial, app) = (text(&device["serial"]), app(shown["secret"].as_str().unwrap()));
    assert!(
        shown["uri"]
            .as_str()
            .unwrap()
            .starts_with("otpauth://totp/twostep:alice?secret="),
        "{shown}"
    );
    assert!(shown["qr_svg"].as_str().unwrap().contains("<svg"), "{shown}");
    // Two steps ago and one step ago, so that two fresh codes are left at once.
    let (path, ago) =
        (format!("/v1/devices/{serial}"), |seconds| now().minus(Duration::from_secs(seconds)));
    // Begin early in a time step, so that all codes are of one step.
    while now().0 % 30 > 20 {
        sleep(Duration::from_millis(200));
    }
    let codes = [app.text_at(ago(60)), app.text_at(ago(30))];
    let active = enroller.post(&format!("{path}/activate"), json!({"codes": codes})).is(200);
    assert_eq!((&active["state"], &active["drift_steps"]), (&"active".into(), &(-1).into()));

    // A code opens a session, once.
    let code = app.text_at(ago(0));
    let opened = verifier
        .post("/v1/sessions", json!({"account": "alice", "code": code, "duration_seconds": 900}))
        .is(201);
    verifier
        .post("/v1/sessions", json!({"account": "alice", "code": code}))
        .refused(403, "AccessDenied");
    let (token, context) = (text(&opened["token"]), &opened["context"]);
    for (member, value) in [
        ("account", json!("alice")),
        ("mfa_present", json!(true)),
        ("serial", json!(serial)),
        ("kind", json!("totp")),
        ("amr", json!(["otp"])),
        ("user_verified", json!(false)),
        ("phishing_resistant", json!(false)),
        ("hardware_bound", json!(false)),
        ("audience", json!("twostep")),
    ] {
        assert_eq!(context[member], value, "{member}");
    }
    assert!(
        context["mfa_age_seconds"].as_u64().unwrap() < 5
            && context["session_id"].as_str().unwrap().len() >= 22,
        "{context}"
    );

    // The public keys suffice to validate it without the agent.
    let keys = verifier.get("/.well-known/jwks.json").is(200);
    let validator = |audience| {
        Validator::new(JwkSet::from_json(keys.to_string().as_bytes()).unwrap(), "twostep", audience)
    };
    assert_eq!(
        validator("twostep")
            .validate(&SignedContext::new(token.as_str()))
            .unwrap()
            .serial()
            .as_str(),
        serial
    );
    assert!(validator("payments").validate(&SignedContext::new(token.as_str())).is_err());
    let told = verifier.post("/v1/sessions/introspect", json!({"token": token})).is(200);
    assert_eq!(
        (&told["active"], &told["context"]["session_id"]),
        (&true.into(), &context["session_id"])
    );
    verifier
        .post("/v1/sessions/introspect", json!({"token": token, "audience": "payments"}))
        .is(200);

    // Absent is not false: without a code it is a context of another type.
    let without = verifier
        .post("/v1/sessions", json!({"account": "alice", "audience": "payments"}))
        .is(201);
    assert_eq!(without["context"]["mfa_present"], false);
    assert!(
        without["context"].get("mfa_time").is_none() && without["context"].get("amr").is_none()
    );
    let without = SignedContext::new(text(&without["token"]));
    assert!(validator("payments").validate(&without).is_err());
    assert!(matches!(validator("payments").validate_any(&without), Ok(AnyContext::WithoutMfa(_))));

    // The list shows what a verifier may know.
    let list = verifier.get("/v1/devices?account=alice").is(200);
    let members: BTreeSet<&str> =
        list["devices"][0].as_object().unwrap().keys().map(String::as_str).collect();
    let whole = verifier.get("/v1/devices").status == 200;
    assert_eq!(
        members == ["kind", "name", "serial", "state", "throttled_until"].into(),
        !whole,
        "{members:?}"
    );
    let renamed = enroller.patch(&path, json!({"name": "Old phone"})).is(200);
    assert_eq!(
        (&renamed["name"], &renamed["last_used_at"].is_string()),
        (&"Old phone".into(), &true)
    );

    a_counter_is_lost_and_found(cast);
    codes_for_bad_days(cast, &token);

    // A revoked context is dead at the next request, and a later one is alive.
    let revoked = enroller.post("/v1/accounts/alice/revoke-sessions", json!({})).is(200);
    assert_eq!(revoked["generation"], 2);
    assert!(!alive(verifier, &token));
    let later = verifier.post("/v1/sessions", json!({"account": "alice"})).is(201);
    assert!(alive(verifier, later["token"].as_str().unwrap()));
    enroller.post("/v1/sessions/revoke", json!({"token": later["token"]})).is(204);
    assert!(!alive(verifier, later["token"].as_str().unwrap()));

    admin.post(&format!("{path}/deactivate"), json!({})).is(200);
    admin.delete(&path).is(204);
    admin.get(&path).refused(404, "NoSuchEntity");
    admin.delete("/v1/accounts/alice").is(204);
    let accounts = admin.get("/v1/accounts").is(200);
    assert_eq!(accounts["accounts"].as_array().unwrap().len(), 1, "{accounts}");
    assert_eq!(admin.get("/v1/audit/verify").is(200)["ok"], true);
}

/// A token that was pressed too often: refused, found by an administrator, or by its owner who
/// opens a session with it.
fn a_counter_is_lost_and_found(cast: &Cast) {
    let Cast { verifier, enroller, admin } = cast;
    let mut token = enrol(enroller, "bob");
    (0..40).for_each(|_| drop(token.code()));
    let open = |body| verifier.post("/v1/sessions", body);
    open(json!({"account": "bob", "serial": token.serial, "code": token.code()}))
        .refused(403, "AccessDenied");
    let pair = token.pair();
    enroller
        .post(&token.path("/resync"), json!({"codes": [&pair[1], &pair[0]]}))
        .refused(403, "InvalidAuthenticationCode");
    let opened = open(json!({"account": "bob", "serial": token.serial, "codes": pair})).is(201);
    assert_eq!(
        (&opened["context"]["kind"], &opened["context"]["mfa_present"]),
        (&"hotp".into(), &true.into())
    );
    let code = token.code();
    open(json!({"account": "bob", "serial": token.serial, "code": code})).is(201);
    (0..500).for_each(|_| drop(token.code()));
    let found = admin.post(&token.path("/resync"), json!({"codes": token.pair()})).is(200);
    assert_eq!((&found["drift_steps"], &found["device"]["state"]), (&0.into(), &"active".into()));
    token.session(verifier, "bob");
    // Three wrong codes are waited for; an administrator may help.
    for _ in 0..3 {
        open(json!({"account": "bob", "serial": token.serial, "code": token.wrong()}))
            .refused(403, "AccessDenied");
    }
    let code = token.code();
    open(json!({"account": "bob", "serial": token.serial, "code": code}))
        .refused(403, "AccessDenied");
    assert!(admin.get(&token.path("")).is(200)["throttled_until"].is_string());
    assert!(admin.post(&token.path("/unlock"), json!({})).is(200)["throttled_until"].is_null());
    open(json!({"account": "bob", "serial": token.serial, "code": code})).is(201);
}

/// Recovery codes printed in advance, and a bypass code for an owner without a device.
fn codes_for_bad_days(cast: &Cast, fresh: &str) {
    let Cast { verifier, enroller, admin } = cast;
    let owner = enroller.with("X-MFA-Context", fresh);
    let sheet = owner
        .post("/v1/devices", json!({"account": "alice", "kind": "recovery"}))
        .is(201);
    let codes: Vec<String> = sheet["recovery_codes"].as_array().unwrap().iter().map(text).collect();
    assert_eq!(
        (codes.len(), &sheet["device"]["state"], &sheet["device"]["codes_left"]),
        (10, &"active".into(), &10.into())
    );
    let open =
        |code: &str| verifier.post("/v1/sessions", json!({"account": "alice", "code": code}));
    assert_eq!(open(&codes[0].to_lowercase()).is(201)["context"]["kind"], "recovery");
    open(&codes[0]).refused(403, "AccessDenied");
    // New ones void the old.
    owner
        .post("/v1/devices", json!({"account": "alice", "kind": "recovery"}))
        .is(201);
    open(&codes[1]).refused(403, "AccessDenied");

    let bypass = admin.post("/v1/accounts/alice/bypass", json!({"ttl_seconds": 60})).is(201);
    let code = text(&bypass["code"]);
    verifier
        .post("/v1/sessions", json!({"account": "bob", "code": code}))
        .refused(403, "AccessDenied");
    let opened = open(&code).is(201);
    assert_eq!(
        (&opened["context"]["kind"], &opened["context"]["amr"]),
        (&"bypass".into(), &json!(["otp"]))
    );
    open(&code).refused(403, "AccessDenied");
}
