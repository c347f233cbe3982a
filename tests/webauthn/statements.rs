//! WebAuthn L3 §7.1 steps 20 and 22: public keys, and attestation statements by their format (§8).

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use twostep::testing::{
    Certificate, SimulatedAuthority, SimulatedSecurityKey, SimulatedSigner, Statement,
};
use twostep::webauthn::{
    Anchors, Attestation, AttestationPolicy, Ceremony, Conveyance, RelyingPartyConfig, Trust,
};

use super::party::{Authentication, Registration, config};

/// Keys of the other offered kinds with their signers: ES384 and RS256, besides the simulated key's
/// own ES256.
fn other_algorithms() -> [(Vec<u8>, SimulatedSigner); 2] {
    let ecdsa = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).unwrap();
    let (x, y) = ecdsa.public_key().as_ref()[1..].split_at(48);
    let ecdsa_key =
        [b"\xa5\x01\x02\x03\x38\x22\x20\x02\x21\x58\x30", x, b"\x22\x58\x30", y].concat();
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let modulus = rsa.public_key().modulus();
    let rsa_key = [
        b"\xa4\x01\x03\x03\x39\x01\x00\x20\x59\x01\x00",
        modulus.big_endian_without_leading_zero(),
        b"\x21\x43\x01\x00\x01",
    ]
    .concat();
    let with_ecdsa = SimulatedSigner::new(move |message| {
        ecdsa.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
    });
    let with_rsa = SimulatedSigner::new(move |message| {
        let mut signature = vec![0; rsa.public_modulus_len()];
        rsa.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .unwrap();
        signature
    });
    [(ecdsa_key, with_ecdsa), (rsa_key, with_rsa)]
}

fn vouched(statement: Statement) -> Registration {
    Registration::with(
        trusting(&[&root()]),
        SimulatedSecurityKey::new("alice's").vouched(statement),
    )
}

/// Requires that a statement changed by `spoil` is refused if trust is required, unverified if it
/// is optional, and ignored if no attestation was asked for.
#[track_caller]
fn wrong(statement: Statement, spoil: impl Fn(&mut Registration)) {
    let judged = |terms, spoil: &dyn Fn(&mut Registration)| {
        let mut it = Registration::with(
            terms,
            SimulatedSecurityKey::new("alice's").vouched(statement.clone()),
        );
        spoil(&mut it);
        it.finish()
    };
    let optional = trusting(&[&root()]);
    let required = RelyingPartyConfig {
        attestation: AttestationPolicy { trust: Trust::Required, ..optional.attestation.clone() },
        ..optional.clone()
    };
    assert_ne!(judged(optional.clone(), &|_| {}).unwrap().attestation, Attestation::Unverified);
    let fault = judged(required, &spoil).expect_err("a refusal");
    assert_eq!(fault.step(), Some((Ceremony::Registration, 22)), "{fault}");
    assert_eq!(judged(optional, &spoil).unwrap().attestation, Attestation::Unverified);
    assert_eq!(judged(config(), &spoil).unwrap().attestation, Attestation::None);
}

fn root() -> SimulatedAuthority {
    SimulatedAuthority::new("Simulated Root")
}

#[track_caller]
fn refused(statement: Statement, step: u8, spoil: impl FnOnce(&mut Registration)) {
    vouched(statement.clone())
        .finish()
        .expect("the unchanged statement is accepted");
    let mut registration = vouched(statement);
    spoil(&mut registration);
    let fault = registration.finish().expect_err("a refusal");
    assert_eq!(fault.step(), Some((Ceremony::Registration, step)), "{fault}");
}

/// Replaces the attestation certificate by one changed by `spoil`, with the same issuer.
fn recertify(
    registration: &mut Registration,
    authority: &SimulatedAuthority,
    spoil: impl FnOnce(&mut Certificate),
) {
    let mut certificate = registration.key.certificate();
    certificate.aaguid = Some((registration.creation.aaguid, false));
    spoil(&mut certificate);
    registration.creation.certificates = Some(vec![authority.issue(&certificate)]);
}

