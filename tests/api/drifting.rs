//! Members of a device that tell of its clock, and the day on which its maker set it.

use serde_json::{Value, json};
use test_support::agent::Agent;
use test_support::http::{Answer, Client};
use test_support::people::{app, now};
use twostep::time::UnixTime;

use super::{TCP, admin, caller};

const DAY: u64 = 86_400;

/// A token that its maker set 500 days ago and that has gained 12 ppm since: about 17 time steps.
fn activated(admin: &Client, serial: &str, told: &Value) -> Value {
    let set = UnixTime::noon(&day(500)).unwrap();
    let ahead = i64::try_from(now().since(set).as_secs() * 12 / 1_000_000).unwrap();
    let secret = format!("{serial}GEZDGNBVGY3TQOJQGEZDGNBVGY3");
    let mut body = json!({"account": "alice", "kind": "totp", "serial": serial, "secret": secret});
    if told.is_string() {
        body["clock_set"] = told.clone();
    }
    admin.post("/v1/devices", body).is(201);
    let now = now();
    let codes = [ahead - 30, ahead].map(|ahead| app(&secret).off_by(ahead).text_at(now));
    admin
        .post(&format!("/v1/devices/{serial}/activate"), json!({"codes": codes}))
        .is(200)
}

/// The day so many days ago, as `2024-03-01`.
fn day(ago: u64) -> String {
    UnixTime(now().0 - ago * DAY).to_string().chars().take(10).collect()
}

#[test]
fn the_day_of_the_makers_setting_tells_the_rate() {
    let agent = Agent::start(TCP);
    let admin = admin(&agent);
    let known = activated(&admin, "KNOWN2345", &json!(day(500)));
    let number = |device: &Value, name: &str| {
        device[name].as_f64().unwrap_or_else(|| panic!("{name} in {device}"))
    };
    assert!((number(&known, "drift_ppm") - 12.0).abs() < 1.5, "{known}");
    assert!(number(&known, "drift_ppm_doubt") < 1.5, "{known}");
    assert!((16..=18).contains(&known["drift_steps"].as_i64().unwrap()), "{known}");
    // 518 seconds, measured to half a step, by a request that may be late.
    assert!((485..=536).contains(&known["drift_seconds"].as_i64().unwrap()), "{known}");
    assert_eq!(known["window_steps"], 1, "{known}");
    // Three steps around the expected one, of a million codes.
    assert!((number(&known, "guess_odds") - 3e-6).abs() < 1e-9, "{known}");

    let unknown = activated(&admin, "UNTLD2345", &Value::Null);
    assert!(number(&unknown, "drift_ppm_doubt") > 10.0, "{unknown}");
    let until = |device: &Value| device["expected_to_work_until"].as_str().unwrap().to_owned();
    assert!(until(&known) > until(&unknown), "{known} {unknown}");
    assert!(until(&unknown) > now().to_string(), "{unknown}");
}

/// A token that its maker set so many days ago and that has gained 25 ppm since, added and its two
/// codes presented.
fn begun(callers: [&Client; 2], serial: &str, days: u64) -> Answer {
    let set = UnixTime::noon(&day(days)).unwrap();
    // Base32 has neither 0 nor 1.
    let letter = |c: char| {
        c.to_digit(10)
            .map_or(c, |digit| char::from(b"ABCDEFGHIJ"[usize::try_from(digit).unwrap()]))
    };
    let secret: String = serial
        .chars()
        .map(letter)
        .chain("GEZDGNBVGY3TQOJQGEZDGNBVGY3".chars())
        .collect();
    let body = json!({
        "account": format!("owner-{serial}"), "kind": "totp", "serial": serial, "secret": secret,
        "clock_set": day(days),
    });
    let [adds, activates] = callers;
    adds.post("/v1/devices", body).is(201);
    let now = now();
    let ahead = i64::try_from(now.since(set).as_secs() / 40_000).unwrap();
    let codes = [ahead - 30, ahead].map(|ahead| app(&secret).off_by(ahead).text_at(now));
    activates.post(&format!("/v1/devices/{serial}/activate"), json!({"codes": codes}))
}

/// After 500 days the clock is 36 steps ahead, where no owner's pair is looked for otherwise.
#[test]
fn a_new_token_has_the_rate_of_its_batch() {
    let agent = Agent::start(TCP);
    let (admin, enroller) = (admin(&agent), caller(&agent, "enroller"));
    for number in 1..=19 {
        begun([&admin; 2], &format!("KNOWN{number:04}"), 500 + number).is(200);
    }
    begun([&admin, &enroller], "KNOWN2001", 500).refused(403, "InvalidAuthenticationCode");
    for number in 20..=25 {
        begun([&admin; 2], &format!("KNOWN{number:04}"), 500 + number).is(200);
    }
    begun([&admin, &enroller], "OTHER2001", 500).refused(403, "InvalidAuthenticationCode");
    let new = begun([&enroller; 2], "KNOWN2002", 500).is(200);
    assert!((new["drift_ppm"].as_f64().unwrap() - 25.0).abs() < 1.5, "{new}");
    assert!((35..=37).contains(&new["drift_steps"].as_i64().unwrap()), "{new}");

    // Without a known day the rate itself is known: of 15 ppm of doubt, 3 are left.
    let body = json!({
        "account": "bob", "kind": "totp", "serial": "KNOWN2003",
        "secret": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
    });
    enroller.post("/v1/devices", body).is(201);
    let token = app("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    let now = now();
    let codes = [UnixTime(now.0 - 30), now].map(|at| token.text_at(at));
    let new = enroller.post("/v1/devices/KNOWN2003/activate", json!({"codes": codes})).is(200);
    assert!((new["drift_ppm"].as_f64().unwrap() - 25.0).abs() < 1.5, "{new}");
    assert!(new["drift_ppm_doubt"].as_f64().unwrap() < 4.0, "{new}");
}

#[test]
fn a_setting_on_no_day_or_of_no_clock_is_refused() {
    let agent = Agent::start(TCP);
    let admin = admin(&agent);
    let tomorrow: String = UnixTime(now().0 + 2 * DAY).to_string().chars().take(10).collect();
    for (told, kind) in [
        (json!("2024-02-30"), "totp"),
        (json!("1.3.2024"), "totp"),
        (json!(""), "totp"),
        (json!(20_240_301), "totp"),
        (json!(tomorrow), "totp"),
        (json!("2024-03-01"), "hotp"),
        (json!("2024-03-01"), "recovery"),
    ] {
        let body = json!({"account": "alice", "kind": kind, "clock_set": told});
        let refused = admin.post("/v1/devices", body).is(400);
        assert_eq!(refused["code"], "InvalidInput", "{told} {kind}: {refused}");
    }
    assert_eq!(admin.get("/v1/devices?account=alice").is(200)["devices"], json!([]));
}
