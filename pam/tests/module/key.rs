//! A security key through the agent: the offer, the messages to the person, and codes as an
//! alternative.

use std::io::Write;
use std::sync::mpsc::channel;
use std::time::Duration;

use serde_json::{Value, json};

use super::{HERE, REMOTE};
use crate::support::fake::{CHUNKED, Fake, Request, chunk, context, device, reply};
use crate::support::host::{AUTH_ERR, Items, SUCCESS, UNAVAIL, authenticate};

const CONSOLE: Items<'static> = Items { tty: Some("/dev/tty1"), rhost: None };

/// An agent for alice, who has a key; its ceremony sends these events.
fn with_key(events: Vec<Value>) -> Fake {
    Fake::start(move |request, stream| {
        let answer = match request.path.as_str() {
            "/v1/local/key-ceremonies" => {
                let mut text = CHUNKED.to_owned();
                text.extend(events.iter().map(chunk));
                text + "0\r\n\r\n"
            }
            "/v1/local/key-ceremonies/c-1/pin" => "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
            path => others(path, request),
        };
        let _ = stream.write_all(answer.as_bytes());
    })
}

fn others(path: &str, request: &Request) -> String {
    match path {
        "/v1/sessions" if request.json()["code"] == "123456" => reply(201, &done("alice")),
        "/v1/sessions" => reply(403, &json!({})),
        _ => reply(
            200,
            &json!({"devices": [device("KEY-00001", "security_key", "Blue")], "next": null}),
        ),
    }
}

fn begun() -> Value {
    json!({"event": "begun", "ceremony_id": "c-1"})
}

fn done(account: &str) -> Value {
    json!({"event": "done", "token": "a.b.c", "context": context(account)})
}

#[test]
fn a_touch_is_success_for_a_person_at_the_machine() {
    let agent = with_key(vec![
        begun(),
        json!({"event": "waiting_for_key"}),
        json!({"event": "need_touch"}),
        done("alice"),
    ]);
    let (code, typist) = authenticate("alice", &agent.line("wait=20"), CONSOLE, &[""]);
    assert_eq!(code, SUCCESS);
    let saw = "Press Enter to use the security key of alice for probe, or type a code: \nPlug in \
        your security key.\nTouch your security key.\n";
    assert_eq!(typist.saw(), saw);
    let asked = agent.heard().pop().unwrap().json();
    assert_eq!(asked, json!({"account": "alice", "service": "probe", "wait_seconds": 20}));
}

#[test]
fn a_remote_person_is_asked_for_a_code_only() {
    let agent = with_key(vec![begun(), done("alice")]);
    let remote_console = Items { tty: Some("/dev/tty1"), rhost: Some("192.0.2.1") };
    let terminal = Items { tty: Some("/dev/pts/1"), rhost: None };
    for (options, items) in
        [("", REMOTE), ("", remote_console), ("", terminal), ("key=never", CONSOLE)]
    {
        let (code, typist) = authenticate("alice", &agent.line(options), items, &["123456"]);
        assert_eq!(
            (code, typist.saw().as_str()),
            (SUCCESS, "Code of alice for probe: \n"),
            "{options}"
        );
    }
    assert!(!agent.heard().iter().any(|request| request.path.starts_with("/v1/local")));
    // The operator can offer the key to remote people as well.
    assert_eq!(authenticate("alice", &agent.line("key=always"), REMOTE, &[""]).0, SUCCESS);
}

#[test]
fn a_code_can_be_typed_instead() {
    let agent = with_key(vec![begun(), done("alice")]);
    assert_eq!(authenticate("alice", &agent.line(""), CONSOLE, &["123456"]).0, SUCCESS);
    assert_eq!(authenticate("alice", &agent.line(""), CONSOLE, &["654321"]).0, AUTH_ERR);
    assert!(!agent.heard().iter().any(|request| request.path.starts_with("/v1/local")));
}

#[test]
fn a_pin_prompt_shows_the_remaining_tries() {
    let need =
        |retries, wrong| json!({"event": "need_pin", "retries": retries, "wrong_before": wrong});
    let agent = with_key(vec![
        begun(),
        need(8, false),
        need(7, true),
        json!({"event": "need_touch"}),
        done("alice"),
    ]);
    let (code, typist) = authenticate("alice", &agent.line(""), CONSOLE, &["", "0000", "1234"]);
    assert_eq!(code, SUCCESS);
    let saw = typist.saw();
    assert!(saw.contains("\nPIN of the security key (8 tries left): \n"), "{saw}");
    assert!(
        saw.contains("\nThat PIN was wrong. PIN of the security key (7 tries left): \n"),
        "{saw}"
    );
    let pins: Vec<Value> = agent
        .heard()
        .iter()
        .filter(|request| request.path.ends_with("/pin"))
        .map(Request::json)
        .collect();
    assert_eq!(pins, [json!({"pin": "0000"}), json!({"pin": "1234"})]);
}

