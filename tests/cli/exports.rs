//! `twostep audit export`, verified with a checkpoint and public keys alone.

use std::fs;

use test_support::http::Client;

use super::program::{Agent, twostep};

#[test]
fn an_exported_log_is_verified_without_the_store() {
    let mut agent = Agent::start("");
    for serial in ["ALICES001", "ALICES002"] {
        agent.done(&["device", "add", "--account", "alice", "--serial", serial], "");
    }
    let keep = |name: &str, text: &str| {
        let path = agent.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let keys = Client::unix(agent.socket()).get("/.well-known/jwks.json").text();
    let jwks = keep("jwks.json", &keys);
    let checkpoint = keep("checkpoint", &agent.done(&["audit", "checkpoint"], "").out);
    let exported = agent.done(&["audit", "export"], "").out;
    let log = keep("exported", &exported);
    let edited = keep("edited", &exported.replacen("ALICES001", "MALLORY01", 1));
    let (_, without_first) = exported.split_once('\n').unwrap();
    let cut = keep("cut", without_first);
    let empty = keep("empty", "");
    let none = keep("none", "no log\n");
    let unfit = keep("no-checkpoint", "x.y.z\n");
    assert_eq!(agent.stop(), Some(0));

    let verify = |log: &str, checkpoint: &str| {
        let place = ["--checkpoint", checkpoint, "--jwks", &jwks];
        twostep(&[&["audit", "verify", "--export", log], &place[..]].concat(), "")
    };
    for checkpoint in [&checkpoint, &log] {
        let whole = verify(&log, checkpoint);
        assert!(whole.exit == 0 && whole.out.starts_with("whole: "), "{whole:?}");
    }
    for (log, told) in [
        (&edited, "broken: entry "),
        (&cut, "broken: entry 1 is missing or was changed"),
        (&empty, "broken: entry 1 is missing or was changed"),
    ] {
        let broken = verify(log, &checkpoint);
        assert!(broken.exit == 1 && broken.out.contains(told), "{log}: {broken:?}");
    }
    let bad = verify(&none, &checkpoint);
    assert!(bad.exit == 2 && bad.err.contains("is no exported log"), "{bad:?}");
    let unsigned = verify(&log, &unfit);
    assert!(
        unsigned.exit == 1 && unsigned.err.contains("not signed by these keys"),
        "{unsigned:?}"
    );
    let alone = twostep(&["audit", "verify", "--export", &log], "");
    assert!(alone.exit == 2 && alone.err.contains("--checkpoint"), "{alone:?}");
}
