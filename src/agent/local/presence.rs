//! Sessions that last only as long as a key stays plugged in. When it is pulled, or may have been
//! without anybody seeing it, they are revoked, and a program of the operator's is run: it locks
//! the screen, for example.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fs, thread};

use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, watch};

use super::sight::{Lost, Sighting, Wakefulness};
use crate::agent::Parts;
use crate::agent::program::Program;
use crate::agent::stop::{Stop, Why};
use crate::id::CallerId;
use crate::store;
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
    /// Under which name the store keeps what this agent answers for.
    keeper: String,
    /// Nothing of an earlier agent's is left.
    begun: AtomicBool,
    bound: Mutex<Vec<Bound>>,
    /// What is written to the store is in the order of what it says.
    writing: tokio::sync::Mutex<()>,
    /// Counts the looks of the thread, once there is one.
    looks: tokio::sync::Mutex<Option<watch::Receiver<u64>>>,
}

struct Bound {
    session: BoundSession,
    sighting: Sighting,
    lost: bool,
}

/// Why a session cannot be bound to a key.
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
    pub(crate) fn new(parts: &Parts) -> Presence {
        let config = &parts.config;
        let machine = fs::read_to_string("/etc/machine-id").unwrap_or_default();
        let keeper = Sha256::digest(format!("{machine}\0{}", config.socket_path().display()));
        Presence(Arc::new(Watch {
            enabled: config.presence.enabled,
            hook: config.presence.hook.clone(),
            hook_limit: Duration::from_secs(config.presence.hook_seconds),
            bus: Arc::clone(&parts.bus),
            verifier: parts.verifier.on_behalf_of(CallerId::new("presence")),
            stop: parts.stop.clone(),
            keeper: keeper.iter().take(16).map(|byte| format!("{byte:02x}")).collect(),
            begun: AtomicBool::new(false),
            bound: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
            looks: tokio::sync::Mutex::default(),
        }))
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.0.enabled
    }

    /// Ends what an agent that is no more has left behind: nobody has watched since. As long as the
    /// clock is not to be trusted nothing can be revoked, and nothing is bound.
    pub(crate) async fn end_what_was_left(&self) -> Result<(), Error> {
        match self.0.end_what_was_left().await {
            Err(Error::Clock(fault)) => {
                tracing::error!(%fault, "sessions that were bound to keys are not revoked yet")
            }
            ended => return ended,
        }
        let watch = Arc::clone(&self.0);
        tokio::spawn(async move {
            while watch.end_what_was_left().await.is_err() {
                tokio::time::sleep(BETWEEN_TRIES).await;
            }
        });
        Ok(())
    }

    /// Binds a session to a key, before anybody has the session. It was written down, and the key
    /// was seen after that.
    pub(crate) async fn bind(
        &self,
        key: Option<Key>,
        session: BoundSession,
    ) -> Result<(), NotBound> {
        let watch = &self.0;
        if !watch.begun.load(Ordering::Acquire) {
            return Err(NotBound::Unwatched(
                "what an earlier agent has left is not ended yet".to_owned(),
            ));
        }
        let sighting = watch.sighting(key).await?;
        let mut looks =
            self.looks().await.map_err(|error| NotBound::Unwatched(error.to_string()))?;
        let id = session.session_id.clone();
        {
            let mut bound = watch.bound();
            if bound.len() >= MOST_BOUND {
                return Err(NotBound::TooMany);
            }
            bound.push(Bound { session, sighting, lost: false });
        }
        if let Err(error) = watch.write().await {
            watch.bound().retain(|bound| bound.session.session_id != id);
            return Err(error.into());
        }
        // A look that was under way may not have had this key on its list.
        let after = looks.borrow().saturating_add(2);
        let seen = tokio::time::timeout(LONGEST_LOOK, looks.wait_for(|looks| *looks >= after))
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
                Err(NotBound::Unwatched("nobody looked in time".to_owned()))
            }
        }
    }

    /// Ends every session that is bound: from now on nobody looks.
    pub(crate) async fn end_all(&self) {
        let watch = &self.0;
        for session in watch.lose(|_| true) {
            watch.end(session, Lost::Restarted).await;
        }
    }

    /// The looks of the thread, which is started at the first time.
    async fn looks(&self) -> std::io::Result<watch::Receiver<u64>> {
        let mut looks = self.0.looks.lock().await;
        if let Some(looks) = looks.as_ref().filter(|looks| looks.has_changed().is_ok()) {
            return Ok(looks.clone());
        }
        let (count, counted) = watch::channel(0);
        let (lost, mut losses) = mpsc::unbounded_channel();
        let watch = Arc::clone(&self.0);
        thread::Builder::new()
            .name("presence".to_owned())
            .spawn(move || watch.look(&count, &lost))?;
        let watch = Arc::clone(&self.0);
        tokio::spawn(async move {
            while let Some((session, why)) = losses.recv().await {
                watch.end(session, why).await;
            }
        });
        *looks = Some(counted.clone());
        Ok(counted)
    }
}

