//! The use cases; the only place where protocol, store and clock meet.
//!
//! Every decision takes one way: load the account, see whether the input may be judged at all,
//! judge it (a pure function of the device, the input and the time), commit the state that follows
//! with its audit event if nothing has moved since, and only then answer. A lost race is judged
//! again from what is there now.
#![expect(
    clippy::expect_used,
    reason = "impossible cases are not told as errors: each names why it cannot happen"
)]

mod abandoned;
mod account;
mod add;
mod adopt;
mod api_key;
mod assign;
mod authority;
mod backups;
mod batch;
mod bound;
mod bypass;
mod change;
#[cfg(feature = "session")]
mod checkpoint;
mod client;
mod clock;
#[cfg(feature = "agent")]
mod console;
mod decide;
mod diagnose;
#[cfg(feature = "agent")]
mod export;
#[cfg(feature = "import")]
mod import;
#[cfg(feature = "console")]
mod kept;
#[cfg(feature = "console")]
mod likely;
mod looks;
mod pair;
mod passcode;
mod queue;
mod readings;
mod refusals;
mod restored;
mod revoke;
mod sealing_keys;
#[cfg(feature = "webauthn")]
mod security_keys;
mod seed;
mod throttle;
mod verified;
mod verify;
mod watch;
mod work;

pub use add::{Added, ClockFacts, NewDevice, NewFactor};
pub use api_key::NewApiKey;
pub use assign::NewStock;
pub use authority::{Authority, FreshMfa};
pub use bound::BoundSession;
pub use bypass::{Bypass, Recovered};
pub use clock::{ClockFault, ClockStep};
#[cfg(feature = "agent")]
pub use console::{
    BadLinkCode, Link, LinkCode, LinkPurpose, MadeLink, OpenedLink, SignIn, StartedSignIn,
};
#[cfg(feature = "session")]
pub(crate) use decide::Judgement;

pub use diagnose::Diagnosed;
#[cfg(feature = "import")]
pub use import::{Import, Imported};
#[cfg(feature = "console")]
pub(crate) use kept::{Keep, Kept};
pub use pair::Resynced;
pub use passcode::{BadPasscode, BypassCode, Passcode};
pub use readings::Reading;
pub use revoke::Revoked;
#[cfg(feature = "webauthn")]
pub use security_keys::{BadCeremonyId, Begun, CeremonyId, SecurityKeys};
pub use verified::{KeyProof, Verified};
pub use work::Counts;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{RwLock, RwLockReadGuard, Semaphore};

use crate::device::Refusal;
use crate::id::{AccountId, CallerId, ClientId, SerialNumber};
use crate::store;
use crate::store::{KeyError, Keyring, Sealer, Store};
use crate::time::{Clock, SystemClock, UnixTime};

/// Verifies codes against a store. Cheap to clone; clones share everything but the caller they
/// speak for.
///
/// ```
/// use twostep::id::{AccountId, SerialNumber};
/// use twostep::otp::{Counter, Hotp, Window};
/// use twostep::store::{Keyring, SqliteStore};
/// use twostep::testing::SimulatedToken;
/// use twostep::verifier::{Authority, NewDevice, NewFactor, Verifier};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let file = folder.path().join("mfa.db");
/// let verifier = Verifier::new(SqliteStore::open(file)?, Keyring::ephemeral()?);
///
/// // Add a device. Its owner enters the seed, which is returned this once.
/// let (account, serial): (AccountId, SerialNumber) = ("alice".parse()?, "GAHT12345678".parse()?);
/// let factor = NewFactor::Hotp { parameters: Hotp::default(), seed: None, counter: Counter(0) };
/// let new =
///     NewDevice { account: account.clone(), serial: Some(serial.clone()), name: None, factor };
/// let added = verifier.add(new, &Authority::Service).await?;
/// # let mut token =
/// #     SimulatedToken::hotp(&added.seed.unwrap(), Hotp::default(), Counter(0));
///
/// // Two consecutive codes activate it.
/// let pair = [token.press(), token.press()];
/// verifier.activate(&serial, [&pair[0], &pair[1]], Window::Owner, &Authority::Service).await?;
///
/// // Each code is accepted once.
/// let code = token.press();
/// let verified = verifier.verify_code(&account, &serial, code.clone()).await?;
/// assert_eq!(verified.account(), &account);
/// assert!(verifier.verify_code(&account, &serial, code).await.is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Verifier {
    core: Arc<Core>,
    caller: CallerId,
    /// The only account whose devices it changes.
    account: Option<AccountId>,
    client: Option<ClientId>,
}

