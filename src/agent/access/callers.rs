//! Identification of callers.
//!
//! On a Unix socket the kernel names the peer by its user id when it connects. On TCP an API key
//! names the caller.

use std::collections::HashMap;
#[cfg(feature = "console")]
use std::net::IpAddr;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};
use subtle::ConstantTimeEq;

use crate::agent::access::caller::{Caller, Scope, SigningKeys};
use crate::agent::access::connection::Connection;
use crate::agent::access::denied::{Denied, Failure};
use crate::agent::access::peer::{Login, Peer, is_administrator, login_names};
use crate::agent::access::places::Places;
use crate::agent::accounts::Accounts;
use crate::agent::config::{AccountPattern, Config, Role};
use crate::id::{AccountId, CallerId};
use crate::store::ApiKeyRecord;
use crate::verifier::{Error, Verifier};

/// Identifies callers and limits their request rates. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Callers(Arc<Inner>);

struct Inner {
    verifier: Verifier,
    config: Arc<Config>,
    accounts: Arc<Accounts>,
    limiter: DefaultKeyedRateLimiter<CallerId>,
    places: Arc<Places>,
    requests: AtomicU32,
    /// The API keys, with the version of the store's control data that they were read at.
    keys: Mutex<Option<(u64, ApiKeys)>>,
}

type ApiKeys = Arc<HashMap<String, ApiKeyRecord>>;

impl Callers {
    pub(crate) fn new(verifier: Verifier, config: Arc<Config>, accounts: Arc<Accounts>) -> Callers {
        let quota =
            Quota::per_second(config.limits.requests_per_second).allow_burst(config.limits.burst);
        let places = Places::new(&config.limits);
        Callers(Arc::new(Inner {
            verifier,
            config,
            accounts,
            limiter: DefaultKeyedRateLimiter::keyed(quota),
            places,
            requests: AtomicU32::new(0),
            keys: Mutex::new(None),
        }))
    }

    /// The caller of a request on this connection, once the request may be worked on. `key` is the
    /// API key that came with it; only TCP connections use it.
    ///
    /// # Errors
    /// [`Denied`] for an unknown caller or one above its request rate; a verifier's error where the
    /// store cannot say.
    pub(crate) async fn identify(
        &self,
        connection: &Connection,
        key: Option<&str>,
    ) -> Result<Caller, Failure> {
        let places = &self.0.places;
        let identified = self.admitted(connection, key).await;
        if let Err(Failure::Denied(_)) = &identified {
            places.before_denial(connection.peer.holder()).await;
        }
        let caller = identified?.seated(places);
        caller.place.take().await;
        Ok(caller)
    }

    /// The caller that an API key made for an operator names, and the operator's account; none for
    /// any other text.
    ///
    /// # Errors
    /// [`Denied`] above its request rate; a verifier's error where the store cannot say.
    #[cfg(feature = "console")]
    pub(crate) async fn operator(&self, key: &str) -> Result<Option<(Caller, AccountId)>, Failure> {
        let record = self.0.record(Some(key)).await?;
        self.acting_operator(record.as_ref()).await
    }

    /// The caller of this id, if an API key made for an operator names it that was not revoked
    /// since, and the operator's account.
    ///
    /// # Errors
    /// As those of [`operator`](Callers::operator).
    #[cfg(feature = "console")]
    pub(crate) async fn present_operator(
        &self,
        id: &CallerId,
    ) -> Result<Option<(Caller, AccountId)>, Failure> {
        let keys = self.0.api_keys().await?;
        let record = id.as_str().strip_prefix("key:").and_then(|id| keys.get(id));
        self.acting_operator(record).await
    }

    #[cfg(feature = "console")]
    async fn acting_operator(
        &self,
        record: Option<&ApiKeyRecord>,
    ) -> Result<Option<(Caller, AccountId)>, Failure> {
        let inner = &self.0;
        let named =
            record.and_then(|record| Some((inner.holder(record)?, record.operator.clone()?)));
        let Some((caller, account)) = named else { return Ok(None) };
        inner.may_act_after_restore(&caller).await?;
        let caller = inner.within_rate(caller)?.seated(&inner.places);
        Ok(Some((caller, account)))
    }

    /// Gives a visitor of the pages its place, once its request may be worked on. It is counted by
    /// its address, so that one visitor keeps no other one waiting.
    ///
    /// # Errors
    /// [`Denied::TooFast`].
    #[cfg(feature = "console")]
    pub(crate) async fn visitor(&self, caller: Caller, from: IpAddr) -> Result<Caller, Denied> {
        let counted = CallerId::new(format!("{} {from}", caller.id));
        let own = Caller { id: counted, ..caller.clone() };
        let own = self.0.within_rate(own)?.seated(&self.0.places);
        own.place.take().await;
        Ok(Caller { place: own.place, ..caller })
    }