impl Watch {
    async fn end_what_was_left(&self) -> Result<(), Error> {
        for session in self.verifier.bound_sessions(&self.keeper).await? {
            self.verifier
                .revoke_session(&session.account, &session.session_id, session.expires_at)
                .await?;
            self.tell(&session, Lost::Restarted);
        }
        self.verifier.keep_bound_sessions(&self.keeper, &[]).await?;
        self.begun.store(true, Ordering::Release);
        Ok(())
    }

    /// The thread: looks until nobody listens any more.
    fn look(&self, count: &watch::Sender<u64>, lost: &mpsc::UnboundedSender<(BoundSession, Lost)>) {
        let (mut wait, mut awake) = (self.bus.watch(), Wakefulness::now());
        while !lost.is_closed() {
            wait(PERIOD);
            let slept = awake.slept();
            let watched = !self.bound().is_empty();
            // What cannot be seen is not there.
            let keys = if watched { self.bus.keys().unwrap_or_default() } else { Vec::new() };
            let seen: Vec<Sighting> = keys.into_iter().map(Sighting::of).collect();
            let gone = self.lose(|bound| slept || !seen.contains(&bound.sighting));
            let why = if slept { Lost::Suspended } else { Lost::Pulled };
            gone.into_iter().for_each(|session| drop(lost.send((session, why))));
            count.send_modify(|looks| *looks = looks.saturating_add(1));
        }
    }

    /// Marks what is lost, once.
    fn lose(&self, is_lost: impl Fn(&Bound) -> bool) -> Vec<BoundSession> {
        let mut bound = self.bound();
        let newly = bound.iter_mut().filter(|bound| !bound.lost && is_lost(bound));
        let lost = newly.map(|bound| {
            bound.lost = true;
            bound.session.clone()
        });
        lost.collect()
    }

    /// A key that answers before it blinks, touched as it is, has not been told from others: it
    /// must be the only one.
    async fn sighting(&self, key: Option<Key>) -> Result<Sighting, NotBound> {
        let bus = Arc::clone(&self.bus);
        let looked = tokio::task::spawn_blocking(move || {
            let keys = bus.keys().map_err(|error| NotBound::Unwatched(error.to_string()))?;
            match (key, keys.as_slice()) {
                (Some(key), keys) if keys.contains(&key) => Ok(Sighting::of(key)),
                (None, [only]) => Ok(Sighting::of(only.clone())),
                (None, [_, _, ..]) => {
                    Err(NotBound::Unwatched("it is not known which one has answered".to_owned()))
                }
                _ => Err(NotBound::Gone),
            }
        });
        looked.await.unwrap_or_else(|error| Err(NotBound::Unwatched(error.to_string())))
    }

    /// Revokes a session, however long the store is away, and tells the operator's program at once.
    async fn end(&self, session: BoundSession, why: Lost) {
        self.tell(&session, why);
        while let Err(error) = self
            .verifier
            .revoke_session(&session.account, &session.session_id, session.expires_at)
            .await
        {
            tracing::error!(%error, "a session whose key is gone is not revoked yet");
            if let Error::Store(store::Error::Unknown(reason)) = error {
                // It is written down, and ended when the agent comes back.
                return self.stop.now(Why::Failed(reason));
            }
            tokio::time::sleep(BETWEEN_TRIES).await;
        }
        tracing::info!(reason = why.name(), "a session ended with its key");
        self.bound().retain(|bound| bound.session.session_id != session.session_id);
        if let Err(error) = self.write().await {
            tracing::warn!(%error, "a session that was revoked is still written down as bound, and will be revoked again");
        }
    }

    fn tell(&self, session: &BoundSession, why: Lost) {
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

    /// Writes down what is bound now. What has expired is not.
    async fn write(&self) -> Result<(), Error> {
        let _turn = self.writing.lock().await;
        let now = self.verifier.clock().read().wall;
        let sessions: Vec<BoundSession> = {
            let mut bound = self.bound();
            bound.retain(|bound| bound.session.expires_at > now);
            bound.iter().map(|bound| bound.session.clone()).collect()
        };
        self.verifier.keep_bound_sessions(&self.keeper, &sessions).await
    }

    fn bound(&self) -> MutexGuard<'_, Vec<Bound>> {
        self.bound.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often the bus is looked at where no udevd says that a key has gone.
const PERIOD: Duration = Duration::from_millis(250);

/// Two looks, on a machine that is very busy.
const LONGEST_LOOK: Duration = Duration::from_secs(5);

const BETWEEN_TRIES: Duration = Duration::from_secs(1);

const MOST_BOUND: usize = 64;
