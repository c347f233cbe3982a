//! An account that has a device changes only with proof of that device.

use serde_json::{Value, json};
use test_support::agent::Agent;
use test_support::http::{Answer, Client};
use test_support::people::{Token, add, enrol, text};

use super::{TCP, admin, caller};

/// Every change of the devices of Alice's account, attempted by this caller.
fn changes(caller: &Client, active: &Token, pending: &mut Token) -> Vec<Answer> {
    vec![
        caller.post("/v1/devices", json!({"account": "alice", "kind": "hotp"})),
        caller.post("/v1/devices", json!({"account": "alice", "kind": "recovery"})),
        caller.post(&pending.path("/activate"), json!({"codes": pending.pair()})),
        caller.post(&active.path("/deactivate"), json!({})),
        caller.delete(&active.path("")),
        caller.delete(&pending.path("")),
    ]
}

fn mfa_required(answers: Vec<Answer>) {
    for answer in answers {
        assert_eq!(answer.refused(403, "AccessDenied")["reason"], "mfa_required");
    }
}

fn session(client: &Client, token: &mut Token, extra: Value) -> String {
    let mut body = json!({"account": "alice", "serial": token.serial, "code": token.code()});
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    text(&client.post("/v1/sessions", body).is(201)["token"])
}

#[test]
fn a_protected_account_changes_with_a_fresh_context_of_its_own() {
    let agent = Agent::start(TCP);
    let (admin, enroller) = (admin(&agent), caller(&agent, "enroller"));
    // The first device needs nothing but an enroller.
    let mut pending = add(&enroller, "alice");
    let mut active = enrol(&enroller, "alice");
    mfa_required(changes(&enroller, &active, &mut pending));

    let mut other = enrol(&enroller, "bob");
    let foreign = text(
        &admin
            .post(
                "/v1/sessions",
                json!({"account": "bob", "serial": other.serial, "code": other.code()}),
            )
            .is(201)["token"],
    );
    let without = text(&admin.post("/v1/sessions", json!({"account": "alice"})).is(201)["token"]);
    let elsewhere = session(&admin, &mut active, json!({"audience": "payments"}));
    let good = session(&admin, &mut active, json!({}));
    let mut forged = good.clone().into_bytes();
    let last = forged.len() - 5;
    forged[last] = if forged[last] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    for context in ["", "none", "a.b.c", &foreign, &without, &elsewhere, &forged] {
        mfa_required(changes(&enroller.with("X-MFA-Context", context), &active, &mut pending));
    }
    assert_eq!(
        admin.get("/v1/devices?account=alice").is(200)["devices"]
            .as_array()
            .unwrap()
            .len(),
        2
    );

    let owner = enroller.with("X-MFA-Context", &good);
    let added = add(&owner, "alice");
    owner
        .post("/v1/devices", json!({"account": "alice", "kind": "recovery"}))
        .is(201);
    owner.delete(&added.path("")).is(204);
    owner.post(&pending.path("/activate"), json!({"codes": pending.pair()})).is(200);
    owner.post(&pending.path("/deactivate"), json!({})).is(200);
    // A change that leaves the device's state needs no proof.
    enroller.patch(&active.path(""), json!({"name": "my token"})).is(200);
    enroller.post(&active.path("/resync"), json!({"codes": active.pair()})).is(200);

    // One context that was revoked is none, nor is one of a device that is out of use.
    let spent = session(&admin, &mut active, json!({}));
    enroller.post("/v1/sessions/revoke", json!({"token": spent})).is(204);
    mfa_required(vec![enroller.with("X-MFA-Context", &spent).delete(&pending.path(""))]);
    owner.post(&active.path("/deactivate"), json!({})).is(200);
    mfa_required(vec![
        owner.delete(&pending.path("")),
        owner.post(&active.path("/activate"), json!({"codes": active.pair()})),
    ]);
    // The device is back, and what was revoked with it is not.
    admin.post(&active.path("/activate"), json!({"codes": active.pair()})).is(200);
    mfa_required(vec![owner.delete(&pending.path(""))]);
    let again = session(&admin, &mut active, json!({}));
    enroller.post("/v1/accounts/alice/revoke-sessions", json!({})).is(200);
    mfa_required(vec![enroller.with("X-MFA-Context", &again).delete(&pending.path(""))]);
    let last = session(&admin, &mut active, json!({}));
    enroller.with("X-MFA-Context", &last).delete(&pending.path("")).is(204);
    enroller.with("X-MFA-Context", &last).delete(&active.path("")).is(204);
    mfa_required(vec![
        enroller
            .with("X-MFA-Context", &last)
            .post("/v1/devices", json!({"account": "alice", "kind": "hotp"})),
    ]);
}

#[test]
fn a_device_that_cannot_be_used_protects_its_account_as_much() {
    let agent = Agent::start(TCP);
    let (admin, enroller) = (admin(&agent), caller(&agent, "enroller"));
    let mut pending = add(&enroller, "alice");
    let mut token = enrol(&enroller, "alice");
    admin.post(&token.path("/deactivate"), json!({})).is(200);
    mfa_required(changes(&enroller, &token, &mut pending));
    mfa_required(vec![enroller.post(&token.path("/activate"), json!({"codes": token.pair()}))]);

    admin.post(&token.path("/activate"), json!({"codes": token.pair()})).is(200);
    let wrong = token.wrong();
    for _ in 0..3 {
        admin
            .post(
                "/v1/sessions",
                json!({"account": "alice", "serial": token.serial, "code": wrong}),
            )
            .refused(403, "AccessDenied");
    }
    assert!(admin.get(&token.path("")).is(200)["throttled_until"].is_string());
    mfa_required(changes(&enroller, &token, &mut pending));

    // A locked device takes pairs alone, and protects its account all the same.
    lock(&agent, "alice", &token.serial);
    assert_eq!(admin.get(&token.path("")).is(200)["state"], "locked");
    mfa_required(changes(&enroller, &token, &mut pending));
    admin.post(&token.path("/unlock"), json!({})).is(200);
    admin.delete(&token.path("")).is(204);
    // Without any device left, only an administrator can begin anew.
    mfa_required(vec![enroller.post("/v1/devices", json!({"account": "alice", "kind": "hotp"}))]);
    admin.delete("/v1/accounts/alice").is(204);
    enrol(&enroller, "alice");
}

/// Locks a device as its twentieth wrong code would, without the waits between them.
fn lock(agent: &Agent, account: &str, serial: &str) {
    use twostep::device::{Device, DeviceState};
    use twostep::store::{Change, Keyring, SqliteStore, Store, Write};
    use twostep::verifier::Verifier;
    let keyring = Keyring::from_file(agent.folder.path().join("sealing.key")).unwrap();
    let store = SqliteStore::open(agent.folder.path().join("store.db")).unwrap();
    let verifier = Verifier::new(store.clone(), keyring);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        verifier.ready().await.unwrap();
        let (account, serial) = (account.parse().unwrap(), serial.parse().unwrap());
        let seen = store.account(&account).await.unwrap().unwrap();
        let enrolled = seen.device(&serial).unwrap();
        let device = Device { state: DeviceState::Locked, ..enrolled.device.clone() };
        let writes = vec![Write::UpdateDevice { seen: enrolled.revision, device }];
        let _ = store.commit(Change { account: None, writes, audit: Vec::new() }).await.unwrap();
    });
}
