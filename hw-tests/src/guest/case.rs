//! A case: one process, one deadline, one verdict.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::wait_until;
use crate::wire::Gadget;

/// Success, or the reason of the failure.
pub type Outcome = Result<(), String>;

/// The machine that a case needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Without udev, in real time.
    Plain,
    /// With Debian's systemd-udevd.
    Udev,
    /// In virtual time, for cases that mostly wait.
    Counted,
}

impl Place {
    /// Every machine.
    pub const ALL: [Place; 3] = [Place::Plain, Place::Udev, Place::Counted];

    /// The machine's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Place::Plain => "plain",
            Place::Udev => "udev",
            Place::Counted => "counted",
        }
    }
}

/// A property of keys on a real kernel, and its test.
#[derive(Clone, Copy)]
pub struct Case {
    /// The name: `group.property`.
    pub name: &'static str,
    /// The machine to run it on.
    pub place: Place,
    /// The time limit in seconds.
    pub seconds: u64,
    /// True if it can run on a real key, with a person to touch it.
    pub real: bool,
    /// The test.
    pub run: fn() -> Outcome,
}

impl Case {
    /// A case in the plain machine, limited to one minute.
    #[must_use]
    pub const fn new(name: &'static str, run: fn() -> Outcome) -> Case {
        Case { name, place: Place::Plain, seconds: 60, real: false, run }
    }

    /// Moves the case to another machine.
    #[must_use]
    pub const fn on(self, place: Place) -> Case {
        Case { place, ..self }
    }

    /// Lets the case run on real keys as well.
    #[must_use]
    pub const fn on_real_keys(self) -> Case {
        Case { real: true, ..self }
    }

    /// Sets another time limit.
    #[must_use]
    pub const fn within(self, seconds: u64) -> Case {
        Case { seconds, ..self }
    }
}

/// Runs each case in a process of its own with these variables in its environment, reports the
/// results, and returns the number of failures.
pub fn run_all(cases: &[&Case], environment: &[(String, String)]) -> u8 {
    let mut failed = 0_u8;
    for case in cases {
        let begun = Instant::now();
        let outcome = in_process(case, environment);
        let seconds = begun.elapsed().as_secs_f64();
        let said = fs::read_to_string(LOG).unwrap_or_default();
        let (figures, rest): (Vec<&str>, Vec<&str>) =
            said.lines().partition(|line| line.starts_with("figure:"));
        figures.iter().for_each(|line| println!("@@F {} {line}", case.name));
        match outcome {
            Ok(()) => println!("@@T {} ok {seconds:.1}", case.name),
            Err(why) => {
                failed = failed.saturating_add(1);
                println!("@@T {} FAIL {seconds:.1} {why}", case.name);
                rest.iter().rev().take(60).rev().for_each(|line| println!("@@L {line}"));
            }
        }
        sweep();
    }
    failed
}

fn in_process(case: &Case, environment: &[(String, String)]) -> Outcome {
    let log = File::create(LOG).map_err(|error| error.to_string())?;
    let other = log.try_clone().map_err(|error| error.to_string())?;
    let mut command = Command::new("/proc/self/exe");
    command
        .args(["--case", case.name])
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(other);
    command.envs(
        environment
            .iter()
            .map(|(name, value)| (format!("TWOSTEP_{}", name.to_uppercase()), value)),
    );
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let ended = wait_until(Duration::from_secs(case.seconds), || {
        matches!(child.try_wait(), Ok(Some(_)) | Err(_))
    });
    if ended.is_none() {
        let _ = child.kill();
        let _ = child.wait();
        return Err(format!("still running after {} s", case.seconds));
    }
    match child.wait() {
        Ok(status) if status.success() => Ok(()),
        _ => {
            let said = fs::read_to_string(LOG).unwrap_or_default();
            Err(said
                .lines()
                .rev()
                .find_map(|line| line.strip_prefix("failed: "))
                .unwrap_or("it died")
                .to_owned())
        }
    }
}

/// Removes processes and keys that the last case left behind.
fn sweep() {
    for pid in strays() {
        let _ = kill(pid, Signal::SIGKILL);
    }
    thread::sleep(Duration::from_millis(10));
    while waitpid(None, Some(WaitPidFlag::WNOHANG))
        .is_ok_and(|status| status != WaitStatus::StillAlive)
    {}
    (0..4).for_each(Gadget::take_apart);
    let gone = wait_until(Duration::from_secs(5), || {
        fs::read_dir("/sys/class/hidraw").is_ok_and(|mut entries| entries.next().is_none())
    });
    if gone.is_none() {
        println!("@@L a key of the last case is still there");
    }
}

/// Every process except the first, udev's, and the kernel's own.
fn strays() -> Vec<Pid> {
    let processes = fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let stray = |number: &i32| {
        let command =
            fs::read_to_string(Path::new("/proc").join(number.to_string()).join("cmdline"))
                .unwrap_or_default();
        *number > 1 && !command.is_empty() && !command.contains("udevd")
    };
    numbers.filter(stray).map(Pid::from_raw).collect()
}

const LOG: &str = "/tmp/case.log";
