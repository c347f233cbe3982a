//! The person at the other end of a connection: told what happens, and asked for the PIN.

use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::ceremony::Seat;
use crate::usb::{Cancel, Key, Person, Pin, PinRequest, Progress};

/// What a person is told during a ceremony.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// No key that could be asked is plugged in.
    WaitingForKey,
    /// The key waits for a touch.
    NeedTouch,
    /// So many keys wait for one.
    ChooseByTouch(usize),
    /// The key wants its PIN.
    NeedPin {
        /// How many tries are left, where the key says so.
        retries: Option<u8>,
        /// The one before was wrong.
        wrong_before: bool,
    },
}

/// Who passes that on, and brings back the PIN.
pub(super) struct AtPeer<'a> {
    seat: &'a Seat,
    line: mpsc::Sender<Told>,
    said: Option<Told>,
    /// The key that blinked last, alone or chosen.
    key: Option<Key>,
    cancel: Cancel,
    /// For how long a PIN is waited for.
    patience: Duration,
    /// When all of it has to be over.
    end: Instant,
}

impl<'a> AtPeer<'a> {
    pub(super) fn new(
        seat: &'a Seat,
        line: mpsc::Sender<Told>,
        cancel: Cancel,
        patience: Duration,
        end: Instant,
    ) -> AtPeer<'a> {
        AtPeer { seat, line, said: None, key: None, cancel, patience, end }
    }

    /// The key that it was about in the end.
    pub(super) fn into_key(self) -> Option<Key> {
        self.key
    }

    /// Says it. Whoever does not listen wants no more.
    fn say(&mut self, told: Told) {
        if self.line.try_send(told.clone()).is_err() {
            self.cancel.cancel();
        }
        self.said = Some(told);
    }
}

impl Person for AtPeer<'_> {
    fn tell(&mut self, progress: Progress) {
        if let Progress::NeedTouch(key) | Progress::NeedFingerprint(key) | Progress::Chosen(key) =
            &progress
        {
            self.key = Some(key.clone());
        }
        let told = match progress {
            Progress::WaitingForKey => Told::WaitingForKey,
            Progress::NeedTouch(_)
            | Progress::NeedFingerprint(_)
            | Progress::FingerprintWrong { .. } => Told::NeedTouch,
            Progress::ChooseByTouch { keys } => Told::ChooseByTouch(keys.len()),
            _ => return,
        };
        if self.said.as_ref() != Some(&told) {
            self.say(told);
        }
    }

    fn pin(&mut self, request: &PinRequest) -> Option<Pin> {
        let asked = self.seat.ask_for_pin();
        self.say(Told::NeedPin { retries: request.retries, wrong_before: request.wrong_before });
        let end = self.end.min(Instant::now().checked_add(self.patience)?);
        while !self.cancel.is_cancelled() {
            let left = end.saturating_duration_since(Instant::now());
            match asked.recv_timeout(left.min(SLICE)) {
                Ok(pin) => return Some(pin),
                Err(RecvTimeoutError::Timeout) if !left.is_zero() => {}
                Err(_) => return None,
            }
        }
        None
    }
}

/// So soon it is noticed that nobody listens any more.
const SLICE: Duration = Duration::from_millis(50);
