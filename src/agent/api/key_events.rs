//! What a ceremony says, one JSON object a line.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Bytes;
use hyper::body::{Body, Frame};
use serde::Serialize;
use tokio::sync::mpsc;
use utoipa::ToSchema;

use crate::agent::api::views::ContextView;
use crate::agent::local::CeremonyEvent;
use crate::agent::problem::Problem;
use crate::usb;

/// A line of the answer.
#[derive(Serialize, ToSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum KeyCeremonyEvent {
    /// It begins; `ceremony_id` names it to whoever brings the PIN.
    Begun { ceremony_id: String },
    /// No key is plugged in.
    WaitingForKey,
    /// The key blinks.
    NeedTouch,
    /// So many keys blink; the one that is touched is taken.
    ChooseByTouch { keys: usize },
    /// The key wants its PIN.
    NeedPin {
        /// How many tries are left, where the key says so.
        #[serde(skip_serializing_if = "Option::is_none")]
        retries: Option<u8>,
        /// The one before was wrong.
        wrong_before: bool,
    },
    /// The session is open.
    Done {
        /// The signed context.
        token: String,
        context: Box<ContextView>,
    },
    /// The key answered, and the session was refused.
    Refused { problem: Box<Problem> },
    /// No key answered.
    Failed {
        code: FailureCode,
        /// What happened, and what to do.
        detail: String,
        /// The key that could not be asked, as it calls itself, where it is about one.
        #[serde(skip_serializing_if = "Option::is_none")]
        key: Option<String>,
    },
}

/// Why no key answered.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum FailureCode {
    NoKey,
    NotEnrolled,
    NotTouched,
    PinBlocked,
    /// Another program used the key all the time, or another ceremony does.
    Busy,
    /// A key that may be the right one did not answer in time, or could not be opened.
    NotAsked,
    Cancelled,
    Unavailable,
}

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

/// More than a ceremony ever says.
const MOST_LINES: usize = 128;
