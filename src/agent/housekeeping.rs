//! Background work: writing counted refusals, deleting what has expired, probing readiness, and
//! resealing secrets.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, interval_at};

use crate::agent::state::{Shared, State};
use crate::agent::stop::{Stop, Why};
use crate::session::Issuer;
use crate::store;
use crate::store::{AfterUnknown, Store, Task};
use crate::verifier::{Error, Verifier};

/// Works until it is aborted.
pub(crate) async fn run(state: Shared) {
    let State { verifier, issuer, metrics, .. } = &*state;
    let keep_audit = Duration::from_secs(state.config.store.audit_days.saturating_mul(86_400));
    let every = |period| {
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    };
    let (mut probe, mut refusals, mut expiry) = (every(PROBE), every(REFUSALS), every(EXPIRY));
    let mut uses = every(USES);
    let silence = Duration::from_secs(state.config.presence.silence_seconds);
    let mut presence = every(silence / 4);
    let mut checkpoints = interval_at(Instant::now() + CHECKPOINT, CHECKPOINT);
    let (mut stepped, mut was_ready, mut held) = (None, true, false);
    loop {
        let done = tokio::select! {
            _ = probe.tick() => {
                let ready = probe_store(verifier).await;
                metrics.probed(&ready);
                let step = verifier.last_clock_step().filter(|step| Some(*step) != stepped);
                if let Some(step) = step {
                    tracing::warn!(
                        to = %step.to, seconds = step.seconds,
                        "the clock was stepped; it is synchronised, and believed"
                    );
                    stepped = Some(step);
                }
                if ready.is_ok() && !was_ready {
                    tracing::info!("ready again");
                }
                was_ready = ready.is_ok();
                // The agent that did the chores has ended: they may be long due.
                let holds = verifier.store().hold(Task::Chores).await.unwrap_or(false);
                if holds && !held {
                    expiry.reset_immediately();
                }
                held = holds;
                // Probe more often while not ready: a store that has room again is found soon.
                probe = every(if ready.is_ok() { PROBE } else { PROBE_AGAIN });
                probe.reset();
                ready
            }
            _ = refusals.tick() => verifier.write_refusals().await,
            _ = uses.tick() => state.plane.keep_last_uses().await,
            _ = presence.tick() => watched(&state, silence).await,
            _ = checkpoints.tick() => chore(verifier, checkpoint(issuer)).await,
            _ = expiry.tick() => chore(verifier, expire(verifier, issuer, keep_audit)).await,
        };
        report(done, &state.stop, &**verifier.store());
    }
}

/// Does a piece of work that one agent does for all that serve from the store.
async fn chore(
    verifier: &Verifier,
    work: impl Future<Output = Result<(), Error>>,
) -> Result<(), Error> {
    if verifier.store().hold(Task::Chores).await? { work.await } else { Ok(()) }
}

/// Tells that this agent watches the keys of its sessions, and ends those of agents that do not.
async fn watched(state: &State, silence: Duration) -> Result<(), Error> {
    state.local.presence.watches().await?;
    let verifier = &state.verifier;
    chore(verifier, async {
        let ended = verifier.end_unwatched_sessions(silence).await?;
        if ended > 0 {
            tracing::warn!(ended, "sessions ended: their keys were not watched");
        }
        Ok(())
    })
    .await
}

/// Probes the verifier and its store. The read also shows whether the store's
/// files are still the ones that were opened.
async fn probe_store(verifier: &Verifier) -> Result<(), Error> {
    verifier.ready().await?;
    Ok(verifier.store().control_version().await.map(drop)?)
}

/// The last writes, after the last request.
pub(crate) async fn finish(verifier: &Verifier, issuer: &Issuer) -> Result<(), Error> {
    verifier.write_refusals().await?;
    verifier.note_time().await?;
    checkpoint(issuer).await
}

/// Signs where the audit log ends, and tells it outside the store: in the agent's log, and as an
/// event.
async fn checkpoint(issuer: &Issuer) -> Result<(), Error> {
    if let Some(checkpoint) = issuer.write_checkpoint().await? {
        tracing::info!(checkpoint, "the audit log ends here");
    }
    Ok(())
}

/// Reseals secrets of older sealing keys under the first key of the key file, until no secret needs
/// an older one.
pub(crate) async fn reseal(verifier: Verifier, stop: Stop) {
    loop {
        match verifier.older_sealing_keys().await {
            Ok(older) if older.is_empty() => return,
            Ok(older) => {
                for need in older {
                    tracing::info!(
                        key = %need.key, secrets = need.secrets,
                        "secrets need an older sealing key: keep its line; they are sealed again"
                    );
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
                tracing::error!(
                    %error,
                    "not all secrets were sealed again: keep the lines of older sealing keys; it \
                     goes on in a minute"
                );
                report(Err(error), &stop, &**verifier.store());
            }
        }
        tokio::time::sleep(RESEAL_AGAIN).await;
    }
}

async fn expire(verifier: &Verifier, issuer: &Issuer, keep_audit: Duration) -> Result<(), Error> {
    let expired = verifier.expire(keep_audit).await?;
    issuer.expire_keys().await?;
    // Old rows went: checkpoints from before do not know where the log begins now.
    if expired > 0 {
        checkpoint(issuer).await?;
    }
    tracing::debug!(expired, "forgot what is over");
    Ok(())
}

fn report(done: Result<(), Error>, stop: &Stop, store: &dyn Store) {
    match done {
        Ok(()) => {}
        // Memory and disk may differ.
        Err(Error::Store(store::Error::Unknown(reason)))
            if store.after_unknown() == AfterUnknown::EndProcess =>
        {
            stop.now(Why::Failed(reason));
        }
        // A lost race: the next round tries again.
        Err(Error::Contended) => {}
        Err(error) => tracing::error!(%error, "not ready"),
    }
}

const PROBE: Duration = Duration::from_secs(5);

const PROBE_AGAIN: Duration = Duration::from_secs(1);

const RESEAL_AGAIN: Duration = Duration::from_secs(60);

const CHECKPOINT: Duration = Duration::from_secs(600);

/// The time after which the last use of an access key is in the store.
const USES: Duration = Duration::from_secs(30);

const REFUSALS: Duration = Duration::from_secs(60);

const EXPIRY: Duration = Duration::from_secs(3_600);
