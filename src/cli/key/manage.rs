//! Management of a key for its owner, in another process of this program.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::cli::key::ceremony::failure;
use crate::cli::output::{Exit, Failure, Report};
use crate::cli::prompt;
use crate::usb;
use crate::usb::manage::{Answered, Task};
use crate::usb::{Key, Pin, manage};

/// The command that this program gives itself, hidden from people.
pub(super) const COMMAND: &str = "manage-in-child";

/// Carries out the task on standard input.
#[derive(clap::Args)]
pub(in crate::cli) struct Manage {}

/// The key to manage.
#[derive(clap::Args)]
pub(in crate::cli) struct Which {
    /// The key at this device node, where several are plugged in
    #[arg(long, value_name = "PATH")]
    hidraw: Option<PathBuf>,
}

impl Manage {
    pub(super) fn run(&self) -> Result<Report, Failure> {
        manage::serve().map_err(failure)?;
        Ok(Report::new(serde_json::Value::Null, ""))
    }
}

impl Which {
    /// The key that is meant, or the only one there is.
    pub(super) async fn key(&self) -> Result<Key, Failure> {
        let found = blocking(usb::list).await?;
        let mut keys = found
            .into_iter()
            .map(|found| found.key)
            .filter(|key| self.hidraw.as_ref().is_none_or(|path| *path == key.path));
        let none = match &self.hidraw {
            Some(path) => format!("there is no security key at {}", path.display()),
            None => "no security key is plugged in".to_owned(),
        };
        let key = keys.next().ok_or_else(|| {
            Failure::new(Exit::NoKey, none).hint("See what there is: twostep key list")
        })?;
        let others: Vec<String> = keys.map(|other| other.path.display().to_string()).collect();
        if others.is_empty() {
            return Ok(key);
        }
        let paths = [vec![key.path.display().to_string()], others].concat().join(" or ");
        Err(Failure::bad_input("several security keys are plugged in")
            .hint(format!("Say which: --hidraw {paths}")))
    }
}

/// Has this key do that.
pub(super) async fn manage(key: &Key, task: Task) -> Result<Answered, Failure> {
    let program = std::env::current_exe()
        .map_err(|error| Failure::new(Exit::Unavailable, format!("cannot start: {error}")))?;
    let mut command = Command::new(program);
    command.args(["key", COMMAND]);
    let path = key.path.clone();
    blocking(move || manage::manage(command, &path, task, DEADLINE)).await
}

/// The PIN of a key.
pub(super) fn pin(key: &Key) -> Result<Pin, Failure> {
    Ok(Pin::from(prompt::pin(&format!("PIN of {key}"))?))
}

/// Talks to a key on a thread that may wait.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, usb::Error> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|error| {
        Failure::new(Exit::Unavailable, format!("the security key could not be asked: {error}"))
    })?;
    done.map_err(failure)
}

/// No task needs a touch; a key with many credentials takes some seconds to list them.
const DEADLINE: Duration = Duration::from_secs(20);
