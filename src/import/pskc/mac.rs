//! HMAC over encrypted values, and as the function of a key derivation.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2::{
    PBKDF2_HMAC_SHA1, PBKDF2_HMAC_SHA256, PBKDF2_HMAC_SHA384, PBKDF2_HMAC_SHA512, derive,
};
use hmac::{Hmac, KeyInit, Mac as _};
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

use crate::import::pskc::refusal::{Refusal, algorithm_name};
use crate::secret::Secret;

/// An HMAC with its hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mac {
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// The expression for the HMAC type of each hash function.
macro_rules! with_hmac {
    ($mac:expr, $H:ident => $result:expr) => {
        match $mac {
            Mac::Sha1 => {
                type $H = Hmac<Sha1>;
                $result
            }
            Mac::Sha224 => {
                type $H = Hmac<Sha224>;
                $result
            }
            Mac::Sha256 => {
                type $H = Hmac<Sha256>;
                $result
            }
            Mac::Sha384 => {
                type $H = Hmac<Sha384>;
                $result
            }
            Mac::Sha512 => {
                type $H = Hmac<Sha512>;
                $result
            }
        }
    };
}

impl Mac {
    pub(super) fn named(uri: &str) -> Result<Mac, Refusal> {
        let name = algorithm_name(uri);
        match name.replace('-', "").as_str() {
            "hmacsha1" => Ok(Mac::Sha1),
            "hmacsha224" => Ok(Mac::Sha224),
            "hmacsha256" => Ok(Mac::Sha256),
            "hmacsha384" => Ok(Mac::Sha384),
            "hmacsha512" => Ok(Mac::Sha512),
            _ => Err(Refusal::encryption(format!(
                "the message authentication code is `{name}`, and none of HMAC with SHA-1 or SHA-2",
            ))),
        }
    }

    /// Bytes of a code.
    pub(super) fn length(self) -> usize {
        match self {
            Mac::Sha1 => 20,
            Mac::Sha224 => 28,
            Mac::Sha256 => 32,
            Mac::Sha384 => 48,
            Mac::Sha512 => 64,
        }
    }

    /// True if `code` is the whole code of these bytes; compared in constant time.
    pub(super) fn verifies(self, key: &[u8], bytes: &[u8], code: &[u8]) -> bool {
        with_hmac!(self, H => {
            H::new_from_slice(key).is_ok_and(|hmac| {
                hmac.chain_update(bytes).verify_slice(code).is_ok()
            })
        })
    }

    /// The code of these bytes.
    pub(super) fn code(self, key: &[u8], bytes: &[u8]) -> Vec<u8> {
        with_hmac!(self, H => {
            // An HMAC takes a key of any length.
            H::new_from_slice(key)
                .map(|hmac| hmac.chain_update(bytes).finalize().into_bytes().to_vec())
                .unwrap_or_default()
        })
    }

    /// PBKDF2 (RFC 8018 §5.2).
    pub(super) fn derive(
        self,
        passphrase: &[u8],
        salt: &[u8],
        iterations: u32,
        length: usize,
    ) -> Secret {
        let mut key = Zeroizing::new(vec![0; length]);
        let prf = match self {
            Mac::Sha1 => Some(PBKDF2_HMAC_SHA1),
            Mac::Sha224 => None,
            Mac::Sha256 => Some(PBKDF2_HMAC_SHA256),
            Mac::Sha384 => Some(PBKDF2_HMAC_SHA384),
            Mac::Sha512 => Some(PBKDF2_HMAC_SHA512),
        };
        match (prf, NonZeroU32::new(iterations)) {
            (Some(prf), Some(iterations)) => derive(prf, iterations, salt, passphrase, &mut key),
            // AWS-LC derives nothing by SHA-224, and nothing in no iterations. An HMAC takes a key
            // of any length.
            _ => {
                let _ = with_hmac!(self, H => {
                    pbkdf2::pbkdf2::<H>(passphrase, salt, iterations, &mut key)
                });
            }
        }
        Secret::new(std::mem::take(&mut key))
    }
}
