//! A program that the configuration names: run without a shell, with nothing of the agent's environment, and not for long.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::sys::signal::killpg;
use nix::unistd::AccessFlags;
use nix::unistd::Pid;
use nix::unistd::access;
use serde::Deserialize;
use serde::Deserializer;
use serde::de::Error as _;
use tokio::io::AsyncWriteExt;
use tokio::process::Child;
use tokio::process::Command;
use tokio::time::timeout;

/// A program and its arguments, each as it stands: `["/usr/local/bin/tell-owner", "--by-mail"]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    path: PathBuf,
    arguments: Vec<String>,
}

/// Why a program did not do what it is there for.
#[derive(Debug)]
pub(crate) enum ProgramFault {
    NotStarted(PathBuf, io::Error),
    Failed(PathBuf, ExitStatus),
    TooLong(PathBuf),
}

impl Program {
    /// What keeps it from being run, said of this key of the configuration.
    pub(crate) fn problem(&self, key: &str) -> Option<String> {
        let show = self.path.display();
        access(&self.path, AccessFlags::X_OK).err().map(|error| format!("{key}: {show} cannot be run: {}", error.desc()))
    }

    /// Runs it with these variables, a search path and nothing else in its environment. It reads `input` from its standard
    /// input, and what it prints is nobody's. When its time is over it is killed, with all that it started.
    pub(crate) async fn run(&self, variables: &[(&str, &str)], input: &[u8]) -> Result<(), ProgramFault> {
        let not_started = |error| ProgramFault::NotStarted(self.path.clone(), error);
        let mut child = Command::new(&self.path)
            .args(&self.arguments)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .envs(variables.iter().copied())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(not_started)?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        let Ok(ended) = timeout(LONGEST, end(&mut child, input)).await else {
            if let Some(group) = group {
                // It may have ended by itself just now.
                let _ = killpg(group, Signal::SIGKILL);
            }
            let _ = child.wait().await;
            return Err(ProgramFault::TooLong(self.path.clone()));
        };
        let status = ended.map_err(not_started)?;
        if status.success() { Ok(()) } else { Err(ProgramFault::Failed(self.path.clone(), status)) }
    }
}

async fn end(child: &mut Child, input: &[u8]) -> io::Result<ExitStatus> {
    if let Some(mut stdin) = child.stdin.take() {
        // A program need not read what it is told.
        let _ = stdin.write_all(input).await;
    }
    child.wait().await
}

impl<'de> Deserialize<'de> for Program {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Program, D::Error> {
        let mut words = Vec::<String>::deserialize(deserializer)?.into_iter();
        let path = PathBuf::from(words.next().unwrap_or_default());
        if !path.is_absolute() {
            return Err(D::Error::custom("a program is named by its whole path, its arguments after it: [\"/usr/local/bin/tell-owner\"]"));
        }
        Ok(Program { path, arguments: words.collect() })
    }
}

impl fmt::Display for ProgramFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProgramFault::NotStarted(path, error) => write!(f, "{} cannot be run: {error}", path.display()),
            ProgramFault::Failed(path, status) => write!(f, "{} failed: {status}", path.display()),
            ProgramFault::TooLong(path) => write!(f, "{} was killed after {} seconds", path.display(), LONGEST.as_secs()),
        }
    }
}

/// For how long a program may run.
const LONGEST: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Program {
        Program { path: "/bin/sh".into(), arguments: vec!["-c".to_owned(), script.to_owned()] }
    }

    #[tokio::test]
    async fn it_gets_its_input_and_its_variables_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let seen = folder.path().join("seen");
        let program = shell(&format!("{{ cat; echo; env | cut -d= -f1 | grep -vx -e PWD -e SHLVL -e _ | sort; }} > {}", seen.display()));
        program.run(&[("TWOSTEP_EVENT", "x")], b"told").await.unwrap();
        assert_eq!(std::fs::read_to_string(seen).unwrap(), "told\nPATH\nTWOSTEP_EVENT\n");
    }

    #[tokio::test]
    async fn what_went_wrong_is_told() {
        let failed = shell("exit 3").run(&[], b"").await.unwrap_err();
        assert_eq!(failed.to_string(), "/bin/sh failed: exit status: 3");
        let missing = Program { path: "/no/such/program".into(), arguments: Vec::new() };
        assert_eq!(missing.problem("key").unwrap(), "key: /no/such/program cannot be run: No such file or directory");
        assert!(missing.run(&[], b"").await.unwrap_err().to_string().starts_with("/no/such/program cannot be run: No such file"));
    }

    #[tokio::test(start_paused = true)]
    async fn it_and_its_children_are_killed_when_the_time_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let marks = folder.path().join("marks");
        let program = shell(&format!("(sleep 3; echo alive > {}) & wait", marks.display()));
        // Time stands still here but for the timer, which is due at once.
        let killed = program.run(&[], b"").await.unwrap_err();
        assert!(matches!(killed, ProgramFault::TooLong(_)), "{killed}");
        std::thread::sleep(Duration::from_millis(3_500));
        assert!(!marks.exists(), "a child outlived the program");
    }

    #[test]
    fn only_a_whole_path_names_a_program() {
        let read = |text: &str| toml::from_str::<std::collections::BTreeMap<String, Program>>(text).is_ok();
        assert!(read(r#"program = ["/bin/true", "a b"]"#));
        assert!(!read(r#"program = ["true"]"#) && !read("program = []") && !read(r#"program = "/bin/true""#));
    }
}
