//! What is known of a context at a point in time. Whatever it does not say is `None`.

use std::time::Duration;

use crate::policy::Presented;
use crate::session::{Amr, MfaKind, SessionContext};
use crate::time::UnixTime;

/// The attributes that conditions are about.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Facts<'a> {
    /// Why a context that was presented does not count.
    pub(crate) unusable: Option<Unusable>,
    pub(crate) present: Option<bool>,
    pub(crate) age: Option<Duration>,
    pub(crate) kind: Option<MfaKind>,
    pub(crate) amr: Option<&'a [Amr]>,
    pub(crate) user_verified: Option<bool>,
    pub(crate) serial: Option<&'a str>,
}

/// Why the time rules a context out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    Over,
    NotYet,
}

impl<'a> Facts<'a> {
    pub(crate) fn of(presented: Presented<'a>, now: UnixTime) -> Facts<'a> {
        let (common, facts) = match presented {
            Presented::Absent => return Facts::default(),
            Presented::WithoutMfa(context) => {
                (&context.common, Facts { present: Some(false), ..Facts::default() })
            }
            Presented::Mfa(context) => (&context.common, Facts::with_mfa(context, now)),
        };
        match out_of_time(Some(common.issued_at), Some(common.expires_at), now) {
            Some(why) => Facts { unusable: Some(why), ..Facts::default() },
            None => facts,
        }
    }

    fn with_mfa(context: &'a SessionContext, now: UnixTime) -> Facts<'a> {
        Facts {
            unusable: None,
            present: Some(true),
            age: Some(context.mfa_age(now)),
            kind: Some(context.kind),
            amr: Some(&context.amr),
            user_verified: Some(context.user_verified),
            serial: Some(context.serial.as_str()),
        }
    }
}

/// The validator has judged this before, but perhaps long ago.
pub(crate) fn out_of_time(
    issued_at: Option<UnixTime>,
    expires_at: Option<UnixTime>,
    now: UnixTime,
) -> Option<Unusable> {
    if expires_at.is_some_and(|end| end <= now) {
        Some(Unusable::Over)
    } else if issued_at.is_some_and(|begin| begin > now.plus(AHEAD)) {
        Some(Unusable::NotYet)
    } else {
        None
    }
}

/// How far the issuer's clock may be ahead, as for the validator.
const AHEAD: Duration = Duration::from_secs(5);
