//! Replaying recorded ceremonies: the challenge is given, not drawn.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::authentication::AuthenticationState;
use super::json::base64url;
use super::registration::RegistrationState;

impl RegistrationState {
    /// The same registration with a given challenge. `None` if the state cannot be serialized.
    pub fn with_challenge(&self, challenge: &[u8]) -> Option<RegistrationState> {
        with_challenge(self, challenge)
    }
}

impl AuthenticationState {
    /// The same authentication with a given challenge. `None` if the state cannot be serialized.
    pub fn with_challenge(&self, challenge: &[u8]) -> Option<AuthenticationState> {
        with_challenge(self, challenge)
    }
}

fn with_challenge<T: Serialize + DeserializeOwned>(state: &T, challenge: &[u8]) -> Option<T> {
    let mut state = serde_json::to_value(state).ok()?;
    *state.pointer_mut("/core/challenge")? = base64url::text(challenge).into();
    serde_json::from_value(state).ok()
}
