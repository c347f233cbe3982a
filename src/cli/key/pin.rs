//! `twostep key pin`: the PIN that a key asks for.

use clap::Subcommand;
use serde_json::json;
use zeroize::Zeroizing;

use crate::cli::key::manage;
use crate::cli::key::manage::Which;
use crate::cli::output::{Failure, Report};
use crate::cli::prompt;
use crate::usb::manage::Task;
use crate::usb::{Key, Pin as Typed};

/// Give a security key a PIN, or another one
#[derive(Subcommand)]
pub(in crate::cli) enum Pin {
    /// Set the PIN of a key that has none
    ///
    /// From a script: the new PIN on standard input, on a line.
    Set(Which),
    /// Change the PIN of a key
    ///
    /// From a script: the present PIN and the new one on standard input, each on a line.
    Change(Which),
}

impl Pin {
    pub(super) async fn run(&self) -> Result<Report, Failure> {
        let (key, said) = match self {
            Pin::Set(which) => {
                let key = which.key().await?;
                let new = new(&key)?;
                manage::manage(&key, Task::SetPin { new }).await?;
                (key, "has a PIN now")
            }
            Pin::Change(which) => {
                let key = which.key().await?;
                let current = manage::pin(&key)?;
                let new = new(&key)?;
                manage::manage(&key, Task::ChangePin { current, new }).await?;
                (key, "has another PIN now")
            }
        };
        let note = "Eight wrong PINs in a row block it for good.";
        Ok(Report::new(json!({"key": key}), format!("{key} {said}.")).note(note))
    }
}

/// A new PIN, typed twice at a terminal.
fn new(key: &Key) -> Result<Typed, Failure> {
    let new = prompt::pin(&format!("New PIN of {key}"))?;
    fits(&new)?;
    if prompt::is_terminal() && *prompt::pin("The same PIN again")? != *new {
        return Err(Failure::bad_input("these were two different PINs: nothing was changed"));
    }
    Ok(Typed::from(new))
}

/// CTAP 2.1 §6.5.1.
fn fits(pin: &Zeroizing<String>) -> Result<(), Failure> {
    match (pin.chars().count() >= LEAST_CHARACTERS, pin.len() <= MOST_BYTES) {
        (true, true) => Ok(()),
        (false, _) => {
            Err(Failure::bad_input("a PIN has at least 4 characters; letters are fine, too"))
        }
        (_, false) => Err(Failure::bad_input("a PIN has at most 63 bytes")),
    }
}

const LEAST_CHARACTERS: usize = 4;

const MOST_BYTES: usize = 63;
