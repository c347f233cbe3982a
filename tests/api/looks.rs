//! A token out of sync, over HTTP: those who may know are told at the next refusal, others see
//! nothing of it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_support::agent::Agent;
use test_support::http::{Answer, Client};
use test_support::people::{api_key, app, enrol, now, text};
use twostep::time::UnixTime;

use super::{TCP, admin, caller};

/// An attempt with one code or with two.
fn attempt(client: &Client, account: &str, serial: &str, codes: [&str; 2]) -> Answer {
    let body = match codes {
        [code, ""] => json!({"account": account, "serial": serial, "code": code}),
        codes => json!({"account": account, "serial": serial, "codes": codes}),
    };
    client.post("/v1/sessions", body)
}

/// A time-based device in use, and the codes that its token shows from now on: its clock has been
/// set seven and a half minutes ahead.
fn moved_clock(admin: &Client, account: &str) -> (String, Vec<String>) {
    let added = admin.post("/v1/devices", json!({"account": account, "kind": "totp"})).is(201);
    let serial = text(&added["device"]["serial"]);
    let token = app(added["provisioning"]["secret"].as_str().unwrap());
    // All of one moment: a step may end between two.
    let now = now();
    let at = |seconds| token.text_at(UnixTime(now.0.saturating_add_signed(seconds)));
    admin
        .post(&format!("/v1/devices/{serial}/activate"), json!({"codes": [at(-30), at(0)]}))
        .is(200);
    (serial, (15..19).map(|step| at(step * 30)).collect())
}

/// A way for a device to move: its serial number, and the codes that it shows from then on.
type Moves = fn(&Client, &str) -> (String, Vec<String>);

/// The same of a counter: its button was pressed forty times.
fn moved_counter(admin: &Client, account: &str) -> (String, Vec<String>) {
    let mut token = enrol(admin, account);
    let codes: Vec<String> = (0..44).map(|_| token.code()).collect();
    (token.serial, codes[40..].to_vec())
}

/// The refusal of this code once the look after an earlier one has found it.
fn told_out_of_sync(told: &Client, account: &str, serial: &str, code: &str) -> Value {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let why: Value = attempt(told, account, serial, [code, ""]).refused(403, "AccessDenied");
        if why["reason"] == "out_of_sync" {
            return why;
        }
        assert!(Instant::now() < deadline, "{account}: {why}");
        std::thread::sleep(Duration::from_millis(300));
    }
}

#[test]
fn out_of_sync_is_told_only_to_callers_who_may_know() {
    let agent = Agent::start(TCP);
    let admin = admin(&agent);
    let told = Client::tcp(agent.address())
        .bearing(&api_key(&admin, json!({"role": "verifier", "explain": true})));
    let untold = caller(&agent, "verifier");
    let near = enrol(&admin, "carol");
    let plain = attempt(&untold, "carol", &near.serial, [near.wrong(), ""]);
    let moves: [Moves; 2] = [moved_clock, moved_counter];
    for (account, moved) in ["alice", "bob"].into_iter().zip(moves) {
        let (serial, codes) = moved(&admin, account);
        let missed = attempt(&untold, account, &serial, [&codes[0], ""]);
        assert_eq!(missed.of_any_request(), plain.of_any_request(), "{account}: the miss itself");
        let why = told_out_of_sync(&told, account, &serial, &codes[0]);
        assert!(why.get("retry_after_seconds").is_none(), "{why}");
        let missed = attempt(&untold, account, &serial, [&codes[1], ""]);
        assert_eq!(missed.of_any_request(), plain.of_any_request(), "{account}: the next refusal");
        let why = attempt(&told, account, &serial, [&codes[1], ""]).refused(403, "AccessDenied");
        assert_eq!(why["reason"], "out_of_sync", "{account}");

        attempt(&told, account, &serial, [&codes[2], &codes[3]]).is(201);
        let why = attempt(&told, account, &serial, [near.wrong(), ""]).refused(403, "AccessDenied");
        assert_eq!(why["reason"], "no_match", "{account}: in sync again");
    }
    let why = attempt(&told, "carol", &near.serial, [near.wrong(), ""]);
    assert_eq!(
        why.refused(403, "AccessDenied")["reason"],
        "no_match",
        "a wrong code shows nothing"
    );
    let metrics = admin.get("/metrics").text();
    assert!(metrics.contains("twostep_looks_total"), "{metrics}");
}
