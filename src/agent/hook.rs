//! A program of the operator's that is run when something has happened: without a shell, with arguments that nobody else has a
//! say in, and with few variables in its environment.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use nix::sys::signal::Signal;
use nix::sys::signal::killpg;
use nix::unistd::Pid;

/// The program, and for how long it may run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hook {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) limit: Duration,
}

/// What became of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HookError {
    #[error("it cannot be started: {0}")]
    NotStarted(io::Error),
    #[error("it ended with {0}")]
    Failed(ExitStatus),
    #[error("it took too long and was killed")]
    TooLong,
}

impl Hook {
    /// Runs it to its end, or kills it and whatever it started. Blocks.
    pub(crate) fn run(&self, variables: &[(&str, &str)]) -> Result<(), HookError> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env_clear().env("PATH", PATH).envs(variables.iter().copied()).current_dir("/");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let mut child = command.spawn().map_err(HookError::NotStarted)?;
        let end = Instant::now() + self.limit;
        loop {
            match child.try_wait().map_err(HookError::NotStarted)? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(HookError::Failed(status)),
                None if Instant::now() >= end => break,
                None => thread::sleep(LOOK),
            }
        }
        // It is still there, so its number is still its own.
        if let Ok(group) = i32::try_from(child.id()) {
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
        let _ = child.wait();
        Err(HookError::TooLong)
    }
}

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const LOOK: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> Result<(), HookError> {
        let hook = Hook { program: "/bin/sh".into(), arguments: vec!["-c".to_owned(), script.to_owned()], limit };
        hook.run(&[("TWOSTEP_ACCOUNT", "$(false) alice")])
    }

    #[test]
    fn a_hook_gets_its_variables_and_no_others() {
        let long = Duration::from_secs(10);
        assert!(shell("test \"$TWOSTEP_ACCOUNT\" = '$(false) alice' && test -z \"$CARGO$HOME\"", long).is_ok());
        assert!(matches!(shell("exit 3", long), Err(HookError::Failed(status)) if status.code() == Some(3)));
        let nowhere = Hook { program: "/nowhere".into(), arguments: Vec::new(), limit: long };
        assert!(matches!(nowhere.run(&[]), Err(HookError::NotStarted(_))));
    }

    #[test]
    fn a_hook_that_takes_too_long_is_killed_with_what_it_started() {
        let begun = Instant::now();
        assert!(matches!(shell("sleep 60 & sleep 60", Duration::from_millis(200)), Err(HookError::TooLong)));
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}
