//! WebAuthn L3 §7.1, step by step. Each refused response differs from an accepted one in one field.

use twostep::testing::{SimulatedAuthority, SimulatedSecurityKey, Statement};
use twostep::webauthn::{
    Anchors, Attestation, AttestationPolicy, Ceremony, Conveyance, Credential, Fault, RelyingParty,
    RelyingPartyConfig, Trust, UserEntity, UserVerification,
};

use super::party::{NOW, Registration, alice, config, insert, origin, replace};

/// Requires that a registration is accepted, and refused at `step` once `spoil` has changed it.
#[track_caller]
fn refused(step: u8, spoil: impl FnOnce(&mut Registration)) {
    refused_with(Registration::new, step, spoil);
}

#[track_caller]
fn refused_with(new: impl Fn() -> Registration, step: u8, spoil: impl FnOnce(&mut Registration)) {
    new().finish().expect("the unchanged registration is accepted");
    let mut registration = new();
    spoil(&mut registration);
    assert_step(step, registration.finish());
}

#[track_caller]
fn assert_step(step: u8, finished: Result<Credential, Fault>) {
    let fault = finished.expect_err("a refusal");
    assert_eq!(fault.step(), Some((Ceremony::Registration, step)), "{fault}");
    assert!(fault.to_string().ends_with(&format!("(WebAuthn §7.1 step {step})")), "{fault}");
}

#[track_caller]
fn accepted(change: impl FnOnce(&mut Registration)) -> Credential {
    let mut registration = Registration::new();
    change(&mut registration);
    registration.finish().unwrap()
}

/// A registration with a relying party that asks for attestation but does not require it.
fn vouched(statement: Statement) -> Registration {
    let attestation =
        AttestationPolicy { conveyance: Conveyance::Direct, ..AttestationPolicy::default() };
    Registration::with(
        RelyingPartyConfig { attestation, ..config() },
        SimulatedSecurityKey::new("alice's").vouched(statement),
    )
}

/// A registration with a relying party that requires a certificate under its root.
fn certified() -> Registration {
    let root = SimulatedAuthority::new("Simulated Root");
    Registration::with(
        trusting(&root),
        SimulatedSecurityKey::new("alice's").vouched(Statement::Packed(root.clone())),
    )
}

fn requiring(user_verification: UserVerification) -> RelyingPartyConfig {
    RelyingPartyConfig { user_verification, ..config() }
}

#[test]
fn step_7_1_1_options_state_the_demands() {
    let (options, _) =
        RelyingParty::new(config()).unwrap().start_registration(&alice(), &[]).unwrap();
    assert_eq!(
        (options.rp.id.as_str(), options.user.id.as_slice()),
        ("example.org", &alice().handle[..])
    );
    assert!(options.challenge.len() >= 16);
    let algorithms: Vec<i64> =
        options.pub_key_cred_params.iter().map(|parameters| parameters.alg).collect();
    assert_eq!(algorithms, [-7, -8, -35, -257]);
}

#[test]
fn step_7_1_1_refuses_a_user_handle_of_65_bytes() {
    let party = RelyingParty::new(config()).unwrap();
    let user = |length| UserEntity { handle: vec![1; length], ..alice() };
    assert!(party.start_registration(&user(64), &[]).is_ok());
    for length in [0, 65] {
        assert!(matches!(party.start_registration(&user(length), &[]), Err(Fault::BadInput(_))));
    }
}

#[test]
fn step_7_1_3_an_attestation_response_is_accepted() {
    accepted(|_| {});
}

#[test]
fn step_7_1_3_refuses_another_type_or_raw_id() {
    let registration = Registration::new();
    let mut response = registration.creation.response();
    response.kind = "password".into();
    assert_step(3, registration.finish_with(&response));
    let mut response = registration.creation.response();
    response.id.push('A');
    assert_step(3, registration.finish_with(&response));
}

#[test]
fn step_7_1_5_client_data_in_utf_8_are_accepted() {
    accepted(|it| insert(&mut it.creation.client_data, "\"extra\":\"é\","));
    // A leading byte order mark is not part of the text.
    accepted(|it| it.creation.client_data.splice(0..0, [0xef, 0xbb, 0xbf]).for_each(drop));
}

#[test]
fn step_7_1_5_refuses_client_data_not_in_utf_8() {
    refused(5, |it| {
        insert(&mut it.creation.client_data, "\"extra\":\"!\",");
        let place = it.creation.client_data.iter().position(|byte| *byte == b'!').unwrap();
        it.creation.client_data[place] = 0xe9;
    });
}

