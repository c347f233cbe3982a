//! The sum of the tags of all rows: equal sets of rows have equal sums, in any order, and one row
//! more, less or other changes it in a way that only a holder of the key can foresee.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};

use super::fault::Fault;
use crate::store::{MacKey, random};

/// A sum of digests, in four parts that overflow by themselves.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sum([u64; 4]);

impl Sum {
    pub(super) fn add(&mut self, term: [u8; 32]) {
        let parts = self.0.iter_mut().zip(words(&term));
        parts.for_each(|(part, word)| *part = part.wrapping_add(word));
    }

    pub(super) fn subtract(&mut self, term: [u8; 32]) {
        let parts = self.0.iter_mut().zip(words(&term));
        parts.for_each(|(part, word)| *part = part.wrapping_sub(word));
    }
}

/// The sum as it is kept: encrypted, since differences of sums would tell about digests, and bound
/// to a state of the store, so that no older one fits.
pub(super) fn seal(key: &MacKey, state: &[u8], sum: &Sum) -> Result<Vec<u8>, Fault> {
    let failed = |error: String| Fault::Corrupt(format!("its sum cannot be sealed: {error}"));
    let nonce = random::<24>().map_err(|error| failed(error.to_string()))?;
    let bytes: Vec<u8> = sum.0.iter().flat_map(|part| part.to_be_bytes()).collect();
    let payload = Payload { msg: &bytes, aad: state };
    let sealed = cipher(key).encrypt(&XNonce::from(*nonce), payload);
    let sealed = sealed.map_err(|error| failed(error.to_string()))?;
    Ok([&nonce[..], &sealed].concat())
}

/// The sum that was sealed for this state of the store; none if it is of another one.
pub(super) fn open(key: &MacKey, state: &[u8], sealed: &[u8]) -> Option<Sum> {
    let (nonce, sealed) = sealed.split_first_chunk::<24>()?;
    let payload = Payload { msg: sealed, aad: state };
    let bytes = cipher(key).decrypt(&XNonce::from(*nonce), payload).ok()?;
    let mut sum = Sum::default();
    sum.add(bytes.try_into().ok()?);
    Some(sum)
}

fn cipher(key: &MacKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&key.mac(&[b"seal of the sum"]).into())
}

fn words(term: &[u8; 32]) -> impl Iterator<Item = u64> + '_ {
    term.as_chunks::<8>().0.iter().map(|word| u64::from_be_bytes(*word))
}
