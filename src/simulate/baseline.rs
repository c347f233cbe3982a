//! Two rules to compare with: drift in whole steps, as it was before the clock model, and a fixed
//! window. Steps stand for their codes; throttle and lock are the enforcement code's.

use std::time::Duration;

use crate::device::Throttle;
use crate::otp::{TimeStep, Totp, Window};
use crate::simulate::judge::{Answer, Expected, Judge, Judgement, Presented};
use crate::time::UnixTime;

/// A device under a baseline rule.
pub(super) struct Baseline {
    totp: Totp,
    learning: Learning,
    watermark: Option<u64>,
    throttle: Throttle,
}

/// State of a baseline rule.
pub(super) enum Learning {
    /// The last offset is the next one, in steps; moved by one step at most once an hour.
    Steps { drift: i64, moved_at: Option<UnixTime> },
    /// No learning: this many steps either way.
    None { reach: i64 },
}

impl Baseline {
    pub(super) fn new(totp: Totp, learning: Learning) -> Baseline {
        Baseline { totp, learning, watermark: None, throttle: Throttle::default() }
    }

    /// Distance of a step from the server's, in steps.
    fn offset(&self, step: u64, now: UnixTime) -> i64 {
        let here = self.totp.step_at(now).map_or(0, |TimeStep(step)| step);
        i64::try_from(i128::from(step) - i128::from(here)).unwrap_or(i64::MAX)
    }

    fn consume(&mut self, step: u64, offset: i64, was_set: bool, now: UnixTime) {
        self.watermark = self.watermark.max(Some(step));
        self.throttle = Throttle::default();
        if let Learning::Steps { drift, moved_at } = &mut self.learning {
            let rested = moved_at.is_none_or(|moved| now.since(moved) >= REST);
            let within_reach = offset.abs() <= REACH || offset.abs() < drift.abs();
            if *drift != offset && (was_set || (rested && within_reach)) {
                (*drift, *moved_at) = (offset, Some(now));
            }
        }
    }
}

impl Learning {
    /// True if a code that far from the server's step is looked for.
    fn reaches(&self, offset: i64) -> bool {
        match self {
            Learning::Steps { drift, .. } => {
                offset.abs_diff(*drift) <= 1 || (*drift < 0 && offset.abs() <= 1)
            }
            Learning::None { reach } => offset.abs() <= *reach,
        }
    }

    /// Number of steps around the expected one.
    fn around(&self) -> u64 {
        match self {
            Learning::Steps { .. } => 3,
            Learning::None { reach } => reach.unsigned_abs() * 2 + 1,
        }
    }

    /// Number of steps that are looked at.
    fn candidates(&self) -> u64 {
        match self {
            Learning::Steps { drift, .. } if *drift < 0 => {
                self.around() + drift.unsigned_abs().min(3)
            }
            Learning::Steps { .. } | Learning::None { .. } => self.around(),
        }
    }
}

impl Judge for Baseline {
    fn code(&mut self, presented: Presented, now: UnixTime) -> Judgement {
        let candidates = self.learning.candidates();
        let waits = self.throttle.until().filter(|until| *until > now);
        if self.is_locked() || waits.is_some() {
            let until = waits.filter(|_| !self.is_locked());
            return Judgement { answer: Answer::Unjudged(until), candidates: 0, around: 0 };
        }
        let accepted = match presented {
            Presented::Step(step) => {
                let offset = self.offset(step, now);
                let fresh = self.watermark.is_none_or(|consumed| step > consumed);
                let accepted = fresh && self.learning.reaches(offset);
                if accepted {
                    let was_set = matches!(self.learning, Learning::Steps { drift, .. }
                        if offset.abs_diff(drift) > 1);
                    self.consume(step, offset, was_set, now);
                }
                accepted
            }
            // Any number serves as the right one.
            Presented::Guess(guess) => u64::from(guess) < candidates,
        };
        if !accepted {
            self.throttle = self.throttle.after_failure(now);
        }
        let answer = if accepted { Answer::Accepted } else { Answer::Missed };
        Judgement { answer, candidates, around: self.learning.around() }
    }

    fn pair(&mut self, second: u64, window: Window, now: UnixTime) -> bool {
        let offset = self.offset(second, now);
        let fresh = self.watermark.is_none_or(|consumed| second.saturating_sub(1) > consumed);
        let accepted = fresh && offset.unsigned_abs() <= window.steps();
        if accepted {
            self.consume(second, offset, true, now);
        }
        accepted
    }

    fn expected(&self, _now: UnixTime) -> Expected {
        let steps = match self.learning {
            Learning::Steps { drift, .. } => i32::try_from(drift).unwrap_or(0),
            Learning::None { .. } => 0,
        };
        let offset = f64::from(steps) * f64::from(self.totp.step_size.seconds());
        Expected { offset, doubt: None }
    }

    fn works_for(&self, _now: UnixTime) -> Option<f64> {
        None
    }

    fn is_locked(&self) -> bool {
        self.throttle.locks()
    }
}

/// Least time between two moves of the drift.
const REST: Duration = Duration::from_secs(3_600);

/// Greatest drift that single codes may lead to, in steps.
const REACH: i64 = 20;
