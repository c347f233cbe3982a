//! A relying party, one account, and the key that it holds.

use twostep::testing::{Creation, SimulatedSecurityKey, Use};
use twostep::time::UnixTime;
use twostep::webauthn::{
    Assertion, AuthenticationResponse, AuthenticationState, Credential, Fault, Origin,
    RegistrationResponse, RegistrationState, RelyingParty, RelyingPartyConfig, UserEntity,
};

pub(crate) const RP_ID: &str = "example.org";
/// 2026-09-21.
pub(crate) const NOW: UnixTime = UnixTime(1_790_000_000);
pub(crate) const ORIGIN: &str = "https://login.example.org";

/// A relying party and a key that has answered it; the response is still unsigned.
pub(crate) struct Registration {
    pub(crate) party: RelyingParty,
    pub(crate) key: SimulatedSecurityKey,
    pub(crate) state: RegistrationState,
    pub(crate) creation: Creation,
}

/// A relying party and a key that uses a registered credential.
pub(crate) struct Authentication {
    pub(crate) party: RelyingParty,
    pub(crate) key: SimulatedSecurityKey,
    pub(crate) state: AuthenticationState,
    pub(crate) credential: Credential,
    pub(crate) used: Use,
}

pub(crate) fn config() -> RelyingPartyConfig {
    RelyingPartyConfig {
        rp_id: RP_ID.into(),
        name: "Example".into(),
        origins: vec![ORIGIN.into()],
        ..RelyingPartyConfig::default()
    }
}

pub(crate) fn origin() -> Origin {
    ORIGIN.parse().unwrap()
}

pub(crate) fn alice() -> UserEntity {
    UserEntity { handle: b"alice's handle".to_vec(), name: "alice".into() }
}

/// Inserts members at the beginning of serialized client data.
pub(crate) fn insert(json: &mut Vec<u8>, members: &str) {
    json.splice(1..1, members.bytes());
}

/// Replaces a piece of serialized client data that occurs exactly once.
pub(crate) fn replace(json: &mut Vec<u8>, old: &str, new: &str) {
    let text = String::from_utf8(json.clone()).unwrap();
    assert_eq!(text.matches(old).count(), 1, "{old} in {text}");
    *json = text.replace(old, new).into_bytes();
}

impl Registration {
    pub(crate) fn new() -> Registration {
        Registration::with(config(), SimulatedSecurityKey::new("alice's"))
    }

    pub(crate) fn with(config: RelyingPartyConfig, mut key: SimulatedSecurityKey) -> Registration {
        let party = RelyingParty::new(config).unwrap();
        let (options, state) = party.start_registration(&alice(), &[]).unwrap();
        let creation = key.create(&options, &origin());
        Registration { party, key, state, creation }
    }

    /// The relying party's judgement of the response in its current form.
    pub(crate) fn finish(&self) -> Result<Credential, Fault> {
        self.finish_with(&self.creation.response())
    }

    pub(crate) fn finish_with(&self, response: &RegistrationResponse) -> Result<Credential, Fault> {
        self.party.finish_registration(&self.state, response, NOW)
    }
}

impl Authentication {
    pub(crate) fn new() -> Authentication {
        Authentication::with(config(), SimulatedSecurityKey::new("alice's"))
    }

    pub(crate) fn with(config: RelyingPartyConfig, key: SimulatedSecurityKey) -> Authentication {
        let registered = Registration::with(config, key);
        let credential = registered.finish().unwrap();
        let Registration { party, key, .. } = registered;
        Authentication::of(party, key, credential)
    }

    /// An authentication with this credential.
    pub(crate) fn of(
        party: RelyingParty,
        mut key: SimulatedSecurityKey,
        credential: Credential,
    ) -> Authentication {
        let (options, state) = party.start_authentication(&[&credential]).unwrap();
        let used = key.get(&options, &origin()).unwrap();
        Authentication { party, key, state, credential, used }
    }

    /// The relying party's judgement of the response in its current form.
    pub(crate) fn finish(&self) -> Result<Assertion, Fault> {
        self.finish_with(&self.used.response())
    }

    pub(crate) fn finish_with(
        &self,
        response: &AuthenticationResponse,
    ) -> Result<Assertion, Fault> {
        self.party.finish_authentication(&self.state, response, &self.credential)
    }
}
