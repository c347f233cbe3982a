//! Secrets at rest: sealed with XChaCha20-Poly1305, each bound to the place it belongs to.
//!
//! A sealed secret that is copied to another device, account or field does not open there. The
//! sealing key never touches the store; what the store keeps is a random pepper, sealed like any
//! secret, which also proves that the key is the right one.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::id::{AccountId, SerialNumber};
use crate::otp::{Key, Seed};
use crate::secret::Secret;
use crate::store::{KeyError, MacKey, SealedPlace, SealingKeyId};
use crate::webauthn::CredentialId;

/// The sealing keys of a program: the first seals, all of them open.
#[derive(Clone)]
pub struct Keyring {
    current: [u8; 8],
    keys: Arc<BTreeMap<[u8; 8], XChaCha20Poly1305>>,
    /// A new key that is in no file yet; until it is, nothing is sealed under it.
    unsaved: Option<Arc<Unsaved>>,
}

/// A new key, and the file that it is for.
struct Unsaved {
    path: PathBuf,
    line: Zeroizing<String>,
}

/// Seals and opens secrets, and computes the digests that need the store's pepper.
#[derive(Clone, Debug)]
pub struct Sealer {
    keyring: Keyring,
    pepper: MacKey,
}

/// A sealed secret: format version, algorithm, key id, nonce, ciphertext with its tag.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sealed(Vec<u8>);

/// A keyed digest of an HMAC key or a credential: the same for the same one, and of no use without
/// the pepper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 32]);

/// The fingerprints of a seed. Two seeds that share one show the same codes under some algorithm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprints {
    /// The fingerprint that the seed's device is kept under.
    pub first: Fingerprint,
    /// Fingerprints of the other keys that HMAC makes of a seed longer than 64 bytes.
    pub others: Vec<Fingerprint>,
}

impl Keyring {
    /// A keyring of these keys, 32 bytes each; the first is the one that seals.
    pub fn new(first: &Secret, others: &[Secret]) -> Option<Keyring> {
        let mut keys = BTreeMap::new();
        for key in std::iter::once(first).chain(others) {
            let (id, cipher) = derive(key)?;
            keys.insert(id, cipher);
        }
        Some(Keyring { current: derive(first)?.0, keys: Arc::new(keys), unsaved: None })
    }

