//! The issuer: turns a proof into a signed context.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use crate::id::{AccountId, CallerId};
use crate::session::claims::Claims;
use crate::session::signing::{Cached, SigningKeys};
use crate::session::{
    Amr, Common, ContextWithoutMfa, JwkSet, LONGEST_LIFETIME, SHORTEST_LIFETIME, SessionContext,
    SignedContext, SigningAlgorithm, SigningKeyInfo, Validator, claims,
};
use crate::store::{Action, Committed};
use crate::time::UnixTime;
use crate::verifier::{Error, KeyProof, Verified, Verifier};

/// Issues contexts under one name, with keys that live in the verifier's store. Cheap to clone.
///
/// ```
/// use twostep::session::{Invalid, Issuer};
/// use twostep::store::{Keyring, SqliteStore};
/// use twostep::verifier::Verifier;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let store = SqliteStore::open(folder.path().join("mfa.db"))?;
/// let verifier = Verifier::new(store, Keyring::ephemeral()?);
/// let issuer = Issuer::new(verifier, "https://mfa.example");
///
/// // With a proof: `issuer.issue(verified, "payments")`. Without one, the context says so.
/// let (signed, context) = issuer.issue_without_mfa(&"alice".parse()?, "payments").await?;
/// assert_eq!(context.common().audience, "payments");
///
/// // A service that demands MFA does not mistake one for the other.
/// let validator = issuer.validator("payments").await?;
/// assert_eq!(validator.validate(&signed), Err(Invalid::Type));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Issuer {
    name: String,
    verifier: Verifier,
    keys: Arc<SigningKeys>,
    lifetime: Lifetime,
}

/// The lifetime of a context: 900 to 129,600 seconds, 3,600 by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime(Duration);

impl Issuer {
    /// An issuer of this name (`iss`), with this verifier's store and clock. Its first key is made
    /// when it is needed.
    pub fn new(verifier: Verifier, name: impl Into<String>) -> Issuer {
        Issuer::with_algorithm(verifier, name, SigningAlgorithm::default())
    }

    /// An issuer whose new signing keys use this algorithm.
    pub fn with_algorithm(
        verifier: Verifier,
        name: impl Into<String>,
        algorithm: SigningAlgorithm,
    ) -> Issuer {
        let keys = Arc::new(SigningKeys::new(verifier.clone(), algorithm));
        Issuer { name: name.into(), verifier, keys, lifetime: Lifetime::default() }
    }

    /// Sets the lifetime of new contexts; one hour by default.
    #[must_use]
    pub fn lifetime(self, lifetime: Lifetime) -> Issuer {
        Issuer { lifetime, ..self }
    }

    /// Names this caller in audit events.
    #[must_use]
    pub fn on_behalf_of(self, caller: CallerId) -> Issuer {
        Issuer { verifier: self.verifier.on_behalf_of(caller), ..self }
    }

    /// The verifier that it issues for.
    pub(super) fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// The name that contexts carry.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Issues a context for a proof, which is consumed by it, to be shown to `audience`.
    ///
    /// The context is dated by the proof, not by the clock: a revocation between the two ends it.
    ///
    /// # Errors
    /// [`Error::Store`] or [`Error::Key`] if the signing keys cannot be read, opened or made. The
    /// proof is spent all the same.
    pub async fn issue(&self, verified: Verified, audience: &str) -> Result<SignedContext, Error> {
        Ok(self.issue_and_read(verified, audience).await?.0)
    }

    /// Issues a context, and returns its content as well.
    ///
    /// # Errors
    /// As [`issue`](Issuer::issue).
    pub async fn issue_and_read(
        &self,
        verified: Verified,
        audience: &str,
    ) -> Result<(SignedContext, SessionContext), Error> {
        let issued_at = above(verified.at(), verified.revoked_before());
        let context = SessionContext {
            common: self.common(verified.account(), audience, issued_at, verified.generation())?,
            mfa_time: verified.at(),
            serial: verified.serial().clone(),
            kind: verified.kind(),
            amr: amr(verified.key(), verified.is_by_hardware_token()),
            user_verified: verified.key().is_some_and(|key| key.user_verified),
            device_generation: verified.device_generation(),
        };
        let keys = self.keys.load_since(verified.control_version()).await?;
        Ok((keys.sign(claims::MFA, &Claims::from(&context))?, context))
    }

    /// Issues a context without MFA: it names the account only.
    ///
    /// # Errors
    /// [`Error::Clock`], or [`Error::Store`] or [`Error::Key`] if the audit row cannot be written
    /// or the signing keys cannot be read.
    pub async fn issue_without_mfa(
        &self,
        account: &AccountId,
        audience: &str,
    ) -> Result<(SignedContext, ContextWithoutMfa), Error> {
        let now = self.verifier.now().await?;
        let Committed { marks, control_version } =
            self.verifier.record(account, Action::SessionWithoutMfa).await?;
        let common =
            self.common(account, audience, above(now, marks.revoked_before), marks.generation)?;
        let context = ContextWithoutMfa { common };
        let keys = self.keys.load_since(control_version).await?;
        Ok((keys.sign(claims::WITHOUT_MFA, &Claims::from(&context))?, context))
    }

    /// The public keys, for validators.
    ///
    /// # Errors
    /// [`Error::Store`] or [`Error::Key`] if the signing keys cannot be read, opened or made.
    pub async fn jwks(&self) -> Result<JwkSet, Error> {
        Ok(self.keys.load().await?.public.clone())
    }

    /// The id of the key that signs now.
    pub(super) async fn signs_with(&self) -> Result<Option<String>, Error> {
        Ok(self.keys.load().await?.current.as_ref().map(|key| key.kid.clone()))
    }

