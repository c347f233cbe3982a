//! Sign-in without an account over HTTP, and what else of passkeys is configured.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use test_support::agent::Agent;
use test_support::held_key::{begin, enrol_key, made, origin, register};
use test_support::http::Client;
use test_support::people::{api_key, text};
use twostep::testing::SimulatedSecurityKey;
use twostep::webauthn::Origin;

use super::{TCP, admin, caller};

const PASSKEYS: &str = "listen = [\"127.0.0.1:0\"]\n[security_keys]\nusernameless = true\n";
const BEGIN: &str = "/v1/security-keys/authenticate/begin";

/// A key of this account that stores its credential and verifies its user.
fn passkey(client: &Client, account: &str) -> SimulatedSecurityKey {
    let mut key = SimulatedSecurityKey::new(account).verifying();
    register(client, account, &mut key).is(201);
    key
}

/// The body that opens a session with what the key answers.
fn answer(key: &mut SimulatedSecurityKey, begun: &Value) -> Value {
    let options = serde_json::from_value(begun["public_key"].clone()).unwrap();
    let used = key.get(&options, &origin()).expect("it stores a credential").response();
    json!({"ceremony_id": begun["ceremony_id"], "credential": used})
}

#[test]
fn a_session_is_opened_by_a_key_alone() {
    let agent = Agent::start(PASSKEYS);
    let (admin, verifier) = (admin(&agent), caller(&agent, "verifier"));
    let mut key = passkey(&admin, "alice");
    let listed = admin.get("/v1/devices?account=alice").is(200);
    assert_eq!(listed["devices"][0]["discoverable"], true);
    let begun = verifier.post(BEGIN, json!({})).is(200);
    let asked = &begun["public_key"];
    assert_eq!(
        (&asked["allowCredentials"], &asked["userVerification"]),
        (&json!([]), &json!("required"))
    );
    let body = answer(&mut key, &begun);
    let opened = verifier.post("/v1/sessions", body.clone()).is(201);
    for (member, value) in [
        ("account", json!("alice")),
        ("mfa_present", json!(true)),
        ("user_verified", json!(true)),
        ("phishing_resistant", json!(true)),
    ] {
        assert_eq!(opened["context"][member], value, "{member}");
    }
    verifier.post("/v1/sessions", body).refused(403, "AccessDenied");
    // An account that is named has to be the key's own, and a ceremony of an account has it named.
    let mut named = answer(&mut key, &verifier.post(BEGIN, json!({})).is(200));
    named["account"] = "alice".into();
    verifier.post("/v1/sessions", named).is(201);
    passkey(&admin, "bob");
    for other in ["bob", "nobody-here"] {
        let mut named = answer(&mut key, &verifier.post(BEGIN, json!({})).is(200));
        named["account"] = other.into();
        verifier.post("/v1/sessions", named).refused(403, "AccessDenied");
    }
    let of_alice = answer(&mut key, &begin(&verifier, "alice"));
    verifier.post("/v1/sessions", of_alice).refused(403, "AccessDenied");
    let events = admin.get("/v1/audit?limit=1000").is(200);
    let accepted = events["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["action"] == "key.accepted" && row["account"] == "alice")
        .count();
    assert_eq!(accepted, 2, "{events}");
}

#[test]
fn without_usernameless_an_account_is_named() {
    let agent = Agent::start(TCP);
    let verifier = caller(&agent, "verifier");
    let told = verifier.post(BEGIN, json!({})).refused(400, "InvalidInput");
    assert!(text(&told["detail"]).contains("usernameless"), "{told}");
    let credential = json!({"id": "AAAA", "rawId": "AAAA", "type": "public-key",
        "response": {"clientDataJSON": "e30", "authenticatorData": "AA", "signature": "AA"}});
    let body = json!({"ceremony_id": "AAAAAAAAAAAAAAAAAAAAAA", "credential": credential});
    verifier.post("/v1/sessions", body.clone()).refused(400, "InvalidInput");
    let agent = Agent::start(PASSKEYS);
    let verifier = caller(&agent, "verifier");
    verifier.post("/v1/sessions", body).refused(403, "AccessDenied");
    // All proofs but a key need an account.
    for body in [
        json!({}),
        json!({"code": "123456"}),
        json!({"serial": "NOT-THERE-000", "codes": ["123456", "654321"]}),
        json!({"audience": "shop"}),
    ] {
        verifier.post("/v1/sessions", body).refused(400, "InvalidInput");
    }
    verifier.post(BEGIN, json!({"account": null})).refused(400, "InvalidInput");
    verifier.post(BEGIN, json!({"account": ""})).refused(400, "InvalidInput");
    verifier.post(BEGIN, json!({"user": "alice"})).refused(400, "InvalidInput");
}

/// One body for an unknown key, a key of a hidden account, a wrong answer and a replay.
#[test]
fn every_refusal_without_an_account_is_the_same() {
    let agent = Agent::start(PASSKEYS);
    let admin = admin(&agent);
    let mut hers = passkey(&admin, "alice");
    let limited = Client::tcp(agent.address())
        .bearing(&api_key(&admin, json!({"role": "verifier", "accounts": ["dave", "team-*"]})));
    let verifier = caller(&agent, "verifier");
    let begun = |client: &Client| client.post(BEGIN, json!({})).is(200);
    let mut bodies = BTreeSet::new();
    let mut refuse = |client: &Client, body: &Value| {
        let answer = client.post("/v1/sessions", body.clone());
        bodies.insert(answer.refused(403, "AccessDenied").to_string());
    };
    let hidden = answer(&mut hers, &begun(&limited));
    refuse(&limited, &hidden);
    // The ceremony is over for all callers.
    refuse(&verifier, &hidden);
    let mut unknown = answer(&mut hers, &begun(&verifier));
    (unknown["credential"]["id"], unknown["credential"]["rawId"]) = ("AAAA".into(), "AAAA".into());
    refuse(&verifier, &unknown);
    let mut forged = answer(&mut hers, &begun(&verifier));
    forged["credential"]["response"]["signature"] = "AAAA".into();
    refuse(&verifier, &forged);
    let mut anonymous = answer(&mut hers, &begun(&verifier));
    anonymous["credential"]["response"]
        .as_object_mut()
        .unwrap()
        .remove("userHandle");
    refuse(&verifier, &anonymous);
    hers.flags = 0x01;
    let unverified = answer(&mut hers, &begun(&verifier));
    refuse(&verifier, &unverified);
    assert_eq!(bodies.len(), 1, "{bodies:#?}");
    hers.flags = 0x05;
    let mine = answer(&mut hers, &begun(&verifier));
    verifier.post("/v1/sessions", mine).is(201);
    let mut his = passkey(&admin, "dave");
    let seen = answer(&mut his, &begun(&limited));
    limited.post("/v1/sessions", seen).is(201);
}

#[test]
fn related_origins_are_served_to_anybody_and_accepted() {
    let config = "rp_id = \"example.com\"\norigins = [\"https://example.com\"]\n\
        listen = [\"127.0.0.1:0\"]\n[security_keys]\n\
        related_origins = [\"https://example.co.uk\", \"https://shop.example.net:8443\"]\n";
    let agent = Agent::start(config);
    let admin = admin(&agent);
    for client in [&admin, &Client::tcp(agent.address())] {
        let served = client.get("/.well-known/webauthn");
        assert_eq!((served.status, served.header("content-type")), (200, Some("application/json")));
        assert_eq!(
            served.json(),
            json!({"origins": ["https://example.co.uk", "https://shop.example.net:8443"]})
        );
    }
    let begun = admin
        .post("/v1/security-keys/register/begin", json!({"account": "alice"}))
        .is(200);
    let mut body = made_in(&begun, "https://example.co.uk");
    admin.post("/v1/security-keys/register/finish", body.clone()).is(201);
    let begun = admin
        .post("/v1/security-keys/register/begin", json!({"account": "bob"}))
        .is(200);
    body = made_in(&begun, "https://example.org");
    admin
        .post("/v1/security-keys/register/finish", body)
        .refused(403, "InvalidAuthenticationCode");
    let agent = Agent::start(TCP);
    for client in [super::admin(&agent), Client::tcp(agent.address())] {
        client.get("/.well-known/webauthn").refused(404, "NoSuchEntity");
    }
}

/// The answer of a key on a page of this origin, which the browser found to be related.
fn made_in(begun: &Value, origin: &str) -> Value {
    let options: twostep::webauthn::CreationOptions =
        serde_json::from_value(begun["public_key"].clone()).unwrap();
    let home: Origin = "https://example.com".parse().unwrap();
    let mut creation = SimulatedSecurityKey::new(origin).create(&options, &home);
    creation.client_data = String::from_utf8(creation.client_data)
        .unwrap()
        .replace("https://example.com", origin)
        .into_bytes();
    json!({"ceremony_id": begun["ceremony_id"], "credential": creation.response()})
}

#[test]
fn ed25519_is_offered_enrolled_and_signs_in() {
    let agent = Agent::start(
        "[security_keys]\nalgorithms = [\"EdDSA\", \"ES256\"]\n\
         hints = [\"hybrid\", \"security-key\"]\nresident_key = \"required\"\n",
    );
    let admin = admin(&agent);
    let begun = admin
        .post("/v1/security-keys/register/begin", json!({"account": "alice"}))
        .is(200);
    let asked = &begun["public_key"];
    let algorithms: Vec<i64> = asked["pubKeyCredParams"]
        .as_array()
        .unwrap()
        .iter()
        .map(|offered| offered["alg"].as_i64().unwrap())
        .collect();
    assert_eq!((algorithms, &asked["hints"]), (vec![-8, -7], &json!(["hybrid", "security-key"])));
    let selection = &asked["authenticatorSelection"];
    assert_eq!(
        (&selection["residentKey"], &selection["requireResidentKey"]),
        (&json!("required"), &json!(true))
    );
    assert_eq!(asked["extensions"], json!({"credProps": true}));
    let mut key = SimulatedSecurityKey::new("alice").on_ed25519();
    admin.post("/v1/security-keys/register/finish", made(&mut key, &begun)).is(201);
    let mut body = answer(&mut key, &begin(&admin, "alice"));
    body["account"] = "alice".into();
    admin.post("/v1/sessions", body.clone()).is(201);
    let mut wrong = answer(&mut key, &begin(&admin, "alice"));
    (wrong["account"], wrong["credential"]["response"]["signature"]) =
        ("alice".into(), body["credential"]["response"]["signature"].clone());
    let told = admin.post("/v1/sessions", wrong).refused(403, "AccessDenied");
    assert!(told.get("reason").is_some(), "{told}");
    // ES256 of a key that does not know the other one.
    let mut other = enrol_key(&admin, "bob", "bob");
    other.session(&admin, "bob");
}
