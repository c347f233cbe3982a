//! Sessions bound to a key: they last only as long as it stays plugged in.
//!
//! Pulling the key, or a moment in which it could have been pulled unseen, revokes its sessions and
//! runs the operator's hook, which may lock the screen.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fs, thread};

use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, watch};

use crate::agent::config::Config;
use crate::agent::local::identity::KeyIdentity;
use crate::agent::local::suspend::SuspendDetector;
use crate::agent::program::Program;
use crate::agent::stop::{Stop, Why};
use crate::id::CallerId;
use crate::store;
use crate::store::AfterUnknown;
use crate::usb::{Bus, Key};
use crate::verifier::{BoundSession, Error, Verifier};

/// Watches keys for sessions. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Presence(Arc<Watch>);

struct Watch {
    enabled: bool,
    hook: Option<Program>,
    hook_limit: Duration,
    bus: Arc<dyn Bus>,
    verifier: Verifier,
    stop: Stop,
    /// The name of this agent's list of bound sessions in the store.
    owner: String,
    /// The sessions of an earlier agent have ended.
    begun: AtomicBool,
    bound: Mutex<Vec<Bound>>,
    /// Held while the list is read and stored, so that an older list never replaces a newer one.
    writing: tokio::sync::Mutex<()>,
    /// The number of polls by the thread, once it runs.
    polls: tokio::sync::Mutex<Option<watch::Receiver<u64>>>,
}

struct Bound {
    session: BoundSession,
    key: KeyIdentity,
    lost: bool,
}

/// The reason for which a bound session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// The key is not there.
    Pulled,
    /// The machine was suspended: the key may have been pulled meanwhile.
    Suspended,
    /// The agent did not run: the key may have been pulled meanwhile.
    Restarted,
}

/// A session cannot be bound to a key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotBound {
    #[error("the key is not there any more: plug it in and try again")]
    Gone,
    #[error("so many sessions are bound to keys already that no more are watched: end some")]
    TooMany,
    #[error("the key cannot be watched: {0}")]
    Unwatched(String),
    #[error(transparent)]
    Verifier(#[from] Error),
}

impl Presence {
    pub(crate) fn new(
        bus: Arc<dyn Bus>,
        config: &Config,
        verifier: &Verifier,
        stop: &Stop,
    ) -> Presence {
        let machine = fs::read_to_string("/etc/machine-id").unwrap_or_default();
        let owner = Sha256::digest(format!("{machine}\0{}", config.socket_path().display()));
        Presence(Arc::new(Watch {
            enabled: config.presence.enabled,
            hook: config.presence.hook.clone(),
            hook_limit: Duration::from_secs(config.presence.hook_seconds),
            bus,
            verifier: verifier.on_behalf_of(CallerId::new("presence")),
            stop: stop.clone(),
            owner: owner.iter().take(16).map(|byte| format!("{byte:02x}")).collect(),
            begun: AtomicBool::new(false),
            bound: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
            polls: tokio::sync::Mutex::default(),
        }))
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.0.enabled
    }

    /// Ends the sessions of an earlier agent: their keys were not watched since. While the clock is
    /// not trusted, revocation is impossible; it is retried, and no session is bound before.
    pub(crate) async fn end_earlier_sessions(&self) -> Result<(), Error> {
        match self.0.end_earlier_sessions().await {
            Err(Error::Clock(fault)) => {
                tracing::error!(%fault, "sessions that were bound to keys are not revoked yet")
            }
            ended => return ended,
        }
        let watch = Arc::clone(&self.0);
        tokio::spawn(async move {
            while watch.end_earlier_sessions().await.is_err() {
                tokio::time::sleep(BETWEEN_TRIES).await;
            }
        });
        Ok(())
    }