#[test]
fn step_7_1_6_unknown_members_are_accepted() {
    for token_binding in ["{\"status\":\"supported\"}", "\"unused\"", "null", "{\"status\":7}"] {
        accepted(|it| {
            insert(
                &mut it.creation.client_data,
                &format!("\"tokenBinding\":{token_binding},\"new\":[1,2],"),
            )
        });
    }
}

#[test]
fn step_7_1_6_refuses_malformed_json() {
    refused(6, |it| it.creation.client_data.truncate(it.creation.client_data.len() - 1));
    refused(6, |it| it.creation.client_data.extend(b"{}"));
    refused(6, |it| {
        it.creation
            .client_data
            .splice(0..0, [0xef, 0xbb, 0xbf, 0xef, 0xbb, 0xbf])
            .for_each(drop)
    });
}

#[test]
fn step_7_1_6_refuses_a_repeated_member() {
    refused(6, |it| insert(&mut it.creation.client_data, "\"origin\":\"https://evil.example\","));
    refused(6, |it| insert(&mut it.creation.client_data, "\"type\":\"webauthn.create\","));
}

#[test]
fn step_7_1_7_type_is_create() {
    assert!(
        String::from_utf8(Registration::new().creation.client_data)
            .unwrap()
            .starts_with("{\"type\":\"webauthn.create\",")
    );
    accepted(|_| {});
}

#[test]
fn step_7_1_7_refuses_the_type_of_an_authentication() {
    refused(7, |it| replace(&mut it.creation.client_data, "webauthn.create", "webauthn.get"));
    refused(7, |it| replace(&mut it.creation.client_data, "webauthn.create", "webauthn.Create"));
}

#[test]
fn step_7_1_8_the_issued_challenge_is_accepted() {
    accepted(|_| {});
}

#[test]
fn step_7_1_8_refuses_another_ceremonys_challenge() {
    refused(8, |it| (_, it.state) = it.party.start_registration(&alice(), &[]).unwrap());
}

#[test]
fn step_7_1_9_a_configured_origin_is_accepted() {
    accepted(|_| {});
}

#[test]
fn step_7_1_9_refuses_another_origin() {
    refused(9, |it| {
        replace(&mut it.creation.client_data, "https://login.example.org", "https://example.org")
    });
}

#[test]
fn step_7_1_10_a_page_of_its_own_is_accepted() {
    accepted(|it| replace(&mut it.creation.client_data, ",\"crossOrigin\":false", ""));
}

#[test]
fn step_7_1_10_refuses_an_embedded_page() {
    refused(10, |it| {
        replace(&mut it.creation.client_data, "\"crossOrigin\":false", "\"crossOrigin\":true")
    });
}

#[test]
fn step_7_1_11_no_top_origin_is_accepted() {
    accepted(|_| {});
}

#[test]
fn step_7_1_11_refuses_a_top_origin() {
    refused(11, |it| {
        insert(&mut it.creation.client_data, "\"topOrigin\":\"https://login.example.org\",")
    });
}

#[test]
fn step_7_1_12_the_signature_covers_the_client_data_hash() {
    vouched(Statement::Own).finish().unwrap();
}

#[test]
fn step_7_1_12_refuses_client_data_changed_after_signing() {
    let registration = certified();
    let mut response = registration.creation.response();
    insert(&mut response.response.client_data_json, "\"a\":1,");
    // The hash is compared by the procedure of the statement.
    assert_step(22, registration.finish_with(&response));
}

#[test]
fn step_7_1_13_strict_cbor_is_accepted() {
    accepted(|it| {
        it.creation.flags |= 0x80;
        it.creation.extensions = vec![
            0xa1, 0x6b, b'c', b'r', b'e', b'd', b'P', b'r', b'o', b't', b'e', b'c', b't', 0x02,
        ];
    });
}

#[test]
fn step_7_1_13_refuses_extra_or_missing_bytes() {
    refused(13, |it| it.creation.extensions = vec![0xa0]);
    refused(13, |it| it.creation.flags |= 0x80);
    refused(13, |it| it.creation.flags &= !0x40);
    refused(13, |it| it.creation.public_key.truncate(76));
    let registration = Registration::new();
    let mut response = registration.creation.response();
    response.response.attestation_object.push(0);
    assert_step(13, registration.finish_with(&response));
}

#[test]
fn step_7_1_13_refuses_a_repeated_key() {
    // `fmt` twice: the map has one more member.
    let registration = Registration::new();
    let mut response = registration.creation.response();
    let object = &mut response.response.attestation_object;
    object[0] += 1;
    object.splice(1..1, b"\x63fmt\x66packed".iter().copied());
    assert_step(13, registration.finish_with(&response));
    // `alg` twice in the public key.
    refused(13, |it| {
        it.creation.public_key[0] += 1;
        it.creation.public_key.splice(1..1, [0x03, 0x26]);
    });
}

