//! Events of a ceremony, one JSON object a line.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Bytes;
use hyper::body::{Body, Frame};
use tokio::sync::mpsc;

use crate::agent::local::CeremonyEvent;
use crate::usb;
use crate::wire::{FailureCode, KeyCeremonyEvent};

/// The events as lines, for the peer.
pub(super) struct EventStream(mpsc::Receiver<Bytes>);

/// The source of the events. Cheap to clone.
#[derive(Clone)]
pub(super) struct EventSender(mpsc::Sender<Bytes>);

/// A source of events and the stream that the peer reads.
pub(super) fn channel() -> (EventSender, EventStream) {
    let (sender, lines) = mpsc::channel(MOST_LINES);
    (EventSender(sender), EventStream(lines))
}

impl EventSender {
    /// Queues an event. With [`MOST_LINES`] unread the peer is gone, and the event is dropped.
    pub(super) fn send(&self, event: &KeyCeremonyEvent) {
        let Ok(mut line) = serde_json::to_vec(event) else { return };
        line.push(b'\n');
        let _ = self.0.try_send(line.into());
    }

    /// Waits until the peer is gone.
    pub(super) async fn closed(&self) {
        self.0.closed().await;
    }
}

impl From<usb::Error> for KeyCeremonyEvent {
    fn from(why: usb::Error) -> KeyCeremonyEvent {
        use usb::Error::*;
        let code = match &why {
            NoKey | Unplugged => FailureCode::NoKey,
            NotEnrolled | AlreadyEnrolled(_) => FailureCode::NotEnrolled,
            NotTouched => FailureCode::NotTouched,
            PinAuthBlocked | PinBlocked => FailureCode::PinBlocked,
            Busy => FailureCode::Busy,
            NotAsked { why, .. } if **why == Busy => FailureCode::Busy,
            NotAsked { .. } | Slow => FailureCode::NotAsked,
            Cancelled | Declined | PinWrong { .. } | PinNotGiven => FailureCode::Cancelled,
            _ => FailureCode::Unavailable,
        };
        let key = match &why {
            NotAsked { key, .. } => Some(key.to_string()),
            _ => None,
        };
        KeyCeremonyEvent::Failed { code, detail: why.to_string(), key }
    }
}

impl From<CeremonyEvent> for KeyCeremonyEvent {
    fn from(event: CeremonyEvent) -> KeyCeremonyEvent {
        match event {
            CeremonyEvent::WaitingForKey => KeyCeremonyEvent::WaitingForKey,
            CeremonyEvent::NeedTouch => KeyCeremonyEvent::NeedTouch,
            CeremonyEvent::ChooseByTouch(keys) => KeyCeremonyEvent::ChooseByTouch { keys },
            CeremonyEvent::NeedPin { retries, wrong_before } => {
                KeyCeremonyEvent::NeedPin { retries, wrong_before }
            }
        }
    }
}

impl Body for EventStream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut EventStream>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|line| line.map(|line| Ok(Frame::data(line))))
    }
}

/// More lines than any ceremony has.
const MOST_LINES: usize = 128;
