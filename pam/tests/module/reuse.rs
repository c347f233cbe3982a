//! A verification that is still fresh: only the agent's clear yes about this account is one.

use std::io::Write;

use serde_json::Value;
use serde_json::json;

use crate::HERE;
use crate::fake::Fake;
use crate::fake::context;
use crate::fake::reply;
use crate::host::SUCCESS;
use crate::host::authenticate;

/// Root has an entry in every system's tables.
const ROOT: &str = "root";

fn remembers(answer: &'static str, status: u16, fresh: Value) -> Fake {
    Fake::start(move |request, stream| {
        let text = match (request.method.as_str(), request.path.as_str()) {
            ("POST", "/v1/local/fresh") => reply(status, &fresh),
            ("PUT", "/v1/local/fresh") => answer.to_owned(),
            ("POST", "/v1/sessions") => reply(201, &json!({"token": "a.b.c", "context": context(ROOT)})),
            _ => reply(200, &json!({"devices": []})),
        };
        let _ = stream.write_all(text.as_bytes());
    })
}

#[test]
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
        assert_eq!((code, typist.saw().as_str()), (SUCCESS, "Code of root for probe: \n"), "{answer}");
    }
}

#[test]
fn without_the_option_nothing_is_reused_or_remembered() {
    let agent = remembers("", 200, json!({"fresh": true, "context": context(ROOT)}));
    let (code, typist) = authenticate(ROOT, &agent.line(""), HERE, &["123456"]);
    assert_eq!((code, typist.saw().as_str()), (SUCCESS, "Code of root for probe: \n"));
    assert!(!agent.heard().iter().any(|request| request.path.contains("local")));
}
