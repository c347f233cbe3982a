//! `POST /v1/devices/{serial}/diagnose`: an administrator learns what is wrong with a token, and
//! the command that mends it.

use serde_json::{Value, json};
use test_support::agent::Agent;
use test_support::http::Client;
use test_support::people::{add, enrol, now};
use twostep::otp::{Algorithm, Counter, Hotp, Seed, TimeStepSize, Totp, YEAR_2000};
use twostep::testing::SimulatedToken;

use super::{TCP, admin, caller};

const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

fn seed() -> Seed {
    Seed::from_base32(SECRET).unwrap()
}

/// Adds a token of this secret, and diagnoses it with two codes of the token as it is.
fn diagnosed(admin: &Client, serial: &str, stored: &Value, codes: [String; 2]) -> Value {
    let mut body = json!({
        "account": "o'brien", "kind": "totp", "serial": serial, "secret": SECRET,
    });
    for (name, value) in stored.as_object().unwrap() {
        body[name] = value.clone();
    }
    admin.post("/v1/devices", body).is(201);
    let path = format!("/v1/devices/{serial}/diagnose");
    let told = admin.post(&path, json!({"codes": codes})).is(200);
    admin.delete(&format!("/v1/devices/{serial}")).is(204);
    told
}

fn shown(totp: Totp, seed: &Seed, ahead: i64) -> [String; 2] {
    let token = SimulatedToken::totp(seed, totp).off_by(ahead);
    let size = i64::from(totp.step_size.seconds());
    let before = SimulatedToken::totp(seed, totp).off_by(ahead - size);
    let now = now();
    [before.text_at(now), token.text_at(now)]
}

/// Parameters stored beside the secret, codes, and the answer to them.
struct Case {
    stored: Value,
    codes: [String; 2],
    causes: Value,
    says: &'static str,
    command: &'static str,
}

const MINUTE: fn() -> TimeStepSize = || TimeStepSize::try_from(60).unwrap();

/// Tokens of other parameters.
fn by_parameters() -> Vec<Case> {
    let totp = Totp { step_size: MINUTE(), ..Totp::default() };
    let sha512 = Totp { algorithm: Algorithm::Sha512, ..totp };
    let of_2000 = Totp { t0: YEAR_2000, ..Totp::default() };
    vec![
        Case {
            stored: json!({}),
            codes: shown(Totp::default(), &seed(), 90),
            causes: json!([{"cause": "in_reach"}]),
            says: "the pair is right",
            command: "twostep device activate SERIAL",
        },
        Case {
            stored: json!({}),
            codes: shown(totp, &seed(), 0),
            causes: json!([{"cause": "time_step", "period": 60}]),
            says: "this is a 60-second token",
            command: "ADD totp --algorithm SHA1 --digits 6 --period 60 --secret-stdin",
        },
        Case {
            stored: json!({"period": 60}),
            codes: shown(sha512, &seed(), 0),
            causes: json!([{"cause": "algorithm", "algorithm": "SHA512"}]),
            says: "its codes are made with SHA512",
            command: "ADD totp --algorithm SHA512 --digits 6 --period 60 --secret-stdin",
        },
        Case {
            stored: json!({"digits": 8}),
            codes: shown(of_2000, &seed(), 0),
            causes: json!([
                {"cause": "epoch", "t0": 946_684_800}, {"cause": "digits", "digits": 6},
            ]),
            says: "its time steps begin in 2000, not in 1970, and its codes have 6 digits",
            command: "ADD totp --algorithm SHA1 --digits 6 --period 30 --t0 946684800 \
                      --secret-stdin",
        },
    ]
}

/// Tokens of the other kind or another secret, and codes of none.
fn by_kind_and_secret() -> Vec<Case> {
    let mut pressed = SimulatedToken::hotp(&seed(), Hotp::default(), Counter(41));
    let turned = Seed::new(seed().expose().iter().rev().copied().collect()).unwrap();
    let text = Seed::new(SECRET.as_bytes().to_vec()).unwrap();
    vec![
        Case {
            stored: json!({}),
            codes: [pressed.press_text(), pressed.press_text()],
            causes: json!([{"cause": "counter_based", "counter": 43}]),
            says: "this is a counter-based token (HOTP), at counter 43",
            command: "ADD hotp --algorithm SHA1 --digits 6 --counter 43 --secret-stdin",
        },
        Case {
            stored: json!({"kind": "hotp"}),
            codes: shown(Totp::default(), &seed(), 0),
            causes: json!([{"cause": "time_based"}]),
            says: "this is a time-based token (TOTP)",
            command: "ADD totp --algorithm SHA1 --digits 6 --secret-stdin",
        },
        Case {
            stored: json!({}),
            codes: shown(Totp::default(), &turned, 0),
            causes: json!([{"cause": "secret", "reading": "reversed"}]),
            says: "the bytes of its secret are in reverse order",
            command: "ADD totp --algorithm SHA1 --digits 6 --period 30 --secret-stdin",
        },
        Case {
            stored: json!({}),
            codes: shown(Totp::default(), &text, 0),
            causes: json!([{
                "cause": "secret", "reading": "misread", "read_as": "base32", "encoding": "ascii",
            }]),
            says: "its secret was read as base32, and is ascii",
            command: "ADD totp --algorithm SHA1 --digits 6 --period 30 --secret-stdin",
        },
        Case {
            stored: json!({}),
            codes: ["123456", "654321"].map(str::to_owned),
            causes: json!([]),
            says: "nothing matches",
            command: "",
        },
    ]
}

