//! `client`: the browser or address that a service vouches for. The attacker has the first factor
//! and comes through the owner's own service.

use serde_json::{Value, json};
use test_support::agent::Agent;
use test_support::held_key::enrol_key;
use test_support::http::{Answer, Client};
use test_support::people::{Token, add, enrol};

use super::{TCP, admin, caller};

fn open(service: &Client, token: &Token, code: &str, client: Option<&str>) -> Answer {
    let mut body = json!({"account": "alice", "serial": token.serial, "code": code});
    if let Some(client) = client {
        body["client"] = client.into();
    }
    service.post("/v1/sessions", body)
}

#[test]
fn strangers_through_the_same_service_cost_a_known_client_nothing() {
    let agent = Agent::start(TCP);
    let (admin, service) = (admin(&agent), caller(&agent, "enroller"));
    let mut token = add(&service, "alice");
    // Activation proves the owner, too.
    let first = json!({"codes": token.pair(), "client": "c-4711"});
    service.post(&token.path("/activate"), first).is(200);
    let wrong = token.wrong();

    let mut refusals = Vec::new();
    for n in 0..4 {
        refusals.push(open(&service, &token, wrong, None).refused(403, "AccessDenied"));
        let made_up = format!("stranger-{n}");
        refusals.push(open(&service, &token, wrong, Some(&made_up)).refused(403, "AccessDenied"));
    }
    let shown = admin.get(&token.path("")).is(200);
    assert!(shown["throttled_until"].is_string(), "{shown}");
    let pair = json!({"codes": [wrong, wrong], "client": "stranger-1"});
    for _ in 0..5 {
        let refused = service.post(&token.path("/resync"), pair.clone());
        refused.refused(403, "InvalidAuthenticationCode");
    }
    service.post(&token.path("/resync"), pair).refused(429, "Throttled");

    // A stranger's right code is refused, the owner's is accepted at once, and so is a pair.
    let lost = token.code();
    open(&service, &token, &lost, Some("stranger-1")).refused(403, "AccessDenied");
    for _ in 0..3 {
        let code = token.code();
        open(&service, &token, &code, Some("c-4711")).is(201);
    }
    let pair = json!({
        "account": "alice", "serial": token.serial, "codes": token.pair(), "client": "c-4711",
    });
    service.post("/v1/sessions", pair).is(201);

    // The owner's own wrong codes have their wait, and one refusal for all.
    for _ in 0..4 {
        refusals.push(open(&service, &token, wrong, Some("c-4711")).refused(403, "AccessDenied"));
    }
    let code = token.code();
    refusals.push(open(&service, &token, &code, Some("c-4711")).refused(403, "AccessDenied"));
    let same: Vec<&Value> = refusals.iter().filter(|refusal| **refusal != refusals[0]).collect();
    assert!(same.is_empty(), "one refusal: {same:?}");
    // The same id through another service is another client's.
    let elsewhere = caller(&agent, "verifier");
    let code = token.code();
    open(&elsewhere, &token, &code, Some("c-4711")).is(201);
}

#[test]
fn a_client_is_bounded_and_told_in_no_message() {
    let agent = Agent::start(TCP);
    let (service, long) = (caller(&agent, "enroller"), "x".repeat(257));
    let token = enrol(&service, "alice");
    for bad in ["", "two words", "tab\there", "schl\u{fc}ssel", &long] {
        for (path, mut body) in [
            ("/v1/sessions".to_owned(), json!({"account": "alice", "code": "123456"})),
            (token.path("/resync"), json!({"codes": ["123456", "654321"]})),
            (token.path("/activate"), json!({"codes": ["123456", "654321"]})),
            ("/v1/security-keys/register/begin".to_owned(), json!({"account": "alice"})),
            ("/v1/security-keys/authenticate/begin".to_owned(), json!({"account": "alice"})),
        ] {
            body["client"] = bad.into();
            let told = service.post(&path, body).refused(400, "InvalidInput");
            assert!(bad.is_empty() || !told.to_string().contains(bad), "{path}: {told}");
        }
    }
    let number = json!({"account": "alice", "code": "123456", "client": 7});
    service.post("/v1/sessions", number).refused(400, "InvalidInput");
    let begun = json!({"account": "alice", "client": "~".repeat(256)});
    service.post("/v1/security-keys/authenticate/begin", begun).is(200);
    assert!(!agent.log().contains("~~~~"), "{}", agent.log());
}

/// Eight used to end the owner's.
#[test]
fn strangers_sign_ins_do_not_end_the_owners() {
    let agent = Agent::start(&format!("{TCP}[security_keys]\nusernameless = true\n"));
    let service = caller(&agent, "enroller");
    let mut key = enrol_key(&service, "alice", "alice's");
    let begin = |body: Value| service.post("/v1/security-keys/authenticate/begin", body).is(200);
    let begun = begin(json!({"account": "alice", "client": "c-4711"}));
    for number in 0..40 {
        begin(json!({"account": "alice"}));
        begin(json!({"account": "alice", "client": format!("stranger-{number}")}));
        begin(json!({}));
        let enrolment = json!({"account": "bob", "client": format!("stranger-{number}")});
        service.post("/v1/security-keys/register/begin", enrolment).is(200);
    }
    let mut answer = key.answers("alice", &begun);
    answer["client"] = "c-4711".into();
    service.post("/v1/sessions", answer.clone()).is(201);
    service.post("/v1/sessions", answer).refused(403, "AccessDenied");
}
