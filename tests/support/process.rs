//! Other processes: this test program once more, running one test of it alone, at the other end of
//! a socket.

use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A process that was started here. It is killed when this is dropped.
pub(crate) struct Process {
    child: Child,
    line: Line,
}

/// One end of a conversation in lines of JSON.
pub(crate) struct Line {
    reader: BufReader<UnixStream>,
    writer: UnixStream,
}

impl Process {
    /// Starts this program with the test of that name, which does nothing unless it was started so.
    pub(crate) fn start(test: &str) -> Process {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut program = Command::new(std::env::current_exe().unwrap());
        program.args(["--exact", test, "--test-threads=1"]).env(STARTED, "1");
        let child = program.stdin(OwnedFd::from(theirs)).stdout(Stdio::null()).spawn().unwrap();
        Process { child, line: Line::new(ours) }
    }

    pub(crate) fn tell(&mut self, what: &impl Serialize) {
        assert!(self.line.tell(what), "the other process is there");
    }

    /// What the other process says next; none once it has ended.
    pub(crate) fn hear<T: DeserializeOwned>(&mut self) -> Option<T> {
        self.line.hear()
    }

    /// Ends the process at once, by SIGKILL. What it has said until then can still be heard.
    #[allow(dead_code, reason = "not every test kills")]
    pub(crate) fn kill(&mut self) {
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

    /// The line to the process that started this one; none if a person, or nobody, did.
    pub(crate) fn to_the_starter() -> Option<Line> {
        std::env::var_os(STARTED)?;
        let stream = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
        Some(Line::new(UnixStream::from(stream)))
    }

    /// Whether anybody is there to hear it.
    pub(crate) fn tell(&mut self, what: &impl Serialize) -> bool {
        let mut text = serde_json::to_string(what).unwrap();
        text.push('\n');
        self.writer.write_all(text.as_bytes()).is_ok()
    }

    /// What the other says next. A line that was cut short was never said.
    pub(crate) fn hear<T: DeserializeOwned>(&mut self) -> Option<T> {
        let mut text = String::new();
        let read = self.reader.read_line(&mut text).ok()?;
        (read > 0 && text.ends_with('\n')).then(|| serde_json::from_str(&text).unwrap())
    }
}

/// Set for a process that a test has started.
const STARTED: &str = "TWOSTEP_TEST_STARTED";
