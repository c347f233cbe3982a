//! JSON as browsers read and write it (WebAuthn L3 §5.1.8 to §5.1.10), and the stored form of
//! ceremonies.

use serde_json::{Value, from_value, json, to_value};
use twostep::webauthn::{
    AuthenticationResponse, AuthenticationState, Credential, CredentialProperties,
    RegistrationResponse, RegistrationState, RelyingParty, RelyingPartyConfig,
};

use super::base64url;
use super::party::{Authentication, Registration, alice, config};

#[test]
fn creation_options_have_the_shape_that_browsers_parse() {
    let party = RelyingParty::new(RelyingPartyConfig {
        app_id: Some("https://example.org/a".into()),
        ..config()
    })
    .unwrap();
    let enrolled = Registration::new().finish().unwrap();
    let (options, _) = party.start_registration(&alice(), &[&enrolled]).unwrap();
    let written = to_value(&options).unwrap();
    let key = |alg: i32| json!({ "type": "public-key", "alg": alg });
    let expected = json!({
        "rp": { "id": "example.org", "name": "Example" },
        "user": { "id": base64url(b"alice's handle"), "name": "alice", "displayName": "alice" },
        "challenge": base64url(&options.challenge),
        "pubKeyCredParams": [key(-7), key(-8), key(-35), key(-257)],
        "timeout": 300_000,
        "excludeCredentials": [{ "type": "public-key", "id": base64url(enrolled.id.as_bytes()) }],
        "authenticatorSelection": {
            "residentKey": "discouraged",
            "requireResidentKey": false,
            "userVerification": "preferred",
        },
        "hints": ["security-key"],
        "attestation": "none",
        "extensions": { "appidExclude": "https://example.org/a" },
    });
    assert_eq!(written, expected);
    assert_eq!(from_value::<twostep::webauthn::CreationOptions>(written).unwrap(), options);
}

#[test]
fn request_options_have_the_shape_that_browsers_parse() {
    let it = Authentication::new();
    let (options, _) = it.party.start_authentication(&[&it.credential]).unwrap();
    let written = to_value(&options).unwrap();
    let expected = json!({
        "challenge": base64url(&options.challenge),
        "timeout": 300_000,
        "rpId": "example.org",
        "allowCredentials": [
            { "type": "public-key", "id": base64url(it.credential.id.as_bytes()) },
        ],
        "userVerification": "preferred",
        "hints": ["security-key"],
        "extensions": {},
    });
    assert_eq!(written, expected);
    assert_eq!(from_value::<twostep::webauthn::RequestOptions>(written).unwrap(), options);
}

#[test]
fn responses_are_read_as_browsers_write_them() {
    let it = Registration::new();
    let mut made = it.creation.response();
    made.client_extension_results.cred_props = Some(CredentialProperties { rk: Some(false) });
    let browsers = json!({
        "id": made.id,
        "rawId": made.id,
        "response": {
            "clientDataJSON": base64url(&made.response.client_data_json),
            "attestationObject": base64url(&made.response.attestation_object),
            "authenticatorData": base64url(&it.creation.auth_data()),
            "transports": ["usb"],
            "publicKey": "AAAA",
            "publicKeyAlgorithm": -7,
        },
        "authenticatorAttachment": "cross-platform",
        "clientExtensionResults": { "credProps": { "rk": false } },
        "type": "public-key",
    });
    assert_eq!(from_value::<RegistrationResponse>(browsers.clone()).unwrap(), made);
    let mut absent = browsers;
    for member in ["authenticatorAttachment", "clientExtensionResults"] {
        absent[member] = Value::Null;
    }
    made.client_extension_results.cred_props = None;
    for transports in [json!(["usb", null, 7]), json!(["usb"])] {
        absent["response"]["transports"] = transports;
        assert_eq!(from_value::<RegistrationResponse>(absent.clone()).unwrap(), made);
    }
    absent["response"]["transports"] = Value::Null;
    assert_eq!(
        from_value::<RegistrationResponse>(absent).unwrap().response.transports,
        Vec::<String>::new()
    );

    let it = Authentication::new();
    let used = it.used.response();
    let mut browsers = json!({
        "id": used.id,
        "rawId": used.id,
        "response": {
            "clientDataJSON": base64url(&used.response.client_data_json),
            "authenticatorData": base64url(&used.response.authenticator_data),
            "signature": base64url(&used.response.signature),
        },
        "authenticatorAttachment": "cross-platform",
        "clientExtensionResults": {},
        "type": "public-key",
    });
    assert_eq!(from_value::<AuthenticationResponse>(browsers.clone()).unwrap(), used);
    browsers["response"]["userHandle"] = Value::Null;
    assert_eq!(from_value::<AuthenticationResponse>(browsers.clone()).unwrap(), used);
    browsers["response"]["userHandle"] = json!("");
    assert_eq!(from_value::<AuthenticationResponse>(browsers.clone()).unwrap(), used);
    for results in [
        Value::Null,
        json!({"appid": null}),
        json!({"appid": "yes"}),
        json!({"prf": {"enabled": true}, "uvm": [[2, 4, 2]]}),
    ] {
        browsers["clientExtensionResults"] = results;
        assert_eq!(from_value::<AuthenticationResponse>(browsers.clone()).unwrap(), used);
    }
    browsers["response"]["userHandle"] = json!(base64url(b"alice"));
    assert_eq!(
        from_value::<AuthenticationResponse>(browsers)
            .unwrap()
            .response
            .user_handle
            .as_deref(),
        Some(&b"alice"[..])
    );
}

#[test]
fn responses_are_written_as_they_are_read() {
    let (made, used) =
        (Registration::new().creation.response(), Authentication::new().used.response());
    assert_eq!(from_value::<RegistrationResponse>(to_value(&made).unwrap()).unwrap(), made);
    assert_eq!(from_value::<AuthenticationResponse>(to_value(&used).unwrap()).unwrap(), used);
    assert!(to_value(&made).unwrap()["clientExtensionResults"].is_object());
}

#[test]
fn text_other_than_base64url_is_refused() {
    let made = to_value(Registration::new().creation.response()).unwrap();
    for text in ["AAAA====", "AA==", "A", "AB", "++++", "A A A", "AAAA\n"] {
        let mut spoiled = made.clone();
        spoiled["rawId"] = json!(text);
        assert!(from_value::<RegistrationResponse>(spoiled).is_err(), "{text}");
    }
}

#[test]
fn a_ceremony_survives_being_stored() {
    let it = Registration::new();
    let state: RegistrationState =
        serde_json::from_str(&serde_json::to_string(&it.state).unwrap()).unwrap();
    let credential = it
        .party
        .finish_registration(&state, &it.creation.response(), super::party::NOW)
        .unwrap();
    let credential: Credential =
        serde_json::from_str(&serde_json::to_string(&credential).unwrap()).unwrap();
    let it = Authentication::of(it.party, it.key, credential);
    let state: AuthenticationState =
        serde_json::from_str(&serde_json::to_string(&it.state).unwrap()).unwrap();
    let _ = it
        .party
        .finish_authentication(&state, &it.used.response(), &it.credential)
        .unwrap();
    // Debug output omits their secrets.
    assert_eq!(
        format!("{:?}, {state:?}", Registration::new().state),
        "RegistrationState(..), AuthenticationState(..)"
    );
}
