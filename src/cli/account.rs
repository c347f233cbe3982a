//! `twostep account`: list and remove accounts, let a locked-out person in.

use std::time::Duration;

use clap::Subcommand;
use serde_json::json;

use crate::cli::console::{Console, existing_account};
use crate::cli::meant::Meant;
use crate::cli::output::{Failure, Report, plain};
use crate::cli::refusal::Task;
use crate::cli::{device, known, words};
use crate::id::{AccountId, SerialNumber};
use crate::wire;
use crate::wire::{ListAccounts, Timestamp};

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
    /// Replace a lost device: remove it, and make a code that opens one session, in one step
    Recover {
        /// The account
        #[arg(value_parser = existing_account)]
        account: AccountId,
        /// The lost device [default: the only one, recovery codes apart]
        #[arg(long)]
        serial: Option<SerialNumber>,
        /// For how many seconds the code can be used [default: 3600]
        #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(60..=86_400))]
        ttl: Option<u64>,
        #[command(flatten)]
        meant: Meant,
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
                let (code, note) =
                    (plain(bypass.code.as_str()), opens_one(account, bypass.expires_at));
                let again = words::quoted(account.as_str());
                let undo = format!("It ends by itself. Another: twostep account bypass {again}");
                Ok(Report::new(bypass, code).note(note).once(undo))
            }
            Account::Recover { account, serial, ttl, meant } => {
                recover(console, (account, serial.as_ref()), *ttl, meant).await
            }
        }
    }
}

async fn recover(
    console: &Console,
    (account, lost): (&AccountId, Option<&SerialNumber>),
    ttl: Option<u64>,
    meant: &Meant,
) -> Result<Report, Failure> {
    known::account(console, account).await?;
    let name = plain(account.as_str());
    let device = lost.map_or_else(|| "the only device".to_owned(), SerialNumber::to_string);
    meant.sure(&format!("{device} of {name} is removed for good"))?;
    let recovered = console.client().recover(account, lost, ttl.map(Duration::from_secs)).await;
    let recovered = recovered.map_err(console.failing(Task::Other))?;
    let code = plain(recovered.code.as_str());
    let removed =
        format!("{} is removed, and sessions opened with it are over.", recovered.removed);
    let note = opens_one(account, recovered.expires_at);
    let next = words::quoted(account.as_str());
    let another = format!("It ends by itself. Another: twostep account bypass {next}");
    let next = format!("Then give {name} a new one: twostep device add --account {next}");
    Ok(Report::new(recovered, code).once(another).note(removed).note(note).note(next))
}

/// The note beside a code that opens one session.
fn opens_one(account: &AccountId, until: Timestamp) -> String {
    let (until, name) = (words::at(Some(until)), plain(account.as_str()));
    format!(
        "It opens one session of {name}, until {until}. \
         Make sure that you give it to {name} and to no other person."
    )
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
