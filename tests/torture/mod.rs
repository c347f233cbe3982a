//! Torture of a store: the agent serves exactly the state that was acknowledged, or refuses to
//! serve and says why.
//!
//! A round is a random sequence on the program itself: people enrol, verify and revoke; operators
//! back up, stop, restore, move, copy and rotate keys; files are removed, exchanged and mixed up,
//! and disks are full. A ledger outside the product knows what was acknowledged.
//! `TWOSTEP_TORTURE_ROUNDS` says how many rounds there are (80), `TWOSTEP_TORTURE_SEED` repeats
//! the one of that seed.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod accidents;
mod burst;
mod copies;
mod disk;
mod each;
mod keys;
mod ledger;
mod look;
mod people;
mod place;
mod planted;
mod round;
mod under;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use ledger::Fault;
use round::{Round, Trace};

#[test]
fn the_agent_serves_the_acknowledged_state_or_refuses_with_a_remedy() {
    let number = |name| std::env::var(name).ok().map(|number| number.parse::<u64>().unwrap());
    let (first, rounds) = match number("TWOSTEP_TORTURE_SEED") {
        Some(seed) => (seed, 1),
        None => (1, number("TWOSTEP_TORTURE_ROUNDS").unwrap_or(80)),
    };
    let began = Instant::now();
    let faults: Mutex<Vec<String>> = Mutex::default();
    let next = AtomicU64::new(first);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while faults.lock().unwrap().len() < ENOUGH {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + rounds {
                        break;
                    }
                    let trace = Trace::default();
                    if let Err(fault) = played(seed, &trace, Round::play) {
                        faults.lock().unwrap().push(format!(
                            "TWOSTEP_TORTURE_SEED={seed}\n{}    {fault}\n",
                            trace.text()
                        ));
                    }
                }
            });
        }
    });
    println!("{rounds} rounds in {:.1} s", began.elapsed().as_secs_f32());
    let faults = faults.into_inner().unwrap();
    assert!(faults.is_empty(), "{} rounds have failed:\n{}", faults.len(), faults.join("\n"));
}

/// Plays a round of this seed. A panic in it is a fault as well.
fn played(
    seed: u64,
    trace: &Trace,
    play: impl FnOnce(&mut Round) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let played = catch_unwind(AssertUnwindSafe(|| play(&mut Round::new(seed, trace.clone()))));
    played.unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!("the round could not go on: {}", text.unwrap_or_default()))
    })
}

/// The number of failed rounds at which the run stops.
const ENOUGH: usize = 8;