#[test]
fn step_7_1_13_refuses_deep_nesting() {
    refused(13, |it| {
        it.creation.flags |= 0x80;
        it.creation.extensions = [&[0xa1, 0x61, b'x'][..], &[0x81; 5_000], &[0]].concat();
    });
}

#[test]
fn step_7_1_14_the_rp_id_hash_is_accepted() {
    accepted(|_| {});
}

#[test]
fn step_7_1_14_refuses_another_rp_id() {
    refused(14, |it| it.creation.rp_id_hash[31] ^= 1);
}

#[test]
fn step_7_1_15_a_touch_is_accepted() {
    accepted(|it| assert_eq!(it.creation.flags & 0x01, 0x01));
}

#[test]
fn step_7_1_15_refuses_an_untouched_key() {
    refused(15, |it| it.creation.flags &= !0x01);
}

#[test]
fn step_7_1_16_a_verified_user_is_accepted_if_required() {
    let credential = Registration::with(
        requiring(UserVerification::Required),
        SimulatedSecurityKey::new("alice's").verifying(),
    )
    .finish()
    .unwrap();
    assert!(credential.user_verified);
}

#[test]
fn step_7_1_16_refuses_an_unverified_user_if_required() {
    let new = || {
        Registration::with(
            requiring(UserVerification::Required),
            SimulatedSecurityKey::new("alice's").verifying(),
        )
    };
    refused_with(new, 16, |it| it.creation.flags &= !0x04);
    for policy in [UserVerification::Discouraged, UserVerification::Preferred] {
        let credential =
            Registration::with(requiring(policy), SimulatedSecurityKey::new("alice's"))
                .finish()
                .unwrap();
        assert!(!credential.user_verified);
    }
}

#[test]
fn step_7_1_16_is_decided_by_the_stored_state() {
    // The policy is relaxed during the ceremony; the original demand still holds.
    let mut registration = Registration::with(
        requiring(UserVerification::Required),
        SimulatedSecurityKey::new("alice's"),
    );
    registration.party = RelyingParty::new(requiring(UserVerification::Discouraged)).unwrap();
    assert_step(16, registration.finish());
}

#[test]
fn step_7_1_17_a_possible_backup_is_accepted() {
    let credential = accepted(|it| it.creation.flags |= 0x18);
    assert!(credential.backup_eligible && credential.backed_up);
    let credential = accepted(|it| it.creation.flags |= 0x08);
    assert!(credential.backup_eligible && !credential.backed_up);
}

#[test]
fn step_7_1_17_refuses_an_impossible_backup() {
    refused(17, |it| it.creation.flags |= 0x10);
}

#[test]
fn step_7_1_21_known_formats_are_accepted() {
    let authority = SimulatedAuthority::new("Simulated Root");
    for (statement, format) in [
        (Statement::None, "none"),
        (Statement::Own, "packed"),
        (Statement::Packed(authority.clone()), "packed"),
        (Statement::U2f(authority), "fido-u2f"),
    ] {
        assert_eq!(vouched(statement).finish().unwrap().attestation_format, format);
    }
}

#[test]
fn step_7_1_21_refuses_an_unknown_format_if_required() {
    for format in ["Packed", "android-safetynet", "packed ", "compound", "vendor-format", ""] {
        refused_with(certified, 21, |it| it.creation.format = format.into());
    }
}

#[test]
fn step_7_1_21_an_unknown_format_is_unverified_by_default() {
    for (format, kept) in [
        ("Packed", "Packed"),
        ("android-safetynet", "android-safetynet"),
        ("two words", "unknown"),
        ("", "unknown"),
    ] {
        let mut it = vouched(Statement::Own);
        it.creation.format = format.into();
        let credential = it.finish().unwrap();
        assert_eq!(
            (credential.attestation, credential.attestation_format.as_str()),
            (Attestation::Unverified, kept),
            "{format}"
        );
    }
}

#[test]
fn step_7_1_23_trust_anchors_come_from_a_file() {
    let authority = SimulatedAuthority::new("Simulated Root");
    assert!(!Anchors::parse(&authority.certificate()).unwrap().is_empty());
}

#[test]
fn step_7_1_23_refuses_a_file_without_certificates() {
    let mut certificate = SimulatedAuthority::new("Simulated Root").certificate();
    certificate.truncate(certificate.len() - 1);
    assert!(Anchors::parse(&certificate).is_err());
    for file in [
        &b""[..],
        b"-----BEGIN CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        assert!(Anchors::parse(file).is_err());
    }
}

