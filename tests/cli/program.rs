//! Runs the program, alone or against an agent of its own.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// The program under test.
pub(crate) const TWOSTEP: &str = env!("CARGO_BIN_EXE_twostep");

/// The end of a call of the program.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) exit: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// An agent in a directory of its own, ended with this.
pub(crate) struct Agent {
    pub(crate) folder: TempDir,
    child: Child,
}

impl Ended {
    /// Standard output, which must be one document.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Ended {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ended {
            exit: output.status.code().unwrap_or(-1),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }
}

impl Agent {
    /// Starts one with this configuration, and waits until it listens.
    pub(crate) fn start(config: &str) -> Agent {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("twostep.toml");
        std::fs::write(&file, config).unwrap();
        let mut command = command(TWOSTEP);
        command.env("STATE_DIRECTORY", folder.path().join("state"));
        command
            .args(["agent", "--socket"])
            .arg(folder.path().join("agent.sock"))
            .arg("--config")
            .arg(file);
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let mut agent = Agent { folder, child };
        let began = Instant::now();
        while UnixStream::connect(agent.socket()).is_err() {
            let ended = agent.child.try_wait().unwrap();
            let log = || std::fs::read_to_string(agent.folder.path().join("log"));
            assert!(
                ended.is_none() && began.elapsed() < Duration::from_secs(20),
                "the agent does not listen: {:?}",
                log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        agent
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("agent.sock")
    }

    /// Runs the program against this agent.
    pub(crate) fn run(&self, arguments: &[&str], input: &str) -> Ended {
        let socket = self.socket();
        twostep(&[&["--socket", socket.to_str().unwrap()], arguments].concat(), input)
    }

    /// The same, which must end well.
    #[track_caller]
    pub(crate) fn done(&self, arguments: &[&str], input: &str) -> Ended {
        let ended = self.run(arguments, input);
        assert_eq!(ended.exit, 0, "{arguments:?}: {ended:?}");
        ended
    }

    /// Kills it without a word.
    pub(crate) fn kill(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).unwrap();
    }

    /// Asks it to stop, and returns the exit code.
    pub(crate) fn stop(&mut self) -> Option<i32> {
        let stopped = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(stopped.success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// Runs the program with this on standard input.
pub(crate) fn twostep(arguments: &[&str], input: &str) -> Ended {
    let mut command = command(TWOSTEP);
    command.args(arguments);
    fed(command, input)
}

/// Runs a command with this on standard input.
pub(crate) fn fed(mut command: Command, input: &str) -> Ended {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that does not read its input has closed the pipe.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap().into()
}

/// Copies the program into a folder, for users who cannot read the build's.
///
/// A process of its own writes the copy: a thread that forks meanwhile would inherit the open file,
/// and a file that is open for writing cannot be executed.
pub(crate) fn copy_program(folder: &Path) {
    let copied = Command::new("cp").arg(TWOSTEP).arg(folder.join("twostep")).status().unwrap();
    assert!(copied.success());
}

/// A command without what the tester's own environment would tell it.
pub(crate) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    let of_twostep = ["TWOSTEP_SOCKET", "TWOSTEP_MFA_CONTEXT", "TWOSTEP_TOKEN"];
    let of_the_language = ["LC_ALL", "LC_CTYPE", "LANG"];
    let of_the_terminal = ["COLUMNS", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI"];
    for name in of_twostep.iter().chain(&of_the_language).chain(&of_the_terminal) {
        command.env_remove(name);
    }
    // No test keeps a session among the tester's own.
    command.env("XDG_RUNTIME_DIR", "/nowhere");
    command
}

/// The settings of a console.
pub(crate) const CONSOLE: &str = "[console]\norigin = \"http://localhost:7443\"\n\
    listen = [\"127.0.0.1:0\"]\n";
