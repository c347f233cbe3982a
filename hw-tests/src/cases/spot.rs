//! Ceremonies at the agent's own machine, and sessions that end with the key's removal.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use crate::guest::{Agent, Case, Key, Outcome, Place, Wire, ours, run, wait_until};

fn touch(wire: Wire) -> Outcome {
    let key = Key::plug(wire, "SPOT-1", &[])?;
    let agent = Agent::start("")?;
    agent.enroll("ann")?;
    let mut ceremony = agent.ceremony("ann", &Value::Null)?;
    let done = ceremony.done()?;
    (done["context"]["kind"] == "security_key")
        .then_some(())
        .ok_or_else(|| format!("no session with a key: {done}"))?;
    key.dark()
}

fn pin() -> Outcome {
    let key = Key::plug(Wire::Usb(0), "SPOT-2", &[])?;
    run(&["fido2-token", "-S", &key.node()?], &format!("{PIN}\n{PIN}\n"), Duration::from_secs(20))?
        .done()?;
    let agent = Agent::start("user_verification = \"required\"")?;
    agent
        .twostep_typing(
            &["key", "enroll", "--account", "ann", "--wait", "20"],
            &format!("{PIN}\n"),
        )?
        .done()?;
    let mut ceremony = agent.ceremony("ann", &Value::Null)?;
    let asked = ceremony.hears("need_pin")?;
    ceremony.type_pin("999999")?;
    let again = ceremony.hears("need_pin")?;
    (asked["retries"] == 8 && again["retries"] == 7 && again["wrong_before"] == true)
        .then_some(())
        .ok_or_else(|| format!("other tries: {asked} {again}"))?;
    ceremony.type_pin(PIN)?;
    let done = ceremony.done()?;
    (done["context"]["user_verified"] == true)
        .then_some(())
        .ok_or_else(|| format!("the PIN did not verify: {done}"))
}

fn closing() -> Outcome {
    let key = Key::plug(Wire::Usb(1), "SPOT-3", &[])?;
    let agent = Agent::start("")?;
    agent.enroll("ann")?;
    key.tell("finger manual")?;
    let mut ceremony = agent.ceremony("ann", &Value::Null)?;
    ceremony.hears("need_touch")?;
    key.blinking()?;
    drop(ceremony);
    key.dark()?;
    key.tell("finger auto")?;
    agent.login("ann").map(drop)
}

/// The hook is the program itself, which prints its manual: the guest has no shell.
fn pulled(wire: Wire) -> Outcome {
    let key = Key::plug(wire, "SPOT-4", &[])?;
    let told = format!("/tmp/hook-{}", std::process::id());
    fs::create_dir_all(&told).map_err(|error| error.to_string())?;
    let program = ours("twostep");
    let agent = Agent::start(&format!(
        "[presence]\nenabled = true\nhook_seconds = 60\nhook = [\"{}\", \"man\", \"{told}\"]",
        program.display()
    ))?;
    agent.enroll("ann")?;
    let mut ceremony = agent.ceremony("ann", &json!({"bind_to_key": true}))?;
    let done = ceremony.done()?;
    let active = || {
        let body = json!({"token": done["token"]});
        agent
            .post("/v1/sessions/introspect", &body, 200)
            .map(|answer| answer["active"] == true)
    };
    std::thread::sleep(Duration::from_secs(1));
    active()?.then_some(()).ok_or("the session ended while the key was there")?;
    key.tell("unplug")?;
    key.gone()?;
    wait_until(Duration::from_secs(2), || active() == Ok(false))
        .ok_or("the session is alive two seconds after its key")?;
    let written = || fs::read_dir(&told).is_ok_and(|mut pages| pages.next().is_some());
    wait_until(Duration::from_secs(20), written).ok_or_else(|| "the hook was not run".to_owned())
}

pub(super) const CASES: &[Case] = &[
    Case::new("spot.a-touch-over-uhid", || touch(Wire::Uhid)),
    Case::new("spot.a-pin-over-usb", pin),
    Case::new("spot.closing-lets-the-key-go", closing),
    Case::new("spot.a-pulled-key-ends-its-session", || pulled(Wire::Usb(0))).within(120),
    Case::new("spot.a-pulled-key-ends-its-session-with-udev", || pulled(Wire::Usb(0)))
        .on(Place::Udev)
        .within(120),
];

const PIN: &str = "271828";
