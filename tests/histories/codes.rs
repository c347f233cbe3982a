//! Rules of codes: each step counts once, and for as long as the store lives.

use std::collections::BTreeMap;

use twostep::otp::LOOK_AHEAD;

use super::event::{Event, Moment, Reason, Said, What};

/// No step is acknowledged twice.
pub(crate) fn accepted_twice(events: &[Event]) -> Option<String> {
    let mut taken: BTreeMap<u64, &Event> = BTreeMap::new();
    for event in events.iter().filter(|event| event.is_done()) {
        let Some((first, last)) = event.steps() else { continue };
        for step in first..=last {
            if let Some(before) = taken.insert(step, event) {
                return Some(format!("step {step} was accepted twice: {before:?} and {event:?}"));
            }
        }
    }
    None
}

/// No step is acknowledged that is not above all that were acknowledged before it was asked.
pub(crate) fn accepted_below_an_accepted_one(events: &[Event]) -> Option<String> {
    let highest = Highest::of(events, Event::is_done, |event| event.answered);
    events.iter().filter(|event| event.is_done()).find_map(|event| {
        let (first, _) = event.steps()?;
        let before = highest.before(event.asked)?;
        (first <= before)
            .then(|| format!("after step {before} was accepted, an earlier one was: {event:?}"))
    })
}

/// A code is called used only if it, or a later one, can have been used by then.
pub(crate) fn unused_and_called_used(events: &[Event]) -> Option<String> {
    let highest = Highest::of(events, Event::may_be_done, |event| event.asked);
    events
        .iter()
        .filter(|event| event.said == Said::No(Reason::Used))
        .find_map(|event| {
            let (first, _) = event.steps()?;
            let by_then = highest.before(event.answered);
            by_then
                .is_none_or(|used| used < first)
                .then(|| format!("no step above {by_then:?} can have been used: {event:?}"))
        })
}

/// A right code in the look-ahead window is never called wrong while it is unused.
pub(crate) fn right_and_called_wrong(events: &[Event]) -> Option<String> {
    let accepted = Highest::of(events, Event::is_done, |event| event.answered);
    let possible = Highest::of(events, Event::may_be_done, |event| event.asked);
    events
        .iter()
        .filter(|event| event.said == Said::No(Reason::Wrong))
        .find_map(|event| {
            let What::Code(step) = event.what else { return None };
            let (low, high) = (accepted.before(event.asked)?, possible.before(event.answered)?);
            (step > high && step <= low.saturating_add(LOOK_AHEAD)).then(|| {
                format!("step {step} was unused and near, between {low} and {high}: {event:?}")
            })
        })
}

/// Three wrong codes within thirty seconds, and no fourth is judged. Only a seed whose codes are
/// all wrong obeys this: a right one begins the count anew.
pub(crate) fn a_fourth_guess(events: &[Event]) -> Option<String> {
    let mut judged: Vec<&Event> = events
        .iter()
        .filter(|event| event.what == What::Guess && event.said == Said::No(Reason::Wrong))
        .collect();
    judged.sort_by_key(|event| event.asked);
    judged.iter().enumerate().find_map(|(at, first)| {
        let close = judged[at..]
            .iter()
            .take_while(|event| event.asked < first.asked + QUIET)
            .filter(|event| event.answered < first.asked + QUIET)
            .count();
        (close > 3).then(|| format!("{close} wrong codes were judged after {first:?}"))
    })
}

/// The audit log has a row for each acknowledged code, and none for a code that was not asked.
pub(crate) fn not_in_the_log(events: &[Event], rows: usize) -> Option<String> {
    let count = |counts: fn(&Event) -> bool| {
        events.iter().filter(|event| event.steps().is_some() && counts(event)).count()
    };
    let (least, most) = (count(Event::is_done), count(Event::may_be_done));
    (!(least..=most).contains(&rows))
        .then(|| format!("{least} to {most} codes were accepted, and the audit log has {rows}"))
}

/// The highest step among the events before a moment.
struct Highest(Vec<(Moment, u64)>);

impl Highest {
    fn of(
        events: &[Event],
        counts: impl Fn(&Event) -> bool,
        moment: impl Fn(&Event) -> Moment,
    ) -> Highest {
        let mut steps: Vec<(Moment, u64)> = events
            .iter()
            .filter(|event| counts(event))
            .filter_map(|event| Some((moment(event), event.steps()?.1)))
            .collect();
        steps.sort_unstable();
        let mut highest = 0;
        for (_, step) in &mut steps {
            highest = highest.max(*step);
            *step = highest;
        }
        Highest(steps)
    }

    fn before(&self, moment: Moment) -> Option<u64> {
        let count = self.0.partition_point(|(at, _)| *at < moment);
        Some(self.0[count.checked_sub(1)?].1)
    }
}

/// The wait after three wrong codes, less two seconds: clocks of agents are read in whole seconds.
const QUIET: Moment = 28_000_000;
