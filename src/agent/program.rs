//! A program that the configuration names: run without a shell, without the agent's environment,
//! and with a time limit.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use std::{fmt, fs, io};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::{AccessFlags, Pid, Uid, access};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::agent::private::only_we_replace_files_in;

/// A program and its arguments, each as it stands: `["/usr/local/bin/tell-owner", "--by-mail"]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    path: PathBuf,
    arguments: Vec<String>,
}

/// A failed run of a program.
#[derive(Debug)]
pub(crate) enum ProgramFault {
    NotStarted(PathBuf, io::Error),
    Failed(PathBuf, ExitStatus),
    TooLong(PathBuf, Duration),
}

impl Program {
    /// The problem that keeps it from being run, told of this key of the configuration. Other users
    /// must not be able to change a program that the agent runs.
    pub(crate) fn problem(&self, key: &str) -> Option<String> {
        let show = self.path.display();
        let there = fs::metadata(&self.path)
            .and_then(|there| Ok((there, access(&self.path, AccessFlags::X_OK)?)));
        let Ok((there, ())) = there else {
            return Some(format!("{key}: {show} is not there, or cannot be run by this user"));
        };
        let ours = [0, Uid::effective().as_raw()].contains(&there.uid());
        let shared = !there.is_file() || !ours || there.mode() & 0o022 != 0;
        let folder = self.path.parent().map(only_we_replace_files_in).and_then(Result::err);
        let shared = shared.then(|| {
            format!("others may change {show}: give it to root and run: chmod go-w {show}")
        });
        shared.or(folder).map(|problem| format!("{key}: {problem}"))
    }

    /// Runs it with these variables and a search path as its whole environment, and `input` as its
    /// standard input. Its output is discarded. After `limit` it is killed, with its children.
    pub(crate) async fn run(
        &self,
        limit: Duration,
        variables: &[(&str, &str)],
        input: &[u8],
    ) -> Result<(), ProgramFault> {
        let not_started = |error| ProgramFault::NotStarted(self.path.clone(), error);
        let mut child = Command::new(&self.path)
            .args(&self.arguments)
            .env_clear()
            .env("PATH", PATH)
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
        let Ok(ended) = timeout(limit, end(&mut child, input)).await else {
            // The child is not reaped yet, so its process id is still its own.
            if let Some(group) = group {
                let _ = killpg(group, Signal::SIGKILL);
            }
            let _ = child.wait().await;
            return Err(ProgramFault::TooLong(self.path.clone(), limit));
        };
        let status = ended.map_err(not_started)?;
        if status.success() { Ok(()) } else { Err(ProgramFault::Failed(self.path.clone(), status)) }
    }
}

async fn end(child: &mut Child, input: &[u8]) -> io::Result<ExitStatus> {
    if let Some(mut stdin) = child.stdin.take() {
        // A program may leave its input unread.
        let _ = stdin.write_all(input).await;
    }
    child.wait().await
}

impl<'de> Deserialize<'de> for Program {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Program, D::Error> {
        let mut words = Vec::<String>::deserialize(deserializer)?.into_iter();
        let path = PathBuf::from(words.next().unwrap_or_default());
        if !path.is_absolute() {
            return Err(D::Error::custom(
                "a program is named by its whole path, its arguments after it: \
                 [\"/usr/local/bin/tell-owner\"]",
            ));
        }
        Ok(Program { path, arguments: words.collect() })
    }
}

impl fmt::Display for ProgramFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProgramFault::NotStarted(path, error) => {
                write!(f, "{} cannot be run: {error}", path.display())
            }
            ProgramFault::Failed(path, status) => write!(f, "{} failed: {status}", path.display()),
            ProgramFault::TooLong(path, limit) => {
                write!(f, "{} was killed after {} seconds", path.display(), limit.as_secs())
            }
        }
    }
}

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Program {
        Program { path: "/bin/sh".into(), arguments: vec!["-c".to_owned(), script.to_owned()] }
    }

    const LONG: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn a_program_gets_its_input_and_its_variables_alone() {
        let folder = tempfile::tempdir().unwrap();
        let seen = folder.path().join("seen");
        let program = shell(&format!(
            "{{ cat; echo; env | cut -d= -f1 | grep -vx -e PWD -e SHLVL -e _ | sort; }} > {}",
            seen.display()
        ));
        program.run(LONG, &[("TWOSTEP_EVENT", "$(false) x")], b"told").await.unwrap();
        assert_eq!(std::fs::read_to_string(seen).unwrap(), "told\nPATH\nTWOSTEP_EVENT\n");
    }

    #[tokio::test]
    async fn a_failure_names_the_program_and_its_status() {
        let failed = shell("exit 3").run(LONG, &[], b"").await.unwrap_err();
        assert_eq!(failed.to_string(), "/bin/sh failed: exit status: 3");
        let missing = Program { path: "/no/such/program".into(), arguments: Vec::new() };
        assert_eq!(
            missing.problem("key").unwrap(),
            "key: /no/such/program is not there, or cannot be run by this user"
        );
        assert!(
            missing
                .run(LONG, &[], b"")
                .await
                .unwrap_err()
                .to_string()
                .starts_with("/no/such/program cannot be run: No such file")
        );
    }

    #[tokio::test]
    async fn a_program_and_its_children_are_killed_at_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let marks = folder.path().join("marks");
        let program = shell(&format!("(sleep 1; echo alive > {}) & wait", marks.display()));
        let killed = program.run(Duration::from_millis(100), &[], b"").await.unwrap_err();
        assert!(matches!(killed, ProgramFault::TooLong(..)), "{killed}");
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert!(!marks.exists(), "a child outlived the program");
    }

    #[test]
    fn only_a_whole_path_names_a_program() {
        let read = |text: &str| {
            toml::from_str::<std::collections::BTreeMap<String, Program>>(text).is_ok()
        };
        assert!(read(r#"program = ["/bin/true", "a b"]"#));
        assert!(
            !read(r#"program = ["true"]"#)
                && !read("program = []")
                && !read(r#"program = "/bin/true""#)
        );
    }
}
