//! The agent: holds the store, and answers over HTTP on a Unix socket and on TCP.
//!
//! [`run`] starts it and comes back when it was asked to end. Around the API stand, from the
//! outside in: the listeners, which know the peer ([`config`] says what it may do); a place for
//! each connection; deadlines for the head, the body and the work; and limits on their size.
//! Nothing that a caller sends is logged.

mod accounts;
mod api;
mod caller;
pub mod config;
mod error;
mod events;
mod harden;
mod housekeeping;
mod layers;
mod listen;
mod local;
mod log;
mod metrics;
mod peer;
mod places;
mod program;
mod serve;
mod state;
mod stop;
mod systemd;

pub use config::Config;
pub use error::Error;
pub use listen::ListenError;

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::session::{Issuer, Lifetime, SigningAlgorithm};
use crate::store::sqlite::Standing;
use crate::store::{Keyring, SqliteStore, sqlite};
use crate::time::{Clock, SystemClock};
use crate::usb::{Bus, Usb};
use crate::verifier::{Limits, SecurityKeys, Verifier};
use accounts::{Accounts, NotFolded};
use error::at_start;
use listen::Listeners;
use listen::tls::Tls;
use log::Lossy;
use metrics::Metrics;
use serve::Doors;
use state::{Backup, State};
use stop::{Stop, Why};

/// What the API works with.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) config: Arc<Config>,
    pub(crate) verifier: Verifier,
    /// Which names are one account.
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) keys: SecurityKeys,
    pub(crate) issuer: Issuer,
    pub(crate) metrics: Arc<Metrics>,
    /// Where security keys are plugged in.
    pub(crate) bus: Arc<dyn Bus>,
    /// For what cannot be answered for: `stop.now(Why::Failed(…))`.
    pub(crate) stop: Stop,
    /// Copies the store; none where the store has tools of its own for that.
    pub(crate) backup: Option<Backup>,
}

/// Runs an agent until SIGTERM or SIGINT, then lets it finish what it is doing.
///
/// It may be called once in a process: it limits what the process may do, and takes its signals.
///
/// # Errors
/// [`Error`]: the configuration has problems, the store or a socket cannot be opened, or the store
/// was lost while the agent ran.
pub async fn run(config: Config) -> Result<(), Error> {
    run_on(Arc::new(Usb), config).await
}

/// [`run`], with the security keys of another bus than this machine's.
///
/// # Errors
/// As [`run`].
pub async fn run_on(bus: Arc<dyn Bus>, config: Config) -> Result<(), Error> {
    run_with(bus, Arc::new(SystemClock), config).await
}

/// [`run_on`], by another clock than this machine's.
///
/// # Errors
/// As [`run`].
pub async fn run_with(
    bus: Arc<dyn Bus>,
    clock: Arc<dyn Clock>,
    config: Config,
) -> Result<(), Error> {
    let log = log::start(&config.log);
    let ended = run_logged(bus, clock, config, log.clone()).await;
    log::finish(&log);
    ended
}

