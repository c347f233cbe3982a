//! Security Event Tokens (RFC 8417), signed like contexts and by the same keys. Their `typ`
//! distinguishes them from contexts.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::id::AccountId;
use crate::session::Issuer;
use crate::time::UnixTime;
use crate::verifier::Error;

/// An event to be signed.
#[derive(Clone, Copy, Debug)]
pub struct SecurityEvent<'a, T> {
    /// The event's id, the same at each delivery (`jti`).
    pub id: &'a str,
    /// The event's type, a URI.
    pub uri: &'a str,
    /// The time of the event (`toe`).
    pub at: UnixTime,
    /// The account it concerns (`sub_id`).
    pub account: Option<&'a AccountId>,
    /// The members of the event.
    pub details: &'a T,
}

/// The claims (RFC 8417 §2.2).
#[derive(Serialize)]
struct Claims<'a, T> {
    iss: &'a str,
    aud: &'a str,
    iat: u64,
    jti: &'a str,
    toe: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub_id: Option<Subject<'a>>,
    events: BTreeMap<&'a str, &'a T>,
}

/// An opaque subject identifier (RFC 9493 §3.2.7).
#[derive(Serialize)]
struct Subject<'a> {
    format: &'static str,
    id: &'a str,
}

impl Issuer {
    /// The token that tells `audience` of an event: JWS compact, to be sent as
    /// `application/secevent+jwt`.
    ///
    /// # Errors
    /// [`Error::Store`] or [`Error::Key`] if the signing keys cannot be read or made, and if the
    /// details have no JSON form.
    pub async fn sign_event<T: Serialize>(
        &self,
        event: SecurityEvent<'_, T>,
        audience: &str,
        now: UnixTime,
    ) -> Result<String, Error> {
        let SecurityEvent { id, uri, at, account, details } = event;
        let sub_id = account.map(|account| Subject { format: "opaque", id: account.as_str() });
        let claims = Claims {
            iss: self.name(),
            aud: audience,
            iat: now.0,
            jti: id,
            toe: at.0,
            sub_id,
            events: BTreeMap::from([(uri, details)]),
        };
        Ok(self.sign(TYP, &claims).await?.as_str().to_owned())
    }
}

/// RFC 8417 §2.3.
const TYP: &str = "secevent+jwt";
