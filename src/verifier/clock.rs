//! The clock guard: codes and contexts are judged by the wall clock, so a wall clock that jumped is
//! not believed.
//!
//! Trust returns when the clock is back, when an administrator accepts it, or when the operating
//! system calls it synchronised: then the jump was a correction. A paused machine wakes up with the
//! time of yesterday, and NTP steps it ahead; a clock once set to next year is stepped back. Both
//! are audited with their length.
//!
//! Believing a step brings no code back. What was consumed is kept as absolute time steps, which
//! nothing lowers: after a step back a device is refused until the time has passed what it
//! consumed. Waits end early by as much as the clock was stepped ahead; they end so for a machine
//! that was switched off, too. Setting the clock by hand takes the kernel's word away until the
//! next answer of NTP, so what is believed is the source of time and not the last person who typed
//! `date`.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::id::CallerId;
use crate::store::{Action, Change, Event, Store, Write};
use crate::time::{Clock, Reading, UnixTime};
use crate::verifier::{Error, Verifier};

/// The wall clock is not to be trusted. Nothing is judged until it is right again, or an
/// administrator accepts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClockFault {
    /// The clock shows a time long past.
    #[error(
        "the clock went back: it shows {shown}, and it was {seen} before; \
         synchronise it (NTP) and it is believed, or set it right, or run: twostep clock accept"
    )]
    WentBack {
        /// Displayed time.
        shown: UnixTime,
        /// The highest time seen.
        seen: UnixTime,
    },
    /// The clock ran ahead of the time since it was last right.
    #[error(
        "the clock jumped ahead: it shows {shown}, and {expected} was expected; \
         synchronise it (NTP) and it is believed, or set it right, or run: twostep clock accept"
    )]
    JumpedAhead {
        /// Displayed time.
        shown: UnixTime,
        /// Expected time.
        expected: UnixTime,
    },
    /// The clocks of this machine and of the store's server differ.
    #[error(
        "this machine's clock shows {shown}, and that of the store's server {store}: synchronise \
         both (NTP), and they are believed once they agree"
    )]
    Apart {
        /// Displayed time.
        shown: UnixTime,
        /// Time of the store's server.
        store: UnixTime,
    },
}

/// A jump of the wall clock that was believed, because the operating system says that the clock is
/// synchronised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockStep {
    /// Time after the jump.
    pub to: UnixTime,
    /// Length of the jump in seconds: from the expected time for a jump ahead; from the highest
    /// time seen for a jump back, then negative.
    pub seconds: i64,
}

/// Known state of the clock.
#[derive(Default)]
pub(crate) struct ClockGuard {
    state: Mutex<State>,
    /// Held while a step is written down, so that it is written once.
    stepping: tokio::sync::Mutex<()>,
}

#[derive(Clone, Copy, Default)]
struct State {
    /// The store was asked for the highest time that it knows.
    loaded: bool,
    highest: Option<UnixTime>,
    /// The highest time that the store knows.
    noted: Option<UnixTime>,
    last_good: Option<Reading>,
    /// The last comparison with the clock of the store's server, if they differed.
    apart: Option<ClockFault>,
    step: Option<ClockStep>,
}

impl ClockGuard {
    /// The time, if it is to be trusted. The highest time seen goes to the store at most once a
    /// minute.
    pub(crate) async fn now(
        &self,
        clock: &dyn Clock,
        store: &dyn Store,
    ) -> Result<UnixTime, Error> {
        if !self.read().loaded {
            let noted = store.highest_time().await?;
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            *state = State {
                loaded: true,
                highest: state.highest.max(noted),
                noted: state.noted.max(noted),
                ..*state
            };
        }
        let Ok((now, note)) = self.judge(clock.read()) else {
            return self.stepped(clock, store).await;
        };
        if note {
            let change =
                Change { account: None, writes: vec![Write::NoteTime(now)], audit: Vec::new() };
            let _ = store.commit(change).await?;
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.noted = state.noted.max(Some(now));
        }
        Ok(now)
    }

    /// Compares `now` with the clock of the store's server, if it has one of its own. Clocks that
    /// differ are not to be trusted until a later comparison finds that they agree.
    pub(super) fn compare(&self, now: UnixTime, store: Option<UnixTime>) -> Result<(), ClockFault> {
        let Some(store) = store else { return Ok(()) };
        let differ = now.0.abs_diff(store.0) > APART.as_secs();
        let apart = differ.then_some(ClockFault::Apart { shown: now, store });
        self.state.lock().unwrap_or_else(PoisonError::into_inner).apart = apart;
        apart.map_or(Ok(()), Err)
    }

