//! Deadline and cancellation of a ceremony.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::fault::Fault;

/// Options of a ceremony.
#[derive(Clone, Debug)]
pub struct Options {
    /// Time for the whole ceremony, waits for a key and for a touch included.
    pub deadline: Duration,
    /// Ends it from another thread, or from a signal handler.
    pub cancel: Cancel,
    /// Only the key at this path is asked.
    pub only: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Options {
        Options { deadline: Duration::from_secs(60), cancel: Cancel::default(), only: None }
    }
}

/// The word to stop: clones share it, and it is never taken back.
#[derive(Clone, Debug, Default)]
pub struct Cancel {
    said: Arc<AtomicBool>,
    also: Option<Arc<Cancel>>,
}

impl Cancel {
    /// Says it. One atomic store, so a signal handler may.
    pub fn cancel(&self) {
        self.said.store(true, Ordering::Release);
    }

    /// Returns whether [`cancel`](Cancel::cancel) was called on a clone or on a parent.
    pub fn is_cancelled(&self) -> bool {
        self.said.load(Ordering::Acquire)
            || self.also.as_ref().is_some_and(|also| also.is_cancelled())
    }

    /// Another word that this one says too.
    pub(super) fn child(&self) -> Cancel {
        Cancel { said: Arc::default(), also: Some(Arc::new(self.clone())) }
    }
}

/// Until when one key may be talked to.
#[derive(Clone, Debug)]
pub(super) struct Deadline {
    end: Instant,
    cancel: Cancel,
}

impl Deadline {
    /// No wait is longer: so soon the word to stop is heard.
    pub(super) const SLICE: Duration = Duration::from_millis(20);

    pub(super) fn new(within: Duration, cancel: Cancel) -> Deadline {
        // A deadline beyond what the clock can say is no deadline anybody waits for.
        let now = Instant::now();
        let end = now.checked_add(within).unwrap_or_else(|| now + Duration::from_secs(24 * 3600));
        Deadline { end, cancel }
    }

    /// The same end, and another word to stop besides.
    pub(super) fn with(&self, cancel: Cancel) -> Deadline {
        Deadline { end: self.end, cancel }
    }

    /// The same, and no longer than this from now.
    pub(super) fn within(&self, most: Duration) -> Deadline {
        let end = Instant::now().checked_add(most).map_or(self.end, |end| end.min(self.end));
        Deadline { end, cancel: self.cancel.clone() }
    }

    /// The same, so much later.
    pub(super) fn later(&self, by: Duration) -> Deadline {
        Deadline { end: self.end.checked_add(by).unwrap_or(self.end), cancel: self.cancel.clone() }
    }

    pub(super) fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    /// Returns the time to wait before the deadline and the cancellation are looked at again.
    ///
    /// # Errors
    /// [`Fault::Stopped`], [`Fault::Late`].
    pub(super) fn slice(&self) -> Result<Duration, Fault> {
        self.stopped()?;
        match self.left() {
            Duration::ZERO => Err(Fault::Late),
            left => Ok(left.min(Deadline::SLICE)),
        }
    }

    /// # Errors
    /// [`Fault::Stopped`] if we were told to.
    pub(super) fn stopped(&self) -> Result<(), Fault> {
        if self.cancel.is_cancelled() { Err(Fault::Stopped) } else { Ok(()) }
    }

    /// Waits.
    ///
    /// # Errors
    /// As [`Deadline::slice`].
    pub(super) fn pause(&self, pause: Duration) -> Result<(), Fault> {
        let pause = self.within(pause);
        loop {
            let slice = self.slice()?;
            match pause.left() {
                Duration::ZERO => return Ok(()),
                left => std::thread::sleep(left.min(slice)),
            }
        }
    }
}
