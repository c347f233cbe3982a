//! Programs that a case starts.

use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::wait_until;

/// The result of a program.
#[derive(Debug)]
pub struct Ran {
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// Time from start to end.
    pub took: Duration,
}

impl Ran {
    /// Requires this exit code.
    pub fn with_code(self, code: i32) -> Result<Ran, String> {
        let panicked = self.stderr.contains("panicked at");
        if self.code == Some(code) && !panicked {
            return Ok(self);
        }
        let Ran { code: ended, stdout, stderr, took } = &self;
        println!("stdout: {stdout}\nstderr: {stderr}");
        Err(format!(
            "ended with {ended:?} instead of {code} after {:.1} s: {}",
            took.as_secs_f64(),
            stderr.trim().replace('\n', " / ")
        ))
    }

    /// Requires success.
    pub fn done(self) -> Result<Ran, String> {
        self.with_code(0)
    }

    /// Requires `words` on standard error or standard output.
    pub fn saying(self, words: &str) -> Result<Ran, String> {
        let found = self.stderr.contains(words) || self.stdout.contains(words);
        let said = format!("{} / {}", self.stdout.trim(), self.stderr.trim()).replace('\n', " / ");
        found.then_some(self).ok_or_else(|| format!("{words:?} is not in: {said}"))
    }
}

/// A running program.
pub struct Running {
    child: Child,
    begun: Instant,
    stdout: Reader,
    stderr: Reader,
}

/// The output of a program, as it arrives.
struct Reader {
    text: Arc<Mutex<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns whether it is still running.
    pub fn running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for the end. A program that is still running at the limit is killed, which is an
    /// error.
    pub fn end(mut self, limit: Duration) -> Result<Ran, String> {
        let ended = wait_until(limit, || !self.running());
        let took = self.begun.elapsed();
        if ended.is_none() {
            let _ = self.child.kill();
        }
        let status = self.child.wait().map_err(|error| error.to_string())?;
        let ran =
            Ran { code: status.code(), stdout: self.stdout.all(), stderr: self.stderr.all(), took };
        match ended {
            Some(()) => Ok(ran),
            None => Err(format!(
                "still running after {limit:?}: {} / {}",
                ran.stdout.trim(),
                ran.stderr.trim()
            )),
        }
    }

    /// Waits until these words appear on standard error.
    pub fn says(&self, words: &str) -> Result<(), String> {
        let said = wait_until(PATIENCE, || self.stderr.so_far().contains(words));
        said.ok_or_else(|| format!("{words:?} was not said, but: {}", self.stderr.so_far().trim()))
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        if let Ok(id) = i32::try_from(self.child.id()) {
            let _ = kill(Pid::from_raw(id), signal);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a program, gives it `input`, and closes its standard input.
pub fn start(command: &mut Command, input: &str) -> Result<Running, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let begun = Instant::now();
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().map_err(|error| format!("{name}: {error}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program need not read its input.
        let _ = stdin.write_all(input.as_bytes());
    }
    let (Some(stdout), Some(stderr)) =
        (child.stdout.take().map(Reader::of), child.stderr.take().map(Reader::of))
    else {
        return Err(format!("{name} has no output"));
    };
    Ok(Running { child, begun, stdout, stderr })
}

/// The path of our program with this name, in the same folder as this one.
#[must_use]
pub fn ours(name: &str) -> PathBuf {
    std::env::current_exe().unwrap_or_default().with_file_name(name)
}

/// Runs a program to its end.
pub fn run(words: &[&str], input: &str, limit: Duration) -> Result<Ran, String> {
    let (program, arguments) = words.split_first().ok_or("nothing to run")?;
    start(Command::new(program).args(arguments), input)?.end(limit)
}

/// Runs a program as another user.
pub fn run_as(user: u32, words: &[&str], limit: Duration) -> Result<Ran, String> {
    let (program, arguments) = words.split_first().ok_or("nothing to run")?;
    start(Command::new(program).args(arguments).uid(user).gid(user), "")?.end(limit)
}

impl Reader {
    fn of(mut from: impl Read + Send + 'static) -> Reader {
        let text = Arc::<Mutex<Vec<u8>>>::default();
        let shared = Arc::clone(&text);
        let thread = thread::spawn(move || {
            let mut bytes = [0; 4_096];
            while let Ok(length @ 1..) = from.read(&mut bytes) {
                shared
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .extend(bytes.iter().take(length));
            }
        });
        Reader { text, thread: Some(thread) }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().unwrap_or_else(PoisonError::into_inner))
            .into_owned()
    }

    fn all(&mut self) -> String {
        self.thread.take().map(JoinHandle::join);
        self.so_far()
    }
}

/// The time limit for output.
const PATIENCE: Duration = Duration::from_secs(20);
