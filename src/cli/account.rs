//! `twostep account`: what administrators do for accounts.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::cli::console::{Console, existing_account};
use crate::cli::output::{Failure, Report, plain};
use crate::cli::words::text;
use crate::cli::{device, words};
use crate::id::AccountId;

/// List accounts, remove one, let somebody in who is locked out
#[derive(Subcommand)]
pub(super) enum Account {
    /// List accounts
    List {
        /// Only those without an active device
        #[arg(long)]
        without_mfa: bool,
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
    },
    /// Make a code that opens one session for somebody who is locked out
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
        match self {
            Account::List { without_mfa } => {
                let page = || {
                    client
                        .get(&["v1", "accounts"])
                        .query("without_mfa", without_mfa.then_some("true"))
                };
                let accounts = console.ask_all("accounts", page).await?;
                let text = table(&accounts);
                Ok(Report::new(json!({"accounts": accounts}), text))
            }
            Account::Show { account } => {
                let page =
                    || client.get(&["v1", "devices"]).query("account", Some(account.as_str()));
                let devices = console.ask_all("devices", page).await?;
                let text = if devices.is_empty() {
                    format!("{} has no devices.", plain(account.as_str()))
                } else {
                    device::table(&devices, false)
                };
                Ok(Report::new(json!({"account": account.as_str(), "devices": devices}), text))
            }
            Account::Remove { account } => {
                console.ask(client.delete(&["v1", "accounts", account.as_str()])).await?;
                Ok(Report::new(
                    json!({"removed": account.as_str()}),
                    format!(
                        "{} is removed, with its devices and sessions.",
                        plain(account.as_str())
                    ),
                ))
            }
            Account::Bypass { account, ttl } => {
                let body = ttl.map_or_else(|| json!({}), |ttl| json!({"ttl_seconds": ttl}));
                let answer = console
                    .ask(client.post(&["v1", "accounts", account.as_str(), "bypass"]).body(body))
                    .await?;
                let until = words::at(&answer, "expires_at");
                let (code, account) = (text(&answer, "code"), plain(account.as_str()));
                let note = format!(
                    "It opens one session of {account}, until {until}. Make sure that it is {account} whom you give it to."
                );
                Ok(Report::new(answer, code).note(note))
            }
        }
    }
}

fn table(accounts: &[Value]) -> String {
    if accounts.is_empty() {
        return String::new();
    }
    let row = |account: &Value| {
        vec![
            text(account, "account"),
            text(account, "devices"),
            text(account, "active_devices"),
            words::when(account, "created_at"),
        ]
    };
    words::table(
        &["ACCOUNT", "DEVICES", "ACTIVE", "SINCE"],
        &accounts.iter().map(row).collect::<Vec<Vec<String>>>(),
    )
}
