//! `twostep key credentials`: what a key holds itself.

use clap::Subcommand;
use serde_json::json;

use crate::cli::key::info::unexpected;
use crate::cli::key::manage;
use crate::cli::key::manage::Which;
use crate::cli::meant::Meant;
use crate::cli::output::{Failure, Report};
use crate::cli::{prompt, words};
use crate::usb::manage::{Answered, Task};

/// List or delete the credentials that a key holds itself
///
/// Credentials on a key are passkeys, which the key finds without the name of an account. The key
/// makes all others anew from the data that the service sends.
#[derive(Subcommand)]
pub(in crate::cli) enum Credentials {
    /// List them; the key wants its PIN
    List(Which),
    /// Delete one, for good; the key wants its PIN
    Delete(Delete),
}

#[derive(clap::Args)]
pub(in crate::cli) struct Delete {
    /// The id, or the beginning of it, as the list shows it
    #[arg(value_parser = hexadecimal)]
    id: String,
    #[command(flatten)]
    meant: Meant,
    #[command(flatten)]
    which: Which,
}

impl Credentials {
    pub(super) async fn run(&self) -> Result<Report, Failure> {
        match self {
            Credentials::List(which) => list(which).await,
            Credentials::Delete(delete) => delete.run().await,
        }
    }
}

async fn list(which: &Which) -> Result<Report, Failure> {
    let key = which.key().await?;
    let pin = manage::pin(&key)?;
    let Answered::Credentials(held) = manage::manage(&key, Task::Credentials { pin }).await? else {
        return Err(unexpected());
    };
    let rows: Vec<Vec<String>> = held
        .iter()
        .map(|held| vec![held.rp_id.to_string(), held.user.to_string(), held.id.clone()])
        .collect();
    let text = if rows.is_empty() {
        String::new()
    } else {
        words::table(&["SERVICE", "USER", "ID"], &rows)
    };
    let report = Report::new(json!({"key": key, "credentials": held}), text);
    Ok(if held.is_empty() { report.note("The key holds no credentials itself.") } else { report })
}

impl Delete {
    async fn run(&self) -> Result<Report, Failure> {
        self.meant.possible("what is deleted from a key is gone for good")?;
        let key = self.which.key().await?;
        let pin = prompt::pin(&format!("PIN of {key}"))?;
        let all = Task::Credentials { pin: pin.clone().into() };
        let Answered::Credentials(held) = manage::manage(&key, all).await? else {
            return Err(unexpected());
        };
        let mut fitting = held.iter().filter(|held| held.id.starts_with(&self.id));
        let none = || {
            Failure::bad_input(format!("{key} holds no credential {}", self.id))
                .hint("See what it holds: twostep key credentials list")
        };
        let credential = fitting.next().ok_or_else(none)?;
        if fitting.next().is_some() {
            return Err(Failure::bad_input(format!(
                "several credentials begin with {}: say more of it",
                self.id
            )));
        }
        let what = format!("the credential of {} for {}", credential.user, credential.rp_id);
        self.meant.sure(&format!("{what} is deleted from {key}, for good"))?;
        let id = bytes(&credential.id).ok_or_else(none)?;
        manage::manage(&key, Task::DeleteCredential { pin: pin.into(), id }).await?;
        Ok(Report::new(json!({"key": key, "deleted": credential}), format!("Deleted {what}.")))
    }
}

fn hexadecimal(text: &str) -> Result<String, String> {
    match text.len() >= 4 && text.chars().all(|c| c.is_ascii_hexdigit()) {
        true => Ok(text.to_ascii_lowercase()),
        false => Err("an id is four or more of the digits 0 to 9 and a to f".to_owned()),
    }
}

fn bytes(hexadecimal: &str) -> Option<Vec<u8>> {
    (0..hexadecimal.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(hexadecimal.get(at..at + 2)?, 16).ok())
        .collect()
}
