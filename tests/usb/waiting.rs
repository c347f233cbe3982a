//! Busy and slow keys: a ceremony waits for a key that may hold the credential, and names a key
//! that it could not ask.

use super::bench::{Script, Service, Shared, Sockets};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use test_support::device::{
    CBOR, Delay, Device, ERROR, INIT, MSG, Report, Request, Touch, reports,
};
use twostep::usb::{Error, Progress, Transport};
use twostep::webauthn::{Credential, UserVerification};

/// A reason why a key does not answer.
#[derive(Clone, Copy, Debug)]
enum Hindrance {
    /// The key gives such an answer to some requests, or none.
    Says(fn(&Request) -> Option<Vec<Report>>),
    /// Another program has opened it exclusively.
    Held,
    /// Each CTAP2 command takes long.
    Works,
}

/// A report of the same key to another program.
fn foreign() -> Vec<Report> {
    reports([0, 0, 9, 9], CBOR, &[0; 40], 64)
}

fn is_command(request: &Request) -> bool {
    matches!(request.command, CBOR | MSG)
}

const HINDRANCES: &[(&str, Error, Hindrance)] = &[
    (
        "INIT: busy",
        Error::Busy,
        Hindrance::Says(|request| (request.command == INIT).then(|| busy(request))),
    ),
    (
        "commands: busy",
        Error::Busy,
        Hindrance::Says(|request| is_command(request).then(|| busy(request))),
    ),
    (
        "CTAP2: busy as a status",
        Error::Busy,
        Hindrance::Says(|request| match request.command {
            CBOR => Some(reports(request.channel, CBOR, &[0x06], 64)),
            MSG => Some(busy(request)),
            _ => None,
        }),
    ),
    (
        "INIT: lost among reports of others",
        Error::Busy,
        Hindrance::Says(|request| (request.command == INIT).then(foreign)),
    ),
    (
        "commands: lost among reports of others",
        Error::Busy,
        Hindrance::Says(|request| is_command(request).then(foreign)),
    ),
    (
        "commands: only the end of an answer, among reports of others",
        Error::Busy,
        Hindrance::Says(|request| {
            is_command(request).then(|| {
                [foreign(), vec![[&request.channel[..], &[0], &[0; 59]].concat()]].concat()
            })
        }),
    ),
    (
        "commands: the wrong sequence, among reports of others",
        Error::Busy,
        Hindrance::Says(|request| {
            let mut answer = reports(request.channel, request.command, &[0; 200], 64);
            answer.remove(1);
            is_command(request).then(|| [foreign(), answer].concat())
        }),
    ),
    (
        "commands: cut short on their way there",
        Error::Busy,
        Hindrance::Says(|request| {
            is_command(request)
                .then(|| [foreign(), reports(request.channel, ERROR, &[0x04], 64)].concat())
        }),
    ),
    ("held by another program", Error::Busy, Hindrance::Held),
    ("it works", Error::Slow, Hindrance::Works),
];

fn busy(request: &Request) -> Vec<Report> {
    reports(request.channel, ERROR, &[0x06], 64)
}

fn hinder(device: &Shared, hindrance: Hindrance, lasts: Duration) {
    let mut device = device.lock().unwrap();
    let end = Instant::now() + lasts;
    match hindrance {
        Hindrance::Says(says) => {
            device.mischief =
                Some(Box::new(
                    move |request: &Request| {
                        if Instant::now() < end { says(request) } else { None }
                    },
                ));
        }
        Hindrance::Held => device.held = Some(end),
        Hindrance::Works => device.works = Some(lasts / 4),
    }
}

