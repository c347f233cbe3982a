//! The person at the other end of a connection: receives events, and brings the PIN.

use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::agent::local::event::CeremonyEvent;
use crate::agent::local::slot::CeremonySlot;
use crate::usb::{Cancel, Key, Person, Pin, PinRequest, Progress};

/// The link to the peer: passes events on, and brings the PIN back.
pub(super) struct AtPeer<'a> {
    slot: &'a CeremonySlot,
    events: mpsc::Sender<CeremonyEvent>,
    last: Option<CeremonyEvent>,
    /// The key that blinked last, alone or chosen by touch.
    key: Option<Key>,
    cancel: Cancel,
    /// The time to wait for a PIN.
    patience: Duration,
    /// The deadline of the whole ceremony.
    end: Instant,
}

impl<'a> AtPeer<'a> {
    pub(super) fn new(
        slot: &'a CeremonySlot,
        events: mpsc::Sender<CeremonyEvent>,
        cancel: Cancel,
        patience: Duration,
        end: Instant,
    ) -> AtPeer<'a> {
        AtPeer { slot, events, last: None, key: None, cancel, patience, end }
    }

    /// The key that answered, if it has blinked.
    pub(super) fn into_key(self) -> Option<Key> {
        self.key
    }

    /// Sends an event. A peer that does not read its events is gone: cancel.
    fn send(&mut self, event: CeremonyEvent) {
        if self.events.try_send(event.clone()).is_err() {
            self.cancel.cancel();
        }
        self.last = Some(event);
    }
}

impl Person for AtPeer<'_> {
    fn tell(&mut self, progress: Progress) {
        if let Progress::NeedTouch(key) | Progress::NeedFingerprint(key) | Progress::Chosen(key) =
            &progress
        {
            self.key = Some(key.clone());
        }
        let event = match progress {
            Progress::WaitingForKey => CeremonyEvent::WaitingForKey,
            Progress::NeedTouch(_)
            | Progress::NeedFingerprint(_)
            | Progress::FingerprintWrong { .. } => CeremonyEvent::NeedTouch,
            Progress::ChooseByTouch { keys } => CeremonyEvent::ChooseByTouch(keys.len()),
            _ => return,
        };
        if self.last.as_ref() != Some(&event) {
            self.send(event);
        }
    }

    fn pin(&mut self, request: &PinRequest) -> Option<Pin> {
        let asked = self.slot.ask_for_pin();
        self.send(CeremonyEvent::NeedPin {
            retries: request.retries,
            wrong_before: request.wrong_before,
        });
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

/// The interval at which a cancellation is noticed.
const SLICE: Duration = Duration::from_millis(50);
