//! The test vectors of WebAuthn L3 §16: 15 registrations and 15 authentications, with the reasons
//! for refusals.

use std::collections::HashMap;

use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use twostep::webauthn::{
    Anchors, AssertionResponse, Attestation, AttestationPolicy, AttestationResponse,
    AuthenticationResponse, Ceremony, Conveyance, Credential, CredentialId, ExtensionResults,
    Fault, RegistrationResponse, RelyingParty, RelyingPartyConfig,
};

use super::base64url;
use super::party::{NOW, alice, config};

/// The expected outcome of each registration: the attestation or the failed step, and the reason.
const REGISTRATIONS: [(&str, Result<Attestation, u8>, &str); 15] = [
    ("none.ES256", Ok(Attestation::None), ""),
    ("packed-self.ES256", Ok(Attestation::Own), ""),
    ("none.ES256.crossOrigin", Err(10), "nothing is registered from an embedded page"),
    ("none.ES256.topOrigin", Err(10), "nothing is registered from an embedded page"),
    ("none.ES256.long-credential-id", Ok(Attestation::None), ""),
    ("packed.ES256", Ok(Attestation::Trusted), ""),
    ("packed.ES384", Ok(Attestation::Trusted), ""),
    ("packed.ES512", Err(20), "not offered: webauthn-rs does not verify it"),
    ("packed.RS256", Err(20), "3,482 bits: webauthn-rs takes RSA keys of 2,048"),
    ("packed.EdDSA", Ok(Attestation::Trusted), ""),
    ("packed.Ed448", Err(20), "not offered: webauthn-rs does not verify it"),
    ("tpm.ES256", Ok(Attestation::Trusted), ""),
    (
        "android-key.ES256",
        Ok(Attestation::Unverified),
        "webauthn-rs wants a purpose and an origin in the authorization lists",
    ),
    ("apple.ES256", Ok(Attestation::Trusted), ""),
    ("fido-u2f.ES256", Ok(Attestation::Trusted), ""),
];

/// The expected outcome of an authentication with the same credential, even if its registration was
/// refused; None if the credential cannot be stored.
const AUTHENTICATIONS: [(&str, Option<Result<(), u8>>); 15] = [
    ("none.ES256", Some(Ok(()))),
    ("packed-self.ES256", Some(Ok(()))),
    // The embedding page is not named, so it cannot be an allowed one.
    ("none.ES256.crossOrigin", Some(Err(14))),
    ("none.ES256.topOrigin", Some(Ok(()))),
    ("none.ES256.long-credential-id", Some(Ok(()))),
    ("packed.ES256", Some(Ok(()))),
    ("packed.ES384", Some(Ok(()))),
    ("packed.ES512", None),
    ("packed.RS256", None),
    ("packed.EdDSA", Some(Ok(()))),
    ("packed.Ed448", None),
    ("tpm.ES256", Some(Ok(()))),
    ("android-key.ES256", Some(Ok(()))),
    ("apple.ES256", Some(Ok(()))),
    ("fido-u2f.ES256", Some(Ok(()))),
];

/// The values of each vector in order, with their names.
type Vectors = HashMap<&'static str, Vec<(&'static str, Vec<u8>)>>;

fn vectors() -> Vectors {
    let (mut vectors, mut name) = (Vectors::new(), "");
    for line in include_str!("vectors.txt")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            Some(section) => name = section,
            None => {
                let (key, digits) = line.split_once(' ').unwrap();
                let bytes = (0..digits.len())
                    .step_by(2)
                    .map(|place| u8::from_str_radix(&digits[place..place + 2], 16).unwrap());
                vectors.entry(name).or_default().push((key, bytes.collect()));
            }
        }
    }
    vectors
}

fn value<'a>(vector: &'a [(&str, Vec<u8>)], key: &str, nth: usize) -> &'a [u8] {
    vector
        .iter()
        .filter(|(name, _)| *name == key)
        .map(|(_, bytes)| bytes)
        .nth(nth)
        .unwrap()
}

fn party(vectors: &Vectors) -> RelyingParty {
    let anchors = Anchors::parse(value(&vectors["attestation-ca"], "certificate", 0)).unwrap();
    let attestation = AttestationPolicy {
        conveyance: Conveyance::Direct,
        anchors,
        ..AttestationPolicy::default()
    };
    let (origins, top_origins) =
        (vec!["https://example.org".into()], vec!["https://example.com".into()]);
    RelyingParty::new(RelyingPartyConfig { origins, top_origins, attestation, ..config() }).unwrap()
}

/// The state with a given challenge.
fn with_challenge<T: Serialize + DeserializeOwned>(state: &T, challenge: &[u8]) -> T {
    let mut state = serde_json::to_value(state).unwrap();
    state["core"]["challenge"] = base64url(challenge).into();
    serde_json::from_value(state).unwrap()
}

