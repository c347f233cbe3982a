//! The output of a command, for people or for programs, and its exit code.

use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::Serialize;
use serde_json::Value;

use crate::cli::page::Page;
pub(super) use crate::cli::spelt::{plain, quoted, read_back};
use crate::wire::{Problem, ProblemCode, Reason};

/// The program's exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// Done.
    Done,
    /// Judged, and the answer is no.
    Refused,
    /// The arguments or the input are wrong.
    BadInput,
    /// No agent, no store, or no answer in time.
    Unavailable,
    /// No security key, or none that was touched, or one that is blocked.
    NoKey,
}

/// The result of a command: one document, and the same in words.
#[derive(Debug)]
pub(super) struct Report {
    exit: Exit,
    document: Value,
    text: String,
    /// The text is a program's input: no line of it is folded.
    verbatim: bool,
    notes: Vec<String>,
    /// The next step where the output, which nothing else has, was read by no reader.
    undo: Option<String>,
}

/// The failure of a command, and what helps.
#[derive(Debug)]
pub(super) struct Failure {
    exit: Exit,
    message: String,
    hints: Vec<String>,
    document: Option<Box<Problem>>,
}

impl Exit {
    fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Refused => 1,
            Exit::BadInput => 2,
            Exit::Unavailable => 3,
            Exit::NoKey => 4,
        }
    }

    /// Status and code of the problem document where no agent has answered.
    fn problem(self) -> (u16, &'static str) {
        match self {
            Exit::Done => (200, "Done"),
            Exit::Refused => (403, "AccessDenied"),
            Exit::BadInput => (400, "InvalidInput"),
            Exit::Unavailable => (503, "ServiceUnavailable"),
            Exit::NoKey => (404, "NoSecurityKey"),
        }
    }
}

impl Report {
    /// A document for programs, and the same in words for people.
    pub(super) fn new(document: impl Serialize, text: impl Into<String>) -> Report {
        let document = serde_json::to_value(document).unwrap_or_default();
        let text = text.into();
        Report { exit: Exit::Done, document, text, verbatim: false, notes: Vec::new(), undo: None }
    }

    /// A report whose text is a file, a script or the like, and is printed as it stands.
    pub(super) fn verbatim(document: impl Serialize, text: impl Into<String>) -> Report {
        Report { verbatim: true, ..Report::new(document, text) }
    }

    /// Adds what a person would like to know beside it: the next step, what to take care of.
    pub(super) fn note(mut self, note: impl Into<String>) -> Report {
        self.notes.push(note.into());
        self
    }

    /// The same, with commands that reach the agent at this socket.
    pub(super) fn reaching(mut self, socket: &Path) -> Report {
        self.notes.iter_mut().chain(&mut self.undo).for_each(|note| reach(note, socket));
        self
    }

    /// Shows it at a terminal, before more is asked for.
    pub(super) fn show(&self) {
        let _ = if self.verbatim { print(&self.text) } else { show(&self.text) };
        self.notes.iter().for_each(|text| note(text));
    }

    /// Says that the output holds a secret which is printed this once, and what undoes it where it
    /// could not be printed.
    pub(super) fn once(self, undo: impl Into<String>) -> Report {
        Report { undo: Some(undo.into()), ..self }
    }

    /// The same findings, which are not good ones.
    pub(super) fn exit(self, exit: Exit) -> Report {
        Report { exit, ..self }
    }
}

impl Failure {
    pub(super) fn new(exit: Exit, message: impl Into<String>) -> Failure {
        Failure { exit, message: message.into(), hints: Vec::new(), document: None }
    }

    pub(super) fn bad_input(message: impl Into<String>) -> Failure {
        Failure::new(Exit::BadInput, message)
    }

