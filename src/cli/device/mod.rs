//! `twostep device`: enrol devices, mend them, remove them.

mod add;
mod codes;
mod export;
mod file;
mod import;
mod imported;
mod list;
mod progress;
mod secret;
mod show;

pub(super) use show::table;

use clap::Subcommand;
use serde_json::json;

use crate::cli::console::Console;
use crate::cli::meant::Meant;
use crate::cli::output::{Failure, Report};
use crate::cli::refusal::Task;
use crate::cli::{known, owner};
use crate::id::{AccountId, DeviceName, SerialNumber};

/// Enrol tokens and authenticator apps, mend them, remove them
#[derive(Subcommand)]
pub(super) enum Device {
    Add(add::Add),
    Import(import::Import),
    Export(export::Export),
    /// Give a device in stock to its owner, who puts it in use by two consecutive codes
    Assign {
        /// The device
        serial: SerialNumber,
        /// The account that gets it
        #[arg(long)]
        account: AccountId,
    },
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
    /// Name the cause for which two consecutive codes do not work, and the command that mends it;
    /// for administrators
    ///
    /// Tries other time steps, hash functions, forms of the secret and clocks, and the neighbours
    /// of the device's batch. The codes are not spent.
    Diagnose {
        /// The device
        serial: SerialNumber,
    },
    /// List devices, in the order of their accounts
    List(list::List),
    /// Show all that is known of a device, its drift in words
    Show {
        /// The device
        serial: SerialNumber,
    },
    /// Give a device another name
    Rename {
        /// The device
        serial: SerialNumber,
        /// The name that its owner gives it
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
        #[command(flatten)]
        meant: Meant,
    },
    /// Clear the lock, the failures and the spent pairs of a device, on an administrator's word
    Unlock {
        /// The device
        serial: SerialNumber,
    },
}

impl Device {
    pub(super) async fn run(&self, console: &Console) -> Result<Report, Failure> {
        let done = self.act(console).await;
        match (done, self.serial()) {
            (Err(refused), Some(serial)) if refused.is_of_an_unknown() => {
                Err(known::with_nearest(console, serial, refused).await)
            }
            (done, _) => done,
        }
    }

    /// The device that the command names.
    fn serial(&self) -> Option<&SerialNumber> {
        match self {
            Device::Add(_) | Device::Export(_) | Device::Import(_) | Device::List(_) => None,
            Device::Activate { serial }
            | Device::Resync { serial }
            | Device::Diagnose { serial }
            | Device::Show { serial }
            | Device::Rename { serial, .. }
            | Device::Assign { serial, .. }
            | Device::Deactivate { serial }
            | Device::Remove { serial, .. }
            | Device::Unlock { serial } => Some(serial),
        }
    }

    async fn act(&self, console: &Console) -> Result<Report, Failure> {
        let client = console.client();
        let (failed, not_changed) = (console.failing(Task::Other), console.failing(Task::Change));
        match self {
            Device::Add(add) => add.run(console).await,
            Device::Import(import) => import.run(console).await,
            Device::Export(export) => export.run(console).await,
            Device::Assign { serial, account } => {
                let device = client.assign_device(serial, account).await.map_err(failed)?;
                let text = format!("{serial} is {account}'s, and pending.");
                Ok(Report::new(device, text).note(format!(
                    "Two consecutive codes put it in use: twostep device activate {serial}"
                )))
            }
            Device::Activate { serial } => codes::activate(console, serial).await,
            Device::Resync { serial } => codes::resync(console, serial).await,
            Device::Diagnose { serial } => codes::diagnose(console, serial).await,
            Device::List(list) => list.run(console).await,
            Device::Show { serial } => {
                let device = client.device(serial).await.map_err(failed)?;
                let text = show::device(&device);
                Ok(Report::new(device, text))
            }
            Device::Rename { serial, name } => {
                let device = client.rename_device(serial, name).await.map_err(failed)?;
                Ok(Report::new(device, format!("{serial} is called {name}.")))
            }
            Device::Deactivate { serial } => {
                let owner = owner::of_device(console, serial).await?;
                let device = owner.deactivate_device(serial).await.map_err(not_changed)?;
                let text = format!("{serial} is disabled, and sessions opened with it are over.");
                Ok(Report::new(device, text).note(format!(
                    "Two consecutive codes put it in use again: twostep device activate {serial}"
                )))
            }
            Device::Remove { serial, meant } => {
                let owner = owner::of_device(console, serial).await?;
                meant.sure(&format!("{serial} is removed for good, and its sessions are over"))?;
                owner.remove_device(serial).await.map_err(not_changed)?;
                let text = format!("{serial} is removed, and sessions opened with it are over.");
                Ok(Report::new(json!({"removed": serial}), text))
            }
            Device::Unlock { serial } => {
                let device = client.unlock_device(serial).await.map_err(failed)?;
                Ok(Report::new(device, format!("{serial} is unlocked.")))
            }
        }
    }
}
