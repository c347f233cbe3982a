//! The agent: holds the store, and answers over HTTP on a Unix socket and on TCP.
//!
//! [`run`] starts it and returns when it has ended. A request passes, from the outside in, a
//! listener that knows the peer ([`config`] says what that peer may do), limits on connections,
//! deadlines for head, body and work, and limits on their size. The log never holds what a caller
//! sends.

mod access;
mod accounts;
mod api;
mod aws;
pub mod config;
#[cfg(feature = "console")]
mod console;
mod error;
mod events;
mod fleet;
mod harden;
mod housekeeping;
mod last_uses;
mod local;
mod log;
mod metrics;
mod net;
mod opened;
mod operations;
mod plane;
pub(crate) mod private;
mod problem;
mod program;
mod shares;
mod signals;
mod start;
mod started;
mod state;
mod stop;
mod systemd;

pub use config::Config;
pub use error::Error;
pub use net::ListenError;
pub use started::Started;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;

use crate::time::{Clock, SystemClock};
use crate::usb::{Bus, Usb};
use error::at_start;
use log::Lossy;
use net::{Face, Listeners, Routers, Tls};
use signals::Signals;
use state::Shared;
use stop::Why;

/// Runs an agent until SIGTERM or SIGINT, then lets it finish the requests in progress.
///
/// Call it once in a process: it takes the process's signals and lowers its limits.
///
/// # Errors
/// [`Error`]: the configuration has problems, the store or a socket cannot be opened, or the store
/// was lost while the agent ran.
pub async fn run(config: Config) -> Result<(), Error> {
    run_on(Arc::new(Usb), config).await
}

/// [`run`], and tells once when it is ready.
///
/// # Errors
/// As [`run`].
pub async fn run_telling(config: Config, tell: impl FnOnce(&Started)) -> Result<(), Error> {
    logged(Arc::new(Usb), Arc::new(SystemClock), config, tell).await
}

/// [`run`], with security keys on the given bus.
///
/// # Errors
/// As [`run`].
pub async fn run_on(bus: Arc<dyn Bus>, config: Config) -> Result<(), Error> {
    run_with(bus, Arc::new(SystemClock), config).await
}

/// [`run_on`], by the given clock.
///
/// # Errors
/// As [`run`].
pub async fn run_with(
    bus: Arc<dyn Bus>,
    clock: Arc<dyn Clock>,
    config: Config,
) -> Result<(), Error> {
    logged(bus, clock, config, |_| ()).await
}

async fn logged(
    bus: Arc<dyn Bus>,
    clock: Arc<dyn Clock>,
    config: Config,
    tell: impl FnOnce(&Started),
) -> Result<(), Error> {
    let log = log::start(&config.log);
    let ended = run_logged(bus, clock, config, log.clone(), tell).await;
    log::finish(&log);
    ended
}

async fn run_logged(
    bus: Arc<dyn Bus>,
    clock: Arc<dyn Clock>,
    config: Config,
    log: Lossy,
    tell: impl FnOnce(&Started),
) -> Result<(), Error> {
    harden::start(config.limits.connections).map_err(system("keep secrets out of core dumps"))?;
    let problems = config.problems();
    if !problems.is_empty() {
        return Err(Error::Config(problems));
    }
    for advice in config.advice() {
        tracing::warn!("{advice}");
    }
    let tls = config
        .tls
        .as_ref()
        .map(Tls::load)
        .transpose()
        .map_err(|error| Error::Config(vec![error.to_string()]))?
        .map(Arc::new);
    let signals = Signals::take().map_err(system("take signals"))?;
    let key_is_new = !config.key_file().exists();
    let (state, opened) = start::open(bus, clock, config, log).await?;
    let state = Arc::new(state);
    state.metrics.estate.certificate(tls.as_ref().and_then(|tls| tls.validity()));
    let listeners = Listeners::open(&state.config)?;
    // Keys may have been pulled while no agent ran: end the sessions bound to them.
    state
        .local
        .presence
        .end_earlier_sessions()
        .await
        .map_err(|error| at_start(&state.config, error))?;
    let started = Started::of(&state, key_is_new).await;
    let started = started.map_err(|error| at_start(&state.config, error.into()))?;
    work(&state, listeners, signals, tls, || tell(&started)).await?;

    let why = state.stop.wait().await;
    if let Err(error) = housekeeping::finish(&state.verifier, &state.issuer).await {
        tracing::error!(%error, "what was counted since the last minute is not in the audit log");
    }
    if let Err(error) = fleet::finish(&state).await {
        tracing::error!(%error, "the readings of the last minutes are lost");
    }
    // Aborted tasks may still hold handles of the store: close it for all of them.
    let closed = opened.close().await;
    match why {
        Why::Asked => Ok(closed?),
        Why::Failed(reason) => Err(Error::Ended(reason)),
    }
}

/// Serves requests and does the chores until the agent is to end.
async fn work(
    state: &Shared,
    listeners: Listeners,
    signals: Signals,
    tls: Option<Arc<Tls>>,
    tell: impl FnOnce(),
) -> Result<(), Error> {
    let around = |router, face| net::layered(router, face, &state.config, &state.metrics);
    let routers = Routers {
        agent: around(api::router(Arc::clone(state)), Face::Api),
        verify: around(api::to_verify(Arc::clone(state)), Face::Api),
        console: console_pages(state, around),
        aws: aws::surrounded(Arc::clone(state), around),
    };
    let mut tasks = vec![
        tokio::spawn(housekeeping::run(Arc::clone(state))),
        tokio::spawn(fleet::run(Arc::clone(state))),
        tokio::spawn(housekeeping::reseal(state.verifier.clone(), state.stop.clone())),
        tokio::spawn(systemd::watchdog()),
    ];
    tasks.extend(events::start(state).map_err(|problem| Error::Config(vec![problem]))?);
    tasks.push(tokio::spawn(signals.obey(Arc::clone(state), tls.clone())));
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        socket = %state.config.socket_path().display(),
        "ready"
    );
    systemd::ready();
    tell();
    net::serve(state, listeners, routers, tls).await;

    // A use that is not kept is that of the last half minute.
    let _ = tokio::time::timeout(LAST_TRY, state.plane.keep_last_uses()).await;
    let presence = &state.local.presence;
    if tokio::time::timeout(LAST_TRY, presence.end_all()).await.is_err() {
        tracing::error!(
            "sessions that are bound to keys are not revoked; they will be when the agent starts \
             again"
        );
    }
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
    Ok(())
}

/// The router of the console; an empty one where it is not built in, and then nothing listens.
fn console_pages(state: &Shared, around: impl Fn(Router, Face) -> Router) -> Router {
    #[cfg(feature = "console")]
    return console::surrounded(Arc::clone(state), around);
    #[cfg(not(feature = "console"))]
    {
        let _ = (state, around);
        Router::new()
    }
}

fn system<E: Into<std::io::Error>>(what: &'static str) -> impl FnOnce(E) -> Error {
    move |reason| Error::System { what: what.to_owned(), reason: reason.into() }
}

/// Time for the last revocations when the agent ends.
const LAST_TRY: Duration = Duration::from_secs(5);
