//! Agents that serve from one database of PostgreSQL.

use std::path::Path;

use serde_json::json;
use test_support::agent::Agent;
use test_support::people::{alive, enrol};
use test_support::{stored, tools};

use super::admin;

/// An agent on this database, with the sealing keys in this folder.
fn agent_on(address: &str, keys: &Path) -> Agent {
    Agent::start_in(tempfile::tempdir().unwrap(), &config(address, keys))
}

fn config(address: &str, keys: &Path) -> String {
    let key = keys.join("sealing.key");
    format!("[store]\nurl = \"{address}\"\nsingle = true\nkey_file = \"{}\"\n", key.display())
}

#[test]
fn agents_share_accounts_sessions_and_revocations_through_postgresql() {
    if !tools::have("postgresql") {
        return;
    }
    let (address, keys) = (stored::new_database(), tempfile::tempdir().unwrap());
    let agents = [agent_on(&address, keys.path()), agent_on(&address, keys.path())];
    let mut token = enrol(&admin(&agents[0]), "alice");
    let session = token.session(&admin(&agents[1]), "alice");
    assert!(alive(&admin(&agents[0]), &session));
    admin(&agents[0]).post("/v1/accounts/alice/revoke-sessions", json!({})).is(200);
    assert!(!alive(&admin(&agents[1]), &session), "ended everywhere");
    let report = admin(&agents[1]).get("/v1/audit/verify").is(200);
    assert_eq!(report["ok"], true, "{report}");

    let [first, second] = agents;
    first.signal("KILL");
    drop((first, second));
    let again = agent_on(&address, keys.path());
    let session = token.session(&admin(&again), "alice");
    assert!(alive(&admin(&again), &session), "what agents wrote is there after they ended");
}

#[test]
fn an_agent_tells_which_server_or_standby_is_missing() {
    if !tools::have("postgresql") {
        return;
    }
    let keys = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (folder, log) =
        Agent::fails(folder, &config("postgres://twostep@127.0.0.1:1/twostep", keys.path()));
    assert!(log.contains("cannot open the store postgres://127.0.0.1:1/twostep"), "{log}");
    let strict = config(&stored::new_database(), keys.path()).replace("single = true\n", "");
    let (_, log) = Agent::fails(folder, &strict);
    assert!(log.contains("standby"), "{log}");
}
