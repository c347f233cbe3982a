//! Sessions that stand in for a new proof for some minutes: for the same person, in the same
//! service, at the same terminal, under the same session leader. They are kept in memory alone.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Leader;
use crate::agent::config::Service;
use crate::id::AccountId;
use crate::session::{SessionContext, SignedContext};
use crate::time::Reading;

/// Who asks, and where they sit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) account: AccountId,
    pub(crate) uid: u32,
    pub(crate) service: Service,
    pub(crate) tty: String,
    pub(crate) leader: Leader,
}

/// What was proved where.
pub(crate) struct Fresh {
    /// For how long, by service. The others have no such time.
    reuse: BTreeMap<Service, Duration>,
    kept: Mutex<HashMap<Place, Kept>>,
}

#[derive(Clone)]
struct Kept {
    signed: SignedContext,
    /// Since boot, when its proof was made. No clock that is set back makes it younger.
    proved: Duration,
}

impl Fresh {
    pub(crate) fn new(reuse: BTreeMap<Service, Duration>) -> Fresh {
        Fresh { reuse, kept: Mutex::default() }
    }

    /// Keeps a session that is alive. Where it cannot be used again, nothing is kept.
    pub(crate) fn keep(
        &self,
        place: Place,
        signed: SignedContext,
        context: &SessionContext,
        now: Reading,
    ) {
        let Some(reuse) = self.reuse.get(&place.service) else { return };
        let age = context.mfa_age(now.wall);
        if age >= *reuse || *context.account() != place.account {
            return;
        }
        let mut kept = self.kept();
        kept.retain(|place, kept| {
            self.reuse
                .get(&place.service)
                .is_some_and(|reuse| now.boot.saturating_sub(kept.proved) < *reuse)
        });
        if kept.len() >= MOST_KEPT
            && let Some(oldest) =
                kept.iter().min_by_key(|(_, kept)| kept.proved).map(|(place, _)| place.clone())
        {
            kept.remove(&oldest);
        }
        kept.insert(place, Kept { signed, proved: now.boot.saturating_sub(age) });
    }

    /// What was kept for this place, as long as its time is not over. Whether it is alive the store
    /// knows.
    pub(crate) fn find(&self, place: &Place, now: Reading) -> Option<SignedContext> {
        let reuse = self.reuse.get(&place.service)?;
        let mut all = self.kept();
        let kept = all.get(place)?;
        if now.boot.saturating_sub(kept.proved) < *reuse {
            return Some(kept.signed.clone());
        }
        all.remove(place);
        None
    }

    /// Whether its proof is young enough by the clock on the wall, too.
    pub(crate) fn still(&self, place: &Place, context: &SessionContext, now: Reading) -> bool {
        let young = self
            .reuse
            .get(&place.service)
            .is_some_and(|reuse| context.mfa_age(now.wall) < *reuse);
        young && *context.account() == place.account && context.mfa_time() <= now.wall
    }

    pub(crate) fn forget(&self, place: &Place) {
        self.kept().remove(place);
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<Place, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// More terminals than a machine has people at.
const MOST_KEPT: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Amr, Common, MfaKind};
    use crate::time::UnixTime;

    const START: u64 = 1_800_000_000;

    fn at(wall: u64, boot: u64) -> Reading {
        Reading { wall: UnixTime(START + wall), boot: Duration::from_secs(1_000 + boot) }
    }

    fn proved_at_the_start() -> SessionContext {
        let common = Common {
            account: "alice".parse().unwrap(),
            session_id: "a".to_owned(),
            issuer: "twostep".to_owned(),
            audience: "twostep".to_owned(),
            issued_at: UnixTime(START),
            expires_at: UnixTime(START + 3_600),
            generation: 1,
        };
        let (serial, amr) = ("GAHT00000001".parse().unwrap(), vec![Amr::Otp]);
        SessionContext {
            common,
            mfa_time: UnixTime(START),
            serial,
            kind: MfaKind::Totp,
            amr,
            user_verified: false,
        }
    }

    fn place(service: &str, pid: u32) -> Place {
        let leader = Leader { pid, started: 7, boot_id: String::new() };
        Place {
            account: "alice".parse().unwrap(),
            uid: 1_000,
            service: service.parse().unwrap(),
            tty: "pts/1".to_owned(),
            leader,
        }
    }

    fn fresh() -> Fresh {
        Fresh::new([("sudo".parse().unwrap(), Duration::from_secs(300))].into())
    }

    #[test]
    fn it_is_over_when_either_clock_says_so() {
        let (fresh, context) = (fresh(), proved_at_the_start());
        // The proof was made a minute before it was kept.
        fresh.keep(place("sudo", 1), SignedContext::new("x"), &context, at(60, 60));
        for now in [at(299, 299), at(0, 299), at(299, 0)] {
            assert!(
                fresh.find(&place("sudo", 1), now).is_some()
                    && fresh.still(&place("sudo", 1), &context, now),
                "{now:?}"
            );
        }
        assert!(!fresh.still(&place("sudo", 1), &context, at(300, 299)));
        assert!(fresh.find(&place("sudo", 1), at(0, 300)).is_none());
        assert!(fresh.find(&place("sudo", 1), at(0, 0)).is_none(), "what is over is forgotten");
    }

    #[test]
    fn what_is_too_old_or_of_another_service_or_account_is_not_kept() {
        let (fresh, context) = (fresh(), proved_at_the_start());
        fresh.keep(place("sudo", 1), SignedContext::new("x"), &context, at(300, 300));
        fresh.keep(place("login", 1), SignedContext::new("x"), &context, at(0, 0));
        fresh.keep(
            Place { account: "bob".parse().unwrap(), ..place("sudo", 1) },
            SignedContext::new("x"),
            &context,
            at(0, 0),
        );
        assert!(fresh.kept().is_empty());
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_goes() {
        let (fresh, context) = (fresh(), proved_at_the_start());
        for pid in 0..1_030 {
            fresh.keep(
                place("sudo", pid),
                SignedContext::new("x"),
                &context,
                at(0, u64::from(pid) / 10),
            );
        }
        assert_eq!(fresh.kept().len(), MOST_KEPT);
        assert!(fresh.find(&place("sudo", 1_029), at(0, 103)).is_some());
    }
}
