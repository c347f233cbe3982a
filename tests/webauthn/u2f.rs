//! U2F keys, credentials bound to an AppID, and raw answers of both protocols.

use sha2::{Digest, Sha256};
use twostep::testing::{SimulatedAuthority, SimulatedSecurityKey, Statement};
use twostep::webauthn::client::{BadAnswer, ClientData};
use twostep::webauthn::{
    Attestation, AttestationPolicy, Ceremony, Conveyance, Credential, RegistrationState,
    RelyingParty, RelyingPartyConfig, client,
};

use super::party::{Authentication, NOW, RP_ID, alice, config, origin};

const APP_ID: &str = "https://example.org/app-id.json";

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

fn with_app_id() -> RelyingPartyConfig {
    RelyingPartyConfig { app_id: Some(APP_ID.into()), ..config() }
}

/// A key's raw answer to a registration over U2F, and the client data it is for.
fn registered(party: &RelyingParty, key: &mut SimulatedSecurityKey) -> (Credential, Vec<u8>) {
    let (options, state) = party.start_registration(&alice(), &[]).unwrap();
    let client_data = ClientData::registration(&options.challenge, &origin(), RP_ID).unwrap();
    let reply = key.u2f_register(
        &client_data.hash(),
        &hash(RP_ID),
        &SimulatedAuthority::new("Simulated Root"),
    );
    let response = client::registration_from_u2f(&client_data, &reply, &hash(RP_ID)).unwrap();
    (party.finish_registration(&state, &response, NOW).unwrap(), reply)
}

#[test]
fn a_u2f_key_registers_and_signs_in() {
    let attestation =
        AttestationPolicy { conveyance: Conveyance::Direct, ..AttestationPolicy::default() };
    let party = RelyingParty::new(RelyingPartyConfig { attestation, ..config() }).unwrap();
    let mut key = SimulatedSecurityKey::new("alice's");
    let (credential, _) = registered(&party, &mut key);
    assert_eq!(
        (credential.attestation_format.as_str(), credential.aaguid, credential.sign_count),
        ("fido-u2f", None, 0)
    );
    assert_eq!(credential.transports, ["usb"]);

    let (options, state) = party.start_authentication(&[&credential]).unwrap();
    let client_data = ClientData::authentication(&options.challenge, &origin(), RP_ID).unwrap();
    let reply = key
        .u2f_authenticate(&client_data.hash(), &hash(RP_ID), credential.id.as_bytes())
        .unwrap();
    let response = client::authentication_from_u2f(
        &client_data,
        credential.id.as_bytes(),
        &reply,
        &hash(RP_ID),
        false,
    )
    .unwrap();
    assert_eq!(party.finish_authentication(&state, &response, &credential).unwrap().sign_count, 1);
}

#[test]
fn a_ctap2_answer_becomes_a_response() {
    let party = RelyingParty::new(config()).unwrap();
    let mut key = SimulatedSecurityKey::new("alice's")
        .vouched(Statement::Packed(SimulatedAuthority::new("Simulated Root")));
    let (options, state) = party.start_registration(&alice(), &[]).unwrap();
    let client_data = ClientData::registration(&options.challenge, &origin(), RP_ID).unwrap();
    let made = key.make_credential(client_data.json(), RP_ID);
    let response = client::registration_from_ctap2(
        &client_data,
        &made.format,
        &made.auth_data(),
        &made.att_stmt(),
        &["usb"],
    )
    .unwrap();
    assert_eq!(response, made.response());
    let credential = party.finish_registration(&state, &response, NOW).unwrap();

    let (options, state) = party.start_authentication(&[&credential]).unwrap();
    let client_data = ClientData::authentication(&options.challenge, &origin(), RP_ID).unwrap();
    let used = key
        .get_assertion(client_data.json(), RP_ID, &[credential.id.as_bytes()])
        .unwrap();
    let response = client::authentication_from_ctap2(
        &client_data,
        credential.id.as_bytes(),
        &used.auth_data(),
        &used.signature(),
        None,
    );
    let _ = party.finish_authentication(&state, &response, &credential).unwrap();
}

