//! Codes that missed, looked for after the answer.
//!
//! A device whose clock or counter has moved shows codes that match nothing in the window of a
//! sign-in. One thread looks for each such code further away. A match accepts nothing and changes
//! nothing in the store: the device is remembered as out of sync, in memory, and its next refusal
//! says so to callers who may know the reason.
//!
//! A guesser who learns that a guess lies near must not gain by it: a code that was found is not
//! accepted alone afterwards, when its time comes. Only as part of a pair.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use crate::device::{Batch, Device, FarMatch, Refusal};
use crate::id::{AccountId, SerialNumber};
use crate::otp::Code;
use crate::store::{Enrolled, Sealer};
use crate::time::UnixTime;
use crate::verifier::readings::{Reading, Readings};
use crate::verifier::seed::open_seed;

/// A device, as looks name it.
pub(crate) type Place = (Option<AccountId>, SerialNumber);

/// The looks of a verifier: those that wait, and what they found.
pub(crate) struct Looks {
    found: Arc<Found>,
    queue: SyncSender<Look>,
}

/// A code that missed, and the device as it was judged.
pub(crate) struct Miss {
    pub(crate) enrolled: Enrolled,
    pub(crate) sealer: Sealer,
    pub(crate) code: Code,
    pub(crate) now: UnixTime,
}

/// A miss in the queue.
struct Look {
    miss: Miss,
    ticket: u64,
    asked: Instant,
}

/// Results of the looks, shared with the thread that makes them.
#[derive(Default)]
struct Found {
    state: Mutex<State>,
    readings: Arc<Readings>,
    looks: AtomicU64,
    matches: AtomicU64,
}

#[derive(Default)]
struct State {
    /// The look that each account waits for, by its ticket: one at a time.
    waiting: HashMap<Option<AccountId>, (SerialNumber, u64)>,
    tickets: u64,
    devices: HashMap<Place, Moved>,
}

/// A device whose code was found far away.
struct Moved {
    /// Time of the last such code.
    at: UnixTime,
    /// True until the device has proved itself again.
    out_of_sync: bool,
    /// Factors of the codes that were found, the newest last.
    factors: Vec<u64>,
}

impl Looks {
    /// Starts the thread that looks. It ends with this.
    pub(crate) fn start(readings: Arc<Readings>) -> Looks {
        let found = Arc::new(Found { readings, ..Found::default() });
        let (queue, asked) = sync_channel(MOST_WAITING);
        let shared = Arc::downgrade(&found);
        // Without a thread, every look is dropped.
        let _ = thread::Builder::new()
            .name("looks".to_owned())
            .spawn(move || work(&asked, &shared));
        Looks { found, queue }
    }

    /// Queues a look. It is dropped if the queue is full, if the account waits for one already, or
    /// if the device is known to be out of sync.
    pub(crate) fn ask(&self, miss: Miss) {
        let device = &miss.enrolled.device;
        let (account, serial) = (device.account.clone(), device.serial.clone());
        let mut state = self.found.state();
        if state.waiting.contains_key(&account) || state.is_out_of_sync(device, miss.now) {
            return;
        }
        state.tickets = state.tickets.wrapping_add(1);
        let ticket = state.tickets;
        if self.queue.try_send(Look { miss, ticket, asked: Instant::now() }).is_ok() {
            state.waiting.insert(account, (serial, ticket));
        }
    }

    /// Forgets that a device was out of sync: it has proved itself.
    pub(crate) fn in_sync(&self, device: &Place) {
        let mut state = self.found.state();
        let (account, serial) = device;
        if state.waiting.get(account).is_some_and(|(waiting, _)| waiting == serial) {
            state.waiting.remove(account);
        }
        if let Some(moved) = state.devices.get_mut(device) {
            moved.out_of_sync = false;
        }
    }

    /// The reason that a refusal is told with: a device that is known to be out of sync needs two
    /// codes, whether its next code is wrong or not judged for a while.
    pub(crate) fn reason(&self, device: &Device, refusal: Refusal, now: UnixTime) -> Refusal {
        let may_be = matches!(refusal, Refusal::NoMatch | Refusal::Throttled { .. });
        if may_be && self.found.state().is_out_of_sync(device, now) {
            return Refusal::OutOfSync;
        }
        refusal
    }

