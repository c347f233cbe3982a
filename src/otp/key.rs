//! HMAC (RFC 2104) on cached midstates, and the truncation of RFC 4226 §5.3.
//!
//! A key costs two compressions to prepare, and each value two more: the padded key blocks are never hashed again.

use std::cell::Cell;
use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::Serialize;
use sha1::Digest;
use sha1::Sha1;
use sha2::Sha256;
use sha2::Sha512;
use subtle::Choice;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;
use zeroize::Zeroizing;

use crate::otp::BadParameter;
use crate::otp::Code;
use crate::otp::Seed;

/// The hash function of the HMAC: RFC 4226 has SHA-1, RFC 6238 §1.2 adds the other two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Algorithm {
    /// What every authenticator app understands.
    #[default]
    Sha1,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

/// How many digits a device shows: 6, 7 or 8 (RFC 4226 §5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Digits(u8);

/// A seed made ready for searching. Wiped when dropped; `Debug` is blank.
pub struct Key {
    midstates: Midstates,
    digits: Digits,
}

/// The states after the inner and the outer padded key block.
enum Midstates {
    Sha1([[u32; 5]; 2]),
    Sha256([[u32; 8]; 2]),
    Sha512([[u64; 8]; 2]),
}

impl Key {
    /// Prepares `seed`. A seed longer than a block of the hash is hashed first (RFC 2104 §2).
    pub fn new(seed: &Seed, algorithm: Algorithm, digits: Digits) -> Key {
        let seed = seed.expose();
        let midstates = match algorithm {
            Algorithm::Sha1 => Midstates::Sha1(pads::<64>(seed, hashed::<Sha1>).map(|pad| {
                let mut state = SHA1_INITIAL;
                sha1_block(&mut state, &pad);
                state
            })),
            Algorithm::Sha256 => Midstates::Sha256(pads::<64>(seed, hashed::<Sha256>).map(|pad| {
                let mut state = SHA256_INITIAL;
                sha256_block(&mut state, &pad);
                state
            })),
            Algorithm::Sha512 => Midstates::Sha512(pads::<128>(seed, hashed::<Sha512>).map(|pad| {
                let mut state = SHA512_INITIAL;
                sha512_block(&mut state, &pad);
                state
            })),
        };
        Key { midstates, digits }
    }

    /// Whether `code` is the value at `factor`, in time that depends on neither.
    pub(crate) fn matches(&self, factor: u64, code: &Code) -> Choice {
        self.shows(self.value(factor), code)
    }

    /// Whether `first`, and whether `second`, is the value at `factor`.
    pub(crate) fn matches_either(&self, factor: u64, first: &Code, second: &Code) -> (Choice, Choice) {
        let value = self.value(factor);
        (self.shows(value, first), self.shows(value, second))
    }

    fn shows(&self, value: u32, code: &Code) -> Choice {
        value.ct_eq(&code.value()) & self.digits.0.ct_eq(&code.length())
    }

    /// HOTP(K, C) of RFC 4226 §5.3 as a number.
    pub(crate) fn value(&self, factor: u64) -> u32 {
        truncate(&self.mac(factor)) % 10u32.pow(u32::from(self.digits.0))
    }

