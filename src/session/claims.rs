//! The text of a signed context: JWS compact serialisation (RFC 7515 §3.1) of JWT claims (RFC
//! 7519).

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

#[cfg(feature = "session")]
use crate::session::{Common, ContextWithoutMfa, SessionContext};

/// A signed context as text, untrusted until a validator has read it. `Debug` is redacted: this is
/// a bearer token.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SignedContext(String);

impl SignedContext {
    /// Any text; nothing is checked here.
    pub fn new(text: impl Into<String>) -> SignedContext {
        SignedContext(text.into())
    }

    /// The text, to be handed on.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SignedContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignedContext(..)")
    }
}

/// The JWT claims of a context. `null` and repeated claims are refused.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    pub(crate) sub: String,
    pub(crate) aud: String,
    pub(crate) iat: u64,
    pub(crate) nbf: u64,
    pub(crate) exp: u64,
    pub(crate) jti: String,
    #[serde(rename = "gen")]
    pub(crate) generation: u64,
    pub(crate) mfa_present: bool,
    #[serde(default, deserialize_with = "there", skip_serializing_if = "Option::is_none")]
    pub(crate) amr: Option<Vec<String>>,
    #[serde(default, deserialize_with = "there", skip_serializing_if = "Option::is_none")]
    pub(crate) mfa_time: Option<u64>,
    #[serde(default, deserialize_with = "there", skip_serializing_if = "Option::is_none")]
    pub(crate) mfa_serial: Option<String>,
    #[serde(default, deserialize_with = "there", skip_serializing_if = "Option::is_none")]
    pub(crate) mfa_kind: Option<String>,
    #[serde(default, deserialize_with = "there", skip_serializing_if = "Option::is_none")]
    pub(crate) uv: Option<bool>,
    /// The device's revocation generation; 0 is left out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) mfa_gen: u64,
}

#[cfg(feature = "session")]
impl From<&Common> for Claims {
    fn from(common: &Common) -> Claims {
        Claims {
            iss: common.issuer.clone(),
            sub: common.account.as_str().to_owned(),
            aud: common.audience.clone(),
            iat: common.issued_at.0,
            nbf: common.issued_at.0,
            exp: common.expires_at.0,
            jti: common.session_id.clone(),
            generation: common.generation,
            mfa_present: false,
            amr: None,
            mfa_time: None,
            mfa_serial: None,
            mfa_kind: None,
            uv: None,
            mfa_gen: 0,
        }
    }
}

#[cfg(feature = "session")]
impl From<&ContextWithoutMfa> for Claims {
    fn from(context: &ContextWithoutMfa) -> Claims {
        Claims::from(&context.common)
    }
}

#[cfg(feature = "session")]
impl From<&SessionContext> for Claims {
    fn from(context: &SessionContext) -> Claims {
        Claims {
            mfa_present: true,
            amr: Some(context.amr.iter().map(|amr| amr.name().to_owned()).collect()),
            mfa_time: Some(context.mfa_time.0),
            mfa_serial: Some(context.serial.as_str().to_owned()),
            mfa_kind: Some(context.kind.name().to_owned()),
            uv: Some(context.user_verified),
            mfa_gen: context.device_generation,
            ..Claims::from(&context.common)
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Reads an optional claim: absent is `None`, and `null` is refused like any other wrong type.
fn there<'de, T: DeserializeOwned, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// The `typ` of a context with MFA.
pub(crate) const MFA: &str = "mfa+jwt";

/// The `typ` of a context without.
pub(crate) const WITHOUT_MFA: &str = "nomfa+jwt";
