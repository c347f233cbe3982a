//! `twostep audit export`, verified with a checkpoint and public keys alone; `session keys export`.

use std::fs;

use serde_json::{Value, json};
use test_support::http::Client;
use twostep::session::{AnyContext, JwkSet, SignedContext, Validator};

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

#[test]
fn exported_keys_validate_the_sessions_of_the_issuer_they_name() {
    let agent = Agent::start("issuer = \"https://mfa.example\"\n");
    let printed = agent.done(&["session", "keys", "export"], "").out;
    let document = agent.done(&["--json", "session", "keys", "export"], "").json();
    assert_eq!(serde_json::from_str::<Value>(&printed).unwrap(), document);
    let served = Client::unix(agent.socket()).get("/.well-known/jwks.json").json();
    assert_eq!(document["keys"], served["keys"]);

    let issuer = document["issuer"].as_str().unwrap();
    assert_eq!(issuer, "https://mfa.example");
    let open = json!({"account": "alice", "audience": "orders"});
    let opened = Client::unix(agent.socket()).post("/v1/sessions", open).json();
    let token = SignedContext::new(opened["token"].as_str().unwrap());
    let keys = JwkSet::from_json(printed.as_bytes()).unwrap();
    let validator = Validator::new(keys, issuer, "orders");
    let context = validator.validate_any(&token).unwrap();
    assert!(matches!(context, AnyContext::WithoutMfa(_)), "{context:?}");
}
