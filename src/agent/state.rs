//! What every request handler is given.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use super::caller::Callers;
use crate::agent::Parts;
use crate::agent::local::Local;
use crate::session::{Introspector, RevocationFeed};
use crate::store::sqlite::OpenError;

/// Shared by all requests.
pub(crate) type Shared = Arc<State>;

/// The parts of a running agent, and what requests need beside them.
pub(crate) struct State {
    pub(crate) parts: Parts,
    pub(crate) introspector: Introspector,
    pub(crate) revocations: RevocationFeed,
    pub(crate) callers: Callers,
    pub(crate) local: Local,
}

/// Copies the store into a new file.
pub(crate) type Backup = Arc<
    dyn Fn(PathBuf) -> Pin<Box<dyn Future<Output = Result<(), OpenError>> + Send>> + Send + Sync,
>;

impl State {
    pub(crate) fn new(parts: Parts) -> State {
        let introspector = Introspector::new(parts.issuer.clone(), parts.verifier.clone());
        let revocations = RevocationFeed::new(parts.issuer.clone(), parts.verifier.clone());
        let callers = Callers::new(
            parts.verifier.clone(),
            Arc::clone(&parts.config),
            Arc::clone(&parts.accounts),
        );
        let local = Local::new(&parts);
        State { parts, introspector, revocations, callers, local }
    }
}

impl std::ops::Deref for State {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}
