//! Ciphers of encrypted values: AES in CBC mode (XML Encryption §5.2), AES key wrap (RFC 3394), the
//! same with padding (RFC 5649).

use aes::cipher::block_padding::NoPadding;
use aes::cipher::{BlockModeDecrypt, KeyInit, KeyIvInit};
use aes::{Aes128, Aes192, Aes256};
use aes_kw::{KwAes128, KwAes192, KwAes256, KwpAes128, KwpAes192, KwpAes256};
use zeroize::Zeroizing;

use crate::import::pskc::refusal::{Refusal, algorithm_name};
use crate::secret::Secret;

/// A cipher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cipher {
    mode: Mode,
    size: Size,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Not authenticated: a MAC is needed beside it.
    Cbc,
    /// Authenticates itself.
    Wrap,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    Aes128,
    Aes192,
    Aes256,
}

impl Cipher {
    pub(super) fn named(uri: &str) -> Result<Cipher, Refusal> {
        let name = algorithm_name(uri);
        let (mode, size) = match name.as_str() {
            "" => return Err(Refusal::encryption("an encrypted value does not name its cipher")),
            "aes128-cbc" => (Mode::Cbc, Size::Aes128),
            "aes192-cbc" => (Mode::Cbc, Size::Aes192),
            "aes256-cbc" => (Mode::Cbc, Size::Aes256),
            "kw-aes128" | "kw-aes-128-pad" => (Mode::Wrap, Size::Aes128),
            "kw-aes192" | "kw-aes-192-pad" => (Mode::Wrap, Size::Aes192),
            "kw-aes256" | "kw-aes-256-pad" => (Mode::Wrap, Size::Aes256),
            other => {
                return Err(Refusal::encryption(format!(
                    "encrypted with {other}, which is not supported: ask for AES in CBC mode or \
                     AES key wrap, with a key or a passphrase",
                )));
            }
        };
        Ok(Cipher { mode, size })
    }

    /// Bytes of its key.
    pub(super) fn key_length(self) -> usize {
        match self.size {
            Size::Aes128 => 16,
            Size::Aes192 => 24,
            Size::Aes256 => 32,
        }
    }

    /// True if a wrong key or an altered ciphertext is found without a MAC.
    pub(super) fn is_authenticated(self) -> bool {
        self.mode == Mode::Wrap
    }

    /// Looks at the sizes, before any work.
    pub(super) fn check(self, iv: Option<&[u8]>, bytes: &[u8]) -> Result<(), Refusal> {
        let detail = match (self.mode, iv) {
            (Mode::Cbc, Some(iv)) if iv.len() != BLOCK => {
                "an initialisation vector has no 16 bytes"
            }
            (Mode::Cbc, None) if bytes.len() < 2 * BLOCK => {
                "a ciphertext is shorter than an initialisation vector and a block"
            }
            (Mode::Cbc, _) if bytes.is_empty() || !bytes.len().is_multiple_of(BLOCK) => {
                "a ciphertext is no whole number of blocks"
            }
            (Mode::Wrap, _) if bytes.len() < BLOCK || !bytes.len().is_multiple_of(BLOCK / 2) => {
                "a wrapped key is no whole number of blocks"
            }
            _ => return Ok(()),
        };
        Err(Refusal::encryption(detail))
    }

    /// The plaintext; `None` if the key or the ciphertext is evidently wrong. Without an own
    /// initialisation vector, the ciphertext begins with it.
    pub(super) fn decrypt(self, key: &[u8], iv: Option<&[u8]>, bytes: &[u8]) -> Option<Secret> {
        if self.mode == Mode::Wrap {
            return self.unwrapped(key, bytes);
        }
        let (iv, bytes) = match iv {
            Some(iv) => (iv, bytes),
            None => bytes.split_at_checked(BLOCK)?,
        };
        let mut plain = Zeroizing::new(bytes.to_vec());
        match self.size {
            Size::Aes128 => blocks::<cbc::Decryptor<Aes128>>(key, iv, &mut plain)?,
            Size::Aes192 => blocks::<cbc::Decryptor<Aes192>>(key, iv, &mut plain)?,
            Size::Aes256 => blocks::<cbc::Decryptor<Aes256>>(key, iv, &mut plain)?,
        }
        // The other bytes of the padding are arbitrary.
        let padding = usize::from(*plain.last()?);
        let length = plain.len().checked_sub(padding).filter(|_| (1..=BLOCK).contains(&padding))?;
        plain.truncate(length);
        Some(Secret::new(std::mem::take(&mut plain)))
    }

    fn unwrapped(self, key: &[u8], bytes: &[u8]) -> Option<Secret> {
        let mut plain = Zeroizing::new(vec![0; bytes.len()]);
        let mut padded = Zeroizing::new(vec![0; bytes.len()]);
        let length = match self.size {
            Size::Aes128 => {
                let wrap = KwAes128::new_from_slice(key).ok()?.unwrap_key(bytes, &mut plain);
                let pad = KwpAes128::new_from_slice(key).ok()?.unwrap_key(bytes, &mut padded);
                (wrap.map(<[u8]>::len), pad.map(<[u8]>::len))
            }
            Size::Aes192 => {
                let wrap = KwAes192::new_from_slice(key).ok()?.unwrap_key(bytes, &mut plain);
                let pad = KwpAes192::new_from_slice(key).ok()?.unwrap_key(bytes, &mut padded);
                (wrap.map(<[u8]>::len), pad.map(<[u8]>::len))
            }
            Size::Aes256 => {
                let wrap = KwAes256::new_from_slice(key).ok()?.unwrap_key(bytes, &mut plain);
                let pad = KwpAes256::new_from_slice(key).ok()?.unwrap_key(bytes, &mut padded);
                (wrap.map(<[u8]>::len), pad.map(<[u8]>::len))
            }
        };
        match length {
            (Ok(length), _) if bytes.len() > BLOCK => plain.get(..length).map(Secret::from),
            (_, Ok(length)) => padded.get(..length).map(Secret::from),
            _ => None,
        }
    }
}

fn blocks<D: BlockModeDecrypt + KeyIvInit>(key: &[u8], iv: &[u8], bytes: &mut [u8]) -> Option<()> {
    D::new_from_slices(key, iv).ok()?.decrypt_padded::<NoPadding>(bytes).ok()?;
    Some(())
}

/// Bytes of a block.
const BLOCK: usize = 16;