#[test]
fn answers_cut_anywhere_are_refused() {
    let party = RelyingParty::new(config()).unwrap();
    let mut key = SimulatedSecurityKey::new("alice's");
    let (credential, reply) = registered(&party, &mut key);
    let client_data = ClientData::registration(&[1; 32], &origin(), RP_ID).unwrap();
    assert!(client::registration_from_u2f(&client_data, &reply, &hash(RP_ID)).is_ok());
    for length in 0..reply.len() {
        assert_eq!(
            client::registration_from_u2f(&client_data, &reply[..length], &hash(RP_ID)),
            Err(BadAnswer),
            "{length}"
        );
    }
    assert_eq!(
        client::registration_from_u2f(&client_data, &[&reply[..], &[0]].concat(), &hash(RP_ID)),
        Err(BadAnswer)
    );
    // The reserved byte, the form of the point, an empty key handle, a malformed certificate.
    for (place, byte) in [(0, 4), (1, 2), (66, 0), (99, 0x31)] {
        let mut reply = reply.clone();
        reply[place] = byte;
        assert_eq!(
            client::registration_from_u2f(&client_data, &reply, &hash(RP_ID)),
            Err(BadAnswer),
            "{place}"
        );
    }

    let id = credential.id.as_bytes();
    let reply = key.u2f_authenticate(&client_data.hash(), &hash(RP_ID), id).unwrap();
    assert!(client::authentication_from_u2f(&client_data, id, &reply, &hash(RP_ID), false).is_ok());
    for length in 0..reply.len() {
        assert_eq!(
            client::authentication_from_u2f(
                &client_data,
                id,
                &reply[..length],
                &hash(RP_ID),
                false
            ),
            Err(BadAnswer),
            "{length}"
        );
    }

    let made = key.make_credential(client_data.json(), RP_ID);
    let data = made.auth_data();
    for length in 0..data.len() {
        assert_eq!(
            client::registration_from_ctap2(&client_data, "none", &data[..length], &[0xa0], &[]),
            Err(BadAnswer),
            "{length}"
        );
    }
    for statement in [&[][..], &[0x80], &[0xa0, 0x00], &[0xa1]] {
        assert_eq!(
            client::registration_from_ctap2(&client_data, "none", &data, statement, &[]),
            Err(BadAnswer)
        );
    }
}

/// Without a request for attestation, the client drops the key's statement unread (L3 §5.1.3).
#[test]
fn a_key_enrols_with_any_unrequested_statement() {
    let party = RelyingParty::new(config()).unwrap();
    let mut key = SimulatedSecurityKey::new("alice's");
    let finish = |response, state: &RegistrationState| {
        let credential = party.finish_registration(state, &response, NOW).unwrap();
        assert_eq!(
            (credential.attestation, credential.attestation_format.as_str()),
            (Attestation::None, "none")
        );
    };
    let begin = || {
        let (options, state) = party.start_registration(&alice(), &[]).unwrap();
        (ClientData::registration(&options.challenge, &origin(), RP_ID).unwrap(), state)
    };
    let (client_data, state) = begin();
    let made = key.make_credential(client_data.json(), RP_ID);
    finish(
        client::unattested_from_ctap2(&client_data, &made.auth_data(), &["usb"]).unwrap(),
        &state,
    );

    let (client_data, state) = begin();
    let whole = key.u2f_register(
        &client_data.hash(),
        &hash(RP_ID),
        &SimulatedAuthority::new("Simulated Root"),
    );
    let handle = 67 + usize::from(whole[66]);
    let with = |vouched: &[u8]| {
        client::unattested_from_u2f(
            &client_data,
            &[&whole[..handle], vouched].concat(),
            &hash(RP_ID),
        )
    };
    for vouched in [
        &whole[handle..],
        &[0x30, 0x00],
        &[0x30, 0x03, 0x02, 0x01, 0x00, 0xff],
        &whole[handle..whole.len() - 1],
    ] {
        finish(with(vouched).unwrap(), &state);
    }
    // A certificate that does not end within the reply shows that the stated length of the handle
    // is wrong.
    for framed_wrongly in [
        &[][..],
        &[0x30],
        &[0x30, 0x02, 0x00],
        &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0x00],
        &whole[handle + 1..],
    ] {
        assert_eq!(with(framed_wrongly), Err(BadAnswer));
    }
    assert_eq!(
        client::unattested_from_u2f(&client_data, &whole[..handle - 1], &hash(RP_ID)),
        Err(BadAnswer)
    );
}

