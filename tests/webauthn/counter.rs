//! The signature counter over any history, and responses with one change.

use proptest::prelude::*;
use twostep::testing::{SimulatedAuthority, SimulatedSecurityKey, Statement};
use twostep::webauthn::{
    Anchors, Attestation, AttestationPolicy, Conveyance, Fault, RelyingPartyConfig, Trust,
};

use super::party::{Authentication, Registration, config};

proptest! {
    /// For any sequence of counters, the stored counter equals the last accepted one, and only
    /// rises.
    #[test]
    fn a_counter_is_accepted_if_it_grows_or_is_missing(
        presented in prop::collection::vec(prop_oneof![0..4_u32, any::<u32>()], 1..12),
    ) {
        let mut it = Authentication::new();
        it.credential.sign_count = 0;
        for counter in presented {
            it.used.sign_count = counter;
            let stored = it.credential.sign_count;
            match it.finish() {
                Ok(assertion) => {
                    prop_assert!(counter > stored || (counter, stored) == (0, 0));
                    prop_assert_eq!(assertion.sign_count, counter);
                    it.credential.sign_count = assertion.sign_count;
                }
                Err(Fault::SignCount { stored: compared, presented }) => {
                    prop_assert!(counter <= stored && (counter, stored) != (0, 0));
                    prop_assert_eq!((compared, presented), (stored, counter));
                }
                Err(fault) => prop_assert!(false, "{}", fault),
            }
        }
    }

    /// Arbitrary bytes neither cause a panic nor are accepted, except the key's own.
    #[test]
    fn a_changed_registration_proves_nothing(
        place in any::<prop::sample::Index>(),
        change in 1..=255_u8,
    ) {
        let attestation =
            AttestationPolicy { conveyance: Conveyance::Direct, ..AttestationPolicy::default() };
        let key = SimulatedSecurityKey::new("alice's").vouched(Statement::Own);
        let it = Registration::with(RelyingPartyConfig { attestation, ..config() }, key);
        let mut response = it.creation.response();
        prop_assert_eq!(it.finish_with(&response).unwrap().attestation, Attestation::Own);
        let object = &mut response.response.attestation_object;
        let place = place.index(object.len());
        object[place] ^= change;
        let worth = it.finish_with(&response).map(|credential| credential.attestation);
        prop_assert!(worth.is_err() || matches!(worth, Ok(Attestation::Unverified)), "{:?}", worth);
    }

    /// With required trust, no change in certificate, statement or data is accepted.
    #[test]
    fn a_changed_attestation_is_refused(
        place in any::<prop::sample::Index>(),
        change in 1..=255_u8,
    ) {
        let root = SimulatedAuthority::new("Simulated Root");
        let anchors = Anchors::parse(&root.certificate()).unwrap();
        let attestation = AttestationPolicy {
            conveyance: Conveyance::Direct,
            trust: Trust::Required,
            anchors,
            ..AttestationPolicy::default()
        };
        let key = SimulatedSecurityKey::new("alice's").vouched(Statement::Packed(root));
        let it = Registration::with(RelyingPartyConfig { attestation, ..config() }, key);
        let mut response = it.creation.response();
        prop_assert!(it.finish_with(&response).is_ok());
        let object = &mut response.response.attestation_object;
        let place = place.index(object.len());
        object[place] ^= change;
        prop_assert!(it.finish_with(&response).is_err());
    }

    #[test]
    fn a_changed_assertion_is_refused(place in any::<prop::sample::Index>(), change in 1..=255_u8) {
        let it = Authentication::new();
        let mut response = it.used.response();
        let answer = &mut response.response;
        let parts =
            [&mut answer.authenticator_data, &mut answer.client_data_json, &mut answer.signature];
        let mut bytes: Vec<&mut u8> = parts.into_iter().flatten().collect();
        let place = place.index(bytes.len());
        *bytes[place] ^= change;
        prop_assert!(it.finish_with(&response).is_err());
    }

    #[test]
    fn any_bytes_are_refused(
        object in prop::collection::vec(any::<u8>(), 0..300),
        data in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let it = Registration::new();
        let mut response = it.creation.response();
        response.response.attestation_object = object;
        prop_assert!(it.finish_with(&response).is_err());
        let it = Authentication::new();
        let mut response = it.used.response();
        response.response.authenticator_data = data;
        prop_assert!(it.finish_with(&response).is_err());
    }
}