    /// Binds a session to a key, before the caller gets the session. Returns once the binding is
    /// stored and a later poll has seen the key.
    pub(crate) async fn bind(
        &self,
        key: Option<Key>,
        session: BoundSession,
    ) -> Result<(), NotBound> {
        let watch = &self.0;
        if !watch.begun.load(Ordering::Acquire) {
            return Err(NotBound::Unwatched(
                "sessions of an earlier agent are not ended yet".to_owned(),
            ));
        }
        let key = watch.identify(key).await?;
        let mut polls =
            self.polls().await.map_err(|error| NotBound::Unwatched(error.to_string()))?;
        let id = session.session_id.clone();
        {
            let mut bound = watch.bound();
            if bound.len() >= MOST_BOUND {
                return Err(NotBound::TooMany);
            }
            bound.push(Bound { session, key, lost: false });
        }
        if let Err(error) = watch.write().await {
            watch.bound().retain(|bound| bound.session.session_id != id);
            return Err(error.into());
        }
        // Wait for the second poll from now: the current one may have listed keys before this one.
        let after = polls.borrow().saturating_add(2);
        let seen = tokio::time::timeout(LONGEST_POLL, polls.wait_for(|polls| *polls >= after))
            .await
            .is_ok_and(|seen| seen.is_ok());
        let there = watch.bound().iter().any(|bound| bound.session.session_id == id && !bound.lost);
        match (seen, there) {
            (true, true) => Ok(()),
            (_, false) => Err(NotBound::Gone),
            _ => {
                for session in watch.lose(|bound| bound.session.session_id == id) {
                    watch.end(session, Lost::Pulled).await;
                }
                Err(NotBound::Unwatched("the key was not polled in time".to_owned()))
            }
        }
    }

    /// Tells the store that the keys of bound sessions are watched, if there are any.
    pub(crate) async fn watches(&self) -> Result<(), Error> {
        if self.0.bound().is_empty() { Ok(()) } else { self.0.write().await }
    }

    /// Ends all bound sessions: from now on keys are not polled.
    pub(crate) async fn end_all(&self) {
        let watch = &self.0;
        for session in watch.lose(|_| true) {
            watch.end(session, Lost::Restarted).await;
        }
    }

    /// The polls of the thread, which starts with the first call.
    async fn polls(&self) -> std::io::Result<watch::Receiver<u64>> {
        let mut polls = self.0.polls.lock().await;
        if let Some(polls) = polls.as_ref().filter(|polls| polls.has_changed().is_ok()) {
            return Ok(polls.clone());
        }
        let (count, counted) = watch::channel(0);
        let (lost, mut losses) = mpsc::unbounded_channel();
        let watch = Arc::clone(&self.0);
        thread::Builder::new()
            .name("presence".to_owned())
            .spawn(move || watch.poll(&count, &lost))?;
        let watch = Arc::clone(&self.0);
        tokio::spawn(async move {
            while let Some((session, why)) = losses.recv().await {
                watch.end(session, why).await;
            }
        });
        *polls = Some(counted.clone());
        Ok(counted)
    }
}

impl Lost {
    /// The name that the hook receives.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Lost::Pulled => "pulled",
            Lost::Suspended => "suspended",
            Lost::Restarted => "restarted",
        }
    }
}

impl Watch {
    async fn end_earlier_sessions(&self) -> Result<(), Error> {
        for session in self.verifier.bound_sessions(&self.owner).await? {
            self.verifier
                .revoke_session(&session.account, &session.session_id, session.expires_at)
                .await?;
            self.run_hook(&session, Lost::Restarted);
        }
        self.verifier.keep_bound_sessions(&self.owner, &[]).await?;
        self.begun.store(true, Ordering::Release);
        Ok(())
    }

    /// The thread: polls until its receiver is gone.
    fn poll(&self, count: &watch::Sender<u64>, lost: &mpsc::UnboundedSender<(BoundSession, Lost)>) {
        let (mut wait, mut suspend) = (self.bus.watch(), SuspendDetector::now());
        while !lost.is_closed() {
            wait(PERIOD);
            let suspended = suspend.suspended();
            let watched = !self.bound().is_empty();
            // Keys that cannot be listed count as pulled.
            let keys = if watched { self.bus.keys().unwrap_or_default() } else { Vec::new() };
            let seen: Vec<KeyIdentity> = keys.into_iter().map(KeyIdentity::of).collect();
            let gone = self.lose(|bound| suspended || !seen.contains(&bound.key));
            let why = if suspended { Lost::Suspended } else { Lost::Pulled };
            gone.into_iter().for_each(|session| drop(lost.send((session, why))));
            count.send_modify(|polls| *polls = polls.saturating_add(1));
        }
    }

