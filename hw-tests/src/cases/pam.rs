//! A console login through `pam_twostep.so` with a key: Debian's libpam, the agent's `verify.sock`,
//! the key.

use std::fs;
use std::time::Duration;

use crate::guest::{Agent, Case, Key, Outcome, Ran, Wire, run};

fn a_touch(wire: Wire) -> Outcome {
    // A key that is touched at once never prompts for the touch.
    let key = Key::plug(wire, "PAM-1", &["--touch", "delay:1000"])?;
    let agent = Agent::start("")?;
    agent.enroll("ann")?;
    let before = key.count("touches")?;
    pamtester(&agent, &["-I", "tty=tty1"], "\n")?
        .done()?
        .saying("Touch your security key.")?
        .saying("successfully authenticated")?;
    (key.count("touches")? == before + 1)
        .then_some(())
        .ok_or_else(|| "one verification takes one touch".to_owned())?;
    key.dark()
}

fn a_wrong_pin_and_the_right_one() -> Outcome {
    let key = Key::plug(Wire::Usb(0), "PAM-2", &[])?;
    run(&["fido2-token", "-S", &key.node()?], "271828\n271828\n", Duration::from_secs(20))?
        .done()?;
    let agent = Agent::start("user_verification = \"required\"")?;
    agent
        .twostep_typing(&["key", "enroll", "--account", "ann", "--wait", "20"], "271828\n")?
        .done()?;
    let ran = pamtester(&agent, &["-I", "tty=tty1"], "\n999999\n271828\n")?.done()?;
    ran.saying("(8 tries left)")?
        .saying("That PIN was wrong.")?
        .saying("(7 tries left)")
        .map(drop)
}

fn times_out_without_a_touch() -> Outcome {
    let key = Key::plug(Wire::Uhid, "PAM-3", &[])?;
    let agent = Agent::start("")?;
    agent.enroll("ann")?;
    key.tell("finger never")?;
    let ran = pamtester(&agent, &["-I", "tty=tty1"], "\n\n")?
        .saying("was not touched in time")?
        .saying("Code of ann for probe:")?;
    refused(ran)?;
    key.dark()
}

fn remote_login_makes_no_key_blink() -> Outcome {
    let key = Key::plug(Wire::Uhid, "PAM-4", &[])?;
    let agent = Agent::start("")?;
    agent.enroll("ann")?;
    let before = key.count("touches")?;
    let ran = pamtester(&agent, &["-I", "tty=tty1", "-I", "rhost=192.0.2.1"], "\n")?;
    refused(ran.saying("Code of ann for probe:")?)?;
    (key.count("touches")? == before)
        .then_some(())
        .ok_or_else(|| "the key was asked".to_owned())
}

fn refused(ran: Ran) -> Outcome {
    ran.with_code(1)?.saying("Authentication failure").map(drop)
}

/// Runs pamtester on a PAM host with this description; `typed` is ann's input.
fn pamtester(agent: &Agent, host: &[&str], typed: &str) -> Result<Ran, String> {
    let stack = format!(
        "auth required /lib/security/pam_twostep.so socket={} wait=5\n",
        agent.verify_socket()
    );
    fs::create_dir_all("/etc/pam.d")
        .and_then(|()| fs::write("/etc/pam.d/probe", stack))
        .map_err(|error| error.to_string())?;
    run(
        &[&["/usr/bin/pamtester"], host, &["probe", "ann", "authenticate"]].concat(),
        typed,
        Duration::from_secs(40),
    )
}

pub(super) const CASES: &[Case] = &[
    Case::new("pam.a-touch-over-uhid", || a_touch(Wire::Uhid)),
    Case::new("pam.a-touch-over-usb", || a_touch(Wire::Usb(0))),
    Case::new("pam.a-wrong-pin-and-the-right-one", a_wrong_pin_and_the_right_one),
    Case::new("pam.times-out-without-a-touch", times_out_without_a_touch),
    Case::new("pam.remote-login-makes-no-key-blink", remote_login_makes_no_key_blink),
];
