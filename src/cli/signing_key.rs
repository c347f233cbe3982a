//! `twostep session keys`: the keys that sign sessions.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::cli::console::Console;
use crate::cli::output::{Failure, Report};
use crate::cli::words;
use crate::cli::words::text;
use crate::session::SigningAlgorithm;

/// Manage the keys that sign sessions
#[derive(Subcommand)]
pub(super) enum SigningKey {
    /// Sign with a new key from now on; the old one verifies what it signed until that is over
    Rotate {
        /// How the new key signs; unless said, as the agent is configured
        #[arg(long, ignore_case = true, value_parser = ["EdDSA", "Ed25519", "ES256"])]
        algorithm: Option<String>,
    },
    /// List the keys, newest first
    List,
    /// Drop a key at once: every session that it signed is over
    Drop {
        /// The key's id, as `list` shows it
        kid: String,
    },
}

impl SigningKey {
    pub(super) async fn run(&self, console: &Console) -> Result<Report, Failure> {
        let client = console.client();
        match self {
            SigningKey::Rotate { algorithm } => {
                let spelt = |typed: &String| {
                    SigningAlgorithm::ALL
                        .into_iter()
                        .find(|known| known.name().eq_ignore_ascii_case(typed))
                };
                let body = match algorithm.as_ref().and_then(spelt) {
                    Some(algorithm) => json!({"algorithm": algorithm.name()}),
                    None => json!({}),
                };
                let key = console.ask(client.post(&["v1", "signing-keys"]).body(body)).await?;
                let text = format!("Sessions are signed by {} from now on.", text(&key, "kid"));
                Ok(Report::new(key, text))
            }
            SigningKey::List => {
                let answer = console.ask(client.get(&["v1", "signing-keys"])).await?;
                let row = |key: &Value| {
                    let state = if key.get("retired_at").is_some_and(Value::is_string) {
                        "verifies only"
                    } else {
                        "signs"
                    };
                    vec![
                        text(key, "kid"),
                        text(key, "algorithm"),
                        state.to_owned(),
                        words::when(key, "created_at"),
                    ]
                };
                let keys = answer
                    .get("signing_keys")
                    .and_then(Value::as_array)
                    .map(|keys| keys.iter().map(row).collect());
                let text = words::table(
                    &["KEY ID", "ALGORITHM", "STATE", "MADE"],
                    &keys.unwrap_or_else(Vec::new),
                );
                Ok(Report::new(answer, text))
            }
            SigningKey::Drop { kid } => {
                console.ask(client.delete(&["v1", "signing-keys", kid])).await?;
                Ok(Report::new(
                    json!({"dropped": kid}),
                    format!("{kid} is dropped, and every session that it signed is over."),
                ))
            }
        }
    }
}
