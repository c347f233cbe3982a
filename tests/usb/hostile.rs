//! Keys that break: each ceremony ends in time with an error that names the fault.

use super::bench::{Script, Service, Sockets};
use ciborium::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use test_support::device::{
    BROADCAST, CBOR, Device, ERROR, FIRST, Flood, INIT, KEEPALIVE, MSG, Report, Request, ok,
    reports,
};
use twostep::usb::Error;

const DEADLINE: Duration = Duration::from_millis(600);
const LATE: Duration = Duration::from_millis(250);

/// The moment at which a key begins to break.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum At {
    Init,
    Info,
    Make,
    U2f,
}

/// The error that the person receives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ends {
    Misbehaved,
    Silent,
    Busy,
    NotTouched,
    Refused,
}

pub(crate) type Behaviour = (&'static str, At, Ends, fn(&Request) -> Vec<Report>);

fn cbor(request: &Request, data: &[u8]) -> Vec<Report> {
    reports(request.channel, CBOR, data, 64)
}

fn made(request: &Request, format: Value, data: Value, statement: Value) -> Vec<Report> {
    cbor(
        request,
        &ok(&Value::Map(vec![
            (Value::from(1), format),
            (Value::from(2), data),
            (Value::from(3), statement),
        ])),
    )
}

/// The answer to INIT with this nonce, channel and length.
fn init(nonce: &[u8], channel: [u8; 4], length: usize) -> Vec<Report> {
    let data = [nonce, &channel, &[2, 0, 0, 0, 0x04]].concat();
    reports(BROADCAST, INIT, &data[..length], 64)
}

/// A getInfo answer of two reports.
fn long_info() -> Vec<u8> {
    let versions = Value::Array(vec![Value::from("FIDO_2_0"); 12]);
    ok(&Value::Map(vec![(Value::from(1), versions), (Value::from(3), Value::Bytes(vec![0; 16]))]))
}

fn broken(request: &Request, breaking: impl Fn(&mut Vec<Report>)) -> Vec<Report> {
    let mut all = cbor(request, &long_info());
    assert!(all.len() >= 3);
    breaking(&mut all);
    all
}

fn claimed(request: &Request, length: u16) -> Vec<Report> {
    let mut all = cbor(request, &[0; 57]);
    all[0][5..7].copy_from_slice(&length.to_be_bytes());
    all
}

fn failing(request: &Request, code: &[u8]) -> Vec<Report> {
    reports(request.channel, ERROR, code, 64)
}

fn u2f(request: &Request, answer: &[u8]) -> Vec<Report> {
    reports(request.channel, MSG, answer, 64)
}

/// Status words of U2F, for registrations only.
fn word(request: &Request, word: u16) -> Vec<Report> {
    if request.data[1] == 0x03 {
        u2f(request, b"U2F_V2\x90\x00")
    } else {
        u2f(request, &word.to_be_bytes())
    }
}

pub(crate) const BEHAVIOURS: &[Behaviour] = &[
    ("INIT: silence", At::Init, Ends::Silent, |_| vec![]),
    ("INIT: another nonce", At::Init, Ends::Busy, |_| init(&[7; 8], FIRST, 17)),
    ("INIT: a short answer", At::Init, Ends::Busy, |request| init(&request.data, FIRST, 16)),
    ("INIT: an empty answer", At::Init, Ends::Busy, |request| init(&request.data, FIRST, 0)),
    ("INIT: channel 0", At::Init, Ends::Misbehaved, |request| init(&request.data, [0; 4], 17)),
    ("INIT: the broadcast channel", At::Init, Ends::Misbehaved, |request| {
        init(&request.data, BROADCAST, 17)
    }),
    ("INIT: busy for ever", At::Init, Ends::Busy, |request| failing(request, &[0x06])),
    ("INIT: an error for ever", At::Init, Ends::Busy, |request| failing(request, &[0x01])),
    ("INIT: on another channel", At::Init, Ends::Busy, |request| {
        reports([9; 4], INIT, &request.data, 64)
    }),
    ("INIT: a report of three bytes", At::Init, Ends::Silent, |_| vec![vec![0xff; 3]]),
    ("INIT: an empty report", At::Init, Ends::Silent, |_| vec![vec![]]),
    ("INIT: many reports for another program", At::Init, Ends::Busy, |_| vec![vec![5; 64]; 64]),
    ("info: silence", At::Info, Ends::Silent, |_| vec![]),
    ("info: an empty answer", At::Info, Ends::Misbehaved, |request| cbor(request, &[])),
    ("info: a status and nothing else", At::Info, Ends::Misbehaved, |request| cbor(request, &[0])),
    ("info: garbage", At::Info, Ends::Misbehaved, |request| {
        cbor(request, &[0, 0xde, 0xad, 0xbe, 0xef])
    }),
    ("info: deep nesting", At::Info, Ends::Misbehaved, |request| {
        cbor(request, &[&[0][..], &[0x81; 3000]].concat())
    }),
    ("info: deep maps", At::Info, Ends::Misbehaved, |request| {
        cbor(request, &[&[0][..], &[0xa1, 0x01].repeat(1500)].concat())
    }),
    ("info: a list without end", At::Info, Ends::Misbehaved, |request| {
        cbor(request, b"\x00\x9b\xff\xff\xff\xff\xff\xff\xff\xff")
    }),
    ("info: a map without end", At::Info, Ends::Misbehaved, |request| {
        cbor(request, b"\x00\xbb\xff\xff\xff\xff\xff\xff\xff\xff")
    }),
    ("info: bytes without end", At::Info, Ends::Misbehaved, |request| {
        cbor(request, b"\x00\x5b\xff\xff\xff\xff\xff\xff\xff\xff")
    }),
    ("info: an indefinite length", At::Info, Ends::Misbehaved, |request| {
        cbor(request, b"\x00\xbf\x01\x80\xff")
    }),
    ("info: a key twice", At::Info, Ends::Misbehaved, |request| {
        cbor(request, b"\x00\xa2\x01\x80\x01\x80")
    }),
    ("info: something behind it", At::Info, Ends::Misbehaved, |request| {
        cbor(request, &[long_info(), vec![0]].concat())
    }),
    ("info: no versions", At::Info, Ends::Misbehaved, |request| {
        cbor(request, b"\x00\xa1\x03\x50AAAAAAAAAAAAAAAA")
    }),
    ("info: versions from elsewhere", At::Info, Ends::Misbehaved, |request| {
        cbor(request, b"\x00\xa2\x01\x81\x61X\x03\x50AAAAAAAAAAAAAAAA")
    }),
    ("info: a short AAGUID", At::Info, Ends::Misbehaved, |request| {
        cbor(request, b"\x00\xa2\x01\x81\x68FIDO_2_0\x03\x41A")
    }),
    ("info: numbers for texts", At::Info, Ends::Misbehaved, |request| {
        cbor(request, b"\x00\xa2\x01\x81\x01\x03\x01")
    }),
    ("info: no map at all", At::Info, Ends::Misbehaved, |request| cbor(request, b"\x00\x01")),
    ("info: 7,610 bytes claimed", At::Info, Ends::Misbehaved, |request| claimed(request, 7610)),
    ("info: 65,535 bytes claimed", At::Info, Ends::Misbehaved, |request| claimed(request, 65535)),
    ("info: 7,609 bytes claimed and silence", At::Info, Ends::Silent, |request| {
        claimed(request, 7609)
    }),
    ("info: a wrong sequence number", At::Info, Ends::Misbehaved, |request| {
        broken(request, |all| all[1][4] = 5)
    }),
    ("info: a continuation twice", At::Info, Ends::Misbehaved, |request| {
        broken(request, |all| all[2] = all[1].clone())
    }),
    ("info: a continuation missing", At::Info, Ends::Misbehaved, |request| {
        broken(request, |all| drop(all.remove(1)))
    }),
    ("info: the last report missing", At::Info, Ends::Silent, |request| {
        broken(request, |all| drop(all.pop()))
    }),
    ("info: a continuation first", At::Info, Ends::Misbehaved, |request| {
        broken(request, |all| drop(all.remove(0)))
    }),
    ("info: a message in a message", At::Info, Ends::Misbehaved, |request| {
        broken(request, |all| all[1] = all[0].clone())
    }),
    ("info: a keepalive in a message", At::Info, Ends::Misbehaved, |request| {
        broken(request, |all| all[1] = reports(request.channel, KEEPALIVE, &[1], 64).remove(0))
    }),
    ("info: on another channel", At::Info, Ends::Busy, |request| {
        broken(request, |all| all.iter_mut().for_each(|one| one[0] ^= 1))
    }),
    ("info: as another command", At::Info, Ends::Misbehaved, |request| {
        reports(request.channel, 0x22, &long_info(), 64)
    }),
    ("info: a report cut short", At::Info, Ends::Misbehaved, |request| {
        broken(request, |all| all[1].truncate(20))
    }),
    ("info: a report of three bytes", At::Info, Ends::Silent, |_| vec![vec![0, 0, 0]]),
    ("info: error 01", At::Info, Ends::Misbehaved, |request| failing(request, &[0x01])),
    ("info: error 02", At::Info, Ends::Misbehaved, |request| failing(request, &[0x02])),
    ("info: error 03", At::Info, Ends::Misbehaved, |request| failing(request, &[0x03])),
    ("info: error 04 for ever", At::Info, Ends::Misbehaved, |request| failing(request, &[0x04])),
    ("info: error 05 for ever", At::Info, Ends::Misbehaved, |request| failing(request, &[0x05])),
    ("info: error 06 for ever", At::Info, Ends::Busy, |request| failing(request, &[0x06])),
    ("info: error 0A", At::Info, Ends::Misbehaved, |request| failing(request, &[0x0a])),
    ("info: error 0B for ever", At::Info, Ends::Misbehaved, |request| failing(request, &[0x0b])),
    ("info: error 7F", At::Info, Ends::Misbehaved, |request| failing(request, &[0x7f])),
    ("info: error 00", At::Info, Ends::Misbehaved, |request| failing(request, &[0])),
    ("info: an error without a code", At::Info, Ends::Misbehaved, |request| failing(request, &[])),
    ("make: one keepalive and silence", At::Make, Ends::NotTouched, |request| {
        reports(request.channel, KEEPALIVE, &[2], 64)
    }),
    ("make: an empty keepalive and silence", At::Make, Ends::Silent, |request| {
        reports(request.channel, KEEPALIVE, &[], 64)
    }),
    ("make: a status and nothing else", At::Make, Ends::Misbehaved, |request| cbor(request, &[0])),
    ("make: an empty map", At::Make, Ends::Misbehaved, |request| cbor(request, &[0, 0xa0])),
    ("make: a description instead", At::Make, Ends::Misbehaved, |request| {
        cbor(request, &long_info())
    }),
    ("make: an unknown status", At::Make, Ends::Refused, |request| cbor(request, &[0x7f])),
    ("make: a status of its maker", At::Make, Ends::Refused, |request| cbor(request, &[0xff])),
    ("make: authenticator data of one byte", At::Make, Ends::Misbehaved, |request| {
        made(request, "none".into(), Value::Bytes(vec![0]), Value::Map(vec![]))
    }),
    ("make: authenticator data without a credential", At::Make, Ends::Misbehaved, |request| {
        made(request, "none".into(), Value::Bytes(vec![0x01; 37]), Value::Map(vec![]))
    }),
    ("make: a credential id of 65,535 bytes", At::Make, Ends::Misbehaved, |request| {
        let data = [&[0; 32][..], &[0x41], &[0; 4], &[0; 16], &[0xff, 0xff], &[1; 80]].concat();
        made(request, "none".into(), Value::Bytes(data), Value::Map(vec![]))
    }),
    ("make: a number for a format", At::Make, Ends::Misbehaved, |request| {
        made(request, 1.into(), Value::Bytes(vec![0x41; 200]), Value::Map(vec![]))
    }),
    ("make: a list for a statement", At::Make, Ends::Misbehaved, |request| {
        made(request, "none".into(), Value::Bytes(vec![0x41; 200]), Value::Array(vec![]))
    }),
    ("U2F: no status word", At::U2f, Ends::Misbehaved, |request| u2f(request, &[])),
    ("U2F: half a status word", At::U2f, Ends::Misbehaved, |request| u2f(request, &[0x90])),
    ("U2F: another version", At::U2f, Ends::Misbehaved, |request| u2f(request, b"U2F_V9\x90\x00")),
    ("U2F: 6D00", At::U2f, Ends::Refused, |request| word(request, 0x6d00)),
    ("U2F: 6E00", At::U2f, Ends::Refused, |request| word(request, 0x6e00)),
    ("U2F: 6700", At::U2f, Ends::Refused, |request| word(request, 0x6700)),
    ("U2F: 6A80", At::U2f, Ends::Refused, |request| word(request, 0x6a80)),
    ("U2F: 6985 for ever", At::U2f, Ends::NotTouched, |request| word(request, 0x6985)),
    ("U2F: success without a registration", At::U2f, Ends::Misbehaved, |request| {
        word(request, 0x9000)
    }),
    ("U2F: a registration of one byte", At::U2f, Ends::Misbehaved, |request| {
        if request.data[1] == 0x03 { word(request, 0x9000) } else { u2f(request, &[0x05, 0x90, 0]) }
    }),
    ("U2F: a key handle longer than the message", At::U2f, Ends::Misbehaved, |request| {
        let answer = [&[5][..], &[4; 65], &[255], &[0; 40], &[0x90, 0]].concat();
        if request.data[1] == 0x03 { word(request, 0x9000) } else { u2f(request, &answer) }
    }),
];

#[test]
fn every_broken_key_ends_in_a_timely_error() {
    let next = AtomicUsize::new(0);
    assert!(BEHAVIOURS.len() >= 40);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some(behaviour) = BEHAVIOURS.get(next.fetch_add(1, Ordering::Relaxed)) {
                    run(behaviour);
                }
            });
        }
    });
}

