//! Common ceremonies with keys that behave correctly.

use super::bench::{Script, Service, Sockets};
use ciborium::{Value, cbor};
use std::time::{Duration, Instant};
use test_support::device::{Device, Touch};
use twostep::usb::{Error, Progress};
use twostep::webauthn::{Attestation, UserVerification};

#[test]
fn a_key_is_enrolled_and_signs_in() {
    for device in
        [Device::new("a"), Device::u2f_only("a"), Device { omits_id: true, ..Device::new("a") }]
    {
        let sockets = Sockets::with([device]);
        let (service, mut person) = (Service::new(), Script::default());
        let credential = service.enroll(&sockets, &[], &mut person).unwrap();
        service.sign_in(&sockets, &[&credential], &mut person).unwrap();
        let touches =
            person.told.iter().filter(|told| matches!(told, Progress::NeedTouch(_))).count();
        assert_eq!(
            (touches, person.told.len()),
            (2, 2),
            "one touch each, and nothing else is said: {:?}",
            person.told
        );
    }
}

/// Attestation was not asked for (WebAuthn L3 §5.1.3).
#[test]
fn a_key_enrols_with_any_statement() {
    let certificate = || Value::Array(vec![Value::Bytes(b"no certificate".to_vec())]);
    let compound =
        Value::Array(vec![cbor!({"fmt" => "packed", "attStmt" => {"alg" => -7}}).unwrap()]);
    for statement in [
        ("none", None),
        ("packed", Some(cbor!({}).unwrap())),
        (
            "packed",
            Some(Value::Map(vec![("alg".into(), (-7).into()), ("x5c".into(), certificate())])),
        ),
        ("compound", Some(compound)),
        ("vendor-format", Some(Value::Bool(true))),
    ] {
        let told = format!("{statement:?}");
        let sockets = Sockets::with([Device { statement, ..Device::new("a") }]);
        let (service, mut person) = (Service::new(), Script::default());
        let credential = service.enroll(&sockets, &[], &mut person).unwrap();
        assert_eq!(
            (credential.attestation, credential.attestation_format.as_str()),
            (Attestation::None, "none"),
            "{told}"
        );
        service.sign_in(&sockets, &[&credential], &mut person).unwrap();
    }
}

#[test]
fn every_report_length_is_supported() {
    for report_length in [8, 9, 32, 63] {
        let sockets = Sockets::with([Device { report_length, ..Device::new("a") }]);
        let (service, mut person) = (Service::new(), Script::default());
        let credential = service.enroll(&sockets, &[], &mut person).unwrap();
        service.sign_in(&sockets, &[&credential], &mut person).unwrap();
    }
    for report_length in [7, 65] {
        let sockets = Sockets::with([Device { report_length, ..Device::new("a") }]);
        let refused = Service::new().enroll(&sockets, &[], &mut Script::default());
        assert!(matches!(refused, Err(Error::Misbehaved(_))), "{report_length}: {refused:?}");
    }
}

#[test]
fn both_pin_protocols_ask_for_a_needed_pin() {
    for (protocols, tokens) in
        [(vec![1], false), (vec![1], true), (vec![2], true), (vec![2, 1], true)]
    {
        let mut device = Device::with_pin("a", "123456");
        (device.pin.protocols, device.pin.tokens) = (protocols, tokens);
        if !tokens {
            device.versions = vec!["FIDO_2_0"];
        }
        let sockets = Sockets::with([device]);
        let service = Service::asking(UserVerification::Required);
        let mut person = Script::typing(&["123456", "123456"]);
        let credential = service.enroll(&sockets, &[], &mut person).unwrap();
        assert!(credential.user_verified);
        service.sign_in(&sockets, &[&credential], &mut person).unwrap();
        assert_eq!((person.asked.len(), person.asked[0].retries), (2, Some(8)));
    }
}

#[test]
fn a_touch_signs_in_if_user_verification_is_discouraged() {
    let sockets = Sockets::with([Device::with_pin("a", "123456")]);
    let (service, mut person) = (Service::new(), Script::typing(&["123456"]));
    let credential = service.enroll(&sockets, &[], &mut person).unwrap();
    service.sign_in(&sockets, &[&credential], &mut person).unwrap();
    assert_eq!(person.asked.len(), 1, "a key with a PIN makes no credential without");
}

#[test]
fn a_wrong_pin_costs_one_try_and_shows_the_rest() {
    let sockets = Sockets::with([Device::with_pin("a", "123456")]);
    let service = Service::asking(UserVerification::Required);
    let mut person = Script::typing(&["654321", "123456"]);
    service.enroll(&sockets, &[], &mut person).unwrap();
    let asked: Vec<_> =
        person.asked.iter().map(|asked| (asked.retries, asked.wrong_before)).collect();
    assert_eq!(asked, [(Some(8), false), (Some(7), true)]);
    assert_eq!(sockets.device(0).lock().unwrap().pin.tried, 2);
}