struct Core {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    guard: clock::ClockGuard,
    keyring: Mutex<Keyring>,
    sealer: Mutex<Option<Sealer>>,
    /// Shared by all who seal and open, and held alone while their keys are replaced.
    keys_in_use: RwLock<()>,
    /// Held while the store is unlocked, which one task does at a time: others would read rows that
    /// are being authenticated.
    unlocking: tokio::sync::Mutex<()>,
    /// Held while secrets are sealed again, which one task does at a time.
    resealing: tokio::sync::Mutex<()>,
    older_keys: Mutex<sealing_keys::OlderKeys>,
    limits: Limits,
    queue: queue::Queue,
    readings: Arc<readings::Readings>,
    refusals: refusals::Refusals,
    looks: looks::Looks,
    counters: work::Counters,
    decoy: work::Decoy,
    /// Held while a diagnosis is computed.
    diagnoses: Arc<Semaphore>,
}

/// Limits per account that an installation may choose: 8 devices in use and 8 pending ones by
/// default.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most devices that an account may have in use, pending ones excluded.
    pub devices_per_account: usize,
    /// The most pending devices of an account; one more displaces the oldest.
    pub pending_per_account: usize,
}

/// A sealer whose keys stay in use for as long as this is held.
pub(crate) struct Keys<'a> {
    sealer: Sealer,
    _in_use: RwLockReadGuard<'a, ()>,
}

