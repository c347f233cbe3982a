//! The program as people and scripts meet it: what it prints where, and with which exit code it
//! ends.

#![allow(clippy::unwrap_used, reason = "a test that cannot do its part has failed")]

mod completions;
mod exports;
mod fleet;
mod found;
mod imported;
mod journey;
mod kept;
mod keys;
mod links;
mod looks;
mod lost;
mod manual;
mod owner;
mod pam_check;
mod pam_folders;
mod policy;
mod postgres;
pub(crate) mod program;
mod qr;
mod readers;
mod refused;
mod secrets;
mod simulate;
mod stores;
mod terminal;
mod twenty;
mod typed;
mod widths;

use program::{Ended, twostep};
use serde_json::Value;

/// A socket where no agent is.
const NOWHERE: &str = "/nowhere/agent.sock";

fn without_agent(arguments: &[&str]) -> Ended {
    twostep(&[&["--socket", NOWHERE], arguments].concat(), "")
}

#[test]
fn the_demo_tells_each_step_and_ends_well() {
    let ended = twostep(&["demo"], "");
    assert_eq!(ended.exit, 0, "{ended:?}");
    for told in [
        "Add a device",
        "The same code again is refused",
        "Out of sync",
        "Drift now: 13 steps (",
        "offline",
        "Revoke it",
    ] {
        assert!(ended.out.contains(told), "{told}: {}", ended.out);
    }
    assert_eq!(ended.err, "");
}

#[test]
fn the_demo_is_one_document_for_programs() {
    let document = twostep(&["demo", "--json"], "").json();
    assert_eq!(document["ok"], true);
    assert_eq!(document["steps"].as_array().map(Vec::len), Some(10));
}

#[test]
fn wrong_arguments_end_with_2() {
    for arguments in [
        &["device"][..],
        &["device", "lst"],
        &["device", "show", "a blank"],
        &["device", "add", "--kind", "magic"],
        &["device", "add", "--digits", "9"],
        &["login", "--duration", "10"],
        &["account", "bypass", "alice", "--ttl", "1000000"],
        &["api-key", "create"],
        &["console", "link", "--ttl", "59"],
        &["store", "check", "/nowhere/store.db"],
        &["config", "check", "/nowhere/twostep.toml"],
        &["--mfa-context", "/nowhere/session.jwt", "device", "list"],
    ] {
        let ended = twostep(arguments, "");
        assert_eq!((ended.exit, ended.out.as_str()), (2, ""), "{arguments:?}: {ended:?}");
        assert_ne!(ended.err, "", "{arguments:?}");
    }
}

#[test]
fn codes_and_secrets_are_no_arguments() {
    for arguments in [
        &["login", "123456"][..],
        &["login", "--code", "123456"],
        &["device", "activate", "GAHT12345678", "123456", "654321"],
        &["device", "resync", "GAHT12345678", "123456", "654321"],
        &["device", "add", "--secret", "GEZDGNBVGY3TQOJQ"],
        &["device", "add", "--secret-stdin=GEZDGNBVGY3TQOJQ"],
    ] {
        assert_eq!(twostep(arguments, "").exit, 2, "{arguments:?}");
    }
}

#[test]
fn without_an_agent_the_socket_and_a_remedy_are_named() {
    for arguments in [
        &["device", "list"][..],
        &["account", "list"],
        &["audit", "verify"],
        &["clock", "accept", "--yes"],
    ] {
        let ended = without_agent(arguments);
        assert_eq!((ended.exit, ended.out.as_str()), (3, ""), "{ended:?}");
        assert!(
            ended.err.contains(NOWHERE) && ended.err.contains("twostep agent"),
            "{}",
            ended.err
        );
    }
}

#[test]
fn with_json_there_is_one_document_and_nothing_else() {
    for (exit, arguments) in [
        (3, &["--json", "device", "list"][..]),
        (2, &["--json", "device", "lst"]),
        (2, &["--json", "device", "show", "a blank"]),
        (2, &["--json", "store", "check", "/nowhere/store.db"]),
    ] {
        let ended = without_agent(arguments);
        let document = ended.json();
        assert_eq!((ended.exit, ended.err.as_str()), (exit, ""), "{arguments:?}");
        for member in ["type", "title", "status", "code", "detail"] {
            assert!(!document[member].is_null(), "{member}: {document}");
        }
    }
}

#[test]
fn the_doctor_comes_without_an_agent() {
    let ended = without_agent(&["doctor", "--json"]);
    assert_eq!(ended.exit, 3, "{ended:?}");
    let document = ended.json();
    let findings = document["findings"].as_array().cloned().unwrap_or_default();
    let agent = findings
        .iter()
        .find(|finding| finding["topic"] == "agent")
        .cloned()
        .unwrap_or_default();
    assert_eq!(agent["verdict"], "bad");
    assert!(agent["mend"].to_string().contains("twostep agent"), "{agent}");
    assert!(
        without_agent(&["doctor"]).out.lines().all(str::is_ascii),
        "no locale says that it is UTF-8"
    );
}

#[test]
fn the_example_of_a_configuration_is_one() {
    let example = twostep(&["config", "example"], "");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("twostep.toml");
    std::fs::write(&file, &example.out).unwrap();
    let ended = twostep(&["config", "check", file.to_str().unwrap(), "--json"], "");
    assert!(ended.json()["problems"].is_array(), "{ended:?}");
    std::fs::write(&file, "isuer = \"x\"\n").unwrap();
    let ended = twostep(&["config", "check", file.to_str().unwrap()], "");
    assert_eq!(ended.exit, 2);
    assert!(ended.err.contains("isuer") && ended.err.contains("line 1"), "{}", ended.err);
}

#[test]
fn every_command_has_a_page_in_the_manual() {
    let folder = tempfile::tempdir().unwrap();
    let written = twostep(&["man", folder.path().to_str().unwrap(), "--json"], "").json();
    let pages = written["pages"].as_array().cloned().unwrap_or_default();
    assert!(pages.len() > 30, "{written}");
    for page in pages.iter().filter_map(Value::as_str).filter(|page| page.ends_with(".1")) {
        let roff = std::fs::read_to_string(page).unwrap();
        assert!(roff.contains(".SH NAME") && roff.contains(".SH SYNOPSIS"), "{page}");
    }
    assert!(twostep(&["man"], "").out.contains("twostep\\-device\\-resync"));
}