    /// The keys in a file, one line of base64 each; the first seals. A file that others can read is
    /// refused.
    ///
    /// # Errors
    /// [`KeyError::Unreadable`], [`KeyError::Exposed`] if others may read the file, or
    /// [`KeyError::Empty`], [`KeyError::Malformed`].
    pub fn from_file(path: impl AsRef<Path>) -> Result<Keyring, KeyError> {
        let path = path.as_ref();
        let name = || path.display().to_string();
        let unreadable = |error: std::io::Error| KeyError::unreadable(path, &error);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let there = std::fs::metadata(path).map_err(unreadable)?;
            if there.is_dir() {
                return Err(KeyError::Unreadable {
                    path: name(),
                    reason: "it is a directory: name the key's file in it".to_owned(),
                });
            }
            let mode = there.permissions().mode();
            if mode & if is_credential(path) { 0o007 } else { 0o077 } != 0 {
                return Err(KeyError::Exposed(name()));
            }
        }
        let text = Zeroizing::new(std::fs::read_to_string(path).map_err(unreadable)?);
        if text.trim().is_empty() {
            return Err(KeyError::Empty(name()));
        }
        let keys: Option<Vec<Secret>> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(|line| STANDARD.decode(line).ok().map(Secret::new))
            .collect();
        let keys = keys.unwrap_or_default();
        let keyring = keys.split_first().and_then(|(first, others)| Keyring::new(first, others));
        keyring.ok_or_else(|| KeyError::Malformed(name()))
    }

    /// The keys in a file; if it is not there, a new random key that is for it.
    ///
    /// The new key is written, with mode 0600, when a verifier first seals something in a store
    /// that holds nothing sealed. With a store that was sealed before, the verifier fails with
    /// [`KeyError::FileMissing`], and the file is not made: a key that fits nothing would only
    /// replace the right one in backups.
    ///
    /// # Errors
    /// As [`from_file`](Keyring::from_file) for a file that exists; else [`KeyError::Random`].
    pub fn from_file_or_new(path: impl AsRef<Path>) -> Result<Keyring, KeyError> {
        let path = path.as_ref();
        if path.try_exists().map_err(|error| KeyError::unreadable(path, &error))? {
            return Keyring::from_file(path);
        }
        let key = Secret::from(&random::<32>()?[..]);
        let line = Zeroizing::new(format!("{}\n", *Zeroizing::new(STANDARD.encode(key.expose()))));
        let keyring = Keyring::new(&key, &[]).ok_or(KeyError::Wrong)?;
        Ok(Keyring { unsaved: Some(Arc::new(Unsaved { path: path.to_owned(), line })), ..keyring })
    }

    /// The keyring for a store that was sealed before, perhaps by another process a moment ago: a
    /// new key is of no use to it.
    pub(crate) fn of_sealed_store(self) -> Result<Keyring, KeyError> {
        match &self.unsaved {
            None => Ok(self),
            Some(unsaved) if unsaved.path.exists() => Keyring::from_file(&unsaved.path),
            Some(unsaved) => Err(KeyError::FileMissing(unsaved.path.display().to_string())),
        }
    }

    /// The keyring to seal with, once its key is in its file. If another process was faster, it is
    /// the key of that one.
    pub(crate) fn saved(&self) -> Result<Keyring, KeyError> {
        let Some(unsaved) = &self.unsaved else { return Ok(self.clone()) };
        let path = &unsaved.path;
        let failed = |error: std::io::Error| KeyError::unreadable(path, &error);
        // The file gets its name when it is whole: a start that is killed in between leaves no key
        // that cannot be read.
        let mark = random::<8>()?.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let mut partial = path.as_os_str().to_owned();
        partial.push(format!(".{mark}"));
        let partial = std::path::PathBuf::from(partial);
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options.open(&partial).and_then(|mut file| {
            use std::io::Write;
            file.write_all(unsaved.line.as_bytes()).and_then(|()| file.sync_all())
        });
        let named = written.and_then(|()| std::fs::hard_link(&partial, path));
        let _ = std::fs::remove_file(&partial);
        match named {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(failed(error));
            }
            // Of two programs that start at once, the second takes the key of the first.
            _ => {}
        }
        // The key must outlive a power cut that the store survives.
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::File::open(folder)
                .and_then(|folder| folder.sync_all())
                .map_err(failed)?;
        }
        Keyring::from_file(path)
    }

    /// These keys, and the others beside them.
    #[must_use]
    pub fn and(&self, others: &Keyring) -> Keyring {
        let mut keys = (*self.keys).clone();
        keys.extend(others.keys.iter().map(|(id, cipher)| (*id, cipher.clone())));
        Keyring { keys: Arc::new(keys), ..self.clone() }
    }

    /// A new random key as it stands in a file.
    ///
    /// # Errors
    /// [`KeyError::Random`] if the system has no random bytes.
    pub fn new_key() -> Result<Zeroizing<String>, KeyError> {
        Ok(Zeroizing::new(STANDARD.encode(&random::<32>()?[..])))
    }

    /// A keyring of one new random key, for stores that end with the process.
    ///
    /// # Errors
    /// [`KeyError::Random`] if the system has no random bytes.
    pub fn ephemeral() -> Result<Keyring, KeyError> {
        let key = Secret::from(&random::<32>()?[..]);
        Keyring::new(&key, &[]).ok_or(KeyError::Wrong)
    }

    /// The id of the key that seals.
    pub fn current(&self) -> [u8; 8] {
        self.current
    }

    /// The ids of all keys, the one that seals first.
    pub fn ids(&self) -> Vec<SealingKeyId> {
        let others = self.keys.keys().filter(|id| **id != self.current);
        std::iter::once(&self.current)
            .chain(others)
            .copied()
            .map(SealingKeyId)
            .collect()
    }

    /// True if this key is among them.
    pub fn has(&self, key: SealingKeyId) -> bool {
        self.keys.contains_key(&key.0)
    }

    /// Seals a secret for one place.
    ///
    /// # Errors
    /// [`KeyError::FileMissing`] if the key is new and not yet written to its file, or
    /// [`KeyError::Random`].
    pub fn seal(&self, place: &SealedPlace, secret: &[u8]) -> Result<Sealed, KeyError> {
        if let Some(unsaved) = &self.unsaved {
            return Err(KeyError::FileMissing(unsaved.path.display().to_string()));
        }
        let nonce = random::<24>()?;
        let cipher = self.keys.get(&self.current).ok_or(KeyError::Wrong)?;
        let payload = Payload { msg: secret, aad: &place.bound_to(FORMAT) };
        let sealed = cipher.encrypt(&XNonce::from(*nonce), payload).map_err(|_| KeyError::Wrong)?;
        Ok(Sealed([&[FORMAT, XCHACHA20_POLY1305][..], &self.current, &nonce[..], &sealed].concat()))
    }

    /// Opens a secret sealed for this place, under any of the keys. None if it was sealed for
    /// another place, under a key that is not here, or was changed.
    pub fn open(&self, place: &SealedPlace, sealed: &Sealed) -> Option<Secret> {
        let (head, rest) = sealed.0.split_at_checked(2)?;
        let (id, rest) = rest.split_at_checked(8)?;
        let (nonce, sealed) = rest.split_at_checked(24)?;
        if head != [FORMAT, XCHACHA20_POLY1305] {
            return None;
        }
        let cipher = self.keys.get(<&[u8; 8]>::try_from(id).ok()?)?;
        let nonce = XNonce::from(<[u8; 24]>::try_from(nonce).ok()?);
        cipher
            .decrypt(&nonce, Payload { msg: sealed, aad: &place.bound_to(FORMAT) })
            .ok()
            .map(Secret::new)
    }
}

