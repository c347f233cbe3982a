//! Credentials on Ed25519: registration in every form, use, and the same refusals as for other
//! credentials.

use twostep::testing::{
    Creation, SimulatedAuthority, SimulatedSecurityKey, SimulatedSigner, Statement,
};
use twostep::webauthn::{
    Anchors, Attestation, AttestationPolicy, Ceremony, ConfigFault, Conveyance, Fault,
    RelyingParty, RelyingPartyConfig, SignatureAlgorithm, Trust, UserVerification,
};

use super::party::{Authentication, Registration, alice, config, replace};

fn key() -> SimulatedSecurityKey {
    SimulatedSecurityKey::new("alice's").on_ed25519()
}

/// A relying party that asks for attestation and trusts one maker.
fn asking() -> RelyingPartyConfig {
    let anchors = Anchors::parse(&maker().certificate()).unwrap();
    RelyingPartyConfig {
        attestation: AttestationPolicy {
            conveyance: Conveyance::Direct,
            anchors,
            ..AttestationPolicy::default()
        },
        ..config()
    }
}

fn maker() -> SimulatedAuthority {
    SimulatedAuthority::new("Simulated Keys")
}

#[test]
fn an_ed25519_credential_registers_with_every_statement_and_signs_in() {
    for (statement, attestation, format) in [
        (Statement::None, Attestation::None, "none"),
        (Statement::Own, Attestation::Own, "packed"),
        (Statement::Packed(maker()), Attestation::Trusted, "packed"),
        (Statement::Packed(SimulatedAuthority::new("Others")), Attestation::Unverified, "packed"),
    ] {
        let registered = Registration::with(asking(), key().vouched(statement));
        let credential = registered.finish().unwrap();
        assert_eq!(
            (credential.attestation, &credential.attestation_format[..]),
            (attestation, format)
        );
        let it = Authentication::of(registered.party, registered.key, credential);
        assert_eq!(it.finish().unwrap().sign_count, 2);
    }
}

/// One value is changed before the key signs.
#[test]
fn every_step_is_judged_for_ed25519_as_for_other_algorithms() {
    type Change = fn(&mut Authentication);
    let changes: [(u8, Change); 9] = [
        (10, |it| replace(&mut it.used.client_data, "webauthn.get", "webauthn.create")),
        (11, |it| replace(&mut it.used.client_data, "\"challenge\":\"", "\"challenge\":\"AAAA")),
        (12, |it| replace(&mut it.used.client_data, "login.example.org", "evil.example.org")),
        (13, |it| {
            replace(&mut it.used.client_data, "\"crossOrigin\":false", "\"crossOrigin\":true")
        }),
        (15, |it| it.used.rp_id_hash = [7; 32]),
        (16, |it| it.used.flags = 0),
        (18, |it| it.used.flags |= 0x10),
        (19, |it| it.used.flags |= 0x08),
        (21, |it| it.used.signer = SimulatedSigner::new(|_| vec![7; 64])),
    ];
    for (step, change) in changes {
        let mut it = Authentication::with(config(), key());
        change(&mut it);
        assert_eq!(
            it.finish().unwrap_err().step(),
            Some((Ceremony::Authentication, step)),
            "{step}"
        );
    }
    let required = RelyingPartyConfig { user_verification: UserVerification::Required, ..config() };
    let mut it = Authentication::with(required, key().verifying());
    let _ = it.finish().unwrap();
    it.used.flags = 0x01;
    assert_eq!(it.finish().unwrap_err().step(), Some((Ceremony::Authentication, 17)));
}

#[test]
fn signatures_by_another_key_or_in_another_form_are_refused() {
    let it = Authentication::with(config(), key());
    let other = Authentication::with(config(), SimulatedSecurityKey::new("another").on_ed25519());
    let of_p256 = Authentication::with(config(), SimulatedSecurityKey::new("alice's"));
    let right = it.used.response();
    let _ = it.finish_with(&right).unwrap();
    let signature = &right.response.signature;
    let forgeries = [
        other.used.signature(),
        of_p256.used.signature(),
        it.used.signer.sign(b"something else"),
        signature[..63].to_vec(),
        [&signature[..], &[0]].concat(),
        Vec::new(),
    ];
    for forged in forgeries.into_iter().chain((0..64).map(|place| {
        let mut changed = signature.clone();
        changed[place] ^= 0x20;
        changed
    })) {
        let mut response = right.clone();
        response.response.signature = forged;
        assert_eq!(
            it.finish_with(&response).unwrap_err().step(),
            Some((Ceremony::Authentication, 21))
        );
    }
}

/// A forged response must not raise an alarm about a copied key.
#[test]
fn the_signature_is_judged_before_the_counter() {
    let mut it = Authentication::with(config(), key());
    it.used.sign_count = 1;
    assert!(matches!(it.finish(), Err(Fault::SignCount { stored: 1, presented: 1 })));
    it.used.signer = SimulatedSigner::new(|_| vec![7; 64]);
    assert_eq!(it.finish().unwrap_err().step(), Some((Ceremony::Authentication, 21)));
}

