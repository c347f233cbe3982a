//! People with security keys, in front of a relying party on `example.org`.

use twostep::device::Device;
use twostep::id::AccountId;
use twostep::testing::SimulatedSecurityKey;
use twostep::verifier::{Authority, Begun, Error, SecurityKeys, Verified, Verifier};
use twostep::webauthn::{
    AuthenticationResponse, Origin, RegistrationResponse, RelyingParty, RelyingPartyConfig,
    RequestOptions,
};

/// A relying party that takes every key.
pub fn terms() -> RelyingPartyConfig {
    RelyingPartyConfig {
        rp_id: "example.org".to_owned(),
        name: "Example".to_owned(),
        origins: vec!["https://login.example.org".to_owned()],
        ..RelyingPartyConfig::default()
    }
}

pub fn keys_of(verifier: &Verifier) -> SecurityKeys {
    SecurityKeys::new(verifier.clone(), RelyingParty::new(terms()).unwrap())
}

pub fn origin() -> Origin {
    "https://login.example.org".parse().unwrap()
}

pub fn account(name: &str) -> AccountId {
    name.parse().unwrap()
}

/// The response of a key to a registration that began.
pub fn made(
    key: &mut SimulatedSecurityKey,
    options: &twostep::webauthn::CreationOptions,
) -> RegistrationResponse {
    key.create(options, &origin()).response()
}

/// The response of a key to an authentication that began and lists the key's credential.
pub fn used(
    key: &mut SimulatedSecurityKey,
    begun: &Begun<RequestOptions>,
) -> AuthenticationResponse {
    key.get(&begun.options, &origin()).unwrap().response()
}

/// An answer of the key with a signature that is none.
pub fn forged(
    key: &mut SimulatedSecurityKey,
    begun: &Begun<RequestOptions>,
) -> AuthenticationResponse {
    let mut answer = used(key, begun);
    answer.response.authenticator_data[33] ^= 1;
    answer
}

pub async fn enrol(
    keys: &SecurityKeys,
    name: &str,
    key: &mut SimulatedSecurityKey,
    authority: &Authority,
) -> Result<Device, Error> {
    let begun = keys.begin_registration(&account(name), None, authority).await?;
    keys.finish_registration(&begun.id, made(key, &begun.options), authority).await
}

/// A key of this account, enrolled by an administrator.
pub async fn enrolled(keys: &SecurityKeys, name: &str) -> (SimulatedSecurityKey, Device) {
    let mut key = SimulatedSecurityKey::new(name);
    let device = enrol(keys, name, &mut key, &Authority::Admin).await.unwrap();
    (key, device)
}

pub async fn verify(
    keys: &SecurityKeys,
    name: &str,
    key: &mut SimulatedSecurityKey,
) -> Result<Verified, Error> {
    let begun = keys.begin_authentication(&account(name)).await?;
    keys.finish_authentication(&account(name), &begun.id, used(key, &begun)).await
}
