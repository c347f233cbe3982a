//! A person enrols a key and opens a session with it.

use std::time::Duration;

use super::webauthn;
use crate::guest::{Agent, Case, Key, Outcome, Wire, run};

fn enrols_and_logs_in(wire: Wire, key: &[&str]) -> Outcome {
    let key = Key::plug(wire, "LOGIN-1", key)?;
    let agent = Agent::start("")?;
    agent.enroll("ann")?;
    let context = agent.login("ann")?;
    if context["user_verified"] != false {
        return Err(format!("the session has no verified user: {context}"));
    }
    agent.login("ann")?;
    key.dark()
}

fn enrols_and_logs_in_with_pin(wire: Wire, configuration: &str) -> Outcome {
    let key = Key::plug(wire, "LOGIN-2", &[])?;
    set_pin(&key)?;
    let agent = Agent::start(configuration)?;
    agent
        .twostep_typing(&["key", "enroll", "--account", "ann", "--wait", "20"], PIN)?
        .done()?;
    let words = ["--json", "login", "--key", "--account", "ann", "--wait", "20"];
    let context =
        crate::guest::with_mfa(&agent.twostep_typing(&words, PIN)?.done()?.stdout, "ann")?;
    (context["user_verified"] == true)
        .then_some(())
        .ok_or_else(|| format!("the PIN did not verify: {context}"))
}

fn key_that_always_verifies() -> Outcome {
    let key = Key::plug(Wire::Uhid, "LOGIN-3", &["--always-uv"])?;
    set_pin(&key)?;
    let agent = Agent::start("user_verification = \"discouraged\"")?;
    agent
        .twostep_typing(&["key", "enroll", "--account", "ann", "--wait", "20"], PIN)?
        .done()?;
    agent
        .twostep_typing(&["login", "--key", "--account", "ann", "--wait", "20"], PIN)?
        .done()
        .map(drop)
}

/// A key enrols a fingerprint only after a PIN was set.
fn fingerprint() -> Outcome {
    let key = Key::plug(Wire::Usb(0), "LOGIN-8", &["--fingerprint"])?;
    set_pin(&key)?;
    let agent = Agent::start("")?;
    agent.enroll("ann")?;
    let context = agent.login("ann")?;
    (context["user_verified"] == true)
        .then_some(())
        .ok_or_else(|| format!("the finger did not verify: {context}"))
}

fn finger_is_wrong_then_right() -> Outcome {
    let key = Key::plug(Wire::Uhid, "LOGIN-4", &["--fingerprint", "--touch", "manual"])?;
    set_pin(&key)?;
    let agent = Agent::start("")?;
    let enrolling = agent.begin(&["key", "enroll", "--account", "ann", "--wait", "30"], "")?;
    key.blinking()?;
    key.tell("finger wrong")?;
    key.tell("touch")?;
    std::thread::sleep(Duration::from_millis(500));
    key.blinking()?;
    key.tell("finger right")?;
    key.tell("finger auto")?;
    enrolling
        .end(Duration::from_secs(40))?
        .done()?
        .saying("did not know the finger")
        .map(drop)
}

fn verification_required_and_no_pin() -> Outcome {
    let _key = Key::plug(Wire::Uhid, "LOGIN-5", &[])?;
    let agent = Agent::start(REQUIRED)?;
    let ran = agent.twostep(&["key", "enroll", "--account", "ann", "--wait", "5"])?;
    ran.with_code(1)?.saying("twostep key pin set").map(drop)
}

fn json_path_accepts_a_key_enrolled_by_the_program() -> Outcome {
    let key = Key::plug(Wire::Usb(0), "LOGIN-6", &[])?;
    let agent = Agent::start("")?;
    agent.enroll("ann")?;
    let begun = webauthn::begin_login(&agent, "ann")?;
    let id = webauthn::only_credential(&begun)?;
    let body = webauthn::signed_by_fido2_assert(&begun, "ann", &id, &key.node()?, &[])?;
    agent.post("/v1/sessions", &body, 201).map(drop)
}

fn enrolled_by_fido2_cred(key: &[&str], flags: &[&str]) -> Outcome {
    let key = Key::plug(Wire::Uhid, "LOGIN-7", key)?;
    let agent = Agent::start("")?;
    let begun = webauthn::begin_enrolment(&agent, "ann")?;
    let body = webauthn::made_by_fido2_cred(&begun, &key.node()?, flags)?;
    agent.post("/v1/security-keys/register/finish", &body, 201)?;
    agent.login("ann").map(drop)
}

/// Sets the PIN with Debian's own program.
fn set_pin(key: &Key) -> Outcome {
    run(&["fido2-token", "-S", &key.node()?], "271828\n271828\n", Duration::from_secs(20))?
        .done()
        .map(drop)
}

pub(super) const CASES: &[Case] = &[
    Case::new("login.fido2-over-uhid", || enrols_and_logs_in(Wire::Uhid, &[])),
    Case::new("login.fido2-over-usb", || enrols_and_logs_in(Wire::Usb(0), &[])).on_real_keys(),
    Case::new("login.u2f-only-over-uhid", || enrols_and_logs_in(Wire::Uhid, &["--u2f-only"])),
    Case::new("login.u2f-only-over-usb", || enrols_and_logs_in(Wire::Usb(1), &["--u2f-only"])),
    Case::new("login.pin-over-uhid", || enrols_and_logs_in_with_pin(Wire::Uhid, "")),
    Case::new("login.pin-over-usb", || enrols_and_logs_in_with_pin(Wire::Usb(0), "")),
    Case::new("login.verification-required-over-uhid", || {
        enrols_and_logs_in_with_pin(Wire::Uhid, REQUIRED)
    }),
    Case::new("login.verification-required-over-usb", || {
        enrols_and_logs_in_with_pin(Wire::Usb(0), REQUIRED)
    }),
    Case::new("login.key-that-always-verifies", key_that_always_verifies),
    Case::new("login.fingerprint", fingerprint),
    Case::new("login.fingerprint-is-wrong-then-right", finger_is_wrong_then_right),
    Case::new("login.verification-required-and-no-pin", verification_required_and_no_pin),
    Case::new("login.touch-comes-late", || {
        enrols_and_logs_in(Wire::Uhid, &["--touch", "delay:2500"])
    }),
    Case::new(
        "login.json-path-accepts-a-key-enrolled-by-the-program",
        json_path_accepts_a_key_enrolled_by_the_program,
    )
    .on_real_keys(),
    Case::new("login.fido2-cred-enrols-and-the-program-logs-in", || {
        enrolled_by_fido2_cred(&[], &[])
    })
    .on_real_keys(),
    Case::new("login.u2f-of-fido2-cred-enrols-and-the-program-logs-in", || {
        enrolled_by_fido2_cred(&["--u2f-only"], &["-u"])
    }),
];

const REQUIRED: &str = "user_verification = \"required\"";

const PIN: &str = "271828\n";
