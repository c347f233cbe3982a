//! An agent on a store that was restored: what was taken away since the backup is not taken back by
//! anybody below an administrator.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use test_support::agent::Agent;
use test_support::http::Client;
use test_support::people::{Token, add, api_key, enrol, now, text};
use test_support::restore;
use twostep::device::Leads;
use twostep::id::CallerId;
use twostep::store::sqlite::{ExportedRows, Restore, Restored};
use twostep::store::{AuditRow, ChainId, Event, EventReason, Keyring, OpenError, Repeated, sqlite};

use super::{TCP, admin};

/// The agent of a restored backup, on the key of the first one.
fn serving(copy: &Path, first: &Agent) -> Agent {
    let key = key_of(first);
    let store =
        format!("[store]\nurl = \"sqlite:{}\"\nkey_file = \"{}\"\n", copy.display(), key.display());
    let keys = "rp_id = \"example.com\"\norigins = [\"https://example.com\"]\n";
    Agent::start(&format!("{TCP}{keys}{store}"))
}

fn key_of(agent: &Agent) -> PathBuf {
    agent.folder.path().join("sealing.key")
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

    restore::with_file(&copy, now(), &key_of(&first_agent));
    let agent = serving(&copy, &first_agent);
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

#[test]
fn an_exported_log_takes_away_again_and_gives_nothing() {
    let first_agent = Agent::start(TCP);
    let first = admin(&first_agent);
    let [stolen, lost, kept] = ["alice", "bob", "carol"].map(|account| enrol(&first, account));
    add(&first, "dave");
    let leaked = api_key(&first, json!({"role": "verifier"}));
    let copy = first_agent.folder.path().join("copy.db");
    first.post("/v1/store/backup", json!({"path": copy})).is(201);
    first.post(&stolen.path("/deactivate"), json!({})).is(200);
    first.delete(&lost.path("")).is(204);
    first.delete("/v1/accounts/dave").is(204);
    let id = text(&first.get("/v1/api-keys").is(200)["api_keys"][0]["id"]);
    first.delete(&format!("/v1/api-keys/{id}")).is(204);
    enrol(&first, "erin");
    let page = first.get("/v1/audit?limit=1000").is(200);

    // A log that was cut, edited, or is of another store is refused, and nothing is changed.
    let events = page["events"].as_array().unwrap();
    let after = events.iter().position(|event| event["action"] == "store.backed_up").unwrap();
    let mut without = events.clone();
    without.remove(after);
    let mut edited = events.clone();
    edited[after]["action"] = "device.renamed".into();
    let mut other = events.clone();
    other[after - 1]["hash"] = other[after]["hash"].clone();
    for (broken, events) in [("cut", without), ("edited", edited), ("another", other)] {
        let refused = with_log(&copy, &key_of(&first_agent), &events).unwrap_err();
        assert!(matches!(refused, OpenError::Log(_)), "{broken}: {refused}");
        assert!(sqlite::check(&copy).unwrap().copy, "{broken}: it is as it was");
    }
    // Rows one a line, from the backup's end on: the row that tells of it is the first behind it.
    let restored = with_log(&copy, &key_of(&first_agent), &events[after..]).unwrap();
    assert_eq!(usize::try_from(restored.log.unwrap().rows).unwrap(), events.len() - after);
    let Repeated { disabled, removed, accounts, api_keys } = restored.repeated;
    assert_eq!((disabled, removed, accounts, api_keys), (0, 1, 1, 1), "counters are disabled");

    let agent = serving(&copy, &first_agent);
    let root = admin(&agent);
    with_key(&agent, &leaked)
        .get("/v1/devices?account=alice")
        .refused(401, "Unauthorized");
    root.get(&lost.path("")).refused(404, "NoSuchEntity");
    let names = root.get("/v1/accounts").is(200).to_string();
    assert!(!names.contains("dave") && names.contains("carol"), "{names}");
    root.post("/v1/store/accept", json!({})).is(200);
    // Accounts that were protected since are, and what was added since is not there.
    let enroller = with_key(&agent, &api_key(&root, json!({"role": "enroller"})));
    for (account, status) in [("erin", 403), ("carol", 403), ("dave", 201)] {
        let body = json!({"account": account, "kind": "hotp"});
        assert_eq!(enroller.post("/v1/devices", body).status, status, "{account}");
    }
    assert_eq!(root.get(&kept.path("")).is(200)["state"], "disabled");
    let devices = root.get("/v1/devices?account=erin").is(200);
    assert_eq!(devices["devices"], json!([]));
}

/// Restores with these rows of an audit log.
fn with_log(copy: &Path, key: &Path, events: &[Value]) -> Result<Restored, OpenError> {
    let mut rows = events.iter().map(|event| {
        let row: twostep::wire::Event = serde_json::from_value(event.clone()).unwrap();
        Ok(AuditRow {
            chain: ChainId(row.chain),
            number: row.number,
            event: Event {
                at: *row.at,
                action: row.action.as_str().into(),
                account: row.account,
                serial: row.serial,
                caller: row.caller,
                reason: row.reason.map(EventReason::from),
                count: row.count,
            },
            hash: row.hash,
        })
    });
    let (caller, leads) = (CallerId::new("test"), Leads::Unknown);
    let keyring = Keyring::from_file(key).unwrap();
    let keyring = Some(&keyring);
    let log: Option<ExportedRows<'_>> = Some(&mut rows);
    sqlite::restore_as(copy, Restore { now: now(), caller: &caller, leads, keyring, log })
}
