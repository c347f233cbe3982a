//! Who is asking, and what they may ask for.
//!
//! On the Unix socket the kernel says who the peer is, as a number, when it connects. On TCP an API
//! key says it.

use std::collections::HashMap;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};
use nix::unistd::Uid;
use subtle::ConstantTimeEq;

use crate::agent::accounts::Accounts;
use crate::agent::api::Problem;
use crate::agent::config::{AccountPattern, Config, Fold, Role};
use crate::agent::peer::{Login, MayOnlyVerify, Peer};
use crate::agent::state::Shared;
use crate::id::{AccountId, CallerId};
use crate::session::carried::Ambiguous;
use crate::session::{SignedContext, carried};
use crate::store::ApiKeyRecord;
use crate::verifier;
use crate::verifier::Verifier;

/// An authenticated caller.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) id: CallerId,
    pub(crate) role: Role,
    pub(crate) scope: Scope,
    /// Refusals carry their reason.
    pub(crate) explain: bool,
    /// It is a proxy, which is believed where a request went to.
    pub(crate) forward: bool,
}

/// A proxy that asks about somebody else's request. On TCP its API key is in `X-Twostep-Key`:
/// `Authorization` is that person's.
pub(crate) struct Proxy(pub(crate) Caller);

/// The accounts that exist for a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    All,
    Only {
        patterns: Vec<AccountPattern>,
        /// What `$user` stands for.
        login: Option<String>,
        fold: Fold,
    },
}

/// Who turned out to be asking, for the log; an extension of every request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asking(pub(crate) Arc<OnceLock<CallerId>>);

/// Knows the callers.
pub(crate) struct Callers {
    verifier: Verifier,
    config: Arc<Config>,
    accounts: Arc<Accounts>,
    limiter: DefaultKeyedRateLimiter<CallerId>,
    seen: AtomicU32,
    /// As of a version of the store's control data.
    keys: Mutex<Option<(u64, ApiKeys)>>,
}

type ApiKeys = Arc<HashMap<String, ApiKeyRecord>>;

impl Callers {
    pub(crate) fn new(verifier: Verifier, config: Arc<Config>, accounts: Arc<Accounts>) -> Callers {
        let quota =
            Quota::per_second(config.limits.requests_per_second).allow_burst(config.limits.burst);
        let limiter = DefaultKeyedRateLimiter::keyed(quota);
        Callers {
            verifier,
            config,
            accounts,
            limiter,
            seen: AtomicU32::new(0),
            keys: Mutex::new(None),
        }
    }

    async fn identify(
        &self,
        parts: &Parts,
        key: impl FnOnce(&HeaderMap) -> Result<Option<&str>, Problem>,
    ) -> Result<Caller, Problem> {
        let caller = match parts.extensions.get::<Peer>() {
            Some(Peer::Unix { uid, .. }) => {
                let login = parts.extensions.get::<Arc<Login>>().map(|login| &**login);
                match parts.extensions.get::<MayOnlyVerify>() {
                    Some(MayOnlyVerify) => self.who_may_only_verify(*uid, login)?,
                    None => self.local(*uid, login)?,
                }
            }
            Some(Peer::Tcp(_)) => self.by_api_key(key(&parts.headers)?).await?,
            None => return Err(Problem::unauthorized()),
        };
        // Callers who have been quiet for so long that their limit is whole again are forgotten.
        if self.seen.fetch_add(1, Relaxed).is_multiple_of(65_536) {
            self.limiter.retain_recent();
        }
        match self.limiter.check_key(&caller.id) {
            Ok(()) => Ok(caller),
            Err(early) => {
                Err(Problem::too_fast(early.wait_time_from(DefaultClock::default().now())))
            }
        }
    }

    fn local(&self, uid: u32, login: Option<&Login>) -> Result<Caller, Problem> {
        let id = CallerId::new(format!("uid:{uid}"));
        let (name, groups) =
            login.map_or((None, &[][..]), |login| (login.name.clone(), &login.groups[..]));
        let rule = self.config.peer_rule(uid, groups);
        let forward = rule.is_some_and(|rule| rule.forward);
        if uid == 0 || uid == Uid::effective().as_raw() {
            return Ok(Caller { id, role: Role::Admin, scope: Scope::All, explain: true, forward });
        }
        let explain = self.config.explain;
        match (rule, name) {
            (Some(rule), login) => {
                let scope =
                    rule.accounts.clone().map_or(Scope::All, |patterns| self.only(patterns, login));
                Ok(Caller { id, role: rule.role, scope, explain: explain || rule.explain, forward })
            }
            (None, Some(login)) if self.config.local_users => {
                let scope = self.only(vec![AccountPattern::LoginName], Some(login));
                Ok(Caller { id, role: Role::Enroller, scope, explain, forward })
            }
            (None, _) => {
                Err(Problem::forbidden("no [[peer]] of the agent's configuration is for this user"))
            }
        }
    }

    /// Everybody verifies the account of their own login name, root that of anybody. No rule makes
    /// it more, or less.
    fn who_may_only_verify(&self, uid: u32, login: Option<&Login>) -> Result<Caller, Problem> {
        let scope = match login.and_then(|login| login.name.clone()) {
            _ if uid == 0 => Scope::All,
            Some(login) => self.only(vec![AccountPattern::LoginName], Some(login)),
            None => {
                return Err(Problem::forbidden("this user has no login name, and so no account"));
            }
        };
        let explain = uid == 0 || self.config.explain;
        Ok(Caller {
            id: CallerId::new(format!("uid:{uid}")),
            role: Role::Verifier,
            scope,
            explain,
            forward: false,
        })
    }

