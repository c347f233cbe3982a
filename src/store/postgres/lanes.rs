//! Lanes: the connections that write, and what waits for them.
//!
//! A caller that finds its lane idle does the work itself, with all that waits; while it works,
//! others wait for their answer or for their turn, whichever comes first.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;
use tokio::time::sleep;

use super::acknowledged::Acknowledged;
use super::adopt;
use super::dial::Dial;
use super::lane::Lane;
use super::options::PostgresOptions;
use super::session::Shared;
use super::usual::Rows;
use super::work::{Done, Job, Work};
use crate::store::{Adoption, Change, Commit, Conflict, Error, MacKey, StoreKeys, Write};
use crate::time::UnixTime;

/// The lanes of a store.
pub(super) struct Lanes {
    lanes: Vec<Arc<Waiters>>,
    shared: Arc<Shared>,
}

/// A lane and the jobs that wait for it.
struct Waiters {
    lane: Arc<tokio::sync::Mutex<Lane>>,
    queue: Mutex<VecDeque<Job>>,
}

impl Lanes {
    pub(super) fn new(dial: Arc<Dial>, options: &PostgresOptions) -> Result<Lanes, Error> {
        let acknowledged = Acknowledged::read(options.state.clone())?;
        let shared = Arc::new(Shared::new(dial, acknowledged));
        let lane = |_| {
            let lane = Arc::new(tokio::sync::Mutex::new(Lane::new(Arc::clone(&shared))));
            Arc::new(Waiters { lane, queue: Mutex::default() })
        };
        Ok(Lanes { lanes: (0..options.lanes.max(1)).map(lane).collect(), shared })
    }

    pub(super) async fn commit(&self, change: Change) -> Result<Commit, Error> {
        let lane = self.lane_of(&change);
        let work = match Rows::of(&change, self.shared.dial.tags())? {
            Some(rows) => Work::Usual(change, rows),
            None => Work::Change(change),
        };
        match lane.done(work).await? {
            Done::Change(commit) => Ok(commit),
            Done::Rows(_) => Err(Error::Unknown("the lane answered something else".to_owned())),
        }
    }

    /// Takes the keys of the store. One that never had any is adopted.
    pub(super) async fn unlock(
        &self,
        keys: StoreKeys,
        adoption: Option<Adoption>,
    ) -> Result<(), Error> {
        if let Some(adoption) = adoption {
            adopt::adopt(&self.shared.dial, &keys, adoption).await?;
        }
        self.shared.dial.tags().take(keys);
        Ok(())
    }

    /// Succeeds if a change would be kept now.
    pub(super) async fn writable(&self) -> Result<(), Error> {
        self.shared.acknowledged.stands()?;
        // Anyone may ask whether the store is ready, and a write costs a flush.
        if self.shared.kept_within(READY) {
            return Ok(());
        }
        self.first().done(Work::Try).await.map(|_| ())
    }

    /// Moves what published imports staged into the tables that lists read.
    pub(super) async fn settle(&self) -> Result<(), Error> {
        while let Done::Rows(1..) = self.first().done(Work::Settle).await? {}
        Ok(())
    }

    /// Removes what time has made useless, in one short transaction after the other.
    pub(super) async fn expire(&self, now: UnixTime, audit_before: UnixTime) -> Result<u64, Error> {
        let mut total = 0;
        while let Done::Rows(gone @ 1..) =
            self.first().done(Work::Expire { now, audit_before }).await?
        {
            total += gone;
        }
        Ok(total)
    }

    /// The key of the audit log; none before the store was unlocked.
    pub(super) fn audit_key(&self) -> Option<MacKey> {
        self.shared.audit_key()
    }

    /// Changes of one account share a lane, so that two lanes do not wait for each other's rows.
    fn lane_of(&self, change: &Change) -> &Arc<Waiters> {
        let name = change.account.as_ref().map(|account| account.as_str());
        let name = name.or_else(|| change.writes.iter().find_map(named));
        let mut hash = DefaultHasher::new();
        name.hash(&mut hash);
        let lanes = u64::try_from(self.lanes.len()).unwrap_or(1);
        let number = usize::try_from(hash.finish() % lanes).unwrap_or(0);
        self.lanes.get(number).unwrap_or(self.first())
    }

    #[allow(clippy::expect_used, reason = "a store is made with one lane or more")]
    fn first(&self) -> &Arc<Waiters> {
        self.lanes.first().expect("there is a lane")
    }
}

