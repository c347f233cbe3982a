//! Ceremonies that the agent runs with keys plugged into its own machine.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_support::agent::Agent;
use test_support::held_key::{enrol_key, register};
use test_support::http::Client;
use test_support::others::{NOBODY, ask, ask_for_text};
use test_support::people::{alive, text};
use test_support::tools;
use twostep::testing::SimulatedSecurityKey;

use super::ceremony::Ceremony;
use super::plugged::{plug, pull};
use super::{admin, start, verify_socket};

fn for_alice(wait: u64) -> Value {
    json!({"account": "alice", "service": "sudo", "wait_seconds": wait})
}

/// An agent, and an account with an enrolled key that is not plugged in.
fn with_alice(config: &str) -> Agent {
    let agent = start(config);
    register(&admin(&agent), "alice", &mut SimulatedSecurityKey::new("a").verifying()).is(201);
    agent
}

#[test]
fn a_touch_opens_a_session() {
    let agent = with_alice("audiences = [\"mail\"]\n");
    plug(&agent, "a", "");
    for socket in [verify_socket(&agent), agent.socket()] {
        let mut ceremony = Ceremony::begin(&socket, &for_alice(10));
        ceremony.hears("need_touch");
        let done = ceremony.ends("done");
        assert_eq!(done["context"]["account"], "alice");
        assert_eq!(
            (&done["context"]["mfa_present"], &done["context"]["kind"]),
            (&true.into(), &"security_key".into())
        );
        assert!(alive(&admin(&agent), &text(&done["token"])));
    }
    let audited = admin(&agent).get("/v1/audit?limit=1000").text();
    assert_eq!(audited.matches("key.accepted").count(), 2, "{audited}");
    let mut ceremony = Ceremony::begin(
        &agent.socket(),
        &json!({"account": "alice", "service": "imap", "audience": "mail"}),
    );
    ceremony.hears("need_touch");
    assert_eq!(ceremony.ends("done")["context"]["audience"], "mail");
}

#[test]
fn a_key_that_is_not_there_yet_is_waited_for() {
    let agent = with_alice("");
    let mut ceremony = Ceremony::begin(&verify_socket(&agent), &for_alice(10));
    ceremony.hears("waiting_for_key");
    plug(&agent, "a", "");
    ceremony.hears("need_touch");
    ceremony.ends("done");

    pull(&agent, "a");
    let mut ceremony = Ceremony::begin(&verify_socket(&agent), &for_alice(1));
    ceremony.hears("waiting_for_key");
    ceremony.fails("no_key");
}

#[test]
fn the_one_that_is_touched_is_taken_among_several() {
    let agent = with_alice("");
    enrol_key(&admin(&agent), "alice", "b");
    plug(&agent, "a", "untouched");
    plug(&agent, "b", "untouched");
    let mut ceremony = Ceremony::begin(&verify_socket(&agent), &for_alice(10));
    assert_eq!(ceremony.hears("choose_by_touch")["keys"], 2);
    plug(&agent, "b", "");
    let done = loop {
        let told = ceremony.next();
        if told["event"] != "need_touch" {
            break told;
        }
    };
    assert_eq!(done["event"], "done", "{done}");
}

#[test]
fn a_wrong_pin_costs_a_try() {
    let agent = with_alice("[security_keys]\nuser_verification = \"required\"\n");
    plug(&agent, "a", "pin=123456");
    let peer = Client::unix(verify_socket(&agent));
    let mut ceremony = Ceremony::begin(&verify_socket(&agent), &for_alice(10));
    let asked = ceremony.hears("need_pin");
    assert_eq!((&asked["retries"], &asked["wrong_before"]), (&8.into(), &false.into()));
    ceremony.type_pin(&peer, "654321");
    let asked = ceremony.hears("need_pin");
    assert_eq!((&asked["retries"], &asked["wrong_before"]), (&7.into(), &true.into()));
    ceremony.type_pin(&peer, "123456");
    // A PIN is asked for once, and taken once.
    peer.post(&ceremony.pin_path(), json!({"pin": "123456"}))
        .refused(404, "NoSuchEntity");
    ceremony.hears("need_touch");
    assert_eq!(ceremony.ends("done")["context"]["user_verified"], true);

    let unheard = agent.log().contains("123456") || agent.log().contains("654321");
    assert!(!unheard, "a PIN is in the log");
}

#[test]
fn a_pin_is_not_waited_for_longer_than_a_key() {
    let agent = with_alice("[security_keys]\nuser_verification = \"required\"\n");
    plug(&agent, "a", "pin=123456");
    let begun = Instant::now();
    let mut ceremony = Ceremony::begin(&verify_socket(&agent), &for_alice(1));
    ceremony.hears("need_pin");
    ceremony.fails("cancelled");
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}

#[test]
fn a_pin_is_taken_from_the_same_user_alone() {
    if !tools::have("curl,root") {
        return;
    }
    let agent = with_alice("[security_keys]\nuser_verification = \"required\"\n");
    plug(&agent, "a", "pin=123456");
    let mut ceremony = Ceremony::begin(&verify_socket(&agent), &for_alice(10));
    ceremony.hears("need_pin");
    let body = json!({"pin": "123456"});
    assert_eq!(ask(&verify_socket(&agent), NOBODY, "POST", &ceremony.pin_path(), &body).0, 404);
    let root = Client::unix(verify_socket(&agent));
    for (body, said) in
        [(json!({"pin": 1}), 400), (json!({"pin": "1", "x": "1"}), 400), (json!({}), 400)]
    {
        root.post(&ceremony.pin_path(), body).is(said);
    }
    let twice = br#"{"pin":"111111","pin":"123456"}"#;
    root.raw("POST", &ceremony.pin_path(), &[], twice).refused(400, "InvalidInput");
    ceremony.type_pin(&root, "123456");
    ceremony.hears("need_touch");
    ceremony.ends("done");
}

