//! Sign-in without an account: its options, and the demands on its response.

use twostep::testing::{SimulatedSecurityKey, Use};
use twostep::webauthn::{
    AuthenticationState, Ceremony, ConfigFault, Credential, Hint, RelyingParty, RelyingPartyConfig,
    ResidentKey, UserVerification,
};

use super::party::{Registration, alice, config, origin};

fn storing(resident_key: ResidentKey) -> RelyingPartyConfig {
    RelyingPartyConfig {
        resident_key,
        user_verification: UserVerification::Discouraged,
        app_id: Some("https://example.org/a".into()),
        ..config()
    }
}

/// A key that stores a credential and has answered a ceremony without an account.
struct Passkey {
    party: RelyingParty,
    state: AuthenticationState,
    credential: Credential,
    used: Use,
}

impl Passkey {
    fn new(key: SimulatedSecurityKey) -> Passkey {
        let registered = Registration::with(storing(ResidentKey::Preferred), key.verifying());
        let credential = registered.finish().unwrap();
        let Registration { party, mut key, .. } = registered;
        let (options, state) = party.start_usernameless().unwrap();
        let used = key.get(&options, &origin()).unwrap();
        Passkey { party, state, credential, used }
    }

    fn refused_at(&self) -> Option<(Ceremony, u8)> {
        self.party
            .finish_authentication(&self.state, &self.used.response(), &self.credential)
            .unwrap_err()
            .step()
    }
}

#[test]
fn the_options_name_no_credential_and_require_a_verified_user() {
    let (options, state) = RelyingParty::new(storing(ResidentKey::Required))
        .unwrap()
        .start_usernameless()
        .unwrap();
    assert!(options.allow_credentials.is_empty() && options.challenge.len() >= 16);
    assert_eq!(
        (options.user_verification, options.extensions.appid),
        (UserVerification::Required, None)
    );
    let written = serde_json::to_string(&state).unwrap();
    let _: AuthenticationState = serde_json::from_str(&written).unwrap();
}

#[test]
fn the_key_names_the_account_and_has_verified_its_user() {
    for key in
        [SimulatedSecurityKey::new("alice's"), SimulatedSecurityKey::new("alice's").on_ed25519()]
    {
        let right = || Passkey::new(key.clone());
        let it = right();
        let assertion = it
            .party
            .finish_authentication(&it.state, &it.used.response(), &it.credential)
            .unwrap();
        assert_eq!((&assertion.credential_id, assertion.user_verified), (&it.credential.id, true));
        type Change = fn(&mut Passkey);
        let changes: [(u8, Change); 7] = [
            (6, |it| it.used.user_handle = None),
            (6, |it| it.used.user_handle = Some(Vec::new())),
            (6, |it| it.used.user_handle = Some(b"bob's handle".to_vec())),
            (6, |it| it.used.user_handle = Some(b"alice's handl".to_vec())),
            (6, |it| it.used.credential_id.push(0)),
            (16, |it| it.used.flags = 0x04),
            (17, |it| it.used.flags = 0x01),
        ];
        for (step, change) in changes {
            let mut it = right();
            change(&mut it);
            assert_eq!(it.refused_at(), Some((Ceremony::Authentication, step)), "{step}");
        }
    }
}

/// If the account is named, the user handle may be missing, as with keys that store nothing; a
/// handle that is present must match.
#[test]
fn a_ceremony_with_an_account_needs_no_user_handle() {
    let it = Passkey::new(SimulatedSecurityKey::new("alice's"));
    let (options, state) = it.party.start_authentication(&[&it.credential]).unwrap();
    for (handle, right) in
        [(None, true), (Some(alice().handle), true), (Some(b"bob's handle".to_vec()), false)]
    {
        let mut key = SimulatedSecurityKey::new("alice's");
        key.sign_count = 7;
        let mut used = key.get(&options, &origin()).unwrap();
        used.user_handle = handle;
        assert_eq!(
            it.party.finish_authentication(&state, &used.response(), &it.credential).is_ok(),
            right
        );
    }
}

#[test]
fn resident_keys_and_hints_are_asked_for_as_configured() {
    for (resident_key, text, required, properties) in [
        (ResidentKey::Discouraged, "discouraged", false, None),
        (ResidentKey::Preferred, "preferred", false, Some(true)),
        (ResidentKey::Required, "required", true, Some(true)),
    ] {
        let it = Registration::with(storing(resident_key), SimulatedSecurityKey::new("alice's"));
        let (options, _) = it.party.start_registration(&alice(), &[]).unwrap();
        let written = serde_json::to_value(&options).unwrap();
        assert_eq!(written["authenticatorSelection"]["residentKey"], text);
        assert_eq!(written["authenticatorSelection"]["requireResidentKey"], required);
        assert_eq!(options.extensions.cred_props, properties);
        assert_eq!(it.finish().unwrap().discoverable, properties);
    }
    use Hint::{ClientDevice, Hybrid, SecurityKey};
    for (hints, written) in [
        (vec![], "[]"),
        (vec![SecurityKey], r#"["security-key"]"#),
        (vec![Hybrid, ClientDevice, SecurityKey], r#"["hybrid","client-device","security-key"]"#),
    ] {
        let party = RelyingParty::new(RelyingPartyConfig { hints, ..config() }).unwrap();
        let (creation, _) = party.start_registration(&alice(), &[]).unwrap();
        let (request, _) = party.start_usernameless().unwrap();
        for hints in [creation.hints, request.hints] {
            assert_eq!(serde_json::to_string(&hints).unwrap(), written);
        }
    }
    let twice = RelyingPartyConfig { hints: vec![Hybrid, Hybrid], ..config() };
    assert_eq!(RelyingParty::new(twice).unwrap_err(), ConfigFault::Hints);
}

/// Clients may report more, less or other properties of a credential. They are hints, and never
/// decide about the registration.
#[test]
fn malformed_extension_results_are_ignored() {
    let it =
        Registration::with(storing(ResidentKey::Preferred), SimulatedSecurityKey::new("alice's"));
    let made = serde_json::to_value(it.creation.response()).unwrap();
    for (said, discoverable) in [
        (r#"{"credProps":{"rk":true}}"#, Some(true)),
        (r#"{"credProps":{"rk":false}}"#, Some(false)),
        (r#"{"credProps":{}}"#, None),
        (r#"{"credProps":{"rk":null,"authenticatorDisplayName":"a"}}"#, None),
        (r#"{"credProps":{"rk":"yes"}}"#, None),
        (r#"{"credProps":null}"#, None),
        (r#"{"credProps":true}"#, None),
        ("{}", None),
    ] {
        let mut response = made.clone();
        response["clientExtensionResults"] = serde_json::from_str(said).unwrap();
        let credential = it.finish_with(&serde_json::from_value(response).unwrap()).unwrap();
        assert_eq!(credential.discoverable, discoverable, "{said}");
        let unasked = Registration::with(
            storing(ResidentKey::Discouraged),
            SimulatedSecurityKey::new("alice's"),
        );
        let mut response = serde_json::to_value(unasked.creation.response()).unwrap();
        response["clientExtensionResults"] = serde_json::from_str(said).unwrap();
        assert_eq!(
            unasked
                .finish_with(&serde_json::from_value(response).unwrap())
                .unwrap()
                .discoverable,
            None,
            "{said}"
        );
    }
}
