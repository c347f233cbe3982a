//! The clock guard: codes and contexts are judged by the wall clock, so a wall clock that jumped is not believed.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use crate::store::Change;
use crate::store::Store;
use crate::store::Write;
use crate::time::Clock;
use crate::time::Reading;
use crate::time::UnixTime;
use crate::verifier::Error;
use crate::verifier::Verifier;

/// The wall clock is not to be trusted. Nothing is judged until it is right again, or an administrator accepts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClockFault {
    /// It shows a time that was over long ago.
    #[error("the clock went back: it shows {shown}, and it was {seen} before; set it, or run: twostep clock accept")]
    WentBack {
        /// What it shows.
        shown: UnixTime,
        /// The highest time seen.
        seen: UnixTime,
    },
    /// It moved ahead of the time that passed since it was last right.
    #[error("the clock jumped ahead: it shows {shown}, and {expected} was expected; set it, or run: twostep clock accept")]
    JumpedAhead {
        /// What it shows.
        shown: UnixTime,
        /// What it should show.
        expected: UnixTime,
    },
}

/// What is known of the clock.
#[derive(Default)]
pub(crate) struct ClockGuard {
    state: Mutex<State>,
}

#[derive(Clone, Copy, Default)]
struct State {
    /// The store was asked for the highest time that it knows.
    loaded: bool,
    highest: Option<UnixTime>,
    /// The highest time that the store knows.
    noted: Option<UnixTime>,
    last_good: Option<Reading>,
}

impl ClockGuard {
    /// The time, if it is to be trusted. The highest time seen goes to the store at most once a minute.
    pub(crate) async fn now(&self, clock: &dyn Clock, store: &dyn Store) -> Result<UnixTime, Error> {
        if !self.read().loaded {
            let noted = store.highest_time().await?;
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            *state = State { loaded: true, highest: state.highest.max(noted), noted: state.noted.max(noted), ..*state };
        }
        let (now, note) = self.judge(clock.read())?;
        if note {
            let change = Change { account: None, writes: vec![Write::NoteTime(now)], audit: Vec::new() };
            let _ = store.commit(change).await?;
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.noted = state.noted.max(Some(now));
        }
        Ok(now)
    }

    /// The time, and whether the store should hear of it.
    fn judge(&self, reading: Reading) -> Result<(UnixTime, bool), ClockFault> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = reading.wall;
        if let Some(seen) = state.highest
            && shown.plus(BACKWARD) < seen
        {
            return Err(ClockFault::WentBack { shown, seen });
        }
        if let Some(good) = state.last_good {
            let expected = good.wall.plus(reading.boot.saturating_sub(good.boot));
            if shown > expected.plus(FORWARD) {
                return Err(ClockFault::JumpedAhead { shown, expected });
            }
        }
        state.last_good = Some(reading);
        state.highest = state.highest.max(Some(shown));
        let note = state.noted.is_none_or(|noted| shown >= noted.plus(NOTE_EVERY));
        Ok((shown, note))
    }

    fn read(&self) -> State {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Verifier {
    /// Believes the clock as it is now. Watermarks stay as they are.
    pub async fn accept_clock(&self) -> Result<UnixTime, Error> {
        let reading = self.core.clock.read();
        let now = reading.wall;
        let audit = vec![self.event(now, "clock.accepted")];
        let _ = self.core.store.commit(Change { account: None, writes: vec![Write::AcceptTime(now)], audit }).await?;
        *self.core.guard.state.lock().unwrap_or_else(PoisonError::into_inner) =
            State { loaded: true, highest: Some(now), noted: Some(now), last_good: Some(reading) };
        Ok(now)
    }

    /// Tells the store the highest time seen, for a clock that is set back while the program is not running.
    pub async fn note_time(&self) -> Result<(), Error> {
        if let Some(highest) = self.core.guard.read().highest {
            let change = Change { account: None, writes: vec![Write::NoteTime(highest)], audit: Vec::new() };
            let _ = self.core.store.commit(change).await?;
        }
        Ok(())
    }
}

/// How far the clock may be set back without a word.
const BACKWARD: Duration = Duration::from_secs(60);

/// How far it may run ahead of the time since boot.
const FORWARD: Duration = Duration::from_secs(3_600);

/// How often the highest time is written down.
const NOTE_EVERY: Duration = Duration::from_secs(60);