impl Sealer {
    /// A sealer for the store that keeps this pepper.
    pub fn new(keyring: Keyring, pepper: Secret) -> Sealer {
        Sealer { keyring, pepper: MacKey::new(pepper.expose()) }
    }

    /// The keys.
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// The place that a device's seed is sealed for.
    pub fn seed_place(serial: &SerialNumber, account: Option<&AccountId>) -> SealedPlace {
        SealedPlace::Seed { serial: serial.clone(), account: account.cloned() }
    }

    /// The fingerprints of a seed: of every key that HMAC may make of it.
    pub fn fingerprints(&self, seed: &Seed) -> Fingerprints {
        let mut of_keys = Key::of_hmac(seed).into_iter().map(|key| self.fingerprint_of(&key));
        Fingerprints {
            first: of_keys.next().unwrap_or_else(|| self.fingerprint_of(&[])),
            others: of_keys.collect(),
        }
    }

    /// The fingerprint that stores of earlier schemas have of a seed: of its bytes as they are.
    pub(crate) fn earlier_fingerprint(&self, seed: &Seed) -> Fingerprint {
        self.fingerprint_of(seed.expose())
    }

    fn fingerprint_of(&self, key: &[u8]) -> Fingerprint {
        Fingerprint(self.digest("seed", &[key]))
    }

    /// The fingerprint of a security key's credential.
    pub fn credential_fingerprint(&self, id: &CredentialId) -> Fingerprint {
        Fingerprint(self.digest("credential", &[id.as_bytes()]))
    }

    /// A keyed digest of the parts, different for each purpose and for each way of cutting the same
    /// bytes into parts.
    pub fn digest(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.pepper.begin();
        mac.part(purpose.as_bytes());
        for part in parts {
            mac.part(part);
        }
        mac.end()
    }
}

impl Sealed {
    /// The bytes as they are stored.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Bytes as they were stored.
    pub fn from_bytes(bytes: Vec<u8>) -> Sealed {
        Sealed(bytes)
    }

    /// Bytes that have the form of a sealed secret.
    pub fn recognised(bytes: Vec<u8>) -> Option<Sealed> {
        let whole =
            bytes.len() >= 2 + 8 + 24 + 16 && bytes.starts_with(&[FORMAT, XCHACHA20_POLY1305]);
        whole.then_some(Sealed(bytes))
    }

