//! Several keys at once, also plugged in and out.

use super::bench::{Script, Service, Shared, Sockets};
use std::time::{Duration, Instant};
use test_support::device::{Device, Touch};
use twostep::usb::{Error, Progress};
use twostep::webauthn::UserVerification;

fn untouched(device: Device) -> Device {
    Device { touch: Touch::Never, ..device }
}

fn touch(device: &Shared) {
    device.lock().unwrap().touch = Touch::After(Duration::ZERO);
}

/// Touches this key once the person is asked to choose.
fn choosing(device: Shared) -> Script {
    Script::reacting(move |progress| {
        if let Progress::ChooseByTouch { .. } = progress {
            touch(&device);
        }
    })
}

#[test]
fn the_touched_key_is_enrolled_and_the_others_stop_blinking() {
    for chosen in 0..3 {
        let sockets = Sockets::with(
            [Device::new("a"), Device::new("b"), Device::u2f_only("c")].map(untouched),
        );
        let mut person = choosing(sockets.device(chosen));
        let credential = Service::new().enroll(&sockets, &[], &mut person).unwrap();
        assert!(
            person.was_told(
                |told| matches!(told, Progress::ChooseByTouch { keys } if keys.len() == 3)
            )
        );
        for number in 0..3 {
            let device = sockets.device(number);
            let device = device.lock().unwrap();
            assert_eq!(device.key.holds(credential.id.as_bytes(), &rp_id_hash()), number == chosen);
            let blinked = if number != chosen && device.fido2 { device.blinked } else { 0 };
            assert_eq!(device.cancelled, blinked, "key {number} of {chosen}");
        }
    }
}

#[test]
fn only_the_chosen_key_is_asked_for_its_pin() {
    for versions in [vec!["FIDO_2_0", "FIDO_2_1"], vec!["FIDO_2_0"]] {
        let device =
            || Device { versions: versions.clone(), ..untouched(Device::with_pin("a", "123456")) };
        let sockets = Sockets::with([
            device(),
            untouched(Device::with_pin("b", "999999")),
            untouched(Device::u2f_only("c")),
        ]);
        let mut person = choosing(sockets.device(0));
        person.pins.push_back("123456");
        let credential = Service::new().enroll(&sockets, &[], &mut person).unwrap();
        assert!(credential.user_verified);
        assert_eq!(person.asked.len(), 1);
        assert_eq!(person.asked[0].key.path.to_str(), Some("/dev/hidraw0"));
        assert_eq!(sockets.device(1).lock().unwrap().pin.tried, 0);
    }
}

#[test]
fn only_the_key_that_holds_a_credential_blinks() {
    let service = Service::new();
    for enrolled in [Device::new("a"), Device::u2f_only("a")] {
        let sockets = Sockets::with([enrolled]);
        let credential = service.enroll(&sockets, &[], &mut Script::default()).unwrap();
        sockets.plug(untouched(Device::new("b")));
        sockets.plug(untouched(Device::with_pin("c", "123456")));
        sockets.plug(untouched(Device::u2f_only("d")));
        let mut person = Script::default();
        service.sign_in(&sockets, &[&credential], &mut person).unwrap();
        assert!(!person.was_told(|told| matches!(told, Progress::ChooseByTouch { .. })));
        assert!((1..4).all(|number| sockets.device(number).lock().unwrap().blinked == 0));
    }
}

#[test]
fn of_two_enrolled_keys_the_touched_one_signs_in() {
    let service = Service::new();
    let sockets = Sockets::with([Device::new("a")]);
    let first = service.enroll(&sockets, &[], &mut Script::default()).unwrap();
    let other = Sockets::with([Device::u2f_only("b")]);
    let second = service.enroll(&other, &[], &mut Script::default()).unwrap();
    let device = other.device(0);
    for device in [&sockets.device(0), &device] {
        device.lock().unwrap().touch = Touch::Never;
    }
    sockets.plug_again(&device);
    let signed = service.sign_in(&sockets, &[&first, &second], &mut choosing(device)).unwrap();
    assert_eq!(signed.raw_id, second.id.as_bytes());
    let loser = sockets.device(0);
    let loser = loser.lock().unwrap();
    // One blink before was for its enrolment.
    assert_eq!(loser.cancelled, loser.blinked - 1);
}

#[test]
fn a_removed_key_leaves_the_choice_to_the_others() {
    let sockets = Sockets::with([untouched(Device::new("a")), untouched(Device::new("b"))]);
    let (pulled, other) = (sockets.device(0), sockets.device(1));
    let mut person = Script::reacting(move |progress| match progress {
        Progress::ChooseByTouch { .. } => pulled.lock().unwrap().unplugged = true,
        Progress::KeyRemoved(_) => touch(&other),
        _ => {}
    });
    Service::new().enroll(&sockets, &[], &mut person).unwrap();
}

#[test]
fn removing_the_last_key_ends_the_ceremony() {
    for count in 1..3 {
        let sockets =
            Sockets::with((0..count).map(|number| untouched(Device::new(&number.to_string()))));
        let pulled = sockets.clone();
        let mut person = Script::reacting(move |progress| {
            if let Progress::ChooseByTouch { .. } | Progress::NeedTouch(_) = progress {
                (0..count)
                    .for_each(|number| pulled.device(number).lock().unwrap().unplugged = true);
            }
        });
        let begun = Instant::now();
        assert_eq!(Service::new().enroll(&sockets, &[], &mut person), Err(Error::Unplugged));
        assert!(begun.elapsed() < Duration::from_secs(1));
    }
}

#[test]
fn a_key_may_join_while_another_one_blinks() {
    let sockets = Sockets::with([untouched(Device::new("a"))]);
    let plugged = sockets.clone();
    let mut person = Script::reacting(move |progress| {
        if let Progress::NeedTouch(_) = progress {
            plugged.plug(Device::new("b"));
        }
    });
    let credential = Service::new().enroll(&sockets, &[], &mut person).unwrap();
    assert!(
        sockets
            .device(1)
            .lock()
            .unwrap()
            .key
            .holds(credential.id.as_bytes(), &rp_id_hash())
    );
    assert_eq!(sockets.device(0).lock().unwrap().cancelled, 1);
}

#[test]
fn a_silent_key_delays_the_others_only_briefly() {
    let silent = Device { mischief: Some(Box::new(|_| Some(Vec::new()))), ..Device::new("silent") };
    let sockets = Sockets::with([silent, Device::new("b")]);
    let begun = Instant::now();
    Service::new().enroll(&sockets, &[], &mut Script::default()).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[test]
fn an_incapable_key_does_not_blink_beside_a_capable_one() {
    let sockets =
        Sockets::with([Device::with_pin("a", "123456"), Device::u2f_only("b"), Device::new("c")]);
    let mut person = Script::typing(&["123456"]);
    Service::asking(UserVerification::Required)
        .enroll(&sockets, &[], &mut person)
        .unwrap();
    assert!(!person.was_told(|told| matches!(told, Progress::ChooseByTouch { .. })));
}

#[test]
fn only_the_named_key_is_asked() {
    let sockets = Sockets::with([untouched(Device::new("a")), Device::new("b")]);
    let mut service = Service::new();
    service.options.only = Some("/dev/hidraw1".into());
    service.enroll(&sockets, &[], &mut Script::default()).unwrap();
    assert!(sockets.device(0).lock().unwrap().commands.is_empty());
}

fn rp_id_hash() -> [u8; 32] {
    use sha2::Digest;
    sha2::Sha256::digest("example.org").into()
}
