//! `twostep policy`: what a file demands, what is wrong with it, and what would come of a context.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;
use test_support::tools;

use super::journey::{Token, away_from_the_end_of_a_step};
use super::program::{Agent, command, copy_program, fed, twostep};

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
fn policies_are_read_from_the_configuration_of_an_agent() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (config, policies) = (at("twostep.toml"), at("policies.toml"));
    std::fs::write(&config, format!("issuer = \"https://mfa.example\"\n\n{POLICIES}")).unwrap();
    let shown = twostep(&["policy", "check", &config], "");
    assert!(shown.exit == 0 && shown.out.contains("acr phr, max_age 900"), "{shown:?}");
    assert!(twostep(&["policy", "lint", &config], "").out.contains("payments, site"));
    let judged = twostep(&["policy", "simulate", &config, "site"], "");
    assert_eq!(judged.exit, 1, "{judged:?}");

    std::fs::write(&config, "[log]\nlevel = \"warn\"\n\n[policy.a]\nmax_age = 0\n").unwrap();
    let refused = twostep(&["policy", "lint", &config], "");
    assert_eq!(refused.exit, 2, "{refused:?}");
    assert!(refused.out.starts_with(&format!("{config}, line 5, policy a: ")), "{refused:?}");

    std::fs::write(&config, "policy_file = \"policies.toml\"\n").unwrap();
    std::fs::write(&policies, POLICIES).unwrap();
    assert!(twostep(&["policy", "lint", &config], "").out.contains("payments, site"));
    std::fs::write(&policies, "[policy.a]\nmax_age = 0\n").unwrap();
    let refused = twostep(&["policy", "check", &config], "");
    assert!(refused.out.starts_with(&format!("{policies}, line 2, policy a: ")), "{refused:?}");

    // Of a configuration with another fault, this fault is told.
    std::fs::write(&config, "[log]\nlevels = \"warn\"\n").unwrap();
    let refused = twostep(&["policy", "check", &config], "");
    assert!(refused.exit == 2 && refused.err.contains("`levels`"), "{refused:?}");
    std::fs::write(&config, "[log]\nlevel = \"warn\"\n").unwrap();
    let none = twostep(&["policy", "check", &config], "");
    assert!(none.exit == 0 && none.out.contains("there is no policy in it"), "{none:?}");
}

/// In namespaces of its own, since the file is in `/etc`.
#[test]
fn without_a_file_the_agents_own_configuration_is_read() {
    if !tools::have("root,unshare") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let etc = folder.path().join("twostep");
    std::fs::create_dir(&etc).unwrap();
    std::fs::write(etc.join("twostep.toml"), POLICIES).unwrap();
    copy_program(&etc);
    for open in [folder.path(), &etc] {
        std::fs::set_permissions(open, Permissions::from_mode(0o755)).unwrap();
    }
    for (user, socket) in [("0", ""), ("1000", "/run/twostep/agent.sock")] {
        let mut unshare = command("unshare");
        unshare.args(["--mount", "--", "sh", "-euc"]).arg(
            "mount --bind \"$1\" /etc
             export HOME=/nowhere ${2:+TWOSTEP_SOCKET=$2}
             exec setpriv --reuid=\"$3\" --clear-groups /etc/twostep/twostep policy check",
        );
        unshare.args(["sh", folder.path().to_str().unwrap(), socket, user]);
        let shown = fed(unshare, "");
        assert!(shown.exit == 0 && shown.out.contains("max_age 900"), "{user}: {shown:?}");
    }
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
