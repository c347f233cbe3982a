//! Tells owners what happens to their devices: a program is run, or a webhook called, for each
//! event that matters.
//!
//! The audit log is the queue. How far it was told is kept in the store, so that a restart loses
//! nothing; what was being told when the agent ended is told again, under the same id. Each way of
//! telling has its own place in the log, and waits for its own failures.

mod kind;
mod notice;
mod webhook;

pub use kind::EventKind;
pub use webhook::WebhookUrl;

use std::convert::Infallible;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::agent::Parts;
use crate::agent::program::Program;
use crate::store::{Change, Write};
use crate::time::UnixTime;
use crate::{store, verifier};
use notice::Notice;
use webhook::Webhook;

/// One way of telling.
enum Listener {
    Program(Program),
    Webhook(Webhook),
}

/// Why somebody was not told.
enum Fault {
    /// It may go better the next time.
    Failed(String),
    /// It will not: whoever was told will never understand it.
    Rejected(String),
}

/// How far the audit log was told.
struct Place {
    name: String,
    /// What happened before is not told.
    from: UnixTime,
    /// The number of the last row that was looked at.
    number: u64,
    /// The last one that was written down, and when.
    kept: (u64, Instant),
}

/// Starts telling, in as many ways as the configuration names.
pub(super) fn start(parts: &Parts) -> Result<Vec<JoinHandle<()>>, String> {
    let mut listeners = Vec::new();
    listeners.extend(parts.config.events.program.clone().map(Listener::Program));
    if let Some(url) = &parts.config.events.webhook {
        let endpoint = parts.config.events.receiver(url)?;
        listeners.push(Listener::Webhook(Webhook::new(url, endpoint, parts.issuer.clone())));
    }
    Ok(listeners
        .into_iter()
        .map(|listener| tokio::spawn(tell_on(parts.clone(), listener)))
        .collect())
}

/// Tells until it is dropped.
async fn tell_on(parts: Parts, listener: Listener) {
    loop {
        let Err(error) = follow(&parts, &listener).await;
        tracing::error!(%error, "events wait");
        sleep(LONGEST_WAIT).await;
    }
}

async fn follow(parts: &Parts, listener: &Listener) -> Result<Infallible, verifier::Error> {
    let store = parts.verifier.store();
    let mut place = Place::open(parts, listener.name()).await?;
    loop {
        let rows = store.audit(place.number, PAGE).await?;
        let idle = rows.is_empty();
        for row in rows {
            let number = row.number;
            if let Some(notice) = Notice::of(row).filter(|notice| {
                notice.time >= place.from && parts.config.events.tells(notice.kind)
            }) {
                listener.tell(parts, &notice).await;
                place.number = number;
                place.keep(parts).await?;
            }
            place.number = number;
        }
        if idle {
            if place.number != place.kept.0 && place.kept.1.elapsed() >= KEEP {
                place.keep(parts).await?;
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

    /// Tells one thing, again and again for a day if that is what it takes.
    async fn tell(&self, parts: &Parts, notice: &Notice) {
        let (begun, mut wait) = (Instant::now(), FIRST_WAIT);
        loop {
            let told = match self {
                Listener::Program(program) => run(program, notice).await,
                Listener::Webhook(webhook) => {
                    webhook.send(notice, parts.verifier.clock().read().wall).await
                }
            };
            parts.metrics.told(self.name(), told.is_ok());
            match told {
                Ok(()) => return,
                Err(Fault::Failed(reason)) if begun.elapsed() < GIVEN_UP => {
                    tracing::warn!(
                        by = self.name(),
                        id = notice.id,
                        reason,
                        "an event was not told; it is tried again"
                    );
                }
                Err(Fault::Failed(reason) | Fault::Rejected(reason)) => {
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

async fn run(program: &Program, notice: &Notice) -> Result<(), Fault> {
    let document =
        serde_json::to_vec(notice).map_err(|error| Fault::Rejected(error.to_string()))?;
    let told = program.run(PROGRAM, &[("TWOSTEP_EVENT", notice.kind.name())], &document).await;
    told.map_err(|fault| Fault::Failed(fault.to_string()))
}

impl Place {
    /// Where to go on. Whoever listens for the first time hears of what happens from now on.
    async fn open(parts: &Parts, listener: &str) -> Result<Place, verifier::Error> {
        let name = format!("events.{listener}");
        let kept = parts.verifier.store().value(&name).await?;
        let Some(kept) = kept else {
            let from = parts.verifier.clock().read().wall;
            let mut place = Place { name, from, number: 0, kept: (0, Instant::now()) };
            place.keep(parts).await?;
            return Ok(place);
        };
        let read = || {
            let (number, from) = std::str::from_utf8(&kept).ok()?.split_once(' ')?;
            Some((number.parse().ok()?, UnixTime(from.parse().ok()?)))
        };
        let (number, from) = read().ok_or_else(|| {
            store::Error::Corrupt(format!("the value {name} is no place in the audit log"))
        })?;
        Ok(Place { name, from, number, kept: (number, Instant::now()) })
    }

    async fn keep(&mut self, parts: &Parts) -> Result<(), verifier::Error> {
        let value = format!("{} {}", self.number, self.from.0).into_bytes();
        let write = Write::PutValue { name: self.name.clone(), value };
        let _ = parts
            .verifier
            .store()
            .commit(Change { account: None, writes: vec![write], audit: Vec::new() })
            .await?;
        self.kept = (self.number, Instant::now());
        Ok(())
    }
}

/// How often the audit log is looked at.
const POLL: Duration = Duration::from_millis(500);

/// How many of its rows are read at a time.
const PAGE: u32 = 1_000;

/// How often the place is written down where nothing is told.
const KEEP: Duration = Duration::from_secs(60);

/// Waits between attempts double from the one to the other.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// For how long a program may run.
const PROGRAM: Duration = Duration::from_secs(30);

/// After so long something is not told any more.
const GIVEN_UP: Duration = Duration::from_secs(86_400);
