//! The line of a request in the log: its id, its reason, and the account where it is wanted.

use serde_json::{Value, json};
use test_support::agent::Agent;
use test_support::http::Answer;
use test_support::people::{enrol, text};

use super::{TCP, admin, caller};

/// The line of the request that had this answer.
fn line(agent: &Agent, answer: &Answer) -> Value {
    let id = answer.header("x-request-id").unwrap().to_owned();
    assert!(id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    serde_json::from_str(&agent.logs(&format!("\"id\":\"{id}\""))).unwrap()
}

#[test]
fn a_request_is_found_in_the_log_with_its_reason() {
    let agent = Agent::start(TCP);
    let (admin, verifier) = (admin(&agent), caller(&agent, "verifier"));
    let token = enrol(&admin, "alice");
    let wrong = json!({"account": "alice", "serial": token.serial, "code": token.wrong()});
    let refused = verifier.post("/v1/sessions", wrong.clone());
    let body = refused.json();
    assert!(body["reason"].is_null(), "a caller that may not know is not told: {body}");
    let line = |answer: &Answer| line(&agent, answer);
    let told = line(&refused);
    assert_eq!((&told["reason"], &told["status"]), (&"no_match".into(), &403.into()), "{told}");
    assert!(told.get("account").is_none(), "no account unless it is wanted: {told}");

    let answers = [
        (admin.get("/v1/devices"), Value::Null),
        (admin.get("/v1/devices?limit=0"), "InvalidInput".into()),
        (admin.get("/v1/devices/NOBODYS01"), "NoSuchEntity".into()),
        (verifier.get("/v1/accounts"), "AccessDenied".into()),
        (admin.get("/v1/nothing"), "NoSuchEntity".into()),
    ];
    let mut ids = std::collections::BTreeSet::new();
    for (answer, reason) in answers {
        let told = line(&answer);
        assert_eq!(told["reason"], reason, "{told}");
        assert!(ids.insert(text(&told["id"])), "an id belongs to one request");
    }
    // An id that a caller sends is not taken for one.
    let named = admin.raw("GET", "/v1/devices", &[("X-Request-Id", "forged")], b"");
    assert_ne!(named.header("x-request-id"), Some("forged"));
}

#[test]
fn lines_name_the_account_where_that_is_wanted() {
    let agent = Agent::start("[log]\naccounts = true\n");
    let admin = admin(&agent);
    let token = enrol(&admin, "alice");
    let wrong = json!({"account": "alice", "serial": token.serial, "code": token.wrong()});
    for answer in [
        admin.post("/v1/sessions", wrong),
        admin.get(&token.path("")),
        admin.post("/v1/accounts/alice/bypass", json!({})),
    ] {
        let told = line(&agent, &answer);
        assert_eq!(told["account"], "alice", "{told}");
    }
    let told = line(&agent, &admin.get("/v1/accounts"));
    assert!(told.get("account").is_none(), "{told}");
}
