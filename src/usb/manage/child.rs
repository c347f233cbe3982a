//! The other process: started, given its task, and not believed for longer than its deadline.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use nix::sys::resource::{Resource, setrlimit};
use nix::unistd::dup2_stdout;
use zeroize::Zeroizing;

use super::{Answered, Reply, Request, Task, work};
use crate::usb::error::Error;
use crate::usb::status;

/// Has another process carry out a task on the key at `path`, and ends it when `deadline` has
/// passed.
///
/// `program` is this program with the arguments that make it call [`serve`].
///
/// # Errors
/// The refusal of the key, [`Error::Silent`] if the task was not done in time, [`Error::Child`] if
/// the process failed.
pub fn manage(
    mut program: Command,
    path: &Path,
    task: Task,
    deadline: Duration,
) -> Result<Answered, Error> {
    let failed = |error: &dyn std::fmt::Display| Error::Child(error.to_string());
    let request = serde_json::to_vec(&task.request(path.to_owned()))
        .map(Zeroizing::new)
        .map_err(|error| failed(&error))?;
    program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = Killed(program.spawn().map_err(|error| failed(&error))?);
    let (Some(mut to), Some(from)) = (child.0.stdin.take(), child.0.stdout.take()) else {
        return Err(Error::Child("it has no standard input".to_owned()));
    };
    // The request is shorter than a pipe holds, so the write does not block. A process that does
    // not read is judged by its answer below.
    match to.write_all(&request) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => return Err(failed(&error)),
        _ => drop(to),
    }
    let (said, heard) = mpsc::channel();
    std::thread::spawn(move || {
        let mut reply = Zeroizing::new(Vec::new());
        let whole = from.take(LONGEST_REPLY).read_to_end(&mut reply);
        // The receiver may be gone.
        let _ = said.send(whole.map(|_| reply));
    });
    let reply = match heard.recv_timeout(deadline) {
        Ok(Ok(reply)) => reply,
        Ok(Err(error)) => return Err(failed(&error)),
        Err(_) => return Err(Error::Silent),
    };
    match serde_json::from_slice(&reply) {
        Ok(reply) => answered(reply),
        Err(_) => Err(Error::Misbehaved("what it says cannot be read")),
    }
}

/// Carries out the one task on standard input and answers on standard output. For a process that
/// does nothing else: output of the library is discarded, memory is bounded, and a panic ends the
/// process in silence.
///
/// # Errors
/// [`Error::Child`].
pub fn serve() -> Result<(), Error> {
    let failed = |error: &dyn std::fmt::Display| Error::Child(error.to_string());
    std::panic::set_hook(Box::new(|_| {}));
    setrlimit(Resource::RLIMIT_AS, MOST_MEMORY, MOST_MEMORY).map_err(|error| failed(&error))?;
    let mut answer =
        File::from(std::io::stdout().as_fd().try_clone_to_owned().map_err(|error| failed(&error))?);
    let nowhere = File::options().write(true).open("/dev/null").map_err(|error| failed(&error))?;
    dup2_stdout(&nowhere).map_err(|error| failed(&error))?;
    let mut asked = Zeroizing::new(Vec::with_capacity(LONGEST_REQUEST));
    std::io::stdin()
        .lock()
        .take(u64::try_from(LONGEST_REQUEST).unwrap_or(0))
        .read_to_end(&mut asked)
        .map_err(|error| failed(&error))?;
    let request: Request = serde_json::from_slice(&asked)
        .map_err(|_| Error::Child("there is no task on standard input".to_owned()))?;
    let reply = serde_json::to_vec(&work::done(&request)).map_err(|error| failed(&error))?;
    answer.write_all(&reply).map_err(|error| failed(&error))
}

fn answered(reply: Reply) -> Result<Answered, Error> {
    match reply {
        Reply::Info(info) => Ok(Answered::Info(info)),
        Reply::Done => Ok(Answered::Done),
        Reply::Credentials(held) => Ok(Answered::Credentials(held)),
        Reply::Fingerprints(known) => Ok(Answered::Fingerprints(known)),
        Reply::Status(status::PIN_INVALID, retries) => Err(Error::PinWrong { retries }),
        Reply::Status(status::PIN_POLICY_VIOLATION, _) => Err(Error::BadRequest(
            "the security key does not take this PIN: choose a longer one".to_owned(),
        )),
        Reply::Status(status::NOT_ALLOWED, _) => Err(Error::BadRequest(
            "the security key has a PIN already: change it with `twostep key pin change`"
                .to_owned(),
        )),
        Reply::Status(status::NO_CREDENTIALS, _) => {
            Err(Error::BadRequest("the security key holds no such credential".to_owned()))
        }
        Reply::Status(status::INVALID_COMMAND, _) | Reply::Unfit => {
            Err(Error::Unfit("it does not know how to do that"))
        }
        Reply::Status(status, _) => Err(status::error(status)),
        Reply::Failed(text) => Err(Error::Child(text)),
    }
}

/// A process that does not outlive its use.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // The process may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Two PINs, a path and a credential id, all with room to spare.
const LONGEST_REQUEST: usize = 16 * 1_024;

/// No list of credentials is longer: the largest keys hold some hundreds.
const LONGEST_REPLY: u64 = 1_024 * 1_024;

/// A key can make the library collect without end.
const MOST_MEMORY: u64 = 512 * 1_024 * 1_024;
