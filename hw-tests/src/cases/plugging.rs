//! Keys are plugged in and pulled out during a ceremony.

use std::time::Duration;
use std::{env, thread};

use crate::guest::{Agent, Case, Key, Outcome, Place, Wire, descriptors_of};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ceremony {
    Enrolment,
    Login,
}

fn comes_while_waiting(wire: Wire) -> Outcome {
    let key = Key::plug(wire, "PLUG-1", &["--unplugged"])?;
    let agent = Agent::start("")?;
    let enrolling = agent.begin(&["key", "enroll", "--account", "ann", "--wait", "30"], "")?;
    enrolling.says("Plug in a security key")?;
    key.tell("replug")?;
    enrolling.end(LIMIT)?.done()?;
    agent.login("ann").map(drop)
}

fn unplugged_before_the_touch(wire: Wire) -> Outcome {
    let key = Key::plug(wire, "PLUG-2", &[])?;
    let agent = Agent::start("")?;
    agent.enroll("ann")?;
    key.tell("finger manual")?;
    let login = agent.begin(&["login", "--key", "--account", "ann", "--wait", "4"], "")?;
    key.blinking()?;
    key.tell("unplug")?;
    login.end(LIMIT)?.with_code(4)?.saying("unplugged")?;
    key.tell("replug")?;
    key.node()?;
    key.tell("finger auto")?;
    agent.login("ann").map(drop)
}

fn no_key_comes() -> Outcome {
    let agent = Agent::start("")?;
    let ran = agent.twostep(&["key", "enroll", "--account", "ann", "--wait", "1"])?;
    ran.with_code(4)?.saying("no security key was plugged in").map(drop)
}

/// One program waits for its own key while another key is plugged in and out: as often as
/// `TWOSTEP_PLUGS` says, for example a thousand times.
fn plugs_leak_no_descriptor() -> Outcome {
    let plugs: u32 = env::var("TWOSTEP_PLUGS")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(100);
    let agent = Agent::start("")?;
    let mine = Key::plug(Wire::Uhid, "PLUG-3", &[])?;
    agent.enroll("ann")?;
    mine.tell("unplug")?;
    mine.gone()?;
    let other = Key::plug(Wire::Uhid, "PLUG-4", &["--unplugged"])?;
    let mut login = agent.begin(&["login", "--key", "--account", "ann", "--wait", "290"], "")?;
    let cycle = || {
        other.tell("replug")?;
        other.node()?;
        // Long enough for the program to notice the key and query it.
        let asked = crate::guest::wait_until(Duration::from_secs(3), || {
            other.count("reports").is_ok_and(|count| count > 0)
        });
        asked.ok_or("the program did not look at the key")?;
        other.tell("unplug")?;
        other.gone()
    };
    cycle()?;
    thread::sleep(Duration::from_secs(1));
    let before = descriptors_of(login.id());
    for _ in 1..plugs {
        cycle()?;
    }
    thread::sleep(Duration::from_secs(1));
    let after = descriptors_of(login.id());
    println!("figure: {plugs} plugs, {before} descriptors before, {after} after");
    if !login.running() {
        return Err(format!("the program gave up: {:?}", login.end(LIMIT)));
    }
    if after > before {
        return Err(format!("{before} descriptors before, {after} after"));
    }
    mine.tell("replug")?;
    login.end(LIMIT)?.done().map(drop)
}

/// Pulls the key out after the first report of a ceremony, the second, and so on.
fn at_every_report(ceremony: Ceremony, key: &[&str]) -> Outcome {
    let agent = Agent::start("")?;
    let key = Key::plug(Wire::Uhid, "PLUG-5", key)?;
    let words = |wait: &'static str| match ceremony {
        Ceremony::Enrolment => {
            ["--json", "key", "enroll", "--account", "ann", "--wait", wait].to_vec()
        }
        Ceremony::Login => {
            ["--json", "login", "--key", "--account", "ann", "--wait", wait].to_vec()
        }
    };
    if ceremony == Ceremony::Login {
        agent.enroll("ann")?;
    }
    let before = key.count("reports")?;
    if ceremony == Ceremony::Login {
        agent.twostep(&words("20"))?.done()?;
    } else {
        agent.twostep(&["key", "enroll", "--account", "zoe", "--wait", "20"])?.done()?;
    }
    let reports = key.count("reports")? - before;
    println!("figure: {reports} reports");
    for report in 1..reports {
        key.tell(&format!("unplug-after {report}"))?;
        let ran = agent.twostep(&words("1"))?;
        // Signatures in DER differ in length: an answer may be whole one report earlier.
        if ran.code == Some(0) && report + 1 == reports {
            return Ok(());
        }
        let typed = serde_json::from_str::<serde_json::Value>(&ran.stdout)
            .is_ok_and(|document| document["code"].is_string());
        if !matches!(ran.code, Some(1 | 3 | 4)) || !typed || ran.stderr.contains("panicked") {
            return Err(format!("unplugged after report {report} of {reports}: {ran:?}"));
        }
        key.tell("replug")?;
        key.node()?;
    }
    agent.twostep(&words("20"))?.done().map(drop)
}

pub(super) const CASES: &[Case] = &[
    Case::new("plugging.key-comes-while-waiting-over-uhid", || comes_while_waiting(Wire::Uhid)),
    Case::new("plugging.key-comes-while-waiting-over-usb", || comes_while_waiting(Wire::Usb(0)))
        .on_real_keys(),
    Case::new("plugging.key-comes-while-waiting-with-udev-over-uhid", || {
        comes_while_waiting(Wire::Uhid)
    })
    .on(Place::Udev),
    Case::new("plugging.key-comes-while-waiting-with-udev-over-usb", || {
        comes_while_waiting(Wire::Usb(0))
    })
    .on(Place::Udev),
    Case::new("plugging.unplugged-before-the-touch-over-uhid", || {
        unplugged_before_the_touch(Wire::Uhid)
    }),
    Case::new("plugging.unplugged-before-the-touch-over-usb", || {
        unplugged_before_the_touch(Wire::Usb(0))
    })
    .on_real_keys(),
    Case::new("plugging.no-key-comes", no_key_comes),
    Case::new("plugging.a-hundred-plugs-leak-no-descriptor", plugs_leak_no_descriptor).within(240),
    Case::new("plugging.unplugged-at-every-report-of-an-enrolment", || {
        at_every_report(Ceremony::Enrolment, &[])
    })
    .on(Place::Counted)
    .within(300),
    Case::new("plugging.unplugged-at-every-report-of-a-login", || {
        at_every_report(Ceremony::Login, &[])
    })
    .on(Place::Counted)
    .within(300),
    Case::new("plugging.unplugged-at-every-report-of-a-u2f-enrolment", || {
        at_every_report(Ceremony::Enrolment, &["--u2f-only"])
    })
    .on(Place::Counted)
    .within(300),
    Case::new("plugging.unplugged-at-every-report-of-a-u2f-login", || {
        at_every_report(Ceremony::Login, &["--u2f-only"])
    })
    .on(Place::Counted)
    .within(300),
];

const LIMIT: Duration = Duration::from_secs(40);
