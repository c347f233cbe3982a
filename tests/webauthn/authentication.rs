//! WebAuthn L3 §7.2, step by step. Each refused response differs from an accepted one in one field.

use twostep::testing::SimulatedSecurityKey;
use twostep::webauthn::{
    Assertion, Ceremony, CredentialId, Fault, RelyingParty, RelyingPartyConfig, UserEntity,
    UserVerification,
};

use super::party::{Authentication, Registration, alice, config, insert, origin, replace};

#[track_caller]
fn refused(step: u8, spoil: impl FnOnce(&mut Authentication)) {
    refused_with(Authentication::new, step, spoil);
}

#[track_caller]
fn refused_with(
    new: impl Fn() -> Authentication,
    step: u8,
    spoil: impl FnOnce(&mut Authentication),
) {
    let _ = new().finish().expect("the unchanged authentication is accepted");
    let mut authentication = new();
    spoil(&mut authentication);
    assert_step(step, authentication.finish());
}

#[track_caller]
fn assert_step(step: u8, finished: Result<Assertion, Fault>) {
    let fault = finished.expect_err("a refusal");
    assert_eq!(fault.step(), Some((Ceremony::Authentication, step)), "{fault}");
    let name = match step {
        3 => "credential_type",
        5 => "credential_not_allowed",
        6 => "user_handle",
        7 => "authenticator_data",
        8 | 9 => "client_data",
        10 => "client_data_type",
        11 => "challenge",
        12 => "origin",
        13 | 14 => "cross_origin",
        15 => "rp_id",
        16 => "user_presence",
        17 => "user_verification",
        18 | 19 => "backup_flags",
        21 => "signature",
        22 => "sign_count",
        _ => unreachable!(),
    };
    assert_eq!(fault.criterion().map(twostep::webauthn::Criterion::name), Some(name));
}

#[track_caller]
fn accepted(change: impl FnOnce(&mut Authentication)) -> Assertion {
    let mut authentication = Authentication::new();
    change(&mut authentication);
    authentication.finish().unwrap()
}

fn requiring(user_verification: UserVerification) -> RelyingPartyConfig {
    RelyingPartyConfig { user_verification, ..config() }
}

fn embedded() -> RelyingPartyConfig {
    RelyingPartyConfig { top_origins: vec!["https://shop.example".into()], ..config() }
}

/// An authentication on a page that `https://shop.example` embeds.
fn in_the_shop() -> Authentication {
    let mut authentication = Authentication::with(embedded(), SimulatedSecurityKey::new("alice's"));
    let json = &mut authentication.used.client_data;
    replace(
        json,
        "\"crossOrigin\":false",
        "\"crossOrigin\":true,\"topOrigin\":\"https://shop.example\"",
    );
    authentication
}

#[test]
fn step_7_2_1_options_name_the_credentials() {
    let it = Authentication::new();
    let (options, _) = it.party.start_authentication(&[&it.credential]).unwrap();
    assert_eq!((options.rp_id.as_str(), options.challenge.len()), ("example.org", 32));
    assert_eq!(options.allow_credentials[0].id, it.credential.id.as_bytes());
}

#[test]
fn step_7_2_1_refuses_a_ceremony_without_credentials() {
    let party = RelyingParty::new(config()).unwrap();
    assert!(matches!(party.start_authentication(&[]), Err(Fault::BadInput(_))));
}

#[test]
fn step_7_2_3_an_assertion_response_is_accepted() {
    let _ = accepted(|_| {});
}

#[test]
fn step_7_2_3_refuses_another_type_or_raw_id() {
    let it = Authentication::new();
    let mut response = it.used.response();
    response.kind = "password".into();
    assert_step(3, it.finish_with(&response));
    let mut response = it.used.response();
    response.id = response.id.to_uppercase();
    assert_step(3, it.finish_with(&response));
}

