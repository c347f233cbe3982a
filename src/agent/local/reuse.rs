//! Reuse of a session in place of a new proof, for some minutes, by the same person in the same
//! service at the same terminal under the same session leader. Sessions are kept in memory only.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::agent::config::Service;
use crate::agent::local::leader::Leader;
use crate::id::AccountId;
use crate::session::{SessionContext, SignedContext};
use crate::time::Reading;

/// The scope of reuse: person, service, terminal and session leader.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ReuseScope {
    pub(crate) account: AccountId,
    pub(crate) uid: u32,
    pub(crate) service: Service,
    pub(crate) tty: String,
    pub(crate) leader: Leader,
}

/// The sessions that can be reused.
pub(crate) struct ReusableSessions {
    /// The time of reuse by service; other services have none.
    reuse: BTreeMap<Service, Duration>,
    kept: Mutex<HashMap<ReuseScope, Kept>>,
}

#[derive(Clone)]
struct Kept {
    signed: SignedContext,
    /// The time of its proof, since boot: setting the clock back does not make it younger.
    proved: Duration,
}

impl ReusableSessions {
    pub(crate) fn new(reuse: BTreeMap<Service, Duration>) -> ReusableSessions {
        ReusableSessions { reuse, kept: Mutex::default() }
    }

    /// Keeps a live session, if its service allows reuse.
    pub(crate) fn keep(
        &self,
        scope: ReuseScope,
        signed: SignedContext,
        context: &SessionContext,
        now: Reading,
    ) {
        let Some(reuse) = self.reuse.get(&scope.service) else { return };
        let age = context.mfa_age(now.wall);
        if age >= *reuse || *context.account() != scope.account {
            return;
        }
        let mut kept = self.kept();
        kept.retain(|scope, kept| {
            self.reuse
                .get(&scope.service)
                .is_some_and(|reuse| now.boot.saturating_sub(kept.proved) < *reuse)
        });
        if kept.len() >= MOST_KEPT
            && let Some(oldest) =
                kept.iter().min_by_key(|(_, kept)| kept.proved).map(|(scope, _)| scope.clone())
        {
            kept.remove(&oldest);
        }
        kept.insert(scope, Kept { signed, proved: now.boot.saturating_sub(age) });
    }

    /// The session of this scope whose time is not over. The store must say if it is alive.
    pub(crate) fn find(&self, scope: &ReuseScope, now: Reading) -> Option<SignedContext> {
        let reuse = self.reuse.get(&scope.service)?;
        let mut all = self.kept();
        let kept = all.get(scope)?;
        if now.boot.saturating_sub(kept.proved) < *reuse {
            return Some(kept.signed.clone());
        }
        all.remove(scope);
        None
    }

    /// `true` if the proof is young enough by the wall clock, too.
    pub(crate) fn still(&self, scope: &ReuseScope, context: &SessionContext, now: Reading) -> bool {
        let young = self
            .reuse
            .get(&scope.service)
            .is_some_and(|reuse| context.mfa_age(now.wall) < *reuse);
        young && *context.account() == scope.account && context.mfa_time() <= now.wall
    }

    pub(crate) fn forget(&self, scope: &ReuseScope) {
        self.kept().remove(scope);
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<ReuseScope, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The number of sessions kept: more than a machine has terminals in use.
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
            device_generation: 0,
        }
    }

    fn place(service: &str, pid: u32) -> ReuseScope {
        let leader = Leader { pid, started: 7, boot_id: String::new() };
        ReuseScope {
            account: "alice".parse().unwrap(),
            uid: 1_000,
            service: service.parse().unwrap(),
            tty: "pts/1".to_owned(),
            leader,
        }
    }

    fn fresh() -> ReusableSessions {
        ReusableSessions::new([("sudo".parse().unwrap(), Duration::from_secs(300))].into())
    }

    #[test]
    fn reuse_ends_when_either_clock_says_so() {
        let (fresh, context) = (fresh(), proved_at_the_start());
        // The proof is one minute old when the session is kept.
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
        assert!(
            fresh.find(&place("sudo", 1), at(0, 0)).is_none(),
            "an expired session is forgotten"
        );
    }

    #[test]
    fn old_and_foreign_sessions_are_not_kept() {
        let (fresh, context) = (fresh(), proved_at_the_start());
        fresh.keep(place("sudo", 1), SignedContext::new("x"), &context, at(300, 300));
        fresh.keep(place("login", 1), SignedContext::new("x"), &context, at(0, 0));
        fresh.keep(
            ReuseScope { account: "bob".parse().unwrap(), ..place("sudo", 1) },
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
