//! Agents on one store: started, killed, stopped, and started again.

use std::path::PathBuf;
use std::sync::Mutex;
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use test_support::agent::Agent;
use test_support::random::Random;

use super::ground::{Ground, Suffered};
use super::wrong::Wrong;

/// The agents. Each keeps its socket for as long as it lives, and afterwards.
pub(crate) struct Nodes<'a> {
    ground: &'a Ground<'a>,
    agents: Vec<Mutex<Option<Agent>>>,
    pub(crate) sockets: Vec<PathBuf>,
    wrong: Option<Wrong>,
}

impl<'a> Nodes<'a> {
    pub(crate) fn start(count: usize, ground: &'a Ground<'a>, wrong: Option<Wrong>) -> Nodes<'a> {
        let folders: Vec<TempDir> = (0..count).map(|_| tempfile::tempdir().unwrap()).collect();
        let sockets = folders.iter().map(|folder| folder.path().join("agent.sock")).collect();
        let nodes = Nodes {
            ground,
            agents: (0..count).map(|_| Mutex::default()).collect(),
            sockets,
            wrong,
        };
        for (agent, folder) in folders.into_iter().enumerate() {
            *nodes.agents[agent].lock().unwrap() = Some(nodes.spawn(agent, folder));
        }
        nodes.settle();
        nodes
    }

    fn spawn(&self, agent: usize, folder: TempDir) -> Agent {
        let state = folder.path().to_owned();
        Agent::spawn(folder, &self.ground.config(agent), |command| {
            command.env("STATE_DIRECTORY", state);
            if let Some(wrong) = self.wrong {
                command.env(Wrong::VARIABLE, wrong.name());
                command.env(Wrong::STORE, self.ground.store(agent));
                command.env(Wrong::SINGLE, self.ground.is_single().to_string());
            }
        })
    }

    /// Waits until all agents are ready.
    pub(crate) fn settle(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        let is_ready = |agent: &Mutex<Option<Agent>>| {
            agent.lock().unwrap().as_ref().unwrap().log().contains("\"message\":\"ready\"")
        };
        while !self.agents.iter().all(is_ready) {
            let logs =
                || self.agents.iter().map(|agent| agent.lock().unwrap().as_ref().map(Agent::log));
            assert!(Instant::now() < deadline, "not ready: {:#?}", logs().collect::<Vec<_>>());
            self.revive();
            sleep(Duration::from_millis(20));
        }
    }

    /// Kills all agents, starts them again, and waits until each is ready, or has ended.
    pub(crate) fn restart(&self) {
        for (number, agent) in self.agents.iter().enumerate() {
            let mut agent = agent.lock().unwrap();
            let folder = agent.take().unwrap().into_folder();
            let started = agent.insert(self.spawn(number, folder));
            let deadline = Instant::now() + Duration::from_secs(30);
            while !started.has_ended() && !started.log().contains("\"message\":\"ready\"") {
                assert!(Instant::now() < deadline, "neither ready nor ended: {}", started.log());
                sleep(Duration::from_millis(20));
            }
        }
    }

    /// Starts agents again that have ended by themselves: without their server they cannot start.
    fn revive(&self) -> usize {
        let mut revived = 0;
        for (number, agent) in self.agents.iter().enumerate() {
            let mut agent = agent.lock().unwrap();
            if agent.as_mut().is_some_and(Agent::has_ended) {
                let ended = agent.take().unwrap();
                let file = self.ground.is_file();
                assert!(!file, "an agent on a file ended by itself: {}", ended.log());
                *agent = Some(self.spawn(number, ended.into_folder()));
                revived += 1;
            }
        }
        revived
    }

    /// Kills and stops agents, and hurts the store below them, one at a time, until then.
    pub(crate) fn suffer(&self, random: &mut Random, until: Instant) -> Suffered {
        let mut suffered = Suffered::default();
        while Instant::now() < until {
            sleep(Duration::from_millis(random.in_range(100..600)));
            *suffered.entry("agent could not start").or_default() += self.revive();
            if !self.ground.is_file() && !random.once_in(3) {
                *suffered.entry(self.ground.hurt(random)).or_default() += 1;
                continue;
            }
            let number = random.below(self.agents.len());
            let mut agent = self.agents[number].lock().unwrap();
            if random.once_in(2) {
                let folder = agent.take().unwrap().into_folder();
                sleep(Duration::from_millis(random.in_range(0..300)));
                *agent = Some(self.spawn(number, folder));
                *suffered.entry("agent killed").or_default() += 1;
            } else if let Some(agent) = &*agent {
                agent.signal("STOP");
                sleep(Duration::from_millis(random.in_range(100..900)));
                agent.signal("CONT");
                *suffered.entry("agent frozen").or_default() += 1;
            }
        }
        self.settle();
        suffered
    }
}
