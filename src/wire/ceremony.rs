//! Security keys: ceremonies between a browser and the agent. Options and credentials are
//! WebAuthn's JSON, passed on as it is.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::id::{AccountId, DeviceName};
use crate::wire::{Device, SecretText};

/// Begins to enrol a security key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct BeginRegistration {
    /// The account that gets the key.
    #[cfg_attr(feature = "agent", schema(min_length = 1, max_length = 256))]
    pub account: String,
    /// The name that its owner gives the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(min_length = 1, max_length = 128))]
    pub name: Option<String>,
    /// The person's browser or address, as in `POST /v1/sessions`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "agent",
        schema(value_type = Option<String>, pattern = "^[!-~]{1,256}$")
    )]
    pub client: Option<SecretText>,
}

/// An enrolment that was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct BegunRegistration {
    /// The id that `finish` must name, within five minutes and once.
    pub ceremony_id: String,
    /// The `publicKey` argument for `navigator.credentials`, in the JSON form of WebAuthn 3 §5.1.
    #[cfg_attr(feature = "agent", schema(value_type = crate::wire::shapes::CreationOptions))]
    pub public_key: Value,
}

/// Finishes the enrolment of a security key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FinishRegistration {
    /// The ceremony that was begun.
    #[cfg_attr(feature = "agent", schema(pattern = "^[A-Za-z0-9_-]{22,4096}$"))]
    pub ceremony_id: String,
    /// The answer of the security key.
    #[cfg_attr(feature = "agent", schema(value_type = crate::wire::shapes::RegistrationResponse))]
    pub credential: Value,
    /// The person's browser or address, as in `POST /v1/sessions`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "agent",
        schema(value_type = Option<String>, pattern = "^[!-~]{1,256}$")
    )]
    pub client: Option<SecretText>,
}

/// A security key that was enrolled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct RegisteredKey {
    /// The key, active.
    pub device: Device,
}

/// Begins a sign-in with a security key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct BeginAuthentication {
    /// May be left out where the agent is configured for sign-ins without an account: the key says
    /// then whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "agent", schema(min_length = 1, max_length = 256))]
    pub account: Option<String>,
    /// The person's browser or address, as in `POST /v1/sessions`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "agent",
        schema(value_type = Option<String>, pattern = "^[!-~]{1,256}$")
    )]
    pub client: Option<SecretText>,
}

/// A sign-in that was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct BegunAuthentication {
    /// The id that `POST /v1/sessions` must name, within five minutes and once.
    pub ceremony_id: String,
    /// The `publicKey` argument for `navigator.credentials`, in the JSON form of WebAuthn 3 §5.1.
    #[cfg_attr(feature = "agent", schema(value_type = crate::wire::shapes::RequestOptions))]
    pub public_key: Value,
}

/// The document that browsers fetch before a page of another domain may use the RP ID (WebAuthn
/// Level 3 §5.11).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "agent", derive(utoipa::ToSchema))]
pub struct RelatedOrigins {
    /// The origins whose pages may use it.
    pub origins: Vec<String>,
}

impl BeginRegistration {
    /// A key of this account, called so by its owner.
    pub fn new(account: &AccountId, name: Option<&DeviceName>) -> BeginRegistration {
        BeginRegistration {
            account: account.as_str().to_owned(),
            name: name.map(|name| name.as_str().to_owned()),
            client: None,
        }
    }
}
