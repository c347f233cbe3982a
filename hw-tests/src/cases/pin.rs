//! PINs: asked for when needed, never tried twice, with messages for a blocked key.

use std::time::Duration;

use crate::guest::{Agent, Case, Key, Outcome, Ran, Wire, run};

fn wrong_once_shows_the_tries() -> Outcome {
    let (key, agent) = enrolled("PIN-1")?;
    login(&agent, WRONG)?.with_code(1)?.saying("7 tries")?;
    let before = key.count("touches")?;
    login(&agent, PIN)?.done()?.saying("7 tries")?;
    (key.count("touches")? == before + 1)
        .then_some(())
        .ok_or_else(|| "a login takes one touch".to_owned())?;
    login(&agent, PIN)?.done()?.saying("8 tries").map(drop)
}

fn three_wrong_need_a_power_cycle() -> Outcome {
    let (key, agent) = enrolled("PIN-2")?;
    for _ in 0..2 {
        login(&agent, WRONG)?.with_code(1)?;
    }
    login(&agent, WRONG)?.with_code(4)?.saying("plug")?;
    login(&agent, PIN)?.with_code(4)?.saying("plugged in again")?;
    key.tell("replug")?;
    key.node()?;
    login(&agent, PIN)?.done().map(drop)
}

fn eight_wrong_block_it() -> Outcome {
    let (key, agent) = enrolled("PIN-3")?;
    for round in 0..8 {
        if round > 0 && round % 3 == 0 {
            key.tell("replug")?;
            key.node()?;
        }
        let ran = login(&agent, WRONG)?;
        if !matches!(ran.code, Some(1 | 4)) {
            return Err(format!("wrong PIN {round}: {ran:?}"));
        }
    }
    key.tell("replug")?;
    key.node()?;
    login(&agent, PIN)?.with_code(4)?.saying("blocked").map(drop)
}

fn set_and_change_by_the_program() -> Outcome {
    let _key = Key::plug(Wire::Uhid, "PIN-4", &[])?;
    let agent = Agent::start("")?;
    agent.twostep_typing(&["key", "pin", "set"], "271828\n271828\n")?.done()?;
    agent
        .twostep_typing(&["key", "pin", "change"], "271828\n314159\n314159\n")?
        .done()?;
    agent
        .twostep_typing(&["key", "enroll", "--account", "ann", "--wait", "20"], PIN)?
        .with_code(1)?;
    agent
        .twostep_typing(&["key", "enroll", "--account", "ann", "--wait", "20"], "314159\n")?
        .done()
        .map(drop)
}

fn enrolled(serial: &str) -> Result<(Key, Agent), String> {
    let key = Key::plug(Wire::Usb(0), serial, &[])?;
    run(&["fido2-token", "-S", &key.node()?], "271828\n271828\n", Duration::from_secs(20))?
        .done()?;
    let agent = Agent::start("user_verification = \"required\"")?;
    agent
        .twostep_typing(&["key", "enroll", "--account", "ann", "--wait", "20"], PIN)?
        .done()?;
    Ok((key, agent))
}

fn login(agent: &Agent, pin: &str) -> Result<Ran, String> {
    agent.twostep_typing(&["login", "--key", "--account", "ann", "--wait", "20"], pin)
}

pub(super) const CASES: &[Case] = &[
    Case::new("pin.wrong-once-shows-the-tries", wrong_once_shows_the_tries),
    Case::new("pin.three-wrong-need-a-power-cycle", three_wrong_need_a_power_cycle),
    Case::new("pin.eight-wrong-block-it", eight_wrong_block_it).within(120),
    Case::new("pin.set-and-change-by-the-program", set_and_change_by_the_program),
];

const PIN: &str = "271828\n";
const WRONG: &str = "999999\n";
