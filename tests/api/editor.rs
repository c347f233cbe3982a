//! An editor of the store's file, without the sealing key, beside a running agent.

use std::path::PathBuf;

use rusqlite::Connection;
use serde_json::{Value, json};
use test_support::agent::Agent;
use test_support::http::Client;
use test_support::people::{Token, enrol};
use twostep::store::Keyring;
use twostep::store::sqlite::check_with;

use super::{TCP, admin, caller};

fn store(agent: &Agent) -> PathBuf {
    agent.folder.path().join("store.db")
}

fn edit(agent: &Agent, sql: &str) {
    let conn = Connection::open(store(agent)).unwrap();
    conn.execute_batch(&format!("PRAGMA foreign_keys = OFF; BEGIN; {sql} COMMIT;"))
        .unwrap();
}

/// The faults that `store check` tells.
fn problems(agent: &Agent) -> Vec<String> {
    let keyring = Keyring::from_file(agent.folder.path().join("sealing.key")).unwrap();
    check_with(store(agent), &keyring).unwrap().problems
}

fn sign_in(client: &Client, account: &str, token: &Token, code: &str) -> u16 {
    let body = json!({"account": account, "serial": token.serial, "code": code});
    client.post("/v1/sessions", body).status
}

/// A signing key of the editor's own that was retired a moment ago, so that what it has signed
/// would still be alive.
const OWN_KEY: &str = "INSERT INTO signing_keys (kid, created_at, body)
    SELECT 'editor', created_at, json_set(body, '$.kid', 'editor', '$.retired_at', unixepoch(),
        '$.public', json_array('11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'))
    FROM signing_keys LIMIT 1;";

#[test]
fn a_signing_key_of_an_editor_is_not_published() {
    let agent = Agent::start(TCP);
    let admin = admin(&agent);
    let mut alice = enrol(&admin, "alice");
    let context = alice.session(&admin, "alice");
    let introspect = || admin.post("/v1/sessions/introspect", json!({"token": context}));
    assert_eq!(introspect().is(200)["active"], true);
    for (way, wakes) in [
        ("added", ""),
        ("added, and caches told", "UPDATE control SET version = version + 1 WHERE id = 1;"),
    ] {
        edit(&agent, &format!("{OWN_KEY}{wakes}"));
        let jwks = admin.get("/.well-known/jwks.json");
        let published = String::from_utf8_lossy(&jwks.body);
        assert!(!published.contains("editor"), "{way}: {published}");
        let found = problems(&agent);
        assert!(found.iter().any(|problem| problem.contains("signing key editor")), "{found:?}");
        let code = alice.code();
        let opened = sign_in(&admin, "alice", &alice, &code);
        assert!(wakes.is_empty() || opened == 503, "{way}: {opened}");
        edit(
            &agent,
            "DELETE FROM signing_keys WHERE kid = 'editor';
             UPDATE control SET version = (SELECT count(*) FROM signing_keys) WHERE id = 1;",
        );
    }
    assert_eq!(introspect().is(200)["active"], true);
    assert_eq!(problems(&agent), Vec::<String>::new());

    // The agent is not running: it does not start.
    edit(&agent, OWN_KEY);
    let (folder, log) = Agent::fails(agent.into_folder(), TCP);
    assert!(log.contains("signing key editor"), "{log}");
    drop(folder);
}

/// Copies the rows of an account as they are, and returns the statements that put them back.
fn put_back(agent: &Agent, account: &str) -> String {
    let copies = [("accounts", "id"), ("devices", "account")].map(|(table, column)| {
        format!(
            "DROP TABLE IF EXISTS older_{table};
             CREATE TABLE older_{table} AS SELECT * FROM {table} WHERE {column} = '{account}';"
        )
    });
    edit(agent, &copies.concat());
    "REPLACE INTO accounts SELECT * FROM older_accounts;
     REPLACE INTO devices SELECT * FROM older_devices;"
        .to_owned()
}

#[test]
fn a_spent_code_stays_spent_when_its_rows_are_put_back() {
    let agent = Agent::start(TCP);
    let admin = admin(&agent);
    let (mut alice, mut bob) = (enrol(&admin, "alice"), enrol(&admin, "bob"));
    let older = put_back(&agent, "alice");
    let code = alice.code();
    assert_eq!(sign_in(&admin, "alice", &alice, &code), 201);
    for rows in [&older[..], older.rsplit("\n").next().unwrap()] {
        edit(&agent, rows);
        let again = sign_in(&admin, "alice", &alice, &code);
        assert!(again >= 400, "{again}");
        assert!(!problems(&agent).is_empty());
    }
    let code = bob.code();
    assert_eq!(sign_in(&admin, "bob", &bob, &code), 201, "other accounts go on");
}

#[test]
fn rows_of_an_editor_give_nothing() {
    let agent = Agent::start(TCP);
    let admin = admin(&agent);
    let verifier = caller(&agent, "verifier");
    let mut alice = enrol(&admin, "alice");
    let context = alice.session(&admin, "alice");
    admin.post("/v1/sessions/revoke", json!({"token": context}));
    let alive = || {
        let told = verifier.post("/v1/sessions/introspect", json!({"token": context}));
        told.status == 200 && serde_json::from_slice::<Value>(&told.body).unwrap()["active"] == true
    };
    assert!(!alive());
    edit(&agent, "DELETE FROM revoked_sessions;");
    assert!(!alive(), "a revocation that was seen holds");

    let code = alice.code();
    admin.post(&alice.path("/deactivate"), json!({})).is(200);
    let active = "UPDATE devices SET state = 'active',
        body = replace(body, '\"state\":\"disabled\"', '\"state\":\"active\"');
        UPDATE accounts SET active = 1;";
    edit(&agent, active);
    assert_eq!(sign_in(&admin, "alice", &alice, &code), 503);

    edit(
        &agent,
        "UPDATE api_keys SET body = replace(body, 'verifier', 'admin');
        UPDATE control SET version = version + 1 WHERE id = 1;",
    );
    let asked = verifier.get("/v1/audit");
    assert!(asked.status >= 400, "{}", asked.status);
}
