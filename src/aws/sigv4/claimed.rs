//! The way from a claim to a signed request: one comparison.

use std::fmt;
use std::time::Duration;

use crate::aws::sigv4::key::{AccessKey, SigningKey};
use crate::aws::sigv4::payload::Payload;
use crate::aws::sigv4::refusal::Refusal;
use crate::aws::sigv4::scope::{AccessKeyId, Scope};
use crate::aws::sigv4::signature::Signature;
use crate::aws::sigv4::token::SessionToken;
use crate::time::UnixTime;

/// Claims of a request about its signer: read, well formed, in scope and in time, but not proved.
///
/// `Debug` shows the access key id and the scope alone.
#[must_use]
pub struct Claimed {
    pub(super) facts: Facts,
    pub(super) signature: Signature,
    pub(super) canonical_request: Vec<u8>,
    pub(super) string_to_sign: String,
}

/// A request whose signature is that of the access key. Only [`Claimed::verify`] makes it.
#[must_use]
pub struct Signed(Facts);

/// Content of a signature, claimed or proved.
pub(super) struct Facts {
    pub(super) access_key_id: AccessKeyId,
    pub(super) scope: Scope,
    pub(super) signed_at: UnixTime,
    pub(super) form: Form,
    pub(super) session_token: Option<SessionToken>,
    /// Small letters, in order.
    pub(super) signed_headers: Vec<String>,
    pub(super) payload: Payload,
}

/// Form of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// In the `Authorization` header.
    Header,
    /// In the query.
    Presigned {
        /// Lifetime, counted from the time of signing.
        expires: Duration,
    },
}

impl Claimed {
    /// Compares the signature with that of the key, in constant time.
    ///
    /// # Errors
    /// [`Refusal::Mismatch`] if the key is that of another access key or scope, or if it signs
    /// otherwise.
    pub fn verify(self, key: &SigningKey) -> Result<Signed, Refusal> {
        let is_named =
            *key.access_key_id() == self.facts.access_key_id && *key.scope() == self.facts.scope;
        if is_named && key.verifies(&self.string_to_sign, &self.signature) {
            Ok(Signed(self.facts))
        } else {
            Err(Refusal::Mismatch)
        }
    }

    /// Derives the signing key, and compares. [`crate::aws::sigv4::KeyCache`] spares the first.
    ///
    /// # Errors
    /// As [`Claimed::verify`].
    pub fn verify_with(self, key: &AccessKey) -> Result<Signed, Refusal> {
        let key = SigningKey::derive(key, self.facts.scope.clone());
        self.verify(&key)
    }

    /// The access key that is said to have signed.
    pub fn access_key_id(&self) -> &AccessKeyId {
        &self.facts.access_key_id
    }

    /// The scope of the key.
    pub fn scope(&self) -> &Scope {
        &self.facts.scope
    }

    /// The session token, which may hold the key itself. Its owner checks it.
    pub fn session_token(&self) -> Option<&SessionToken> {
        self.facts.session_token.as_ref()
    }

    /// The time of signing.
    pub fn signed_at(&self) -> UnixTime {
        self.facts.signed_at
    }

    /// The form of the signature.
    pub fn form(&self) -> Form {
        self.facts.form
    }

    /// The canonical request, for a client to compare with its own. Holds the values of signed
    /// headers, a session token among them: never for logs.
    pub fn canonical_request(&self) -> &[u8] {
        &self.canonical_request
    }

    /// The string to sign, for a client to compare with its own.
    pub fn string_to_sign(&self) -> &str {
        &self.string_to_sign
    }
}

impl Signed {
    /// The access key that signed.
    pub fn access_key_id(&self) -> &AccessKeyId {
        &self.0.access_key_id
    }

    /// The scope of the key.
    pub fn scope(&self) -> &Scope {
        &self.0.scope
    }

    /// The session token, which is signed too.
    pub fn session_token(&self) -> Option<&SessionToken> {
        self.0.session_token.as_ref()
    }

    /// The time of signing.
    pub fn signed_at(&self) -> UnixTime {
        self.0.signed_at
    }

    /// The form of the signature.
    pub fn form(&self) -> Form {
        self.0.form
    }

    /// Relation of the signature to the body.
    pub fn payload(&self) -> Payload {
        self.0.payload
    }

    /// True if the signature covers a header, so that its value is the signer's.
    pub fn covers(&self, header: &str) -> bool {
        self.0.signed_headers.iter().any(|name| name.eq_ignore_ascii_case(header))
    }
}

impl fmt::Debug for Claimed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Claimed({}, {}, ..)", self.facts.access_key_id, self.facts.scope)
    }
}

impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signed({}, {}, ..)", self.0.access_key_id, self.0.scope)
    }
}
