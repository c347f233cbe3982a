//! `twostep account`: list and remove accounts, let a locked-out person in.

use std::time::Duration;

use clap::Subcommand;
use serde_json::json;

use crate::cli::console::{Console, existing_account};
use crate::cli::meant::Meant;
use crate::cli::output::{Failure, Report, plain};
use crate::cli::refusal::Task;
use crate::cli::{device, known, words};
use crate::id::AccountId;
use crate::wire;
use crate::wire::ListAccounts;

/// List accounts, remove one, let a locked-out person in
#[derive(Subcommand)]
pub(super) enum Account {
    /// List accounts
    List {
        /// Only those without an active device
        #[arg(long)]
        without_mfa: bool,
        /// Only those with this text in the name
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
    },
    /// Show an account's devices
    Show {
        /// The account
        #[arg(value_parser = existing_account)]
        account: AccountId,
    },
    /// Remove an account with its devices and sessions; what they consumed stays consumed
    Remove {
        /// The account
        #[arg(value_parser = existing_account)]
        account: AccountId,
        #[command(flatten)]
        meant: Meant,
    },
    /// Make a code that opens one session for a locked-out person
    Bypass {
        /// The account
        #[arg(value_parser = existing_account)]
        account: AccountId,
        /// For how many seconds it can be used [default: 3600]
        #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(60..=86_400))]
        ttl: Option<u64>,
    },
}

impl Account {
    pub(super) async fn run(&self, console: &Console) -> Result<Report, Failure> {
        let client = console.client();
        let failed = console.failing(Task::Other);
        match self {
            Account::List { without_mfa, search } => {
                let which = ListAccounts {
                    without_mfa: without_mfa.then_some(true),
                    search: search.clone(),
                    ..ListAccounts::default()
                };
                let accounts = client.find_accounts(&which).await.map_err(failed)?;
                let text = table(&accounts);
                Ok(Report::new(json!({"accounts": accounts}), text))
            }
            Account::Show { account } => {
                let devices = client.all_devices(Some(account), None).await.map_err(failed)?;
                if devices.is_empty() {
                    known::account(console, account).await?;
                }
                let text = if devices.is_empty() {
                    format!("{} has no devices.", plain(account.as_str()))
                } else {
                    device::table(&devices, false)
                };
                Ok(Report::new(json!({"account": account, "devices": devices}), text))
            }
            Account::Remove { account, meant } => {
                known::account(console, account).await?;
                let name = plain(account.as_str());
                meant.sure(&format!("{name} is removed, with all its devices and sessions"))?;
                client.remove_account(account).await.map_err(failed)?;
                let text = format!("{name} is removed, with its devices and sessions.");
                Ok(Report::new(json!({"removed": account}), text))
            }
            Account::Bypass { account, ttl } => {
                known::account(console, account).await?;
                let ttl = ttl.map(Duration::from_secs);
                let bypass = client.bypass(account, ttl).await.map_err(failed)?;
                let (until, name) = (words::at(Some(bypass.expires_at)), plain(account.as_str()));
                let note = format!(
                    "It opens one session of {name}, until {until}. \
                     Make sure that you give it to {name} and to no other person."
                );
                let code = plain(bypass.code.as_str());
                Ok(Report::new(bypass, code).note(note))
            }
        }
    }
}

fn table(accounts: &[wire::Account]) -> String {
    if accounts.is_empty() {
        return String::new();
    }
    let row = |account: &wire::Account| {
        vec![
            words::text(&account.account),
            account.devices.to_string(),
            account.active_devices.to_string(),
            words::when(Some(account.created_at)),
        ]
    };
    words::table(
        &["ACCOUNT", "DEVICES", "ACTIVE", "SINCE"],
        &accounts.iter().map(row).collect::<Vec<Vec<String>>>(),
    )
}
