//! The terminal of the person who runs a command: prompts, and lines that are typed unseen.

use std::fs::OpenOptions;
use std::io;
use std::io::{IsTerminal, Write};
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// Writes to the person: on standard error, or on the terminal itself where standard error goes to
/// a file and standard input is typed.
pub(super) fn say(text: &str) {
    let mut screen = screen();
    let _ = screen.write_all(text.as_bytes()).and_then(|()| screen.flush());
}

fn screen() -> Box<dyn Write> {
    if io::stderr().is_terminal() || !io::stdin().is_terminal() {
        return Box::new(io::stderr());
    }
    match OpenOptions::new().write(true).open("/dev/tty") {
        Ok(terminal) => Box::new(terminal),
        Err(_) => Box::new(io::stderr()),
    }
}

/// Asks for a line, of which nothing appears on the screen. The terminal is as it was afterwards,
/// whichever signal comes meanwhile.
///
/// # Errors
/// Standard input is no terminal or cannot be read, or a signal that the program answers came.
pub(super) fn unseen(prompt: &str) -> io::Result<Zeroizing<String>> {
    let stdin = io::stdin();
    loop {
        say(&format!("{prompt}: "));
        let came = {
            let signals = Signals::held()?;
            let hidden = Hidden::on(stdin.as_fd())?;
            let came = signals.or_input(hidden.terminal)?;
            if came.is_none() {
                let line = typed(hidden.terminal)?;
                drop(hidden);
                say("\n");
                return Ok(line);
            }
            came
        };
        // The signal acts on a terminal that is as it was: most end the program, and a stopped one
        // asks again.
        say("\n");
        let Some(signal) = came else { continue };
        raise(signal)?;
        if signal != Signal::SIGTSTP {
            return Err(io::ErrorKind::Interrupted.into());
        }
    }
}

/// A line of the terminal, byte by byte: a buffer of the standard library's would keep a copy.
fn typed(terminal: BorrowedFd<'_>) -> io::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST_LINE));
    let mut byte = Zeroizing::new([0]);
    while line.len() < LONGEST_LINE && line.last() != Some(&b'\n') {
        match nix::unistd::read(terminal, &mut byte[..]) {
            Ok(0) => break,
            Ok(_) => line.push(byte[0]),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let text = std::str::from_utf8(&line);
    let text = text.map_err(|_| io::Error::other("what was typed is no text"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// A terminal that shows nothing of what is typed.
struct Hidden<'a> {
    terminal: BorrowedFd<'a>,
    before: Termios,
}

impl Hidden<'_> {
    fn on(terminal: BorrowedFd<'_>) -> io::Result<Hidden<'_>> {
        let before = tcgetattr(terminal)?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        // A new line is shown all the same.
        hidden.local_modes.insert(LocalModes::ECHONL);
        // Text that was typed ahead stays: neither people nor programs wait for the prompt.
        tcsetattr(terminal, OptionalActions::Drain, &hidden)?;
        Ok(Hidden { terminal, before })
    }
}

impl Drop for Hidden<'_> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
    }
}

/// The signals that end or stop a program, held back for this thread.
struct Signals {
    held: SigSet,
    came: SignalFd,
}

impl Signals {
    fn held() -> io::Result<Signals> {
        let mut held = SigSet::empty();
        HELD.iter().for_each(|signal| held.add(*signal));
        held.thread_block()?;
        let came = SignalFd::with_flags(&held, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK);
        match came {
            Ok(came) => Ok(Signals { held, came }),
            Err(error) => {
                held.thread_unblock()?;
                Err(error.into())
            }
        }
    }

    /// Waits for input, or for one of the signals.
    fn or_input(&self, input: BorrowedFd<'_>) -> io::Result<Option<Signal>> {
        let mut asked = [
            PollFd::new(self.came.as_fd(), PollFlags::POLLIN),
            PollFd::new(input, PollFlags::POLLIN),
        ];
        loop {
            match poll(&mut asked, PollTimeout::NONE) {
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
                Ok(_) => break,
            }
        }
        let came = self.came.read_signal()?;
        Ok(came.and_then(|came| {
            let number = i32::try_from(came.ssi_signo).ok()?;
            Signal::try_from(number).ok()
        }))
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        let _ = self.held.thread_unblock();
    }
}

/// A terminal hands on no longer lines (termios(3), canonical mode).
const LONGEST_LINE: usize = 4_096;

const HELD: [Signal; 9] = [
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGTSTP,
    Signal::SIGALRM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGXCPU,
];
