//! `twostep access-key`: keys with which AWS's clients sign.

use clap::Subcommand;
use serde_json::json;

use crate::cli::console::{Console, existing_account};
use crate::cli::output::{Failure, Report, plain};
use crate::cli::refusal::Task;
use crate::cli::words;
use crate::id::AccountId;
use crate::wire;
use crate::wire::{ChangeAccessKey, MakeAccessKey};

/// Let the clients of AWS sign as users
#[derive(Subcommand)]
pub(super) enum AccessKey {
    /// Make a key, and print its secret this once
    Create {
        /// The account of the user
        #[arg(long, value_parser = existing_account, required_unless_present = "root")]
        account: Option<AccountId>,
        /// Make a key of root, which may do everything
        #[arg(long, conflicts_with = "account")]
        root: bool,
    },
    /// List the keys
    List,
    /// Let a key sign again
    Activate {
        /// The key's id, as `list` shows it
        id: String,
    },
    /// Take a key out of use; sessions that it opened end
    Deactivate {
        /// The key's id, as `list` shows it
        id: String,
    },
    /// Delete a key; sessions that it opened end
    Delete {
        /// The key's id, as `list` shows it
        id: String,
    },
}

impl AccessKey {
    pub(super) async fn run(&self, console: &Console) -> Result<Report, Failure> {
        let client = console.client();
        let failed = console.failing(Task::Other);
        match self {
            AccessKey::Create { account, root } => {
                let account = account.as_ref().map(AccountId::to_string);
                let key = MakeAccessKey { account, root: root.then_some(true) };
                let made = client.make_access_key(&key).await.map_err(failed)?;
                let id = plain(&made.access_key_id);
                let secret = plain(made.secret_access_key.as_str());
                let text = format!("aws_access_key_id = {id}\naws_secret_access_key = {secret}");
                let undo = format!("Delete it: twostep access-key delete {id}");
                let note = "The secret is shown this once. The two lines belong under a profile \
                            of ~/.aws/credentials";
                Ok(Report::new(made, text).note(note).once(undo))
            }
            AccessKey::List => {
                let keys = client.access_keys().await.map_err(failed)?;
                let rows: Vec<Vec<String>> = keys.access_keys.iter().map(row).collect();
                let text = words::table(&["ID", "USER", "STATE", "MADE"], &rows);
                Ok(Report::new(keys, text))
            }
            AccessKey::Activate { id } => {
                let change = ChangeAccessKey { active: true };
                client.change_access_key(id, change).await.map_err(failed)?;
                Ok(Report::new(json!({"activated": id}), format!("{} is in use.", plain(id))))
            }
            AccessKey::Deactivate { id } => {
                let change = ChangeAccessKey { active: false };
                client.change_access_key(id, change).await.map_err(failed)?;
                let text = format!("{} is out of use.", plain(id));
                Ok(Report::new(json!({"deactivated": id}), text))
            }
            AccessKey::Delete { id } => {
                client.delete_access_key(id).await.map_err(failed)?;
                Ok(Report::new(json!({"deleted": id}), format!("{} is deleted.", plain(id))))
            }
        }
    }
}

fn row(key: &wire::AccessKey) -> Vec<String> {
    let user = key
        .account
        .as_ref()
        .map_or_else(|| "root".to_owned(), |user| plain(user.as_str()));
    let state = if key.active { "active" } else { "inactive" };
    vec![plain(&key.access_key_id), user, state.to_owned(), words::when(Some(key.created_at))]
}
