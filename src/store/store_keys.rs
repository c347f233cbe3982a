//! Keys that authenticate what a store keeps.
//!
//! They are derived from the store's pepper, which is sealed under the keyring: an editor of the
//! database does not have them. They stay when sealing keys are replaced.

use std::fmt;
use std::sync::Arc;

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
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

/// A key of HMAC-SHA-256 (RFC 2104), whose padded blocks are hashed already. Wiped when dropped.
#[derive(Clone)]
pub struct MacKey(Arc<Hmac<Sha256>>);

/// A MAC that takes its input in pieces.
pub(super) struct Macing(Hmac<Sha256>);

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
    /// A key of any length.
    #[allow(clippy::expect_used, reason = "HMAC has no length that it refuses (RFC 2104 §2)")]
    pub(super) fn new(key: &[u8]) -> MacKey {
        MacKey(Arc::new(Hmac::new_from_slice(key).expect("HMAC takes keys of any length")))
    }

    /// HKDF-SHA-256 (RFC 5869) of the pepper.
    fn derived(pepper: &Secret, purpose: &[u8]) -> Option<MacKey> {
        let mut key = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(None, pepper.expose()).expand(purpose, &mut key[..]).ok()?;
        Some(MacKey::new(&key[..]))
    }

    /// The MAC of the parts, each with its length in eight bytes before it: different for each way
    /// of cutting the same bytes into parts.
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.begin();
        for part in parts {
            mac.part(part);
        }
        mac.end()
    }

    /// Compares a MAC in constant time.
    pub fn verifies(&self, mac: &[u8], parts: &[&[u8]]) -> bool {
        self.mac(parts).ct_eq(mac).into()
    }

    /// Begins the MAC of parts that are given piece by piece.
    pub(super) fn begin(&self) -> Macing {
        Macing(Hmac::clone(&self.0))
    }
}

impl Macing {
    /// A whole part, with its length before it.
    pub(super) fn part(&mut self, part: &[u8]) {
        self.length(part.len());
        self.bytes(part);
    }

    /// The length of the part that follows.
    pub(super) fn length(&mut self, length: usize) {
        self.bytes(&u64::try_from(length).unwrap_or(u64::MAX).to_be_bytes());
    }

    /// A piece of a part.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The MAC.
    pub(super) fn end(self) -> [u8; 32] {
        self.0.finalize().into_bytes().into()
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231 §4.3.
    #[test]
    fn a_mac_is_hmac_sha_256() {
        let mut mac = MacKey::new(b"Jefe").begin();
        mac.bytes(b"what do ya want ");
        mac.bytes(b"for nothing?");
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let hex: String = mac.end().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected);
    }

    #[test]
    fn parts_and_pieces_are_told_apart() {
        let key = MacKey::new(&[7; 32]);
        assert_ne!(key.mac(&[b"ab", b"c"]), key.mac(&[b"a", b"bc"]));
        let mut pieces = key.begin();
        pieces.length(3);
        pieces.bytes(b"a");
        pieces.bytes(b"bc");
        assert_eq!(pieces.end(), key.mac(&[b"abc"]));
    }
}
