//! A relying party, one account, and the key that it holds.

use twostep::testing::Creation;
use twostep::testing::SimulatedSecurityKey;
use twostep::testing::Use;
use twostep::webauthn::Assertion;
use twostep::webauthn::AuthenticationResponse;
use twostep::webauthn::AuthenticationState;
use twostep::webauthn::Credential;
use twostep::webauthn::Fault;
use twostep::webauthn::Origin;
use twostep::webauthn::RegistrationResponse;
use twostep::webauthn::RegistrationState;
use twostep::webauthn::RelyingParty;
use twostep::webauthn::RelyingPartyConfig;
use twostep::webauthn::UserEntity;

pub const RP_ID: &str = "example.org";
pub const ORIGIN: &str = "https://login.example.org";

/// A relying party and a key that has answered it, with the answer still unsigned.
pub struct Registration {
    pub party: RelyingParty,
    pub key: SimulatedSecurityKey,
    pub state: RegistrationState,
    pub creation: Creation,
}

/// The same with a credential that was registered, and is being used.
pub struct Authentication {
    pub party: RelyingParty,
    pub key: SimulatedSecurityKey,
    pub state: AuthenticationState,
    pub credential: Credential,
    pub used: Use,
}

pub fn config() -> RelyingPartyConfig {
    RelyingPartyConfig { rp_id: RP_ID.into(), name: "Example".into(), origins: vec![ORIGIN.into()], ..RelyingPartyConfig::default() }
}

pub fn origin() -> Origin {
    ORIGIN.parse().unwrap()
}

pub fn alice() -> UserEntity {
    UserEntity { handle: b"alice's handle".to_vec(), name: "alice".into() }
}

impl Registration {
    pub fn new() -> Registration {
        Registration::with(config(), SimulatedSecurityKey::new("alice's"))
    }

    pub fn with(config: RelyingPartyConfig, mut key: SimulatedSecurityKey) -> Registration {
        let party = RelyingParty::new(config).unwrap();
        let (options, state) = party.start_registration(&alice(), &[]).unwrap();
        let creation = key.create(&options, &origin());
        Registration { party, key, state, creation }
    }

    /// What the relying party makes of the answer as it is now.
    pub fn finish(&self) -> Result<Credential, Fault> {
        self.finish_with(&self.creation.response())
    }

    pub fn finish_with(&self, response: &RegistrationResponse) -> Result<Credential, Fault> {
        self.party.finish_registration(&self.state, response)
    }
}

impl Authentication {
    pub fn new() -> Authentication {
        Authentication::with(config(), SimulatedSecurityKey::new("alice's"))
    }

    pub fn with(config: RelyingPartyConfig, key: SimulatedSecurityKey) -> Authentication {
        let registered = Registration::with(config, key);
        let credential = registered.finish().unwrap();
        let Registration { party, key, .. } = registered;
        Authentication::of(party, key, credential)
    }

    /// The key is asked to use a credential.
    pub fn of(party: RelyingParty, mut key: SimulatedSecurityKey, credential: Credential) -> Authentication {
        let (options, state) = party.start_authentication(&[&credential]).unwrap();
        let used = key.get(&options, &origin()).unwrap();
        Authentication { party, key, state, credential, used }
    }

    /// What the relying party makes of the answer as it is now.
    pub fn finish(&self) -> Result<Assertion, Fault> {
        self.finish_with(&self.used.response())
    }

    pub fn finish_with(&self, response: &AuthenticationResponse) -> Result<Assertion, Fault> {
        self.party.finish_authentication(&self.state, response, &self.credential)
    }
}

#[test]
fn a_key_is_registered_and_used() {
    let registration = Registration::new();
    assert_eq!(registration.finish().unwrap().sign_count, 1);
    let authentication = Authentication::new();
    assert_eq!(authentication.finish().unwrap().sign_count, 2);
}
