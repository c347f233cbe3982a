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

/// Thirty seconds between the clocks of an agent and of the database are tolerated, and no more.
#[test]
fn an_agent_whose_clock_is_far_from_the_databases_refuses_alone() {
    if !tools::have("postgresql") {
        return;
    }
    let (address, keys) = (stored::new_database(), tempfile::tempdir().unwrap());
    let agents = [agent_on(&address, keys.path()), agent_on(&address, keys.path())];
    let [right, wrong] = [admin(&agents[0]), admin(&agents[1])];
    let mut token = enrol(&right, "alice");
    let set_clock = |seconds: i64| {
        std::fs::write(agents[1].folder.path().join("clock"), seconds.to_string()).unwrap();
    };
    for (near, far) in [(25, 40), (-20, -40)] {
        set_clock(near);
        token.session(&wrong, "alice");
        set_clock(far);
        let (serial, code) = (token.serial.clone(), token.code());
        let asked = json!({"account": "alice", "serial": serial, "code": code});
        let refused = wrong.post("/v1/sessions", asked.clone());
        assert_eq!(refused.refused(503, "ServiceUnavailable")["reason"], "clock", "{far} s");
        assert_eq!(wrong.get("/readyz").status, 503);
        // The other agent goes on, with the same code.
        right.post("/v1/sessions", asked).is(201);
        // No one has to accept the clock, nor to start the agent again.
        set_clock(0);
        wrong.get("/readyz").is(200);
        token.session(&wrong, "alice");
    }
}
