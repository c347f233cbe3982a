//! One round: a random sequence of what people, operators and accidents do to one store.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::Signal;
use test_support::random::Random;

use super::disk;
use super::ledger::{Devices, Fault, Ledger};
use super::place::{Agent, LIMIT, Place};

/// The operations of a round so far, to be read beside its fault.
#[derive(Clone, Default)]
pub(crate) struct Trace(Arc<Mutex<Vec<String>>>);

pub(crate) struct Round {
    pub(crate) random: Random,
    pub(crate) place: Place,
    pub(crate) ledger: Ledger,
    pub(crate) agents: Vec<Agent>,
    pub(crate) copies: Vec<RawCopy>,
    pub(crate) backups: Vec<(PathBuf, Devices)>,
    /// Logs that were kept from earlier.
    pub(crate) logs: Vec<PathBuf>,
    /// All lines that the key file ever had, the newest first.
    pub(crate) keys: Vec<String>,
    /// No fault is active: each request must be answered.
    pub(crate) calm: bool,
    pub(crate) made: u32,
    /// Another store was served from this place.
    pub(crate) elsewhere: bool,
    trace: Trace,
}

/// A copy of the store's file that no backup command made.
pub(crate) struct RawCopy {
    pub(crate) file: PathBuf,
    pub(crate) log: Option<PathBuf>,
    /// Length of the history then.
    pub(crate) at: usize,
}

impl Trace {
    pub(crate) fn note(&self, line: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    pub(crate) fn text(&self) -> String {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .map(|line| format!("    {line}\n"))
            .collect()
    }
}

impl Round {
    pub(crate) fn new(seed: u64, trace: Trace) -> Round {
        let mut random = Random::new(seed);
        let small_disk = random.once_in(5) && disk::can_mount();
        Round {
            random,
            place: Place::new(small_disk),
            ledger: Ledger::default(),
            agents: Vec::new(),
            copies: Vec::new(),
            backups: Vec::new(),
            logs: Vec::new(),
            keys: Vec::new(),
            calm: true,
            made: 0,
            elsewhere: false,
            trace,
        }
    }

    /// Plays a round to its end.
    pub(crate) fn play(&mut self) -> Result<(), Fault> {
        self.begin()?;
        for _ in 0..self.random.in_range(8..18) {
            self.step()?;
        }
        self.finish()
    }

    /// The first start, with a few devices.
    pub(crate) fn begin(&mut self) -> Result<(), Fault> {
        self.ledger.history.push(Devices::default());
        while self.random.once_in(4) {
            self.start_killed();
        }
        self.serve()?;
        self.keys = vec![std::fs::read_to_string(self.place.key()).unwrap().trim().to_owned()];
        for _ in 0..3 {
            self.enrol()?;
        }
        self.verify()
    }

    fn step(&mut self) -> Result<(), Fault> {
        if self.agents.is_empty() {
            return match self.random.below(12) {
                0..=2 => self.serve(),
                3..=6 => self.disturb(),
                7 => self.move_store(),
                8 => self.restore(),
                9..=10 => {
                    self.start_killed();
                    Ok(())
                }
                _ => self.rotate_by_restart(),
            };
        }
        match self.random.below(32) {
            0..=2 => self.enrol(),
            3..=7 => self.verify(),
            8 => self.replay(),
            9..=10 => self.change_a_device(),
            11 => self.revoke(),
            12 => self.single_use_codes(),
            13..=14 => self.backup(),
            15..=17 => self.copy(),
            18 => self.rotate_by_signal(),
            19 => self.replace_under_the_agent(),
            20 => self.fill_the_disk(),
            21 => self.restore_under_the_agent(),
            22 => self.second_agent(),
            23 => self.look().and_then(|words| {
                words.map_or(Ok(()), |words| {
                    Err(format!("not ready, and nothing is wrong: {words}"))
                })
            }),
            24 => self.stop_one(),
            25..=26 => self.burst(Signal::SIGKILL),
            27 => self.burst(Signal::SIGTERM),
            28 => self.stop(Signal::SIGINT),
            29 => self.stop_killed(),
            30 => self.second_start_killed(),
            _ => self.stop(Signal::SIGTERM),
        }
    }

    /// Looks that no acknowledged change is lost, no code is accepted again, and the store is
    /// sound.
    pub(crate) fn finish(&mut self) -> Result<(), Fault> {
        if self.agents.is_empty() {
            self.serve()?;
        }
        self.replay_everything()?;
        let report = self.agents[0].client.get("/v1/audit/verify");
        if report.status != 200 || report.json()["ok"] != true {
            return Err(format!("the audit chain does not hold: {}", report.text()));
        }
        self.stop(Signal::SIGTERM)?;
        self.sound()
    }

    pub(crate) fn note(&self, line: impl Into<String>) {
        self.trace.note(line.into());
    }