/// The credential of a registration, accepted or not. Its authenticator data end the attestation
/// object.
fn stored(object: &[u8]) -> Credential {
    let rp_id_hash = Sha256::digest("example.org");
    let start = object.windows(32).rposition(|bytes| *bytes == rp_id_hash[..]).unwrap();
    let data = &object[start..];
    let length = usize::from(u16::from_be_bytes([data[53], data[54]]));
    Credential {
        id: CredentialId::new(&data[55..55 + length]).unwrap(),
        public_key: data[55 + length..].to_vec(),
        user_handle: alice().handle,
        sign_count: 0,
        user_verified: data[32] & 0x04 != 0,
        backup_eligible: data[32] & 0x08 != 0,
        backed_up: data[32] & 0x10 != 0,
        aaguid: None,
        transports: Vec::new(),
        attestation: Attestation::None,
        attestation_format: "none".into(),
        by_app_id: false,
        discoverable: None,
    }
}

/// A response with `object`, whose credential id is that of `original`.
fn registration(original: &[u8], object: &[u8], client_data: &[u8]) -> RegistrationResponse {
    let id = stored(original).id.as_bytes().to_vec();
    let (client_data_json, attestation_object) = (client_data.to_vec(), object.to_vec());
    RegistrationResponse {
        id: base64url(&id),
        raw_id: id,
        response: AttestationResponse {
            client_data_json,
            attestation_object,
            transports: Vec::new(),
        },
        kind: "public-key".into(),
        client_extension_results: ExtensionResults::default(),
    }
}

#[test]
fn registrations_are_judged_as_listed() {
    let vectors = vectors();
    let party = party(&vectors);
    assert_eq!(vectors.len(), 1 + REGISTRATIONS.len());
    for (name, expected, why) in REGISTRATIONS {
        let vector = &vectors[name];
        let (_, state) = party.start_registration(&alice(), &[]).unwrap();
        let state = with_challenge(&state, value(vector, "challenge", 0));
        let object = value(vector, "attestation-object", 0);
        let response = registration(object, object, value(vector, "client-data", 0));
        match (party.finish_registration(&state, &response, NOW), expected) {
            (Ok(credential), Ok(attestation)) => {
                assert_eq!(credential.attestation, attestation, "{name}")
            }
            (Err(fault), Err(step)) => {
                assert_eq!(fault.step(), Some((Ceremony::Registration, step)), "{name}: {why}")
            }
            (found, _) => panic!("{name}: {found:?}, {why}"),
        }
    }
}

#[test]
fn authentications_are_judged_as_listed() {
    let vectors = vectors();
    let party = party(&vectors);
    for (name, expected) in AUTHENTICATIONS {
        let vector = &vectors[name];
        let credential = stored(value(vector, "attestation-object", 0));
        let (_, state) = party.start_authentication(&[&credential]).unwrap();
        let state = with_challenge(&state, value(vector, "challenge", 1));
        let response = AuthenticationResponse {
            id: base64url(credential.id.as_bytes()),
            raw_id: credential.id.as_bytes().to_vec(),
            response: AssertionResponse {
                client_data_json: value(vector, "client-data", 1).to_vec(),
                authenticator_data: value(vector, "authenticator-data", 0).to_vec(),
                signature: value(vector, "signature", 0).to_vec(),
                user_handle: None,
            },
            kind: "public-key".into(),
            client_extension_results: ExtensionResults::default(),
        };
        match (party.finish_authentication(&state, &response, &credential), expected) {
            (Ok(assertion), Some(Ok(()))) => assert_eq!(assertion.credential_id, credential.id),
            (Err(fault), Some(Err(step))) => {
                assert_eq!(fault.step(), Some((Ceremony::Authentication, step)), "{name}")
            }
            (Err(Fault::BadInput(_)), None) => {}
            (found, _) => panic!("{name}: {found:?}"),
        }
    }
}

proptest! {
    /// Every format has a parser, of webauthn-rs or of the libraries below it; none of them panics.
    #[test]
    fn a_changed_statement_of_any_format_does_no_harm(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let vectors = vectors();
        let party = party(&vectors);
        let (name, ..) = which.get(&REGISTRATIONS);
        let vector = &vectors[name];
        let (_, state) = party.start_registration(&alice(), &[]).unwrap();
        let state = with_challenge(&state, value(vector, "challenge", 0));
        let original = value(vector, "attestation-object", 0);
        let mut object = original.to_vec();
        for (place, byte) in changes {
            let place = place.index(object.len());
            object[place] = byte;
        }
        let response = registration(original, &object, value(vector, "client-data", 0));
        if let Ok(credential) = party.finish_registration(&state, &response, NOW) {
            prop_assert_eq!(credential.id.as_bytes(), &response.raw_id);
        }
    }
}