#[test]
fn registration_judges_the_data_of_ed25519_keys() {
    type Change = fn(&mut Creation);
    let changes: [(u8, Change); 8] = [
        (7, |it| replace(&mut it.client_data, "webauthn.create", "webauthn.get")),
        (8, |it| replace(&mut it.client_data, "\"challenge\":\"", "\"challenge\":\"AAAA")),
        (9, |it| replace(&mut it.client_data, "login.example.org", "evil.example.org")),
        (14, |it| it.rp_id_hash = [7; 32]),
        (15, |it| it.flags &= !0x01),
        (17, |it| it.flags |= 0x10),
        // 32 bytes that are not a point of the curve, and a point for which every signature is
        // valid.
        (20, |it| {
            let place = it.public_key.len() - 32;
            it.public_key[place..].copy_from_slice(&[2; 32]);
        }),
        (20, |it| {
            let place = it.public_key.len() - 32;
            it.public_key[place..].copy_from_slice(&[&[1][..], &[0; 31]].concat());
        }),
    ];
    for (step, change) in changes {
        let mut it = Registration::with(asking(), key());
        change(&mut it.creation);
        let step = Some((Ceremony::Registration, step));
        assert_eq!(it.finish().unwrap_err().step(), step);
    }
    let required = RelyingPartyConfig { user_verification: UserVerification::Required, ..config() };
    assert_eq!(
        Registration::with(required, key()).finish().unwrap_err().step(),
        Some((Ceremony::Registration, 16))
    );
}

#[test]
fn a_statement_about_a_key_on_ed25519_has_to_be_right() {
    let refused_at = |step: u8, statement: Statement, change: fn(&mut Creation)| {
        let judged = |terms: RelyingPartyConfig, change: fn(&mut Creation)| {
            let mut it = Registration::with(terms, key().vouched(statement.clone()));
            change(&mut it.creation);
            it.finish()
        };
        let required = RelyingPartyConfig {
            attestation: AttestationPolicy { trust: Trust::Required, ..asking().attestation },
            ..asking()
        };
        assert_ne!(judged(asking(), |_| {}).unwrap().attestation, Attestation::Unverified);
        assert_eq!(
            judged(required, change).unwrap_err().step(),
            Some((Ceremony::Registration, step))
        );
        assert_eq!(judged(asking(), change).unwrap().attestation, Attestation::Unverified);
    };
    let refused = |statement, change| refused_at(22, statement, change);
    refused_at(21, Statement::Own, |it| it.format = "unknown".into());
    refused(Statement::Own, |it| (it.format, it.signer) = ("fido-u2f".into(), None));
    refused(Statement::Own, |it| it.algorithm = Some(-7));
    refused(Statement::Own, |it| it.algorithm = None);
    refused(Statement::Own, |it| it.signer = None);
    refused(Statement::Own, |it| it.signer = Some(SimulatedSigner::new(|_| vec![7; 64])));
    refused(Statement::Packed(maker()), |it| it.algorithm = Some(-8));
    refused(Statement::Packed(maker()), |it| {
        it.signer = Some(SimulatedSigner::new(|_| vec![7; 64]))
    });
    refused(Statement::Packed(maker()), |it| it.aaguid = [7; 16]);
    refused(Statement::Packed(maker()), |it| it.certificates = Some(vec![maker().certificate()]));
    refused(Statement::Packed(maker()), |it| it.certificates = Some(vec![vec![0x30, 0x00]]));
    refused(Statement::Packed(maker()), |it| it.certificates = Some(Vec::new()));
}

#[test]
fn only_the_algorithms_that_are_configured_are_offered_and_registered() {
    use SignatureAlgorithm::{EdDsa, Es256, Es384, Rs256};
    for (algorithms, identifiers) in [
        (vec![EdDsa], vec![-8]),
        (vec![EdDsa, Es256], vec![-8, -7]),
        (vec![Es256], vec![-7]),
        (vec![Rs256, Es384], vec![-257, -35]),
    ] {
        let offering = || RelyingPartyConfig { algorithms: algorithms.clone(), ..config() };
        let party = RelyingParty::new(offering()).unwrap();
        let (options, _) = party.start_registration(&alice(), &[]).unwrap();
        assert_eq!(
            options
                .pub_key_cred_params
                .iter()
                .map(|offered| offered.alg)
                .collect::<Vec<_>>(),
            identifiers
        );
        for (key, algorithm) in [(key(), EdDsa), (SimulatedSecurityKey::new("alice's"), Es256)] {
            let registered = Registration::with(offering(), key).finish();
            let expected = if algorithms.contains(&algorithm) {
                None
            } else {
                Some((Ceremony::Registration, 20))
            };
            assert_eq!(
                registered.err().and_then(|fault| fault.step()),
                expected,
                "{algorithm:?} of {algorithms:?}"
            );
        }
    }
    // Enrolled credentials stay valid when their algorithm is no longer offered.
    let registered = Registration::with(config(), key());
    let credential = registered.finish().unwrap();
    let party =
        RelyingParty::new(RelyingPartyConfig { algorithms: vec![Es256], ..config() }).unwrap();
    let _ = Authentication::of(party, registered.key, credential).finish().unwrap();
    for wrong in [vec![], vec![Es256, Es256], vec![EdDsa, Es256, EdDsa]] {
        let wrong = RelyingPartyConfig { algorithms: wrong, ..config() };
        assert_eq!(RelyingParty::new(wrong).unwrap_err(), ConfigFault::Algorithms);
    }
}
