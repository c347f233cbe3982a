//! Acts that one caller repeats hundreds of times: they end no other account's sessions, date no
//! mark ahead, and leave the store small.

use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};
use test_support::agent::Agent;
use test_support::http::Client;
use test_support::people::{alive, api_key, enrol, now};
use twostep::session::{JwkSet, RevocationList, SignedContext, Validator};

use super::{TCP, admin};

/// An agent that lets one caller ask as often as these tests do.
fn agent() -> Agent {
    Agent::start(&format!("{TCP}[limits]\nburst = 5000\n[sessions]\nrefusal_interval_ms = 1\n"))
}

/// A caller over TCP with a key for these accounts.
fn limited(agent: &Agent, role: &str, accounts: Value) -> Client {
    let key = api_key(&admin(agent), json!({"role": role, "accounts": accounts}));
    Client::tcp(agent.address()).bearing(&key)
}

/// A service that has just read the keys and the list of revocations.
fn follower(agent: &Agent) -> Validator {
    let stranger = Client::tcp(agent.address());
    let keys = stranger.get("/.well-known/jwks.json").text();
    let keys = JwkSet::from_json(keys.as_bytes()).unwrap();
    let list = stranger.get("/.well-known/mfa-revocations").text();
    let list = RevocationList::verify(&list, &keys, "twostep", now()).unwrap();
    Validator::new(keys, "twostep", "twostep").with_revocations(Arc::new(Arc::new(list)))
}

/// Verdicts on a session: of introspection, and of a service that follows.
fn lives(agent: &Agent, follower: &Validator, token: &str) -> [bool; 2] {
    let signed = SignedContext::new(token);
    [alive(&admin(agent), token), follower.validate_any(&signed).is_ok()]
}

#[test]
fn revocations_of_ones_own_sessions_end_no_other_persons() {
    let (agent, mut own) = (agent(), Vec::new());
    let admin = admin(&agent);
    let [mut bystander, mut owner] = ["bob", "mallory"].map(|account| enrol(&admin, account));
    let of_another = bystander.session(&admin, "bob");
    let caller = limited(&agent, "enroller", json!(["mallory"]));
    for _ in 0..300 {
        let token = owner.session(&caller, "mallory");
        assert_eq!(caller.post("/v1/sessions/revoke", json!({"token": token})).status, 204);
        own.push(token);
    }
    // The session of another account is none for this caller.
    caller.post("/v1/sessions/revoke", json!({"token": of_another}));
    sleep(Duration::from_millis(1_100));
    let follower = follower(&agent);
    assert_eq!(lives(&agent, &follower, &of_another), [true; 2]);
    let later = bystander.session(&admin, "bob");
    assert_eq!(lives(&agent, &follower, &later), [true; 2]);
    for token in &own {
        assert_eq!(lives(&agent, &follower, token), [false; 2]);
    }
}

#[test]
fn a_right_code_after_700_revocations_opens_a_living_session() {
    let agent = agent();
    let admin = admin(&agent);
    let mut token = enrol(&admin, "alice");
    let caller = limited(&agent, "enroller", json!(["alice"]));
    let mut before = token.session(&caller, "alice");
    for number in 0..700 {
        let body = match number % 2 {
            0 => json!({}),
            _ => json!({"serial": token.serial}),
        };
        caller.post("/v1/accounts/alice/revoke-sessions", body).is(200);
        if number % 100 == 99 {
            let opened = token.session(&caller, "alice");
            assert!(alive(&admin, &opened) && !alive(&admin, &before), "{number}");
            before = opened;
        }
    }
    let follower = follower(&agent);
    assert_eq!(lives(&agent, &follower, &before), [true; 2]);
}

#[test]
fn replays_by_one_caller_leave_the_store_small() {
    let agent = agent();
    let admin = admin(&agent);
    let mut token = enrol(&admin, "alice");
    let caller = limited(&agent, "verifier", json!(["alice"]));
    let body = json!({"account": "alice", "serial": token.serial, "code": token.code()});
    caller.post("/v1/sessions", body.clone()).is(201);
    let rows = || super::admin(&agent).get("/v1/audit/verify").is(200)["rows"].as_u64().unwrap();
    // The log beside the file is bounded by itself, and used again from its beginning.
    let bytes = || std::fs::metadata(agent.folder.path().join("store.db")).unwrap().len();
    let before = (rows(), bytes(), now());
    for _ in 0..1_000 {
        assert_eq!(caller.post("/v1/sessions", body.clone()).status, 403);
    }
    let minutes = now().since(before.2).as_secs() / 60 + 1;
    let (more, grown) = (rows() - before.0, bytes() - before.1);
    // The first of a minute, and the sum of the others after it.
    assert!(more <= 2 * minutes + 1, "{more} rows in {minutes} minutes");
    assert!(grown <= 65_536 * minutes, "{grown} bytes in {minutes} minutes");
}
