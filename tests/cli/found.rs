//! Lists that are searched, and an audit log that is followed.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use super::journey::Token;
use super::program::{Agent, TWOSTEP, command};

fn added(agent: &Agent, account: &str, serial: &str, name: &str) -> Token {
    let add = ["--json", "device", "add", "--account", account, "--serial", serial, "--name", name];
    Token::added(&agent.done(&add, "").json())
}

#[test]
fn devices_are_listed_by_account_and_by_choice() {
    let agent = Agent::start("");
    for (account, serial) in [("zoe", "AAAA00001"), ("bob", "BBBB00002"), ("alice", "CCCC00003")] {
        added(&agent, account, serial, "work phone");
    }
    let token = added(&agent, "alice", "DDDD00004", "private");
    agent.done(&["device", "activate", "DDDD00004"], &token.pair(-1));

    let serials = |arguments: &[&str]| {
        let list = agent.done(&[&["--json", "device", "list"], arguments].concat(), "").json();
        let serials = list["devices"].as_array().unwrap().iter();
        serials
            .map(|device| device["serial"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(serials(&[]), ["CCCC00003", "DDDD00004", "BBBB00002", "AAAA00001"]);
    assert_eq!(serials(&["--search", "WORK"]), ["CCCC00003", "BBBB00002", "AAAA00001"]);
    assert_eq!(serials(&["--search", "ali", "--state", "active"]), ["DDDD00004"]);
    assert_eq!(serials(&["--kind", "totp", "--account", "bob"]), ["BBBB00002"]);
    assert_eq!(serials(&["--kind", "hotp"]), [""; 0]);
    assert_eq!(serials(&["--drift-above", "0"]), [""; 0]);
    assert_eq!(serials(&["--unused-since", "1h"]), ["CCCC00003", "BBBB00002", "AAAA00001"]);
    assert_eq!(serials(&["--unused-since", "2999-01-01"]).len(), 4);
    let none = agent.done(&["device", "list", "--kind", "hotp"], "");
    assert!(none.out.is_empty() && none.err.contains("No device is like that"), "{none:?}");
    let accounts = agent.done(&["account", "list", "--search", "LI"], "").out;
    assert!(accounts.contains("alice") && !accounts.contains("bob"), "{accounts}");

    for (arguments, option) in [
        (&["device", "list", "--state", "lost"][..], "--state"),
        (&["device", "list", "--kind", "bypass"], "--kind"),
        (&["device", "list", "--unused-since", "yesterday"], "--unused-since"),
        (&["device", "list", "--drift-above", "-1"], "-1"),
        (&["audit", "list", "--action", "code.eaten"], "--action"),
        (&["audit", "list", "--since", "1y"], "--since"),
    ] {
        let refused = agent.run(arguments, "");
        assert!(refused.exit == 2 && refused.err.contains(option), "{arguments:?}: {refused:?}");
    }
}

#[test]
fn a_lost_device_is_replaced_in_one_command() {
    let agent = Agent::start("");
    let token = added(&agent, "o'brien", "AAAA00001", "phone");
    agent.done(&["device", "activate", "AAAA00001"], &token.pair(-1));
    let refused = agent.run(&["account", "recover", "o'brien"], "");
    assert!(refused.exit == 2 && refused.err.contains("--yes"), "{refused:?}");
    let recovered = agent.done(&["account", "recover", "o'brien", "--yes"], "");
    for told in [
        "AAAA00001 is removed",
        "It opens one session of o'brien",
        r"twostep device add --account 'o'\''brien'",
    ] {
        assert!(recovered.err.contains(told), "{told}: {recovered:?}");
    }
    let opened = agent.done(&["--json", "login", "--account", "o'brien"], &recovered.out).json();
    assert_eq!(opened["context"]["kind"], "bypass", "the code alone is on standard output");
    let unknown = agent.run(&["account", "recover", "obrien", "--yes"], "");
    assert!(unknown.exit == 1 && unknown.err.contains("o'brien"), "{unknown:?}");
}

#[test]
fn the_audit_log_is_searched_and_followed() {
    let agent = Agent::start("");
    added(&agent, "alice", "AAAA00001", "phone");
    added(&agent, "bob", "BBBB00002", "phone");
    let listed = agent.done(&["audit", "list", "--account", "bob", "--since", "1h"], "").out;
    assert!(listed.contains("BBBB00002") && !listed.contains("AAAA00001"), "{listed}");
    let me = nix::unistd::User::from_uid(nix::unistd::Uid::effective()).unwrap().unwrap();
    assert!(listed.contains(&format!("{} (uid:{})", me.name, me.uid)), "{listed}");
    for none in [&["--until", "2020-01-01"][..], &["--action", "device.removed"]] {
        assert_eq!(agent.done(&[&["audit", "list"], none].concat(), "").out, "");
    }

    let mut follow = command(TWOSTEP)
        .args(["--socket", agent.socket().to_str().unwrap(), "--json", "audit", "list"])
        .args(["--follow", "--action", "device.added"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    let mut next = || {
        let line = lines.next().unwrap().unwrap();
        let row: Value = serde_json::from_str(&line).unwrap();
        row["serial"].as_str().unwrap().to_owned()
    };
    assert_eq!([next(), next()], ["AAAA00001", "BBBB00002"]);
    for serial in ["CCCC00003", "DDDD00004"] {
        added(&agent, "carol", serial, "phone");
        agent.done(&["device", "remove", serial, "--yes"], "");
        assert_eq!(next(), serial, "each entry comes once, and no other action");
    }
    follow.kill().and_then(|()| follow.wait()).unwrap();
}
