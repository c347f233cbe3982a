//! `twostep key enroll`: a key that is plugged in here becomes a device of an account.

use serde_json::json;

use crate::cli::console::Console;
use crate::cli::key::Plugged;
use crate::cli::output::{Failure, Report};
use crate::cli::words::text;
use crate::id::{AccountId, DeviceName};
use crate::usb;

/// Enrol a security key for an account
///
/// Plug it in and touch it when it blinks. An account that has a device already needs a session of
/// its owner: --mfa-context FILE.
#[derive(clap::Args)]
pub(in crate::cli) struct Enroll {
    /// Whose key it is [default: your login name]
    #[arg(long)]
    account: Option<AccountId>,
    /// What to call it
    #[arg(long)]
    name: Option<DeviceName>,
    #[command(flatten)]
    plugged: Plugged,
}

impl Enroll {
    pub(super) async fn run(&self, console: &Console) -> Result<Report, Failure> {
        let account = console.account(self.account.as_ref())?;
        let mut body = json!({"account": account});
        if let Some(name) = &self.name {
            body["name"] = name.as_str().into();
        }
        let register = |step: &'static str| ["v1", "security-keys", "register", step];
        let begun = console
            .ask_with_proof(console.client().post(&register("begin")).body(body))
            .await?;
        let credential = self.plugged.answer(&begun["public_key"], usb::register).await?;
        let body = json!({"ceremony_id": begun["ceremony_id"], "credential": credential});
        let enrolled = console
            .ask_with_proof(console.client().post(&register("finish")).body(body))
            .await?;
        let device = enrolled.get("device").cloned().unwrap_or_default();
        let said =
            format!("Enrolled for {}: {}.", text(&device, "account"), text(&device, "serial"));
        Ok(Report::new(enrolled, said).note(format!(
            "Open a session with it: twostep login --key --account {}",
            text(&device, "account")
        )))
    }
}
