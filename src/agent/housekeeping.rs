//! What the agent does by itself: write down what was only counted, forget what is over, and see
//! whether it is ready.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::metrics::Metrics;
use super::stop::{Stop, Why};
use crate::session::Issuer;
use crate::store;
use crate::verifier::{Error, Verifier};

/// Works until it is dropped.
pub(crate) async fn run(
    verifier: Verifier,
    issuer: Issuer,
    keep_audit: Duration,
    metrics: Arc<Metrics>,
    stop: Stop,
) {
    let every = |period| {
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    };
    let (mut probe, mut refusals, mut expiry) = (every(PROBE), every(REFUSALS), every(EXPIRY));
    let (mut stepped, mut was_ready) = (None, true);
    loop {
        let done = tokio::select! {
            _ = probe.tick() => {
                let ready = match verifier.ready().await {
                    // Reads the store, which is how its files are seen to be the ones that were
                    // opened.
                    Ok(()) => verifier.store().control_version().await.map(drop).map_err(Error::Store),
                    failed => failed,
                };
                metrics.probed(&ready);
                if let Some(step) = verifier.last_clock_step().filter(|step| Some(*step) != stepped) {
                    tracing::warn!(to = %step.to, seconds = step.seconds, "the clock was stepped; it is synchronised, and believed");
                    stepped = Some(step);
                }
                if ready.is_ok() && !was_ready {
                    tracing::info!("ready again");
                }
                was_ready = ready.is_ok();
                // A store that has room again is found soon, without waiting for a request.
                probe = every(if ready.is_ok() { PROBE } else { PROBE_AGAIN });
                probe.reset();
                ready
            }
            _ = refusals.tick() => verifier.write_refusals().await,
            _ = expiry.tick() => expire(&verifier, &issuer, keep_audit).await,
        };
        report(done, &stop);
    }
}

/// What is left to do when nobody asks any more.
pub(crate) async fn finish(verifier: &Verifier) -> Result<(), Error> {
    verifier.write_refusals().await?;
    verifier.note_time().await
}

/// Seals again what an older sealing key seals, which is there when the first line of the key file
/// is a new one, until nothing needs an older one any more.
pub(crate) async fn reseal(verifier: Verifier, stop: Stop) {
    loop {
        match verifier.older_sealing_keys().await {
            Ok(older) if older.is_empty() => return,
            Ok(older) => {
                for need in older {
                    tracing::info!(key = %need.key, secrets = need.secrets, "secrets need an older sealing key: keep its line; they are sealed again");
                }
            }
            Err(error) => {
                tracing::error!(%error, "how many secrets need an older sealing key is not known")
            }
        }
        match verifier.reseal().await {
            Ok(resealed) => {
                return tracing::info!(resealed, "no secret needs an older sealing key any more");
            }
            Err(error) => {
                tracing::error!(%error, "not all secrets were sealed again: keep the lines of older sealing keys; it goes on in a minute");
                report(Err(error), &stop);
            }
        }
        tokio::time::sleep(RESEAL_AGAIN).await;
    }
}

async fn expire(verifier: &Verifier, issuer: &Issuer, keep_audit: Duration) -> Result<(), Error> {
    let expired = verifier.expire(keep_audit).await?;
    issuer.expire_keys().await?;
    tracing::debug!(expired, "forgot what is over");
    Ok(())
}

fn report(done: Result<(), Error>, stop: &Stop) {
    match done {
        Ok(()) => {}
        // What is in memory may not be what is on disk.
        Err(Error::Store(store::Error::Unknown(reason))) => stop.now(Why::Failed(reason)),
        // Others moved at the same time; there will be another time.
        Err(Error::Contended) => {}
        Err(error) => tracing::error!(%error, "not ready"),
    }
}

const PROBE: Duration = Duration::from_secs(5);

const PROBE_AGAIN: Duration = Duration::from_secs(1);

const RESEAL_AGAIN: Duration = Duration::from_secs(60);

const REFUSALS: Duration = Duration::from_secs(60);

const EXPIRY: Duration = Duration::from_secs(3_600);
