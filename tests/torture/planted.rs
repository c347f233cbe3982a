//! The torture can fail: faults that are planted are found out.

use std::fs;

use nix::sys::signal::Signal;

use super::ledger::{Fault, Kind, Life, State};
use super::place::beside;
use super::played;
use super::round::{Round, Trace};

#[test]
fn a_code_that_is_accepted_twice_is_found_out() {
    found_out("is accepted twice", |round| {
        let serial = round
            .ledger
            .serials(|device| device.kind == Kind::Hotp && device.state == State::Active)
            .remove(0);
        let next = round.token(&serial).next;
        let code = round.token(&serial).code(Kind::Hotp, next);
        round.token(&serial).spent.push(code);
        round.verify_with(&serial)
    });
}

#[test]
fn an_accepted_replay_fails_the_round() {
    found_out("was accepted before or is void", |round| {
        let serial = round
            .ledger
            .serials(|device| device.kind == Kind::Hotp && device.state == State::Active)
            .remove(0);
        let next = round.token(&serial).next;
        let code = round.token(&serial).code(Kind::Hotp, next);
        round.token(&serial).spent.push(code);
        round.finish()
    });
}

#[test]
fn an_older_store_without_its_witness_is_found_out() {
    found_out("acknowledged: Some", |round| {
        round.stop(Signal::SIGTERM)?;
        let (store, older) = (round.place.store.clone(), round.place.new_name("older"));
        fs::copy(&store, &older).unwrap();
        round.serve()?;
        for _ in 0..3 {
            round.enrol()?;
        }
        round.stop(Signal::SIGTERM)?;
        for entry in fs::read_dir(store.parent().unwrap()).unwrap() {
            let path = entry.unwrap().path();
            if path != round.place.key() {
                fs::remove_file(path).unwrap();
            }
        }
        fs::copy(&older, &store).unwrap();
        round.serve()
    });
}

#[test]
fn a_revocation_that_is_lost_is_found_out() {
    found_out("must be Over", |round| {
        round.verify()?;
        round.ledger.end_sessions(Life::Over, |_| true);
        (0..10).try_for_each(|_| round.look().map(drop))
    });
}

#[test]
fn a_log_that_stays_after_a_clean_stop_is_found_out() {
    found_out("a clean stop leaves", |round| {
        round.stop(Signal::SIGTERM)?;
        fs::write(beside(&round.place.store, "-wal"), "left").unwrap();
        round.stopped_cleanly()
    });
}

/// A round fails in this way when this is done in it.
#[track_caller]
fn found_out(fault: &str, plant: impl FnOnce(&mut Round) -> Result<(), Fault>) {
    let trace = Trace::default();
    let found = played(PLANTED, &trace, |round| {
        round.begin()?;
        while round
            .ledger
            .serials(|device| device.kind == Kind::Hotp && device.state == State::Active)
            .is_empty()
        {
            round.enrol()?;
        }
        plant(round)
    });
    let found = found.expect_err("a fault was planted, and nothing is found");
    assert!(found.contains(fault), "{}{found}", trace.text());
}

/// The seed of these rounds.
const PLANTED: u64 = 1_000_000;
