//! Keys with failing CTAP2 are used over U2F if they support it.

use super::bench::{Script, Service, Sockets};
use super::hostile::{At, BEHAVIOURS, Ends};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;
use test_support::device::{CBOR, Device, ERROR, MSG, Report, Request, reports};
use twostep::usb::Error;

/// Silence may use half of this time.
const DEADLINE: Duration = Duration::from_secs(6);

type Failure = fn(&Request) -> Vec<Report>;

/// authenticatorGetInfo fails this number of times, in this way.
fn failing(times: usize, failure: impl Fn(&Request) -> Vec<Report> + Send + 'static) -> Device {
    let mut left = times;
    let mischief = move |request: &Request| {
        let asked = request.command == CBOR && request.data[0] == 0x04;
        let fails = asked && left > 0;
        left -= usize::from(fails);
        fails.then(|| failure(request))
    };
    Device { mischief: Some(Box::new(mischief)), ..Device::new("a") }
}

/// Enrols the key and signs in with it; returns the CTAP2 commands that it executed.
fn both(name: &str, device: Device) -> Vec<u8> {
    let sockets = Sockets::with([device]);
    let service = Service::new().within(DEADLINE);
    let credential = service
        .enroll(&sockets, &[], &mut Script::default())
        .unwrap_or_else(|why| panic!("{name}: {why:?}"));
    service
        .sign_in(&sockets, &[&credential], &mut Script::default())
        .unwrap_or_else(|why| panic!("{name}: {why:?}"));
    sockets.device(0).lock().unwrap().commands.clone()
}

#[test]
fn a_key_with_failing_get_info_is_used_over_u2f() {
    let next = AtomicUsize::new(0);
    let ways: Vec<_> = BEHAVIOURS
        .iter()
        .filter(|(_, at, ends, _)| *at == At::Info && *ends != Ends::Busy)
        .collect();
    assert!(ways.len() >= 30);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some((name, _, _, failure)) =
                    ways.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    assert_eq!(both(name, failing(usize::MAX, *failure)), [0_u8; 0], "{name}");
                }
            });
        }
    });
}

#[test]
fn a_key_that_refuses_get_info_is_used_over_u2f() {
    for status in (0x01..=0xff).step_by(9).chain([0x02, 0x03, 0x05, 0x21, 0x36, 0x7f, 0xff]) {
        let commands = both(
            &format!("{status:02x}"),
            failing(usize::MAX, move |request| reports(request.channel, CBOR, &[status], 64)),
        );
        assert_eq!(commands, [0_u8; 0], "{status:02x}");
    }
}

#[test]
fn a_cbor_key_that_lists_only_u2f_is_used_over_u2f() {
    for versions in [vec!["U2F_V2"], vec!["U2F_V2", "U2F_V3"]] {
        let commands = both("versions", Device { versions: versions.clone(), ..Device::new("a") });
        assert!(commands.iter().all(|command| *command == 0x04), "{versions:?}: {commands:?}");
    }
}

#[test]
fn a_single_failure_is_retried_before_u2f() {
    let once: [(&str, Failure); 5] = [
        ("busy", |request| reports(request.channel, ERROR, &[0x06], 64)),
        ("busy, as a status of CTAP2", |request| reports(request.channel, CBOR, &[0x06], 64)),
        ("another status", |request| reports(request.channel, CBOR, &[0x7f], 64)),
        ("another error", |request| reports(request.channel, ERROR, &[0x7f], 64)),
        ("no CBOR", |request| reports(request.channel, CBOR, &[0, 0xff], 64)),
    ];
    for (name, failure) in once {
        let commands = both(name, failing(1, failure));
        assert!(commands.contains(&0x01), "{name}: the credential is one of CTAP2, {commands:?}");
    }
}

#[test]
fn a_key_without_u2f_gets_no_u2f_request() {
    let words = |request: &Request| match (request.command, request.data[0]) {
        (CBOR, 0x04) => Some(reports(request.channel, CBOR, &[0x7f], 64)),
        (MSG, _) => panic!("it was asked as U2F"),
        _ => None,
    };
    let sockets =
        Sockets::with([Device { u2f: false, mischief: Some(Box::new(words)), ..Device::new("a") }]);
    assert_eq!(
        Service::new().enroll(&sockets, &[], &mut Script::default()),
        Err(Error::Refused(0x7f))
    );
    let sockets =
        Sockets::with([Device { u2f: false, versions: vec!["U2F_V2"], ..Device::new("a") }]);
    let refused = Service::new().enroll(&sockets, &[], &mut Script::default());
    assert!(matches!(refused, Err(Error::Misbehaved(_))), "{refused:?}");
}

/// If U2F fails as well, the error is that of CTAP2.
#[test]
fn a_key_failing_in_both_protocols_reports_the_ctap2_error() {
    let words = |request: &Request| match (request.command, request.data[0]) {
        (CBOR, 0x04) => Some(reports(request.channel, CBOR, &[0x7f], 64)),
        (MSG, _) => Some(reports(request.channel, MSG, &[0x6d, 0], 64)),
        _ => None,
    };
    let sockets = Sockets::with([Device { mischief: Some(Box::new(words)), ..Device::new("a") }]);
    assert_eq!(
        Service::new().enroll(&sockets, &[], &mut Script::default()),
        Err(Error::Refused(0x7f))
    );
}
