//! Security keys: a ceremony begins, and its first `finish` ends it, right or wrong (WebAuthn L3
//! §7).
//!
//! The state of a ceremony is sealed in the store, so that any process may finish it. It is
//! consumed in the deciding transaction, together with the audit row and, for a right key, its sign
//! count.

mod authenticate;
mod register;
mod usernameless;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::id::{AccountId, CallerId, ClientId, DeviceName};
use crate::store;
use crate::store::{Change, ItemKind, Sealed, SealedPlace, Sealer, SingleUse, Write};
use crate::time::UnixTime;
use crate::verifier::decide::contend;
use crate::verifier::{Error, Verifier};
use crate::webauthn::{AuthenticationState, Fault, RegistrationState, RelyingParty};

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

/// Names a ceremony that began: 128 random bits.
#[derive(Clone, PartialEq, Eq)]
pub struct CeremonyId(String);

/// A text that names no ceremony.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a ceremony id has 22 characters of base64url: take it from the answer that began the ceremony"
)]
pub struct BadCeremonyId;

/// A ceremony that began, and what the key is to be asked.
#[derive(Clone, Debug)]
pub struct Begun<Options> {
    /// Id for `finish`.
    pub id: CeremonyId,
    /// Options for the browser, or for the program at the key.
    pub options: Options,
}

/// State of a ceremony. The seal binds it to its id and its account; the variant is its purpose.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum CeremonyState {
    Registration {
        name: Option<DeviceName>,
        state: RegistrationState,
    },
    Authentication(AuthenticationState),
    /// The account had no key to ask for.
    NoKey,
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
        let now = self.verifier.now().await?;
        let item = self.open(id, now).await?.filter(|item| item.kind == ItemKind::Ceremony);
        item.map(|item| item.account).ok_or_else(SecurityKeys::no_ceremony)
    }

    /// The error for a finished, unknown or foreign ceremony.
    pub fn no_ceremony() -> Error {
        Error::NotFound(
            "ceremony: it was finished, or began more than five minutes ago; begin again",
        )
    }

    /// Keeps what a ceremony must remember. Of those that an account has open, or that began
    /// without one, the oldest goes.
    async fn begin(
        &self,
        sealer: &Sealer,
        (account, kind): (&AccountId, ItemKind),
        state: &CeremonyState,
        now: UnixTime,
    ) -> Result<CeremonyId, Error> {
        let most =
            if kind == ItemKind::Usernameless { MOST_OPEN_WITHOUT_ACCOUNT } else { MOST_OPEN };
        let state = Zeroizing::new(
            serde_json::to_vec(state).expect("the state of a ceremony is always JSON"),
        );
        let state = &state;
        contend(|| async move {
            let id = CeremonyId(URL_SAFE_NO_PAD.encode(&store::random::<16>()?[..]));
            let body = sealer.keyring().seal(&id.place(account), state)?.as_bytes().to_vec();
            let expires_at = now.plus(LONGEST);
            let (item, account) = (id.0.clone(), account.clone());
            let item = SingleUse { id: item, account: account.clone(), kind, body, expires_at };
            let writes = vec![Write::AddSingleUse(item), Write::KeepNewest { account, kind, most }];
            let change = Change { account: None, writes, audit: Vec::new() };
            Ok(self.verifier.commit(change).await?.map(|_| id))
        })
        .await
    }

    /// A ceremony that was neither finished nor is over.
    async fn open(&self, id: &CeremonyId, now: UnixTime) -> Result<Option<SingleUse>, Error> {
        let item = self.verifier.core.store.single_use(&id.0, now).await?;
        Ok(item.filter(|item| {
            matches!(item.kind, ItemKind::Ceremony | ItemKind::Decoy | ItemKind::Usernameless)
        }))
    }

    /// True if a ceremony of this account, or one without an account, was finished before its time
    /// was over.
    async fn spent(
        &self,
        id: &CeremonyId,
        account: &AccountId,
        now: UnixTime,
    ) -> Result<bool, Error> {
        let finished = self.verifier.core.store.consumed(&id.0, now).await?;
        let no_account = no_account();
        Ok(finished.is_some_and(|finished| [account, &no_account].contains(&&finished)))
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

impl CeremonyId {
    /// The id as it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn place(&self, account: &AccountId) -> SealedPlace {
        SealedPlace::Ceremony { id: self.0.clone(), account: account.clone() }
    }

    /// The write that ends a ceremony. The store keeps a mark of it until it would have expired:
    /// finished twice, it is a replay.
    fn consume(&self, now: UnixTime) -> Write {
        Write::Consume { id: self.0.clone(), now }
    }
}

impl CeremonyState {
    /// State of a ceremony; `None` if it was sealed under a key that is gone.
    fn of(item: SingleUse, id: &CeremonyId, sealer: &Sealer) -> Option<CeremonyState> {
        let secret = sealer
            .keyring()
            .open(&id.place(&item.account), &Sealed::from_bytes(item.body))?;
        serde_json::from_slice(secret.expose()).ok()
    }
}

impl FromStr for CeremonyId {
    type Err = BadCeremonyId;

    fn from_str(text: &str) -> Result<CeremonyId, BadCeremonyId> {
        match URL_SAFE_NO_PAD.decode(text) {
            Ok(bits) if bits.len() == 16 => Ok(CeremonyId(text.to_owned())),
            _ => Err(BadCeremonyId),
        }
    }
}

/// Placeholder account for ceremonies of unknown accounts, and without an account. Their kinds
/// differ from those of a real account of this name.
fn no_account() -> AccountId {
    "nobody".parse().expect("six letters are always the name of an account")
}

/// The error for impossible options.
fn unasked(fault: Fault) -> Error {
    Error::BadInput(fault.to_string())
}

/// Redacted: the id allows its holder to end the ceremony.
impl fmt::Debug for CeremonyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CeremonyId(..)")
    }
}

impl fmt::Debug for SecurityKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecurityKeys")
            .field("verifier", &self.verifier)
            .finish_non_exhaustive()
    }
}

/// Time limit of a ceremony: WebAuthn L3 §15.1 recommends 5 minutes for the longest.
const LONGEST: Duration = Duration::from_secs(300);

/// Open ceremonies per account.
const MOST_OPEN: u32 = 8;

/// Open ceremonies without an account. A page with passkeys begins one at every visit, so these are
/// the visits of five minutes, not the attempts of one person.
const MOST_OPEN_WITHOUT_ACCOUNT: u32 = 4_096;
