//! Slots for ceremonies: few at a time, and one for each user.

use std::collections::HashMap;
use std::fmt;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::agent::local::exclusive::ExclusiveBus;
use crate::store;
use crate::store::KeyError;
use crate::usb::{Bus, Pin};

/// The ceremonies that run, and those of them that wait for a PIN.
pub(crate) struct Ceremonies {
    bus: Arc<dyn Bus>,
    state: Mutex<CeremonyState>,
}

#[derive(Default)]
struct CeremonyState {
    running: HashMap<String, Running>,
    /// The last beginning of each user but root.
    begun: HashMap<u32, Instant>,
}

struct Running {
    uid: u32,
    pin: Option<SyncSender<Pin>>,
}

/// The right to run one ceremony, released on drop.
pub(crate) struct CeremonySlot {
    ceremonies: Arc<Ceremonies>,
    id: String,
}

/// No slot can be reserved.
#[derive(Debug)]
pub(crate) enum Busy {
    /// The user has a ceremony, or all slots are taken.
    Now,
    /// The user began a ceremony a moment ago.
    TooSoon(Duration),
    /// The system gives no randomness.
    Random(KeyError),
}

impl Ceremonies {
    pub(crate) fn new(bus: Arc<dyn Bus>) -> Ceremonies {
        Ceremonies { bus: Arc::new(ExclusiveBus::new(bus)), state: Mutex::default() }
    }

    /// Reserves a slot for a user. Root has slots of its own; other users have one each, so that
    /// no user keeps a key from its owner.
    pub(crate) fn reserve(self: &Arc<Ceremonies>, uid: u32) -> Result<CeremonySlot, Busy> {
        let id = URL_SAFE_NO_PAD.encode(&store::random::<16>().map_err(Busy::Random)?[..]);
        let mut state = self.state();
        if uid != 0 {
            state.begun.retain(|_, at| at.elapsed() < BETWEEN);
            if let Some(at) = state.begun.get(&uid) {
                return Err(Busy::TooSoon(BETWEEN.saturating_sub(at.elapsed())));
            }
        }
        let taken = state
            .running
            .values()
            .filter(|running| (running.uid == 0) == (uid == 0))
            .count();
        let has_one = uid != 0 && state.running.values().any(|running| running.uid == uid);
        if has_one || taken >= SLOTS {
            return Err(Busy::Now);
        }
        if uid != 0 {
            state.begun.insert(uid, Instant::now());
        }
        state.running.insert(id.clone(), Running { uid, pin: None });
        drop(state);
        Ok(CeremonySlot { ceremonies: Arc::clone(self), id })
    }

    /// Passes a PIN to the ceremony that waits for it. `false` if this user has no such ceremony.
    pub(crate) fn give_pin(&self, uid: u32, id: &str, pin: Pin) -> bool {
        let asked = self
            .state()
            .running
            .get_mut(id)
            .filter(|running| running.uid == uid)
            .and_then(|running| running.pin.take());
        asked.is_some_and(|asked| asked.send(pin).is_ok())
    }

    fn state(&self) -> MutexGuard<'_, CeremonyState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CeremonySlot {
    /// The ceremony's id, which the PIN must name.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The bus, on which each key can be open once.
    pub(super) fn bus(&self) -> Arc<dyn Bus> {
        Arc::clone(&self.ceremonies.bus)
    }

    /// Accepts a PIN from now on.
    pub(super) fn ask_for_pin(&self) -> Receiver<Pin> {
        let (give, asked) = sync_channel(1);
        if let Some(running) = self.ceremonies.state().running.get_mut(&self.id) {
            running.pin = Some(give);
        }
        asked
    }
}

impl Drop for CeremonySlot {
    fn drop(&mut self) {
        self.ceremonies.state().running.remove(&self.id);
    }
}

/// Without the id: a peer that knows it can answer for the person.
impl fmt::Debug for CeremonySlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CeremonySlot(..)")
    }
}

/// The number of slots for root, and the number for all other users.
const SLOTS: usize = 4;

/// The shortest time between two beginnings of one user.
const BETWEEN: Duration = Duration::from_secs(1);