#[test]
fn each_cause_is_named_with_the_command_that_mends_it() {
    let agent = Agent::start("");
    let admin = admin(&agent);
    let cases = by_parameters().into_iter().chain(by_kind_and_secret());
    for (number, case) in cases.enumerate() {
        let serial = format!("AC2600{:04}", 100 * number);
        let told = diagnosed(&admin, &serial, &case.stored, case.codes);
        assert_eq!((&told["serial"], &told["causes"]), (&json!(serial), &case.causes), "{told}");
        assert!(told["says"].as_str().unwrap().contains(case.says), "{told}");
        let command = case.command.replace("ADD", ADD).replace("SERIAL", &serial);
        assert_eq!(told["command"].as_str().unwrap_or_default(), command, "{told}");
    }
}

/// The account's name is quoted for a shell.
const ADD: &str = "twostep device remove SERIAL && twostep device add --account 'o'\\''brien' \
                   --serial SERIAL --kind";

#[test]
fn a_clock_that_is_off_is_told_with_its_pair() {
    let agent = Agent::start("");
    let admin = admin(&agent);
    for (ahead, says, command, reach) in [
        (3 * 3_600, "its clock is 3 hours ahead", "twostep device activate", "admin"),
        (-40 * 60, "its clock is 40 minutes behind", "twostep device activate", "admin"),
        (3 * 86_400, "its clock is 3 days ahead, further", "twostep device remove", "none"),
    ] {
        let codes = shown(Totp::default(), &seed(), ahead);
        let told = diagnosed(&admin, "AC26000014", &json!({}), codes);
        let cause = &told["causes"][0];
        assert_eq!((&cause["cause"], &cause["reach"]), (&json!("clock"), &json!(reach)), "{told}");
        let seconds = cause["clock_seconds"].as_i64().unwrap();
        assert!(seconds.abs_diff(ahead) <= 40, "{told}");
        assert!(told["says"].as_str().unwrap().starts_with(says), "{told}");
        assert_eq!(told["command"], format!("{command} AC26000014"), "{told}");
    }
}

#[test]
fn a_neighbours_codes_are_the_neighbours() {
    let agent = Agent::start("");
    let admin = admin(&agent);
    for (account, serial, secret) in
        [("alice", "AC26000013", "MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43U"), ("bob", "AC26000014", SECRET)]
    {
        let body = json!({"account": account, "kind": "totp", "serial": serial, "secret": secret});
        admin.post("/v1/devices", body).is(201);
    }
    let codes = json!({"codes": shown(Totp::default(), &seed(), 0)});
    let told = admin.post("/v1/devices/AC26000013/diagnose", codes).is(200);
    assert_eq!(told["causes"], json!([{"cause": "other_device", "serial": "AC26000014"}]));
    assert_eq!(told["says"], "these are the codes of AC26000014");
    assert_eq!(told["command"], "twostep device show AC26000014");
}

#[test]
fn other_roles_are_refused_and_nothing_is_accepted() {
    let agent = Agent::start(TCP);
    let (admin, enroller) = (admin(&agent), caller(&agent, "enroller"));
    let mut token = enrol(&admin, "alice");
    let before = admin.get(&token.path("")).is(200);
    let pair = json!({"codes": token.pair()});
    for role in [&enroller, &caller(&agent, "verifier")] {
        role.post(&token.path("/diagnose"), pair.clone()).refused(403, "AccessDenied");
    }
    let told = admin.post(&token.path("/diagnose"), pair.clone()).is(200);
    assert_eq!(told["causes"][0]["cause"], "in_reach");
    assert_eq!(told["command"], format!("twostep device resync {}", token.serial));
    assert_eq!(admin.get(&token.path("")).is(200), before, "nothing changed");

    let log = admin.get("/v1/audit?newest=true&limit=1000").is(200);
    let rows = log["events"].as_array().unwrap();
    let of = |row: &&Value| row["action"] == "device.diagnosed";
    assert_eq!(rows.iter().filter(of).count(), 1, "{log}");
    for code in pair["codes"].as_array().unwrap() {
        assert!(!log.to_string().contains(code.as_str().unwrap()), "codes are not in the log");
    }

    // Pairs do not spend its allowance.
    for _ in 0..9 {
        admin.post(&token.path("/diagnose"), pair.clone()).is(200);
    }
    let spent = admin.post(&token.path("/diagnose"), pair.clone()).refused(429, "Throttled");
    assert!(spent["retry_after_seconds"].as_u64().unwrap() > 3_500, "{spent}");
    admin.post(&token.path("/resync"), pair.clone()).is(200);
    let told = admin.post(&add(&admin, "bob").path("/diagnose"), pair).is(200);
    assert_eq!(told["causes"], json!([]));
}

#[test]
fn devices_without_codes_and_malformed_codes_are_bad_requests() {
    let agent = Agent::start("");
    let admin = admin(&agent);
    let token = enrol(&admin, "alice");
    let sheet = json!({"account": "alice", "kind": "recovery"});
    let sheet = admin.post("/v1/devices", sheet).is(201);
    let path = format!("/v1/devices/{}/diagnose", sheet["device"]["serial"].as_str().unwrap());
    let pair = json!({"codes": ["123456", "654321"]});
    let told = admin.post(&path, pair.clone()).refused(400, "InvalidInput");
    assert!(told["detail"].as_str().unwrap().contains("totp and hotp"), "{told}");
    admin
        .post("/v1/devices/NOT-THERE-000/diagnose", pair)
        .refused(404, "NoSuchEntity");
    for bad in [json!({"codes": ["123456"]}), json!({"codes": ["123456", "12345a"]}), json!({})] {
        admin.post(&token.path("/diagnose"), bad).refused(400, "InvalidInput");
    }
}
