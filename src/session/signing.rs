//! The keys that sign contexts: made here, kept in the store with their private halves sealed,
//! replaced with an overlap.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use crate::secret::Secret;
use crate::session::jws::Header;
use crate::session::{JwkSet, PublicKey, SignedContext, SigningAlgorithm};
use crate::store;
use crate::store::{Action, Change, Commit, SealedPlace, SigningKeyRecord, Write};
use crate::time::UnixTime;
use crate::verifier::{Error, Judgement, Verifier};

/// A signing key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKeyInfo {
    /// The key's id.
    pub kid: String,
    /// `EdDSA`, `Ed25519` or `ES256`.
    pub algorithm: String,
    /// The time at which it was made.
    pub created_at: UnixTime,
    /// The time at which it was replaced. It verifies until its last context has expired.
    pub retired_at: Option<UnixTime>,
}

/// The signing keys of a store, cached while the store's control version stays the same.
///
/// A version that came with another answer of the store serves as well as one that is read for
/// this: keys that are at least as new are those of that moment, or of a later one.
pub(super) struct SigningKeys {
    verifier: Verifier,
    algorithm: SigningAlgorithm,
    cached: Mutex<Option<Arc<Cached>>>,
}

pub(super) struct Cached {
    pub(super) version: u64,
    pub(super) records: Vec<SigningKeyRecord>,
    pub(super) public: JwkSet,
    pub(super) current: Option<CurrentKey>,
}

/// The key that signs now.
pub(super) struct CurrentKey {
    pub(super) kid: String,
    pub(super) algorithm: SigningAlgorithm,
    key: PrivateKey,
}

/// A parsed private key: parsing costs as much as signing.
enum PrivateKey {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
}

impl SigningKeys {
    pub(super) fn new(verifier: Verifier, algorithm: SigningAlgorithm) -> SigningKeys {
        SigningKeys { verifier, algorithm, cached: Mutex::new(None) }
    }

    /// The keys as they are now. The first key is made when there is none.
    pub(super) async fn load(&self) -> Result<Arc<Cached>, Error> {
        let keys = self.read().await?;
        if keys.current.is_some() {
            return Ok(keys);
        }
        self.rotate(&self.verifier, self.algorithm).await?;
        self.read().await
    }

    /// The keys as they were at a commit that left the control data at this version, or later.
    pub(super) async fn load_since(&self, version: u64) -> Result<Arc<Cached>, Error> {
        match self.cached().filter(|keys| keys.version >= version && keys.current.is_some()) {
            Some(keys) => Ok(keys),
            None => self.load().await,
        }
    }

    /// The keys that were read last; they may be replaced or dropped by now.
    pub(super) fn cached(&self) -> Option<Arc<Cached>> {
        self.cached.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the current key by a new one. The old one goes on verifying.
    pub(super) async fn rotate(
        &self,
        by: &Verifier,
        algorithm: SigningAlgorithm,
    ) -> Result<SigningKeyInfo, Error> {
        let now = self.verifier.now().await?;
        let sealer = self.verifier.keys().await?;
        let (private, public, key) = generate_named(algorithm)?;
        let kid = key.kid().to_owned();
        let private = sealer
            .keyring()
            .seal(&SealedPlace::SigningKey { kid: kid.clone() }, private.expose())?;
        let record = SigningKeyRecord {
            kid,
            algorithm: key.algorithm().to_owned(),
            private,
            public,
            created_at: now,
            retired_at: None,
        };
        let (record, info) = (&record, &SigningKeyInfo::from(&record));
        // A key that is dropped meanwhile stays dropped.
        self.verifier
            .decide_alone(|now| async move {
                let keys = self.verifier.store().signing_keys().await?;
                let signing = keys.into_iter().filter(|key| key.retired_at.is_none());
                let mut writes: Vec<Write> =
                    signing.map(|key| Write::RetireSigningKey { kid: key.kid, at: now }).collect();
                writes.push(Write::PutSigningKey(record.clone()));
                let audit = vec![by.event(now, Action::SigningKeyMade).reason(info.kid.as_str())];
                Ok(Judgement::change(writes, audit, info.clone()))
            })
            .await
    }

    /// Drops a key at once, and with it all contexts that it signed.
    pub(super) async fn drop_key(&self, by: &Verifier, kid: &str) -> Result<(), Error> {
        let now = self.verifier.now().await?;
        let writes = vec![Write::DropSigningKey { kid: kid.to_owned() }];
        let audit = vec![by.event(now, Action::SigningKeyDropped).reason(kid)];
        match self.verifier.store().commit(Change { account: None, writes, audit }).await? {
            Commit::Committed(_) => Ok(()),
            Commit::Conflict(_) => Err(Error::NotFound("signing key")),
        }
    }

    /// Drops the keys that were retired longer than `longest` ago.
    pub(super) async fn expire(&self, longest: Duration) -> Result<(), Error> {
        let now = self.verifier.now().await?;
        let over = |key: &SigningKeyRecord| {
            key.retired_at.is_some_and(|retired| retired.plus(longest) < now)
        };
        for key in self.verifier.store().signing_keys().await?.into_iter().filter(over) {
            self.drop_key(&self.verifier, &key.kid).await?;
        }
        Ok(())
    }

    async fn read(&self) -> Result<Arc<Cached>, Error> {
        // Read the version before the keys: a change in between makes the cache look old, never
        // new.
        let version = self.verifier.store().control_version().await?;
        if let Some(cached) = self.cached().filter(|cached| cached.version == version) {
            return Ok(cached);
        }
        let sealer = self.verifier.keys().await?;
        let records = self.verifier.store().signing_keys().await?;
        let public = records.iter().map(|record| {
            PublicKey::with_algorithm(algorithm_of(record)?, &record.public)
                .map_err(|_| unusable(&record.kid))
        });
        let public = JwkSet::new(public.collect::<Result<Vec<PublicKey>, Error>>()?);
        let current = records.iter().find(|record| record.retired_at.is_none()).map(|record| {
            let place = SealedPlace::SigningKey { kid: record.kid.clone() };
            let private =
                sealer.keyring().open(&place, &record.private).ok_or(store::KeyError::Wrong)?;
            let algorithm = algorithm_of(record)?;
            let key = PrivateKey::read(algorithm, private.expose())
                .ok_or_else(|| unusable(&record.kid))?;
            Ok::<CurrentKey, Error>(CurrentKey { kid: record.kid.clone(), algorithm, key })
        });
        let cached = Arc::new(Cached { version, current: current.transpose()?, records, public });
        *self.cached.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&cached));
        Ok(cached)
    }
}

