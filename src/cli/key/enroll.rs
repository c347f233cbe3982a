//! `twostep key enroll`: a key that is plugged in here becomes a device of an account.

use crate::cli::console::Console;
use crate::cli::key::Plugged;
use crate::cli::output::{Failure, Report};
use crate::cli::refusal::Task;
use crate::cli::{owner, words};
use crate::id::{AccountId, DeviceName};
use crate::usb;
use crate::wire::RegisteredKey;

/// Enrol a security key for an account
///
/// Plug it in and touch it when it blinks. An account that has a device already needs a session of
/// its owner: --mfa-context FILE.
#[derive(clap::Args)]
pub(in crate::cli) struct Enroll {
    /// The account that gets the key [default: your login name]
    #[arg(long)]
    account: Option<AccountId>,
    /// The name of the key
    #[arg(long)]
    name: Option<DeviceName>,
    #[command(flatten)]
    plugged: Plugged,
}

impl Enroll {
    pub(super) async fn run(&self, console: &Console) -> Result<Report, Failure> {
        let account = console.account(self.account.as_ref())?;
        let failed = console.failing(Task::Enroll);
        let owner = owner::of_account(console, &account, self.account.is_some()).await?;
        let begun = owner.begin_registration(&account, self.name.as_ref()).await;
        let begun = begun.map_err(&failed)?;
        let credential = self.plugged.answer(console, &begun.public_key, usb::register).await?;
        let enrolled = owner.finish_registration(&begun.ceremony_id, credential).await;
        let device = enrolled.map_err(&failed)?;
        let said = format!("Enrolled for {}: {}.", words::text(&account), device.serial);
        let login = console.login_command(&account);
        Ok(Report::new(RegisteredKey { device }, said)
            .note(format!("Open a session with it: {login} --key")))
    }
}
