//! Looks at a store in PostgreSQL.

use serde_json::json;
use test_support::{stored, tools};

use super::program::{Agent, TWOSTEP, command, fed};

fn twostep(words: &[&str]) -> super::program::Ended {
    let mut command = command(TWOSTEP);
    command.args(words);
    fed(command, "")
}

#[test]
fn check_and_audit_verify_read_a_database_that_is_in_use() {
    if !tools::have("postgresql") {
        return;
    }
    let address = stored::new_database();
    let empty = twostep(&["store", "check", &address]);
    assert!(empty.exit == 3 && empty.err.contains("it is empty"), "{empty:?}");

    let agent = Agent::start(&format!("[store]\nurl = \"{address}\"\nsingle = true\n"));
    let socket = agent.socket();
    let added =
        twostep(&["--socket", socket.to_str().unwrap(), "device", "add", "--account", "alice"]);
    assert_eq!(added.exit, 0, "{added:?}");

    let check = twostep(&["--json", "store", "check", &address]);
    let document = check.json();
    assert_eq!(check.exit, 0, "{check:?}");
    assert_eq!(
        (&document["ok"], &document["accounts"], &document["devices"]),
        (&json!(true), &json!(1), &json!(1)),
        "{document}"
    );
    let verified = twostep(&["audit", "verify", "--store", &address]);
    assert!(verified.exit == 0 && verified.out.contains("whole"), "{verified:?}");

    // A restore raises the epoch under the agent, which goes on in the restored state.
    let refused = twostep(&["store", "restore", &address]);
    assert!(refused.exit == 2 && refused.err.contains("--yes"), "{refused:?}");
    let key = agent.folder.path().join("state/sealing.key");
    let key = key.to_str().unwrap();
    let restored = twostep(&["store", "restore", "--yes", "--key", key, &address]);
    assert_eq!(restored.exit, 0, "{restored:?}");
    assert!(restored.out.contains("Restored: 1 device of 1 account"), "{restored:?}");
    assert!(restored.err.contains("Its agents go on by themselves."), "{restored:?}");
    let accepted =
        twostep(&["--socket", socket.to_str().unwrap(), "store", "restore", "--accept", "--yes"]);
    assert!(accepted.exit == 0 && accepted.out.contains("is accepted"), "{accepted:?}");

    let (_, database) = address.rsplit_once('/').unwrap();
    stored::server().sql(database, "UPDATE accounts SET devices = 5");
    stored::server().sql(database, "DELETE FROM audit WHERE number = 1");
    let check = twostep(&["store", "check", &address]);
    assert_eq!(check.exit, 1, "{check:?}");
    assert!(check.out.contains("account alice: its devices are miscounted"), "{check:?}");
    assert!(check.out.contains("the audit log is broken: row 1 of chain"), "{check:?}");
}

#[test]
fn a_password_in_an_address_is_refused_and_not_repeated() {
    let refused = twostep(&["store", "check", "postgres://twostep:canary@127.0.0.1/twostep"]);
    assert!(refused.exit == 2 && refused.err.contains("write it to a file"), "{refused:?}");
    let agent = twostep(&["agent", "--store", "postgres://twostep:canary@127.0.0.1/twostep"]);
    assert!(agent.exit == 2 && agent.err.contains("write it to a file"), "{agent:?}");
    assert!(!format!("{refused:?}{agent:?}").contains("canary"));
}
