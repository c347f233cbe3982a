//! Several agents that serve from one store.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_support::agent::Agent;
use test_support::people::{add, alive, enrol};

use super::admin;

/// An agent on the store in this folder; its events are appended to `told` there.
fn agent_on(store: &Path) -> Agent {
    let folder = tempfile::tempdir().unwrap();
    let (program, told) = (folder.path().join("tell"), store.join("told"));
    // One write a line, so that lines of two agents stay whole.
    let script = format!("#!/bin/sh\nread -r line\necho \"$line\" >> {}\n", told.display());
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    let config = format!(
        "[events]\nprogram = [\"{}\"]\n[store]\nurl = \"sqlite:{}\"\nkey_file = \"{}\"\n",
        program.display(),
        store.join("store.db").display(),
        store.join("sealing.key").display(),
    );
    Agent::start_in(folder, &config)
}

/// The accounts and ids of the events that were told, in their order.
fn told(store: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(store.join("told")).unwrap_or_default();
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let event = |line: &str| {
        let event: Value = serde_json::from_str(line).unwrap();
        (event["account"].as_str().unwrap().to_owned(), event["id"].to_string())
    };
    whole.lines().map(event).collect()
}

/// Waits until an event of this account was told: at most as long as the next agent may take.
#[track_caller]
fn told_about(store: &Path, account: &str) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while told(store).iter().all(|(told, _)| told != account) {
        assert!(Instant::now() < deadline, "{account}: {:#?}", told(store));
        sleep(Duration::from_millis(50));
    }
}

#[test]
fn an_event_is_told_once_by_one_of_three_agents() {
    let store = tempfile::tempdir().unwrap();
    let agents = [agent_on(store.path()), agent_on(store.path()), agent_on(store.path())];
    for (number, agent) in (1..).zip(&agents) {
        for device in 0..4 {
            add(&admin(agent), &format!("person{number}{device}"));
        }
    }
    told_about(store.path(), "person33");
    // Another agent that tells would have done so by now.
    sleep(Duration::from_secs(3));
    let before = told(store.path());
    assert_eq!(before.len(), 12, "each event is told once: {before:#?}");

    // The first agent has the task, since the others were started later.
    let [first, second, third] = agents;
    first.signal("KILL");
    drop(first);
    add(&admin(&second), "eve");
    told_about(store.path(), "eve");
    drop(second);
    add(&admin(&third), "mallory");
    told_about(store.path(), "mallory");
    // An event that was told by a killed agent may be told again, under the same id.
    let after = told(store.path());
    let ids: BTreeSet<&str> = after.iter().map(|(_, id)| id.as_str()).collect();
    assert_eq!(ids.len(), 14, "no event is lost: {after:#?}");
}

#[test]
fn a_session_of_one_agent_is_ended_by_another() {
    let store = tempfile::tempdir().unwrap();
    let agents = [agent_on(store.path()), agent_on(store.path())];
    let mut token = enrol(&admin(&agents[0]), "alice");
    let session = token.session(&admin(&agents[1]), "alice");
    assert!(alive(&admin(&agents[0]), &session));
    admin(&agents[0]).post("/v1/accounts/alice/revoke-sessions", json!({})).is(200);
    assert!(!alive(&admin(&agents[1]), &session), "ended everywhere");
}
