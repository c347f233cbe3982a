//! Work for a lane, and its outcomes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::oneshot;

use super::usual::Rows;
use crate::store::{Change, Commit, Error};
use crate::time::UnixTime;

/// A piece of work, which is done wholly or not at all.
pub(super) enum Work {
    /// A change that shares a statement with others.
    Usual(Change, Rows),
    /// A change with a transaction of its own.
    Change(Change),
    Expire {
        now: UnixTime,
        audit_before: UnixTime,
    },
    /// Moves or deletes some rows of imports that are over.
    Settle,
    /// Writes something, and keeps nothing.
    Try,
}

pub(super) enum Done {
    Change(Commit),
    /// So many rows changed.
    Rows(u64),
}

/// Work that waits for its lane.
pub(super) struct Job {
    pub(super) work: Work,
    claim: Claim,
    reply: oneshot::Sender<Result<Done, Error>>,
}

/// Tells whether a job was begun or withdrawn, whichever was first.
#[derive(Clone, Default)]
pub(super) struct Claim(Arc<AtomicBool>);

/// A caller's half of a job. The job is withdrawn when its caller gives up before it was begun.
pub(super) struct Waiting {
    claim: Claim,
    pub(super) answer: oneshot::Receiver<Result<Done, Error>>,
}

impl Job {
    pub(super) fn new(work: Work) -> (Job, Waiting) {
        let (reply, answer) = oneshot::channel();
        let claim = Claim::default();
        let job = Job { work, claim: claim.clone(), reply };
        (job, Waiting { claim, answer })
    }

    /// True if the job is now begun; false if it was withdrawn.
    pub(super) fn begin(&self) -> bool {
        self.claim.take()
    }

    /// Answers the caller, unless it has given up.
    pub(super) fn answer(self, outcome: Result<Done, Error>) {
        let _ = self.reply.send(outcome);
    }
}

impl Waiting {
    /// True if the job is now withdrawn: no part of it will be done.
    pub(super) fn withdraw(&self) -> bool {
        self.claim.take()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.withdraw();
    }
}

impl Claim {
    fn take(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}