    /// Marks bound sessions as lost and returns those that were not marked before.
    fn lose(&self, is_lost: impl Fn(&Bound) -> bool) -> Vec<BoundSession> {
        let mut bound = self.bound();
        let newly = bound.iter_mut().filter(|bound| !bound.lost && is_lost(bound));
        let lost = newly.map(|bound| {
            bound.lost = true;
            bound.session.clone()
        });
        lost.collect()
    }

    /// The identity of the key that answered. A key that answered before it blinked is unknown: it
    /// must then be the only one.
    async fn identify(&self, key: Option<Key>) -> Result<KeyIdentity, NotBound> {
        let bus = Arc::clone(&self.bus);
        let listed = tokio::task::spawn_blocking(move || {
            let keys = bus.keys().map_err(|error| NotBound::Unwatched(error.to_string()))?;
            match (key, keys.as_slice()) {
                (Some(key), keys) if keys.contains(&key) => Ok(KeyIdentity::of(key)),
                (None, [only]) => Ok(KeyIdentity::of(only.clone())),
                (None, [_, _, ..]) => {
                    Err(NotBound::Unwatched("it is not known which key has answered".to_owned()))
                }
                _ => Err(NotBound::Gone),
            }
        });
        listed.await.unwrap_or_else(|error| Err(NotBound::Unwatched(error.to_string())))
    }

    /// Runs the hook at once, and revokes the session, with retries while the store is away.
    async fn end(&self, session: BoundSession, why: Lost) {
        self.run_hook(&session, why);
        while let Err(error) = self
            .verifier
            .revoke_session(&session.account, &session.session_id, session.expires_at)
            .await
        {
            tracing::error!(%error, "a session whose key is gone is not revoked yet");
            let ends = self.verifier.store().after_unknown() == AfterUnknown::EndProcess;
            if let Error::Store(store::Error::Unknown(reason)) = error
                && ends
            {
                // The binding is stored: the next agent ends the session.
                return self.stop.now(Why::Failed(reason));
            }
            tokio::time::sleep(BETWEEN_TRIES).await;
        }
        tracing::info!(reason = why.name(), "a session ended with its key");
        self.bound().retain(|bound| bound.session.session_id != session.session_id);
        if let Err(error) = self.write().await {
            tracing::warn!(
                %error,
                "a session that was revoked is still written down as bound, and will be revoked \
                 again"
            );
        }
    }

    fn run_hook(&self, session: &BoundSession, why: Lost) {
        let Some(hook) = self.hook.clone() else { return };
        let (session, limit) = (session.clone(), self.hook_limit);
        tokio::spawn(async move {
            let variables = [
                ("TWOSTEP_EVENT", "key_gone"),
                ("TWOSTEP_REASON", why.name()),
                ("TWOSTEP_ACCOUNT", session.account.as_str()),
                ("TWOSTEP_SERIAL", session.serial.as_str()),
                ("TWOSTEP_SESSION_ID", &session.session_id),
            ];
            if let Err(error) = hook.run(limit, &variables, b"").await {
                tracing::error!(%error, "the hook of presence");
            }
        });
    }

    /// Stores the sessions that are bound and not expired.
    async fn write(&self) -> Result<(), Error> {
        let _writing = self.writing.lock().await;
        let now = self.verifier.now().await?;
        let sessions: Vec<BoundSession> = {
            let mut bound = self.bound();
            bound.retain(|bound| bound.session.expires_at > now);
            bound.iter().map(|bound| bound.session.clone()).collect()
        };
        self.verifier.keep_bound_sessions(&self.owner, &sessions).await
    }

    fn bound(&self) -> MutexGuard<'_, Vec<Bound>> {
        self.bound.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The interval between polls where no udevd reports changes.
const PERIOD: Duration = Duration::from_millis(250);

/// Two polls, on a very busy machine.
const LONGEST_POLL: Duration = Duration::from_secs(5);

const BETWEEN_TRIES: Duration = Duration::from_secs(1);

const MOST_BOUND: usize = 64;
