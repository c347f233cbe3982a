//! The line between a key's thread and the thread that talks to the person.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Instant;

use crate::usb::deadline::Deadline;
use crate::usb::error::Error;
use crate::usb::fault::Fault;
use crate::usb::hid::Channel;
use crate::usb::key::Key;
use crate::usb::link::{Link, OnWait, Wait};
use crate::usb::person::{Pin, PinRequest, Progress};

/// An event that a key's thread reports.
pub(super) enum KeyEvent {
    Tell(Progress),
    /// The key waits for the go-ahead.
    Ready(Readiness, Sender<GoAhead>),
    /// The key was taken; the others stop.
    Taken,
    AskPin(PinRequest, Sender<Option<Pin>>),
}

/// A [`super::Fit`] of a key that may take part, without what was found.
pub(super) enum Readiness {
    Fits,
    Perhaps,
}

/// Leave to blink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GoAhead {
    /// No other key does.
    Alone,
    /// Others do too: a touch chooses.
    AmongOthers,
}

/// A key's side of the ceremony: events to the calling thread, and answers from it.
pub(super) struct KeySession {
    key: Key,
    /// Returns `false` once the ceremony is over.
    events: Box<dyn Fn(KeyEvent) -> bool + Send>,
    deadline: Deadline,
    taken: Arc<AtomicBool>,
    claimed: bool,
    go_ahead: GoAhead,
    finger: bool,
    blinked: bool,
    busy: bool,
}

impl KeySession {
    pub(super) fn new(
        key: Key,
        events: Box<dyn Fn(KeyEvent) -> bool + Send>,
        deadline: Deadline,
        taken: Arc<AtomicBool>,
    ) -> KeySession {
        KeySession {
            key,
            events,
            deadline,
            taken,
            claimed: false,
            go_ahead: GoAhead::Alone,
            finger: false,
            blinked: false,
            busy: false,
        }
    }

    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    /// A link to the key that ends with the ceremony and reports to the person.
    pub(super) fn link<'a>(&'a mut self, channel: &'a mut Channel) -> Link<'a> {
        Link { channel, deadline: self.deadline(), on_wait: self }
    }

    pub(super) fn deadline(&self) -> Deadline {
        self.deadline.clone()
    }

    /// Returns whether a touch still has to choose this key.
    pub(super) fn must_be_chosen(&self) -> bool {
        self.go_ahead == GoAhead::AmongOthers && !self.claimed
    }

    /// Returns whether the key has waited for the person.
    pub(super) fn has_blinked(&self) -> bool {
        self.blinked
    }

    pub(super) fn tell(&self, progress: Progress) {
        // After the end of the ceremony, this thread stops at its next wait.
        (self.events)(KeyEvent::Tell(progress));
    }

    /// Sets whether the next wait is for a known finger.
    pub(super) fn expect_finger(&mut self, finger: bool) {
        self.finger = finger;
    }

    /// Reports how the key fits, and waits until it may blink.
    pub(super) fn wait_for_go_ahead(&mut self, readiness: Readiness) -> Result<(), Fault> {
        let (go_ahead, answers) = channel();
        self.send(KeyEvent::Ready(readiness, go_ahead))?;
        self.go_ahead = self.answer(&answers)?;
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
        self.send(KeyEvent::Taken)
    }

    /// Asks the person for the PIN. The time for typing does not count against the deadline. Giving
    /// up after a wrong PIN is reported as a wrong PIN.
    pub(super) fn ask_pin(&mut self, retries: u8, wrong_before: bool) -> Result<Pin, Fault> {
        let request = PinRequest { key: self.key.clone(), retries: Some(retries), wrong_before };
        let (pin, pins) = channel();
        let asked = Instant::now();
        self.send(KeyEvent::AskPin(request, pin))?;
        let pin = loop {
            self.deadline.stopped()?;
            match pins.recv_timeout(Deadline::SLICE) {
                Ok(pin) => break pin,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(Fault::Stopped),
            }
        };
        self.deadline = self.deadline.later(asked.elapsed());
        let given_up = if wrong_before {
            Error::PinWrong { retries: Some(retries) }
        } else {
            Error::PinNotGiven
        };
        pin.ok_or(Fault::Plain(given_up))
    }

    fn answer<T>(&self, answers: &Receiver<T>) -> Result<T, Fault> {
        loop {
            match answers.recv_timeout(self.deadline.slice()?) {
                Ok(answer) => return Ok(answer),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(Fault::Stopped),
            }
        }
    }

    fn send(&self, news: KeyEvent) -> Result<(), Fault> {
        if (self.events)(news) { Ok(()) } else { Err(Fault::Stopped) }
    }
}

impl OnWait for KeySession {
    fn on_wait(&mut self, wait: Wait) {
        match wait {
            Wait::Busy if self.busy => {}
            Wait::Busy => {
                self.busy = true;
                self.tell(Progress::Busy(self.key.clone()));
            }
            Wait::Touch => {
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
}
