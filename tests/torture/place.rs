//! The setting of a round: the store's folder, its copies, and the agents that serve from it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use test_support::http::Client;
use test_support::scratch;

use super::disk::Disk;
use super::ledger::Fault;

/// The program under test: the one built with this test, or another build that
/// `TWOSTEP_TORTURE_PROGRAM` names.
fn twostep() -> Command {
    Command::new(
        std::env::var_os("TWOSTEP_TORTURE_PROGRAM")
            .unwrap_or_else(|| env!("CARGO_BIN_EXE_twostep").into()),
    )
}

pub(crate) struct Place {
    // Unmounted before its folder goes.
    pub(crate) disk: Option<Disk>,
    folder: TempDir,
    /// The store's file; it moves.
    pub(crate) store: PathBuf,
    numbered: u32,
}

/// An agent that runs. It is killed when this is dropped.
pub(crate) struct Agent {
    child: Child,
    /// Number of the agent's folder for sockets, of two.
    pub(crate) which: usize,
    log: PathBuf,
    pub(crate) client: Client,
}

/// Result of a call of the program.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) exit: Option<i32>,
    pub(crate) said: String,
}

impl Place {
    /// With a small disk for the store where one is wanted.
    pub(crate) fn new(small_disk: bool) -> Place {
        let folder = scratch::folder();
        for name in ["state", "copies", "run-0", "run-1"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let disk = small_disk.then(|| Disk::mount(&folder.path().join("state")));
        Place { disk, store: folder.path().join("state/store.db"), folder, numbered: 0 }
    }

    /// Puts the store, which is not there yet, on a small disk.
    pub(crate) fn on_a_small_disk(&mut self) {
        if self.disk.is_none() {
            self.disk = Some(Disk::mount(&self.path("state")));
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A name in the folder of copies that nothing has.
    pub(crate) fn new_name(&mut self, what: &str) -> PathBuf {
        self.numbered += 1;
        self.path(&format!("copies/{what}-{}", self.numbered))
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.path("state/sealing.key")
    }

    /// The store's log, which is beside the file itself where the store is a link.
    pub(crate) fn log_of_store(&self) -> PathBuf {
        beside(&fs::canonicalize(&self.store).unwrap_or_else(|_| self.store.clone()), "-wal")
    }

    /// Starts an agent on the store and waits until it says that it is ready; or what it said when
    /// it ended instead.
    pub(crate) fn start(&mut self, which: usize) -> Result<Result<Agent, Ended>, Fault> {
        let (store, key) = (self.store.clone(), self.key());
        self.start_on(which, &store, &key)
    }

    pub(crate) fn start_on(
        &mut self,
        which: usize,
        store: &Path,
        key: &Path,
    ) -> Result<Result<Agent, Ended>, Fault> {
        let mut agent = self.spawn(which, store, key);
        let deadline = Instant::now() + LIMIT;
        loop {
            let ended = agent.child.try_wait().unwrap();
            let said = agent.said();
            if said.contains("\"message\":\"ready\"") {
                return Ok(Ok(agent));
            }
            if let Some(status) = ended {
                return Ok(Err(Ended { exit: status.code(), said: agent.said() }));
            }
            if Instant::now() > deadline {
                return Err(format!("the agent neither became ready nor ended: {said}"));
            }
            sleep(Duration::from_millis(2));
        }
    }

    /// Starts an agent on the store, and kills it after a while.
    pub(crate) fn start_killed(&mut self, which: usize, after: Duration) {
        let (store, key) = (self.store.clone(), self.key());
        let agent = self.spawn(which, &store, &key);
        sleep(after);
        drop(agent);
    }

    fn spawn(&mut self, which: usize, store: &Path, key: &Path) -> Agent {
        let run = self.path(&format!("run-{which}"));
        let socket = run.join("agent.sock");
        let config = format!(
            "[socket]\npath = {socket:?}\n[store]\nurl = \"sqlite:{}\"\nkey_file = {key:?}\n\
             [sessions]\nrefusal_interval_ms = 1\n\
             [limits]\nrequests_per_second = 100000\nburst = 100000\n",
            store.display()
        );
        fs::write(run.join("twostep.toml"), config).unwrap();
        self.numbered += 1;
        let log = run.join(format!("log-{}", self.numbered));
        let mut command = twostep();
        command
            .args(["agent", "--config"])
            .arg(run.join("twostep.toml"))
            .env_remove("TWOSTEP_SOCKET");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log).unwrap());
        Agent { child: command.spawn().unwrap(), which, log, client: Client::unix(socket) }
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str], path: &Path) -> Ended {
        let output = self.command(arguments, path).output().unwrap();
        Ended {
            exit: output.status.code(),
            said: String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
        }
    }

    /// A command of the program about a store, with its sealing keys.
    fn command(&self, arguments: &[&str], path: &Path) -> Command {
        let mut command = twostep();
        command.args(arguments).arg(path).stdin(Stdio::null());
        if self.key().exists() {
            command.arg("--key").arg(self.key());
        }
        command
    }

    /// Runs the program and kills it after a while.
    pub(crate) fn run_killed(&self, arguments: &[&str], path: &Path, after: Duration) {
        let mut child = self
            .command(arguments, path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        sleep(after);
        let _ = child.kill();
        child.wait().unwrap();
    }
}

impl Agent {
    /// The agent's log without the lines of requests.
    pub(crate) fn said(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        log.lines()
            .filter(|line| !line.contains("\"message\":\"request\""))
            .map(|line| format!("{line}\n"))
            .collect()
    }

    pub(crate) fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(self.child.id().try_into().unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
    }

    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits until it has ended.
    pub(crate) fn end(mut self, limit: Duration) -> Result<Ended, Fault> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Ok(Ended { exit: status.code(), said: self.said() });
            }
            if Instant::now() > deadline {
                return Err(format!("the agent did not end within {limit:?}: {}", self.said()));
            }
            sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A path beside another one.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Time limit for each answer of an agent, generous for a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);
