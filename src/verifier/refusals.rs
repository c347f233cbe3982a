//! Refusals that were not judged: they change nothing, and are folded into one audit row a minute.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::device::RefusalKind;
use crate::id::{AccountId, CallerId, SerialNumber};
use crate::store::{Action, Change, Event};
use crate::time::UnixTime;
use crate::verifier::{Error, Verifier};

/// The refusals of the last minute, counted for each caller, target and reason.
#[derive(Default)]
pub(crate) struct Refusals {
    counted: Mutex<HashMap<Target, Counted>>,
}

/// The inputs that are counted together.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Target {
    pub(crate) caller: CallerId,
    pub(crate) account: Option<AccountId>,
    pub(crate) serial: Option<SerialNumber>,
    pub(crate) reason: RefusalKind,
}

struct Counted {
    last: UnixTime,
    count: u64,
}

impl Refusals {
    /// Counts one. A caller who names ever new targets is counted without them once there are too
    /// many.
    pub(crate) fn count(&self, at: UnixTime, mut target: Target) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.len() >= MOST_TARGETS && !counted.contains_key(&target) {
            target = Target { account: None, serial: None, ..target };
        }
        let entry = counted.entry(target).or_insert(Counted { last: at, count: 0 });
        entry.last = entry.last.max(at);
        entry.count = entry.count.saturating_add(1);
    }

    fn take(&self) -> Vec<Event> {
        let counted =
            std::mem::take(&mut *self.counted.lock().unwrap_or_else(PoisonError::into_inner));
        let event = |(target, counted): (Target, Counted)| Event {
            at: counted.last,
            action: Action::CodeNotJudged,
            account: target.account,
            serial: target.serial,
            caller: target.caller,
            reason: Some(target.reason.into()),
            count: counted.count,
        };
        counted.into_iter().map(event).collect()
    }
}

impl Verifier {
    /// Writes the refusals counted since the last call to the audit log. The agent calls it once a
    /// minute and when it ends.
    ///
    /// # Errors
    /// [`Error::Store`]: the counts of this call are lost.
    pub async fn write_refusals(&self) -> Result<(), Error> {
        let audit = self.core.refusals.take();
        if !audit.is_empty() {
            let _ = self.write(Change { account: None, writes: Vec::new(), audit }).await?;
        }
        Ok(())
    }
}

const MOST_TARGETS: usize = 4_096;
