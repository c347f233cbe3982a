//! The fleet of tokens: the watch over it, and surveys.

mod background;

pub(super) use background::{finish, run, survey};

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::fleet::{Survey, Suspicion, Watch};

/// The fleet of tokens, as the agent knows it.
#[derive(Debug, Default)]
pub(crate) struct Fleet {
    watch: Mutex<Watch>,
    latest: Mutex<Option<Arc<Survey>>>,
    /// Held by the one survey that is made.
    surveying: tokio::sync::Mutex<()>,
}

impl Fleet {
    /// The alarm that is not over.
    pub(crate) fn suspicion(&self) -> Option<Suspicion> {
        self.watch().suspicion()
    }

    /// The last survey of all tokens.
    pub(crate) fn latest(&self) -> Option<Arc<Survey>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The watch, held for the time of a few readings.
    fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn surveyed(&self, survey: Survey) {
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(survey));
    }
}