type Kind = (&'static str, fn() -> Device);

/// Keys without a credential of the account.
const STRANGERS: &[Kind] = &[
    ("FIDO2", || Device::new("b")),
    ("U2F", || Device::u2f_only("b")),
    // With a PIN, the key may hide a credential until the person is verified.
    ("FIDO2 with a PIN", || Device::with_pin("b", "123456")),
];

const KINDS: &[Kind] = &[("CTAP2", || Device::new("a")), ("CTAP1", || Device::u2f_only("a"))];

fn enrolled(device: Device) -> (Sockets, Credential) {
    let sockets = Sockets::with([device]);
    let credential = Service::new().enroll(&sockets, &[], &mut Script::default()).unwrap();
    sockets.device(0).lock().unwrap().blinked = 0;
    (sockets, credential)
}

/// Runs `case` for each hindrance and kind of key, with each stranger and alone, all concurrently.
fn for_all(
    case: impl Fn(&str, &(&str, Error, Hindrance), fn() -> Device, Option<fn() -> Device>) + Sync,
) {
    let failed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for hindrance in HINDRANCES {
            for (kind, device) in KINDS {
                if *kind == "CTAP1" && matches!(hindrance.2, Hindrance::Works) {
                    continue;
                }
                let beside = STRANGERS
                    .iter()
                    .map(|(name, stranger)| (*name, Some(*stranger)))
                    .chain([("nothing", None)]);
                for (beside, stranger) in beside {
                    let name = format!("{}, {kind}, beside {beside}", hindrance.0);
                    let (case, failed) = (&case, &failed);
                    scope.spawn(move || {
                        let run = AssertUnwindSafe(|| case(&name, hindrance, *device, stranger));
                        if catch_unwind(run).is_err() {
                            failed.lock().unwrap().push(name.clone());
                        }
                    });
                }
            }
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{}: {failed:#?}", failed.len());
}

#[test]
fn a_login_waits_for_the_enrolled_key_while_it_is_busy() {
    for_all(|name, (_, _, hindrance), device, stranger| {
        let (sockets, credential) = enrolled(device());
        let stranger = stranger.map(|stranger| sockets.plug(stranger()));
        hinder(&sockets.device(0), *hindrance, Duration::from_millis(1800));
        let mut person = Script::typing(&["123456"]);
        let service = Service::new().within(Duration::from_secs(40));
        let signed = service.sign_in(&sockets, &[&credential], &mut person);
        assert!(signed.is_ok(), "{name}: {signed:?}");
        assert!(person.asked.is_empty(), "{name}: a PIN was asked for");
        if let Some(stranger) = stranger {
            assert_eq!(
                stranger.lock().unwrap().blinked,
                0,
                "{name}: a key that is not the account's blinked"
            );
        }
    });
}

#[test]
fn a_key_that_stays_busy_is_named_at_the_deadline() {
    for_all(|name, (_, why, hindrance), device, stranger| {
        let (sockets, credential) = enrolled(device());
        let stranger =
            stranger.map(|stranger| sockets.plug(Device { touch: Touch::Never, ..stranger() }));
        hinder(&sockets.device(0), *hindrance, Duration::from_secs(3600));
        let service = Service::new().within(Duration::from_millis(2500));
        let begun = Instant::now();
        let refused = service.sign_in(&sockets, &[&credential], &mut Script::default());
        let took = begun.elapsed();
        let Err(error) = &refused else { panic!("{name}: {refused:?}") };
        // A key with a PIN may hold the credential, so it blinks in the end if the other one does
        // not answer.
        let hidden = stranger.is_some_and(|stranger| stranger.lock().unwrap().blinked > 0);
        if !(hidden && *error == Error::NotTouched) {
            assert!(
                matches!(error, Error::NotAsked { why: told, .. } if **told == *why),
                "{name}: {error:?}"
            );
            assert!(
                error
                    .to_string()
                    .starts_with("Simulated key (/dev/hidraw0) could not be asked: "),
                "{name}: {error}"
            );
        }
        assert!(took < Duration::from_secs(6), "{name}: {took:?}");
    });
}

#[test]
fn a_registration_waits_for_another_key_beside_an_enrolled_one() {
    for_all(|name, (_, why, hindrance), device, _| {
        let (sockets, credential) = enrolled(Device::new("mine"));
        let fresh = sockets.plug(device());
        hinder(&fresh, *hindrance, Duration::from_millis(1500));
        let service = Service::new().within(Duration::from_secs(40));
        let made = service.enroll(&sockets, &[&credential], &mut Script::default());
        assert!(made.is_ok(), "{name}: {made:?}");
        hinder(&fresh, *hindrance, Duration::from_secs(3600));
        let service = Service::new().within(Duration::from_millis(2500));
        let refused = service.enroll(&sockets, &[&credential], &mut Script::default());
        let named = matches!(
            &refused,
            Err(Error::NotAsked { key, why: told })
                if key.path.ends_with("hidraw1") && **told == *why
        );
        assert!(named, "{name}: {refused:?}");
    });
}

/// Answers and keepalives with the longest allowed delay, beyond the patience for the first ones.
#[test]
fn the_longest_allowed_delays_are_tolerated() {
    const LIMIT: Duration = Duration::from_millis(2900);
    thread::scope(|scope| {
        for (kind, device) in KINDS {
            for in_turn in [false, true] {
                for slow in [0, 1] {
                    scope.spawn(move || {
                        let (sockets, credential) = enrolled(device());
                        sockets.plug(Device::new("b"));
                        sockets.device(slow).lock().unwrap().delay =
                            Some(Delay { by: LIMIT, in_turn });
                        let service = Service::new().within(Duration::from_secs(60));
                        let begun = Instant::now();
                        let signed =
                            service.sign_in(&sockets, &[&credential], &mut Script::default());
                        assert!(
                            signed.is_ok(),
                            "{kind}, in turn {in_turn}, slow {slow}: {signed:?}"
                        );
                        let most = if slow == 0 { LIMIT * 8 } else { LIMIT * 2 };
                        assert!(
                            begun.elapsed() < most,
                            "{kind}, in turn {in_turn}, slow {slow}: {:?}",
                            begun.elapsed()
                        );
                    });
                }
            }
        }
    });
}

/// An answer later than the longest allowed delay means a slow key.
#[test]
fn a_key_beyond_the_longest_delay_is_called_slow() {
    let (sockets, credential) = enrolled(Device::new("a"));
    sockets.plug(Device::new("b"));
    sockets.device(0).lock().unwrap().works = Some(Duration::from_secs(60));
    let service = Service::new().within(Duration::from_millis(1500));
    let refused = service.sign_in(&sockets, &[&credential], &mut Script::default());
    assert!(
        matches!(&refused, Err(Error::NotAsked { why, .. }) if **why == Error::Slow),
        "{refused:?}"
    );
}

/// A broken key, and a test for the error that names it.
type Broken = (Kind, fn(&Error) -> bool);

#[test]
fn a_broken_key_delays_the_answer_only_briefly() {
    let ways: [Broken; 4] = [
        (("silent", || broken(|_| Some(vec![]))), |why| *why == Error::Silent),
        (("silent after INIT", || broken(|request| is_command(request).then(Vec::new))), |why| {
            *why == Error::Silent
        }),
        (
            ("another command", || {
                broken(|request| {
                    is_command(request).then(|| reports(request.channel, 0x22, &[1], 64))
                })
            }),
            |why| matches!(why, Error::Misbehaved(_)),
        ),
        (
            ("no CBOR and no U2F", || {
                broken(|request| {
                    is_command(request)
                        .then(|| reports(request.channel, request.command, &[0, 0xff], 64))
                })
            }),
            |why| matches!(why, Error::Misbehaved(_)),
        ),
    ];
    thread::scope(|scope| {
        for ((name, device), expected) in ways {
            scope.spawn(move || {
                let (_, credential) = enrolled(Device::new("away"));
                let sockets = Sockets::with([Device::new("a"), device()]);
                let begun = Instant::now();
                let service = Service::new().within(Duration::from_secs(60));
                let refused = service.sign_in(&sockets, &[&credential], &mut Script::default());
                assert!(begun.elapsed() < Duration::from_secs(15), "{name}: {:?}", begun.elapsed());
                let named = matches!(
                    &refused,
                    Err(Error::NotAsked { key, why })
                        if key.path.ends_with("hidraw1") && expected(why)
                );
                assert!(named, "{name}: {refused:?}");
            });
        }
    });
}

fn broken(says: fn(&Request) -> Option<Vec<Report>>) -> Device {
    Device { mischief: Some(Box::new(says)), ..Device::new("broken") }
}

#[test]
fn a_broken_key_is_reported_while_another_one_blinks() {
    let (sockets, credential) = enrolled(Device::new("a"));
    sockets.device(0).lock().unwrap().touch = Touch::Never;
    let device = sockets.device(0);
    sockets.plug(broken(|request| {
        is_command(request).then(|| reports(request.channel, 0x22, &[1], 64))
    }));
    hinder(&device, Hindrance::Held, Duration::from_millis(800));
    let mut person = Script::reacting(move |progress| {
        if let Progress::NeedTouch(_) = progress {
            device.lock().unwrap().touch = Touch::After(Duration::ZERO);
        }
    });
    Service::new().sign_in(&sockets, &[&credential], &mut person).unwrap();
    assert!(
        person.was_told(
            |told| matches!(told, Progress::LeftOut { key, .. } if key.path.ends_with("hidraw1"))
        ),
        "{:?}",
        person.told
    );
}

/// The reason of the key with the credential is more useful than the fault of another key.
#[test]
fn the_enrolled_keys_reason_precedes_another_keys_fault() {
    let (sockets, credential) = enrolled(Device::new("a"));
    sockets.plug(broken(|request| {
        is_command(request).then(|| reports(request.channel, 0x22, &[1], 64))
    }));
    let service = Service::asking(UserVerification::Required);
    assert_eq!(
        service.sign_in(&sockets, &[&credential], &mut Script::default()),
        Err(Error::PinNotSet)
    );
}

#[test]
fn keys_that_all_answered_are_not_enrolled() {
    let (_, credential) = enrolled(Device::new("away"));
    let sockets = Sockets::with([Device::new("a"), Device::u2f_only("b")]);
    let service = Service::new();
    assert_eq!(
        service.sign_in(&sockets, &[&credential], &mut Script::default()),
        Err(Error::NotEnrolled)
    );
}

/// A PIN is sent to a key only once even if a message is lost: a second time could cost a second
/// try.
#[test]
fn a_lost_pin_is_not_sent_again() {
    let sockets = Sockets::with([Device::with_pin("a", "123456")]);
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = sent.clone();
    let mischief = move |request: &Request| {
        let tokens = request.command == CBOR
            && request.data[0] == 0x06
            && request.data.windows(2).any(|pair| pair == [0x02, 0x09]);
        tokens.then(|| {
            counted.fetch_add(1, Ordering::Relaxed);
            foreign()
        })
    };
    sockets.device(0).lock().unwrap().mischief = Some(Box::new(mischief));
    let service = Service::asking(UserVerification::Required);
    let refused = service.enroll(&sockets, &[], &mut Script::typing(&["123456"]));
    assert!(refused.is_err());
    assert_eq!(sent.load(Ordering::Relaxed), 1);
}

#[test]
fn a_rejected_pin_is_sent_again_on_another_channel() {
    let sockets = Sockets::with([Device::with_pin("a", "123456")]);
    let channels = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&channels);
    let mischief = move |request: &Request| {
        let tokens = request.command == CBOR
            && request.data[0] == 0x06
            && request.data.windows(2).any(|pair| pair == [0x02, 0x09]);
        let mut seen = seen.lock().unwrap();
        seen.extend(tokens.then_some(request.channel));
        // The key rejects each of the three reports.
        (tokens && seen.len() == 1).then(|| [busy(request), busy(request), busy(request)].concat())
    };
    sockets.device(0).lock().unwrap().mischief = Some(Box::new(mischief));
    let service = Service::asking(UserVerification::Required);
    service.enroll(&sockets, &[], &mut Script::typing(&["123456"])).unwrap();
    let channels = channels.lock().unwrap();
    assert!(channels.len() == 2 && channels[0] != channels[1], "{channels:?}");
    assert_eq!(sockets.device(0).lock().unwrap().pin.tried, 1);
}

#[test]
fn every_login_finds_the_hammered_one_of_two_keys() {
    // One report in sixteen is lost in each direction, as in an overflowing queue of the kernel.
    let (sockets, credential) = enrolled(Device::new("a"));
    sockets.device(0).lock().unwrap().loses = Some(16);
    sockets.plug(Device::new("b"));
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| hammer(&sockets, &stop));
        for round in 1..=logins() {
            let service = Service::new().within(Duration::from_secs(60));
            let signed = service.sign_in(&sockets, &[&credential], &mut Script::default());
            if signed.is_err() {
                stop.store(true, Ordering::Relaxed);
            }
            assert!(signed.is_ok(), "login {round}: {signed:?}");
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_slow_key_that_is_hammered_signs_in() {
    for (kind, device) in KINDS {
        let (sockets, credential) = enrolled(device());
        sockets.plug(Device::new("b"));
        sockets.device(0).lock().unwrap().delay =
            Some(Delay { by: Duration::from_millis(1200), in_turn: false });
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| hammer(&sockets, &stop));
            let signed = Service::new().within(Duration::from_secs(60)).sign_in(
                &sockets,
                &[&credential],
                &mut Script::default(),
            );
            stop.store(true, Ordering::Relaxed);
            assert!(signed.is_ok(), "{kind}: {signed:?}");
        });
    }
}

/// The number of logins with the hammered key; `TWOSTEP_LOGINS` overrides it.
fn logins() -> u32 {
    std::env::var("TWOSTEP_LOGINS")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(5)
}

/// Another program: INIT, then getInfo on its own channel, without a pause.
fn hammer(sockets: &Sockets, stop: &AtomicBool) {
    let mut transport: Box<dyn Transport> = sockets.bus().open(Path::new("/dev/hidraw0")).unwrap();
    let mut report = [0; 64];
    while !stop.load(Ordering::Relaxed) {
        for (channel, command, data) in
            [([0xff; 4], INIT, &[3; 8][..]), ([0, 0, 7, 7], CBOR, &[0x04][..])]
        {
            for request in reports(channel, command, data, 64) {
                transport.write(&request).unwrap();
            }
            while let Ok(Some(_)) = transport.read(&mut report, Duration::from_micros(200)) {}
        }
    }
}
