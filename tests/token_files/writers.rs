//! Files that the programs of others wrote, taken over as they were: the code that was used last
//! there is refused here, and the next one opens a session.

use std::fs;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use serde_json::json;
use test_support::agent::Agent;
use test_support::pam_host::{
    GOOGLE, GOOGLE_TOOLS, Host, OATH, OATH_TOOLS, code, code_at, initialised, now,
};
use test_support::tools;

use super::{admin, import};

/// Takes over a file of one token, and sees that of these two codes of its owner only the second
/// one is accepted.
fn taken_over(file: &[u8], query: &str, account: &str, used: &str, next: impl Fn() -> String) {
    let agent = Agent::start("");
    let admin = admin(&agent);
    let report = import(&admin, &format!("?activate=true{query}"), &[], file).is(200);
    assert_eq!(report["states"]["active"], 1, "{report}");
    let open = |code: &str| admin.post("/v1/sessions", json!({"account": account, "code": code}));
    open(used).refused(403, "AccessDenied");
    open(&next()).is(201);
    open(used).refused(403, "AccessDenied");
}

/// Waits for the first half of a step of 30 seconds, and returns its number.
fn step() -> u64 {
    while now().0 % 30 > 15 {
        sleep(Duration::from_millis(100));
    }
    now().0 / 30
}

/// The code of the step behind a used one, or of the present step if that is over.
fn behind(used: u64, secret: &[&str]) -> String {
    code_at((used + 1).max(now().0 / 30), 30, secret)
}

fn of_counter(counter: u64, secret: &[&str]) -> String {
    code(&[&["-c", &counter.to_string()], secret].concat())
}

#[test]
fn a_step_that_google_authenticator_accepted_is_used_here() {
    if !tools::have(GOOGLE_TOOLS) {
        return;
    }
    let host = Host::new(GOOGLE);
    let secret = initialised(&host.file(), &["-t", "-d", "-S", "30"]);
    let secret = ["-b", &*secret];
    let used = step();
    let code = code_at(used, 30, &secret);
    assert!(host.accepts(&code));
    let file = fs::read(host.file()).unwrap();
    taken_over(&file, "&account=ina", "ina", &code, || behind(used, &secret));
}

#[test]
fn a_counter_that_google_authenticator_accepted_is_used_here() {
    if !tools::have(GOOGLE_TOOLS) {
        return;
    }
    let host = Host::new(GOOGLE);
    let secret = initialised(&host.file(), &["-c"]);
    let secret = ["-b", &*secret];
    let text = fs::read_to_string(host.file()).unwrap();
    let next = text.lines().find_map(|line| line.strip_prefix("\" HOTP_COUNTER ")).unwrap();
    let used = next.parse::<u64>().unwrap() + 2;
    assert!(host.accepts(&of_counter(used, &secret)));
    let file = fs::read(host.file()).unwrap();
    let code = of_counter(used, &secret);
    taken_over(&file, "&account=ina", "ina", &code, || of_counter(used + 1, &secret));
}

const SECRET: &str = "0102030405060708090a0b0c0d0e0f1011121314";

#[test]
fn counters_and_steps_that_pam_oath_accepted_are_used_here() {
    if !tools::have(OATH_TOOLS) {
        return;
    }
    let host = Host::new(OATH);
    host.write(&format!("HOTP\troot\t-\t{SECRET}\n"));
    for used in [0, 3] {
        assert!(host.accepts(&of_counter(used, &[SECRET])));
    }
    let file = fs::read(host.file()).unwrap();
    taken_over(&file, "", "root", &of_counter(3, &[SECRET]), || of_counter(4, &[SECRET]));

    host.write(&format!("HOTP/T30\troot\t-\t{SECRET}\n"));
    let used = step();
    let code = code_at(used, 30, &[SECRET]);
    assert!(host.accepts(&code));
    let file = fs::read(host.file()).unwrap();
    taken_over(&file, "", "root", &code, || behind(used, &[SECRET]));
}

/// The output of a program in Python.
fn python(program: &str) -> Vec<u8> {
    let output = Command::new(tools::python()).args(["-c", program]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn counters_of_python_pskc_and_otpa_are_the_next_ones() {
    if tools::have("oathtool,python:pskc") {
        let file = python(
            "
import sys
from pskc import PSKC
file = PSKC()
file.add_key(id='PY1', serial='PY1', secret=bytes(range(1, 21)), counter=21,
    algorithm='urn:ietf:params:xml:ns:keyprov:pskc:hotp', response_length=6,
    response_encoding='DECIMAL', manufacturer='Acme')
file.write(sys.stdout.buffer)
",
        );
        let used = of_counter(20, &[SECRET]);
        taken_over(&file, "&account=ina", "ina", &used, || of_counter(21, &[SECRET]));
    }
    if tools::have("oathtool,python:otpa") {
        let file = python(
            "
from otpa.migration import payload_to_migration_link
from otpa.models import Algorithm, DigitCount, MigrationPayload, OtpParameters, OtpType
entry = OtpParameters(secret=bytes(range(1, 21)), name='Hafen:ina', issuer='Hafen',
    algorithm=list(Algorithm)[1], digits=list(DigitCount)[1], type=list(OtpType)[1], counter=7)
print(payload_to_migration_link(MigrationPayload(otp_parameters=[entry], version=1,
    batch_size=1, batch_index=0, batch_id=9)))
",
        );
        let used = of_counter(6, &[SECRET]);
        taken_over(&file, "&account=ina", "ina", &used, || of_counter(7, &[SECRET]));
    }
}

/// An export of privacyIDEA in its exact shape, but for the encryption around it.
fn privacyidea(kind: &str, counter: u64) -> String {
    format!(
        r#"[{{"serial":"PI1","type":"{kind}","otpkey":"{SECRET}","description":"","otplen":6,
        "maxfail":10,"counter":{counter},"window":10,"active":true,"revoked":false,
        "locked":false,"failcount":0,"rollout_state":"","info_list":{{"tokenkind":"hardware",
        "hashlib":"sha1","timeShift":"0.0","timeStep":"30"}},"user":{{"login":"ina",
        "realm":"werft","resolver":"ldap","uid":"1"}}}}]"#
    )
}

#[test]
fn codes_that_privacyidea_accepted_are_used_here() {
    if !tools::have("oathtool") {
        return;
    }
    // The counter of an event token is the next one, of a time token the step used last.
    let file = privacyidea("hotp", 9);
    let used = of_counter(8, &[SECRET]);
    taken_over(file.as_bytes(), "", "ina@werft", &used, || of_counter(9, &[SECRET]));
    let used = step();
    let file = privacyidea("totp", used);
    let code = code_at(used, 30, &[SECRET]);
    taken_over(file.as_bytes(), "", "ina@werft", &code, || behind(used, &[SECRET]));
}