#[test]
fn step_7_2_5_an_allowed_credential_is_accepted() {
    let it = Authentication::new();
    assert_eq!(it.finish().unwrap().credential_id, it.credential.id);
}

#[test]
fn step_7_2_5_refuses_a_credential_not_asked_for() {
    // Another credential of the same account and key, signed with its own private key.
    let mut it = Authentication::new();
    let (options, state) = it.party.start_registration(&alice(), &[]).unwrap();
    let made = it.key.create(&options, &origin()).response();
    let other = it.party.finish_registration(&state, &made, super::party::NOW).unwrap();
    let json = it.used.client_data.clone();
    it.used = it.key.get_assertion(&json, "example.org", &[other.id.as_bytes()]).unwrap();
    it.credential = other;
    assert_step(5, it.finish());
}

#[test]
fn step_7_2_6_the_accounts_own_user_handle_is_accepted() {
    let _ = accepted(|it| it.used.user_handle = Some(alice().handle));
    let _ = accepted(|it| it.used.user_handle = None);
    // Libraries send an empty user handle for a key that stores no credentials.
    let _ = accepted(|it| it.used.user_handle = Some(Vec::new()));
}

#[test]
fn step_7_2_6_refuses_another_accounts_user_handle() {
    refused(6, |it| it.used.user_handle = Some(b"bob's handle".to_vec()));
    refused(6, |it| it.used.user_handle = Some(vec![0]));
}

#[test]
fn step_7_2_6_refuses_another_accounts_credential() {
    let bob = UserEntity { handle: b"bob's handle".to_vec(), name: "bob".into() };
    let mut it = Authentication::new();
    let (options, state) = it.party.start_registration(&bob, &[]).unwrap();
    let made = it.key.create(&options, &origin()).response();
    it.credential = it.party.finish_registration(&state, &made, super::party::NOW).unwrap();
    assert_step(6, it.finish());
}

#[test]
fn step_7_2_7_authenticator_data_of_exact_length_are_accepted() {
    let _ = accepted(|it| {
        it.used.flags |= 0x80;
        it.used.extensions = b"\xa1\x61a\x01".to_vec();
    });
}

#[test]
fn step_7_2_7_refuses_longer_or_shorter_authenticator_data() {
    refused(7, |it| it.used.extensions = vec![0]);
    refused(7, |it| it.used.flags |= 0x80);
    // Attested credential data belong to a registration.
    let attested = Registration::new().creation.auth_data()[37..].to_vec();
    refused(7, |it| {
        it.used.flags |= 0x40;
        it.used.extensions = attested;
    });
    let it = Authentication::new();
    let mut response = it.used.response();
    response.response.authenticator_data.truncate(36);
    assert_step(7, it.finish_with(&response));
}

#[test]
fn step_7_2_8_client_data_in_utf_8_are_accepted() {
    let _ = accepted(|it| insert(&mut it.used.client_data, "\"extra\":\"é\","));
    assert_eq!(accepted(marked).sign_count, 2);
}

/// Puts a byte order mark before the client data, which webauthn-rs cannot parse.
fn marked(it: &mut Authentication) {
    it.used.client_data.splice(0..0, [0xef, 0xbb, 0xbf]).for_each(drop);
}

