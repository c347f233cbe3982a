//! Encryption of vaults: a key from a passphrase, within limits, and AES-256-GCM.

use std::num::NonZeroU32;

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use aws_lc_rs::pbkdf2::{PBKDF2_HMAC_SHA1, PBKDF2_HMAC_SHA256, derive};
use zeroize::Zeroizing;

use crate::import::{Problem, ProblemCode, Settings};
use crate::secret::Secret;

/// A key of AES-256.
pub(super) type CipherKey = Zeroizing<[u8; 32]>;

/// Hash functions that vaults derive their keys with.
#[derive(Clone, Copy)]
pub(super) enum Prf {
    Sha1,
    Sha256,
}

/// The operator's passphrase.
pub(super) fn passphrase(settings: &Settings) -> Result<&Secret, Problem> {
    settings.passphrase.as_ref().ok_or_else(|| {
        let detail = "the vault is encrypted: give its passphrase with --passphrase-file";
        Problem::of_file(ProblemCode::KeyNeeded, detail)
    })
}

/// The answer to a wrong passphrase and to an altered file: they cannot be told apart.
pub(super) fn wrong() -> Problem {
    Problem::of_file(ProblemCode::KeyWrong, "the passphrase is wrong, or the file was altered")
}

/// A file that no app has written.
pub(super) fn malformed(what: &str) -> Problem {
    Problem::of_file(ProblemCode::Encryption, format!("{what}: export the vault again"))
}

/// The key of a passphrase by PBKDF2.
pub(super) fn pbkdf2(
    prf: Prf,
    settings: &Settings,
    salt: &[u8],
    iterations: u32,
) -> Result<CipherKey, Problem> {
    let Some(rounds) = NonZeroU32::new(iterations) else {
        return Err(malformed("PBKDF2 has no iterations"));
    };
    if iterations > MOST_ITERATIONS {
        let detail = "PBKDF2 has more than 10,000,000 iterations: no app asks for so many";
        return Err(Problem::of_file(ProblemCode::TooLarge, detail));
    }
    let passphrase = passphrase(settings)?.expose();
    let mut key = Zeroizing::new([0; 32]);
    let prf = match prf {
        Prf::Sha1 => PBKDF2_HMAC_SHA1,
        Prf::Sha256 => PBKDF2_HMAC_SHA256,
    };
    derive(prf, rounds, salt, passphrase, &mut key[..]);
    Ok(key)
}

/// Costs of scrypt within the limits.
pub(super) struct ScryptCosts {
    costs: scrypt::Params,
    /// N·r·p.
    pub(super) work: u64,
}

impl ScryptCosts {
    pub(super) fn of(n: u64, r: u64, p: u64) -> Result<ScryptCosts, Problem> {
        let odd = || malformed("the costs of scrypt are none");
        if !n.is_power_of_two() || n < 2 {
            return Err(odd());
        }
        let memory = n.checked_mul(r).and_then(|blocks| blocks.checked_mul(128));
        let work = n.checked_mul(r).and_then(|blocks| blocks.checked_mul(p));
        let (Some(memory @ ..=MOST_MEMORY), Some(work @ ..=MOST_WORK)) = (memory, work) else {
            return Err(too_costly());
        };
        let narrow = |number: u64| u32::try_from(number).map_err(|_| too_costly());
        let log_n = u8::try_from(n.trailing_zeros()).map_err(|_| odd())?;
        match scrypt::Params::new(log_n, narrow(r)?, narrow(p)?) {
            Ok(costs) if memory > 0 && work > 0 => Ok(ScryptCosts { costs, work }),
            _ => Err(odd()),
        }
    }

    pub(super) fn key(&self, passphrase: &Secret, salt: &[u8]) -> Result<CipherKey, Problem> {
        let mut key = Zeroizing::new([0; 32]);
        scrypt::scrypt(passphrase.expose(), salt, &self.costs, &mut key[..])
            .map_err(|_| wrong())?;
        Ok(key)
    }
}

/// The answer to costs of scrypt that no app asks for.
pub(super) fn too_costly() -> Problem {
    let detail = "scrypt is asked for more work or memory than any app asks for";
    Problem::of_file(ProblemCode::TooLarge, detail)
}

/// Opens ciphertext with its tag behind it, in place.
pub(super) fn open(
    key: &CipherKey,
    nonce: &[u8],
    sealed: &mut Zeroizing<Vec<u8>>,
) -> Result<(), Problem> {
    let Ok(nonce) = <[u8; 12]>::try_from(nonce) else {
        return Err(malformed("the nonce has another size than 12 bytes"));
    };
    if sealed.len() < 16 {
        return Err(malformed("the tag is cut off"));
    }
    Aes256Gcm::new(&Key::<Aes256Gcm>::from(**key))
        .decrypt_in_place(&Nonce::from(nonce), b"", &mut **sealed)
        .map_err(|_| wrong())
}

const MOST_ITERATIONS: u32 = 10_000_000;

/// The highest N·r·p.
pub(super) const MOST_WORK: u64 = 1 << 22;

const MOST_MEMORY: u64 = 256 << 20;