    /// Starts an agent where nothing is wrong: it serves, and what it serves is what was
    /// acknowledged.
    pub(crate) fn serve(&mut self) -> Result<(), Fault> {
        self.note("start");
        match self.place.start(0)? {
            Ok(agent) => self.agents.push(agent),
            Err(ended) => {
                return Err(format!("nothing is wrong, and the agent refuses to start: {ended:?}"));
            }
        }
        match self.look()? {
            None => Ok(()),
            Some(words) => Err(format!("nothing is wrong, and the agent is not ready: {words}")),
        }
    }

    /// Starts an agent where something may be wrong: it serves what was acknowledged, or says why
    /// it does not.
    pub(crate) fn serve_or_refuse(&mut self) -> Result<Option<String>, Fault> {
        match self.place.start(0)? {
            Ok(agent) => {
                self.agents.push(agent);
                let Some(words) = self.look()? else { return Ok(None) };
                let said = self.agents.pop().map(|agent| agent.said()).unwrap_or_default();
                Ok(Some(format!("{words}\n{said}")))
            }
            Err(ended) if ended.exit == Some(0) || ended.exit.is_none() => {
                Err(format!("an agent that cannot start ends with an error: {ended:?}"))
            }
            Err(ended) => Ok(Some(ended.said)),
        }
    }

    /// Another agent serves from the same store.
    pub(crate) fn second_agent(&mut self) -> Result<(), Fault> {
        let [agent] = &self.agents[..] else { return Ok(()) };
        let which = 1 - agent.which;
        self.note("a second agent starts on the same store");
        match self.place.start(which)? {
            Ok(agent) => self.agents.push(agent),
            Err(ended) => return Err(format!("a second agent refuses to start: {ended:?}")),
        }
        self.look().and_then(|words| {
            words.map_or(Ok(()), |words| Err(format!("not ready beside a second agent: {words}")))
        })
    }

    /// One of two agents ends, the other goes on.
    fn stop_one(&mut self) -> Result<(), Fault> {
        if self.agents.len() < 2 {
            return Ok(());
        }
        let which = self.random.below(2);
        let agent = self.agents.remove(which);
        let signal = self.random.pick([Signal::SIGTERM, Signal::SIGKILL]).unwrap();
        self.note(format!("one of two agents is sent {signal}"));
        agent.signal(signal);
        let ended = agent.end(LIMIT)?;
        if signal == Signal::SIGTERM && ended.exit != Some(0) {
            return Err(format!("SIGTERM ends one of two agents with an error: {ended:?}"));
        }
        self.verify()
    }

    /// An agent is killed before it is ready, or soon after.
    fn start_killed(&mut self) {
        let after = Duration::from_micros(self.random.in_range(500..60_000));
        self.note(format!("start, and SIGKILL after {after:?}"));
        self.place.start_killed(0, after);
    }

    /// The same beside an agent that serves.
    fn second_start_killed(&mut self) -> Result<(), Fault> {
        let [agent] = &self.agents[..] else { return Ok(()) };
        let which = 1 - agent.which;
        let after = Duration::from_micros(self.random.in_range(500..60_000));
        self.note(format!("a second agent starts, and SIGKILL comes after {after:?}"));
        self.place.start_killed(which, after);
        self.verify()
    }

    /// SIGTERM, and SIGKILL before it is obeyed.
    fn stop_killed(&mut self) -> Result<(), Fault> {
        let after = Duration::from_micros(self.random.in_range(0..6_000));
        self.note(format!("stop by SIGTERM, and SIGKILL after {after:?}"));
        for agent in std::mem::take(&mut self.agents) {
            agent.signal(Signal::SIGTERM);
            std::thread::sleep(after);
            drop(agent);
        }
        Ok(())
    }

    /// All agents end, one after the other.
    pub(crate) fn stop(&mut self, signal: Signal) -> Result<(), Fault> {
        self.note(format!("stop by {signal}"));
        for agent in std::mem::take(&mut self.agents) {
            agent.signal(signal);
            let ended = agent.end(LIMIT)?;
            if signal != Signal::SIGKILL && ended.exit != Some(0) {
                return Err(format!("{signal} ends the agent with an error: {ended:?}"));
            }
        }
        if signal == Signal::SIGKILL { Ok(()) } else { self.stopped_cleanly() }
    }

    /// After a clean stop everything is in the file.
    pub(crate) fn stopped_cleanly(&self) -> Result<(), Fault> {
        let log = self.place.log_of_store();
        if log.exists() {
            return Err(format!(
                "a clean stop leaves {} with {} bytes",
                log.display(),
                log.metadata().map_or(0, |log| log.len())
            ));
        }
        Ok(())
    }

    /// `store check` finds nothing in a store that is served.
    pub(crate) fn sound(&self) -> Result<(), Fault> {
        let ended = self.place.run(&["store", "check"], &self.place.store);
        if ended.exit != Some(0) {
            return Err(format!(
                "store check is not content with a store that is served: {ended:?}"
            ));
        }
        Ok(())
    }
}
