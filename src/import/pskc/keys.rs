//! The keys of an encrypted file, and what they open.

use crate::import::names::secret_of_hex;
use crate::import::pskc::cipher::Cipher;
use crate::import::pskc::mac::Mac;
use crate::import::pskc::refusal::Refusal;
use crate::import::pskc::sealed::Sealed;
use crate::import::{ProblemCode, Settings};
use crate::secret::Secret;

/// Encryption of a file, and its keys as soon as they are needed.
pub(super) struct Keys<'a> {
    settings: &'a Settings,
    /// The derivation of the key from a passphrase, if there is one.
    pub(super) derivation: Option<Derivation>,
    pub(super) mac: Option<MacMethod>,
    /// Codes cover the plaintext, as in drafts of the standard.
    pub(super) mac_of_plaintext: bool,
    key: Option<Secret>,
    mac_key: Option<MacKey>,
}

/// A PBKDF2 with its parameters.
pub(super) struct Derivation {
    pub(super) prf: Mac,
    pub(super) salt: Vec<u8>,
    pub(super) iterations: u32,
    pub(super) length: usize,
}

/// Method of the authentication codes.
pub(super) struct MacMethod {
    pub(super) mac: Mac,
    /// The key of the codes; without it, the encryption key serves (RFC 6030 §6.2).
    pub(super) key: Option<Sealed>,
}

/// The key of codes; `None` for one that could not be decrypted, which no code matches.
type MacKey = Option<Secret>;

impl<'a> Keys<'a> {
    pub(super) fn of(settings: &'a Settings) -> Keys<'a> {
        Keys {
            settings,
            derivation: None,
            mac: None,
            mac_of_plaintext: false,
            key: None,
            mac_key: None,
        }
    }

    /// Decrypts a value whose code is right. Sizes are looked at before any work, and padding after
    /// the code.
    pub(super) fn open(&mut self, sealed: &Sealed) -> Result<Secret, Refusal> {
        let cipher = Cipher::named(&sealed.method)?;
        let iv = sealed.iv.as_deref();
        cipher.check(iv, &sealed.bytes)?;
        let Some(code) = &sealed.mac else {
            if !cipher.is_authenticated() {
                return Err(Refusal::encryption(
                    "an encrypted value has no message authentication code, and its cipher needs \
                     one: ask for a file with ValueMAC",
                ));
            }
            let key = self.key(cipher)?;
            return cipher.decrypt(key.expose(), iv, &sealed.bytes).ok_or_else(Refusal::key_wrong);
        };
        let mac = self.mac_for(code)?;
        let mac_key = self.mac_key(cipher)?;
        let key = self.key(cipher)?;
        let decrypt = || cipher.decrypt(key.expose(), iv, &sealed.bytes);
        if self.mac_of_plaintext {
            let plain = decrypt();
            let covered = plain.as_ref().map_or(&*sealed.bytes, Secret::expose);
            return if verifies(mac, mac_key.as_ref(), covered, code) { plain } else { None }
                .ok_or_else(Refusal::key_wrong);
        }
        if !verifies(mac, mac_key.as_ref(), &sealed.bytes, code) {
            return Err(Refusal::key_wrong());
        }
        decrypt().ok_or_else(Refusal::key_wrong)
    }

    fn mac_for(&self, code: &[u8]) -> Result<Mac, Refusal> {
        let Some(MacMethod { mac, .. }) = self.mac else {
            return Err(Refusal::encryption("a ValueMAC is there, and no MACMethod"));
        };
        if code.len() == mac.length() {
            Ok(mac)
        } else {
            Err(Refusal::encryption(format!(
                "a ValueMAC has {} bytes, and not {}: it was cut off",
                code.len(),
                mac.length(),
            )))
        }
    }

    /// The key of codes. `cipher` is that of the value, whose key serves where there is none.
    fn mac_key(&mut self, cipher: Cipher) -> Result<MacKey, Refusal> {
        if let Some(key) = &self.mac_key {
            return Ok(key.clone());
        }
        let sealed = self.mac.as_ref().and_then(|method| method.key.clone());
        let key = match sealed {
            None => Some(self.key(cipher)?),
            Some(sealed) => {
                let cipher = Cipher::named(&sealed.method)?;
                cipher.check(sealed.iv.as_deref(), &sealed.bytes)?;
                let key = self.key(cipher)?;
                // A key without bytes would be known to all.
                cipher
                    .decrypt(key.expose(), sealed.iv.as_deref(), &sealed.bytes)
                    .filter(|key| !key.expose().is_empty())
            }
        };
        self.mac_key = Some(key.clone());
        Ok(key)
    }

    /// The encryption key, which must fit the cipher.
    fn key(&mut self, cipher: Cipher) -> Result<Secret, Refusal> {
        let length = cipher.key_length();
        let key = match self.key.take() {
            Some(key) => key,
            None => self.given_key(length)?,
        };
        let has = key.expose().len();
        self.key = Some(key.clone());
        if has == length {
            Ok(key)
        } else {
            let detail =
                format!("the key has {has} bytes, and the cipher of the file needs {length}");
            Err(Refusal::new(ProblemCode::KeyWrong, detail))
        }
    }

    fn given_key(&self, length: usize) -> Result<Secret, Refusal> {
        let needed = |detail| Err(Refusal::new(ProblemCode::KeyNeeded, detail));
        match (&self.settings.key, &self.settings.passphrase, &self.derivation) {
            (Some(text), _, _) => {
                let wrong = || {
                    let detail = "the key is not hexadecimal: give its digits in the key file";
                    Refusal::new(ProblemCode::KeyWrong, detail)
                };
                let text = std::str::from_utf8(text.expose()).map_err(|_| wrong())?;
                secret_of_hex(text).map_err(|_| wrong())
            }
            (None, Some(passphrase), Some(derivation)) => {
                if derivation.length != length {
                    return Err(Refusal::encryption(format!(
                        "the passphrase makes a key of {} bytes, and the cipher needs {length}",
                        derivation.length,
                    )));
                }
                let Derivation { prf, salt, iterations, .. } = derivation;
                Ok(prf.derive(passphrase.expose(), salt, *iterations, length))
            }
            (None, _, None) => needed("the file is encrypted with a key: give it with --key-file"),
            (None, None, Some(_)) => {
                needed("the file is encrypted with a passphrase: give it with --passphrase-file")
            }
        }
    }
}

fn verifies(mac: Mac, key: Option<&Secret>, covered: &[u8], code: &[u8]) -> bool {
    key.is_some_and(|key| mac.verifies(key.expose(), covered, code))
}