#[test]
fn giving_up_after_a_wrong_pin_reports_the_wrong_pin() {
    let sockets = Sockets::with([Device::with_pin("a", "123456")]);
    let service = Service::asking(UserVerification::Required);
    let refused = service.enroll(&sockets, &[], &mut Script::typing(&["654321"]));
    assert_eq!(refused, Err(Error::PinWrong { retries: Some(7) }));
}

#[test]
fn the_same_wrong_pin_is_not_sent_twice() {
    let sockets = Sockets::with([Device::with_pin("a", "123456")]);
    let service = Service::asking(UserVerification::Required);
    let refused =
        service.enroll(&sockets, &[], &mut Script::typing(&["654321", "654321", "654321"]));
    assert_eq!(refused, Err(Error::PinWrong { retries: Some(7) }));
    assert_eq!(sockets.device(0).lock().unwrap().pin.tried, 1);
}

#[test]
fn an_impossible_pin_costs_no_try() {
    for typed in ["", "123", "1234567890123456789012345678901234567890123456789012345678901234"] {
        let sockets = Sockets::with([Device::with_pin("a", "123456")]);
        let service = Service::asking(UserVerification::Required);
        let refused = service.enroll(&sockets, &[], &mut Script::typing(&[typed]));
        assert_eq!(refused, Err(Error::PinWrong { retries: Some(8) }));
        assert_eq!(sockets.device(0).lock().unwrap().pin.tried, 0);
    }
}

#[test]
fn a_blocked_pin_differs_from_one_blocked_until_replugging() {
    let service = Service::asking(UserVerification::Required);
    let mut device = Device::with_pin("a", "123456");
    device.pin.retries = 0;
    assert_eq!(
        service.enroll(&Sockets::with([device]), &[], &mut Script::typing(&["123456"])),
        Err(Error::PinBlocked)
    );
    let mut device = Device::with_pin("a", "123456");
    device.pin.wrong_in_a_row = 3;
    assert_eq!(
        service.enroll(&Sockets::with([device]), &[], &mut Script::typing(&["123456"])),
        Err(Error::PinAuthBlocked)
    );
    let mut device = Device::with_pin("a", "123456");
    device.pin.retries = 1;
    assert_eq!(
        service.enroll(&Sockets::with([device]), &[], &mut Script::typing(&["000000"])),
        Err(Error::PinBlocked)
    );
    let three = Script::typing(&["000000", "111111", "222222", "333333"]);
    let mut person = three;
    assert_eq!(
        service.enroll(&Sockets::with([Device::with_pin("a", "123456")]), &[], &mut person),
        Err(Error::PinAuthBlocked)
    );
    assert_eq!(person.asked.len(), 3);
}

#[test]
fn a_missing_pin_ends_the_ceremony() {
    let service = Service::asking(UserVerification::Required);
    let sockets = Sockets::with([Device::with_pin("a", "123456")]);
    assert_eq!(service.enroll(&sockets, &[], &mut Script::default()), Err(Error::PinNotGiven));
}

#[test]
fn a_key_that_cannot_verify_is_refused_before_it_blinks() {
    let service = Service::asking(UserVerification::Required);
    let sockets = Sockets::with([Device::new("a")]);
    assert_eq!(service.enroll(&sockets, &[], &mut Script::default()), Err(Error::PinNotSet));
    assert_eq!(sockets.device(0).lock().unwrap().blinked, 0);
    let sockets = Sockets::with([Device::u2f_only("a")]);
    assert!(matches!(service.enroll(&sockets, &[], &mut Script::default()), Err(Error::Unfit(_))));
    assert_eq!(sockets.device(0).lock().unwrap().blinked, 0);
}

#[test]
fn a_pin_replaces_a_fingerprint_that_is_not_recognized() {
    let service = Service::asking(UserVerification::Required);
    let known = Device { finger: Some(1), ..Device::with_pin("a", "123456") };
    let mut person = Script::default();
    service.enroll(&Sockets::with([known]), &[], &mut person).unwrap();
    assert!(person.was_told(|told| matches!(told, Progress::NeedFingerprint(_))));
    assert!(
        person.was_told(|told| matches!(told, Progress::FingerprintWrong { retries: Some(3), .. }))
    );
    let unknown = Device { finger: Some(99), ..Device::with_pin("a", "123456") };
    let mut person = Script::typing(&["123456"]);
    service.enroll(&Sockets::with([unknown]), &[], &mut person).unwrap();
    assert_eq!(person.asked.len(), 1);
}

#[test]
fn an_enrolled_key_is_not_enrolled_again() {
    for device in [
        Device::new("a"),
        Device::u2f_only("a"),
        Device { most_in_list: Some(1), ..Device::new("a") },
    ] {
        let (service, mut person) = (Service::new(), Script::default());
        let sockets = Sockets::with([device]);
        let other = service
            .enroll(&Sockets::with([Device::new("other")]), &[], &mut person)
            .unwrap();
        let credential = service.enroll(&sockets, &[], &mut person).unwrap();
        let again = service.enroll(&sockets, &[&other, &credential], &mut person);
        assert!(matches!(again, Err(Error::AlreadyEnrolled(_))), "{again:?}");
    }
}