    /// The time of a clock that jumped, if the operating system says that it is synchronised.
    async fn stepped(&self, clock: &dyn Clock, store: &dyn Store) -> Result<UnixTime, Error> {
        let _one_at_a_time = self.stepping.lock().await;
        let fault = match self.judge(clock.read()) {
            Ok((now, _)) => return Ok(now),
            Err(fault @ ClockFault::Apart { .. }) => return Err(fault.into()),
            Err(fault) => fault,
        };
        let Some(to) = clock.synchronised() else { return Err(fault.into()) };
        // Exactly this time is synchronised: an earlier one may be from before the step.
        let reading = Reading { wall: to, ..clock.read() };
        let fault = match self.judge(reading) {
            Ok((now, _)) => return Ok(now),
            Err(fault) => fault,
        };
        let (step, write) = match fault {
            ClockFault::WentBack { seen, .. } => {
                (ClockStep { to, seconds: seconds(to.0, seen.0) }, Write::AcceptTime(to))
            }
            ClockFault::JumpedAhead { expected, .. } => {
                (ClockStep { to, seconds: seconds(to.0, expected.0) }, Write::NoteTime(to))
            }
            ClockFault::Apart { .. } => return Err(fault.into()),
        };
        let audit = vec![
            Event::new(to, Action::ClockStepped, &CallerId::new("agent"))
                .reason(format!("{:+} s", step.seconds)),
        ];
        let _ = store.commit(Change { account: None, writes: vec![write], audit }).await?;
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State {
            loaded: true,
            highest: Some(to),
            noted: Some(to),
            last_good: Some(reading),
            apart: None,
            step: Some(step),
        };
        Ok(to)
    }

    /// The present fault of the clock. Read-only.
    fn fault(&self, clock: &dyn Clock) -> Option<ClockFault> {
        let fault = self.read().judge(clock.read()).err()?;
        if matches!(fault, ClockFault::Apart { .. }) {
            return Some(fault);
        }
        if clock.synchronised().is_some() { None } else { Some(fault) }
    }

    /// The time, and whether the store should hear of it.
    fn judge(&self, reading: Reading) -> Result<(UnixTime, bool), ClockFault> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.judge(reading)?;
        let shown = reading.wall;
        state.last_good = Some(reading);
        state.highest = state.highest.max(Some(shown));
        let note = state.noted.is_none_or(|noted| shown >= noted.plus(NOTE_EVERY));
        Ok((shown, note))
    }

    fn read(&self) -> State {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn judge(&self, reading: Reading) -> Result<(), ClockFault> {
        let shown = reading.wall;
        if let Some(apart) = self.apart {
            return Err(apart);
        }
        if let Some(seen) = self.highest
            && shown.plus(BACKWARD) < seen
        {
            return Err(ClockFault::WentBack { shown, seen });
        }
        if let Some(good) = self.last_good {
            let expected = good.wall.plus(reading.boot.saturating_sub(good.boot));
            if shown > expected.plus(FORWARD) {
                return Err(ClockFault::JumpedAhead { shown, expected });
            }
        }
        Ok(())
    }
}

/// `to` − `from`.
fn seconds(to: u64, from: u64) -> i64 {
    let distance = i64::try_from(to.abs_diff(from)).unwrap_or(i64::MAX);
    if to < from { distance.saturating_neg() } else { distance }
}

impl Verifier {
    /// The present fault of the clock, if any. Read-only.
    pub fn clock_fault(&self) -> Option<ClockFault> {
        self.core.guard.fault(&*self.core.clock)
    }

    /// The last jump of the clock that was believed without an administrator, since this verifier
    /// was made.
    pub fn last_clock_step(&self) -> Option<ClockStep> {
        self.core.guard.read().step
    }

    /// Believes the clock as it is now. Watermarks stay as they are.
    ///
    /// # Errors
    /// [`Error::Store`] if the store does not keep it; the clock is then as untrusted as before.
    pub async fn accept_clock(&self) -> Result<UnixTime, Error> {
        let reading = self.core.clock.read();
        let now = reading.wall;
        let audit = vec![self.event(now, Action::ClockAccepted)];
        let writes = vec![Write::AcceptTime(now)];
        let _ = self.write(Change { account: None, writes, audit }).await?;
        *self.core.guard.state.lock().unwrap_or_else(PoisonError::into_inner) = State {
            loaded: true,
            highest: Some(now),
            noted: Some(now),
            last_good: Some(reading),
            apart: self.core.guard.read().apart,
            step: self.last_clock_step(),
        };
        Ok(now)
    }

    /// Tells the store the highest time seen, for a clock that is set back while the program is not
    /// running.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn note_time(&self) -> Result<(), Error> {
        if let Some(highest) = self.core.guard.read().highest {
            let change =
                Change { account: None, writes: vec![Write::NoteTime(highest)], audit: Vec::new() };
            let _ = self.write(change).await?;
        }
        Ok(())
    }
}

/// Tolerated step back.
const BACKWARD: Duration = Duration::from_secs(60);

/// Tolerated lead over the time since boot.
const FORWARD: Duration = Duration::from_secs(3_600);

/// Tolerated distance between the clocks of this machine and of the store's server.
const APART: Duration = Duration::from_secs(30);

/// Interval at which the highest time is stored.
const NOTE_EVERY: Duration = Duration::from_secs(60);
