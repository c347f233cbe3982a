//! The state of a running agent, which requests and background tasks share.

use std::sync::Arc;

use axum::extract::FromRef;

use crate::agent::access::Callers;
use crate::agent::accounts::Accounts;
use crate::agent::config::Config;
use crate::agent::fleet::Fleet;
use crate::agent::local::Local;
use crate::agent::metrics::Metrics;
use crate::agent::plane::Plane;
use crate::agent::stop::{Stop, Why};
use crate::session::{Introspector, Issuer, RevocationFeed};
use crate::store;
use crate::store::{AfterUnknown, Backup};
use crate::verifier::{SecurityKeys, Verifier};

/// The state, as handlers receive it.
pub(crate) type Shared = Arc<State>;

/// A running agent.
pub(crate) struct State {
    pub(crate) config: Arc<Config>,
    pub(crate) verifier: Verifier,
    /// Maps names to accounts.
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) keys: SecurityKeys,
    pub(crate) issuer: Issuer,
    pub(crate) introspector: Introspector,
    pub(crate) revocations: RevocationFeed,
    pub(crate) callers: Callers,
    pub(crate) local: Local,
    pub(crate) metrics: Arc<Metrics>,
    /// The AWS account.
    pub(crate) plane: Plane,
    /// The fleet of tokens, and the watch over it.
    pub(crate) fleet: Arc<Fleet>,
    /// Ends the agent: `stop.now(Why::Failed(…))`.
    pub(crate) stop: Stop,
    /// Copies the store; none for a store that has backup tools of its own.
    pub(crate) backup: Option<Arc<dyn Backup>>,
}

impl State {
    /// Ends the agent after a commit whose result is unknown, if the store demands it: the state in
    /// memory may differ from the store's. Every face calls it after [`store::Error::Unknown`].
    pub(crate) async fn end_in_doubt(&self) {
        let store = self.verifier.store();
        if store.after_unknown() != AfterUnknown::EndProcess {
            return;
        }
        let reason = match store.control_version().await {
            // The store reports why its state is unknown.
            Err(store::Error::Unknown(reason)) => reason,
            Ok(_) | Err(_) => "the store did not say whether it kept a change".to_owned(),
        };
        self.stop.now(Why::Failed(reason));
    }
}

impl FromRef<Shared> for Callers {
    fn from_ref(state: &Shared) -> Callers {
        state.callers.clone()
    }
}
