//! Agents on one store: started, killed, stopped, and started again.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use test_support::agent::Agent;
use test_support::random::Random;

use super::wrong::Wrong;

/// The agents. Each keeps its socket for as long as it lives, and afterwards.
pub(crate) struct Nodes {
    agents: Vec<Mutex<Option<Agent>>>,
    pub(crate) sockets: Vec<PathBuf>,
    config: String,
    wrong: Option<Wrong>,
}

/// Misfortunes of agents.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Suffered {
    pub(crate) killed: usize,
    pub(crate) stopped: usize,
}

/// The configuration of agents that share this store.
pub(crate) fn config(store: &Path) -> String {
    format!(
        "[store]\nurl = \"sqlite:{}\"\nkey_file = \"{}\"\n\
         [sessions]\nrefusal_interval_ms = 1\n\
         [limits]\nrequests_per_second = 100000\nburst = 100000\n",
        store.join("store.db").display(),
        store.join("sealing.key").display()
    )
}

impl Nodes {
    pub(crate) fn start(count: usize, config: &str, wrong: Option<Wrong>) -> Nodes {
        let folders: Vec<TempDir> = (0..count).map(|_| tempfile::tempdir().unwrap()).collect();
        let sockets = folders.iter().map(|folder| folder.path().join("agent.sock")).collect();
        let nodes = Nodes {
            agents: (0..count).map(|_| Mutex::default()).collect(),
            sockets,
            config: config.to_owned(),
            wrong,
        };
        for (agent, folder) in folders.into_iter().enumerate() {
            *nodes.agents[agent].lock().unwrap() = Some(nodes.spawn(folder));
        }
        nodes.settle();
        nodes
    }

    fn spawn(&self, folder: TempDir) -> Agent {
        Agent::spawn(folder, &self.config, |command| {
            if let Some(wrong) = self.wrong {
                command.env(Wrong::VARIABLE, wrong.name());
            }
        })
    }

    /// Waits until all agents are ready.
    pub(crate) fn settle(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        for agent in &self.agents {
            let agent = agent.lock().unwrap();
            let agent = agent.as_ref().unwrap();
            while !agent.log().contains("\"message\":\"ready\"") {
                assert!(Instant::now() < deadline, "an agent does not start: {}", agent.log());
                sleep(Duration::from_millis(10));
            }
        }
    }

    /// Kills and stops agents, one at a time, until then.
    pub(crate) fn suffer(&self, random: &mut Random, until: Instant) -> Suffered {
        let mut suffered = Suffered::default();
        while Instant::now() < until {
            sleep(Duration::from_millis(random.in_range(150..700)));
            let mut agent = self.agents[random.below(self.agents.len())].lock().unwrap();
            if random.once_in(2) {
                let folder = agent.take().unwrap().into_folder();
                sleep(Duration::from_millis(random.in_range(0..300)));
                *agent = Some(self.spawn(folder));
                suffered.killed += 1;
            } else if let Some(agent) = &*agent {
                agent.signal("STOP");
                sleep(Duration::from_millis(random.in_range(100..900)));
                agent.signal("CONT");
                suffered.stopped += 1;
            }
        }
        self.settle();
        suffered
    }
}
