//! Access keys, and the signing keys that are derived of them.

use std::fmt;

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use crate::aws::sigv4::BadPart;
use crate::aws::sigv4::scope::{AccessKeyId, Scope, TERMINATOR};
use crate::aws::sigv4::signature::{Signature, to_hex};
use crate::secret::Secret;

/// An access key: its public name and its secret. `Debug` is redacted.
#[derive(Clone)]
pub struct AccessKey {
    id: AccessKeyId,
    secret: Secret,
}

/// A derived key: good for one access key, and for one day, region and service. Who holds it can
/// verify and sign there, and learns nothing of the secret.
///
/// Wiped when dropped; `Debug` shows the scope alone.
pub struct SigningKey {
    id: AccessKeyId,
    scope: Scope,
    bytes: Zeroizing<[u8; 32]>,
    hmac: hmac::Key,
}

impl AccessKey {
    /// The key of a name and a secret, which is the text that AWS calls `SecretAccessKey`.
    ///
    /// # Errors
    /// [`BadPart`] if the secret is empty or longer than 128 bytes.
    pub fn new(id: AccessKeyId, secret: Secret) -> Result<AccessKey, BadPart> {
        if !(1..=128).contains(&secret.expose().len()) {
            return Err(BadPart("a secret access key has 1 to 128 bytes"));
        }
        Ok(AccessKey { id, secret })
    }

    /// The public name.
    pub fn id(&self) -> &AccessKeyId {
        &self.id
    }

    /// SHA-256 of the secret, to tell one from another.
    pub(super) fn fingerprint(&self) -> [u8; 32] {
        sha256(self.secret.expose())
    }
}

impl SigningKey {
    /// Derives the key of a scope: four HMACs, in the order of the scope's parts.
    #[must_use]
    pub fn derive(key: &AccessKey, scope: Scope) -> SigningKey {
        let first = Zeroizing::new([b"AWS4", key.secret.expose()].concat());
        let day = mac(&first, scope.day().to_string().as_bytes());
        let region = mac(&*day, scope.region().as_bytes());
        let service = mac(&*region, scope.service().as_bytes());
        let bytes = mac(&*service, TERMINATOR.as_bytes());
        SigningKey::prepared(key.id.clone(), scope, bytes)
    }

    /// A key that was derived elsewhere.
    #[must_use]
    pub fn from_bytes(id: AccessKeyId, scope: Scope, bytes: [u8; 32]) -> SigningKey {
        SigningKey::prepared(id, scope, Zeroizing::new(bytes))
    }

    fn prepared(id: AccessKeyId, scope: Scope, bytes: Zeroizing<[u8; 32]>) -> SigningKey {
        let hmac = hmac::Key::new(hmac::HMAC_SHA256, &*bytes);
        SigningKey { id, scope, bytes, hmac }
    }

    /// The name of the access key.
    pub fn access_key_id(&self) -> &AccessKeyId {
        &self.id
    }

    /// Day, region and service of the key.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The key. Callers keep it out of logs, errors and copies.
    pub fn expose(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// The key in 64 hexadecimal digits, for [`SigningKey::from_bytes`] elsewhere.
    pub fn expose_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(to_hex(&self.bytes))
    }

    /// The signature of a string to sign.
    pub(super) fn sign(&self, text: &str) -> Signature {
        Signature(tag_of(&self.hmac, text.as_bytes()))
    }

    /// True if this is the signature of a string to sign. Compares in constant time.
    pub(super) fn verifies(&self, text: &str, signature: &Signature) -> bool {
        hmac::verify(&self.hmac, text.as_bytes(), &signature.0).is_ok()
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessKey({}, ..)", self.id)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, {}, ..)", self.id, self.scope)
    }
}

/// SHA-256.
pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    let mut copy = [0; 32];
    copy.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
    copy
}

/// HMAC-SHA256 (RFC 2104) under a key in bytes.
fn mac(key: &[u8], message: &[u8]) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(tag_of(&hmac::Key::new(hmac::HMAC_SHA256, key), message))
}

fn tag_of(key: &hmac::Key, message: &[u8]) -> [u8; 32] {
    let tag = hmac::sign(key, message);
    let mut bytes = [0; 32];
    bytes.iter_mut().zip(tag.as_ref()).for_each(|(to, from)| *to = *from);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// IAM User Guide, "Create a signed AWS API request": the example of deriving a key.
    #[test]
    fn the_key_of_the_guide_is_derived() {
        let scope = Scope::new("20150830".parse().unwrap(), "us-east-1", "iam").unwrap();
        let secret = Secret::from(b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".as_slice());
        let key = AccessKey::new("AKIDEXAMPLE".parse().unwrap(), secret).unwrap();
        let derived = SigningKey::derive(&key, scope.clone());
        assert_eq!(
            to_hex(derived.expose()),
            "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"
        );
        let given = SigningKey::from_bytes(key.id.clone(), scope, *derived.expose());
        assert_eq!(given.sign("text").0, derived.sign("text").0);
        assert!(given.verifies("text", &derived.sign("text")));
        assert!(!given.verifies("texts", &derived.sign("text")));
    }

    #[test]
    fn no_secret_is_shown() {
        let scope = Scope::new("20150830".parse().unwrap(), "r", "s").unwrap();
        let secret = Secret::from(b"hidden".as_slice());
        let key = AccessKey::new("AKIDEXAMPLE".parse().unwrap(), secret).unwrap();
        assert_eq!(format!("{key:?}"), "AccessKey(AKIDEXAMPLE, ..)");
        let shown = format!("{:?}", SigningKey::derive(&key, scope));
        assert_eq!(shown, "SigningKey(AKIDEXAMPLE, 20150830/r/s/aws4_request, ..)");
    }

    #[test]
    fn a_secret_has_a_length() {
        for (length, fits) in [(0, false), (1, true), (128, true), (129, false)] {
            let secret = Secret::new(vec![b'a'; length]);
            assert_eq!(AccessKey::new("A".parse().unwrap(), secret).is_ok(), fits, "{length}");
        }
    }
}
