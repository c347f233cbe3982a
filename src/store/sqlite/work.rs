//! Work for the thread that writes, and its outcomes.

use crate::store::{Adoption, Change, Commit, Error, StoreKeys, Write};
use crate::time::UnixTime;

/// A piece of work, which is done wholly or not at all.
pub(super) enum Work {
    Change(Change),
    /// Writes more than a decision does, and keeps nothing: is there room?
    Try,
    Expire {
        now: UnixTime,
        audit_before: UnixTime,
    },
    /// Moves or deletes some rows of imports that are over.
    Settle,
    /// Drops the imports that an earlier holder of the audit chain left.
    Abandon,
    /// Takes the keys of the store, and adopts a store that never had any. Has a transaction of its
    /// own.
    Unlock(StoreKeys, Option<Adoption>),
}

pub(super) enum Done {
    Change(Commit),
    Tried,
    Unlocked,
    Expired(u64),
    /// So many rows changed.
    Settled(u64),
}

/// The outcome of each work of a transaction.
pub(super) type Outcomes = Vec<Result<Done, Error>>;

impl Work {
    /// True for work that a power cut may take back, and that is not flushed therefore: batches of
    /// an import, which is flushed as a whole when it is published, and moves of rows, which are
    /// made again.
    pub(super) fn can_be_lost(&self) -> bool {
        match self {
            Work::Change(Change { writes, audit, .. }) => {
                let staged = |write: &Write| matches!(write, Write::StageDevices { .. });
                let beside = |write: &Write| matches!(write, Write::AliasFingerprint { .. });
                writes.iter().any(staged)
                    && writes.iter().all(|write| staged(write) || beside(write))
                    && audit.is_empty()
            }
            Work::Settle | Work::Abandon => true,
            Work::Try | Work::Expire { .. } | Work::Unlock(..) => false,
        }
    }

    /// The time of its first audit row.
    pub(super) fn time(&self) -> Option<UnixTime> {
        match self {
            Work::Change(change) => change.audit.first().map(|event| event.at),
            _ => None,
        }
    }
}