    /// Adds what helps: a sentence, or a command to type.
    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hints.push(hint.into());
        self
    }

    /// The same failure in other words, without its hints.
    #[must_use]
    pub(super) fn instead(self, message: impl Into<String>) -> Failure {
        Failure { message: message.into(), hints: Vec::new(), ..self }
    }

    /// The same, with commands that reach the agent at this socket.
    #[must_use]
    pub(super) fn reaching(mut self, socket: &Path) -> Failure {
        self.hints.iter_mut().for_each(|hint| reach(hint, socket));
        self
    }

    /// Names what the failure is about behind its message.
    #[must_use]
    pub(super) fn about(self, name: impl std::fmt::Display) -> Failure {
        Failure { message: format!("{}: {name}", self.message), ..self }
    }

    /// Adds the problem as the agent sent it.
    #[must_use]
    pub(super) fn document(self, problem: Problem) -> Failure {
        Failure { document: Some(Box::new(problem)), ..self }
    }

    /// True if the agent knows no such thing as was named.
    pub(super) fn is_of_an_unknown(&self) -> bool {
        self.document.as_ref().is_some_and(|problem| {
            problem.code == ProblemCode::NoSuchEntity
                || problem.reason == Some(Reason::UnknownDevice)
        })
    }

    pub(super) fn hints(&self) -> &[String] {
        &self.hints
    }

    fn to_document(&self) -> Value {
        let (status, code) = self.exit.problem();
        let local = || {
            Box::new(Problem {
                kind: "about:blank".to_owned(),
                title: code.to_owned(),
                status,
                code: code.into(),
                detail: self.message.clone(),
                reason: None,
                retry_after_seconds: None,
                problems: Vec::new(),
            })
        };
        let problem = self.document.clone().unwrap_or_else(local);
        serde_json::to_value(problem).unwrap_or_default()
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

/// Says what a command found, or why it did not, and ends the program.
pub(super) fn finish(result: &Result<Report, Failure>, json: bool, quiet: bool) -> ExitCode {
    let exit = exit_of(result);
    let written = match result {
        Ok(report) if json => print(&pretty(&report.document)),
        Ok(report) if report.verbatim => print(&report.text),
        Ok(report) => show(&report.text)
            .inspect(|()| report.notes.iter().filter(|_| !quiet).for_each(|text| note(text))),
        Err(failure) if json => print(&pretty(&failure.to_document())),
        Err(failure) => {
            complain(failure);
            Ok(())
        }
    };
    let undo = result.as_ref().ok().and_then(|report| report.undo.as_deref());
    ended(exit, written, undo)
}

/// [`finish`], but a reader that has not taken anything for [`LAST_WORDS`] does not keep the
/// program alive.
pub(super) fn finish_soon(result: Result<Report, Failure>, json: bool, quiet: bool) -> ExitCode {
    let exit = exit_of(&result);
    let (said, told) = channel();
    let speaker =
        std::thread::Builder::new().spawn(move || said.send(finish(&result, json, quiet)));
    let code = speaker.ok().and_then(|_| heard(&told, is_stalled));
    code.unwrap_or(ExitCode::from(exit.code()))
}

/// Waits for the thread that speaks, as long as its output can be written: on a busy machine it may
/// not have had its turn.
fn heard<T>(told: &Receiver<T>, is_stalled: impl Fn() -> bool) -> Option<T> {
    let (began, mut went) = (Instant::now(), Instant::now());
    loop {
        match told.recv_timeout(LOOK) {
            Ok(told) => return Some(told),
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) if !is_stalled() => went = Instant::now(),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if went.elapsed() > LAST_WORDS || began.elapsed() > LONGEST {
            return None;
        }
    }
}

/// Tells that standard output or standard error takes nothing now.
fn is_stalled() -> bool {
    let takes = |output: BorrowedFd<'_>| {
        let mut asked = [PollFd::new(output, PollFlags::POLLOUT)];
        // A descriptor that is closed, or has lost its reader, answers at once.
        poll(&mut asked, PollTimeout::ZERO) != Ok(0)
    };
    !takes(std::io::stdout().as_fd()) || !takes(std::io::stderr().as_fd())
}

fn exit_of(result: &Result<Report, Failure>) -> Exit {
    match result {
        Ok(report) => report.exit,
        Err(failure) => failure.exit,
    }
}

