//! The AWS account that the agent stands for: its number, its policies, its keys.

use std::num::NonZeroUsize;
use std::sync::Arc;

use crate::agent::config::Config;
use crate::agent::last_uses::LastUses;
use crate::aws::document::IdentityPolicy;
use crate::aws::sigv4::KeyCache;
use crate::aws::{AccessKeys, AccountNumber, UserPolicies};
use crate::id::{AccountId, CallerId};
use crate::verifier::{Error, Verifier};

/// The AWS account.
pub(crate) struct Plane {
    pub(crate) number: AccountNumber,
    /// The account of root's devices.
    pub(crate) root: Option<AccountId>,
    /// The policy that every user has.
    pub(crate) everyone: Option<Arc<IdentityPolicy>>,
    /// Derived signing keys.
    pub(crate) signing_keys: KeyCache,
    /// Uses of access keys that are not in the store yet.
    pub(crate) last_uses: LastUses,
    verifier: Verifier,
}

impl Plane {
    /// The account as it is configured, or what is wrong with its policy file.
    pub(super) fn new(config: &Config, verifier: &Verifier) -> Result<Plane, String> {
        let everyone = if config.aws.is_on() { config.aws.everyone()? } else { None };
        Ok(Plane {
            number: config.aws.account_id.clone(),
            root: config.aws.root_account.clone(),
            everyone: everyone.map(Arc::new),
            signing_keys: KeyCache::new(KEPT),
            last_uses: LastUses::default(),
            verifier: verifier.clone(),
        })
    }

    /// The access keys, for look-ups.
    pub(crate) fn own_keys(&self) -> AccessKeys {
        AccessKeys::new(self.verifier.clone())
    }

    /// Keeps in the store which keys were used.
    pub(super) async fn keep_last_uses(&self) -> Result<(), Error> {
        self.last_uses.keep(&self.own_keys()).await
    }

    /// The policies of users, for decisions.
    pub(crate) fn own_policies(&self) -> UserPolicies {
        UserPolicies::new(self.verifier.clone())
    }

    /// The policies of users, for this caller.
    pub(crate) fn policies(&self, caller: &CallerId) -> UserPolicies {
        UserPolicies::new(self.verifier.on_behalf_of(caller.clone()))
    }

    /// The access keys, for this caller.
    pub(crate) fn keys(&self, caller: &CallerId) -> AccessKeys {
        AccessKeys::new(self.verifier.on_behalf_of(caller.clone()))
    }
}

/// The most derived keys in memory: some hundred kilobytes.
const KEPT: NonZeroUsize = NonZeroUsize::new(4_096).unwrap();
