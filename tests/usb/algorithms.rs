//! Algorithms requested from keys, and the second request to keys that fail at the first.

use ciborium::Value;
use test_support::device::{CBOR, Device, KEEPALIVE, Request, get, reports};
use twostep::testing::SimulatedSecurityKey;
use twostep::usb;
use twostep::usb::Error;
use twostep::webauthn::{
    Credential, RelyingParty, RelyingPartyConfig, ResidentKey, SignatureAlgorithm, UserVerification,
};

use super::bench::{ORIGIN, Script, Service, Shared, Sockets};

/// A service with these terms that does not verify users.
fn service(terms: RelyingPartyConfig) -> Service {
    let rp_id = "example.org".to_owned();
    let (name, origins) = ("Example".to_owned(), vec![ORIGIN.to_owned()]);
    let terms = RelyingPartyConfig {
        rp_id,
        name,
        origins,
        user_verification: UserVerification::Discouraged,
        ..terms
    };
    Service { party: RelyingParty::new(terms).unwrap(), ..Service::new() }
}

/// The content of a request for a credential: the number of algorithms, and whether it is to be
/// stored.
fn asked(request: &Request) -> Option<(usize, bool)> {
    if request.command != CBOR || request.data.first() != Some(&0x01) {
        return None;
    }
    let parameters: Value = ciborium::from_reader(&request.data[1..]).unwrap();
    let rk = get(&parameters, 7)
        .and_then(Value::as_map)
        .is_some_and(|options| options.contains(&(Value::from("rk"), Value::from(true))));
    Some((get(&parameters, 4)?.as_array()?.len(), rk))
}

/// A key that answers with this status, with or without a keepalive for a touch before it, to the
/// requests that `fails` selects.
fn failing(status: u8, blinks: bool, fails: fn((usize, bool)) -> bool) -> Device {
    let mut device = Device::new("a");
    device.mischief = Some(Box::new(move |request| {
        asked(request).filter(|asked| fails(*asked))?;
        let mut answer =
            if blinks { reports(request.channel, KEEPALIVE, &[2], 64) } else { Vec::new() };
        answer.extend(reports(request.channel, CBOR, &[status], 64));
        Some(answer)
    }));
    device
}

fn enroll(terms: RelyingPartyConfig, device: Device) -> (Result<Credential, Error>, Shared) {
    let sockets = Sockets::with([device]);
    let enrolled = service(terms).enroll(&sockets, &[], &mut Script::default());
    (enrolled, sockets.device(0))
}

fn made(device: &Shared) -> usize {
    device
        .lock()
        .unwrap()
        .commands
        .iter()
        .filter(|command| **command == 0x01)
        .count()
}

#[test]
fn a_key_that_fails_at_several_algorithms_is_asked_for_es256() {
    for status in
        [0x02, 0x03, 0x11, 0x12, 0x14, 0x15, 0x26, 0x2b, 0x2c, 0x39, 0x7f, 0xe0, 0xf3, 0xff]
    {
        let (enrolled, _) = enroll(
            RelyingPartyConfig::default(),
            failing(status, false, |(algorithms, _)| algorithms > 1),
        );
        enrolled.unwrap_or_else(|error| panic!("{status:02x}: {error}"));
    }
    // Statuses about algorithms and encoding count even after the key has blinked; others may be
    // about the touch.
    for (status, enrolls) in [(0x26, true), (0x12, true), (0x7f, false), (0x02, false)] {
        let (enrolled, _) = enroll(
            RelyingPartyConfig::default(),
            failing(status, true, |(algorithms, _)| algorithms > 1),
        );
        assert_eq!(enrolled.is_ok(), enrolls, "{status:02x}: {enrolled:?}");
    }
}