#[test]
fn a_key_that_hides_credentials_shows_them_after_a_pin() {
    let service = Service::new();
    let sockets = Sockets::with([Device { hides: true, ..Device::with_pin("a", "123456") }]);
    let mut person = Script::typing(&["123456", "123456", "123456"]);
    let credential = service.enroll(&sockets, &[], &mut person).unwrap();
    service.sign_in(&sockets, &[&credential], &mut person).unwrap();
    let again = service.enroll(&sockets, &[&credential], &mut person);
    assert!(matches!(again, Err(Error::AlreadyEnrolled(_))), "{again:?}");
}

#[test]
fn a_key_that_is_not_enrolled_is_refused_before_it_blinks() {
    let service = Service::new();
    let credential = service
        .enroll(&Sockets::with([Device::new("a")]), &[], &mut Script::default())
        .unwrap();
    for stranger in [Device::new("b"), Device::u2f_only("b")] {
        let sockets = Sockets::with([stranger]);
        assert_eq!(
            service.sign_in(&sockets, &[&credential], &mut Script::default()),
            Err(Error::NotEnrolled)
        );
        assert_eq!(sockets.device(0).lock().unwrap().blinked, 0);
    }
}

#[test]
fn a_missing_touch_ends_the_ceremony() {
    for device in [Device::new("a"), Device::u2f_only("a")] {
        let service = Service::new().within(Duration::from_millis(400));
        let sockets = Sockets::with([Device { touch: Touch::Never, ..device }]);
        let begun = Instant::now();
        assert_eq!(service.enroll(&sockets, &[], &mut Script::default()), Err(Error::NotTouched));
        assert!(begun.elapsed() < Duration::from_millis(650), "{:?}", begun.elapsed());
        let device = sockets.device(0);
        let device = device.lock().unwrap();
        assert_eq!(
            device.cancelled,
            usize::from(device.fido2),
            "a key that blinks is told to stop"
        );
    }
}

#[test]
fn a_declined_touch_ends_the_ceremony() {
    let sockets = Sockets::with([Device { touch: Touch::Deny, ..Device::new("a") }]);
    assert_eq!(Service::new().enroll(&sockets, &[], &mut Script::default()), Err(Error::Declined));
}

#[test]
fn a_ceremony_can_be_cancelled_while_the_key_blinks() {
    for device in [Device::new("a"), Device::u2f_only("a")] {
        let service = Service::new();
        let sockets = Sockets::with([Device { touch: Touch::Never, ..device }]);
        let cancel = service.options.cancel.clone();
        let mut person = Script::reacting(move |_| cancel.cancel());
        let begun = Instant::now();
        assert_eq!(service.enroll(&sockets, &[], &mut person), Err(Error::Cancelled));
        assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
        let device = sockets.device(0);
        let device = device.lock().unwrap();
        assert_eq!(device.cancelled, usize::from(device.fido2));
    }
}

#[test]
fn a_key_can_be_plugged_in_during_the_ceremony() {
    let (sockets, service) = (Sockets::default(), Service::new());
    let plugged = sockets.clone();
    let mut person = Script::reacting(move |progress| {
        if *progress == Progress::WaitingForKey {
            plugged.plug(Device::new("late"));
        }
    });
    service.enroll(&sockets, &[], &mut person).unwrap();
    assert!(person.was_told(|told| matches!(told, Progress::KeyInserted(_))));
    let nobody = Service::new().within(Duration::from_millis(200)).enroll(
        &Sockets::default(),
        &[],
        &mut Script::default(),
    );
    assert_eq!(nobody, Err(Error::NoKey));
}

#[test]
fn a_key_without_permission_differs_from_a_missing_key() {
    let sockets = Sockets::with([Device::new("a")]);
    sockets.forbid();
    let begun = Instant::now();
    let refused = Service::new().enroll(&sockets, &[], &mut Script::default());
    assert_eq!(refused, Err(Error::NotAllowed { path: "/dev/hidraw0".into() }));
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[test]
fn keys_are_closed_and_never_reset() {
    let (service, mut person) = (Service::new(), Script::typing(&["123456"]));
    let sockets =
        Sockets::with([Device::with_pin("a", "123456"), Device::new("b"), Device::u2f_only("c")]);
    let _ = service.enroll(&sockets, &[], &mut person);
    let end = Instant::now() + Duration::from_secs(2);
    for number in 0..3 {
        let device = sockets.device(number);
        while device.lock().unwrap().open_count() > 0 && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
        let device = device.lock().unwrap();
        assert_eq!(device.open_count(), 0);
        let harmless = [0x01, 0x02, 0x04, 0x06, 0x08, 0x0b];
        assert!(
            device.commands.iter().all(|command| harmless.contains(command)),
            "{:?}",
            device.commands
        );
    }
}