#[test]
fn a_code_replaces_a_failed_key() {
    for (why, shown) in [
        ("no_key", "No security key is plugged in."),
        ("not_enrolled", "This security key is not one of yours."),
        ("not_touched", "The security key was not touched in time."),
        ("pin_blocked", "The PIN of the security key is blocked."),
        ("busy", "The security key is in use elsewhere."),
        ("not_asked", "A security key did not answer."),
        ("cancelled", "A security key cannot be used now."),
        ("anything", "A security key cannot be used now."),
    ] {
        let agent = with_key(vec![begun(), json!({"event": "failed", "code": why, "detail": "x"})]);
        let (code, typist) = authenticate("alice", &agent.line(""), CONSOLE, &["", "123456"]);
        assert_eq!(code, SUCCESS, "{why}");
        assert!(
            typist.saw().ends_with(&format!("{shown}\nCode of alice for probe: \n")),
            "{}",
            typist.saw()
        );
        assert_eq!(authenticate("alice", &agent.line(""), CONSOLE, &["", "654321"]).0, AUTH_ERR);
    }
    let agent =
        with_key(vec![begun(), json!({"event": "refused", "problem": {"code": "AccessDenied"}})]);
    assert_eq!(authenticate("alice", &agent.line(""), CONSOLE, &["", "654321"]).0, AUTH_ERR);
    let agent =
        with_key(vec![begun(), json!({"event": "need_pin", "retries": 1, "wrong_before": false})]);
    assert_eq!(authenticate("alice", &agent.line(""), CONSOLE, &["", "", "123456"]).0, SUCCESS);
}

#[test]
fn a_key_that_does_not_answer_is_named() {
    let long = "x".repeat(1000);
    for (code, key, shown) in [
        ("busy", "Example Key (/dev/hidraw1)", "Example Key (/dev/hidraw1) is in use elsewhere."),
        ("not_asked", "Example Key (/dev/hidraw1)", "Example Key (/dev/hidraw1) did not answer."),
        ("not_asked", "Key\u{1b}[2J\n$ (/dev/hidraw1)", "Key[2J$ (/dev/hidraw1) did not answer."),
        ("not_asked", " \n", "A security key did not answer."),
        ("not_asked", &long, &format!("{} did not answer.", &long[..128])),
        ("no_key", "Example Key (/dev/hidraw1)", "No security key is plugged in."),
    ] {
        let agent = with_key(vec![
            begun(),
            json!({"event": "failed", "code": code, "detail": "x", "key": key}),
        ]);
        let (code, typist) = authenticate("alice", &agent.line(""), CONSOLE, &["", "123456"]);
        assert_eq!(code, SUCCESS, "{shown}");
        assert!(
            typist.saw().ends_with(&format!("{shown}\nCode of alice for probe: \n")),
            "{}",
            typist.saw()
        );
    }
}

#[test]
fn a_code_replaces_a_pin_that_comes_too_late() {
    let late = json!({"event": "need_pin", "retries": 8, "wrong_before": false});
    let agent = Fake::start(move |request, stream| {
        let answer = match request.path.as_str() {
            "/v1/local/key-ceremonies" => {
                CHUNKED.to_owned()
                    + &[begun(), late.clone(), json!({"event": "failed", "code": "not_touched"})]
                        .map(|event| chunk(&event))
                        .concat()
            }
            "/v1/local/key-ceremonies/c-1/pin" => reply(404, &json!({"code": "NoSuchEntity"})),
            path => others(path, request),
        };
        let _ = stream.write_all(answer.as_bytes());
    });
    assert_eq!(authenticate("alice", &agent.line(""), CONSOLE, &["", "1234", "123456"]).0, SUCCESS);
}

#[test]
fn a_malformed_ceremony_is_a_failure() {
    let mut without_mfa = done("alice");
    without_mfa["context"]["mfa_present"] = json!(false);
    let pins = vec![json!({"event": "need_touch"}); 100];
    for events in [
        vec![],
        vec![done("alice")],
        vec![begun()],
        vec![begun(), begun()],
        vec![begun(), done("bob")],
        vec![begun(), without_mfa],
        vec![begun(), json!({"event": "done"})],
        vec![begun(), json!({"event": "done", "token": "", "context": context("alice")})],
        vec![begun(), json!({"event": "granted"}), done("alice")],
        vec![begun(), json!([]), done("alice")],
        vec![json!({"event": "begun", "ceremony_id": "../sessions"}), done("alice")],
        vec![json!({"event": "begun"}), done("alice")],
        [vec![begun()], pins, vec![done("alice")]].concat(),
    ] {
        let agent = with_key(events.clone());
        let (code, typist) = authenticate("alice", &agent.line(""), CONSOLE, &["", ""]);
        assert_eq!(code, UNAVAIL, "{events:?} {}", typist.saw());
    }
}

#[test]
fn leaving_a_ceremony_closes_its_connection() {
    let (closed, is_closed) = channel();
    let closed = std::sync::Mutex::new(closed);
    let agent = Fake::start(move |request, stream| match request.path.as_str() {
        "/v1/local/key-ceremonies" => {
            let need = json!({"event": "need_pin", "retries": 8, "wrong_before": false});
            let _ = stream
                .write_all((CHUNKED.to_owned() + &chunk(&begun()) + &chunk(&need)).as_bytes());
            let read = std::io::Read::read(stream, &mut [0]);
            let _ = closed.lock().unwrap().send(read.unwrap_or(0));
        }
        path => drop(stream.write_all(others(path, request).as_bytes())),
    });
    // The person types no PIN and no code.
    assert_eq!(authenticate("alice", &agent.line(""), CONSOLE, &["", "", ""]).0, AUTH_ERR);
    assert_eq!(is_closed.recv_timeout(Duration::from_secs(5)), Ok(0));
}

#[test]
fn an_account_without_a_key_is_not_offered_one() {
    let agent = Fake::agent(&json!([device("TOKEN-0001", "totp", "Phone")]));
    assert_eq!(
        authenticate("alice", &agent.line("key=always"), CONSOLE, &["123456"]).1.saw(),
        "Code of alice for probe: \n"
    );
    assert_eq!(authenticate("alice", &agent.line("key=always"), HERE, &["123456"]).0, SUCCESS);
}