/// The reason why something was not done, grouped by who must act.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The person, or the device: try the next code, wait, resynchronise. The reason is for the
    /// audit log.
    #[error("verification was refused")]
    Refused(Refusal),
    /// The person: the security key's answer does not prove the key, or is not the one that was
    /// asked for.
    #[error("the security key was refused: {0}")]
    KeyRefused(String),
    /// The person: this account changes only with a fresh context of a device it already has.
    #[error(
        "this account has a device already: changing its devices needs a session opened with one \
         of them in the last 15 minutes"
    )]
    MfaRequired,
    /// An administrator: the store was restored, and only administrators give factors until one
    /// ends the restored state.
    #[error(
        "the store was restored from a backup: until an administrator ends that state (twostep \
         store restore --accept), only an administrator adds or activates devices"
    )]
    Restored,
    /// The caller: the request cannot be meant.
    #[error("{0}")]
    BadInput(String),
    /// The caller: there is no such device or account.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The caller: the serial number or the secret belongs to another device, or the device is
    /// active already.
    #[error("{0}")]
    AlreadyExists(&'static str),
    /// The caller: the account has as many devices in use as it may have.
    #[error("the account has {0} devices in use, as many as it may have: remove one first")]
    TooManyDevices(usize),
    /// The caller: others changed the same thing at the same time. Nothing was decided; try again.
    #[error("too many changes at the same time: try again")]
    Contended,
    /// The operator: the clock is not to be trusted.
    #[error(transparent)]
    Clock(#[from] ClockFault),
    /// The operator: the store is at fault.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The operator: the sealing key is at fault.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl Verifier {
    /// A verifier on this store, by the system's clock.
    ///
    /// Keys that do not fit the store fail at the first use, or by [`ready`](Verifier::ready).
    pub fn new(store: impl Store + 'static, keyring: Keyring) -> Verifier {
        Verifier::with(Arc::new(store), keyring, Arc::new(SystemClock), Limits::default())
    }

    /// A verifier with another clock or other limits.
    pub fn with(
        store: Arc<dyn Store>,
        keyring: Keyring,
        clock: Arc<dyn Clock>,
        limits: Limits,
    ) -> Verifier {
        let readings = Arc::new(readings::Readings::default());
        let core = Core {
            store,
            clock,
            guard: clock::ClockGuard::default(),
            keyring: Mutex::new(keyring),
            sealer: Mutex::new(None),
            keys_in_use: RwLock::new(()),
            unlocking: tokio::sync::Mutex::new(()),
            resealing: tokio::sync::Mutex::new(()),
            older_keys: Mutex::new(None),
            limits,
            queue: queue::Queue::default(),
            refusals: refusals::Refusals::default(),
            looks: looks::Looks::start(Arc::clone(&readings)),
            readings,
            counters: work::Counters::default(),
            decoy: work::Decoy::new(),
            diagnoses: Arc::new(Semaphore::new(1)),
        };
        let caller = CallerId::new("library");
        Verifier { core: Arc::new(core), caller, account: None, client: None }
    }

    /// A verifier for the same store that acts for this caller, who is named in audit events and
    /// has its own allowance of pairs.
    #[must_use]
    pub fn on_behalf_of(&self, caller: CallerId) -> Verifier {
        Verifier { caller, client: None, ..self.clone() }
    }

    /// A verifier for the same store that changes only devices of this account, as of the
    /// transaction that changes them: a serial number can pass to another account in between.
    #[must_use]
    pub fn limited_to(&self, account: AccountId) -> Verifier {
        Verifier { account: Some(account), ..self.clone() }
    }

    /// A verifier for requests from this client of the caller: a person's browser or address. A
    /// client through which the account has proved itself keeps a budget of wrong codes and pairs
    /// that strangers cannot spend.
    #[must_use]
    pub fn with_client(&self, client: impl Into<Option<ClientId>>) -> Verifier {
        Verifier { client: client.into(), ..self.clone() }
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.core.store
    }

    /// The clock, unguarded: decisions ask the verifier for the time, which refuses a clock that
    /// jumped.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.core.clock)
    }

    /// Succeeds if the store answers and keeps changes, the keys open its secrets and the clock can
    /// be trusted.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Key`] or [`Error::Clock`], in this order.
    pub async fn ready(&self) -> Result<(), Error> {
        self.sealer().await?;
        self.core.store.writable().await?;
        let store_time = self.core.store.time().await?;
        self.core.guard.compare(self.core.clock.read().wall, store_time)?;
        self.now().await?;
        Ok(())
    }

    /// The counts of judged inputs, for metrics.
    pub fn counts(&self) -> Counts {
        let [looks, out_of_sync] = self.core.looks.counts();
        Counts { looks, out_of_sync, ..self.core.counters.read() }
    }

    /// The sealer of this store. Created at the first use, when the store's pepper is read or
    /// made.
    ///
    /// # Errors
    /// [`Error::Store`] if the store cannot be read, [`Error::Key`] if a key is missing, wrong or
    /// cannot be written.
    pub async fn sealer(&self) -> Result<Sealer, Error> {
        Ok(self.keys().await?.sealer)
    }

    /// The sealer, for one decision: its keys are not replaced before that is done. Not reentrant:
    /// a decision that takes it twice can block for ever.
    pub(crate) async fn keys(&self) -> Result<Keys<'_>, Error> {
        let in_use = self.core.keys_in_use.read().await;
        Ok(Keys { sealer: self.present_sealer().await?, _in_use: in_use })
    }

    pub(super) async fn present_sealer(&self) -> Result<Sealer, Error> {
        if let Some(sealer) =
            self.core.sealer.lock().unwrap_or_else(PoisonError::into_inner).as_ref()
        {
            return Ok(sealer.clone());
        }
        let keyring = self.core.keyring.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (keyring, pepper) = self.pepper(keyring).await?;
        self.see_that_all_opens(&keyring).await?;
        self.core.set_keyring(keyring.clone());
        let sealer = Sealer::new(keyring, pepper);
        self.core.set_sealer(sealer.clone());
        Ok(sealer)
    }

    /// The account in which the device of this serial number is looked for.
    async fn owner(&self, serial: &SerialNumber) -> Result<AccountId, Error> {
        match &self.account {
            Some(account) => Ok(account.clone()),
            None => self.core.store.owner(serial).await?.ok_or(Error::NotFound("device")),
        }
    }

    /// The time of this request, unless the clock is not to be trusted.
    pub(crate) async fn now(&self) -> Result<UnixTime, Error> {
        // Before the first change the store needs its keys.
        drop(self.present_sealer().await?);
        self.core.guard.now(&*self.core.clock, &*self.core.store).await
    }
}

impl Core {
    fn set_keyring(&self, keyring: Keyring) {
        *self.keyring.lock().unwrap_or_else(PoisonError::into_inner) = keyring;
    }

    fn set_sealer(&self, sealer: Sealer) {
        *self.sealer.lock().unwrap_or_else(PoisonError::into_inner) = Some(sealer);
    }

    fn older_keys(&self) -> MutexGuard<'_, sealing_keys::OlderKeys> {
        self.older_keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::ops::Deref for Keys<'_> {
    type Target = Sealer;

    fn deref(&self) -> &Sealer {
        &self.sealer
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { devices_per_account: 8, pending_per_account: 8 }
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").field("caller", &self.caller).finish_non_exhaustive()
    }
}
