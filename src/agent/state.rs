//! What every request handler is given.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::agent::caller::Callers;
use crate::agent::metrics::Metrics;
use crate::session::Introspector;
use crate::session::Issuer;
use crate::session::Lifetime;
use crate::store;
use crate::verifier::Verifier;

/// Shared by all requests.
pub(crate) type Shared = Arc<State>;

/// The parts of a running agent.
pub(crate) struct State {
    pub(crate) verifier: Verifier,
    pub(crate) issuer: Issuer,
    pub(crate) introspector: Introspector,
    pub(crate) callers: Callers,
    pub(crate) metrics: Metrics,
    pub(crate) settings: Settings,
    /// Copies the store into a new file; none where the store has its own tools for that.
    pub(crate) backup: Option<Backup>,
}

/// Copies the store into a new file.
pub(crate) type Backup = Box<dyn Fn(PathBuf) -> Pin<Box<dyn Future<Output = Result<(), store::Error>> + Send>> + Send + Sync>;

/// What the configuration says about requests.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// For whom contexts may be issued, beside the issuer itself; empty: for anybody.
    pub(crate) audiences: Vec<String>,
    /// How long a context is valid where the request does not say.
    pub(crate) lifetime: Lifetime,
    /// A refused session leaves at a multiple of this after it arrived.
    pub(crate) refusal_interval: Duration,
    /// Who may read the metrics.
    pub(crate) metrics: MetricsAccess,
    /// Where backups go that name no file.
    pub(crate) backups: PathBuf,
}

/// Who may read the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MetricsAccess {
    Open,
    Admin,
    Off,
}