#[test]
fn step_7_1_20_every_offered_algorithm_is_accepted_and_verified() {
    vouched(Statement::Own).finish().unwrap();
    for (algorithm, (public_key, signer)) in [-35, -257].into_iter().zip(other_algorithms()) {
        let mut it = vouched(Statement::Own);
        it.creation.public_key = public_key.clone();
        it.creation.signer = Some(signer.clone());
        it.creation.algorithm = Some(algorithm);
        let credential = it.finish().unwrap();
        assert_eq!(
            (credential.attestation, &credential.public_key),
            (Attestation::Own, &public_key)
        );

        let mut it = Authentication::of(it.party, it.key, credential);
        it.used.signer = signer;
        let _ = it.finish().unwrap();
        let mut response = it.used.response();
        *response.response.signature.last_mut().unwrap() ^= 1;
        assert_eq!(
            it.finish_with(&response).unwrap_err().step(),
            Some((Ceremony::Authentication, 21))
        );
    }
}

#[test]
fn step_7_1_20_refuses_an_algorithm_that_was_not_offered() {
    // EdDSA with an Ed25519 key; ES512 on a P-256 key; a point off the curve.
    refused(Statement::None, 20, |it| {
        it.creation.public_key =
            [b"\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20".to_vec(), vec![7; 32]].concat()
    });
    refused(Statement::None, 20, |it| {
        it.creation.public_key.splice(3..5, [0x03, 0x38, 0x23]).for_each(drop)
    });
    refused(Statement::None, 20, |it| it.creation.public_key[76] ^= 1);
}

#[test]
fn step_7_1_20_refuses_an_algorithm_on_another_curve() {
    let [(mut p384, _), _] = other_algorithms();
    // ES256 with P-384, which webauthn-rs alone would accept.
    p384.splice(3..6, [0x03, 0x26]).for_each(drop);
    refused(Statement::None, 20, |it| it.creation.public_key = p384);
}

#[test]
fn step_7_1_22_right_statements_are_accepted() {
    for statement in
        [Statement::None, Statement::Own, Statement::Packed(root()), Statement::U2f(root())]
    {
        vouched(statement).finish().unwrap();
    }
}

#[test]
fn step_7_1_22_refuses_a_statement_of_the_empty_format() {
    wrong(Statement::None, |it| it.creation.algorithm = Some(-7));
}

#[test]
fn step_7_1_22_refuses_wrong_packed_self_attestation() {
    wrong(Statement::Own, |it| it.creation.signer = Some(it.key.attester()));
    wrong(Statement::Own, |it| it.creation.signer = None);
    wrong(Statement::Own, |it| it.creation.algorithm = Some(-35));
    wrong(Statement::Own, |it| it.creation.algorithm = None);
    // The signed data and the received data differ.
    let it = vouched(Statement::Own);
    let mut response = it.creation.response();
    let place = response
        .response
        .attestation_object
        .windows(16)
        .position(|bytes| bytes == it.creation.aaguid)
        .unwrap();
    response.response.attestation_object[place] ^= 1;
    assert_eq!(it.finish_with(&response).unwrap().attestation, Attestation::Unverified);
}

#[test]
fn step_7_1_22_refuses_wrong_packed_attestation() {
    let packed = || Statement::Packed(root());
    wrong(packed(), |it| {
        it.creation.signer = Some(SimulatedSecurityKey::new("another").attester())
    });
    wrong(packed(), |it| it.creation.algorithm = Some(-35));
    wrong(packed(), |it| it.creation.algorithm = None);
    wrong(packed(), |it| it.creation.certificates = Some(Vec::new()));
    wrong(packed(), |it| it.creation.certificates = Some(vec![b"no certificate".to_vec()]));
}

#[test]
fn step_7_1_22_refuses_certificates_that_packed_attestation_forbids() {
    let spoiled: [fn(&mut Certificate); 9] = [
        |certificate| certificate.subject[0].clear(),
        |certificate| certificate.subject[1].clear(),
        |certificate| certificate.subject[2].clear(),
        |certificate| certificate.subject[3].clear(),
        |certificate| certificate.subject[2] = "Authenticator attestation".into(),
        |certificate| certificate.ca = Some(true),
        |certificate| certificate.ca = None,
        |certificate| certificate.aaguid = Some((*b"another model...", false)),
        |certificate| certificate.aaguid = certificate.aaguid.map(|(aaguid, _)| (aaguid, true)),
    ];
    recertify_accepted(|_| {});
    for spoil in spoiled {
        wrong(Statement::Packed(root()), |it| recertify(it, &root(), spoil));
    }
}

