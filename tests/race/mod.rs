//! T-RACE: one step is accepted once, however many tasks and processes try, and through every entry
//! point.
//!
//! A round is a fresh device and a fresh code. Two processes with four verifiers each, 64 tasks in
//! all, try to spend it at the same moment on one database file; the test keeps its own ledger of
//! what they say. `TWOSTEP_RACE_ROUNDS` says how many rounds there are (500).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod racer;
mod round;

use std::path::Path;
use std::time::Instant;

use test_support::process::Process;
use test_support::world::World;

use self::racer::{Start, Tally};
use self::round::{Kind, Round};

#[test]
fn a_step_presented_by_two_processes_is_accepted_once() {
    let rounds: usize = std::env::var("TWOSTEP_RACE_ROUNDS")
        .ok()
        .map_or(500, |rounds| rounds.parse().unwrap());
    let started = Instant::now();
    let (mut ran, mut contended) = (0, 0);
    while ran < rounds {
        let mut race = Race::new(false);
        let mut waiting = race.prepare(ran, BATCH.min(rounds - ran), &Kind::ALL);
        for _ in 0..BATCHES_A_STORE {
            race.line_up(&waiting);
            // While they run, the next ones are made ready.
            let next = race.prepare(
                ran + waiting.len(),
                BATCH.min(rounds - ran - waiting.len()),
                &Kind::ALL,
            );
            let tallies = race.finish();
            for (round, tally) in waiting.iter().zip(&tallies) {
                contended += tally.contended;
                let fault = race.judge(round, tally);
                assert!(fault.is_none(), "round {ran}: {}", fault.unwrap_or_default());
                ran += 1;
                if ran % 50_000 == 0 {
                    println!("{ran} rounds in {:.0} s", started.elapsed().as_secs_f64());
                }
            }
            waiting = next;
            if waiting.is_empty() {
                break;
            }
        }
        race.close();
    }
    println!(
        "{ran} rounds in {:.1} s; \
         {contended} of {} tries lost five races and were told to try again",
        started.elapsed().as_secs_f32(),
        ran * 64
    );
}

/// The test can fail: it does with a store that looks first and writes then.
#[test]
fn a_check_then_write_store_is_caught_within_5_rounds() {
    let mut race = Race::new(true);
    for round in 0..5 {
        let waiting = race.prepare(round, 1, &[Kind::Totp]);
        race.line_up(&waiting);
        if race.finish().iter().any(|tally| tally.accepted > 1) {
            return;
        }
    }
    panic!("5 rounds, and nothing was accepted twice");
}

/// The other process of the tests above; of itself it does nothing.
#[test]
fn another_process() {
    racer::run();
}

/// Two processes on one store, and this one, which prepares the rounds and judges them.
struct Race {
    world: World,
    runtime: tokio::runtime::Runtime,
    processes: Vec<Process>,
    lined_up: usize,
}

impl Race {
    fn new(careless: bool) -> Race {
        let world = World::in_file_with(round::sealing_key());
        world.clock.set_wall(round::PREPARED_AT);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(world.verifier.ready()).unwrap();
        let processes = (0..2).map(|_| Race::process(&world.path(), careless)).collect();
        Race { world, runtime, processes, lined_up: 0 }
    }

    fn process(path: &Path, careless: bool) -> Process {
        let mut process = Process::start("race::another_process");
        process.tell(&Start { store: path.to_owned(), careless, tasks: 32 });
        process
    }

    fn prepare(&self, first: usize, count: usize, kinds: &[Kind]) -> Vec<Round> {
        self.runtime.block_on(round::prepare(
            &self.world.verifier,
            (first..first + count).map(|number| kinds[number % kinds.len()]),
        ))
    }

    /// All racers get ready before the first one starts.
    fn line_up(&mut self, rounds: &[Round]) {
        self.lined_up = rounds.len();
        for process in &mut self.processes {
            process.tell(&rounds);
        }
        for process in &mut self.processes {
            assert_eq!(process.hear(), Some("ready".to_owned()));
        }
        for process in &mut self.processes {
            process.tell(&"go");
        }
    }

    /// Collects the racers' tallies, by round.
    fn finish(&mut self) -> Vec<Tally> {
        let mut sum = vec![Tally::default(); self.lined_up];
        for process in &mut self.processes {
            let tallies: Vec<Tally> = process.hear().unwrap();
            for (sum, tally) in sum.iter_mut().zip(tallies) {
                sum.add(tally);
            }
        }
        sum
    }

    fn judge(&self, round: &Round, tally: &Tally) -> Option<String> {
        self.runtime.block_on(round.fault(&self.world.verifier, tally))
    }

    fn close(self) {
        let report = self.runtime.block_on(self.world.verifier.store().verify_audit()).unwrap();
        assert!(report.ok, "the chain of audit rows holds: {report:?}");
    }
}

/// Rounds that run at the same time.
const BATCH: usize = 50;

/// A store serves so many batches; its audit log grows by 64 rows a round.
const BATCHES_A_STORE: usize = 40;