#[test]
fn closing_the_connection_releases_the_key() {
    let agent = with_alice("");
    plug(&agent, "a", "untouched");
    let mut ceremony = Ceremony::begin(&verify_socket(&agent), &for_alice(100));
    ceremony.hears("need_touch");
    drop(ceremony);
    plug(&agent, "a", "");
    let mut ceremony = Ceremony::begin(&verify_socket(&agent), &for_alice(10));
    ceremony.hears("need_touch");
    ceremony.ends("done");
}

#[test]
fn one_key_is_in_one_ceremony_at_a_time() {
    let agent = with_alice("");
    plug(&agent, "a", "untouched");
    let mut first = Ceremony::begin(&verify_socket(&agent), &for_alice(20));
    first.hears("need_touch");
    let failed = Ceremony::begin(&verify_socket(&agent), &for_alice(2)).fails("busy");
    let key = failed["key"].as_str().unwrap();
    assert!(
        failed["detail"]
            .as_str()
            .unwrap()
            .starts_with(&format!("{key} could not be asked: ")),
        "{failed}"
    );
    plug(&agent, "a", "");
    first.ends("done");
}

#[test]
fn a_ceremony_waits_for_a_key_that_another_one_has() {
    let agent = with_alice("");
    plug(&agent, "a", "untouched");
    let mut first = Ceremony::begin(&verify_socket(&agent), &for_alice(60));
    first.hears("need_touch");
    let mut second = Ceremony::begin(&verify_socket(&agent), &for_alice(60));
    std::thread::sleep(std::time::Duration::from_secs(3));
    drop(first);
    second.hears("need_touch");
    plug(&agent, "a", "");
    second.ends("done");
}

#[test]
fn a_key_without_a_touch_and_a_foreign_key_fail() {
    let agent = with_alice("");
    plug(&agent, "a", "untouched");
    let mut ceremony = Ceremony::begin(&verify_socket(&agent), &for_alice(1));
    ceremony.hears("need_touch");
    ceremony.fails("not_touched");
    for account in ["nobody-here", "bob"] {
        enrol_key(&admin(&agent), "bob", "b");
        Ceremony::begin(&verify_socket(&agent), &json!({"account": account, "service": "sudo"}))
            .fails("not_enrolled");
        admin(&agent).delete("/v1/accounts/bob").is(204);
    }
}

#[test]
fn an_answer_that_the_verifier_refuses_is_told_as_a_problem() {
    let agent = start("");
    let mut key = enrol_key(&admin(&agent), "alice", "a");
    // The key that is plugged in has signed less than the one that the agent knows: one of them is
    // a copy.
    key.key.sign_count = 4_200_000_000;
    key.session(&admin(&agent), "alice");
    plug(&agent, "a", "");
    let mut ceremony = Ceremony::begin(&verify_socket(&agent), &for_alice(10));
    ceremony.hears("need_touch");
    let problem = ceremony.ends("refused")["problem"].clone();
    assert_eq!(
        (&problem["status"], &problem["code"], &problem["reason"]),
        (&403.into(), &"AccessDenied".into(), &"sign_count".into())
    );
}

#[test]
fn others_ask_for_their_own_account_and_one_at_a_time() {
    if !tools::have("curl,root") {
        return;
    }
    let agent = with_alice("");
    enrol_key(&admin(&agent), "nobody", "n");
    plug(&agent, "a", "");
    plug(&agent, "n", "");
    let ask = |account: &str| {
        let body = json!({"account": account, "service": "lock", "wait_seconds": 2});
        ask_for_text(&verify_socket(&agent), NOBODY, "POST", "/v1/local/key-ceremonies", &body)
    };
    // A hidden account looks like a missing one, and no key blinks for it.
    assert_eq!(ask("alice"), ask("not-there"));
    assert_eq!(ask("alice").0, 403);
    let (status, told) = ask("nobody");
    assert!(status == 200 && told.contains("\"done\""), "{told}");
    // Another one can begin a second later.
    let (status, told) = ask("nobody");
    assert!(status == 429 && told.contains("retry_after_seconds"), "{told}");
    plug(&agent, "n", "untouched");
    sleep(Duration::from_millis(1_100));
    let (status, told) = ask("nobody");
    assert!(status == 200 && told.contains("not_touched"), "{told}");
}

#[test]
fn a_malformed_request_is_refused_before_a_key_blinks() {
    let agent = with_alice("audiences = [\"mail\"]\n");
    let peer = Client::unix(verify_socket(&agent));
    for body in [
        json!({"account": "alice"}),
        json!({"account": "alice", "service": ""}),
        json!({"account": "alice", "service": "su do"}),
        json!({"account": "alice", "service": "sudo", "wait_seconds": 0}),
        json!({"account": "alice", "service": "sudo", "wait_seconds": 121}),
        json!({"account": "alice", "service": "sudo", "audience": "other"}),
    ] {
        peer.post("/v1/local/key-ceremonies", body).refused(400, "InvalidInput");
    }
    peer.post("/v1/local/key-ceremonies/AAAA/pin", json!({"pin": "123456"}))
        .refused(404, "NoSuchEntity");
}

#[test]
fn an_agent_that_ends_lets_the_key_go() {
    let mut agent = with_alice("");
    plug(&agent, "a", "untouched");
    let mut ceremony = Ceremony::begin(&verify_socket(&agent), &for_alice(100));
    ceremony.hears("need_touch");
    agent.signal("TERM");
    ceremony.fails("cancelled");
    assert_eq!(agent.ended_within(Duration::from_secs(5)).code(), Some(0));
}
