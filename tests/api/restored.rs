//! An agent on a store that was restored: what was taken away since the backup is not taken back by
//! anybody below an administrator.

use std::path::Path;

use serde_json::json;
use test_support::agent::Agent;
use test_support::http::Client;
use test_support::people::{Token, add, api_key, enrol, now};
use test_support::restore;

use super::{TCP, admin};

/// The agent of a restored backup, on the key of the first one.
fn on(copy: &Path, first: &Agent) -> Agent {
    let key = first.folder.path().join("sealing.key");
    restore::with_file(copy, now(), &key);
    let store =
        format!("[store]\nurl = \"sqlite:{}\"\nkey_file = \"{}\"\n", copy.display(), key.display());
    let keys = "rp_id = \"example.com\"\norigins = [\"https://example.com\"]\n";
    Agent::start(&format!("{TCP}{keys}{store}"))
}

fn with_key(agent: &Agent, key: &str) -> Client {
    Client::tcp(agent.address()).bearing(key)
}

/// Each way in which an enroller gives an account another factor is refused with the reason.
fn gives_nothing(enroller: &Client, pending: &mut Token) {
    let (pair, path) = (pending.pair(), pending.path("/activate"));
    let registration = json!({"account": "stranger"});
    for (path, body) in [
        ("/v1/devices", json!({"account": "bob", "kind": "totp"})),
        ("/v1/devices", json!({"account": "stranger", "kind": "hotp"})),
        ("/v1/security-keys/register/begin", registration),
        (&path, json!({"codes": pair})),
    ] {
        let refused = enroller.post(path, body).refused(503, "ServiceUnavailable");
        assert_eq!(refused["reason"], "restored", "{path}");
    }
}

#[test]
fn a_restored_store_gives_nothing_below_an_administrator() {
    let first_agent = Agent::start(TCP);
    let first = admin(&first_agent);
    let mut stolen = enrol(&first, "alice");
    let mut pending = add(&first, "bob");
    let enrollers = api_key(&first, json!({"role": "enroller"}));
    let leaked = api_key(&first, json!({"role": "admin"}));
    let copy = first_agent.folder.path().join("copy.db");
    first.post("/v1/store/backup", json!({"path": copy})).is(201);

    // After the backup: a token is stolen, an account is protected, an administrator's key leaks.
    let pair = stolen.pair();
    first
        .post("/v1/sessions", json!({"account": "alice", "serial": stolen.serial, "codes": pair}))
        .is(201);
    first.post(&stolen.path("/deactivate"), json!({})).is(200);
    first.post(&pending.path("/activate"), json!({"codes": pending.pair()})).is(200);
    let keys = first.get("/v1/api-keys").is(200);
    let id = keys["api_keys"][1]["id"].as_str().unwrap();
    first.delete(&format!("/v1/api-keys/{id}")).is(204);

    let agent = on(&copy, &first_agent);
    let (root, enroller) = (admin(&agent), with_key(&agent, &enrollers));
    assert!(root.get("/readyz").is(200)["restored_at"].is_string(), "ready, and it is told");
    let replayed = json!({"account": "alice", "serial": stolen.serial, "codes": pair});
    for caller in [&root, &enroller] {
        caller.post("/v1/sessions", replayed.clone()).refused(403, "AccessDenied");
    }
    gives_nothing(&enroller, &mut pending);
    // The key that was revoked ends nothing, and takes nothing.
    let thief = with_key(&agent, &leaked);
    for (method, path) in
        [("POST", "/v1/store/accept"), ("GET", "/v1/audit"), ("POST", "/v1/api-keys")]
    {
        let refused = thief
            .send(method, path, Some(json!({"role": "admin"})))
            .refused(503, "ServiceUnavailable");
        assert_eq!(refused["reason"], "restored", "{path}");
    }
    enroller.post("/v1/store/accept", json!({})).refused(403, "AccessDenied");
    // Changes that take something away go on.
    root.post(&pending.path("/activate"), json!({"codes": pending.pair()})).is(200);
    root.delete(&stolen.path("")).is(204);
    enroller.post("/v1/sessions/introspect", json!({"token": "x.y.z"})).is(200);

    assert!(root.post("/v1/store/accept", json!({})).is(200)["restored_at"].is_string());
    assert!(root.post("/v1/store/accept", json!({})).is(200)["restored_at"].is_null());
    assert!(root.get("/readyz").is(200).get("restored_at").is_none());
    assert!(root.get("/v1/audit").is(200).to_string().contains("store.accepted"));
    enroller
        .post("/v1/devices", json!({"account": "stranger", "kind": "hotp"}))
        .is(201);
    let why = enroller
        .post("/v1/devices", json!({"account": "alice", "kind": "hotp"}))
        .refused(403, "AccessDenied");
    assert_eq!(why["reason"], "mfa_required", "what the backup knew of stays protected");
}
