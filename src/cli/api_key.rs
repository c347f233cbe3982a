//! `twostep api-key`: how programs on other machines are let in.

use clap::Subcommand;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::json;

use crate::cli::console::{Console, existing_account};
use crate::cli::output::{Failure, Report, plain};
use crate::cli::refusal::Task;
use crate::cli::words;
use crate::id::AccountId;
use crate::wire;
use crate::wire::{MakeApiKey, Role};

/// Let programs call the agent over TCP
#[derive(Subcommand)]
pub(super) enum ApiKey {
    /// Make a key, and print it this once
    Create {
        /// The role that it gives
        #[arg(long, value_parser = roles())]
        role: Role,
        /// The name of its user
        #[arg(long)]
        name: Option<String>,
        /// The accounts that exist for it: names, or prefixes that end in * [default: all]
        #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "ACCOUNT")]
        accounts: Vec<String>,
        /// Give reasons in refusals
        #[arg(long)]
        explain: bool,
        /// Believe what its requests say of forwarded ones: for a proxy
        #[arg(long)]
        forward: bool,
        /// The account of the operator who signs in to the console with the key and a device of
        /// that account
        #[arg(long, value_name = "ACCOUNT", value_parser = existing_account)]
        operator: Option<AccountId>,
        /// The services of AWS's wire whose signing keys it may ask for, as s3
        #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "SERVICE")]
        signing_keys: Vec<String>,
    },
    /// List the keys that were not revoked
    List,
    /// Revoke a key, at once
    Revoke {
        /// The key's id, as `list` shows it
        id: String,
    },
}

impl ApiKey {
    pub(super) async fn run(&self, console: &Console) -> Result<Report, Failure> {
        let client = console.client();
        let failed = console.failing(Task::Other);
        match self {
            ApiKey::Create { role, name, accounts, explain, forward, operator, signing_keys } => {
                let key = MakeApiKey {
                    name: name.clone(),
                    accounts: (!accounts.is_empty()).then(|| accounts.clone()),
                    explain: explain.then_some(true),
                    forward: forward.then_some(true),
                    operator: operator.as_ref().map(AccountId::to_string),
                    signing_keys: (!signing_keys.is_empty()).then(|| signing_keys.clone()),
                    ..MakeApiKey::new(*role)
                };
                let made = client.make_api_key(&key).await.map_err(failed)?;
                let key = plain(made.key.as_str());
                let undo = format!("Revoke it: twostep api-key revoke {}", plain(&made.api_key.id));
                let note = "It is shown this once. Programs send it in a header, \
                            Authorization: Bearer KEY; proxies send X-Twostep-Key: KEY";
                Ok(Report::new(made, key).note(note).once(undo))
            }
            ApiKey::List => {
                let keys = client.api_keys().await.map_err(failed)?;
                let rows: Vec<Vec<String>> = keys.api_keys.iter().map(row).collect();
                let text =
                    words::table(&["ID", "ROLE", "NAME", "ACCOUNTS", "OPERATOR", "MADE"], &rows);
                Ok(Report::new(keys, text))
            }
            ApiKey::Revoke { id } => {
                client.revoke_api_key(id).await.map_err(failed)?;
                Ok(Report::new(json!({"revoked": id}), format!("{id} is revoked.")))
            }
        }
    }
}

fn roles() -> impl TypedValueParser<Value = Role> {
    PossibleValuesParser::new(Role::ALL.map(Role::name)).try_map(|name| name.parse::<Role>())
}

fn row(key: &wire::ApiKey) -> Vec<String> {
    let accounts = key.accounts.as_ref().map(|accounts| {
        let names: Vec<String> = accounts.iter().map(|name| plain(name)).collect();
        names.join(", ")
    });
    vec![
        plain(&key.id),
        plain(&key.role),
        words::or_dash(key.name.as_ref()),
        accounts.unwrap_or_else(|| "all".to_owned()),
        words::or_dash(key.operator.as_ref()),
        words::when(Some(key.created_at)),
    ]
}