fn recertify_accepted(change: fn(&mut Certificate)) {
    let mut it = vouched(Statement::Packed(root()));
    recertify(&mut it, &root(), change);
    it.finish().unwrap();
}

#[test]
fn step_7_1_22_refuses_wrong_u2f_attestation() {
    let u2f = || Statement::U2f(root());
    wrong(u2f(), |it| it.creation.signer = Some(SimulatedSecurityKey::new("another").attester()));
    wrong(u2f(), |it| it.creation.certificates = None);
    wrong(u2f(), |it| it.creation.certificates.as_mut().unwrap().push(root().certificate()));
}

/// Parts that webauthn-rs cannot parse do not change the judgement of a statement: a byte order
/// mark, a member, an extension.
#[test]
fn step_7_1_22_refuses_wrong_statements_with_unrequested_parts() {
    let odd: [fn(&mut Registration); 3] = [
        |it| it.creation.client_data.splice(0..0, [0xef, 0xbb, 0xbf]).for_each(drop),
        |it| super::party::insert(&mut it.creation.client_data, "\"tokenBinding\":\"unused\","),
        |it| {
            it.creation.flags |= 0x80;
            it.creation.extensions = b"\xa1\x6bcredProtect\x18\xff".to_vec();
        },
    ];
    for add in odd {
        for (statement, worth) in [
            (Statement::Own, Attestation::Own),
            (Statement::Packed(root()), Attestation::Trusted),
            (Statement::U2f(root()), Attestation::Trusted),
        ] {
            let with = |spoil: &dyn Fn(&mut Registration)| {
                let mut it = vouched(statement.clone());
                add(&mut it);
                spoil(&mut it);
                it.finish().unwrap().attestation
            };
            assert_eq!(with(&|_| {}), worth);
            assert_eq!(
                with(&|it| it.creation.signer =
                    Some(SimulatedSecurityKey::new("another").attester())),
                Attestation::Unverified
            );
            assert_eq!(with(&|it| it.creation.signer = None), Attestation::Unverified);
            if worth == Attestation::Trusted {
                assert_eq!(
                    with(&|it| it.creation.certificates = Some(Vec::new())),
                    Attestation::Unverified
                );
                assert_eq!(
                    with(&|it| it.creation.certificates = Some(vec![b"no certificate".to_vec()])),
                    Attestation::Unverified
                );
            }
            if matches!(statement, Statement::Packed(_)) {
                assert_eq!(with(&|it| it.creation.algorithm = Some(-35)), Attestation::Unverified);
                let spoil: &dyn Fn(&mut Registration) =
                    &|it| recertify(it, &root(), |certificate| certificate.ca = Some(true));
                let another: &dyn Fn(&mut Registration) = &|it| {
                    recertify(it, &root(), |certificate| {
                        certificate.aaguid = Some((*b"another model...", false))
                    })
                };
                for spoil in [spoil, another] {
                    assert_eq!(with(spoil), Attestation::Unverified);
                }
            }
        }
    }
}

#[test]
fn step_7_1_22_a_u2f_keys_claimed_model_is_dropped() {
    let mut it = vouched(Statement::U2f(root()));
    it.creation.aaguid = *b"a model for U2F.";
    assert_eq!(it.finish().unwrap().aaguid, None);
}

fn trusting(roots: &[&SimulatedAuthority]) -> RelyingPartyConfig {
    let anchors = roots
        .iter()
        .map(|root| Anchors::parse(&root.certificate()).unwrap())
        .fold(Anchors::default(), Anchors::and);
    RelyingPartyConfig {
        attestation: AttestationPolicy {
            conveyance: Conveyance::Direct,
            anchors,
            ..AttestationPolicy::default()
        },
        ..config()
    }
}

