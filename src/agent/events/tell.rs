//! Delivery of events: runs a program, or calls a webhook, for each audit row that concerns an
//! owner.
//!
//! The audit log is the queue. Each listener has a cursor in the store, so that a restart loses no
//! event; an event whose delivery the end of the agent interrupted is delivered again, under the
//! same id. Each listener retries its own failures. Of the agents of one store, the one that holds
//! a listener's task delivers to it.

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
use crate::store::{AuditCursor, Change, Commit, Task, Write};
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
    /// The value as it was last stored; none before the first time.
    value: Option<Vec<u8>>,
}

/// The end of a listener's work, for now.
enum Ended {
    /// Another agent has the listener's task.
    Elsewhere,
    Failed(verifier::Error),
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
        match follow(&state, &listener).await {
            Err(Ended::Elsewhere) => sleep(ASK).await,
            Err(Ended::Failed(error)) => {
                tracing::error!(%error, "events wait");
                sleep(AFTER_FAILURE).await;
            }
        }
    }
}

async fn follow(state: &State, listener: &Listener) -> Result<Infallible, Ended> {
    let store = state.verifier.store();
    listener.held(state).await?;
    let mut cursor = Cursor::open(state, listener.name()).await?;
    loop {
        listener.held(state).await?;
        let rows = store.audit(cursor.place.clone(), PAGE).await?;
        let idle = rows.is_empty();
        for row in rows {
            cursor.place.pass(&row);
            if let Some(notice) = Notice::of(row).filter(|notice| {
                notice.time >= cursor.from && state.config.events.tells(notice.kind)
            }) {
                listener.tell(state, &notice).await?;
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

    fn task(&self) -> Task {
        match self {
            Listener::Program(_) => Task::Program,
            Listener::Webhook(_) => Task::Webhook,
        }
    }

    /// Fails unless this agent has the listener's task.
    async fn held(&self, state: &State) -> Result<(), Ended> {
        let held = state.verifier.store().hold(self.task()).await?;
        if held { Ok(()) } else { Err(Ended::Elsewhere) }
    }

    /// Delivers one event, with retries for up to a day while this agent has the task.
    async fn tell(&self, state: &State, notice: &Notice) -> Result<(), Ended> {
        let (begun, mut wait) = (Instant::now(), FIRST_WAIT);
        loop {
            self.held(state).await?;
            let told = match self {
                Listener::Program(program) => run(program, notice).await,
                Listener::Webhook(webhook) => {
                    webhook.send(notice, state.verifier.clock().read().wall).await
                }
            };
            state.metrics.told(self.name(), told.is_ok());
            match told {
                Ok(()) => return Ok(()),
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
                    return Ok(());
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
    async fn open(state: &State, listener: &str) -> Result<Cursor, Ended> {
        let name = format!("events.{listener}");
        let kept = state.verifier.store().value(&name).await?;
        let Some(kept) = kept else {
            let from = state.verifier.clock().read().wall;
            let kept = (AuditCursor::start(), Instant::now());
            let place = AuditCursor::start();
            let mut cursor = Cursor { name, from, place, kept, value: None };
            cursor.keep(state).await?;
            return Ok(cursor);
        };
        let value = kept;
        let read = || {
            let (place, from) = std::str::from_utf8(&value).ok()?.split_once(' ')?;
            Some((place.parse::<AuditCursor>().ok()?, UnixTime(from.parse().ok()?)))
        };
        let (place, from) = read().ok_or_else(|| {
            store::Error::Corrupt(format!("the value {name} is no place in the audit log"))
        })?;
        let kept = (place.clone(), Instant::now());
        Ok(Cursor { name, from, place, kept, value: Some(value) })
    }

    /// Stores the place, unless another agent has moved it since.
    async fn keep(&mut self, state: &State) -> Result<(), Ended> {
        let value = format!("{} {}", self.place, self.from.0).into_bytes();
        let (name, new) = (self.name.clone(), value.clone());
        let write = Write::value(name, self.value.take(), new);
        let change = Change { account: None, writes: vec![write], audit: Vec::new() };
        match state.verifier.store().commit(change).await? {
            Commit::Committed(_) => {}
            Commit::Conflict(_) => return Err(Ended::Elsewhere),
        }
        (self.kept, self.value) = ((self.place.clone(), Instant::now()), Some(value));
        Ok(())
    }
}

impl From<store::Error> for Ended {
    fn from(error: store::Error) -> Ended {
        Ended::Failed(error.into())
    }
}

/// The interval between reads of the audit log.
const POLL: Duration = Duration::from_millis(500);

/// The interval at which an agent asks for a task that another one has.
const ASK: Duration = Duration::from_secs(2);

/// The pause after a failed read or write.
const AFTER_FAILURE: Duration = Duration::from_secs(10);

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
