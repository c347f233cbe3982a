//! Delivery of events: runs a program, or calls a webhook, for each audit row that concerns an
//! owner.
//!
//! The audit log is the queue. Each listener has a cursor in the store, so that a restart loses no
//! event; an event whose delivery the end of the agent interrupted is delivered again, under the
//! same id. Each listener retries its own failures.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::agent::events::error::DeliveryError;
use crate::agent::events::notice::Notice;
use crate::agent::events::webhook::Webhook;
use crate::agent::program::Program;
use crate::agent::state::{Shared, State};
use crate::store::{AuditCursor, Change, Write};
use crate::time::UnixTime;
use crate::{store, verifier};

/// One way of delivery.
enum Listener {
    Program(Program),
    Webhook(Webhook),
}

/// A listener's position in the audit log.
struct Cursor {
    name: String,
    /// Earlier events are skipped.
    from: UnixTime,
    /// Behind the last row read.
    place: AuditCursor,
    /// The place last stored, and when.
    kept: (AuditCursor, Instant),
}

/// Starts one task for each listener in the configuration.
pub(in crate::agent) fn start(state: &Shared) -> Result<Vec<JoinHandle<()>>, String> {
    let mut listeners = Vec::new();
    listeners.extend(state.config.events.program.clone().map(Listener::Program));
    if let Some(url) = &state.config.events.webhook {
        let endpoint = state.config.events.receiver(url)?;
        listeners.push(Listener::Webhook(Webhook::new(url, endpoint, state.issuer.clone())));
    }
    Ok(listeners
        .into_iter()
        .map(|listener| tokio::spawn(tell_on(Arc::clone(state), listener)))
        .collect())
}

/// Delivers until it is aborted.
async fn tell_on(state: Shared, listener: Listener) {
    loop {
        let Err(error) = follow(&state, &listener).await;
        tracing::error!(%error, "events wait");
        sleep(LONGEST_WAIT).await;
    }
}

async fn follow(state: &State, listener: &Listener) -> Result<Infallible, verifier::Error> {
    let store = state.verifier.store();
    let mut cursor = Cursor::open(state, listener.name()).await?;
    loop {
        let rows = store.audit(cursor.place.clone(), PAGE).await?;
        let idle = rows.is_empty();
        for row in rows {
            cursor.place.pass(&row);
            if let Some(notice) = Notice::of(row).filter(|notice| {
                notice.time >= cursor.from && state.config.events.tells(notice.kind)
            }) {
                listener.tell(state, &notice).await;
                cursor.keep(state).await?;
            }
        }
        if idle {
            if cursor.place != cursor.kept.0 && cursor.kept.1.elapsed() >= KEEP {
                cursor.keep(state).await?;
            }
            sleep(POLL).await;
        }
    }
}

impl Listener {
    fn name(&self) -> &'static str {
        match self {
            Listener::Program(_) => "program",
            Listener::Webhook(_) => "webhook",
        }
    }

    /// Delivers one event, with retries for up to a day.
    async fn tell(&self, state: &State, notice: &Notice) {
        let (begun, mut wait) = (Instant::now(), FIRST_WAIT);
        loop {
            let told = match self {
                Listener::Program(program) => run(program, notice).await,
                Listener::Webhook(webhook) => {
                    webhook.send(notice, state.verifier.clock().read().wall).await
                }
            };
            state.metrics.told(self.name(), told.is_ok());
            match told {
                Ok(()) => return,
                Err(DeliveryError::Failed(reason)) if begun.elapsed() < GIVEN_UP => {
                    tracing::warn!(
                        by = self.name(),
                        id = notice.id,
                        reason,
                        "an event was not told; it is tried again"
                    );
                }
                Err(DeliveryError::Failed(reason) | DeliveryError::Rejected(reason)) => {
                    tracing::error!(
                        by = self.name(),
                        id = notice.id,
                        reason,
                        "an event was not told"
                    );
                    return;
                }
            }
            sleep(wait).await;
            wait = wait.saturating_mul(2).min(LONGEST_WAIT);
        }
    }
}

async fn run(program: &Program, notice: &Notice) -> Result<(), DeliveryError> {
    let document =
        serde_json::to_vec(notice).map_err(|error| DeliveryError::Rejected(error.to_string()))?;
    let told = program.run(PROGRAM, &[("TWOSTEP_EVENT", notice.kind.name())], &document).await;
    told.map_err(|fault| DeliveryError::Failed(fault.to_string()))
}

impl Cursor {
    /// The stored cursor. A new listener begins at the present.
    async fn open(state: &State, listener: &str) -> Result<Cursor, verifier::Error> {
        let name = format!("events.{listener}");
        let kept = state.verifier.store().value(&name).await?;
        let Some(kept) = kept else {
            let from = state.verifier.clock().read().wall;
            let kept = (AuditCursor::start(), Instant::now());
            let mut cursor = Cursor { name, from, place: AuditCursor::start(), kept };
            cursor.keep(state).await?;
            return Ok(cursor);
        };
        let read = || {
            let (place, from) = std::str::from_utf8(&kept).ok()?.split_once(' ')?;
            Some((place.parse::<AuditCursor>().ok()?, UnixTime(from.parse().ok()?)))
        };
        let (place, from) = read().ok_or_else(|| {
            store::Error::Corrupt(format!("the value {name} is no place in the audit log"))
        })?;
        let kept = (place.clone(), Instant::now());
        Ok(Cursor { name, from, place, kept })
    }

    async fn keep(&mut self, state: &State) -> Result<(), verifier::Error> {
        let value = format!("{} {}", self.place, self.from.0).into_bytes();
        let write = Write::PutValue { name: self.name.clone(), value };
        let _ = state
            .verifier
            .store()
            .commit(Change { account: None, writes: vec![write], audit: Vec::new() })
            .await?;
        self.kept = (self.place.clone(), Instant::now());
        Ok(())
    }
}

/// The interval between reads of the audit log.
const POLL: Duration = Duration::from_millis(500);

/// Rows per read.
const PAGE: u32 = 1_000;

/// The interval at which an idle cursor is stored.
const KEEP: Duration = Duration::from_secs(60);

/// Waits between attempts double, from the first to the longest.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// Time limit of a program.
const PROGRAM: Duration = Duration::from_secs(30);

/// Age of an event at which its delivery is given up.
const GIVEN_UP: Duration = Duration::from_secs(86_400);
