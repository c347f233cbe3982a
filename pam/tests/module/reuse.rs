//! Reuse of a fresh verification: only a clear yes of the agent about this account counts.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use test_support::tools;

use super::HERE;
use crate::support::fake::{Fake, context, reply};
use crate::support::host::{AUTH_ERR, SUCCESS, authenticate};

/// Root exists in every user database.
const ROOT: &str = "root";

fn remembers(answer: &'static str, status: u16, fresh: Value) -> Fake {
    Fake::start(move |request, stream| {
        let text = match (request.method.as_str(), request.path.as_str()) {
            ("POST", "/v1/local/fresh") => reply(status, &fresh),
            ("PUT", "/v1/local/fresh") => answer.to_owned(),
            ("POST", "/v1/sessions") => {
                reply(201, &json!({"token": "a.b.c", "context": context(ROOT)}))
            }
            _ => reply(200, &json!({"devices": []})),
        };
        let _ = stream.write_all(text.as_bytes());
    })
}

/// Runs in a terminal, since reuse needs one.
fn only_a_clear_yes_about_this_account_is_fresh() {
    let mut without_mfa = context(ROOT);
    without_mfa["mfa_present"] = json!(false);
    for (status, answer) in [
        (200, json!({"fresh": false})),
        (200, json!({"fresh": false, "context": context(ROOT)})),
        (200, json!({"fresh": true})),
        (200, json!({"fresh": "true", "context": context(ROOT)})),
        (200, json!({"fresh": true, "context": context("alice")})),
        (200, json!({"fresh": true, "context": without_mfa})),
        (201, json!({"fresh": true, "context": context(ROOT)})),
        (403, json!({"fresh": true, "context": context(ROOT)})),
    ] {
        let agent = remembers("HTTP/1.1 204 No Content\r\n\r\n", status, answer.clone());
        let (code, typist) = authenticate(ROOT, &agent.line("reuse"), HERE, &["123456"]);
        assert_eq!(
            (code, typist.saw().as_str()),
            (SUCCESS, "Code of root for probe: \n"),
            "{answer}"
        );
    }
}

#[test]
fn without_the_option_nothing_is_reused_or_remembered() {
    let agent = remembers("", 200, json!({"fresh": true, "context": context(ROOT)}));
    let (code, typist) = authenticate(ROOT, &agent.line(""), HERE, &["123456"]);
    assert_eq!((code, typist.saw().as_str()), (SUCCESS, "Code of root for probe: \n"));
    assert!(!agent.heard().iter().any(|request| request.path.contains("local")));
}

#[test]
fn a_fresh_verification_on_this_terminal_needs_no_prompt() {
    if !tools::have("script") {
        return;
    }
    let log = tempfile::NamedTempFile::new().unwrap();
    let command = format!(
        "{} --exact module::reuse::in_a_terminal",
        std::env::current_exe().unwrap().display()
    );
    let mut script = Command::new("script");
    script
        .args(["-qefc", &command])
        .arg(log.path())
        .env("TWOSTEP_IN_A_TERMINAL", "1")
        .stdin(Stdio::null());
    let output = script.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

/// Does nothing unless it was started in a terminal of its own.
#[test]
fn in_a_terminal() {
    if std::env::var_os("TWOSTEP_IN_A_TERMINAL").is_none() {
        return;
    }
    let agent = remembers("", 200, json!({"fresh": true, "context": context(ROOT)}));
    let (code, typist) = authenticate(ROOT, &agent.line("reuse"), HERE, &[]);
    assert_eq!((code, typist.saw().as_str()), (SUCCESS, ""));
    let asked = agent.heard().pop().unwrap().json();
    assert!(asked["tty"].as_str().unwrap().starts_with("pts/"), "{asked}");
    assert_eq!(
        (&asked["account"], &asked["uid"], &asked["service"]),
        (&json!("root"), &json!(0), &json!("probe"))
    );
    assert!(
        asked["leader_pid"].as_u64() > Some(0) && asked["leader_started"].as_u64() > Some(0),
        "{asked}"
    );
    assert_eq!(asked["boot_id"].as_str().map(str::len), Some(36));

    only_a_clear_yes_about_this_account_is_fresh();

    // A success is remembered for the same place, and a failure is not.
    let agent = remembers("HTTP/1.1 204 No Content\r\n\r\n", 200, json!({"fresh": false}));
    assert_eq!(authenticate(ROOT, &agent.line("reuse"), HERE, &["not a code"]).0, AUTH_ERR);
    assert!(!agent.heard().iter().any(|request| request.method == "PUT"));
    assert_eq!(authenticate(ROOT, &agent.line("reuse"), HERE, &["123456"]).0, SUCCESS);
    let remembered = agent.heard().pop().unwrap();
    let mut expected = asked;
    expected["token"] = json!("a.b.c");
    assert_eq!((remembered.method.as_str(), remembered.json()), ("PUT", expected));
}
