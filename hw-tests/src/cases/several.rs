//! Several keys are plugged in: a touch selects one, and the others stop blinking.

use std::time::Duration;

use crate::guest::{Agent, Case, Hammer, Key, Outcome, Place, Wire};

/// The key that answers late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slow {
    Other,
    Enrolled,
}

/// Plugs in the keys; the second one supports U2F only.
fn plug(wires: &[Wire]) -> Result<Vec<Key>, String> {
    let kinds: [&[&str]; 3] =
        [&["--touch", "manual"], &["--touch", "manual", "--u2f-only"], &["--touch", "manual"]];
    wires
        .iter()
        .zip(SERIALS)
        .zip(kinds)
        .map(|((wire, serial), kind)| Key::plug(*wire, serial, kind))
        .collect()
}

fn enrol_by_touch(wires: &[Wire], chosen: usize) -> Outcome {
    let keys = plug(wires)?;
    let agent = Agent::start("")?;
    let enrolling =
        agent.begin(&["--json", "key", "enroll", "--account", "ann", "--wait", "30"], "")?;
    keys.iter().try_for_each(Key::blinking)?;
    let key = keys.get(chosen).ok_or("no such key")?;
    key.tell("touch")?;
    // Some keys need a second touch for the credential itself; the others are dark by then.
    key.tell("finger auto")?;
    keys.iter().filter(|other| !std::ptr::eq(*other, key)).try_for_each(Key::dark)?;
    enrolling.end(LIMIT)?.done()?;
    let others: u64 = keys
        .iter()
        .filter(|other| !std::ptr::eq(*other, key))
        .map(|other| other.count("touches"))
        .sum::<Result<u64, String>>()?;
    (others == 0)
        .then_some(())
        .ok_or_else(|| "another key took a touch".to_owned())?;
    // The key that was touched is the enrolled one.
    agent.login("ann").map(drop)
}

fn only_the_enrolled_key_blinks() -> Outcome {
    let agent = Agent::start("")?;
    let keys = plug(&[Wire::Uhid, Wire::Uhid, Wire::Usb(0)])?;
    let [_, stranger, mine] = keys.as_slice() else { return Err("three keys".to_owned()) };
    mine.tell("finger auto")?;
    agent.enroll_at("ann", &mine.node()?)?;
    mine.tell("finger manual")?;
    let login = agent.begin(&["login", "--key", "--account", "ann", "--wait", "30"], "")?;
    mine.blinking()?;
    std::thread::sleep(Duration::from_millis(500));
    if stranger.blinks() || keys.first().is_some_and(Key::blinks) {
        return Err("a key that is not the account's blinks".to_owned());
    }
    mine.tell("touch")?;
    login.end(LIMIT)?.done().map(drop)
}

/// Two keys, the second one enrolled, and two programs that use the first continuously.
fn hammered(slow: Option<Slow>) -> Outcome {
    let logins = std::env::var("TWOSTEP_LOGINS").ok().and_then(|count| count.parse().ok());
    // A slow key takes a quarter of a minute for each login.
    let logins = logins.unwrap_or(if slow == Some(Slow::Enrolled) { 1 } else { 5 });
    let agent = Agent::start("")?;
    let (other, mine) =
        (Key::plug(Wire::Usb(0), SERIALS[0], &[])?, Key::plug(Wire::Uhid, SERIALS[1], &[])?);
    agent.enroll_at("ann", &mine.node()?)?;
    match slow {
        None => {}
        Some(Slow::Other) => other.tell(LATE).map(drop)?,
        Some(Slow::Enrolled) => mine.tell(LATE).map(drop)?,
    }
    let hammer = Hammer::start(&mine.node()?, 2);
    let mut slowest = Duration::ZERO;
    for round in 1..=logins {
        let ran = agent.twostep(&["login", "--key", "--account", "ann", "--wait", "60"])?;
        slowest = slowest.max(ran.took);
        ran.done().map_err(|why| format!("login {round}: {why}"))?;
    }
    println!(
        "figure: the slowest of {logins} took {:.1} s beside {} answers to other programs",
        slowest.as_secs_f64(),
        hammer.answered()
    );
    match (other.count("touches")?, hammer.answered()) {
        (0, 1..) => Ok(()),
        (0, 0) => Err("the other programs had no answer".to_owned()),
        _ => Err("the key that is not enrolled was touched".to_owned()),
    }
}

fn login_by_touch(wires: &[Wire]) -> Outcome {
    let agent = Agent::start("")?;
    let keys = plug(wires)?;
    for key in &keys {
        key.tell("finger auto")?;
        agent.enroll_at("ann", &key.node()?)?;
        key.tell("finger manual")?;
    }
    for key in &keys {
        let login = agent.begin(&["login", "--key", "--account", "ann", "--wait", "30"], "")?;
        keys.iter().try_for_each(Key::blinking)?;
        key.tell("touch")?;
        key.tell("finger auto")?;
        login.end(LIMIT)?.done()?;
        keys.iter().try_for_each(Key::dark)?;
        key.tell("finger manual")?;
    }
    Ok(())
}

pub(super) const CASES: &[Case] = &[
    Case::new("several.two-keys-enrol-by-touch", || enrol_by_touch(&[Wire::Usb(0), Wire::Uhid], 1)),
    Case::new("several.three-keys-enrol-by-touch", || {
        enrol_by_touch(&[Wire::Usb(0), Wire::Uhid, Wire::Usb(1)], 2)
    }),
    Case::new("several.only-the-enrolled-key-blinks", only_the_enrolled_key_blinks),
    Case::new("several.two-enrolled-keys-login-by-touch", || {
        login_by_touch(&[Wire::Uhid, Wire::Usb(0)])
    }),
    Case::new("several.three-enrolled-keys-login-by-touch", || {
        login_by_touch(&[Wire::Uhid, Wire::Usb(0), Wire::Usb(1)])
    }),
    Case::new("several.hammered-key-logs-in", || hammered(None))
        .on(Place::Counted)
        .within(700),
    Case::new("several.hammered-key-beside-a-slow-one-logs-in", || hammered(Some(Slow::Other)))
        .on(Place::Counted)
        .within(700),
    Case::new("several.hammered-key-that-is-slow-logs-in", || hammered(Some(Slow::Enrolled)))
        .on(Place::Counted)
        .within(700),
];

/// U2F clients wait 3 s for a message; the remainder is for the emulated machine.
const LATE: &str = "late 2800";

const SERIALS: [&str; 3] = ["SEV-1", "SEV-2", "SEV-3"];

const LIMIT: Duration = Duration::from_secs(40);