/// The exit code, after the output was written or could not be.
fn ended(exit: Exit, written: std::io::Result<()>, undo: Option<&str>) -> ExitCode {
    match (written, undo) {
        (Ok(()), _) => ExitCode::from(exit.code()),
        (Err(error), Some(undo)) => {
            let lost = format!("the secret is lost, since it could not be printed: {error}");
            complain(&Failure::new(Exit::Unavailable, lost).hint(undo));
            ExitCode::from(Exit::Unavailable.code())
        }
        // The reader has read enough.
        (Err(error), None) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            ExitCode::from(exit.code())
        }
        (Err(error), None) => {
            note(&format!("twostep: cannot write to standard output: {error}"));
            ExitCode::from(Exit::Unavailable.code())
        }
    }
}

/// Says what is wrong with the arguments; `--help` and `--version` are answers and come this way,
/// too.
pub(super) fn usage(error: &clap::Error) -> ExitCode {
    let json = std::env::args_os().any(|argument| argument == "--json");
    if error.use_stderr() && json {
        let message = error.to_string();
        // The rest is usage, for people.
        let message = message.split("\n\n").next().unwrap_or_default();
        return finish(
            &Err(Failure::bad_input(message.strip_prefix("error: ").unwrap_or(message))),
            true,
            true,
        );
    }
    let text = error.to_string();
    if error.use_stderr() {
        // The parser folds descriptions, and neither messages nor the line of usage.
        match Page::of(&std::io::stderr()) {
            page if page.holds(&text) => drop(error.print()),
            page => say(page.lay_out(&text).trim_end()),
        }
        return ExitCode::from(Exit::BadInput.code());
    }
    let printed = match Page::of(&std::io::stdout()) {
        page if page.holds(&text) => error.print(),
        page => print(&page.lay_out(&text)),
    };
    ended(Exit::Done, printed, None)
}

/// One line, or several, on standard error.
pub(super) fn note(text: &str) {
    say(&Page::of(&std::io::stderr()).lay_out(text));
}

/// Text on standard output, laid out for a terminal.
pub(super) fn show(text: &str) -> std::io::Result<()> {
    print(&Page::of(&std::io::stdout()).lay_out(text))
}

/// Text on standard output, ended by a new line. Nothing is printed for no text.
pub(super) fn print(text: &str) -> std::io::Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// Adds the socket to the command at the end of each line, so that it can be pasted.
fn reach(text: &mut String, socket: &Path) {
    let socket = quoted(&socket.to_string_lossy());
    let reaching = |line: &str| {
        let command = line.rfind("twostep ").map(|begin| &line[begin..]);
        let ends = command.is_some_and(|command| !command.ends_with(['.', ')', '"']));
        // A line of several commands is left as it is.
        match ends && !line.contains("TWOSTEP_SOCKET=") && !line.contains("&&") {
            true => format!("{line} --socket {socket}"),
            false => line.to_owned(),
        }
    };
    *text = text.split('\n').map(reaching).collect::<Vec<String>>().join("\n");
}

/// Says what went wrong, and what helps.
pub(super) fn complain(failure: &Failure) {
    let page = Page::of(&std::io::stderr());
    say(&page.complaint(&failure.message, &failure.hints));
}

fn say(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

fn pretty(document: &Value) -> String {
    format!("{document:#}")
}

/// The longest time for which the reader of an agent's last words may take nothing. The agent has
/// to end within two seconds, and has waited for its log before.
const LAST_WORDS: Duration = Duration::from_millis(900);

/// The longest time for an agent's last words in all.
const LONGEST: Duration = Duration::from_secs(30);

/// The pause between two looks at the output.
const LOOK: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_thread_is_waited_for_but_no_stuck_reader() {
        let spoken_after = |delay: Duration| {
            let (said, told) = channel();
            std::thread::spawn(move || {
                std::thread::sleep(delay);
                said.send(())
            });
            told
        };
        let late = LAST_WORDS + Duration::from_millis(300);
        assert_eq!(heard(&spoken_after(late), || false), Some(()), "its output can be written");
        let began = Instant::now();
        assert_eq!(heard(&spoken_after(LONGEST), || true), None);
        assert!(began.elapsed() >= LAST_WORDS, "a reader that pauses is waited for as well");
    }
}