    /// The id of the key it was sealed under.
    pub fn key_id(&self) -> Option<[u8; 8]> {
        self.0.get(2..10)?.try_into().ok()
    }
}

impl TryFrom<String> for Sealed {
    type Error = base64::DecodeError;

    fn try_from(text: String) -> Result<Sealed, base64::DecodeError> {
        URL_SAFE_NO_PAD.decode(text).map(Sealed)
    }
}

impl From<Sealed> for String {
    fn from(sealed: Sealed) -> String {
        URL_SAFE_NO_PAD.encode(sealed.0)
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(..)")
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyring(..)")
    }
}

/// Random bytes of the operating system.
pub(crate) fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, KeyError> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(&mut bytes[..]).map_err(|error| KeyError::Random(error.to_string()))?;
    Ok(bytes)
}

/// True if systemd has put the file there, for this service alone. It lets the service's user in by
/// an access control list, which looks like a group that may read.
#[cfg(unix)]
fn is_credential(path: &Path) -> bool {
    path.parent().is_some_and(|folder| {
        std::env::var_os("CREDENTIALS_DIRECTORY").is_some_and(|given| Path::new(&given) == folder)
    })
}

/// The cipher of a key, and the public id that sealed secrets carry.
fn derive(key: &Secret) -> Option<([u8; 8], XChaCha20Poly1305)> {
    if key.expose().len() != 32 {
        return None;
    }
    let hkdf = Hkdf::<Sha256>::new(None, key.expose());
    let mut sealing = Zeroizing::new([0; 32]);
    let mut id = [0; 8];
    hkdf.expand(b"twostep sealing key", &mut sealing[..]).ok()?;
    hkdf.expand(b"twostep sealing key id", &mut id).ok()?;
    Some((id, XChaCha20Poly1305::new((&*sealing).into())))
}

/// The version of the sealed format.
const FORMAT: u8 = 1;

/// The algorithm byte, so that another AEAD can stand beside this one.
const XCHACHA20_POLY1305: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn place(serial: &str) -> SealedPlace {
        Sealer::seed_place(&serial.parse().unwrap(), Some(&"alice".parse().unwrap()))
    }

    #[test]
    fn a_sealed_secret_opens_only_in_its_place_and_only_unchanged() {
        let keyring = Keyring::ephemeral().unwrap();
        let sealed = keyring.seal(&place("GAHT12345678"), b"12345678901234567890").unwrap();
        assert_eq!(
            keyring.open(&place("GAHT12345678"), &sealed).unwrap().expose(),
            b"12345678901234567890"
        );
        assert_eq!(keyring.open(&place("GAHT12345679"), &sealed), None);
        for at in 0..sealed.0.len() {
            let mut changed = sealed.clone();
            changed.0[at] ^= 1;
            assert_eq!(keyring.open(&place("GAHT12345678"), &changed), None, "byte {at}");
        }
        assert_eq!(Keyring::ephemeral().unwrap().open(&place("GAHT12345678"), &sealed), None);
    }

    #[test]
    fn an_old_key_still_opens() {
        let (old, new) = (Secret::new(vec![1; 32]), Secret::new(vec![2; 32]));
        let sealed =
            Keyring::new(&old, &[]).unwrap().seal(&place("GAHT12345678"), b"seed").unwrap();
        let rotated = Keyring::new(&new, std::slice::from_ref(&old)).unwrap();
        assert_eq!(rotated.open(&place("GAHT12345678"), &sealed).unwrap().expose(), b"seed");
        assert_ne!(sealed.key_id(), Some(rotated.current()));
    }

    #[test]
    fn parts_are_not_run_together() {
        let sealer = Sealer::new(Keyring::ephemeral().unwrap(), Secret::new(vec![0; 32]));
        assert_ne!(sealer.digest("x", &[b"ab", b"c"]), sealer.digest("x", &[b"a", b"bc"]));
        assert_ne!(sealer.digest("x", &[b"a"]), sealer.digest("y", &[b"a"]));
    }
}