impl Cached {
    /// Signs claims with the current key (RFC 7515 §5.1).
    pub(super) fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<SignedContext, Error> {
        let current = self.current.as_ref().ok_or_else(cannot_sign)?;
        let header = Header {
            alg: current.algorithm.name().to_owned(),
            kid: current.kid.clone(),
            typ: typ.to_owned(),
        };
        let message = format!("{}.{}", encoded(&header)?, encoded(claims)?);
        let signature = current.sign(message.as_bytes()).ok_or_else(cannot_sign)?;
        Ok(SignedContext::new(format!("{message}.{signature}")))
    }
}

/// One part of a JWS in base64url.
fn encoded(part: &impl Serialize) -> Result<String, Error> {
    Ok(URL_SAFE_NO_PAD.encode(serde_json::to_vec(part).map_err(|_| cannot_sign())?))
}

fn cannot_sign() -> Error {
    Error::Store(store::Error::Corrupt("the signing key cannot sign".to_owned()))
}

impl CurrentKey {
    /// The signature in base64url.
    pub(super) fn sign(&self, message: &[u8]) -> Option<String> {
        match &self.key {
            PrivateKey::Ed25519(pair) => Some(URL_SAFE_NO_PAD.encode(pair.sign(message))),
            PrivateKey::P256(pair) => {
                Some(URL_SAFE_NO_PAD.encode(pair.sign(&SystemRandom::new(), message).ok()?))
            }
        }
    }
}

impl PrivateKey {
    /// Reads PKCS #8.
    fn read(algorithm: SigningAlgorithm, private: &[u8]) -> Option<PrivateKey> {
        match algorithm {
            SigningAlgorithm::EdDsa | SigningAlgorithm::Ed25519 => {
                Ed25519KeyPair::from_pkcs8_maybe_unchecked(private)
                    .ok()
                    .map(PrivateKey::Ed25519)
            }
            SigningAlgorithm::Es256 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, private)
                    .ok()
                    .map(PrivateKey::P256)
            }
        }
    }
}

impl From<&SigningKeyRecord> for SigningKeyInfo {
    fn from(record: &SigningKeyRecord) -> SigningKeyInfo {
        SigningKeyInfo {
            kid: record.kid.clone(),
            algorithm: record.algorithm.clone(),
            created_at: record.created_at,
            retired_at: record.retired_at,
        }
    }
}

/// A new key pair: the private half in PKCS #8, the public one as its coordinates.
/// A new key, with its public half, whose id does not begin with a hyphen: command lines take such
/// a word for an option.
fn generate_named(algorithm: SigningAlgorithm) -> Result<(Secret, Vec<String>, PublicKey), Error> {
    loop {
        let (private, public) = generate(algorithm)?;
        let key = PublicKey::with_algorithm(algorithm, &public).map_err(|_| unusable("made"))?;
        if !key.kid().starts_with('-') {
            return Ok((private, public, key));
        }
    }
}

fn generate(algorithm: SigningAlgorithm) -> Result<(Secret, Vec<String>), Error> {
    let failed = |_| unusable("made");
    match algorithm {
        SigningAlgorithm::EdDsa | SigningAlgorithm::Ed25519 => {
            let pair = Ed25519KeyPair::generate().map_err(failed)?;
            let private = pair.to_pkcs8v1().map_err(failed)?;
            Ok((
                Secret::from(private.as_ref()),
                vec![URL_SAFE_NO_PAD.encode(pair.public_key().as_ref())],
            ))
        }
        SigningAlgorithm::Es256 => {
            let private = EcdsaKeyPair::generate_pkcs8(
                &ECDSA_P256_SHA256_FIXED_SIGNING,
                &SystemRandom::new(),
            )
            .map_err(failed)?;
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, private.as_ref())
                .map_err(|_| unusable("made"))?;
            // An uncompressed point: 4, x, y.
            let point = pair.public_key().as_ref();
            let coordinates = [point.get(1..33), point.get(33..65)]
                .into_iter()
                .flatten()
                .map(|half| URL_SAFE_NO_PAD.encode(half));
            Ok((Secret::from(private.as_ref()), coordinates.collect()))
        }
    }
}

fn algorithm_of(record: &SigningKeyRecord) -> Result<SigningAlgorithm, Error> {
    record.algorithm.parse().map_err(|_| unusable(&record.kid))
}

fn unusable(kid: &str) -> Error {
    Error::Store(store::Error::Corrupt(format!("the signing key {kid} cannot be used")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_keys_are_no_options_of_a_command_line() {
        for _ in 0..512 {
            let (_, _, key) = generate_named(SigningAlgorithm::EdDsa).unwrap();
            assert!(!key.kid().starts_with('-'), "{}", key.kid());
        }
    }
}
