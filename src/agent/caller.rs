//! Who is asking, and what they may ask for.
//!
//! On the Unix socket the kernel says who the peer is, as a number, when it connects. On TCP an API key says it.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use governor::DefaultKeyedRateLimiter;
use governor::Quota;
use governor::clock::Clock as _;
use governor::clock::DefaultClock;
use nix::unistd::Uid;
use subtle::ConstantTimeEq;

use crate::agent::api::Problem;
use crate::agent::peer::Login;
use crate::agent::peer::Peer;
use crate::agent::state::Shared;
use crate::id::AccountId;
use crate::id::CallerId;
use crate::store::ApiKeyRecord;
use crate::verifier;
use crate::verifier::Verifier;

/// What a caller may do. Each role may do what the ones before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Role {
    /// Open and introspect sessions, list the factors of one account.
    Verifier,
    /// Create, activate and resynchronise devices.
    Enroller,
    /// Everything.
    Admin,
}

/// An authenticated caller.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) id: CallerId,
    pub(crate) role: Role,
    pub(crate) scope: Scope,
    /// Refusals carry their reason.
    pub(crate) explain: bool,
}

/// The accounts that exist for a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    All,
    /// Names, and prefixes that end in `*`.
    Only(Vec<String>),
}

/// What the configuration says about a local user or group.
#[derive(Clone, Debug)]
pub(crate) struct PeerRule {
    pub(crate) uid: Option<u32>,
    pub(crate) gid: Option<u32>,
    pub(crate) role: Role,
    /// None: all accounts. `$user` stands for the peer's login name.
    pub(crate) accounts: Option<Vec<String>>,
    pub(crate) explain: bool,
}

/// Knows the callers.
pub(crate) struct Callers {
    verifier: Verifier,
    rules: Vec<PeerRule>,
    /// Every local user may enrol devices for the account of their own login name.
    local_users: bool,
    limiter: Option<DefaultKeyedRateLimiter<CallerId>>,
    keys: Mutex<Option<(u64, Arc<HashMap<String, ApiKeyRecord>>)>>,
}

impl Callers {
    /// `rate` is the requests a second and the burst that each caller has.
    pub(crate) fn new(verifier: Verifier, rules: Vec<PeerRule>, local_users: bool, rate: Option<(NonZeroU32, NonZeroU32)>) -> Callers {
        let limiter = rate.map(|(each_second, burst)| DefaultKeyedRateLimiter::keyed(Quota::per_second(each_second).allow_burst(burst)));
        Callers { verifier, rules, local_users, limiter, keys: Mutex::new(None) }
    }

    /// Forgets callers who have been quiet for so long that their limit is whole again.
    pub(crate) fn forget_quiet(&self) {
        if let Some(limiter) = &self.limiter {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }

    async fn identify(&self, parts: &Parts) -> Result<Caller, Problem> {
        let caller = match parts.extensions.get::<Peer>() {
            Some(Peer::Unix { uid, .. }) => self.local(*uid, parts.extensions.get::<Arc<Login>>().map(|login| &**login))?,
            Some(Peer::Tcp(_)) => self.by_api_key(parts).await?,
            None => return Err(Problem::unauthorized()),
        };
        if let Some(Err(early)) = self.limiter.as_ref().map(|limiter| limiter.check_key(&caller.id)) {
            return Err(Problem::too_fast(early.wait_time_from(DefaultClock::default().now())));
        }
        Ok(caller)
    }

    fn local(&self, uid: u32, login: Option<&Login>) -> Result<Caller, Problem> {
        let id = CallerId::new(format!("uid:{uid}"));
        if uid == 0 || uid == Uid::effective().as_raw() {
            return Ok(Caller { id, role: Role::Admin, scope: Scope::All, explain: true });
        }
        let own_name = login.and_then(|login| login.name.clone());
        let in_group = |group: u32| login.is_some_and(|login| login.groups.contains(&group));
        // Of several rules the strongest role counts; of equal ones, the first.
        let matching = self.rules.iter().filter(|rule| rule.uid == Some(uid) || rule.gid.is_some_and(in_group));
        let rule = matching.fold(None, |best: Option<&PeerRule>, rule| best.filter(|best| best.role >= rule.role).or(Some(rule)));
        match (rule, own_name) {
            (Some(rule), own_name) => {
                // Somebody without a login name has no account of their own.
                let meant = |account: &String| if account == "$user" { own_name.clone() } else { Some(account.clone()) };
                let scope = rule.accounts.as_ref().map_or(Scope::All, |accounts| Scope::Only(accounts.iter().filter_map(meant).collect()));
                Ok(Caller { id, role: rule.role, scope, explain: rule.explain })
            }
            (None, Some(name)) if self.local_users => {
                Ok(Caller { id, role: Role::Enroller, scope: Scope::Only(vec![name]), explain: false })
            }
            (None, _) => Err(Problem::forbidden("no peer rule of the agent lets this user in")),
        }
    }

    async fn by_api_key(&self, parts: &Parts) -> Result<Caller, Problem> {
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let key = header.and_then(|value| value.strip_prefix("Bearer ")).ok_or_else(Problem::unauthorized)?;
        let id = api_key_id(key).ok_or_else(Problem::unauthorized)?;
        let digest = self.verifier.api_key_digest(key).await?;
        let keys = self.api_keys().await?;
        let record = keys.get(id).filter(|record| bool::from(record.digest.ct_eq(&digest[..]))).ok_or_else(Problem::unauthorized)?;
        let role = Role::named(&record.role).ok_or_else(Problem::unauthorized)?;
        let scope = record.accounts.clone().map_or(Scope::All, Scope::Only);
        Ok(Caller { id: CallerId::new(format!("key:{}", record.id)), role, scope, explain: record.explain })
    }

    /// The API keys, read again whenever the store says that one was made or revoked.
    async fn api_keys(&self) -> Result<Arc<HashMap<String, ApiKeyRecord>>, verifier::Error> {
        let version = self.verifier.store().control_version().await?;
        if let Some((_, keys)) = self.keys.lock().unwrap_or_else(PoisonError::into_inner).as_ref().filter(|(cached, _)| *cached == version)
        {
            return Ok(Arc::clone(keys));
        }
        let keys = self.verifier.store().api_keys().await?.into_iter().map(|record| (record.id.clone(), record));
        let keys = Arc::new(keys.collect::<HashMap<String, ApiKeyRecord>>());
        *self.keys.lock().unwrap_or_else(PoisonError::into_inner) = Some((version, Arc::clone(&keys)));
        Ok(keys)
    }
}

impl Caller {
    /// Whether the account exists for this caller.
    pub(crate) fn sees(&self, account: &AccountId) -> bool {
        match &self.scope {
            Scope::All => true,
            Scope::Only(patterns) => patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
                Some(prefix) => account.as_str().starts_with(prefix),
                None => account.as_str() == pattern,
            }),
        }
    }

    /// Refuses a caller whose role is too low.
    pub(crate) fn must_be(&self, role: Role) -> Result<(), Problem> {
        if self.role >= role { Ok(()) } else { Err(Problem::forbidden("your role does not allow this")) }
    }
}

impl Role {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Role::Verifier => "verifier",
            Role::Enroller => "enroller",
            Role::Admin => "admin",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Role> {
        [Role::Verifier, Role::Enroller, Role::Admin].into_iter().find(|role| role.name() == name)
    }
}

impl FromRequestParts<Shared> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Shared) -> Result<Caller, Problem> {
        state.callers.identify(parts).await
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