    /// The caller that an access key of AWS's wire names, for a user's account; without one it is
    /// root, an administrator. Has its place once the request may be worked on.
    ///
    /// # Errors
    /// [`Denied::TooFast`].
    pub(crate) async fn signer(
        &self,
        key: &str,
        user: Option<&AccountId>,
    ) -> Result<Caller, Denied> {
        let inner = &self.0;
        let id = CallerId::new(format!("aws:{key}"));
        let none = inner.explained(false, None);
        let caller = match user {
            None => Caller::new(id, Role::Admin, Scope::All, none),
            Some(account) => {
                let own = inner.only(vec![AccountPattern::Exactly(account.clone())], None);
                Caller::new(id, Role::Enroller, own, none)
            }
        };
        let caller = inner.within_rate(caller)?.seated(&inner.places);
        caller.place.take().await;
        Ok(caller)
    }

    /// This caller as an administrator of one account.
    pub(crate) fn over(&self, caller: &Caller, account: &AccountId) -> Caller {
        let scope = self.0.only(vec![AccountPattern::Exactly(account.clone())], None);
        Caller { role: Role::Admin, scope, ..caller.clone() }
    }

    /// Waits before a denial, so that guesses over a connection come one after the other.
    pub(crate) async fn before_denial(&self, connection: &Connection) {
        self.0.places.before_denial(connection.peer.holder()).await;
    }

    /// Names of these callers: login names of users, names of API keys that were not revoked.
    /// Callers without one are left out.
    pub(crate) async fn names(
        &self,
        callers: impl Iterator<Item = &CallerId>,
    ) -> HashMap<CallerId, String> {
        let mut callers: Vec<CallerId> = callers.cloned().collect();
        callers.sort_unstable();
        callers.dedup();
        let uid = |caller: &CallerId| caller.as_str().strip_prefix("uid:")?.parse::<u32>().ok();
        let users = login_names(callers.iter().filter_map(uid).collect()).await;
        let keys = self.0.api_keys().await.unwrap_or_default();
        let key = |caller: &CallerId| {
            keys.get(caller.as_str().strip_prefix("key:")?).and_then(|key| key.name.clone())
        };
        let name = |caller: &CallerId| {
            uid(caller).and_then(|uid| users.get(&uid).cloned()).or_else(|| key(caller))
        };
        callers
            .into_iter()
            .filter_map(|caller| name(&caller).map(|name| (caller, name)))
            .collect()
    }

    async fn admitted(
        &self,
        connection: &Connection,
        key: Option<&str>,
    ) -> Result<Caller, Failure> {
        let inner = &self.0;
        let caller = match connection.peer {
            Peer::Unix { uid, .. } if connection.only_verify => {
                inner.verify_only(uid, connection.login.as_deref())?
            }
            Peer::Unix { uid, .. } => inner.local(uid, connection.login.as_deref())?,
            Peer::Tcp(_) => {
                let caller = inner.by_api_key(key).await?.ok_or(Denied::Unauthenticated)?;
                inner.may_act_after_restore(&caller).await?;
                caller
            }
        };
        Ok(inner.within_rate(caller)?)
    }
}

impl Inner {
    fn within_rate(&self, caller: Caller) -> Result<Caller, Denied> {
        // Drop the limits of callers that have been quiet long enough to have their full burst.
        if self.requests.fetch_add(1, Relaxed).is_multiple_of(65_536) {
            self.limiter.retain_recent();
        }
        match self.limiter.check_key(&caller.id) {
            Ok(()) => Ok(caller),
            Err(early) => Err(Denied::TooFast(early.wait_time_from(DefaultClock::default().now()))),
        }
    }

    fn local(&self, uid: u32, login: Option<&Login>) -> Result<Caller, Denied> {
        let id = CallerId::new(format!("uid:{uid}"));
        let (name, groups) =
            login.map_or((None, &[][..]), |login| (self.account_of(login), &login.groups[..]));
        let rule = self.config.peer_rule(uid, groups);
        let forward = rule.is_some_and(|rule| rule.forward);
        let caller =
            |role, scope, explain| Caller::new(id, role, scope, explain).forwarding(forward);
        if is_administrator(uid) {
            let administrator = caller(Role::Admin, Scope::All, Scope::All);
            return Ok(administrator.with_signing_keys(SigningKeys::OfAll));
        }
        match (rule, name) {
            (Some(rule), login) => {
                let explain = self.explained(rule.explain, login.clone());
                let scope =
                    rule.accounts.clone().map_or(Scope::All, |patterns| self.only(patterns, login));
                Ok(caller(rule.role, scope, explain))
            }
            (None, Some(login)) if self.config.local_users => {
                let explain = self.explained(false, Some(login.clone()));
                Ok(caller(Role::Enroller, self.own(Some(login)), explain))
            }
            (None, _) => {
                Err(Denied::forbidden("no [[peer]] of the agent's configuration is for this user"))
            }
        }
    }

