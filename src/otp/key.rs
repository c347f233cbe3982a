//! HMAC (RFC 2104) on cached midstates, and the truncation of RFC 4226 §5.3.
//!
//! Preparing a key costs two compressions, and each code two more: the padded key blocks are hashed
//! once.

use std::cell::Cell;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};
use sha2::{Sha256, Sha512};
use subtle::Choice;
use zeroize::{Zeroize, Zeroizing};

use crate::otp::lanes::LANES;
use crate::otp::{BadParameter, Code, Seed, lanes};

/// The hash function of the HMAC: RFC 4226 has SHA-1, RFC 6238 §1.2 adds the other two.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum Algorithm {
    /// Understood by every authenticator app.
    #[default]
    Sha1,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

/// Number of digits of a code: 6, 7 or 8 (RFC 4226 §5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Digits(u8);

/// A seed prepared for searching. Wiped when dropped; `Debug` is redacted.
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
            Algorithm::Sha1 => {
                Midstates::Sha1(midstates(seed, hashed::<Sha1>, SHA1_INITIAL, sha1_block))
            }
            Algorithm::Sha256 => {
                Midstates::Sha256(midstates(seed, hashed::<Sha256>, SHA256_INITIAL, sha256_block))
            }
            Algorithm::Sha512 => {
                Midstates::Sha512(midstates(seed, hashed::<Sha512>, SHA512_INITIAL, sha512_block))
            }
        };
        Key { midstates, digits }
    }

    /// The keys that HMAC may make of `seed`, under any algorithm, each without the zeros at its
    /// end: HMAC fills a key up with zeros, and hashes one that is longer than a block (RFC 2104
    /// §2). Seeds that share one of them show the same codes under some algorithm. The first is
    /// made by every algorithm whose block is long enough.
    #[cfg(any(feature = "import", feature = "verifier"))]
    pub(crate) fn of_hmac(seed: &Seed) -> Vec<Zeroizing<Vec<u8>>> {
        let seed = seed.expose();
        let mut keys = vec![Zeroizing::new(seed.to_vec())];
        if seed.len() > SHORT_BLOCK {
            keys.extend([hashed::<Sha1>(seed), hashed::<Sha256>(seed)]);
        }
        for key in &mut keys {
            let length = key.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            key.truncate(length);
        }
        keys
    }

    /// The code at `factor`: HOTP(K, C) of RFC 4226 §5.3.
    pub(crate) fn code(&self, factor: u64) -> Code {
        let digits = self.digits.0;
        Code::new(self.mac(factor, truncate) % 10u32.pow(u32::from(digits)), digits)
    }

    /// True if the code has as many digits as those of this device.
    pub(crate) fn is_as_long_as(&self, code: &Code) -> bool {
        self.digits.0 == code.digits()
    }

    /// True if one of the `codes` is right at `first` or at one of the factors two, four, … above
    /// it, [`LANES`] in all. Time does not depend on the codes.
    pub(crate) fn any_right(&self, codes: [&Code; 2], first: u64) -> Choice {
        let mut factors = [first; LANES];
        for (above, factor) in (0..).step_by(2).zip(&mut factors) {
            *factor = first.wrapping_add(above);
        }
        let shown = match &self.midstates {
            Midstates::Sha1(states) => {
                count(2 * u64::try_from(LANES).unwrap_or(0));
                lanes::truncated(states, factors)
            }
            Midstates::Sha256(_) | Midstates::Sha512(_) => {
                factors.map(|factor| self.mac(factor, truncate))
            }
        };
        let digits = self.digits.0;
        // A division by a constant is a multiplication.
        let shown = match digits {
            6 => shown.map(|value| value % 1_000_000),
            7 => shown.map(|value| value % 10_000_000),
            8 => shown.map(|value| value % 100_000_000),
            _ => shown.map(|value| value % 10u32.pow(u32::from(digits))),
        };
        codes
            .into_iter()
            .fold(Choice::from(0), |found, code| found | code.is_among(&shown, digits))
    }

    /// Passes HMAC(K, factor) to `read`; the factor is 8 bytes, big-endian (RFC 4226 §5.2).
    fn mac<T>(&self, factor: u64, read: impl FnOnce(&[u8]) -> T) -> T {
        let message = factor.to_be_bytes();
        match self.midstates {
            Midstates::Sha1([inner, outer]) => read(&sha1_end(outer, &sha1_end(inner, &message))),
            Midstates::Sha256([inner, outer]) => {
                read(&sha256_end(outer, &sha256_end(inner, &message)))
            }
            Midstates::Sha512([inner, outer]) => {
                read(&sha512_end(outer, &sha512_end(inner, &message)))
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
    /// Six, the default of authenticator apps.
    pub const SIX: Digits = Digits(6);

    /// One, so that tests see chance matches.
    #[cfg(test)]
    pub(crate) const ONE: Digits = Digits(1);

    /// The number of digits.
    pub fn count(self) -> u8 {
        self.0
    }

    /// The probability that a guessed code is right at one of so many steps or counters.
    pub fn odds_of(self, candidates: u8) -> f64 {
        f64::from(candidates) / 10_f64.powi(i32::from(self.0))
    }
}

impl TryFrom<u8> for Digits {
    type Error = BadParameter;

    fn try_from(count: u8) -> Result<Digits, BadParameter> {
        if (6..=8).contains(&count) {
            Ok(Digits(count))
        } else {
            Err(BadParameter("a code has 6, 7 or 8 digits"))
        }
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

/// Number of hash blocks that this thread has compressed.
///
/// Tests compare refusals by this count, since time is noisy.
pub fn compressions() -> u64 {
    COMPRESSIONS.get()
}

thread_local! {
    static COMPRESSIONS: Cell<u64> = const { Cell::new(0) };
}

fn count(blocks: u64) {
    COMPRESSIONS.set(COMPRESSIONS.get().wrapping_add(blocks));
}

/// The states after the key block XORed with ipad, and after the key block XORed with opad (RFC
/// 2104 §2).
fn midstates<const BLOCK: usize, State: Copy>(
    seed: &[u8],
    hashed: fn(&[u8]) -> Zeroizing<Vec<u8>>,
    initial: State,
    compress: fn(&mut State, &[u8; BLOCK]),
) -> [State; 2] {
    let mut block = Zeroizing::new([0; BLOCK]);
    if seed.len() > BLOCK {
        let digest = hashed(seed);
        block[..digest.len()].copy_from_slice(&digest);
        // The hash appends at least nine bytes before it fills its last block.
        count(u64::try_from((seed.len() + 9).div_ceil(BLOCK)).unwrap_or(0));
    } else {
        block[..seed.len()].copy_from_slice(seed);
    }
    // The second round removes ipad again.
    [IPAD, IPAD ^ OPAD].map(|pad| {
        block.iter_mut().for_each(|byte| *byte ^= pad);
        let mut state = initial;
        compress(&mut state, &block);
        state
    })
}

/// Block of SHA-1 and SHA-256 in bytes; that of SHA-512 is as long as the longest seed.
#[cfg(any(feature = "import", feature = "verifier"))]
const SHORT_BLOCK: usize = 64;

const IPAD: u8 = 0x36;

const OPAD: u8 = 0x5c;

fn hashed<D: Digest>(seed: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(D::digest(seed).to_vec())
}

/// Dynamic truncation: 31 bits of the MAC, at the offset in its last byte (RFC 4226 §5.3).
fn truncate(mac: &[u8]) -> u32 {
    let offset = usize::from(mac[mac.len() - 1] & 0xf);
    let word = [mac[offset], mac[offset + 1], mac[offset + 2], mac[offset + 3]];
    u32::from_be_bytes(word) & 0x7fff_ffff
}

/// `message` with SHA-1 or SHA-2 padding, preceded by one padded key block.
fn last_block<const BLOCK: usize, const MESSAGE: usize>(message: &[u8; MESSAGE]) -> [u8; BLOCK] {
    // A constant is cheaper than writing the padding each time.
    let mut block = const { padding::<BLOCK, MESSAGE>() };
    block[..MESSAGE].copy_from_slice(message);
    block
}

const fn padding<const BLOCK: usize, const MESSAGE: usize>() -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    block[MESSAGE] = 0x80;
    // At most (128 + 64) · 8 bits: two bytes hold it.
    let [.., high, low] = ((BLOCK + MESSAGE) * 8).to_be_bytes();
    (block[BLOCK - 2], block[BLOCK - 1]) = (high, low);
    block
}

fn sha1_end<const MESSAGE: usize>(mut state: [u32; 5], message: &[u8; MESSAGE]) -> [u8; 20] {
    sha1_block(&mut state, &last_block(message));
    let mut digest = [0; 20];
    digest
        .as_chunks_mut()
        .0
        .iter_mut()
        .zip(state)
        .for_each(|(bytes, word)| *bytes = word.to_be_bytes());
    digest
}

fn sha256_end<const MESSAGE: usize>(mut state: [u32; 8], message: &[u8; MESSAGE]) -> [u8; 32] {
    sha256_block(&mut state, &last_block(message));
    let mut digest = [0; 32];
    digest
        .as_chunks_mut()
        .0
        .iter_mut()
        .zip(state)
        .for_each(|(bytes, word)| *bytes = word.to_be_bytes());
    digest
}

fn sha512_end<const MESSAGE: usize>(mut state: [u64; 8], message: &[u8; MESSAGE]) -> [u8; 64] {
    sha512_block(&mut state, &last_block(message));
    let mut digest = [0; 64];
    digest
        .as_chunks_mut()
        .0
        .iter_mut()
        .zip(state)
        .for_each(|(bytes, word)| *bytes = word.to_be_bytes());
    digest
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
const SHA256_INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

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
    fn mac_and_truncation_agree_with_rfc_4226_appendix_d() {
        let key = Key::new(
            &Seed::new(b"12345678901234567890".to_vec()).unwrap(),
            Algorithm::Sha1,
            Digits::SIX,
        );
        let mac = key.mac(0, <[u8]>::to_vec);
        let hex: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "cc93cf18508d94934c64b65d8ba7667fb7cde4b0");
        assert_eq!(truncate(&mac), 0x4c93_cf18);
        assert_eq!(key.code(0), Code::new(755_224, 6));
    }

    /// Each key that is listed, taken as a seed, shows the codes of the seed it was made of.
    #[cfg(feature = "verifier")]
    #[test]
    fn the_keys_of_hmac_show_the_codes_of_their_seed() {
        let code = |seed: &[u8], algorithm| {
            Key::new(&Seed::new(seed.to_vec()).unwrap(), algorithm, Digits::SIX)
                .mac(1, <[u8]>::to_vec)
        };
        let (sha1, sha256, sha512) = (Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512);
        let long: Vec<u8> = (1..=70).chain([0; 3]).collect();
        let keys = Key::of_hmac(&Seed::new(long.clone()).unwrap());
        assert_eq!(keys[0][..], long[..70]);
        for (key, algorithm) in keys.iter().zip([sha512, sha1, sha256]) {
            assert_eq!(code(key, algorithm), code(&long, algorithm), "{algorithm}");
        }
        let padded = [&long[..20], &[0; 9]].concat();
        let keys = Key::of_hmac(&Seed::new(padded.clone()).unwrap());
        assert_eq!(keys.len(), 1);
        for algorithm in [sha1, sha256, sha512] {
            assert_eq!(code(&keys[0], algorithm), code(&padded, algorithm), "{algorithm}");
        }
    }

    /// The construction of RFC 4231 §4.2–4.7 with our messages: a plain HMAC must agree, for seeds
    /// on both sides of the block size.
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
                let mac =
                    |algorithm| Key::new(&seed, algorithm, Digits::SIX).mac(factor, <[u8]>::to_vec);
                assert_eq!(mac(Algorithm::Sha1), plain::<Sha1>(&bytes, 64, &message));
                assert_eq!(mac(Algorithm::Sha256), plain::<Sha256>(&bytes, 64, &message));
                assert_eq!(mac(Algorithm::Sha512), plain::<Sha512>(&bytes, 128, &message));
            }
        }
    }
}