fn run((name, at, ends, behaviour): &Behaviour) {
    let (at, behaviour) = (*at, *behaviour);
    let mischief = move |request: &Request| {
        let now = match request.command {
            INIT => At::Init,
            MSG => At::U2f,
            CBOR if request.data[0] == 0x04 => At::Info,
            CBOR if request.data[0] == 0x01 => At::Make,
            _ => return None,
        };
        (now == at).then(|| behaviour(request))
    };
    let sound = match at {
        At::U2f => Device::u2f_only("a"),
        // A key with U2F as well would be used over U2F.
        At::Info => Device { u2f: false, ..Device::new("a") },
        At::Init | At::Make => Device::new("a"),
    };
    let sockets = Sockets::with([Device { mischief: Some(Box::new(mischief)), ..sound }]);
    let begun = Instant::now();
    let ended = Service::new().within(DEADLINE).enroll(&sockets, &[], &mut Script::default());
    let took = begun.elapsed();
    let error = ended.expect_err(name);
    let heard = match &error {
        Error::Misbehaved(_) => Ends::Misbehaved,
        Error::Silent => Ends::Silent,
        Error::NotAsked { why, .. } if **why == Error::Busy => Ends::Busy,
        Error::NotTouched => Ends::NotTouched,
        Error::Refused(_) => Ends::Refused,
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(heard, *ends, "{name}: {error}");
    assert!(took <= DEADLINE + LATE, "{name} took {took:?}");
}

/// Reports arrive for as long as they are read.
#[test]
fn a_flood_ends_at_the_deadline() {
    let keepalive = |status: u8| move || Some(reports(FIRST, KEEPALIVE, &[status], 64).remove(0));
    let mut sequence = 0;
    let mut last = Instant::now();
    let drip = move || {
        if last.elapsed() < Duration::from_millis(30) {
            return None;
        }
        last = Instant::now();
        sequence += 1;
        Some([&FIRST[..], &[sequence - 1], &[0; 59]].concat())
    };
    let floods: Vec<(&str, Flood)> = vec![
        ("keepalives: processing", Box::new(keepalive(1))),
        ("keepalives: touch me", Box::new(keepalive(2))),
        ("keepalives of no known kind", Box::new(keepalive(9))),
        ("another channel", Box::new(|| Some(vec![9; 64]))),
        ("another program's INIT", Box::new(|| init(&[7; 8], [9; 4], 17).pop())),
        ("a message drop by drop", Box::new(drip)),
        ("reports without a header", Box::new(|| Some(vec![0; 4]))),
    ];
    for (name, flood) in floods {
        let silent_make = |request: &Request| match (request.command, request.data[0]) {
            (CBOR, 0x01) => Some(claimed_long(request)),
            _ => None,
        };
        let sockets = Sockets::with([Device {
            mischief: Some(Box::new(silent_make)),
            flood: Some(flood),
            ..Device::new("a")
        }]);
        let begun = Instant::now();
        let ended = Service::new().within(DEADLINE).enroll(&sockets, &[], &mut Script::default());
        assert!(ended.is_err(), "{name}");
        assert!(begun.elapsed() <= DEADLINE + LATE, "{name} took {:?}: {ended:?}", begun.elapsed());
    }
}

fn claimed_long(request: &Request) -> Vec<Report> {
    claimed(request, 7609)
}

/// Answers to other programs on the same key arrive here as well, and are ignored.
#[test]
fn reports_for_other_programs_are_ignored() {
    let mut count = 0_u8;
    let flood = move || {
        count = count.wrapping_add(1);
        match count % 4 {
            0 => Some(reports([0, 0, 9, 9], KEEPALIVE, &[2], 64).remove(0)),
            1 => Some(reports([0, 0, 9, 9], CBOR, &[0x2d], 64).remove(0)),
            2 => init(&[7; 8], [0, 0, 9, 9], 17).pop(),
            _ => None,
        }
    };
    let sockets = Sockets::with([Device { flood: Some(Box::new(flood)), ..Device::new("a") }]);
    let service = Service::new();
    let credential = service.enroll(&sockets, &[], &mut Script::default()).unwrap();
    service.sign_in(&sockets, &[&credential], &mut Script::default()).unwrap();
}

#[test]
fn a_signature_with_an_unrequested_credential_is_refused() {
    let service = Service::new();
    let sockets = Sockets::with([Device::new("a")]);
    let credential = service.enroll(&sockets, &[], &mut Script::default()).unwrap();
    let other = |id: Value, data: usize, signature: usize| {
        ok(&Value::Map(vec![
            (
                Value::from(1),
                Value::Map(vec![
                    (Value::from("id"), id),
                    (Value::from("type"), Value::from("public-key")),
                ]),
            ),
            (Value::from(2), Value::Bytes(vec![1; data])),
            (Value::from(3), Value::Bytes(vec![1; signature])),
        ]))
    };
    let own = Value::Bytes(credential.id.as_bytes().to_vec());
    for (name, answer) in [
        ("another id", other(Value::Bytes(vec![9; 32]), 37, 70)),
        ("an empty id", other(Value::Bytes(vec![]), 37, 70)),
        ("a text for an id", other(Value::from("id"), 37, 70)),
        ("short authenticator data", other(own.clone(), 36, 70)),
        ("no signature", other(own, 37, 0)),
    ] {
        let answer = Arc::new(answer);
        let mischief = move |request: &Request| {
            let asserts = request.command == CBOR && request.data[0] == 0x02;
            asserts.then(|| reports(request.channel, CBOR, &answer, 64))
        };
        sockets.device(0).lock().unwrap().mischief = Some(Box::new(mischief));
        let refused = service.sign_in(&sockets, &[&credential], &mut Script::default());
        assert!(matches!(refused, Err(Error::Misbehaved(_))), "{name}: {refused:?}");
    }
}
