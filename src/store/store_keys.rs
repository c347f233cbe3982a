//! Keys that authenticate what a store keeps.
//!
//! They are derived from the store's pepper, which is sealed under the keyring: an editor of the
//! database does not have them. They stay when sealing keys are replaced.

use std::fmt;

use hkdf::Hkdf;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::secret::Secret;

/// The keys of one store, one for each purpose.
#[derive(Clone, Debug)]
pub struct StoreKeys {
    /// Authenticates the audit log.
    pub audit: MacKey,
    /// Authenticates all other rows.
    pub rows: MacKey,
}

/// A key of HMAC-SHA-256 (RFC 2104).
#[derive(Clone)]
pub struct MacKey(Secret);

impl StoreKeys {
    /// The keys of the store that keeps this pepper.
    pub fn of(pepper: &Secret) -> Option<StoreKeys> {
        Some(StoreKeys {
            audit: MacKey::derived(pepper, b"twostep audit")?,
            rows: MacKey::derived(pepper, b"twostep rows")?,
        })
    }
}

impl MacKey {
    /// HKDF-SHA-256 (RFC 5869) of the pepper.
    fn derived(pepper: &Secret, purpose: &[u8]) -> Option<MacKey> {
        let mut key = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(None, pepper.expose()).expand(purpose, &mut key[..]).ok()?;
        Some(MacKey(Secret::from(&key[..])))
    }

    /// The MAC of the parts, different for each way of cutting the same bytes into parts.
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        mac(&self.0, parts)
    }

    /// Compares a MAC in constant time.
    pub fn verifies(&self, mac: &[u8], parts: &[&[u8]]) -> bool {
        self.mac(parts).ct_eq(mac).into()
    }
}

/// HMAC-SHA-256 of the parts, each with its length in eight bytes before it.
pub(super) fn mac(key: &Secret, parts: &[&[u8]]) -> [u8; 32] {
    let mut input = Zeroizing::new(Vec::new());
    for part in parts {
        input.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        input.extend_from_slice(part);
    }
    // HKDF-Extract is HMAC(salt, input) (RFC 5869 §2.2); the key is its salt.
    Hkdf::<Sha256>::extract(Some(key.expose()), &input).0.into()
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(..)")
    }
}