/// Client data that webauthn-rs cannot parse are judged by the same steps.
#[test]
fn step_7_2_8_refuses_as_much_with_a_mark() {
    type Spoil<'a> = &'a dyn Fn(&mut Authentication);
    let marked_with = |spoil: Spoil<'_>| {
        let mut it = Authentication::with(
            requiring(UserVerification::Required),
            SimulatedSecurityKey::new("alice's").verifying(),
        );
        spoil(&mut it);
        marked(&mut it);
        it.finish()
    };
    let _ = marked_with(&|_| {}).unwrap();
    let cases: [(u8, Spoil<'_>); 13] = [
        (8, &|it| it.used.client_data.push(0xff)),
        (9, &|it| it.used.client_data.truncate(30)),
        (10, &|it| replace(&mut it.used.client_data, "webauthn.get", "webauthn.create")),
        (11, &|it| (_, it.state) = it.party.start_authentication(&[&it.credential]).unwrap()),
        (12, &|it| {
            replace(
                &mut it.used.client_data,
                "https://login.example.org",
                "https://login.example.com",
            )
        }),
        (13, &|it| {
            replace(&mut it.used.client_data, "\"crossOrigin\":false", "\"crossOrigin\":true")
        }),
        (15, &|it| it.used.rp_id_hash[0] ^= 1),
        (16, &|it| it.used.flags &= !0x01),
        (17, &|it| it.used.flags &= !0x04),
        (18, &|it| it.used.flags |= 0x10),
        (19, &|it| it.used.flags |= 0x08),
        (21, &|it| it.used.signer = SimulatedSecurityKey::new("another").attester()),
        (22, &|it| it.used.sign_count = it.credential.sign_count),
    ];
    for (step, spoil) in cases {
        assert_step(step, marked_with(spoil));
    }
    // The signature covers the bytes as they arrive, the byte order mark included.
    let mut it = Authentication::new();
    marked(&mut it);
    let mut response = it.used.response();
    response.response.client_data_json.drain(..3);
    assert_step(21, it.finish_with(&response));
}

#[test]
fn step_7_2_8_refuses_client_data_not_in_utf_8() {
    refused(8, |it| {
        insert(&mut it.used.client_data, "\"extra\":\"!\",");
        let place = it.used.client_data.iter().position(|byte| *byte == b'!').unwrap();
        it.used.client_data[place] = 0xe9;
    });
}

#[test]
fn step_7_2_9_unknown_members_are_accepted() {
    let _ = accepted(|it| insert(&mut it.used.client_data, "\"new\":{\"a\":null},"));
}

#[test]
fn step_7_2_9_refuses_malformed_json() {
    refused(9, |it| it.used.client_data.truncate(it.used.client_data.len() - 1));
    refused(9, |it| insert(&mut it.used.client_data, "\"challenge\":\"AAAA\","));
    refused(9, |it| {
        replace(&mut it.used.client_data, "\"crossOrigin\":false", "\"crossOrigin\":\"false\"")
    });
}

#[test]
fn step_7_2_10_type_is_get() {
    let _ = accepted(|it| {
        assert!(
            String::from_utf8_lossy(&it.used.client_data)
                .starts_with("{\"type\":\"webauthn.get\",")
        )
    });
}

#[test]
fn step_7_2_10_refuses_the_type_of_a_registration() {
    refused(10, |it| replace(&mut it.used.client_data, "webauthn.get", "webauthn.create"));
    refused(10, |it| replace(&mut it.used.client_data, "webauthn.get", "payment.get"));
}

#[test]
fn step_7_2_11_the_issued_challenge_is_accepted() {
    let _ = accepted(|_| {});
}

#[test]
fn step_7_2_11_refuses_another_ceremonys_challenge() {
    refused(11, |it| (_, it.state) = it.party.start_authentication(&[&it.credential]).unwrap());
}

#[test]
fn step_7_2_12_a_configured_origin_is_accepted() {
    let _ = accepted(|_| {});
}

#[test]
fn step_7_2_12_refuses_another_origin() {
    refused(12, |it| {
        replace(
            &mut it.used.client_data,
            "https://login.example.org",
            "https://login.example.org:8443",
        )
    });
}

#[test]
fn step_7_2_13_an_embedded_page_is_accepted_if_configured() {
    let _ = in_the_shop().finish().unwrap();
}

#[test]
fn step_7_2_13_refuses_an_embedded_page_by_default() {
    refused_with(in_the_shop, 13, |it| it.party = RelyingParty::new(config()).unwrap());
    refused(13, |it| {
        replace(&mut it.used.client_data, "\"crossOrigin\":false", "\"crossOrigin\":true")
    });
}

