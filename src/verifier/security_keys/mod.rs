//! Security keys: a ceremony begins, and its first `finish` ends it, right or wrong (WebAuthn L3
//! §7).
//!
//! The state of a ceremony is sealed into its id, so that any process may finish it. It is consumed
//! in the deciding transaction, together with the audit row and, for a right key, its sign count.

mod authenticate;
mod ceremony;
mod register;
mod usernameless;

pub use ceremony::{BadCeremonyId, CeremonyId};

use std::fmt;
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::id::{AccountId, CallerId, ClientId};
use crate::store::Sealer;
use crate::time::UnixTime;
use crate::verifier::security_keys::ceremony::{Ceremony, CeremonyState};
use crate::verifier::{Error, Verifier};
use crate::webauthn::{Fault, RelyingParty};

/// Enrols and verifies the security keys of one relying party. Cheap to clone.
///
/// ```
/// use twostep::id::AccountId;
/// use twostep::store::{Keyring, SqliteStore};
/// use twostep::testing::SimulatedSecurityKey;
/// use twostep::verifier::{Authority, SecurityKeys, Verifier};
/// use twostep::webauthn::{Origin, RelyingParty, RelyingPartyConfig};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let store = SqliteStore::open(folder.path().join("mfa.db"))?;
/// # let verifier = Verifier::new(store, Keyring::ephemeral()?);
/// let party = RelyingParty::new(RelyingPartyConfig {
///     rp_id: "example.org".into(),
///     name: "Example".into(),
///     origins: vec!["https://login.example.org".into()],
///     ..RelyingPartyConfig::default()
/// })?;
/// let keys = SecurityKeys::new(verifier, party);
/// let (alice, admin): (AccountId, _) = ("alice".parse()?, Authority::Admin);
/// # let mut key = SimulatedSecurityKey::new("alice's");
/// # let origin: Origin = "https://login.example.org".parse()?;
///
/// // A browser passes the options to the key, and the key's response back.
/// let begun = keys.begin_registration(&alice, None, &admin).await?;
/// let response = key.create(&begun.options, &origin).response();
/// keys.finish_registration(&begun.id, response, &admin).await?;
///
/// let begun = keys.begin_authentication(&alice).await?;
/// let response = key.get(&begun.options, &origin).unwrap().response();
/// let verified = keys.finish_authentication(&alice, &begun.id, response).await?;
/// assert_eq!(verified.account(), &alice);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SecurityKeys {
    verifier: Verifier,
    relying_party: Arc<RelyingParty>,
    /// Signatures are checked by as many threads as there are processors: one takes longer than a
    /// whole code does.
    signatures: Arc<Semaphore>,
}

/// A ceremony that began, and what the key is to be asked.
#[derive(Clone, Debug)]
pub struct Begun<Options> {
    /// Id for `finish`.
    pub id: CeremonyId,
    /// Options for the browser, or for the program at the key.
    pub options: Options,
}

impl SecurityKeys {
    /// Keys of this relying party, kept and audited by this verifier.
    pub fn new(verifier: Verifier, relying_party: RelyingParty) -> SecurityKeys {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        SecurityKeys {
            verifier,
            relying_party: Arc::new(relying_party),
            signatures: Arc::new(Semaphore::new(processors)),
        }
    }

    /// The relying party whose keys they are.
    pub fn relying_party(&self) -> &RelyingParty {
        &self.relying_party
    }

    /// Acts for this caller, who is named in audit events.
    #[must_use]
    pub fn on_behalf_of(&self, caller: CallerId) -> SecurityKeys {
        SecurityKeys { verifier: self.verifier.on_behalf_of(caller), ..self.clone() }
    }

    /// Acts for a client of the caller: see [`Verifier::with_client`].
    #[must_use]
    pub fn with_client(&self, client: impl Into<Option<ClientId>>) -> SecurityKeys {
        SecurityKeys { verifier: self.verifier.with_client(client), ..self.clone() }
    }

    /// Owner of an open ceremony.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a ceremony that is over, or is none.
    pub async fn owner(&self, id: &CeremonyId) -> Result<AccountId, Error> {
        let sealer = self.verifier.keys().await?;
        let now = self.verifier.now().await?;
        let open = self.unfinished(id, &sealer, now).await?;
        open.and_then(|ceremony| ceremony.account).ok_or_else(SecurityKeys::no_ceremony)
    }

    /// The error for a finished, unknown or foreign ceremony.
    pub fn no_ceremony() -> Error {
        Error::NotFound(
            "ceremony: it was finished, or began more than five minutes ago; begin again",
        )
    }

    /// Begins a ceremony: seals all that it must remember into its id.
    async fn begin(
        &self,
        sealer: &Sealer,
        account: Option<&AccountId>,
        state: CeremonyState,
        now: UnixTime,
    ) -> Result<CeremonyId, Error> {
        let client = account.and_then(|account| self.verifier.client_tag(sealer, account));
        let restored = self.verifier.last_restore().await?;
        Ceremony::new(account, client, state, now)?.seal(sealer, restored)
    }

    /// A ceremony that is not over; it may be finished.
    async fn open(
        &self,
        id: &CeremonyId,
        sealer: &Sealer,
        now: UnixTime,
    ) -> Result<Option<Ceremony>, Error> {
        let restored = self.verifier.last_restore().await?;
        Ok(Ceremony::open(id, sealer, restored, now))
    }

    /// True if the ceremony was finished.
    async fn is_finished(&self, ceremony: &Ceremony, now: UnixTime) -> Result<bool, Error> {
        Ok(self.verifier.core.store.consumed(ceremony.mark(), now).await?.is_some())
    }

    /// A ceremony that was neither finished nor is over.
    async fn unfinished(
        &self,
        id: &CeremonyId,
        sealer: &Sealer,
        now: UnixTime,
    ) -> Result<Option<Ceremony>, Error> {
        match self.open(id, sealer, now).await? {
            Some(ceremony) if !self.is_finished(&ceremony, now).await? => Ok(Some(ceremony)),
            _ => Ok(None),
        }
    }

    /// Runs long computations off the async threads. A panic becomes a refusal.
    async fn compute<T: Send + 'static>(
        &self,
        judge: impl FnOnce(&RelyingParty) -> T + Send + 'static,
    ) -> Option<T> {
        let turn = Arc::clone(&self.signatures).acquire_owned().await.ok()?;
        let relying_party = Arc::clone(&self.relying_party);
        let judged = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            judge(&relying_party)
        });
        judged.await.ok()
    }
}

/// Placeholder account in the marks of ceremonies without an account.
fn no_account() -> AccountId {
    "nobody".parse().expect("six letters are always the name of an account")
}

/// The error for impossible options.
fn unasked(fault: Fault) -> Error {
    Error::BadInput(fault.to_string())
}

impl fmt::Debug for SecurityKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecurityKeys")
            .field("verifier", &self.verifier)
            .finish_non_exhaustive()
    }
}
