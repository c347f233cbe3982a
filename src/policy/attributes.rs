//! Attributes of a context at a point in time. Absent ones are `None`.

use std::time::Duration;

use crate::policy::Presented;
use crate::session::{Amr, MfaKind, SessionContext};
use crate::time::{MAX_CLOCK_LEAD, UnixTime};

/// The attributes that conditions read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Attributes<'a> {
    /// Set if the presented context is out of time: all attributes are absent then.
    pub(crate) unusable: Option<Unusable>,
    pub(crate) present: Option<bool>,
    pub(crate) age: Option<Duration>,
    pub(crate) kind: Option<MfaKind>,
    pub(crate) amr: Option<&'a [Amr]>,
    pub(crate) user_verified: Option<bool>,
    pub(crate) serial: Option<&'a str>,
}

/// The reason why a context is out of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    Over,
    NotYet,
}

impl<'a> Attributes<'a> {
    pub(crate) fn of(presented: Presented<'a>, now: UnixTime) -> Attributes<'a> {
        let (common, attributes) = match presented {
            Presented::Absent => return Attributes::default(),
            Presented::WithoutMfa(context) => {
                (&context.common, Attributes { present: Some(false), ..Attributes::default() })
            }
            Presented::Mfa(context) => (&context.common, Attributes::with_mfa(context, now)),
        };
        match out_of_time(Some(common.issued_at), Some(common.expires_at), now) {
            Some(why) => Attributes { unusable: Some(why), ..Attributes::default() },
            None => attributes,
        }
    }

    fn with_mfa(context: &'a SessionContext, now: UnixTime) -> Attributes<'a> {
        Attributes {
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

/// Checks the validity period again: the validator may have read the context long ago.
pub(crate) fn out_of_time(
    issued_at: Option<UnixTime>,
    expires_at: Option<UnixTime>,
    now: UnixTime,
) -> Option<Unusable> {
    if expires_at.is_some_and(|end| end <= now) {
        Some(Unusable::Over)
    } else if issued_at.is_some_and(|begin| begin > now.plus(MAX_CLOCK_LEAD)) {
        Some(Unusable::NotYet)
    } else {
        None
    }
}
