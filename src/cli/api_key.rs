//! `twostep api-key`: how programs on other machines are let in.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::cli::console::Console;
use crate::cli::output::{Failure, Report};
use crate::cli::words;
use crate::cli::words::text;

/// Let programs call the agent over TCP
#[derive(Subcommand)]
pub(super) enum ApiKey {
    /// Make a key, and print it this once
    Create {
        /// What it allows
        #[arg(long, value_parser = ["verifier", "enroller", "admin"])]
        role: String,
        /// Whose it is
        #[arg(long)]
        name: Option<String>,
        /// The accounts that exist for it: names, or prefixes that end in * [default: all]
        #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "ACCOUNT")]
        accounts: Vec<String>,
        /// Its refusals carry their reason
        #[arg(long)]
        explain: bool,
        /// It is a proxy's, which says truly where a request went to
        #[arg(long)]
        forward: bool,
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
        match self {
            ApiKey::Create { role, name, accounts, explain, forward } => {
                let mut body = json!({"role": role});
                if let Some(name) = name {
                    body["name"] = name.as_str().into();
                }
                if !accounts.is_empty() {
                    body["accounts"] = accounts.as_slice().into();
                }
                if *explain {
                    body["explain"] = true.into();
                }
                if *forward {
                    body["forward"] = true.into();
                }
                let answer = console.ask(client.post(&["v1", "api-keys"]).body(body)).await?;
                let key = text(&answer, "key");
                let report = Report::new(answer, key);
                Ok(report.note("It is shown this once. Programs send it like this: Authorization: Bearer KEY; proxies, X-Twostep-Key: KEY"))
            }
            ApiKey::List => {
                let answer = console.ask(client.get(&["v1", "api-keys"])).await?;
                let keys = answer
                    .get("api_keys")
                    .and_then(Value::as_array)
                    .map(|keys| keys.iter().map(row).collect());
                let text = words::table(
                    &["ID", "ROLE", "NAME", "ACCOUNTS", "MADE"],
                    &keys.unwrap_or_else(Vec::new),
                );
                Ok(Report::new(answer, text))
            }
            ApiKey::Revoke { id } => {
                console.ask(client.delete(&["v1", "api-keys", id])).await?;
                Ok(Report::new(json!({"revoked": id}), format!("{id} is revoked.")))
            }
        }
    }
}

fn row(key: &Value) -> Vec<String> {
    let accounts = key.get("accounts").and_then(Value::as_array);
    let accounts = accounts.map(|accounts| {
        accounts
            .iter()
            .filter_map(Value::as_str)
            .map(crate::cli::output::plain)
            .collect::<Vec<String>>()
    });
    let accounts = accounts.map_or("all".to_owned(), |accounts| accounts.join(", "));
    vec![
        text(key, "id"),
        text(key, "role"),
        text(key, "name"),
        accounts,
        words::when(key, "created_at"),
    ]
}