fn trusting(authority: &SimulatedAuthority) -> RelyingPartyConfig {
    let anchors = Anchors::parse(&authority.certificate()).unwrap();
    let attestation = AttestationPolicy {
        conveyance: Conveyance::Direct,
        trust: Trust::Required,
        anchors,
        ..AttestationPolicy::default()
    };
    RelyingPartyConfig { attestation, ..config() }
}

#[test]
fn step_7_1_24_a_chain_to_an_anchor_is_accepted() {
    let root = SimulatedAuthority::new("Simulated Root");
    for statement in [Statement::Packed(root.clone()), Statement::U2f(root.clone())] {
        let key = SimulatedSecurityKey::new("alice's").vouched(statement);
        assert_eq!(
            Registration::with(trusting(&root), key).finish().unwrap().attestation,
            Attestation::Trusted
        );
    }
}

#[test]
fn step_7_1_24_refuses_a_chain_without_an_anchor() {
    let root = SimulatedAuthority::new("Simulated Root");
    let with = |statement| {
        Registration::with(trusting(&root), SimulatedSecurityKey::new("alice's").vouched(statement))
    };
    with(Statement::Packed(root.clone())).finish().unwrap();
    for statement in [
        Statement::None,
        Statement::Own,
        Statement::Packed(SimulatedAuthority::new("Another Root")),
    ] {
        assert_step(24, with(statement).finish());
    }
}

#[test]
fn step_7_1_24_records_the_proof_without_a_requirement() {
    let root = SimulatedAuthority::new("Simulated Root");
    assert_eq!(vouched(Statement::None).finish().unwrap().attestation, Attestation::None);
    assert_eq!(vouched(Statement::Own).finish().unwrap().attestation, Attestation::Own);
    assert_eq!(
        vouched(Statement::Packed(root)).finish().unwrap().attestation,
        Attestation::Unverified
    );
}

#[test]
fn step_7_1_25_an_id_of_1023_bytes_is_accepted() {
    assert_eq!(
        accepted(|it| it.creation.credential_id = vec![7; 1_023]).id.as_bytes().len(),
        1_023
    );
}

#[test]
fn step_7_1_25_refuses_an_empty_or_overlong_id() {
    refused(25, |it| it.creation.credential_id = vec![7; 1_024]);
    refused(25, |it| it.creation.credential_id.clear());
}

#[test]
fn step_7_1_26_a_new_id_is_accepted() {
    accepted(|_| {});
}

#[test]
fn step_7_1_26_refuses_an_excluded_id() {
    let mut it = Registration::new();
    let enrolled = it.finish().unwrap();
    let (options, state) = it.party.start_registration(&alice(), &[&enrolled]).unwrap();
    assert_eq!(options.exclude_credentials[0].id, enrolled.id.as_bytes());
    it.creation = it.key.create(&options, &origin());
    it.party.finish_registration(&state, &it.creation.response(), NOW).unwrap();
    it.creation.credential_id = enrolled.id.as_bytes().to_vec();
    assert_step(26, it.party.finish_registration(&state, &it.creation.response(), NOW));
}

#[test]
fn step_7_1_27_the_record_contains_the_keys_data() {
    let mut it = vouched(Statement::Own);
    it.creation.sign_count = 77;
    it.creation.transports = vec!["usb", "teleport", "nfc", "usb"];
    let record = it.finish().unwrap();
    assert_eq!(record.id.as_bytes(), it.creation.credential_id);
    assert_eq!(record.public_key, it.creation.public_key);
    assert_eq!(record.user_handle, alice().handle);
    assert_eq!((record.sign_count, record.user_verified, record.by_app_id), (77, false, false));
    assert_eq!(record.aaguid.unwrap().as_bytes(), &it.creation.aaguid);
    assert_eq!(record.transports, ["nfc", "usb"]);
}

#[test]
fn step_7_1_27_refuses_two_ids_for_one_credential() {
    let registration = Registration::new();
    let mut response = registration.creation.response();
    response.raw_id.pop();
    response.id = super::base64url(&response.raw_id);
    assert_step(27, registration.finish_with(&response));
}

#[test]
fn step_7_1_28_unrequested_extensions_are_tolerated() {
    accepted(|it| {
        it.creation.flags |= 0x80;
        it.creation.extensions = b"\xa1\x6bhmac-secret\xf5".to_vec();
    });
    for extensions in super::unasked::ODD_EXTENSIONS {
        accepted(|it| {
            it.creation.flags |= 0x80;
            it.creation.extensions = extensions.to_vec();
        });
    }
}

#[test]
fn step_7_1_28_refuses_extensions_other_than_a_map() {
    refused(13, |it| {
        it.creation.flags |= 0x80;
        it.creation.extensions = vec![0xf5];
    });
}