async fn run_logged(
    bus: Arc<dyn Bus>,
    clock: Arc<dyn Clock>,
    config: Config,
    log: Lossy,
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
    let (parts, store) = open(bus, clock, config, log).await?;
    let listeners = Listeners::open(&parts.config)?;
    let state = Arc::new(State::new(parts.clone()));
    let presence = state.local.presence.clone();
    // No session goes on whose key may have gone while no agent ran.
    presence
        .end_what_was_left()
        .await
        .map_err(|error| at_start(&parts.config, error))?;
    let around = |router| layers::layered(router, &parts.config, &parts.metrics);
    let doors = Doors {
        agent: around(api::router(Arc::clone(&state))),
        verify: around(api::to_verify(state)),
    };

    let keep_audit = Duration::from_secs(parts.config.store.audit_days.saturating_mul(86_400));
    let (verifier, metrics, stop) =
        (parts.verifier.clone(), Arc::clone(&parts.metrics), parts.stop.clone());
    let chores = housekeeping::run(
        verifier.clone(),
        parts.issuer.clone(),
        keep_audit,
        Arc::clone(&metrics),
        stop.clone(),
    );
    let chores = tokio::spawn(chores);
    let listeners_to_events =
        events::start(&parts).map_err(|problem| Error::Config(vec![problem]))?;
    let resealing = tokio::spawn(housekeeping::reseal(verifier.clone(), stop.clone()));
    let signals = tokio::spawn(signals.obey(parts.clone(), tls.clone()));
    let watchdog = tokio::spawn(systemd::watchdog());
    tracing::info!(version = env!("CARGO_PKG_VERSION"), socket = %parts.config.socket_path().display(), "ready");
    systemd::ready();
    serve::serve(listeners, doors, &parts.config.limits, tls, metrics, &stop).await;

    if tokio::time::timeout(LAST_TRY, presence.end_all()).await.is_err() {
        tracing::error!(
            "sessions that are bound to keys are not revoked; they will be when the agent starts again"
        );
    }
    chores.abort();
    resealing.abort();
    listeners_to_events.iter().for_each(tokio::task::JoinHandle::abort);
    signals.abort();
    watchdog.abort();
    let why = stop.wait().await;
    if let Err(error) = housekeeping::finish(&verifier).await {
        tracing::error!(%error, "what was counted since the last minute is not in the audit log");
    }
    // Handles of it may live on in what was only told to end.
    let closed = store.close().await;
    match why {
        Why::Asked => Ok(closed?),
        Why::Failed(reason) => Err(Error::Ended(reason)),
    }
}

/// Opens the store, and sees to it that the sealing key is the store's.
async fn open(
    bus: Arc<dyn Bus>,
    clock: Arc<dyn Clock>,
    config: Config,
    log: Lossy,
) -> Result<(Parts, SqliteStore), Error> {
    let relying_party = config
        .relying_party(clock.read().wall)
        .map_err(|problem| Error::Config(vec![problem]))?;
    let store = open_store(&config)?;
    let copied = store.clone();
    let backup: Backup = Arc::new(move |to| {
        let copied = copied.clone();
        Box::pin(async move { copied.backup(to).await })
    });
    let key_file = config.key_file();
    make_private_folder(&key_file)?;
    let keyring = Keyring::from_file_or_new(key_file)?;
    let limits = Limits {
        devices_per_account: config.limits.devices_per_account,
        pending_per_account: config.limits.pending_devices_per_account,
    };
    let verifier = Verifier::with(Arc::new(store.clone()), keyring, clock, limits);
    // A wrong key ends it here. A wrong clock does not: it may be synchronised yet, or an
    // administrator accepts it.
    let sealer = verifier.sealer().await.map_err(|error| at_start(&config, error))?;
    log_keys(sealer.keyring());
    let accounts = Accounts::of(&**verifier.store(), config.accounts.fold).await.map_err(
        |error| match error {
            NotFolded::Several(_) => Error::Config(vec![error.to_string()]),
            NotFolded::Store(error) => at_start(&config, error.into()),
        },
    )?;
    let keys = SecurityKeys::new(verifier.clone(), relying_party);
    let lifetime = Lifetime::try_from(Duration::from_secs(config.sessions.default_seconds));
    let lifetime = lifetime
        .map_err(|error| Error::Config(vec![format!("sessions.default_seconds: {error}")]))?;
    let algorithm = config.sessions.algorithm;
    let issuer =
        Issuer::with_algorithm(verifier.clone(), &config.issuer, algorithm.unwrap_or_default())
            .lifetime(lifetime);
    if let Some(algorithm) = algorithm {
        sign_by(&issuer, algorithm).await;
    }
    let metrics = Arc::new(Metrics::new(verifier.clone(), log));
    metrics.probed(&verifier.ready().await);
    let accounts = Arc::new(accounts);
    let parts = Parts {
        config: Arc::new(config),
        verifier,
        accounts,
        keys,
        issuer,
        metrics,
        bus,
        stop: Stop::new(),
        backup: Some(backup),
    };
    Ok((parts, store))
}

