//! The search for an enrolled credential: a key is asked for one after the other, and an odd answer
//! about one does not affect the next.

use super::bench::{Script, Service, Sockets};
use ciborium::Value;
use std::time::{Duration, Instant};
use test_support::device::{CBOR, Device, ERROR, MSG, Report, Request, ok, reports};
use twostep::usb::Error;
use twostep::webauthn::Credential;

type Odd = (&'static str, fn(&Request) -> Vec<Report>);

const CTAP1: &[Odd] = &[
    ("6984", |request| reports(request.channel, MSG, &[0x69, 0x84], 64)),
    ("6982", |request| reports(request.channel, MSG, &[0x69, 0x82], 64)),
    ("6B00", |request| reports(request.channel, MSG, &[0x6b, 0x00], 64)),
    ("6D00", |request| reports(request.channel, MSG, &[0x6d, 0x00], 64)),
    ("6F00", |request| reports(request.channel, MSG, &[0x6f, 0x00], 64)),
    ("6100", |request| reports(request.channel, MSG, &[0x61, 0x00], 64)),
    ("0000", |request| reports(request.channel, MSG, &[0x00, 0x00], 64)),
    ("FFFF", |request| reports(request.channel, MSG, &[0xff, 0xff], 64)),
    ("data before an odd word", |request| {
        reports(request.channel, MSG, &[1, 2, 3, 0x6f, 0x01], 64)
    }),
    ("half a word", |request| reports(request.channel, MSG, &[0x69], 64)),
    ("no word", |request| reports(request.channel, MSG, &[], 64)),
    ("error 02", |request| reports(request.channel, ERROR, &[0x02], 64)),
    ("error 03", |request| reports(request.channel, ERROR, &[0x03], 64)),
    ("error 7F", |request| reports(request.channel, ERROR, &[0x7f], 64)),
];

const CTAP2: &[Odd] = &[
    ("status 02", |request| reports(request.channel, CBOR, &[0x02], 64)),
    ("status 14", |request| reports(request.channel, CBOR, &[0x14], 64)),
    ("status 22", |request| reports(request.channel, CBOR, &[0x22], 64)),
    ("status 2B", |request| reports(request.channel, CBOR, &[0x2b], 64)),
    ("status 2C", |request| reports(request.channel, CBOR, &[0x2c], 64)),
    ("status 7F", |request| reports(request.channel, CBOR, &[0x7f], 64)),
    ("status FF", |request| reports(request.channel, CBOR, &[0xff], 64)),
    ("an empty answer", |request| reports(request.channel, CBOR, &[], 64)),
    ("no assertion", |request| reports(request.channel, CBOR, &[0], 64)),
    ("no CBOR", |request| reports(request.channel, CBOR, &[0, 0xff], 64)),
    ("an empty map", |request| reports(request.channel, CBOR, &[0, 0xa0], 64)),
    ("a credential from elsewhere", |request| reports(request.channel, CBOR, &elsewhere(), 64)),
    ("error 03", |request| reports(request.channel, ERROR, &[0x03], 64)),
    ("error 7F", |request| reports(request.channel, ERROR, &[0x7f], 64)),
];

fn elsewhere() -> Vec<u8> {
    let id = Value::Map(vec![
        (Value::from("id"), Value::Bytes(vec![9; 64])),
        (Value::from("type"), Value::from("public-key")),
    ]);
    ok(&Value::Map(vec![
        (Value::from(1), id),
        (Value::from(2), Value::Bytes(vec![0; 37])),
        (Value::from(3), Value::Bytes(vec![1; 70])),
    ]))
}

fn names(request: &Request, credential: &Credential) -> bool {
    let id = credential.id.as_bytes();
    request.data.windows(id.len()).any(|window| window == id)
}

/// Returns whether the request only checks for a credential, without asking for a touch.
fn only_looks(request: &Request) -> bool {
    match request.command {
        MSG => request.data[1] == 0x02 && request.data[2] == 0x07,
        CBOR => {
            request.data[0] == 0x02 && request.data.windows(4).any(|window| window == b"\x62up\xf4")
        }
        _ => false,
    }
}

fn enrolled(service: &Service, device: Device) -> (Sockets, Credential) {
    let sockets = Sockets::with([device]);
    let credential = service.enroll(&sockets, &[], &mut Script::default()).unwrap();
    (sockets, credential)
}

/// The name of a kind of key, its constructor, and its odd answers.
type Kind = (&'static str, fn() -> Device, &'static [Odd]);

fn kinds() -> [Kind; 3] {
    [
        ("U2F", || Device::u2f_only("a"), CTAP1),
        ("FIDO2, one at a time", || Device::new("a"), CTAP2),
        ("FIDO2, several at once", || Device { most_in_list: Some(8), ..Device::new("a") }, CTAP2),
    ]
}

#[test]
fn an_odd_answer_about_one_credential_leaves_the_next() {
    let service = Service::new();
    let others: Vec<Credential> =
        ["x", "y", "z"].map(|name| enrolled(&service, Device::u2f_only(name)).1).into();
    for (kind, device, answers) in kinds() {
        for (name, answer) in answers {
            let (sockets, mine) = enrolled(&service, device());
            let strangers = others.clone();
            let mischief = move |request: &Request| {
                let odd = only_looks(request)
                    && strangers.iter().any(|stranger| names(request, stranger));
                odd.then(|| answer(request))
            };
            sockets.device(0).lock().unwrap().mischief = Some(Box::new(mischief));
            for at in [1, others.len()] {
                let mut allow: Vec<&Credential> = others.iter().collect();
                allow.insert(at, &mine);
                let signed = service.sign_in(&sockets, &allow, &mut Script::default());
                assert_eq!(
                    signed.map(|signed| signed.raw_id),
                    Ok(mine.id.as_bytes().to_vec()),
                    "{kind}, {name}, place {at}"
                );
            }
            let again = service.enroll(&sockets, &[&others[0], &mine], &mut Script::default());
            assert!(matches!(again, Err(Error::AlreadyEnrolled(_))), "{kind}, {name}: {again:?}");
        }
    }
}

#[test]
fn a_key_with_only_odd_answers_may_still_sign() {
    let service = Service::new();
    for (name, answer) in CTAP2 {
        let (sockets, mine) = enrolled(&service, Device::new("a"));
        let other = enrolled(&service, Device::new("b")).1;
        sockets.device(0).lock().unwrap().mischief =
            Some(Box::new(move |request| only_looks(request).then(|| answer(request))));
        for allow in [[&mine, &other], [&other, &mine]] {
            let signed = service.sign_in(&sockets, &allow, &mut Script::default());
            assert_eq!(
                signed.map(|signed| signed.raw_id),
                Ok(mine.id.as_bytes().to_vec()),
                "{name}"
            );
        }
        let refused = service.sign_in(&sockets, &[&other], &mut Script::default());
        assert_eq!(refused, Err(Error::NotEnrolled), "{name}");
    }
}

#[test]
fn a_u2f_key_with_only_odd_answers_is_not_enrolled() {
    let service = Service::new();
    let other = enrolled(&service, Device::new("b")).1;
    for (name, answer) in CTAP1 {
        let mischief = move |request: &Request| only_looks(request).then(|| answer(request));
        let sockets =
            Sockets::with([Device { mischief: Some(Box::new(mischief)), ..Device::u2f_only("a") }]);
        assert_eq!(
            service.sign_in(&sockets, &[&other], &mut Script::default()),
            Err(Error::NotEnrolled),
            "{name}"
        );
        assert_eq!(sockets.device(0).lock().unwrap().blinked, 0, "{name}");
    }
}

/// A protocol violation or a removed key is not an answer about one credential.
#[test]
fn a_protocol_violation_excludes_the_key() {
    let breaks: [Odd; 3] = [
        ("a continuation without a beginning", |request| {
            vec![[&request.channel[..], &[0], &[0; 59]].concat()]
        }),
        ("another command", |request| reports(request.channel, 0x22, &[0], 64)),
        ("too long a message", |request| {
            let mut all = reports(request.channel, request.command, &[0; 57], 64);
            all[0][5..7].copy_from_slice(&[0xff, 0xff]);
            all
        }),
    ];
    let service = Service::new();
    for (kind, device, _) in kinds() {
        for (name, answer) in breaks {
            let (sockets, mine) = enrolled(&service, device());
            sockets.device(0).lock().unwrap().mischief =
                Some(Box::new(move |request| only_looks(request).then(|| answer(request))));
            let begun = Instant::now();
            let refused = service.sign_in(&sockets, &[&mine], &mut Script::default());
            assert!(matches!(refused, Err(Error::Misbehaved(_))), "{kind}, {name}: {refused:?}");
            assert!(
                begun.elapsed() < Duration::from_secs(4),
                "{kind}, {name}: {:?}",
                begun.elapsed()
            );
        }
        let (sockets, mine) = enrolled(&service, device());
        let service = Service::new().within(Duration::from_secs(1));
        let device = sockets.device(0);
        device.lock().unwrap().reports_left = Some(5);
        let refused = service.sign_in(&sockets, &[&mine], &mut Script::default());
        assert!(matches!(refused, Err(Error::Unplugged | Error::NoKey)), "{kind}: {refused:?}");
    }
}