#[test]
fn step_7_2_14_the_configured_top_origin_is_accepted() {
    let _ = in_the_shop().finish().unwrap();
}

#[test]
fn step_7_2_14_refuses_another_or_a_missing_top_origin() {
    refused_with(in_the_shop, 14, |it| {
        replace(&mut it.used.client_data, "https://shop.example", "https://evil.example")
    });
    refused_with(in_the_shop, 14, |it| {
        replace(&mut it.used.client_data, ",\"topOrigin\":\"https://shop.example\"", "")
    });
    refused_with(in_the_shop, 14, |it| {
        replace(&mut it.used.client_data, "\"crossOrigin\":true", "\"crossOrigin\":false")
    });
    refused(14, |it| insert(&mut it.used.client_data, "\"topOrigin\":\"https://shop.example\","));
}

#[test]
fn step_7_2_15_the_rp_id_hash_is_accepted() {
    let _ = accepted(|_| {});
}

#[test]
fn step_7_2_15_refuses_another_rp_id() {
    refused(15, |it| it.used.rp_id_hash[0] ^= 1);
}

#[test]
fn step_7_2_16_a_touch_is_accepted() {
    let _ = accepted(|it| assert_eq!(it.used.flags & 0x01, 0x01));
}

#[test]
fn step_7_2_16_refuses_an_untouched_key() {
    refused(16, |it| it.used.flags &= !0x01);
}

#[test]
fn step_7_2_17_a_verified_user_is_accepted_if_required() {
    let it = Authentication::with(
        requiring(UserVerification::Required),
        SimulatedSecurityKey::new("alice's").verifying(),
    );
    assert!(it.finish().unwrap().user_verified);
}

#[test]
fn step_7_2_17_refuses_an_unverified_user_if_required() {
    let new = || {
        Authentication::with(
            requiring(UserVerification::Required),
            SimulatedSecurityKey::new("alice's").verifying(),
        )
    };
    refused_with(new, 17, |it| it.used.flags &= !0x04);
}

#[test]
fn step_7_2_17_is_decided_by_the_stored_state() {
    let mut it = Authentication::with(
        requiring(UserVerification::Required),
        SimulatedSecurityKey::new("alice's").verifying(),
    );
    it.party = RelyingParty::new(requiring(UserVerification::Discouraged)).unwrap();
    it.used.flags &= !0x04;
    assert_step(17, it.finish());
}

#[test]
fn step_7_2_17_an_earlier_verification_does_not_count() {
    for policy in [UserVerification::Discouraged, UserVerification::Preferred] {
        let mut it = Authentication::with(
            requiring(policy),
            SimulatedSecurityKey::new("alice's").verifying(),
        );
        assert!(it.credential.user_verified);
        it.used.flags &= !0x04;
        assert!(!it.finish().unwrap().user_verified);
    }
}

/// A credential that may be backed up.
fn portable() -> Authentication {
    let mut key = SimulatedSecurityKey::new("alice's");
    key.flags |= 0x08;
    Authentication::with(config(), key)
}

#[test]
fn step_7_2_18_a_possible_backup_is_accepted() {
    let mut it = portable();
    assert!(!it.finish().unwrap().backed_up);
    it.used.flags |= 0x10;
    assert!(it.finish().unwrap().backed_up);
}

#[test]
fn step_7_2_18_refuses_an_impossible_backup() {
    refused(18, |it| it.used.flags |= 0x10);
}

#[test]
fn step_7_2_19_an_unchanged_eligibility_is_accepted() {
    let _ = portable().finish().unwrap();
}

#[test]
fn step_7_2_19_refuses_a_changed_eligibility() {
    refused_with(portable, 19, |it| it.used.flags &= !0x08);
    refused(19, |it| it.used.flags |= 0x08);
}

#[test]
fn step_7_2_20_the_signature_covers_the_client_data_hash() {
    let _ = accepted(|it| insert(&mut it.used.client_data, "\"a\":1,"));
}

