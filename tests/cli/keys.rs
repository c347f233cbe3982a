//! Security keys, where none answers. What they do when one is there is tried with virtual keys in
//! `hw-tests`.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::program::{Agent, TWOSTEP, command, twostep};

/// A folder without keys, instead of the USB bus.
const NOWHERE: &str = "/nowhere/hidraw0";

#[test]
fn without_a_key_the_program_says_so_and_ends_with_4() {
    let agent = Agent::start("");
    for arguments in [
        &["login", "--key", "--account", "alice", "--wait", "1"][..],
        &["key", "enroll", "--account", "alice", "--wait", "1"],
        &["key", "test", "--account", "alice", "--wait", "1"],
        &["key", "info"],
        &["key", "pin", "set"],
        &["key", "pin", "change"],
        &["key", "credentials", "list"],
        &["key", "credentials", "delete", "--yes", "0011"],
    ] {
        let arguments = [arguments, &["--hidraw", NOWHERE]].concat();
        let began = Instant::now();
        let ended = agent.run(&arguments, "");
        assert_eq!((ended.exit, ended.out.as_str()), (4, ""), "{arguments:?}: {ended:?}");
        assert!(ended.err.contains("no security key"), "{arguments:?}: {}", ended.err);
        assert!(began.elapsed() < Duration::from_secs(5), "{arguments:?}");
        let told = agent.run(&[&arguments[..], &["--json"]].concat(), "").json();
        assert_eq!(told["code"], "NoSecurityKey", "{arguments:?}: {told}");
    }
}

#[test]
fn an_interrupt_ends_the_wait_for_a_key() {
    let agent = Agent::start("");
    let mut login = command(TWOSTEP);
    login
        .args(["login", "--key", "--account", "alice", "--hidraw", NOWHERE, "--socket"])
        .arg(agent.socket());
    let child = login
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(500));
    let began = Instant::now();
    assert!(
        Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("cancelled") && began.elapsed() < Duration::from_secs(2), "{said}");
}

#[test]
fn a_key_answers_only_for_configured_sites() {
    let agent = Agent::start("");
    for origin in [
        "https://login.example.com",
        "https://localhost.example.com",
        "http://127.0.0.1",
        "localhost",
        "https://",
    ] {
        let began = Instant::now();
        let ended = agent.run(
            &["login", "--key", "--account", "alice", "--origin", origin, "--hidraw", NOWHERE],
            "",
        );
        assert_eq!((ended.exit, ended.out.as_str()), (2, ""), "{origin}: {ended:?}");
        assert!(
            began.elapsed() < Duration::from_secs(5),
            "{origin}: refused before anything is asked of a key"
        );
    }
}

#[test]
fn the_doctor_and_the_list_need_neither_agent_nor_key() {
    let doctor = twostep(&["key", "doctor", "--json"], "");
    let findings = doctor.json();
    assert_eq!(findings["ok"], doctor.exit == 0, "{findings}");
    assert_eq!(findings["findings"][0]["topic"], "you");
    let list = twostep(&["key", "list", "--json"], "");
    assert_eq!(list.exit, 0, "{list:?}");
    let keys = list.json()["keys"].as_array().unwrap().len();
    assert_eq!(doctor.exit == 4, keys == 0, "{findings}");
    let rule = twostep(&["key", "doctor", "--udev-rule"], "");
    assert!(rule.exit == 0 && rule.out.contains("TAG+=\"uaccess\""), "{rule:?}");
}

#[test]
fn a_deletion_is_confirmed() {
    let ended =
        twostep(&["key", "credentials", "delete", "0011", "--hidraw", NOWHERE], "123456\nyes\n");
    assert_eq!((ended.exit, ended.out.as_str()), (2, ""), "{ended:?}");
    assert!(ended.err.contains("gone for good") && ended.err.contains("--yes"), "{}", ended.err);
}

#[test]
fn the_process_that_looks_after_a_key_does_nothing_by_itself() {
    for input in [
        "",
        "{}",
        "null",
        "{\"path\":\"/dev/null\",\"verb\":\"reset\",\"pin\":\"\",\"new\":\"\",\"credential\":[]}",
    ] {
        let ended = twostep(&["key", "manage-in-child"], input);
        assert_eq!((ended.exit, ended.out.as_str()), (3, ""), "{input}: {ended:?}");
    }
    assert!(!twostep(&["key", "--help"], "").out.contains("manage-in-child"));
}
