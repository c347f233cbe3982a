//! The clock that codes are judged by: is it kept right, and what do the devices say of it?

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::cli::console::Console;
use crate::cli::doctor::Finding;
use crate::cli::words;
use crate::device::DeviceState;
use crate::time::{Clock, SystemClock};
use crate::wire::ListDevices;

pub(super) async fn look(console: &Console, agent_runs: bool) -> Vec<Finding> {
    let mut findings = vec![synchronised()];
    if agent_runs {
        findings.extend(agents(console).await);
        findings.extend(devices(console).await);
    }
    findings
}

/// The synchronisation of this machine's clock.
fn synchronised() -> Finding {
    let good = |how: &str| Finding::good("clock", format!("it is kept right ({how})"));
    if SystemClock.synchronised().is_some() {
        return good("the kernel says that it is synchronised");
    }
    let bad = |how: &str| {
        Finding::bad("clock", format!("nothing keeps it right ({how})"))
            .mend("timedatectl set-ntp true")
    };
    match said("timedatectl", &["show", "-p", "NTPSynchronized", "--value"]).as_deref() {
        Some("yes") => return good("timedatectl"),
        Some("no") => return bad("timedatectl says: not synchronised"),
        _ => {}
    }
    // The leap status is the last column, and "Not synchronised" when it is not.
    match said("chronyc", &["-c", "tracking"])
        .as_deref()
        .and_then(|line| line.rsplit(',').next())
    {
        Some("Not synchronised") => {
            return bad("chrony says: not synchronised").mend("chronyc makestep");
        }
        Some(status) if !status.is_empty() => return good("chrony"),
        _ => {}
    }
    if Path::new("/run/systemd/timesync/synchronized").exists() {
        return good("systemd-timesyncd");
    }
    Finding::unknown(
        "clock",
        "nothing here says whether it is right; in a container, look at the host",
    )
    .mend("Codes are judged by it. To have it kept right: apt-get install chrony")
}

/// The output of a program, if it is there and fast.
fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let mut child = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let began = Instant::now();
    loop {
        match child.try_wait().ok()? {
            Some(status) if !status.success() => return None,
            Some(_) => break,
            None if began.elapsed() > PATIENCE => {
                let _ = child.kill().and_then(|()| child.wait());
                return None;
            }
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    }
    let mut text = String::new();
    child.stdout.take()?.read_to_string(&mut text).ok()?;
    Some(text.trim().to_owned())
}

/// The agent's clock against ours. They differ where one of the two lives in another machine or
/// container.
async fn agents(console: &Console) -> Option<Finding> {
    let ready = console.client().ready().await.ok()?;
    let off = words::seconds_from_now(*ready.now);
    Some(match off.abs() {
        0..=2 => Finding::good("clock", "the agent's is the same as yours"),
        _ => Finding::bad("clock", format!("the agent's is {off:+} seconds from yours"))
            .mend("Set the one that is wrong: timedatectl set-ntp true"),
    })
}

/// The drift that most devices share. Tokens drift one by one: a common drift is this machine's.
async fn devices(console: &Console) -> Option<Finding> {
    let active = ListDevices {
        state: Some(DeviceState::Active),
        limit: Some(1_000),
        ..ListDevices::default()
    };
    let devices = console.client().devices(&active).await.ok()?.devices;
    let used = devices.iter().filter(|device| device.last_used_at.is_some());
    let mut drifts: Vec<i64> = used.filter_map(|device| device.drift_seconds).collect();
    drifts.sort_unstable();
    let median = *drifts.get(drifts.len() / 2)?;
    let agree = drifts.iter().filter(|drift| drift.abs_diff(median) <= 30).count();
    let number = words::count(u64::try_from(drifts.len()).unwrap_or(u64::MAX), "device");
    Some(match median.abs() {
        0..=45 => Finding::good("drift", format!("{number} in use: they agree with the clock")),
        _ if drifts.len() < FEW => Finding::unknown(
            "drift",
            format!("{number} in use, {median:+} seconds off: too few to say whose clock is wrong"),
        ),
        _ if agree * 3 >= drifts.len() * 2 => Finding::bad(
            "drift",
            format!("most devices are off by {median:+} seconds: this machine's clock is wrong"),
        )
        .mend("timedatectl set-ntp true")
        .mend("They find their way back by themselves once it is right."),
        _ => Finding::unknown(
            "drift",
            format!("{number} in use, each off by another amount: their own clocks are wrong"),
        ),
    })
}

const PATIENCE: Duration = Duration::from_secs(2);

/// With fewer devices it may as well be theirs.
const FEW: usize = 4;
