//! Histories: clients that hold the same tokens ask several agents at the same time, while agents
//! are killed and stopped, and a checker holds every answer against the rules.
//!
//! `TWOSTEP_HISTORIES` says how many histories are played (3), and `TWOSTEP_HISTORY` plays the one
//! of that number again; only its choices are the same, not its timing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod ask;
mod check;
mod checker;
mod codes;
mod event;
mod hand;
mod lives;
mod nodes;
mod play;
mod stand_in;
mod wrong;

use std::time::Duration;

use twostep::agent;
use twostep::agent::Config;

use self::event::{Event, Said};
use self::play::{Plan, Played, play};
use self::wrong::Wrong;

#[test]
fn no_rule_breaks_while_agents_on_one_file_are_killed() {
    let number = |name| std::env::var(name).ok().map(|number| number.parse::<u64>().unwrap());
    let numbers = match number("TWOSTEP_HISTORY") {
        Some(one) => one..one + 1,
        None => 1..number("TWOSTEP_HISTORIES").unwrap_or(3) + 1,
    };
    for seed in numbers {
        let plan = Plan { seed, agents: 3, lasts: Duration::from_secs(12), wrong: None };
        let played = play(plan);
        println!("history {seed}: {}", told(&played));
        let faults = faults(&played);
        assert!(faults.is_empty(), "history {seed}: {faults:#?}");
    }
}

/// The checker sees each fault that is built into agents, and none in agents whose store merely
/// loses answers.
#[test]
fn each_wrong_agent_is_caught_within_ten_histories() {
    for wrong in Wrong::ALL {
        let most = if wrong == Wrong::LosesAnswers { 1 } else { 10 };
        let found = (1..=most).find_map(|seed| {
            let lasts = Duration::from_secs(4);
            let played = play(Plan { seed, agents: 3, lasts, wrong: Some(wrong) });
            println!("{wrong:?}, history {seed}: {}", told(&played));
            faults(&played).into_iter().next()
        });
        println!("{wrong:?}: {found:?}");
        assert_eq!(found.is_some(), wrong != Wrong::LosesAnswers, "{wrong:?}: {found:?}");
    }
}

/// The agent of these tests: this program, run again.
pub(crate) async fn agent(config: Config) -> Result<(), agent::Error> {
    match Wrong::asked_for() {
        Some(wrong) => stand_in::serve(config, wrong).await,
        None => agent::run(config).await,
    }
}

/// The broken rules, and answers that no agent should give.
fn faults(played: &Played) -> Vec<String> {
    let odd = played.odd.iter().take(5).cloned();
    odd.chain(check::faults(&played.history)).collect()
}

fn told(played: &Played) -> String {
    let count = |counts: fn(&Event) -> bool| {
        played.history.events.iter().filter(|event| counts(event)).count()
    };
    format!(
        "{} operations, {} codes accepted, {} without an answer that decides, {:?}",
        played.history.events.len(),
        count(|event| event.steps().is_some() && event.is_done()),
        count(|event| event.said == Said::Unknown),
        played.suffered
    )
}
