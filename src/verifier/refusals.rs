//! Refusals that change nothing, folded into one audit row a minute: inputs that were not judged,
//! and replays after the first.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::device::RefusalKind;
use crate::id::{AccountId, CallerId, SerialNumber};
use crate::store;
use crate::store::{Action, Change, Commit, Event, EventReason, Write};
use crate::time::UnixTime;
use crate::verifier::{Error, Verifier};

/// The refusals that are not in the audit log yet, counted for each caller, target and reason.
#[derive(Default)]
pub(crate) struct Refusals {
    counted: Mutex<HashMap<Target, Counted>>,
    /// The replays of which the first was written, and when.
    written: Mutex<HashMap<Target, UnixTime>>,
    /// Counts that were given to the store, until it says that it has them or has not.
    given: tokio::sync::Mutex<Batch>,
}

type Batch = Vec<(Target, Counted)>;

/// The inputs that are counted together.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Target {
    pub(crate) action: Action,
    pub(crate) caller: CallerId,
    pub(crate) account: Option<AccountId>,
    pub(crate) serial: Option<SerialNumber>,
    pub(crate) reason: RefusalKind,
}

#[derive(Clone, Copy)]
struct Counted {
    last: UnixTime,
    count: u64,
}

impl Target {
    /// The target of a judged refusal that changes nothing: a replay, or a wrong recovery or bypass
    /// code.
    pub(crate) fn of_replay(writes: &[Write], audit: &[Event]) -> Option<Target> {
        let [event] = audit else { return None };
        let Some(EventReason::Refused(reason)) = event.reason else { return None };
        let asserts = |write: &Write| {
            matches!(write, Write::ExpectAccount { .. } | Write::ExpectDevice { .. })
        };
        let uncounted = event.action == Action::CodeRefused && writes.iter().all(asserts);
        if !uncounted && reason != RefusalKind::Replayed {
            return None;
        }
        let Event { action, account, serial, caller, .. } = event.clone();
        Some(Target { action, caller, account, serial, reason })
    }

    /// A caller who names ever new targets is counted without them once there are too many.
    fn among<T>(self, known: &HashMap<Target, T>) -> Target {
        if known.len() >= MOST_TARGETS && !known.contains_key(&self) {
            return Target { account: None, serial: None, ..self };
        }
        self
    }

    fn event(&self, counted: Counted) -> Event {
        Event {
            at: counted.last,
            action: self.action.clone(),
            account: self.account.clone(),
            serial: self.serial.clone(),
            caller: self.caller.clone(),
            reason: Some(self.reason.into()),
            count: counted.count,
        }
    }
}

impl Refusals {
    /// Counts one.
    pub(crate) fn count(&self, at: UnixTime, target: Target) {
        self.add(target, Counted { last: at, count: 1 });
    }

    fn add(&self, target: Target, more: Counted) {
        let mut counted = locked(&self.counted);
        let target = target.among(&counted);
        let entry = counted.entry(target).or_insert(Counted { last: more.last, count: 0 });
        entry.last = entry.last.max(more.last);
        entry.count = entry.count.saturating_add(more.count);
    }

    /// True if a like replay was written within this minute, so that another one is counted.
    pub(crate) fn folds(&self, at: UnixTime, target: &Target) -> bool {
        let written = locked(&self.written);
        let target = target.clone().among(&written);
        written.get(&target).is_some_and(|first| first.0.abs_diff(at.0) < MINUTE)
    }

    /// Notes that the first replay of a minute is in the audit log.
    pub(crate) fn wrote(&self, at: UnixTime, target: Target) {
        let mut written = locked(&self.written);
        if written.len() >= MOST_TARGETS {
            written.retain(|_, first| first.0.abs_diff(at.0) < MINUTE);
        }
        let target = target.among(&written);
        written.insert(target, at);
    }

    fn take(&self) -> Batch {
        std::mem::take(&mut *locked(&self.counted)).into_iter().collect()
    }

    fn put_back(&self, batch: Batch) {
        for (target, counted) in batch {
            self.add(target, counted);
        }
    }
}

impl Verifier {
    /// Writes the refusals counted since the last call to the audit log. The agent calls it once a
    /// minute and when it ends.
    ///
    /// Counts that the store did not keep stay, for the next call. If the store did not say, or the
    /// call was dropped, the next call looks for them in the log.
    ///
    /// # Errors
    /// [`Error::Store`], or [`Error::Key`] if the store's keys are missing.
    pub async fn write_refusals(&self) -> Result<(), Error> {
        let refusals = &self.core.refusals;
        let mut given = refusals.given.lock().await;
        if !given.is_empty() {
            let kept = self.has_kept(&given).await?;
            let batch = std::mem::take(&mut *given);
            if !kept {
                refusals.put_back(batch);
            }
        }
        *given = refusals.take();
        if given.is_empty() {
            return Ok(());
        }
        let audit = given.iter().map(|(target, counted)| target.event(*counted)).collect();
        let written = self.write(Change { account: None, writes: Vec::new(), audit }).await;
        match written {
            Ok(Commit::Committed(_)) => given.clear(),
            Err(Error::Store(store::Error::Unknown(_))) => {}
            Ok(Commit::Conflict(_)) | Err(_) => refusals.put_back(std::mem::take(&mut *given)),
        }
        written.map(drop)
    }

    /// True if the audit log has the rows of a batch, which came or went together.
    async fn has_kept(&self, batch: &Batch) -> Result<bool, Error> {
        // The store makes changes in the order in which they were given to it: once it has made
        // this one, that of the batch is decided.
        let nothing = Change { account: None, writes: Vec::new(), audit: Vec::new() };
        let _ = self.write(nothing).await?;
        let first = batch.first().map(|(target, counted)| target.event(*counted));
        let rows = self.core.store.newest_audit(LOOK_BACK).await?;
        Ok(rows.iter().any(|row| Some(&row.event) == first.as_ref()))
    }
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

const MOST_TARGETS: usize = 4_096;

/// The seconds in which like replays are one row.
const MINUTE: u64 = 60;

/// More rows than are written between a batch and the next call.
const LOOK_BACK: u32 = 20_000;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

    use super::*;

    fn replay(name: &str) -> Target {
        Target {
            action: Action::CodeRefused,
            caller: CallerId::new("uid:0"),
            account: Some(name.parse().unwrap()),
            serial: None,
            reason: RefusalKind::Replayed,
        }
    }

    /// A flood of targets hides those of its own minute, and no later ones.
    #[test]
    fn targets_are_told_apart_again_a_minute_after_a_flood() {
        let (refusals, flood) = (Refusals::default(), UnixTime(1_800_000_000));
        for number in 0..MOST_TARGETS {
            refusals.wrote(flood, replay(&format!("flood{number}")));
        }
        refusals.wrote(flood, replay("alice"));
        assert!(refusals.folds(flood, &replay("bob")), "one row for all that are too many");
        let later = UnixTime(flood.0 + MINUTE);
        refusals.wrote(later, replay("alice"));
        assert!(refusals.folds(later, &replay("alice")));
        assert!(!refusals.folds(later, &replay("bob")));
    }
}
