//! Histories: clients that hold the same tokens ask several agents at the same time, while agents
//! are killed and stopped, and a checker holds every answer against the rules.
//!
//! `TWOSTEP_HISTORIES` says how many histories are played on a server (1), with a fifth of that on
//! a file, and `TWOSTEP_FAILOVERS` how many on a cluster whose leaders crash (1). `TWOSTEP_HISTORY`
//! plays the one of that number again; only its choices are the same, not its timing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod ask;
mod check;
mod checker;
mod codes;
mod event;
mod ground;
mod hand;
mod lives;
mod nodes;
mod play;
mod race;
mod stand_in;
mod went_back;
mod wrong;

use std::sync::Mutex;
use std::time::Duration;

use test_support::patroni::Cluster;
use test_support::postgres::Server;
use test_support::tools;
use twostep::agent;
use twostep::agent::Config;

use self::event::{Event, Moment, Said, next_acceptance};
use self::ground::Ground;
use self::play::{Plan, Played, play};
use self::wrong::Wrong;

#[test]
fn no_rule_breaks_while_agents_on_one_file_are_killed() {
    // A file has less to fail.
    for seed in numbers("TWOSTEP_HISTORIES").step_by(5) {
        holds(Plan { seed, ..PLAN }, &Ground::file());
    }
}

#[test]
fn no_rule_breaks_while_a_server_and_its_network_fail() {
    if !tools::have("postgresql") {
        return;
    }
    let server = Mutex::new(Server::start());
    for seed in numbers("TWOSTEP_HISTORIES") {
        holds(Plan { seed, ..PLAN }, &Ground::server(&server, seed, PLAN.agents));
    }
}

/// Codes are accepted again within ten seconds of the loss of a leader.
#[test]
fn no_rule_breaks_while_leaders_of_a_cluster_crash() {
    if !tools::have("postgresql,etcd,patroni") {
        return;
    }
    let cluster = Mutex::new(Cluster::start());
    for seed in numbers("TWOSTEP_FAILOVERS") {
        let lasts = Duration::from_secs(20);
        let played = holds(Plan { seed, lasts, ..PLAN }, &Ground::cluster(&cluster, seed));
        let away: Vec<Duration> =
            played.lost.iter().map(|lost| until_the_next(&played, *lost)).collect();
        println!("history {seed}: away for {away:?}");
        // Ten seconds are the goal on a machine that does nothing else.
        assert!(away.iter().all(|away| *away <= Duration::from_secs(60)), "{away:?}");
    }
}

/// The time from that moment to the next code that was asked for after it and accepted.
fn until_the_next(played: &Played, lost: Moment) -> Duration {
    let next = next_acceptance(&played.history.events, lost);
    let Some(next) = next else { panic!("a code is accepted after the loss") };
    Duration::from_micros(next - lost)
}

/// Plays a history, in which no rule must break.
fn holds(plan: Plan, ground: &Ground<'_>) -> Played {
    let played = play(plan, ground);
    println!("history {}: {}", plan.seed, told(&played));
    let faults = faults(&played);
    assert!(faults.is_empty(), "history {}: {faults:#?}", plan.seed);
    played
}

const PLAN: Plan = Plan { seed: 0, agents: 3, lasts: Duration::from_secs(10), wrong: None };

/// The numbers of the histories to play.
fn numbers(variable: &str) -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().map(|number| number.parse::<u64>().unwrap());
    match number("TWOSTEP_HISTORY") {
        Some(one) => one..one + 1,
        None => 1..number(variable).unwrap_or(1) + 1,
    }
}

/// The checker sees each fault that is built into agents, and none in agents whose store merely
/// loses answers.
#[test]
fn each_wrong_agent_is_caught_within_ten_histories() {
    for wrong in Wrong::ALL {
        let plan = Plan { lasts: Duration::from_secs(4), wrong: Some(wrong), ..PLAN };
        caught(plan, |_| Ground::file());
    }
}

/// On a server the network loses the answers.
#[test]
fn each_wrong_agent_on_a_server_is_caught_within_ten_histories() {
    if !tools::have("postgresql") {
        return;
    }
    let (server, mut number) = (Mutex::new(Server::start()), 0);
    for wrong in Wrong::ALL.into_iter().filter(|wrong| !wrong.is_right()) {
        let plan = Plan { lasts: Duration::from_secs(8), wrong: Some(wrong), ..PLAN };
        caught(plan, |plan| {
            number += 1;
            Ground::server(&server, number, plan.agents)
        });
    }
}

/// Plays up to ten histories of agents with a fault, until the checker sees it.
fn caught<'a>(plan: Plan, mut ground: impl FnMut(&Plan) -> Ground<'a>) {
    let wrong = plan.wrong.unwrap();
    let most = if wrong.is_right() { 1 } else { 10 };
    let found = (1..=most).find_map(|seed| {
        let plan = Plan { seed, ..plan };
        let played = play(plan, &ground(&plan));
        println!("{wrong:?}, history {seed}: {}", told(&played));
        faults(&played).into_iter().next()
    });
    println!("{wrong:?}: {found:?}");
    assert_eq!(found.is_none(), wrong.is_right(), "{wrong:?}: {found:?}");
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
