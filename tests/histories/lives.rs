//! Rules of contexts and devices: an end that was acknowledged holds.

use super::event::{Event, Moment, Reason, Said, What};

/// A context that was opened before an acknowledged revocation is dead after it.
pub(crate) fn alive_after_its_revocation(events: &[Event]) -> Option<String> {
    let mut ends: Vec<(Moment, Moment)> = events
        .iter()
        .filter(|event| ends_contexts(event) && event.is_done())
        .map(|event| (event.asked, event.answered))
        .collect();
    ends.sort_unstable();
    // The earliest answer to any of those that were asked for at this moment or later.
    let mut earliest = Moment::MAX;
    for (_, answered) in ends.iter_mut().rev() {
        earliest = earliest.min(*answered);
        *answered = earliest;
    }
    events.iter().filter(|event| event.said == Said::Yes).find_map(|event| {
        let What::Look { opened, .. } = event.what else { return None };
        let (_, ended) = ends.get(ends.partition_point(|(asked, _)| *asked <= opened))?;
        (*ended < event.asked)
            .then(|| format!("it was revoked by {ended}, and lives on: {event:?}"))
    })
}

/// A context is dead only if something can have ended it.
pub(crate) fn dead_without_a_revocation(events: &[Event]) -> Option<String> {
    let mut ends: Vec<(Moment, Moment)> = events
        .iter()
        .filter(|event| ends_contexts(event) && event.may_be_done())
        .map(|event| (event.asked, event.end()))
        .collect();
    ends.sort_unstable();
    // The latest end of any of those that were asked for up to this one.
    let mut latest = 0;
    for (_, end) in &mut ends {
        latest = latest.max(*end);
        *end = latest;
    }
    events
        .iter()
        .filter(|event| matches!(event.said, Said::No(_)))
        .find_map(|event| {
            let What::Look { asked, .. } = event.what else { return None };
            let before = ends.partition_point(|(revoked, _)| *revoked < event.answered);
            let possible = before.checked_sub(1).is_some_and(|last| ends[last].1 > asked);
            (!possible).then(|| format!("nothing can have revoked it: {event:?}"))
        })
}

/// A device that was deactivated or removed accepts nothing until it may be active again.
pub(crate) fn used_while_it_was_off(events: &[Event]) -> Option<String> {
    let (off, on) = (switches(events, Switch::Off), switches(events, Switch::On));
    events.iter().filter(|event| event.is_done()).find_map(|event| {
        let (What::Code(_) | What::Pair(_)) = event.what else { return None };
        let off = last_before(&off, event)?;
        (!between(&on, off, event)).then(|| format!("{off:?} was done, and then {event:?}"))
    })
}

/// A device that is active is called inactive only if it may have been switched off.
pub(crate) fn refused_while_it_was_on(events: &[Event]) -> Option<String> {
    let (off, on) = (switches(events, Switch::Off), switches(events, Switch::On));
    events
        .iter()
        .filter(|event| event.said == Said::No(Reason::NotActive))
        .find_map(|event| {
            let (What::Code(_) | What::Pair(_)) = event.what else { return None };
            let on = last_before(&on, event)?;
            (!between(&off, on, event)).then(|| format!("{on:?} was done, and then {event:?}"))
        })
}

fn ends_contexts(event: &Event) -> bool {
    matches!(event.what, What::Revoke | What::Deactivate | What::Remove)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Switch {
    On,
    Off,
}

/// The requests that switch a device on or off, and may have done so. They are few.
fn switches(events: &[Event], which: Switch) -> Vec<Event> {
    let switch = |event: &Event| match event.what {
        What::Activate(_) => Some(Switch::On),
        What::Deactivate | What::Remove => Some(Switch::Off),
        _ => None,
    };
    let found = events
        .iter()
        .filter(|event| switch(event) == Some(which) && event.may_be_done());
    found.copied().collect()
}

/// The switch that was asked last among those that were done before an event was asked.
fn last_before<'a>(switches: &'a [Event], event: &Event) -> Option<&'a Event> {
    let before = switches
        .iter()
        .filter(|switch| switch.is_done() && switch.answered < event.asked);
    before.max_by_key(|switch| switch.asked)
}

/// True if one of these can have been made after the other switch, and before the event ended.
fn between(switches: &[Event], after: &Event, before: &Event) -> bool {
    switches
        .iter()
        .any(|switch| switch.end() > after.asked && switch.asked < before.answered)
}