#[test]
fn step_7_2_20_refuses_client_data_changed_after_signing() {
    let it = Authentication::new();
    let mut response = it.used.response();
    insert(&mut response.response.client_data_json, "\"a\":1,");
    // The next step compares the hash.
    assert_step(21, it.finish_with(&response));
}

#[test]
fn step_7_2_21_a_right_signature_is_accepted() {
    let _ = accepted(|_| {});
}

#[test]
fn step_7_2_21_refuses_a_wrong_signature() {
    let it = Authentication::new();
    let mut response = it.used.response();
    *response.response.signature.last_mut().unwrap() ^= 1;
    assert_step(21, it.finish_with(&response));
    let mut response = it.used.response();
    response.response.signature.clear();
    assert_step(21, it.finish_with(&response));
    let mut other = Authentication::with(config(), SimulatedSecurityKey::new("bob's"));
    other.used.credential_id = it.used.credential_id.clone();
    other.used.client_data = it.used.client_data.clone();
    assert_step(21, it.finish_with(&other.used.response()));
}

#[test]
fn step_7_2_22_a_growing_or_missing_counter_is_accepted() {
    assert_eq!(accepted(|it| it.used.sign_count = u32::MAX).sign_count, u32::MAX);
    let zero = accepted(|it| {
        it.used.sign_count = 0;
        it.credential.sign_count = 0;
    });
    assert_eq!(zero.sign_count, 0);
}

#[test]
fn step_7_2_22_refuses_a_counter_that_does_not_grow() {
    refused(22, |it| it.used.sign_count = it.credential.sign_count);
    refused(22, |it| it.used.sign_count = 0);
    let mut it = Authentication::new();
    it.used.sign_count = it.credential.sign_count;
    assert!(matches!(it.finish(), Err(Fault::SignCount { stored: 1, presented: 1 })));
}

#[test]
fn step_7_2_22_backup_eligible_credentials_are_accepted_without_growth() {
    for presented in [0, 6, 7, 8] {
        let mut it = portable();
        (it.credential.sign_count, it.used.sign_count) = (7, presented);
        assert_eq!(it.finish().unwrap().sign_count, presented);
    }
}

#[test]
fn step_7_2_22_compares_with_the_currently_stored_counter() {
    // Another ceremony ended between the beginning and the end of this one.
    let mut it = Authentication::new();
    let _ = it.finish().unwrap();
    it.credential.sign_count = it.used.sign_count;
    assert_step(22, it.finish());
}

#[test]
fn step_7_2_23_unrequested_extensions_are_tolerated() {
    let _ = accepted(|it| {
        it.used.flags |= 0x80;
        it.used.extensions = b"\xa1\x69largeBlob\xf5".to_vec();
    });
    for extensions in super::unasked::ODD_EXTENSIONS {
        let _ = accepted(|it| {
            it.used.flags |= 0x80;
            it.used.extensions = extensions.to_vec();
        });
        // The signature covers them nevertheless.
        let mut it = Authentication::new();
        it.used.flags |= 0x80;
        it.used.extensions = extensions.to_vec();
        let mut response = it.used.response();
        response.response.authenticator_data.truncate(37);
        response.response.authenticator_data[32] &= !0x80;
        assert_step(21, it.finish_with(&response));
    }
}

#[test]
fn step_7_2_23_refuses_an_unrequested_app_id() {
    refused(15, |it| it.used.appid = Some(true));
}

#[test]
fn decoys_look_like_credentials() {
    let it = Authentication::new();
    let (mut real, _) = it.party.start_authentication(&[&it.credential]).unwrap();
    let mut decoy = it.party.decoy_options(&[CredentialId::new(vec![1; 32]).unwrap()]);
    assert_ne!(decoy.challenge, real.challenge);
    for options in [&mut real, &mut decoy] {
        options.challenge.fill(0);
        options.allow_credentials[0].id.fill(0);
    }
    assert_eq!(decoy, real);
}
