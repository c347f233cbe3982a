//! The state of a running agent, which requests and background tasks share.

use std::sync::Arc;

use axum::extract::FromRef;

use crate::agent::access::Callers;
use crate::agent::accounts::Accounts;
use crate::agent::config::Config;
use crate::agent::local::Local;
use crate::agent::metrics::Metrics;
use crate::agent::stop::Stop;
use crate::session::{Introspector, Issuer, RevocationFeed};
use crate::store::Backup;
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
    /// Ends the agent: `stop.now(Why::Failed(…))`.
    pub(crate) stop: Stop,
    /// Copies the store; none for a store that has backup tools of its own.
    pub(crate) backup: Option<Arc<dyn Backup>>,
}

impl FromRef<Shared> for Callers {
    fn from_ref(state: &Shared) -> Callers {
        state.callers.clone()
    }
}
