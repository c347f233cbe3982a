//! Each accident once, after each way to stop: what the random rounds come to only now and then.

use std::fs;
use std::os::unix::fs::symlink;

use nix::sys::signal::Signal;
use test_support::tools;

use super::accidents::Accident;
use super::ledger::Fault;
use super::played;
use super::round::{Round, Trace};
use super::under::Exchange;

#[test]
fn each_accident_is_harmless_or_refused_with_a_remedy() {
    let ways = [Signal::SIGTERM, Signal::SIGKILL];
    let cases = Accident::ALL.into_iter().flat_map(|accident| ways.map(|way| (accident, way)));
    all(cases, |(accident, way), round| {
        round.begin()?;
        round.copy()?;
        round.backup()?;
        round.enrol()?;
        round.verify()?;
        round.burst(way)?;
        round.suffer(accident)?;
        round.finish()
    });
}

#[test]
fn exchanged_files_end_their_agents_and_lose_nothing() {
    let cases = Exchange::ALL
        .into_iter()
        .flat_map(|exchange| [1, 2].map(|agents| (exchange, agents)));
    all(cases, |(exchange, agents), round| {
        round.begin()?;
        round.copy()?;
        round.stop(Signal::SIGTERM)?;
        round.serve()?;
        round.enrol()?;
        if agents == 2 {
            round.second_agent()?;
        }
        round.verify()?;
        round.exchange(exchange)?;
        round.finish()
    });
}

#[test]
fn garbage_over_the_open_file_costs_no_logged_change() {
    all([1, 2].into_iter(), |agents, round| {
        round.begin()?;
        if agents == 2 {
            round.second_agent()?;
        }
        round.exchange(Exchange::Garbled)?;
        round.finish()
    });
}

#[test]
fn a_full_disk_ends_no_agent_and_spends_no_code() {
    if !tools::have("mount,umount,root") {
        return;
    }
    all([1, 2].into_iter(), |agents, round| {
        round.place.on_a_small_disk();
        round.begin()?;
        if agents == 2 {
            round.second_agent()?;
        }
        for _ in 0..2 {
            round.verify()?;
            round.fill_the_disk()?;
        }
        round.finish()
    });
}

#[test]
fn a_store_behind_a_link_survives_each_way_to_stop() {
    all([Signal::SIGTERM, Signal::SIGKILL].into_iter(), |way, round| {
        round.begin()?;
        round.stop(Signal::SIGTERM)?;
        let (link, file) = (round.place.store.clone(), round.place.new_name("moved"));
        fs::rename(&link, &file).unwrap();
        symlink(&file, &link).unwrap();
        round.serve()?;
        round.enrol()?;
        round.stop(way)?;
        round.serve()?;
        round.finish()
    });
}

#[test]
fn a_backup_restored_over_a_new_store_is_served() {
    all([Signal::SIGTERM, Signal::SIGKILL].into_iter(), |way, round| {
        round.begin()?;
        round.backup()?;
        round.stop(way)?;
        // Another machine, where an agent was started once before the backup came.
        let made_here = round.place.path("state/anew.db");
        round.place.store = made_here.clone();
        match round.place.start(0)? {
            Ok(agent) => round.agents.push(agent),
            Err(ended) => {
                return Err(format!(
                    "a configured key is there, no store is, and the agent refuses: {ended:?}"
                ));
            }
        }
        round.stop(way)?;
        round.elsewhere = true;
        round.restore()?;
        round.finish()
    });
}

/// A round for each case; all that fail are told.
fn all<C: Copy + std::fmt::Debug>(
    cases: impl Iterator<Item = C>,
    play: impl Fn(C, &mut Round) -> Result<(), Fault>,
) {
    let mut faults = Vec::new();
    for (seed, case) in (2_000_000..).zip(cases) {
        let trace = Trace::default();
        let played = played(seed, &trace, |round| play(case, round));
        if let Err(fault) = played {
            faults.push(format!("{case:?}\n{}    {fault}\n", trace.text()));
        }
    }
    assert!(faults.is_empty(), "{} cases have failed:\n{}", faults.len(), faults.join("\n"));
}