#[test]
fn a_key_that_refuses_for_another_reason_is_not_asked_again() {
    // Excluded, denied, full, cancelled, not allowed, PIN blocked, PIN not set, verification
    // blocked.
    for status in [0x19, 0x27, 0x28, 0x2d, 0x30, 0x32, 0x35, 0x3c] {
        let (enrolled, device) = enroll(
            RelyingPartyConfig::default(),
            failing(status, false, |(algorithms, _)| algorithms > 1),
        );
        assert!(enrolled.is_err(), "{status:02x}");
        assert_eq!(made(&device), 0, "{status:02x}: the key would have done it for ES256");
    }
    // A key that fails at ES256 alone is not asked again, nor a key for which ES256 is not
    // configured.
    let (enrolled, _) = enroll(RelyingPartyConfig::default(), failing(0x26, false, |_| true));
    assert!(matches!(enrolled, Err(Error::Unfit(_))), "{enrolled:?}");
    let algorithms = vec![SignatureAlgorithm::EdDsa, SignatureAlgorithm::Rs256];
    let (enrolled, _) = enroll(
        RelyingPartyConfig { algorithms, ..RelyingPartyConfig::default() },
        failing(0x26, false, |(count, _)| count > 1),
    );
    assert!(matches!(enrolled, Err(Error::Unfit(_))), "{enrolled:?}");
}

#[test]
fn a_credential_on_ed25519_is_enrolled_and_signs_in() {
    let mut device = Device::new("a");
    device.key = SimulatedSecurityKey::new("a").on_ed25519();
    let sockets = Sockets::with([device]);
    let (service, mut person) = (service(RelyingPartyConfig::default()), Script::default());
    let credential = service.enroll(&sockets, &[], &mut person).unwrap();
    service.sign_in(&sockets, &[&credential], &mut person).unwrap();
}

#[test]
fn a_key_stores_the_credential_on_request_if_capable() {
    let storing =
        |resident_key| RelyingPartyConfig { resident_key, ..RelyingPartyConfig::default() };
    for (resident_key, stored) in [
        (ResidentKey::Discouraged, None),
        (ResidentKey::Preferred, Some(true)),
        (ResidentKey::Required, Some(true)),
    ] {
        let (enrolled, _) = enroll(storing(resident_key), failing(0x2b, false, |_| false));
        assert_eq!(enrolled.unwrap().discoverable, stored, "{resident_key:?}");
    }
    // A full key, and a key with U2F only.
    for (resident_key, full, u2f) in
        [(ResidentKey::Preferred, true, true), (ResidentKey::Required, false, false)]
    {
        let (enrolled, _) =
            enroll(storing(resident_key), failing(0x28, false, |(_, stored)| stored));
        assert_eq!(enrolled.is_ok(), full, "{resident_key:?}: {enrolled:?}");
        assert!(enrolled.map_or_else(
            |error| matches!(error, Error::Full),
            |credential| credential.discoverable == Some(false)
        ));
        let (enrolled, _) = enroll(storing(resident_key), Device::u2f_only("a"));
        assert_eq!(enrolled.is_ok(), u2f, "{resident_key:?}: {enrolled:?}");
    }
}

#[test]
fn a_key_of_any_ctap_2_version_is_supported() {
    for versions in [
        vec!["FIDO_2_0"],
        vec!["FIDO_2_1_PRE"],
        vec!["FIDO_2_1"],
        vec!["FIDO_2_2"],
        vec!["FIDO_2_3"],
        vec!["FIDO_2_4", "FIDO_2_10"],
        vec!["U2F_V2", "FIDO_2_3"],
        vec!["FIDO_2_3", "FIDO_3_0"],
    ] {
        let (enrolled, device) = enroll(
            RelyingPartyConfig::default(),
            Device { versions: versions.clone(), ..Device::new("a") },
        );
        enrolled.unwrap_or_else(|error| panic!("{versions:?}: {error}"));
        assert_eq!(made(&device), 1, "{versions:?}");
    }
    // A key that lists U2F only is used over U2F.
    let (enrolled, device) = enroll(
        RelyingPartyConfig::default(),
        Device { versions: vec!["U2F_V2"], ..Device::new("a") },
    );
    enrolled.unwrap();
    assert_eq!(made(&device), 0);
    for versions in [
        vec![],
        vec!["FIDO_1_0"],
        vec!["FIDO_2_"],
        vec!["FIDO_2_x"],
        vec!["FIDO_2_+3"],
        vec!["fido_2_3"],
    ] {
        let device = Device { versions: versions.clone(), u2f: false, ..Device::new("a") };
        let sockets = Sockets::with([device]);
        let enrolled =
            service(RelyingPartyConfig::default()).enroll(&sockets, &[], &mut Script::default());
        assert!(matches!(enrolled, Err(usb::Error::Misbehaved(_))), "{versions:?}: {enrolled:?}");
    }
}
