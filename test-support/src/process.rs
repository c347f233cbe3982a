//! Other processes: this test program once more, running one test of it alone, at the other end of
//! a socket.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A process that was started here. It is killed when this is dropped.
pub struct Process {
    child: Child,
    line: Line,
}

/// One end of a conversation in lines of JSON.
pub struct Line {
    reader: BufReader<UnixStream>,
    writer: UnixStream,
}

impl Process {
    /// Starts this program with the test of that name, which does nothing unless it was started so.
    pub fn start(test: &str) -> Process {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut program = Command::new(std::env::current_exe().unwrap());
        program.args(["--exact", test, "--test-threads=1"]).env(STARTED, "1");
        let child = program.stdin(OwnedFd::from(theirs)).stdout(Stdio::null()).spawn().unwrap();
        Process { child, line: Line::new(ours) }
    }

    pub fn tell(&mut self, what: &impl Serialize) {
        assert!(self.line.tell(what), "the other process is there");
    }

    /// The next message of the other process; none once it has ended.
    pub fn hear<T: DeserializeOwned>(&mut self) -> Option<T> {
        self.line.hear()
    }

    /// Ends the process at once, by SIGKILL. What it has said until then can still be heard.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Line {
    fn new(stream: UnixStream) -> Line {
        Line { reader: BufReader::new(stream.try_clone().unwrap()), writer: stream }
    }

    /// The line to the test that started this process; none if no test did.
    pub fn to_the_starter() -> Option<Line> {
        std::env::var_os(STARTED)?;
        let stream = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
        Some(Line::new(UnixStream::from(stream)))
    }

    /// Sends a message; false if the other process has ended.
    pub fn tell(&mut self, what: &impl Serialize) -> bool {
        let mut text = serde_json::to_string(what).unwrap();
        text.push('\n');
        self.writer.write_all(text.as_bytes()).is_ok()
    }

    /// The next message. A line that was cut short does not count.
    pub fn hear<T: DeserializeOwned>(&mut self) -> Option<T> {
        let mut text = String::new();
        let read = self.reader.read_line(&mut text).ok()?;
        (read > 0 && text.ends_with('\n')).then(|| serde_json::from_str(&text).unwrap())
    }
}

/// Runs one test of this program again, alone in a new process with this variable set, and returns
/// what it printed.
pub fn alone(test: &str, (name, value): (&str, &OsStr)) -> String {
    let mut program = Command::new(std::env::current_exe().unwrap());
    program
        .args(["--exact", "--nocapture", "--test-threads=1", test])
        .env(name, value);
    let output = program.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 passed"), "no test is called {test}: {text}");
    text
}

/// Set for a process that a test has started.
const STARTED: &str = "TWOSTEP_TEST_STARTED";
