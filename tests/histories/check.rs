//! The checker: sorts a history by seed, and puts each seed to its rules.
//!
//! Clients compare no clocks but one, so "before" means that an answer had come before the other
//! question was asked. Two requests that overlap may have been made in either order.

use super::event::{Event, History, Kind};
use super::{codes, lives};

/// A rule: tells what broke it in the events of one seed.
type Rule = fn(&[Event]) -> Option<String>;

/// The broken rules, each with what broke it.
pub(crate) fn faults(history: &History) -> Vec<String> {
    let mut seeds: Vec<Vec<Event>> = vec![Vec::new(); history.kinds.len()];
    for event in &history.events {
        seeds[event.seed].push(*event);
    }
    let mut faults = Vec::new();
    for (seed, events) in seeds.iter().enumerate() {
        let rules: &[Rule] = match history.kinds[seed] {
            Kind::Hotp => &[
                codes::accepted_twice,
                codes::accepted_below_an_accepted_one,
                codes::unused_and_called_used,
                codes::right_and_called_wrong,
                lives::alive_after_its_revocation,
                lives::dead_without_a_revocation,
                lives::used_while_it_was_off,
                lives::refused_while_it_was_on,
            ],
            Kind::Totp => &[
                codes::accepted_twice,
                codes::accepted_below_an_accepted_one,
                codes::unused_and_called_used,
                lives::alive_after_its_revocation,
                lives::dead_without_a_revocation,
            ],
            Kind::Guessed => &[codes::a_fourth_guess],
        };
        let of_log = history
            .rows
            .as_ref()
            .and_then(|rows| codes::not_in_the_log(events, *rows.get(&seed).unwrap_or(&0)));
        let broken = rules.iter().filter_map(|rule| rule(events)).chain(of_log);
        faults.extend(broken.map(|fault| format!("seed {seed}: {fault}")));
    }
    faults
}
