//! Places: how much of the agent's work one caller can have done at the same time.
//!
//! A request waits for the rest of its own caller's requests and for few of each other caller.
//! Administrators have places of their own.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;

use crate::agent::access::peer::Holder;
use crate::agent::config::{LimitsConfig, Role};
use crate::agent::shares::{Share, Shares};
use crate::id::{AccountId, CallerId};

/// The places of all callers.
pub(crate) struct Places {
    /// Requests of one caller that are worked on.
    callers: Shares<CallerId>,
    all: Arc<Semaphore>,
    administrators: Arc<Semaphore>,
    /// Requests of one caller about one account.
    lanes: Shares<(CallerId, AccountId)>,
    /// Long answers to one caller that are made or sent.
    pages: Shares<CallerId>,
    /// Denials of one user or address.
    denials: Shares<Holder>,
}

/// The place of one request.
pub(crate) struct Place {
    /// Limits; none for a request that is not counted.
    places: Option<Arc<Places>>,
    caller: CallerId,
    role: Role,
    taken: Mutex<Option<Taken>>,
    page: Mutex<Option<Share<CallerId>>>,
}

type Taken = (Share<CallerId>, Option<OwnedSemaphorePermit>);

/// The right to be judged about one account; the caller's next request about it waits until this is
/// dropped.
pub(crate) type Lane = Share<(CallerId, AccountId)>;

impl Places {
    pub(crate) fn new(limits: &LimitsConfig) -> Arc<Places> {
        let permits = |number: u32| usize::try_from(number).unwrap_or(Semaphore::MAX_PERMITS);
        Arc::new(Places {
            callers: Shares::new(permits(limits.concurrency_per_caller)),
            all: Arc::new(Semaphore::new(permits(limits.concurrency))),
            administrators: Arc::new(Semaphore::new(permits(limits.of_administrators()))),
            lanes: Shares::new(1),
            // A page is made on the threads that serve all callers: at least one stays free.
            pages: Shares::new(available_parallelism().map_or(1, |all| all.get() / 2).max(1)),
            denials: Shares::new(1),
        })
    }

    /// The place of a request of this caller, not taken yet.
    pub(crate) fn place(self: &Arc<Places>, caller: &CallerId, role: Role) -> Arc<Place> {
        Arc::new(Place { places: Some(Arc::clone(self)), ..Place::unlimited(caller, role) })
    }

    /// Waits before a peer is denied: denials leave one at a time, so that a flood of them costs
    /// little.
    pub(crate) async fn before_denial(&self, holder: Holder) {
        let _turn = self.denials.take(holder).await;
        sleep(BETWEEN_DENIALS).await;
    }
}

impl Place {
    /// A place that no limit counts.
    pub(crate) fn unlimited(caller: &CallerId, role: Role) -> Place {
        let (taken, page) = (Mutex::default(), Mutex::default());
        Place { places: None, caller: caller.clone(), role, taken, page }
    }

    /// Waits until the request may be worked on.
    pub(crate) async fn take(&self) {
        let Some(places) = &self.places else { return };
        let own = places.callers.take(self.caller.clone()).await;
        let all = match self.role {
            Role::Admin => &places.administrators,
            _ => &places.all,
        };
        // The semaphore is never closed.
        let shared = Arc::clone(all).acquire_owned().await.ok();
        *lock(&self.taken) = Some((own, shared));
    }

    /// Gives the place to the next request: the work is done, or waits for something else.
    pub(crate) fn release(&self) {
        *lock(&self.taken) = None;
    }

    /// Waits for the caller's earlier requests about this account. The place is free meanwhile:
    /// many requests about one account keep none about another one waiting.
    pub(crate) async fn lane(&self, account: &AccountId) -> Option<Lane> {
        let places = self.places.as_ref()?;
        let of = (self.caller.clone(), account.clone());
        if let Some(lane) = places.lanes.take_at_once(of.clone()) {
            return Some(lane);
        }
        self.release();
        let lane = places.lanes.take(of).await;
        self.take().await;
        Some(lane)
    }

    /// Waits until the caller has read enough of its earlier long answers. This one ends with the
    /// place.
    pub(crate) async fn page(&self) {
        let Some(places) = &self.places else { return };
        self.release();
        // A second answer of the same request does not wait for the first.
        *lock(&self.page) = None;
        let page = places.pages.take(self.caller.clone()).await;
        *lock(&self.page) = Some(page);
        self.take().await;
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("caller", &self.caller).finish_non_exhaustive()
    }
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The time between two denials of one user or address.
const BETWEEN_DENIALS: Duration = Duration::from_millis(10);