    /// The keys that were read last.
    pub(super) fn last_keys(&self) -> Option<Arc<Cached>> {
        self.keys.cached()
    }

    /// A validator of this issuer's contexts for `audience`, with the keys of this moment.
    ///
    /// # Errors
    /// [`Error::Clock`]; [`Error::Store`] or [`Error::Key`] if the signing keys cannot be read,
    /// opened or made.
    pub async fn validator(&self, audience: &str) -> Result<Validator, Error> {
        // The validator goes on from what its clock shows now.
        self.verifier.now().await?;
        Ok(self.validator_by(&*self.keys.load().await?, audience))
    }

    /// A validator with these keys.
    pub(super) fn validator_by(&self, keys: &Cached, audience: &str) -> Validator {
        Validator::new(keys.public.clone(), &self.name, audience).with_clock(self.verifier.clock())
    }

    /// All signing keys, newest first.
    ///
    /// # Errors
    /// [`Error::Store`] or [`Error::Key`] if the signing keys cannot be read, opened or made.
    pub async fn signing_keys(&self) -> Result<Vec<SigningKeyInfo>, Error> {
        Ok(self.keys.load().await?.records.iter().map(SigningKeyInfo::from).collect())
    }

    /// Signs with a new key from now on. The old one verifies what it signed until that has
    /// expired.
    ///
    /// # Errors
    /// [`Error::Clock`], [`Error::Store`], [`Error::Key`], or [`Error::Contended`] if others keep
    /// changing the keys.
    pub async fn rotate_keys(&self, algorithm: SigningAlgorithm) -> Result<SigningKeyInfo, Error> {
        self.keys.rotate(&self.verifier, algorithm).await
    }

    /// Signs by this algorithm from now on: a key of another algorithm is replaced. Returns the new
    /// key, if one was needed.
    ///
    /// # Errors
    /// As [`rotate_keys`](Issuer::rotate_keys).
    pub async fn sign_by(
        &self,
        algorithm: SigningAlgorithm,
    ) -> Result<Option<SigningKeyInfo>, Error> {
        let keys = self.keys.load().await?;
        if keys.current.as_ref().is_some_and(|current| current.algorithm == algorithm) {
            return Ok(None);
        }
        self.rotate_keys(algorithm).await.map(Some)
    }

    /// Drops a key at once, with everything it signed.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no key of this id, [`Error::Clock`] or [`Error::Store`].
    pub async fn drop_key(&self, kid: &str) -> Result<(), Error> {
        self.keys.drop_key(&self.verifier, kid).await
    }

    /// Drops retired keys whose last contexts have expired.
    ///
    /// # Errors
    /// [`Error::Clock`] or [`Error::Store`]. The keys that are left expire with the next call.
    pub async fn expire_keys(&self) -> Result<(), Error> {
        self.keys.expire(Lifetime::LONGEST).await
    }

    fn common(
        &self,
        account: &AccountId,
        audience: &str,
        issued_at: UnixTime,
        generation: u64,
    ) -> Result<Common, Error> {
        Ok(Common {
            account: account.clone(),
            session_id: URL_SAFE_NO_PAD.encode(&crate::store::random::<16>()?[..]),
            issuer: self.name.clone(),
            audience: audience.to_owned(),
            issued_at,
            expires_at: issued_at.plus(self.lifetime.0),
            // An unknown account begins with generation 1.
            generation: generation.max(1),
        })
    }

    pub(super) async fn sign(
        &self,
        typ: &str,
        claims: &impl Serialize,
    ) -> Result<SignedContext, Error> {
        self.signer().await?.sign(typ, claims)
    }

    /// The keys as they are now.
    pub(super) async fn signer(&self) -> Result<Arc<Cached>, Error> {
        self.keys.load().await
    }
}

impl Lifetime {
    /// 36 hours.
    pub const LONGEST: Duration = LONGEST_LIFETIME;

    /// 15 minutes.
    pub const SHORTEST: Duration = SHORTEST_LIFETIME;
}

impl Default for Lifetime {
    fn default() -> Lifetime {
        Lifetime(Duration::from_secs(3_600))
    }
}

impl TryFrom<Duration> for Lifetime {
    type Error = Error;

    fn try_from(duration: Duration) -> Result<Lifetime, Error> {
        if (Lifetime::SHORTEST..=Lifetime::LONGEST).contains(&duration) {
            Ok(Lifetime(Duration::from_secs(duration.as_secs())))
        } else {
            Err(Error::BadInput("a session lasts 900 to 129600 seconds".to_owned()))
        }
    }
}

/// The methods of RFC 8176 §2 that the proof shows. An unattested key may be in hardware or not:
/// `pop` leaves that open. A code is `hwk` too if its token was imported as hardware. Each key was
/// touched (`user`); user verification by PIN or by fingerprint is told as `mfa`, for the key does
/// not tell which.
fn amr(key: Option<KeyProof>, hardware_token: bool) -> Vec<Amr> {
    let Some(key) = key else {
        let token = hardware_token.then_some(Amr::Hwk);
        return std::iter::once(Amr::Otp).chain(token).collect();
    };
    let mut methods = vec![if key.hardware_bound { Amr::Hwk } else { Amr::Pop }, Amr::User];
    methods.extend(key.user_verified.then_some(Amr::Mfa));
    methods
}

/// `time`, or the second after the revocation mark: nothing is issued at or below it.
fn above(time: UnixTime, mark: Option<UnixTime>) -> UnixTime {
    mark.map_or(time, |mark| time.max(UnixTime(mark.0.saturating_add(1))))
}
