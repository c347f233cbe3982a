//! An agent in a process of its own: this test program, run again.
//!
//! A test file that uses it has a test `agent_process` which calls [`run_if_asked`].

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use twostep::agent::{self, Config};

use crate::stored;

/// An agent that runs, and everything it keeps. It is killed when this is dropped.
pub struct Agent {
    pub folder: tempfile::TempDir,
    child: Child,
}

/// The agent itself, when this process was started to be one.
pub fn run_if_asked() {
    run_if_asked_by(|config, _| agent::run(config));
}

/// The same, run in this way; its folder is told as well.
pub fn run_if_asked_by<F: Future<Output = Result<(), agent::Error>>>(
    run: impl FnOnce(Config, &Path) -> F,
) {
    let Some(path) = std::env::var_os("TWOSTEP_TEST_AGENT") else { return };
    let path = Path::new(&path);
    let config = Config::load(Some(path)).unwrap_or_else(|error| stop(&error));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let Err(error) = runtime.block_on(run(config, path.parent().unwrap())) {
        stop(&error);
    }
    std::process::exit(0);
}

fn stop(error: &dyn std::error::Error) -> ! {
    eprintln!("refused: {error}");
    std::process::exit(3);
}

impl Agent {
    /// Starts an agent with this configuration added to places of its own, and waits until it
    /// answers.
    pub fn start(config: &str) -> Agent {
        Agent::start_in(tempfile::tempdir().unwrap(), config)
    }

    pub fn start_in(folder: tempfile::TempDir, config: &str) -> Agent {
        let mut agent = Agent::spawn(folder, config, |_| {});
        let deadline = Instant::now() + Duration::from_secs(20);
        while !agent.log().contains("\"message\":\"ready\"") {
            assert!(agent.child.try_wait().unwrap().is_none(), "{}", agent.log());
            assert!(Instant::now() < deadline, "{}", agent.log());
            sleep(Duration::from_millis(10));
        }
        agent
    }

    /// Starts an agent and does not wait. A `[socket]` or `[store]` in `config` must name its own
    /// paths.
    pub fn spawn(
        folder: tempfile::TempDir,
        config: &str,
        change: impl FnOnce(&mut Command),
    ) -> Agent {
        let mut text = config.to_owned();
        if !config.contains("[socket]") {
            text += "\n[socket]\npath = \"agent.sock\"\n";
        }
        if !config.contains("[store]") {
            text += &format!("\n{}", stored::table_in(folder.path()));
        }
        let path = folder.path().join("twostep.toml");
        fs::write(&path, text).unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "agent_process", "--nocapture", "--test-threads=1"])
            .env("TWOSTEP_TEST_AGENT", &path);
        command.env("STATE_DIRECTORY", folder.path());
        command.env_remove("TWOSTEP_SOCKET").stdout(Stdio::null());
        command.stderr(fs::File::create(folder.path().join("log")).unwrap());
        change(&mut command);
        Agent { child: command.spawn().unwrap(), folder }
    }

    /// Starts an agent that must end by itself; returns how, and what it said.
    pub fn fails(folder: tempfile::TempDir, config: &str) -> (tempfile::TempDir, String) {
        let mut agent = Agent::spawn(folder, config, |_| {});
        let status = agent.ended_within(Duration::from_secs(20));
        assert_eq!(status.code(), Some(3), "{}", agent.log());
        let log = agent.log();
        (agent.into_folder(), log)
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("agent.sock")
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Waits for a line of the log that holds this.
    pub fn logs(&self, text: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            if let Some(line) = self.log().lines().find(|line| line.contains(text)) {
                return line.to_owned();
            }
            assert!(Instant::now() < deadline, "no {text:?} in {}", self.log());
            sleep(Duration::from_millis(10));
        }
    }

    /// The first TCP address that it listens on.
    pub fn address(&self) -> String {
        address_in(&self.logs(LISTENING))
    }

    /// The addresses of an agent that has answered once, in the order of its listeners: the API's,
    /// those of the pages, those of AWS's wire.
    pub fn addresses(&self) -> Vec<String> {
        self.log()
            .lines()
            .filter(|line| line.contains(LISTENING))
            .map(address_in)
            .collect()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([format!("-{name}"), self.pid().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// True if it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    pub fn ended_within(&mut self, limit: Duration) -> ExitStatus {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "still running: {}", self.log());
            sleep(Duration::from_millis(10));
        }
    }

    /// Kills it without a word, and keeps what it leaves behind.
    pub fn into_folder(mut self) -> tempfile::TempDir {
        let _ = self.child.kill();
        let _ = self.child.wait();
        std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap())
    }

    pub fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(self.socket()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// Sends what a client would on a connection of its own, and reads until it is closed.
    pub fn exchange(&self, request: &str) -> String {
        exchange(self.connect(), request)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a request and reads to the end. The agent may cut off a refused request while it is being
/// sent.
pub fn exchange(mut stream: impl Read + Write, request: &str) -> String {
    let _ = stream.write_all(request.as_bytes());
    read_to_end(stream)
}

pub fn read_to_end(mut stream: impl Read) -> String {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

const LISTENING: &str = "\"message\":\"listening\"";

fn address_in(line: &str) -> String {
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    line["address"].as_str().unwrap().to_owned()
}
