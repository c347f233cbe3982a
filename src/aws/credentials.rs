//! Temporary credentials: a key whose session token holds all that the verifier has to know of it.
//!
//! The token is sealed under the store's keyring and kept by its holder alone. Inside lies a signed
//! context, so that all that ends a context ends the credentials with it, at the next request.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::aws::access_key::KeyOwner;
use crate::aws::secret::{self, Written};
use crate::aws::sigv4::{AccessKey, AccessKeyId, SessionToken};
use crate::aws::unique_id::{IdKind, new_id};
use crate::secret::Secret;
use crate::session::SignedContext;
use crate::store::{KeyError, SealedPlace, Sealer};
use crate::time::UnixTime;

/// Temporary credentials, as they are handed out. `Debug` shows the id alone.
pub struct Credentials {
    /// The id: `ASIA` and 16 characters.
    pub id: AccessKeyId,
    /// The secret: 40 characters.
    pub secret: Zeroizing<String>,
    /// The session token: under 2,048 bytes.
    pub token: Zeroizing<String>,
    /// The end.
    pub expires_at: UnixTime,
}

/// Content of a session token beside its own key.
pub struct Grant {
    /// The principal.
    pub owner: KeyOwner,
    /// The long-term key that asked; the session ends with it. None for a session that a context
    /// opened by itself.
    pub parent: Option<AccessKeyId>,
    /// The context of the session.
    pub context: SignedContext,
    /// The end of it.
    pub expires_at: UnixTime,
}

/// An opened session token. `Debug` is not implemented.
pub struct OpenedToken {
    /// Its content.
    pub grant: Grant,
    /// The key that goes with it.
    pub key: AccessKey,
}

/// A session token before it is sealed.
#[derive(Serialize, Deserialize)]
struct Inside {
    #[serde(with = "crate::aws::secret::as_text")]
    id: AccessKeyId,
    secret: Written,
    owner: KeyOwner,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent: Option<String>,
    context: Written,
    expires_at: UnixTime,
}

impl Credentials {
    /// New credentials for this grant.
    ///
    /// # Errors
    /// [`KeyError`] if there are no random bytes, or no key to seal with.
    pub fn issue(sealer: &Sealer, grant: &Grant) -> Result<Credentials, KeyError> {
        let id: AccessKeyId = new_id(IdKind::TemporaryKey)?.parse().map_err(impossible)?;
        let secret = secret::new()?;
        let inside = Inside {
            id: id.clone(),
            secret: Written::of(&secret),
            owner: grant.owner.clone(),
            parent: grant.parent.as_ref().map(ToString::to_string),
            context: Written::of(grant.context.as_str()),
            expires_at: grant.expires_at,
        };
        let plain = Zeroizing::new(serde_json::to_vec(&inside).map_err(impossible)?);
        let sealed = sealer.keyring().seal(&SealedPlace::SessionToken, &plain)?;
        let token = Zeroizing::new(URL_SAFE_NO_PAD.encode(sealed.as_bytes()));
        Ok(Credentials { id, secret, token, expires_at: grant.expires_at })
    }
}

impl OpenedToken {
    /// Opens a session token that came with this key; none if it was not made here, was changed, or
    /// is another key's. Whether it is over is for the caller to judge.
    pub fn open(sealer: &Sealer, token: &SessionToken, id: &AccessKeyId) -> Option<OpenedToken> {
        let bytes = URL_SAFE_NO_PAD.decode(token.expose()).ok()?;
        let sealed = crate::store::Sealed::recognised(bytes)?;
        let plain = sealer.keyring().open(&SealedPlace::SessionToken, &sealed)?;
        let inside: Inside = serde_json::from_slice(plain.expose()).ok()?;
        let secret = Secret::from(inside.secret.as_str().as_bytes());
        let key = AccessKey::new(inside.id, secret).ok()?;
        let grant = Grant {
            owner: inside.owner,
            parent: inside.parent.map(|id| id.parse()).transpose().ok()?,
            context: SignedContext::new(inside.context.as_str()),
            expires_at: inside.expires_at,
        };
        (key.id() == id).then_some(OpenedToken { grant, key })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({}, ..)", self.id)
    }
}

/// Ids and JSON of strings are always made; a fault would be one of the system's random bytes.
fn impossible(fault: impl fmt::Display) -> KeyError {
    KeyError::Random(fault.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Keyring;

    fn sealer() -> Sealer {
        Sealer::new(Keyring::ephemeral().unwrap(), Secret::from([7; 32].as_slice()))
    }

    fn grant() -> Grant {
        Grant {
            owner: KeyOwner::User("alice@example.com".parse().unwrap()),
            parent: Some("AKIAAAAAAAAAAAAAAAAA".parse().unwrap()),
            context: SignedContext::new("c".repeat(700)),
            expires_at: UnixTime(1_900_000_000),
        }
    }

    #[test]
    fn a_token_opens_for_its_own_key_alone() {
        let sealer = sealer();
        let (one, two) = (
            Credentials::issue(&sealer, &grant()).unwrap(),
            Credentials::issue(&sealer, &grant()).unwrap(),
        );
        assert_eq!((one.id.as_str().len(), one.secret.len()), (20, 40));
        assert!(one.token.len() < 2_048, "{}", one.token.len());
        let token = SessionToken::new(one.token.to_string());
        let opened = OpenedToken::open(&sealer, &token, &one.id).unwrap();
        assert_eq!(opened.grant.owner, grant().owner);
        assert_eq!(opened.grant.parent, grant().parent);
        assert_eq!(opened.grant.expires_at, grant().expires_at);
        assert!(OpenedToken::open(&sealer, &token, &two.id).is_none());
        assert!(OpenedToken::open(&self::sealer(), &token, &one.id).is_none());
    }

    #[test]
    fn a_changed_token_does_not_open() {
        let sealer = sealer();
        let made = Credentials::issue(&sealer, &grant()).unwrap();
        for at in 0..made.token.len() {
            let mut changed = made.token.as_bytes().to_vec();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let token = SessionToken::new(String::from_utf8(changed).unwrap());
            let opened = OpenedToken::open(&sealer, &token, &made.id);
            // The last character holds bits that are no part of the bytes.
            assert!(opened.is_none() || at == made.token.len() - 1, "{at}");
        }
        for text in ["", "A", "%%%", &made.token[..100]] {
            let token = SessionToken::new(text.to_owned());
            assert!(OpenedToken::open(&sealer, &token, &made.id).is_none());
        }
    }
}
