//! The list of keys in every state, and the process that manages them.

use super::bench::Sockets;
use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use test_support::device::{CBOR, Device, Request, reports};
use twostep::usb;
use twostep::usb::manage::{Answered, Task, manage};
use twostep::usb::{Access, Answer, Error, Pin, PinState};

#[test]
fn the_list_shows_the_state_of_each_key() {
    let mut blocked = Device::with_pin("blocked", "123456");
    blocked.pin.retries = 0;
    let garbage = |request: &Request| {
        (request.command == CBOR).then(|| reports(request.channel, CBOR, &[0, 0xff], 64))
    };
    let sockets = Sockets::with([
        Device::new("healthy"),
        Device::with_pin("with a PIN", "123456"),
        blocked,
        Device::u2f_only("U2F"),
        Device { mischief: Some(Box::new(|_| Some(Vec::new()))), ..Device::new("silent") },
        Device { u2f: false, mischief: Some(Box::new(garbage)), ..Device::new("odd") },
        Device { mischief: Some(Box::new(garbage)), ..Device::new("odd, and knows U2F") },
    ]);
    let found = usb::list_on(sockets.bus()).unwrap();
    let pin = |number: usize| match &found[number].answer {
        Some(Answer::About(about)) => Some(about.pin),
        _ => None,
    };
    assert!(found.iter().all(|found| found.access == Access::Open));
    assert_eq!(pin(0), Some(PinState::NotSet));
    assert_eq!(
        pin(1),
        Some(PinState::Set { retries: Some(8), power_cycle: false, must_change: false })
    );
    assert_eq!(pin(2), Some(PinState::Blocked));
    assert_eq!(pin(3), Some(PinState::Unsupported));
    assert_eq!(found[4].answer, Some(Answer::Silent));
    assert!(matches!(found[5].answer, Some(Answer::Misbehaved(_))));
    assert_eq!(pin(6), Some(PinState::Unsupported));
    assert!((0..7).all(|number| sockets.device(number).lock().unwrap().blinked == 0));
}

#[test]
fn a_key_without_permission_is_in_the_list_too() {
    let sockets = Sockets::with([Device::new("a")]);
    sockets.forbid();
    let found = usb::list_on(sockets.bus()).unwrap();
    // The node of the in-memory key need not exist on this machine.
    assert!(
        matches!(found[0].access, Access::NotAllowed { .. } | Access::Gone),
        "{:?}",
        found[0].access
    );
    assert_eq!(found[0].answer, None);
}

#[test]
fn the_process_that_holds_a_node_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("node");
    File::create(&path).unwrap();
    assert!(usb::holders(&path).seen.is_empty());
    let mut holder = Command::new("sleep")
        .arg("60")
        .stdin(File::open(&path).unwrap())
        .spawn()
        .unwrap();
    let seen = usb::holders(&path).seen;
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert_eq!(seen.iter().map(|seen| seen.pid).collect::<Vec<_>>(), [holder.id()]);
}

/// Runs another program instead of the management process.
fn told(script: &str, task: Task) -> Result<Answered, Error> {
    told_within(Duration::from_secs(20), script, task)
}

fn told_within(deadline: Duration, script: &str, task: Task) -> Result<Answered, Error> {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", script]);
    manage(shell, Path::new("/dev/hidraw0"), task, deadline)
}

#[test]
fn a_hanging_child_is_killed_at_the_deadline() {
    let begun = Instant::now();
    assert_eq!(
        told_within(Duration::from_millis(500), "exec sleep 60", Task::Info),
        Err(Error::Silent)
    );
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_child_must_write_exactly_one_document() {
    assert_eq!(told("echo more >&2; echo '\"done\"'", Task::Info), Ok(Answered::Done));
    assert_eq!(told("echo '{\"status\":[50,null]}'", Task::Info), Err(Error::PinBlocked));
    assert_eq!(
        told("echo '{\"status\":[49,3]}'", Task::Info),
        Err(Error::PinWrong { retries: Some(3) })
    );
    for script in [
        "true",
        "exit 3",
        "kill -9 $$",
        "echo '{\"done\":'",
        "echo '\"done\" \"done\"'",
        "head -c 3000000 /dev/zero",
    ] {
        assert!(matches!(told(script, Task::Info), Err(Error::Misbehaved(_))), "{script}");
    }
    let missing = manage(
        Command::new("/nowhere"),
        Path::new("/dev/hidraw0"),
        Task::Info,
        Duration::from_secs(1),
    );
    assert!(matches!(missing, Err(Error::Child(_))));
}

#[test]
fn a_pin_goes_through_the_pipe() {
    let new = Pin::new("12\"3456".to_owned());
    let script = "case $(cat) in *'\"12\\\"3456\"'*) echo '\"done\"';; esac";
    assert_eq!(told(script, Task::SetPin { new }), Ok(Answered::Done));
}

#[test]
fn the_bus_of_this_machine_can_be_searched() {
    assert!(usb::list().is_ok());
}