    /// A caller on the socket for verifiers: root verifies any account, other users that of their
    /// own login name. The rules of the configuration change nothing here.
    fn verify_only(&self, uid: u32, login: Option<&Login>) -> Result<Caller, Denied> {
        let login = login.and_then(|login| self.account_of(login));
        let scope = match &login {
            _ if uid == 0 => Scope::All,
            Some(login) => self.own(Some(login.clone())),
            None => {
                return Err(Denied::forbidden("this user has no login name, and so no account"));
            }
        };
        let explain = self.explained(uid == 0, login);
        let id = CallerId::new(format!("uid:{uid}"));
        Ok(Caller::new(id, Role::Verifier, scope, explain))
    }

    async fn by_api_key(&self, key: Option<&str>) -> Result<Option<Caller>, Error> {
        Ok(self.record(key).await?.and_then(|record| self.holder(&record)))
    }

    /// The record of this API key.
    async fn record(&self, key: Option<&str>) -> Result<Option<ApiKeyRecord>, Error> {
        let Some((key, id)) = key.and_then(|key| Some((key, api_key_id(key)?))) else {
            return Ok(None);
        };
        let digest = self.verifier.api_key_digest(key).await?;
        let keys = self.api_keys().await?;
        Ok(keys
            .get(id)
            .filter(|record| bool::from(record.digest.ct_eq(&digest[..])))
            .cloned())
    }

    /// Refuses an administrator's key while the restored state lasts: it may have been revoked
    /// after the backup, and must not end that state.
    async fn may_act_after_restore(&self, caller: &Caller) -> Result<(), Error> {
        if caller.role == Role::Admin && self.verifier.restored().await?.is_some() {
            return Err(Error::Restored);
        }
        Ok(())
    }

    /// The caller that holds this key; none where its record cannot be understood.
    fn holder(&self, record: &ApiKeyRecord) -> Option<Caller> {
        let role: Role = record.role.parse().ok()?;
        let scope = match &record.accounts {
            None => Scope::All,
            Some(texts) => {
                let patterns = texts.iter().map(|text| AccountPattern::existing(text));
                self.only(patterns.collect::<Result<_, _>>().ok()?, None)
            }
        };
        let id = CallerId::new(format!("key:{}", record.id));
        let explain = self.explained(record.explain, None);
        let services = SigningKeys::Of(record.signing_keys.clone());
        let caller = Caller::new(id, role, scope, explain).forwarding(record.forward);
        Some(caller.with_signing_keys(services))
    }

    /// The account of a login name of this machine.
    fn account_of(&self, login: &Login) -> Option<String> {
        Some(self.config.local.account_prefix.account_of(login.name.as_deref()?))
    }

    /// The accounts of which a caller hears reasons: all by configuration, else that of its login
    /// name on this machine. API keys have none.
    fn explained(&self, by_rule: bool, login: Option<String>) -> Scope {
        if by_rule || self.config.explain { Scope::All } else { self.own(login) }
    }

    /// The account of this login name; without one, no account.
    fn own(&self, login: Option<String>) -> Scope {
        self.only(vec![AccountPattern::LoginName], login)
    }

    fn only(&self, patterns: Vec<AccountPattern>, login: Option<String>) -> Scope {
        Scope::Only { patterns, login, fold: self.accounts.fold() }
    }

    /// The API keys, read again when the store's control data has a new version.
    async fn api_keys(&self) -> Result<ApiKeys, Error> {
        let store = self.verifier.store();
        let version = store.control_version().await?;
        if let Some((_, keys)) = self
            .keys
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .filter(|(cached, _)| *cached == version)
        {
            return Ok(Arc::clone(keys));
        }
        let keys = store.api_keys().await?.into_iter().map(|record| (record.id.clone(), record));
        let keys = Arc::new(keys.collect::<HashMap<String, ApiKeyRecord>>());
        *self.keys.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((version, Arc::clone(&keys)));
        Ok(keys)
    }
}

/// The public part of an API key: `twostep_ID_SECRET`.
fn api_key_id(key: &str) -> Option<&str> {
    let (id, secret) = key.strip_prefix("twostep_")?.split_once('_')?;
    (!id.is_empty() && secret.len() == 43).then_some(id)
}
