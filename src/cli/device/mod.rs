//! `twostep device`: enrol devices, mend them, remove them.

mod add;
mod codes;
mod show;

pub(super) use show::table;

use clap::Subcommand;
use serde_json::json;

use crate::cli::console::{Console, existing_account};
use crate::cli::output::{Failure, Report};
use crate::id::{AccountId, DeviceName, SerialNumber};

/// Enrol tokens and authenticator apps, mend them, remove them
#[derive(Subcommand)]
pub(super) enum Device {
    Add(add::Add),
    /// Put a device in use, on proof of two consecutive codes
    Activate {
        /// The device
        serial: SerialNumber,
    },
    /// Find a device again whose clock or counter ran away, by two consecutive codes; also unlocks
    /// it
    Resync {
        /// The device
        serial: SerialNumber,
    },
    /// List devices
    List {
        /// Only those of this account
        #[arg(long, value_parser = existing_account)]
        account: Option<AccountId>,
        /// Only those in this state
        #[arg(long, value_parser = ["pending", "active", "disabled", "locked"])]
        state: Option<String>,
    },
    /// Show all that is known of a device, its drift in words
    Show {
        /// The device
        serial: SerialNumber,
    },
    /// Give a device another name
    Rename {
        /// The device
        serial: SerialNumber,
        /// What its owner calls it
        name: DeviceName,
    },
    /// Take a device out of use until two consecutive codes activate it again
    Deactivate {
        /// The device
        serial: SerialNumber,
    },
    /// Remove a device for good; what it consumed stays consumed
    Remove {
        /// The device
        serial: SerialNumber,
    },
    /// Clear the lock and the failures of a device, on an administrator's word
    Unlock {
        /// The device
        serial: SerialNumber,
    },
}

impl Device {
    pub(super) async fn run(&self, console: &Console) -> Result<Report, Failure> {
        let client = console.client();
        match self {
            Device::Add(add) => add.run(console).await,
            Device::Activate { serial } => codes::activate(console, serial).await,
            Device::Resync { serial } => codes::resync(console, serial).await,
            Device::List { account, state } => {
                show::list(console, account.as_ref(), state.as_deref()).await
            }
            Device::Show { serial } => {
                let device = console.ask(client.get(&["v1", "devices", serial.as_str()])).await?;
                let text = show::device(&device);
                Ok(Report::new(device, text))
            }
            Device::Rename { serial, name } => {
                let call = client
                    .patch(&["v1", "devices", serial.as_str()])
                    .body(json!({"name": name.as_str()}));
                Ok(Report::new(console.ask(call).await?, format!("{serial} is called {name}.")))
            }
            Device::Deactivate { serial } => {
                let device = console
                    .ask_with_proof(client.post(&["v1", "devices", serial.as_str(), "deactivate"]))
                    .await?;
                let report = Report::new(
                    device,
                    format!("{serial} is disabled, and sessions opened with it are over."),
                );
                Ok(report.note(format!(
                    "Two consecutive codes put it in use again: twostep device activate {serial}"
                )))
            }
            Device::Remove { serial } => {
                console
                    .ask_with_proof(client.delete(&["v1", "devices", serial.as_str()]))
                    .await?;
                Ok(Report::new(
                    json!({"removed": serial.as_str()}),
                    format!("{serial} is removed, and sessions opened with it are over."),
                ))
            }
            Device::Unlock { serial } => {
                let device =
                    console.ask(client.post(&["v1", "devices", serial.as_str(), "unlock"])).await?;
                Ok(Report::new(device, format!("{serial} is unlocked.")))
            }
        }
    }
}