    async fn by_api_key(&self, key: Option<&str>) -> Result<Caller, Problem> {
        let key = key.ok_or_else(Problem::unauthorized)?;
        let id = api_key_id(key).ok_or_else(Problem::unauthorized)?;
        let digest = self.verifier.api_key_digest(key).await?;
        let keys = self.api_keys().await?;
        let record = keys
            .get(id)
            .filter(|record| bool::from(record.digest.ct_eq(&digest[..])))
            .ok_or_else(Problem::unauthorized)?;
        let role: Role = record.role.parse().map_err(|_| Problem::unauthorized())?;
        let patterns = record.accounts.as_ref().map(|texts| {
            texts
                .iter()
                .map(|text| AccountPattern::existing(text))
                .collect::<Result<Vec<_>, _>>()
        });
        let patterns = patterns.transpose().map_err(|_| Problem::unauthorized())?;
        let scope = patterns.map_or(Scope::All, |patterns| self.only(patterns, None));
        let explain = self.config.explain || record.explain;
        Ok(Caller {
            id: CallerId::new(format!("key:{}", record.id)),
            role,
            scope,
            explain,
            forward: record.forward,
        })
    }

    fn only(&self, patterns: Vec<AccountPattern>, login: Option<String>) -> Scope {
        Scope::Only { patterns, login, fold: self.accounts.fold() }
    }

    /// The API keys, read again whenever the store says that one was made or revoked.
    async fn api_keys(&self) -> Result<ApiKeys, verifier::Error> {
        let version = self.verifier.store().control_version().await?;
        if let Some((_, keys)) = self
            .keys
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .filter(|(cached, _)| *cached == version)
        {
            return Ok(Arc::clone(keys));
        }
        let keys = self
            .verifier
            .store()
            .api_keys()
            .await?
            .into_iter()
            .map(|record| (record.id.clone(), record));
        let keys = Arc::new(keys.collect::<HashMap<String, ApiKeyRecord>>());
        *self.keys.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((version, Arc::clone(&keys)));
        Ok(keys)
    }
}

impl Caller {
    /// Whether the account exists for this caller.
    pub(crate) fn sees(&self, account: &AccountId) -> bool {
        match &self.scope {
            Scope::All => true,
            Scope::Only { patterns, login, fold } => patterns
                .iter()
                .any(|pattern| pattern.covers_folded(account, login.as_deref(), *fold)),
        }
    }

    /// Whether no other account exists for it than that of its own login name.
    pub(crate) fn sees_only_its_own(&self) -> bool {
        let Scope::Only { patterns, .. } = &self.scope else { return false };
        patterns.iter().all(|pattern| *pattern == AccountPattern::LoginName)
    }

    /// Refuses a caller whose role is too low.
    pub(crate) fn must_be(&self, role: Role) -> Result<(), Problem> {
        if self.role >= role {
            Ok(())
        } else {
            Err(Problem::forbidden("your role does not allow this"))
        }
    }
}

impl FromRequestParts<Shared> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Shared) -> Result<Caller, Problem> {
        let caller = state.callers.identify(parts, bearer).await?;
        told(parts, &caller);
        Ok(caller)
    }
}

impl FromRequestParts<Shared> for Proxy {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Shared) -> Result<Proxy, Problem> {
        let caller = state
            .callers
            .identify(parts, proxy_key)
            .await
            .map_err(Problem::about_the_proxy)?;
        told(parts, &caller);
        Ok(Proxy(caller))
    }
}

/// Tells the log who asks.
fn told(parts: &Parts, caller: &Caller) {
    if let Some(asking) = parts.extensions.get::<Asking>() {
        let _ = asking.0.set(caller.id.clone());
    }
}

fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    carried::bearer(headers).map_err(|Ambiguous| {
        Problem::bad_input("send one Authorization header, and in it: Bearer KEY")
    })
}

/// A visitor has added the second of two, so neither is the proxy's word; and a proxy's visitors
/// are answered with 401, which all proxies hand on.
fn proxy_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut keys = headers.get_all("x-twostep-key").iter();
    let (Some(key), None) = (keys.next(), keys.next()) else { return Ok(None) };
    Ok(key.to_str().ok())
}

/// The context in `X-MFA-Context`: none, or what is there, however odd it looks.
pub(crate) fn shown_context(headers: &HeaderMap) -> Result<Option<SignedContext>, Problem> {
    let mut contexts = headers.get_all("x-mfa-context").iter();
    let context = contexts.next().map(|context| {
        SignedContext::new(String::from_utf8_lossy(context.as_bytes().trim_ascii()))
    });
    match contexts.next() {
        None => Ok(context),
        Some(_) => Err(Problem::bad_input("send one X-MFA-Context header")),
    }
}

/// The public part of an API key: `twostep_ID_SECRET`.
pub(crate) fn api_key_id(key: &str) -> Option<&str> {
    let (id, secret) = key.strip_prefix("twostep_")?.split_once('_')?;
    (!id.is_empty() && secret.len() == 43).then_some(id)
}

/// How long to wait, in whole seconds, at least one.
pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1)
}
