//! The code that was used last, and the step it was of.

use crate::otp::{Algorithm, Code, Digits, Key, Seed};
use crate::secret::Secret;
use crate::time::UnixTime;

/// The code that was used last, and when.
pub(super) struct LastCode<'a> {
    code: &'a str,
    /// The time that the host's clock on the wall showed, as if it were UTC.
    shown: UnixTime,
}

impl<'a> LastCode<'a> {
    /// The code and its time stamp, such as `2026-03-01T12:00:00L`.
    pub(super) fn of(code: &'a str, stamp: Option<&str>) -> Option<LastCode<'a>> {
        let is_code = code.bytes().all(|byte| byte.is_ascii_digit());
        let shown = format!("{}Z", stamp?.strip_suffix('L')?).parse().ok()?;
        is_code.then_some(LastCode { code, shown })
    }
}

/// The zone of the host's clock, which its file does not tell: the codes do.
pub(super) struct Zone {
    now: UnixTime,
    /// Seconds ahead of UTC, once a code has told it.
    ahead: Option<i64>,
    /// Codes that may still be computed for this file.
    left: u32,
}

impl Zone {
    pub(super) fn new(now: UnixTime) -> Zone {
        Zone { now, ahead: None, left: MOST_CODES }
    }

    /// The highest step that the last code may have been of; `None` if no step near its time has
    /// that code.
    pub(super) fn step_of(
        &mut self,
        last: &LastCode<'_>,
        secret: &Secret,
        period: u64,
        digits: u64,
    ) -> Option<u64> {
        let code: Code = last.code.parse().ok()?;
        let digits = Digits::try_from(u8::try_from(digits).ok()?).ok()?;
        let seed = Seed::new(secret.expose().to_vec()).ok()?;
        let key = Key::new(&seed, Algorithm::Sha1, digits);
        let period = Some(period).filter(|period| (10..=300).contains(period))?;
        let mut step_in = |ahead: i64| {
            let at = last.shown.0.checked_add_signed(ahead.checked_neg()?)?;
            let (step, latest) = (at / period, (self.now.0 / period).saturating_add(AROUND));
            let steps = step.saturating_sub(AROUND)..=step.saturating_add(AROUND).min(latest);
            self.left = self.left.checked_sub(u32::try_from(2 * AROUND + 1).ok()?)?;
            steps.rev().find(|step| key.code(*step) == code)
        };
        if let Some(step) = self.ahead.and_then(&mut step_in) {
            return Some(step);
        }
        let quarters = (-56..=56).map(|quarters: i64| quarters * 900);
        let (step, ahead) = quarters.filter_map(|ahead| Some((step_in(ahead)?, ahead))).max()?;
        self.ahead = Some(ahead);
        Some(step)
    }
}

/// Steps beside that of the time stamp, on either side: the widest window in use.
const AROUND: u64 = 10;

/// Codes that are computed for one file, so that no file takes long. Tokens beyond have no last
/// step, which is the safe end.
const MOST_CODES: u32 = 2_000_000;