#[track_caller]
fn assert_worth(
    expected: Attestation,
    party: RelyingPartyConfig,
    change: impl FnOnce(&mut Registration),
) {
    let mut it = Registration::with(
        party,
        SimulatedSecurityKey::new("alice's").vouched(Statement::Packed(root())),
    );
    change(&mut it);
    assert_eq!(it.finish().unwrap().attestation, expected);
}

#[test]
fn step_7_1_24_a_chain_is_followed_over_intermediates() {
    let (root, middle) = (root(), SimulatedAuthority::new("Simulated Intermediate"));
    let chain = |it: &mut Registration, authority: &SimulatedAuthority| {
        recertify(it, &middle, |_| {});
        it.creation
            .certificates
            .as_mut()
            .unwrap()
            .push(authority.issue(&middle.described()));
    };
    assert_worth(Attestation::Trusted, trusting(&[&root]), |it| chain(it, &root));
    assert_worth(
        Attestation::Trusted,
        trusting(&[&SimulatedAuthority::new("Another Root"), &root]),
        |it| chain(it, &root),
    );
    assert_worth(Attestation::Unverified, trusting(&[&root]), |it| {
        chain(it, &SimulatedAuthority::new("Another Root"))
    });
    assert_worth(Attestation::Unverified, trusting(&[&root]), |it| recertify(it, &middle, |_| {}));
}

#[test]
fn step_7_1_24_refuses_certificates_out_of_their_time() {
    assert_worth(Attestation::Trusted, trusting(&[&root()]), |it| recertify(it, &root(), |_| {}));
    assert_worth(Attestation::Unverified, trusting(&[&root()]), |it| {
        recertify(it, &root(), |certificate| certificate.not_after = "260920".into())
    });
    assert_worth(Attestation::Unverified, trusting(&[&root()]), |it| {
        recertify(it, &root(), |certificate| certificate.not_before = "260922".into())
    });
}

#[test]
fn step_7_1_24_refuses_an_impostor_with_the_roots_name() {
    // Another key under the trusted name: the name alone proves nothing.
    let mut impostor = SimulatedAuthority::new("Impostor");
    impostor.name = "Simulated Root".into();
    assert_worth(Attestation::Unverified, trusting(&[&root()]), |it| {
        recertify(it, &impostor, |_| {})
    });
    // If both are trusted, the actual signer of the same name is found.
    assert_worth(Attestation::Trusted, trusting(&[&impostor, &root()]), |_| {});
}

#[test]
fn step_7_1_24_a_leaf_among_the_anchors_is_trusted() {
    let leaf = vouched(Statement::Packed(root())).creation.certificates.unwrap().remove(0);
    let attestation = AttestationPolicy {
        conveyance: Conveyance::Direct,
        anchors: Anchors::parse(&leaf).unwrap(),
        ..AttestationPolicy::default()
    };
    assert_worth(Attestation::Trusted, RelyingPartyConfig { attestation, ..config() }, |_| {});
}

#[test]
fn step_7_1_24_refuses_denied_and_unlisted_models() {
    let model = vouched(Statement::Own).finish().unwrap().aaguid.unwrap();
    let other = "ee882879-721c-4913-9775-3dfcce97072a".parse().unwrap();
    let registered = |allow: Vec<_>, deny: Vec<_>, statement| {
        let mut party = trusting(&[&root()]);
        party.attestation = AttestationPolicy { allow, deny, ..party.attestation };
        let finished =
            Registration::with(party, SimulatedSecurityKey::new("alice's").vouched(statement))
                .finish();
        finished.map(|_| ()).map_err(|fault| fault.step())
    };
    let refused = Err(Some((Ceremony::Registration, 24)));
    assert_eq!(registered(vec![model], vec![other], Statement::Packed(root())), Ok(()));
    assert_eq!(registered(vec![other], vec![], Statement::Packed(root())), refused);
    assert_eq!(registered(vec![], vec![model], Statement::Packed(root())), refused);
    assert_eq!(registered(vec![], vec![model], Statement::Own), refused);
    // A claimed model without an anchor proves nothing.
    assert_eq!(registered(vec![model], vec![], Statement::Own), refused);
    assert_eq!(registered(vec![model], vec![], Statement::U2f(root())), refused);
}
