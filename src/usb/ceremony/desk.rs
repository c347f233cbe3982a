//! The line between a key's thread and the thread that talks to the person.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Instant;

use crate::usb::error::Error;
use crate::usb::fault::Fault;
use crate::usb::hid::Waiting;
use crate::usb::key::Key;
use crate::usb::limit::Limit;
use crate::usb::person::{Pin, PinRequest, Progress};

/// What a key's thread reports.
pub(super) enum News {
    Tell(Progress),
    /// It waits for its turn.
    Ready(Readiness, Sender<Turn>),
    /// It was taken; the others stop.
    Taken,
    AskPin(PinRequest, Sender<Option<Pin>>),
}

/// A [`super::Standing`] of a key that may take part, without what was found.
pub(super) enum Readiness {
    Fits,
    Perhaps,
}

/// Leave to blink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// No other key does.
    Alone,
    /// Others do too: a touch chooses.
    AmongOthers,
}

/// What a key's thread has of all this.
pub(super) struct Desk {
    key: Key,
    /// `false` once nobody listens any more.
    line: Box<dyn Fn(News) -> bool + Send>,
    limit: Limit,
    taken: Arc<AtomicBool>,
    claimed: bool,
    turn: Turn,
    finger: bool,
    blinked: bool,
    busy: bool,
}

impl Desk {
    pub(super) fn new(
        key: Key,
        line: Box<dyn Fn(News) -> bool + Send>,
        limit: Limit,
        taken: Arc<AtomicBool>,
    ) -> Desk {
        Desk {
            key,
            line,
            limit,
            taken,
            claimed: false,
            turn: Turn::Alone,
            finger: false,
            blinked: false,
            busy: false,
        }
    }

    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    pub(super) fn limit(&self) -> Limit {
        self.limit.clone()
    }

    /// Whether a touch still has to choose this key.
    pub(super) fn must_be_chosen(&self) -> bool {
        self.turn == Turn::AmongOthers && !self.claimed
    }

    /// Whether the key has waited for the person.
    pub(super) fn has_blinked(&self) -> bool {
        self.blinked
    }

    pub(super) fn tell(&self, progress: Progress) {
        // When nobody listens any more, this thread hears it at its next wait.
        (self.line)(News::Tell(progress));
    }

    /// Puts what the channel waits for into words.
    pub(super) fn say(&mut self, waiting: Waiting) {
        match waiting {
            Waiting::Turn if self.busy => {}
            Waiting::Turn => {
                self.busy = true;
                self.tell(Progress::Busy(self.key.clone()));
            }
            Waiting::Touch => {
                self.blinked = true;
                let key = self.key.clone();
                self.tell(if self.finger {
                    Progress::NeedFingerprint(key)
                } else {
                    Progress::NeedTouch(key)
                });
            }
        }
    }

    /// What the key waits for from now on is a finger that it knows.
    pub(super) fn expect_finger(&mut self, finger: bool) {
        self.finger = finger;
    }

    /// Reports how the key fits, and waits until it may blink.
    pub(super) fn wait_for_turn(&mut self, readiness: Readiness) -> Result<(), Fault> {
        let (turn, turns) = channel();
        self.send(News::Ready(readiness, turn))?;
        self.turn = self.answer(&turns)?;
        Ok(())
    }

    /// Takes this key for the ceremony, once; every other key is cancelled.
    ///
    /// # Errors
    /// [`Fault::Stopped`] if another one was first.
    pub(super) fn claim(&mut self) -> Result<(), Fault> {
        if self.claimed {
            return Ok(());
        }
        if self.taken.swap(true, Ordering::AcqRel) {
            return Err(Fault::Stopped);
        }
        self.claimed = true;
        self.send(News::Taken)
    }

    /// Asks the person for the PIN. The time they take does not count. Whoever gives up after a
    /// wrong one is told that.
    pub(super) fn ask_pin(&mut self, retries: u8, wrong_before: bool) -> Result<Pin, Fault> {
        let request = PinRequest { key: self.key.clone(), retries: Some(retries), wrong_before };
        let (pin, pins) = channel();
        let asked = Instant::now();
        self.send(News::AskPin(request, pin))?;
        let pin = loop {
            self.limit.stopped()?;
            match pins.recv_timeout(Limit::SLICE) {
                Ok(pin) => break pin,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(Fault::Stopped),
            }
        };
        self.limit = self.limit.later(asked.elapsed());
        let given_up = if wrong_before {
            Error::PinWrong { retries: Some(retries) }
        } else {
            Error::PinNotGiven
        };
        pin.ok_or(Fault::Plain(given_up))
    }

    fn answer<T>(&self, answers: &Receiver<T>) -> Result<T, Fault> {
        loop {
            match answers.recv_timeout(self.limit.slice()?) {
                Ok(answer) => return Ok(answer),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(Fault::Stopped),
            }
        }
    }

    fn send(&self, news: News) -> Result<(), Fault> {
        if (self.line)(news) { Ok(()) } else { Err(Fault::Stopped) }
    }
}
