//! JWS in compact serialisation (RFC 7515 §3.1), read strictly: one spelling, one algorithm for
//! each key, and no other header members.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::session::{Invalid, JwkSet, PublicKey};

/// The protected header. Any other member is refused: `jwk`,
/// `jku`, `x5u`, `crit`, `b64`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub(super) alg: String,
    pub(super) kid: String,
    pub(super) typ: String,
}

/// A verified JWS: its type, its key and its payload.
pub(super) struct Opened<'a> {
    pub(super) typ: &'static str,
    pub(super) key: Arc<PublicKey>,
    payload: &'a str,
}

impl Opened<'_> {
    /// The payload's JSON.
    pub(super) fn payload<T: DeserializeOwned>(&self) -> Option<T> {
        decoded(self.payload)
    }
}

/// Verifies a text of one of these types by one of these keys.
pub(super) fn open<'a>(
    text: &'a str,
    types: &[&'static str],
    keys: &JwkSet,
) -> Result<Opened<'a>, Invalid> {
    let (message, signature) = text.rsplit_once('.').ok_or(Invalid::Malformed)?;
    let (header, payload) = message.split_once('.').ok_or(Invalid::Malformed)?;
    let header: Header = decoded(header).ok_or(Invalid::Malformed)?;
    let typ = types.iter().copied().find(|typ| header.typ == *typ).ok_or(Invalid::Type)?;
    // The algorithm is the key's; the header may only agree (RFC 8725 §3.1).
    let mut fitting =
        keys.named(&header.kid).iter().filter(|key| key.accepts(&header.alg)).peekable();
    fitting.peek().ok_or(Invalid::Key)?;
    let key = fitting
        .find(|key| key.verifies(message.as_bytes(), signature))
        .ok_or(Invalid::Signature)?;
    Ok(Opened { typ, key: Arc::clone(key), payload })
}

/// One part of the text: base64url without padding (RFC 7515 §2) of JSON.
fn decoded<T: DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}
