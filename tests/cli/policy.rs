//! `twostep policy`: what a file demands, what is wrong with it, and what would come of a context.

use serde_json::json;

use super::journey::{Token, away_from_the_end_of_a_step};
use super::program::{Agent, twostep};

const POLICIES: &str = "[policy.payments]\nmax_age = 900\nphishing_resistant = true\n\n\
                        [policy.site]\npresent = true\n";

#[test]
fn a_file_of_policies_is_explained_and_judged() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policies.toml");
    let file = file.to_str().unwrap();
    std::fs::write(file, POLICIES).unwrap();
    let shown = twostep(&["policy", "check", file], "");
    assert_eq!(shown.exit, 0, "{shown:?}");
    assert!(
        shown
            .out
            .contains("the proof resists phishing and MFA was proved at most 900 s ago"),
        "{shown:?}"
    );
    assert!(shown.out.contains("acr phr, max_age 900"), "{shown:?}");
    let document = twostep(&["--json", "policy", "check", file], "").json();
    assert_eq!(document["policies"][0]["step_up"], json!({"acr_values": ["phr"], "max_age": 900}));
    assert!(
        twostep(&["policy", "lint", file], "")
            .out
            .ends_with("nothing is wrong with payments, site.\n")
    );

    std::fs::write(
        file,
        "[policy.a]\nnot = { present = true }\n\n[policy.b]\nkinds = []\nmax_age = 0\n",
    )
    .unwrap();
    for verb in ["check", "lint"] {
        let refused = twostep(&["policy", verb, file], "");
        assert_eq!(refused.exit, 2, "{refused:?}");
        let begins: Vec<_> =
            refused.out.lines().map(|line| line.split(": ").next().unwrap()).collect();
        let line = |line: usize, policy: &str| format!("{file}, line {line}, policy {policy}");
        assert_eq!(begins, [line(1, "a"), line(5, "b"), line(6, "b")]);
    }
    let document = twostep(&["--json", "policy", "lint", file], "");
    assert_eq!(document.exit, 2);
    assert_eq!(
        (&document.json()["ok"], &document.json()["faults"][1]["line"]),
        (&false.into(), &5.into())
    );
    assert_eq!(twostep(&["policy", "simulate", file, "a"], "").exit, 2);
    assert_eq!(twostep(&["policy", "lint", "not-there.toml"], "").exit, 2);
}

#[test]
fn a_simulation_says_yes_or_no_and_why() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policies.toml");
    let file = file.to_str().unwrap();
    std::fs::write(file, POLICIES).unwrap();
    let simulate = |more: &[&str], input: &str| {
        twostep(&[&["policy", "simulate", file, "payments"], more].concat(), input)
    };

    let none = simulate(&[], "");
    assert_eq!(none.exit, 1, "{none:?}");
    assert!(
        none.out.starts_with(
            "refused: no valid context was presented\nThe context does not say: kind, mfa_time\n"
        ),
        "{none:?}"
    );
    let key =
        json!({"mfa_present": true, "kind": "security_key", "mfa_time": "2026-11-22T09:00:00Z"})
            .to_string();
    for (at, exit, said) in [
        ("2026-11-22T09:15:00Z", 0, "allowed: MFA was proved with a security key 900 s ago"),
        (
            "2026-11-22T09:15:01Z",
            1,
            "refused: MFA was proved 901 s ago, and at most 900 s are allowed",
        ),
    ] {
        let ended = simulate(&["--context", "-", "--at", at], &key);
        assert_eq!(ended.exit, exit, "{ended:?}");
        assert!(ended.out.starts_with(said), "{ended:?}");
    }
    let document = twostep(
        &["--json", "policy", "simulate", file, "payments", "--context", r#"{"mfa_present":true}"#],
        "",
    );
    assert_eq!(document.exit, 1);
    let document = document.json();
    assert_eq!(
        (&document["allowed"], &document["missing"]),
        (&false.into(), &json!(["kind", "mfa_time"]))
    );
    for bad in [
        &["--context", "{}}"][..],
        &["--context", r#"{"mfa":true}"#],
        &["--context", "e30.e30"],
        &["--at", "noon"],
    ] {
        assert_eq!(simulate(bad, "").exit, 2, "{bad:?}");
    }
    assert!(
        twostep(&["policy", "simulate", file, "pay"], "")
            .err
            .contains("there are: payments, site")
    );
}

#[test]
fn a_token_is_simulated_as_it_is_enforced() {
    let agent = Agent::start(
        "[policy.site]\npresent = true\n[policy.payments]\nmax_age = 900\n\
         phishing_resistant = true\n",
    );
    let file = agent.folder.path().join("policies.toml");
    let file = file.to_str().unwrap();
    std::fs::write(file, POLICIES).unwrap();
    away_from_the_end_of_a_step();
    let token = Token::added(
        &agent
            .done(
                &["--json", "device", "add", "--account", "alice", "--serial", "GAHT12345678"],
                "",
            )
            .json(),
    );
    agent.done(&["device", "activate", "GAHT12345678"], &token.pair(-1));
    let session = agent.done(&["-q", "login", "--account", "alice"], &token.code(1)).out;
    for (policy, exit, said) in [
        ("site", 0, "allowed: "),
        ("payments", 1, "refused: MFA was proved with a time-based code"),
    ] {
        let ended = twostep(&["policy", "simulate", file, policy, "--context", "-"], &session);
        assert_eq!(ended.exit, exit, "{ended:?}");
        assert!(ended.out.starts_with(said) && ended.err.contains("was not checked"), "{ended:?}");
    }
}
