//! Ceremonies with the keys that are plugged in here: few at a time, each on a thread of its own,
//! each ended by its deadline, by its peer, or by the agent's end.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{fmt, thread};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::sync::{mpsc, oneshot};

use super::alone::OneAtATime;
use super::person::{AtPeer, Told};
use crate::store::KeyError;
use crate::usb::{Bus, Cancel, Key, Options, Pin};
use crate::webauthn::{AuthenticationResponse, Origin, RequestOptions};
use crate::{store, usb};

/// Who has a ceremony, and which of them wait for a PIN.
pub(crate) struct Ceremonies {
    bus: Arc<dyn Bus>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    running: HashMap<String, Running>,
    /// When each user but root last began one.
    begun: HashMap<u32, Instant>,
}

struct Running {
    uid: u32,
    pin: Option<SyncSender<Pin>>,
}

/// The right to run one ceremony, until it is dropped.
pub(crate) struct Seat {
    ceremonies: Arc<Ceremonies>,
    id: String,
}

/// Why nobody may begin another ceremony.
#[derive(Debug)]
pub(crate) enum Busy {
    /// The user has one, or all seats are taken.
    Now,
    /// The user began one a moment ago.
    TooSoon(Duration),
    /// There is no randomness.
    Random(KeyError),
}

/// A ceremony that runs. It is cancelled when this is dropped.
pub(crate) struct Underway {
    pub(crate) told: mpsc::Receiver<Told>,
    pub(crate) end: oneshot::Receiver<Result<Answered, usb::Error>>,
    cancel: Cancel,
}

/// A key has answered.
pub(crate) struct Answered {
    pub(crate) response: AuthenticationResponse,
    /// Which one it was, if it has blinked.
    pub(crate) key: Option<Key>,
}

impl Ceremonies {
    pub(crate) fn new(bus: Arc<dyn Bus>) -> Ceremonies {
        Ceremonies { bus: Arc::new(OneAtATime::new(bus)), known: Mutex::default() }
    }

    /// Lets a user begin a ceremony. Root has seats of its own; others have one each, so that
    /// nobody keeps a key from its owner.
    pub(crate) fn sit(self: &Arc<Ceremonies>, uid: u32) -> Result<Seat, Busy> {
        let id = URL_SAFE_NO_PAD.encode(&store::random::<16>().map_err(Busy::Random)?[..]);
        let mut known = self.known();
        if uid != 0 {
            known.begun.retain(|_, at| at.elapsed() < BETWEEN);
            if let Some(at) = known.begun.get(&uid) {
                return Err(Busy::TooSoon(BETWEEN.saturating_sub(at.elapsed())));
            }
        }
        let seats = known
            .running
            .values()
            .filter(|running| (running.uid == 0) == (uid == 0))
            .count();
        let has_one = uid != 0 && known.running.values().any(|running| running.uid == uid);
        if has_one || seats >= SEATS {
            return Err(Busy::Now);
        }
        if uid != 0 {
            known.begun.insert(uid, Instant::now());
        }
        known.running.insert(id.clone(), Running { uid, pin: None });
        drop(known);
        Ok(Seat { ceremonies: Arc::clone(self), id })
    }

    /// Passes a PIN on to the ceremony that waits for it. `false` if this user has no such
    /// ceremony.
    pub(crate) fn give_pin(&self, uid: u32, id: &str, pin: Pin) -> bool {
        let asked = self
            .known()
            .running
            .get_mut(id)
            .filter(|running| running.uid == uid)
            .and_then(|running| running.pin.take());
        asked.is_some_and(|asked| asked.send(pin).is_ok())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// What the ceremony is called, to whoever brings its PIN.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Begins. It ends within `wait` of trying, and as long again for each PIN, at most [`LONGEST`]
    /// in all.
    pub(crate) fn begin(
        self,
        request: RequestOptions,
        origin: Origin,
        wait: Duration,
    ) -> std::io::Result<Underway> {
        let (line, told) = mpsc::channel(MOST_UNHEARD);
        let (ended, end) = oneshot::channel();
        let cancel = Cancel::default();
        let options = Options { deadline: wait, cancel: cancel.clone(), only: None };
        let over = Instant::now() + LONGEST;
        thread::Builder::new().name("ceremony".to_owned()).spawn(move || {
            let mut person = AtPeer::new(&self, line, options.cancel.clone(), wait, over);
            let bus = Arc::clone(&self.ceremonies.bus);
            let result = usb::authenticate_on(bus, &options, &request, &origin, &mut person);
            let result = result.map(|response| Answered { response, key: person.into_key() });
            // Whoever hears of the end may begin again at once.
            drop(self);
            let _ = ended.send(result);
        })?;
        Ok(Underway { told, end, cancel })
    }

    /// From now on a PIN is asked for.
    pub(super) fn ask_for_pin(&self) -> Receiver<Pin> {
        let (give, asked) = sync_channel(1);
        if let Some(running) = self.ceremonies.known().running.get_mut(&self.id) {
            running.pin = Some(give);
        }
        asked
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.ceremonies.known().running.remove(&self.id);
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

/// Whoever knows the id can answer for the person.
impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seat(..)")
    }
}

/// How many ceremonies run at a time for root, and how many for all others.
const SEATS: usize = 4;

/// How long a user waits between two beginnings.
const BETWEEN: Duration = Duration::from_secs(1);

/// A ceremony's state in the store lives for five minutes.
const LONGEST: Duration = Duration::from_secs(240);

/// How much is said to somebody who does not listen before it is given up.
const MOST_UNHEARD: usize = 64;
