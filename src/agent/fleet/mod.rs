//! The fleet of tokens: the watch over it, and surveys.

mod background;
mod troubled;

#[cfg(feature = "console")]
pub(super) use background::troubled;
pub(super) use background::{finish, run, survey, survey_all};

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::fleet::{Survey, Suspicion, Watch};
use crate::id::SerialNumber;

/// The fleet of tokens, as the agent knows it.
#[derive(Debug, Default)]
pub(crate) struct Fleet {
    watch: Mutex<Watch>,
    latest: Mutex<Option<Arc<Survey>>>,
    /// The last survey that a request asked for.
    asked: Mutex<Option<Asked>>,
    /// Held by the one survey that is made.
    surveying: tokio::sync::Mutex<()>,
}

/// A look at all tokens.
#[derive(Clone, Debug)]
struct Look {
    survey: Arc<Survey>,
    /// Tokens whose owners may need help now.
    #[cfg_attr(not(feature = "console"), expect(dead_code, reason = "only pages list them"))]
    troubled: Arc<[SerialNumber]>,
}

/// A look that is kept for the next request.
#[derive(Debug)]
struct Asked {
    look: Look,
    /// Time that it looked ahead.
    within: Duration,
    /// Time that it took.
    took: Duration,
    made: Instant,
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

    /// The look that an equal request took, while it is recent for the time that it needed.
    fn recent(&self, within: Duration) -> Option<Look> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = asked.as_ref().filter(|asked| asked.within == within && asked.is_recent())?;
        Some(asked.look.clone())
    }

    fn keep(&self, asked: Asked) {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(asked);
    }
}

impl Asked {
    /// Surveys take at most a tenth of the time, however often they are asked for; those of small
    /// fleets are made anew.
    fn is_recent(&self) -> bool {
        self.made.elapsed() < (self.took * 10).min(OLDEST)
    }
}

/// Age at which a survey is made anew at the next request.
const OLDEST: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::Surveyor;
    use crate::time::UnixTime;

    #[tokio::test(start_paused = true)]
    async fn a_survey_is_kept_for_ten_times_what_it_took() {
        let (fleet, month) = (Fleet::default(), Duration::from_secs(30 * 86_400));
        assert!(fleet.recent(month).is_none());
        for (took, kept) in [(0, 0), (2, 20), (50, 60)] {
            let survey = Arc::new(Surveyor::new(UnixTime(1), month).finish());
            let took = Duration::from_secs(took);
            let look = Look { survey, troubled: Arc::default() };
            fleet.keep(Asked { look, within: month, took, made: Instant::now() });
            assert!(fleet.recent(month * 2).is_none(), "another question");
            tokio::time::advance(Duration::from_secs(kept).saturating_sub(A_MOMENT)).await;
            assert_eq!(fleet.recent(month).is_some(), kept > 0);
            tokio::time::advance(A_MOMENT).await;
            assert!(fleet.recent(month).is_none(), "after {kept} s");
        }
    }

    const A_MOMENT: Duration = Duration::from_millis(10);
}
