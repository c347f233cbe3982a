//! A ceremony with the keys that are plugged in here, on a thread of its own. It ends with its
//! deadline, its peer or the agent.

use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use crate::agent::local::event::CeremonyEvent;
use crate::agent::local::person::AtPeer;
use crate::agent::local::slot::CeremonySlot;
use crate::usb;
use crate::usb::{Cancel, Key, Options};
use crate::webauthn::{AuthenticationResponse, Origin, RequestOptions};

/// A ceremony in progress, cancelled on drop.
pub(crate) struct RunningCeremony {
    pub(crate) events: mpsc::Receiver<CeremonyEvent>,
    pub(crate) end: oneshot::Receiver<Result<Answered, usb::Error>>,
    cancel: Cancel,
}

/// The answer of a key.
pub(crate) struct Answered {
    pub(crate) response: AuthenticationResponse,
    /// The key that answered, if it has blinked.
    pub(crate) key: Option<Key>,
}

impl CeremonySlot {
    /// Begins. The ceremony lasts for `wait`, and as long again for each PIN, at most [`LONGEST`]
    /// in all.
    pub(crate) fn begin(
        self,
        request: RequestOptions,
        origin: Origin,
        wait: Duration,
    ) -> std::io::Result<RunningCeremony> {
        let (send, events) = mpsc::channel(MOST_UNREAD);
        let (ended, end) = oneshot::channel();
        let cancel = Cancel::default();
        let options = Options { deadline: wait, cancel: cancel.clone(), only: None };
        let deadline = Instant::now() + LONGEST;
        thread::Builder::new().name("ceremony".to_owned()).spawn(move || {
            let mut person = AtPeer::new(&self, send, options.cancel.clone(), wait, deadline);
            let result = usb::authenticate_on(self.bus(), &options, &request, &origin, &mut person);
            let result = result.map(|response| Answered { response, key: person.into_key() });
            // Release the slot first: the peer may begin again as soon as it reads the end.
            drop(self);
            let _ = ended.send(result);
        })?;
        Ok(RunningCeremony { events, end, cancel })
    }
}

impl Drop for RunningCeremony {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

/// The limit of a ceremony: its state in the store lives for five minutes.
const LONGEST: Duration = Duration::from_secs(240);

/// The number of events that a peer may leave unread before it counts as gone.
const MOST_UNREAD: usize = 64;
