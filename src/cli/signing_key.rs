//! `twostep session keys`: the keys that sign sessions.

use clap::Subcommand;
use serde::Deserialize;
use serde_json::json;

use crate::cli::console::Console;
use crate::cli::meant::Meant;
use crate::cli::output::{Failure, Report, plain};
use crate::cli::refusal::Task;
use crate::cli::{unverified, words};
use crate::client::{Client, Error};
use crate::session::SigningAlgorithm;
use crate::wire;
use crate::wire::MakeSigningKey;

/// Manage the keys that sign sessions
#[derive(Subcommand)]
pub(super) enum SigningKey {
    /// Sign with a new key from now on; the old one verifies what it signed until that is over
    Rotate {
        /// The algorithm of the new key [default: the agent's]
        #[arg(long, ignore_case = true, value_parser = ["EdDSA", "Ed25519", "ES256"])]
        algorithm: Option<String>,
    },
    /// List the keys, newest first
    List,
    /// Print the public keys and the issuer, for services that validate sessions offline
    ///
    /// twostep session keys export > jwks.json: a JWK Set (RFC 7517) with the member "issuer". Take
    /// it again when keys are rotated; a service that follows the agent does so by itself.
    Export,
    /// Drop a key at once: every session that it signed is over
    Drop {
        /// The key's id, as `list` shows it
        #[arg(allow_hyphen_values = true)]
        kid: String,
        #[command(flatten)]
        meant: Meant,
    },
}

impl SigningKey {
    pub(super) async fn run(&self, console: &Console) -> Result<Report, Failure> {
        let client = console.client();
        let failed = console.failing(Task::Other);
        match self {
            SigningKey::Rotate { algorithm } => {
                let algorithm = algorithm.as_deref().and_then(spelt);
                let key = MakeSigningKey {
                    algorithm: algorithm.map(|algorithm| algorithm.name().to_owned()),
                };
                let key = client.rotate_signing_keys(&key).await.map_err(failed)?;
                let text = format!("Sessions are signed by {} from now on.", plain(&key.kid));
                Ok(Report::new(key, text))
            }
            SigningKey::List => {
                let keys = client.signing_keys().await.map_err(failed)?;
                let rows: Vec<Vec<String>> = keys.signing_keys.iter().map(row).collect();
                let text = words::table(&["KEY ID", "ALGORITHM", "STATE", "MADE"], &rows);
                Ok(Report::new(keys, text))
            }
            SigningKey::Export => export(client).await.map_err(failed),
            SigningKey::Drop { kid, meant } => {
                meant.sure(&format!("every session that {} signed is over", plain(kid)))?;
                client.drop_signing_key(kid).await.map_err(failed)?;
                let text = format!("{kid} is dropped, and every session that it signed is over.");
                Ok(Report::new(json!({"dropped": kid}), text))
            }
        }
    }
}

/// The issuer's name is in its list of revocations, which every caller may read as well.
async fn export(client: &Client) -> Result<Report, Error> {
    let mut set = client.jwks().await?;
    let issuer = issuer_of(&client.revocations().await?);
    if let (Some(members), Some(issuer)) = (set.as_object_mut(), issuer) {
        members.insert("issuer".to_owned(), issuer.into());
    }
    let text = serde_json::to_string_pretty(&set).unwrap_or_default();
    Ok(Report::verbatim(set, text))
}

fn issuer_of(list: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Claims {
        iss: String,
    }
    unverified::claims(list).map(|Claims { iss }| iss)
}

/// The algorithm of this name in any case; in a token its case counts.
fn spelt(typed: &str) -> Option<SigningAlgorithm> {
    SigningAlgorithm::ALL
        .into_iter()
        .find(|known| known.name().eq_ignore_ascii_case(typed))
}

fn row(key: &wire::SigningKey) -> Vec<String> {
    let state = if key.retired_at.is_some() { "verifies only" } else { "signs" };
    vec![
        plain(&key.kid),
        plain(&key.algorithm),
        state.to_owned(),
        words::when(Some(key.created_at)),
    ]
}