    /// True if the code that was just accepted is one that a look has found before.
    pub(crate) fn knew(&self, accepted: &Device, now: UnixTime) -> bool {
        let Some(factor) = accepted.highest_consumed() else { return false };
        let state = self.found.state();
        state.moved(accepted, now).is_some_and(|moved| moved.factors.contains(&factor))
    }

    /// Number of looks, and of those that found something.
    pub(crate) fn counts(&self) -> [u64; 2] {
        [self.found.looks.load(Relaxed), self.found.matches.load(Relaxed)]
    }
}

impl Found {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self, Look { miss, ticket, .. }: Look) {
        let Miss { enrolled, sealer, code, now } = miss;
        let device = &enrolled.device;
        // A damaged seed is told by the decisions that need it.
        let seed = open_seed(&sealer, &enrolled).ok().flatten();
        let found = seed.and_then(|seed| device.find_far(&device.key(&seed)?, &code, now));
        let mut state = self.state();
        // A device that has proved itself meanwhile is in sync.
        if state
            .waiting
            .get(&device.account)
            .is_some_and(|(_, waiting)| *waiting == ticket)
        {
            state.waiting.remove(&device.account);
            if let Some(found) = &found {
                state.remember(device, found, now);
            }
        }
        drop(state);
        if let Some(found) = found {
            self.matches.fetch_add(1, Relaxed);
            self.read(device, found, now);
        }
        self.looks.fetch_add(1, Relaxed);
    }

    /// Passes on what a match says of the clock of its device.
    fn read(&self, device: &Device, found: FarMatch, now: UnixTime) {
        let Some((off, doubt)) = found.off else { return };
        self.readings.keep(Reading {
            serial: device.serial.clone(),
            batch: Batch::of(&device.serial),
            at: now,
            off,
            doubt,
        });
    }
}

impl State {
    fn moved(&self, device: &Device, now: UnixTime) -> Option<&Moved> {
        self.devices.get(&place(device)).filter(|moved| moved.lasts(now))
    }

    fn is_out_of_sync(&self, device: &Device, now: UnixTime) -> bool {
        self.moved(device, now).is_some_and(|moved| moved.out_of_sync)
    }

    fn remember(&mut self, device: &Device, found: &FarMatch, now: UnixTime) {
        let place = place(device);
        if self.devices.len() >= MOST_DEVICES && !self.devices.contains_key(&place) {
            self.devices.retain(|_, moved| moved.lasts(now));
            if self.devices.len() >= MOST_DEVICES {
                return;
            }
        }
        let moved = self.devices.entry(place).or_insert(Moved {
            at: now,
            out_of_sync: true,
            factors: Vec::new(),
        });
        (moved.at, moved.out_of_sync) = (now, true);
        moved.factors.push(found.factor);
        let surplus = moved.factors.len().saturating_sub(MOST_FACTORS);
        moved.factors.drain(..surplus);
    }
}

impl Moved {
    fn lasts(&self, now: UnixTime) -> bool {
        now.0.abs_diff(self.at.0) < DAY
    }
}

/// Looks for one code after the other, until the verifier is gone.
fn work(asked: &Receiver<Look>, shared: &Weak<Found>) {
    while let Ok(look) = asked.recv() {
        thread::sleep(AFTER_ANSWER.saturating_sub(look.asked.elapsed()));
        let Some(found) = shared.upgrade() else { return };
        found.look(look);
        drop(found);
        thread::sleep(PAUSE);
    }
}

/// The device as looks name it.
pub(crate) fn place(device: &Device) -> Place {
    (device.account.clone(), device.serial.clone())
}

/// Time from the judgement to the look, in which the answer has left.
const AFTER_ANSWER: Duration = Duration::from_millis(250);

/// Time between two looks: at most 600 a minute, each of some 120 codes.
const PAUSE: Duration = Duration::from_millis(100);

const MOST_WAITING: usize = 256;

const MOST_DEVICES: usize = 10_000;

/// Codes of one device that are remembered.
const MOST_FACTORS: usize = 8;

/// Seconds for which a device is remembered.
const DAY: u64 = 86_400;
