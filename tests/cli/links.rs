//! One-time links to the console, and keys of operators, by command.

use super::program::{Agent, CONSOLE};

#[test]
fn a_link_is_printed_alone_and_can_be_withdrawn() {
    let agent = Agent::start(CONSOLE);
    let made = agent.done(&["console", "link", "--account", "alice", "--ttl", "60"], "");
    let url = made.out.trim_end();
    assert!(url.starts_with("http://localhost:7443/link#") && !url.contains(' '), "{made:?}");
    assert!(made.err.contains("opens once") && !made.err.contains(url), "{made:?}");
    let quiet = agent.done(&["--quiet", "console", "link", "--account", "bob"], "");
    assert_eq!((quiet.out.lines().count(), quiet.err.as_str()), (1, ""), "{quiet:?}");

    let listed = agent.done(&["console", "links"], "").out;
    assert!(listed.contains("alice") && listed.contains("enrolment"), "{listed}");
    let code = url.rsplit('#').next().unwrap();
    assert!(!listed.contains(code), "it is shown once: {listed}");
    let links = agent.done(&["--json", "console", "links"], "").json();
    let ids: Vec<&str> = links["links"]
        .as_array()
        .unwrap()
        .iter()
        .map(|link| link["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), 2);
    for id in ids {
        let withdrawn = agent.done(&["console", "withdraw", id], "");
        assert!(withdrawn.out.contains("is withdrawn"), "{withdrawn:?}");
        let again = agent.run(&["console", "withdraw", id], "");
        assert_eq!(again.exit, 1, "{again:?}");
        assert!(again.err.contains("no such link"), "{again:?}");
    }
}

#[test]
fn the_qr_code_of_a_link_is_beside_the_output() {
    let agent = Agent::start(CONSOLE);
    let made = agent.done(&["console", "link", "--account", "alice", "--qr", "light"], "");
    assert_eq!(made.out.lines().count(), 1, "{made:?}");
    assert!(made.err.contains('█') && !made.out.contains('█'), "{made:?}");
}

#[test]
fn a_recovery_link_is_for_an_account_that_exists() {
    let agent = Agent::start(CONSOLE);
    let recover = ["console", "link", "--account", "alice", "--recover"];
    let missing = agent.run(&recover, "");
    assert!(missing.exit == 1 && missing.err.contains("no such account"), "{missing:?}");
    agent.done(&["device", "add", "--account", "alice", "--serial", "ALICES001"], "");
    agent.done(&recover, "");
    assert!(agent.done(&["console", "links"], "").out.contains("recovery"));
}

#[test]
fn without_a_console_its_setting_is_named() {
    let agent = Agent::start("");
    for arguments in [&["console", "links"][..], &["console", "link", "--account", "alice"]] {
        let ended = agent.run(arguments, "");
        assert_eq!(ended.exit, 1, "{ended:?}");
        assert!(ended.err.contains("[console]"), "{ended:?}");
    }
}

#[test]
fn an_operators_key_names_its_operator() {
    let agent = Agent::start("");
    let create =
        |role: &str| agent.run(&["api-key", "create", "--role", role, "--operator", "carol"], "");
    for role in ["enroller", "admin"] {
        assert_eq!(create(role).exit, 0, "{role}");
    }
    let refused = create("verifier");
    assert!(refused.exit == 2 && refused.err.contains("operator"), "{refused:?}");
    agent.done(&["api-key", "create", "--role", "enroller"], "");
    let keys = agent.done(&["--json", "api-key", "list"], "").json();
    let operators: Vec<Option<&str>> = keys["api_keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["operator"].as_str())
        .collect();
    assert_eq!(operators, [Some("carol"), Some("carol"), None]);
    let listed = agent.done(&["api-key", "list"], "").out;
    assert!(listed.contains("OPERATOR") && listed.contains("carol"), "{listed}");
}