/// Replaces the signing key if it signs by another algorithm than the configured one. Where none
/// can be made now, for want of a trusted clock or of room, the old one goes on.
async fn sign_by(issuer: &Issuer, algorithm: SigningAlgorithm) {
    match issuer.sign_by(algorithm).await {
        Ok(Some(key)) => tracing::info!(
            kid = key.kid,
            algorithm = key.algorithm,
            "sessions are signed by a new key"
        ),
        Ok(None) => {}
        Err(error) => {
            tracing::warn!(%algorithm, %error, "the signing key was not replaced; start again when this is mended")
        }
    }
}

fn open_store(config: &Config) -> Result<SqliteStore, Error> {
    let url = config.store_url();
    let Some(file) = url.file() else {
        return Err(Error::Config(vec![
            "store.url: PostgreSQL is not built into this version; use sqlite:PATH".to_owned(),
        ]));
    };
    make_private_folder(file)?;
    let key = config.key_file();
    // The agent makes its key after its store, so the key alone means that a store is lost. An
    // operator may bring a key first.
    if sqlite::standing(file)? == Standing::Nothing
        && key.exists()
        && (config.makes_its_key() || file.exists())
    {
        return Err(Error::StoreGone {
            key: key.display().to_string(),
            store: file.display().to_string(),
        });
    }
    Ok(SqliteStore::open(file)?)
}

/// Makes the folder of this file, for nobody else, if it is not there.
fn make_private_folder(file: &Path) -> Result<(), Error> {
    let folder = config::folder_of(file);
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|reason| Error::System { what: format!("make {}", folder.display()), reason })
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    /// Taken, so that a write beyond the file size that the process may have fails instead of
    /// ending it.
    _too_large: Signal,
}

impl Signals {
    fn take() -> std::io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            _too_large: signal(SignalKind::from_raw(nix::libc::SIGXFSZ))?,
        })
    }

    async fn obey(mut self, parts: Parts, tls: Option<Arc<Tls>>) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => break,
                _ = self.interrupt.recv() => break,
                _ = self.hang_up.recv() => {
                    systemd::reloading();
                    // Sealing a large store again takes its time, and goes on at the next start.
                    tokio::select! {
                        () = reload(&parts, tls.as_deref()) => systemd::ready(),
                        _ = self.terminate.recv() => break,
                        _ = self.interrupt.recv() => break,
                    }
                }
            }
        }
        tracing::info!("stopping");
        systemd::stopping();
        parts.stop.now(Why::Asked);
    }
}

/// Reads the certificate and the sealing keys again. What cannot be used changes nothing.
async fn reload(parts: &Parts, tls: Option<&Tls>) {
    if let Some(tls) = tls {
        match tls.reload() {
            Ok(()) => tracing::info!("the certificate was read again"),
            Err(error) => tracing::error!(%error, "the old certificate stays"),
        }
    }
    let resealed = match Keyring::from_file(parts.config.key_file()) {
        Ok(keyring) => {
            log_keys(&keyring);
            parts.verifier.rotate_sealing_keys(keyring).await
        }
        Err(error) => Err(error.into()),
    };
    match resealed {
        Ok(resealed) => tracing::info!(resealed, "the sealing keys were read again"),
        Err(error) => tracing::error!(%error, "the old sealing keys stay"),
    }
}

/// Names the sealing keys, so that a line of the key file is known by the id that others name.
fn log_keys(keyring: &Keyring) {
    let ids: Vec<String> = keyring.ids().iter().map(ToString::to_string).collect();
    let (first, others) =
        ids.split_first().map_or((String::new(), String::new()), |(first, others)| {
            (first.clone(), others.join(" "))
        });
    tracing::info!(first, others, "sealing keys");
}

fn system<E: Into<std::io::Error>>(what: &'static str) -> impl FnOnce(E) -> Error {
    move |reason| Error::System { what: what.to_owned(), reason: reason.into() }
}

/// How long the store is waited for when the agent ends.
const LAST_TRY: Duration = Duration::from_secs(5);