impl Waiters {
    async fn done(self: &Arc<Waiters>, work: Work) -> Result<Done, Error> {
        let (job, mut waiting) = Job::new(work);
        {
            let mut queue = self.queue();
            if queue.len() >= QUEUE {
                return Err(Error::Unavailable("too many changes are waiting".to_owned()));
            }
            queue.push_back(job);
        }
        let (mut patience, mut patient) = (pin!(sleep(PATIENCE)), true);
        loop {
            tokio::select! {
                biased;
                answer = &mut waiting.answer => {
                    let gone = |_| Err(Error::Unknown("the lane gave no answer".to_owned()));
                    return answer.unwrap_or_else(gone);
                }
                lane = Arc::clone(&self.lane).lock_owned() => {
                    Round::new(Arc::clone(self).work(lane)).await;
                }
                () = &mut patience, if patient => {
                    patient = false;
                    if waiting.withdraw() {
                        let late = format!("no lane was free within {PATIENCE:?}");
                        return Err(Error::Unavailable(late));
                    }
                }
            }
        }
    }

    /// Does what waits first, and what can be done with it.
    async fn work(self: Arc<Waiters>, mut lane: OwnedMutexGuard<Lane>) {
        if let Err(error) = lane.connect().await {
            let waiting: Vec<Job> = self.queue().drain(..).collect();
            for job in waiting.into_iter().filter(Job::begin) {
                job.answer(Err(error.clone()));
            }
            return;
        }
        let jobs = take(&mut self.queue());
        if jobs.is_empty() {
            return;
        }
        let moved = lane.work(jobs).await;
        outrun(&mut self.queue(), &moved);
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<Job>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the first job; if it is a usual change, others that can share its statement too.
fn take(queue: &mut VecDeque<Job>) -> Vec<Job> {
    let (mut jobs, mut rows) = (Vec::new(), Rows::default());
    let mut left = VecDeque::with_capacity(queue.len());
    while let Some(job) = queue.pop_front() {
        let joins = match &job.work {
            Work::Usual(_, new) => jobs.len() < BATCH && rows.admits(new),
            _ => jobs.is_empty(),
        };
        if !joins {
            left.push_back(job);
            continue;
        }
        if !job.begin() {
            continue;
        }
        match &job.work {
            Work::Usual(_, new) => rows.add(new),
            _ => {
                jobs.push(job);
                break;
            }
        }
        jobs.push(job);
    }
    left.append(queue);
    *queue = left;
    jobs
}

/// Answers changes that were judged from rows which have moved since.
fn outrun(queue: &mut VecDeque<Job>, moved: &Rows) {
    let outrun = |job: &Job| matches!(&job.work, Work::Usual(_, rows) if rows.is_outrun_by(moved));
    for job in std::mem::take(queue) {
        if !outrun(&job) {
            queue.push_back(job);
        } else if job.begin() {
            job.answer(Ok(Done::Change(Commit::Conflict(Conflict::Revision))));
        }
    }
}

/// The account or the device that a write names.
fn named(write: &Write) -> Option<&str> {
    match write {
        Write::CreateAccount(account) | Write::UpdateAccount { account, .. } => {
            Some(account.id.as_str())
        }
        Write::ExpectAccount { account, .. } => Some(account.as_str()),
        Write::InsertDevice { device, .. } | Write::UpdateDevice { device, .. } => {
            Some(device.owner())
        }
        _ => None,
    }
}

/// A round of work, which goes on in a task of its own if its caller gives up: others wait for it.
struct Round(Option<Pin<Box<dyn Future<Output = ()> + Send>>>);

impl Round {
    fn new(work: impl Future<Output = ()> + Send + 'static) -> Round {
        Round(Some(Box::pin(work)))
    }
}

impl Future for Round {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(work) = &mut self.0 else { return Poll::Ready(()) };
        let polled = work.as_mut().poll(cx);
        if polled.is_ready() {
            self.0 = None;
        }
        polled
    }
}

impl Drop for Round {
    fn drop(&mut self) {
        if let Some(work) = self.0.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(work);
        }
    }
}

/// The time for which a store that has kept something counts as ready.
const READY: Duration = Duration::from_secs(1);

/// The most changes that share a statement.
const BATCH: usize = 256;

/// The most jobs that wait for a lane.
const QUEUE: usize = 4_096;

/// The time that a job waits before it is begun.
const PATIENCE: Duration = Duration::from_secs(1);
