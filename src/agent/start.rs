//! Opening the store, the keys and all that stands on them.

use std::sync::Arc;
use std::time::Duration;

use crate::agent::access::Callers;
use crate::agent::accounts::{Accounts, NotFolded};
use crate::agent::config::Config;
use crate::agent::error::{Error, at_start};
use crate::agent::fleet::Fleet;
use crate::agent::local::Local;
use crate::agent::log::Lossy;
use crate::agent::metrics::Metrics;
use crate::agent::opened::{Opened, private_folder};
use crate::agent::plane::Plane;
use crate::agent::state::State;
use crate::agent::stop::Stop;
use crate::session::{Introspector, Issuer, Lifetime, RevocationFeed, SigningAlgorithm};
use crate::store::{Keyring, Store};
use crate::time::Clock;
use crate::usb::Bus;
use crate::verifier::{Limits, SecurityKeys, Verifier};

/// Opens the store and makes sure that the sealing key belongs to it.
pub(super) async fn open(
    bus: Arc<dyn Bus>,
    clock: Arc<dyn Clock>,
    config: Config,
    log: Lossy,
) -> Result<(State, Opened), Error> {
    let relying_party = config.relying_party(clock.read().wall).map_err(not_configured)?;
    let opened = Opened::new(&config).await?;
    let verifier = verifier(&config, Arc::clone(&opened.store), clock)?;
    // A wrong key ends the start. A wrong clock does not: it may be synchronised later, or an
    // administrator may accept it.
    let sealer = verifier.sealer().await.map_err(|error| at_start(&config, error))?;
    log_keys(sealer.keyring());
    let accounts = Accounts::of(&**verifier.store(), config.accounts.fold).await;
    let accounts = Arc::new(accounts.map_err(|error| match error {
        NotFolded::Several(_) => not_configured(error),
        NotFolded::Store(error) => at_start(&config, error.into()),
    })?);
    let issuer = issuer(&config, &verifier).await?;
    let fleet = Arc::new(Fleet::default());
    let metrics = Arc::new(Metrics::new(verifier.clone(), log, Arc::clone(&fleet)));
    metrics.probed(&verifier.ready().await);
    let plane = Plane::new(&config, &verifier).map_err(not_configured)?;
    let (config, stop) = (Arc::new(config), Stop::new());
    let state = State {
        keys: SecurityKeys::new(verifier.clone(), relying_party),
        introspector: Introspector::new(issuer.clone(), verifier.clone()),
        revocations: RevocationFeed::new(issuer.clone(), verifier.clone()),
        callers: Callers::new(verifier.clone(), Arc::clone(&config), Arc::clone(&accounts)),
        local: Local::new(bus, &config, &verifier, &stop),
        backup: opened.backup.clone(),
        config,
        verifier,
        accounts,
        issuer,
        metrics,
        plane,
        fleet,
        stop,
    };
    Ok((state, opened))
}

fn verifier(
    config: &Config,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
) -> Result<Verifier, Error> {
    let key_file = config.key_file();
    private_folder(&key_file)?;
    let keyring = Keyring::from_file_or_new(key_file)?;
    let limits = Limits {
        devices_per_account: config.limits.devices_per_account,
        pending_per_account: config.limits.pending_devices_per_account,
    };
    Ok(Verifier::with(store, keyring, clock, limits))
}

async fn issuer(config: &Config, verifier: &Verifier) -> Result<Issuer, Error> {
    let lifetime = Lifetime::try_from(Duration::from_secs(config.sessions.default_seconds));
    let lifetime =
        lifetime.map_err(|error| not_configured(format!("sessions.default_seconds: {error}")))?;
    let algorithm = config.sessions.algorithm;
    let issuer =
        Issuer::with_algorithm(verifier.clone(), &config.issuer, algorithm.unwrap_or_default())
            .lifetime(lifetime);
    if let Some(algorithm) = algorithm {
        sign_by(&issuer, algorithm).await;
    }
    Ok(issuer)
}

/// Replaces the signing key if its algorithm is not the configured one. Without a trusted clock or
/// room in the store the old key stays.
async fn sign_by(issuer: &Issuer, algorithm: SigningAlgorithm) {
    match issuer.sign_by(algorithm).await {
        Ok(Some(key)) => tracing::info!(
            kid = key.kid,
            algorithm = key.algorithm,
            "sessions are signed by a new key"
        ),
        Ok(None) => {}
        Err(error) => tracing::warn!(
            %algorithm, %error,
            "the signing key was not replaced; start again when this is mended"
        ),
    }
}

fn not_configured(problem: impl ToString) -> Error {
    Error::Config(vec![problem.to_string()])
}

/// Logs the ids of the sealing keys, by which other messages name the lines of the key file.
pub(super) fn log_keys(keyring: &Keyring) {
    let ids: Vec<String> = keyring.ids().iter().map(ToString::to_string).collect();
    let (first, others) =
        ids.split_first().map_or((String::new(), String::new()), |(first, others)| {
            (first.clone(), others.join(" "))
        });
    tracing::info!(first, others, "sealing keys");
}