/// A use of a credential that was registered over U2F with the AppID.
fn by_app_id(config: RelyingPartyConfig) -> Authentication {
    let party = RelyingParty::new(config).unwrap();
    let mut key = SimulatedSecurityKey::new("alice's");
    let (mut credential, _) = registered(&party, &mut key);
    // The key made it for the AppID. Such registrations are no longer made; the record is as
    // imported.
    let reply =
        key.u2f_register(&[1; 32], &hash(APP_ID), &SimulatedAuthority::new("Simulated Root"));
    let handle = reply[67..99].to_vec();
    credential.public_key[10..42].copy_from_slice(&reply[2..34]);
    credential.public_key[45..77].copy_from_slice(&reply[34..66]);
    credential.id = twostep::webauthn::CredentialId::new(handle).unwrap();
    credential.by_app_id = true;

    let (options, state) = party.start_authentication(&[&credential]).unwrap();
    let client_data = ClientData::authentication(&options.challenge, &origin(), RP_ID).unwrap();
    let mut used = key
        .get_assertion(client_data.json(), APP_ID, &[credential.id.as_bytes()])
        .unwrap();
    used.appid = Some(true);
    Authentication { party, key, state, credential, used }
}

#[test]
fn an_old_registration_is_used_with_its_app_id() {
    let it = by_app_id(with_app_id());
    let (options, _) = it.party.start_authentication(&[&it.credential]).unwrap();
    assert_eq!(options.extensions.appid.as_deref(), Some(APP_ID));
    let _ = it.finish().unwrap();
}

#[test]
fn step_7_2_15_refuses_a_misplaced_app_id() {
    let refused = |spoil: fn(&mut Authentication)| {
        let mut it = by_app_id(with_app_id());
        let _ = it.finish().unwrap();
        spoil(&mut it);
        assert_eq!(it.finish().unwrap_err().step(), Some((Ceremony::Authentication, 15)));
    };
    // The client does not claim the AppID; the credential is not bound to it; the AppID differs; no
    // AppID is configured.
    refused(|it| it.used.appid = None);
    refused(|it| it.used.appid = Some(false));
    refused(|it| it.credential.by_app_id = false);
    refused(|it| it.used.rp_id_hash = hash("https://example.org/other.json"));
    refused(|it| it.used.rp_id_hash = hash(RP_ID));
    refused(|it| it.party = RelyingParty::new(config()).unwrap());
}

#[test]
fn a_new_key_is_not_registered_twice_by_its_app_id() {
    let party = RelyingParty::new(with_app_id()).unwrap();
    let (options, _) = party.start_registration(&alice(), &[]).unwrap();
    assert_eq!(options.extensions.appid_exclude.as_deref(), Some(APP_ID));
}

#[test]
fn client_data_are_serialized_as_browsers_do() {
    // L3 §5.8.1.1.
    let made = ClientData::registration(&[0xff; 16], &origin(), RP_ID).unwrap();
    let expected = concat!(
        r#"{"type":"webauthn.create","challenge":"_____________________w","#,
        r#""origin":"https://login.example.org","crossOrigin":false}"#,
    );
    assert_eq!(made.json(), expected.as_bytes());
    let used = ClientData::authentication(&[0xff; 16], &origin(), RP_ID).unwrap();
    assert_eq!(String::from_utf8_lossy(used.json()), expected.replace("create", "get"));
    assert_eq!(used.hash(), <[u8; 32]>::from(Sha256::digest(used.json())));
}

#[test]
fn client_data_are_not_made_for_a_foreign_rp_id() {
    for rp_id in ["other.example", "org", "xample.org", "sub.login.example.org", ""] {
        let fault = ClientData::registration(&[1; 32], &origin(), rp_id).unwrap_err();
        assert!(fault.to_string().contains("may not use the RP ID"));
        assert!(ClientData::authentication(&[1; 32], &origin(), rp_id).is_err());
    }
}
