//! Other programs use the same key at the same time.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{fs, thread};

use crate::guest::{Agent, Case, Key, Outcome, Place, Running, Wire, run, start};

fn hundred_logins_beside_fido2_token() -> Outcome {
    let key = Key::plug(Wire::Usb(0), "OTHER-1", &[])?;
    let agent = Agent::start("")?;
    agent.enroll("ann")?;
    let node = key.node()?;
    let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&asked));
    let hammer = thread::spawn(move || {
        while !stopped.load(Ordering::Relaxed) {
            let asking = Command::new("fido2-token")
                .args(["-I", &node])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            counted.fetch_add(u32::from(asking.is_ok()), Ordering::Relaxed);
        }
    });
    let mut slowest = Duration::ZERO;
    let mut outcome = Ok(());
    for round in 1..=100 {
        let ran = agent.twostep(&["login", "--key", "--account", "ann", "--wait", "10"])?;
        slowest = slowest.max(ran.took);
        outcome = ran.done().map(drop).map_err(|why| format!("login {round}: {why}"));
        if outcome.is_err() {
            break;
        }
    }
    stop.store(true, Ordering::Relaxed);
    let _ = hammer.join();
    println!(
        "figure: the slowest of 100 took {:.2} s beside {} runs of fido2-token",
        slowest.as_secs_f64(),
        asked.load(Ordering::Relaxed)
    );
    outcome?;
    (slowest < Duration::from_secs(10))
        .then_some(())
        .ok_or_else(|| format!("a login took {slowest:?}"))
}

fn waits_for_its_turn() -> Outcome {
    let key = Key::plug(Wire::Uhid, "OTHER-2", &[])?;
    let agent = Agent::start("")?;
    agent.enroll("ann")?;
    key.tell("finger manual")?;
    std::fs::write(
        "/tmp/other.in",
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\nexample.org\nann\nYW5u\n",
    )
    .map_err(|error| error.to_string())?;
    let other =
        start(Command::new("fido2-cred").args(["-M", "-i", "/tmp/other.in", &key.node()?]), "")?;
    key.blinking()?;
    let login = agent.begin(&["login", "--key", "--account", "ann", "--wait", "20"], "")?;
    thread::sleep(Duration::from_secs(2));
    key.tell("touch")?;
    other.end(Duration::from_secs(10))?.done()?;
    key.blinking()?;
    key.tell("touch")?;
    login
        .end(Duration::from_secs(30))?
        .done()?
        .saying("Another program is using")
        .map(drop)
}

/// Measures the time from the touch to the verdict against fido2-assert on the same key, as medians
/// of 20 alternating runs. fido2-assert needs a second run to verify the first one's output. The
/// result is printed only: on a busy machine no time is a verdict.
fn latency() -> Outcome {
    let key = Key::plug(Wire::Usb(0), "OTHER-3", &[])?;
    let agent = Agent::start("")?;
    agent.enroll("ann")?;
    let credential = super::tools::make_credential(&key, &[], "")?;
    write("/tmp/latency.pem", &credential.public_key)?;
    write("/tmp/latency.in", &format!("{HASH}\nlocalhost\n{}\n", credential.id))?;
    let node = key.node()?;
    key.tell("finger manual")?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..20 {
        let login = agent.begin(&["login", "--key", "--account", "ann", "--wait", "20"], "")?;
        ours.push(after_touch(&key, login, |_| Ok(()))?);
        let assert =
            start(Command::new("fido2-assert").args(["-G", "-i", "/tmp/latency.in", &node]), "")?;
        theirs.push(after_touch(&key, assert, |asserted| {
            run(&["fido2-assert", "-V", "/tmp/latency.pem"], &asserted, LIMIT)?
                .done()
                .map(drop)
        })?);
    }
    let (ours, theirs) = (median(ours), median(theirs));
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    println!(
        "figure: {:.0} ms after the touch, fido2-assert {:.0} ms: {ratio:.2} (goal: 1.1 at most)",
        ours.as_secs_f64() * 1e3,
        theirs.as_secs_f64() * 1e3
    );
    Ok(())
}

fn after_touch(
    key: &Key,
    waiting: Running,
    verdict: impl FnOnce(String) -> Outcome,
) -> Result<Duration, String> {
    key.blinking()?;
    // Touch at any phase of the key's polling interval, as a person does.
    thread::sleep(Duration::from_millis(137));
    let touched = Instant::now();
    key.tell("touch")?;
    verdict(waiting.end(LIMIT)?.done()?.stdout)?;
    Ok(touched.elapsed())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn write(path: &str, content: &str) -> Outcome {
    fs::write(path, content).map_err(|error| format!("{path}: {error}"))
}

pub(super) const CASES: &[Case] = &[
    Case::new("others.a-hundred-logins-beside-fido2-token", hundred_logins_beside_fido2_token)
        .within(600)
        .on(Place::Udev),
    Case::new("others.waits-while-another-program-waits-for-a-touch", waits_for_its_turn),
    Case::new("others.latency-beside-fido2-assert", latency).within(300),
];

const LIMIT: Duration = Duration::from_secs(30);

/// A hash of arbitrary client data.
const HASH: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