    /// HMAC(K, factor), the factor as 8 bytes, most significant first (RFC 4226 §5.2); zero after the hash's length.
    fn mac(&self, factor: u64) -> Mac {
        let message = factor.to_be_bytes();
        match &self.midstates {
            Midstates::Sha1([inner, outer]) => {
                let (mut first, mut second) = (*inner, *outer);
                sha1_block(&mut first, &last_block::<64>(&message));
                sha1_block(&mut second, &last_block::<64>(&bytes_of::<20, 4, _>(first, u32::to_be_bytes)));
                Mac { bytes: widen(&bytes_of::<20, 4, _>(second, u32::to_be_bytes)), length: 20 }
            }
            Midstates::Sha256([inner, outer]) => {
                let (mut first, mut second) = (*inner, *outer);
                sha256_block(&mut first, &last_block::<64>(&message));
                sha256_block(&mut second, &last_block::<64>(&bytes_of::<32, 4, _>(first, u32::to_be_bytes)));
                Mac { bytes: widen(&bytes_of::<32, 4, _>(second, u32::to_be_bytes)), length: 32 }
            }
            Midstates::Sha512([inner, outer]) => {
                let (mut first, mut second) = (*inner, *outer);
                sha512_block(&mut first, &last_block::<128>(&message));
                sha512_block(&mut second, &last_block::<128>(&bytes_of::<64, 8, _>(first, u64::to_be_bytes)));
                Mac { bytes: bytes_of::<64, 8, _>(second, u64::to_be_bytes), length: 64 }
            }
        }
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        match &mut self.midstates {
            Midstates::Sha1(states) => states.zeroize(),
            Midstates::Sha256(states) => states.zeroize(),
            Midstates::Sha512(states) => states.zeroize(),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

impl Digits {
    /// Six, what every authenticator app shows.
    pub const SIX: Digits = Digits(6);

    /// The number of digits.
    pub fn count(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for Digits {
    type Error = BadParameter;

    fn try_from(count: u8) -> Result<Digits, BadParameter> {
        if (6..=8).contains(&count) { Ok(Digits(count)) } else { Err(BadParameter("a code has 6, 7 or 8 digits")) }
    }
}

impl From<Digits> for u8 {
    fn from(digits: Digits) -> u8 {
        digits.0
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Algorithm::Sha1 => "SHA1",
            Algorithm::Sha256 => "SHA256",
            Algorithm::Sha512 => "SHA512",
        })
    }
}

impl FromStr for Algorithm {
    type Err = BadParameter;

    fn from_str(text: &str) -> Result<Algorithm, BadParameter> {
        match text.to_ascii_uppercase().as_str() {
            "SHA1" => Ok(Algorithm::Sha1),
            "SHA256" => Ok(Algorithm::Sha256),
            "SHA512" => Ok(Algorithm::Sha512),
            _ => Err(BadParameter("the algorithm is SHA1, SHA256 or SHA512")),
        }
    }
}

/// How many blocks the hash functions have compressed on this thread, ever.
///
/// Time is noisy and this is not: that every refusal costs the same is tested with it.
pub fn compressions() -> u64 {
    COMPRESSIONS.get()
}

thread_local! {
    static COMPRESSIONS: Cell<u64> = const { Cell::new(0) };
}

fn count(blocks: u64) {
    COMPRESSIONS.set(COMPRESSIONS.get().wrapping_add(blocks));
}

struct Mac {
    bytes: [u8; 64],
    length: usize,
}

/// Dynamic truncation: 31 bits of the MAC, at an offset that its last byte chooses (RFC 4226 §5.3).
fn truncate(mac: &Mac) -> u32 {
    let offset = usize::from(mac.bytes[mac.length - 1] & 0xf);
    let word = [mac.bytes[offset], mac.bytes[offset + 1], mac.bytes[offset + 2], mac.bytes[offset + 3]];
    u32::from_be_bytes(word) & 0x7fff_ffff
}

/// The key block XORed with ipad and with opad (RFC 2104 §2).
fn pads<const BLOCK: usize>(seed: &[u8], hash: fn(&[u8]) -> Zeroizing<Vec<u8>>) -> [Zeroizing<[u8; BLOCK]>; 2] {
    let mut block = Zeroizing::new([0; BLOCK]);
    if seed.len() > BLOCK {
        let digest = hash(seed);
        block[..digest.len()].copy_from_slice(&digest);
        // The hash appends at least nine bytes before it fills its last block.
        count(u64::try_from((seed.len() + 9).div_ceil(BLOCK)).unwrap_or(0));
    } else {
        block[..seed.len()].copy_from_slice(seed);
    }
    [0x36, 0x5c].map(|pad| Zeroizing::new(block.map(|byte| byte ^ pad)))
}

fn hashed<D: Digest>(seed: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(D::digest(seed).to_vec())
}

/// `message` with the padding of SHA-1 and SHA-2, where one padded key block went before it.
fn last_block<const BLOCK: usize>(message: &[u8]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    block[..message.len()].copy_from_slice(message);
    block[message.len()] = 0x80;
    // At most (128 + 64) · 8 bits: two bytes hold it.
    let bits = u16::try_from((BLOCK + message.len()) * 8).unwrap_or(u16::MAX).to_be_bytes();
    block[BLOCK - 2..].copy_from_slice(&bits);
    block
}

fn bytes_of<const N: usize, const W: usize, T: Copy>(words: impl AsRef<[T]>, be_bytes: fn(T) -> [u8; W]) -> [u8; N] {
    let mut bytes = [0; N];
    for (chunk, word) in bytes.chunks_exact_mut(W).zip(words.as_ref()) {
        chunk.copy_from_slice(&be_bytes(*word));
    }
    bytes
}

fn widen(bytes: &[u8]) -> [u8; 64] {
    let mut wide = [0; 64];
    wide[..bytes.len()].copy_from_slice(bytes);
    wide
}

fn sha1_block(state: &mut [u32; 5], block: &[u8; 64]) {
    count(1);
    sha1::block_api::compress(state, std::slice::from_ref(block));
}

fn sha256_block(state: &mut [u32; 8], block: &[u8; 64]) {
    count(1);
    sha2::block_api::compress256(state, std::slice::from_ref(block));
}

fn sha512_block(state: &mut [u64; 8], block: &[u8; 128]) {
    count(1);
    sha2::block_api::compress512(state, std::slice::from_ref(block));
}

/// FIPS 180-4 §5.3.1.
const SHA1_INITIAL: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];

/// FIPS 180-4 §5.3.3.
const SHA256_INITIAL: [u32; 8] = [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// FIPS 180-4 §5.3.5.
const SHA512_INITIAL: [u64; 8] = [
    0x6a09_e667_f3bc_c908,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1,
    0x9b05_688c_2b3e_6c1f,
    0x1f83_d9ab_fb41_bd6b,
    0x5be0_cd19_137e_2179,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4226 Appendix D: the intermediate values of counter 0.
    #[test]
    fn the_mac_and_its_truncation_are_those_of_rfc_4226_appendix_d() {
        let key = Key::new(&Seed::new(b"12345678901234567890".to_vec()).unwrap(), Algorithm::Sha1, Digits::SIX);
        let mac = key.mac(0);
        let hex: String = mac.bytes[..20].iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "cc93cf18508d94934c64b65d8ba7667fb7cde4b0");
        assert_eq!(truncate(&mac), 0x4c93_cf18);
        assert_eq!(key.value(0), 755_224);
    }

    /// RFC 4231 §4.2–4.7 has the same construction with other messages; a plain HMAC over ours must agree, for seeds on
    /// both sides of the block size.
    #[test]
    fn the_midstates_give_what_the_definition_gives() {
        fn plain<D: Digest>(seed: &[u8], block: usize, message: &[u8]) -> Vec<u8> {
            let mut key = if seed.len() > block { D::digest(seed).to_vec() } else { seed.to_vec() };
            key.resize(block, 0);
            let xor = |pad: u8| key.iter().map(|byte| byte ^ pad).collect::<Vec<u8>>();
            let inner = D::digest([xor(0x36), message.to_vec()].concat()).to_vec();
            D::digest([xor(0x5c), inner].concat()).to_vec()
        }
        for length in 10..=128u8 {
            let bytes: Vec<u8> = (0..length).map(|i| i.wrapping_mul(37)).collect();
            let seed = Seed::new(bytes.clone()).unwrap();
            for factor in [0, 1, 1 << 33, u64::MAX] {
                let message = factor.to_be_bytes();
                let mac = |algorithm| {
                    let mac = Key::new(&seed, algorithm, Digits::SIX).mac(factor);
                    mac.bytes[..mac.length].to_vec()
                };
                assert_eq!(mac(Algorithm::Sha1), plain::<Sha1>(&bytes, 64, &message));
                assert_eq!(mac(Algorithm::Sha256), plain::<Sha256>(&bytes, 64, &message));
                assert_eq!(mac(Algorithm::Sha512), plain::<Sha512>(&bytes, 128, &message));
            }
        }
    }
}
