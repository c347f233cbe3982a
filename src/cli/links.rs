//! `twostep console`: one-time links to the console.

use clap::Subcommand;
use serde_json::json;

use crate::cli::console::{Console, existing_account};
use crate::cli::output::{Failure, Report, plain};
use crate::cli::qr::{Drawing, Qr};
use crate::cli::refusal::Task;
use crate::cli::words;
use crate::id::AccountId;
use crate::wire::{ConsoleLink, MakeConsoleLink};

/// Make, list and withdraw one-time links to the console
#[derive(Subcommand)]
pub(super) enum Links {
    /// Make a link for an account, and print it this once; its older links are void
    Link {
        /// The account [default: your login name]
        #[arg(long, value_parser = existing_account)]
        account: Option<AccountId>,
        /// For how many seconds it can be opened [default: 86400]
        #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(60..=604_800))]
        ttl: Option<u64>,
        /// Let in a person who has no device left: to open the link counts as a bypass code
        #[arg(long)]
        recover: bool,
        /// The drawing of the QR code
        #[arg(long, value_enum, default_value_t, value_name = "HOW")]
        qr: Qr,
    },
    /// List the links that can be opened
    #[command(name = "links")]
    List,
    /// Withdraw a link: it cannot be opened any more
    Withdraw {
        /// The link's id, as `links` shows it
        id: String,
    },
}

impl Links {
    pub(super) async fn run(&self, console: &Console) -> Result<Report, Failure> {
        let client = console.client();
        let failed = console.failing(Task::Other);
        match self {
            Links::Link { account, ttl, recover, qr } => {
                let account = console.account(account.as_ref())?;
                let link = MakeConsoleLink {
                    account: account.as_str().to_owned(),
                    ttl_seconds: *ttl,
                    recover: recover.then_some(true),
                };
                let made = client.make_console_link(&link).await.map_err(failed)?;
                let url = plain(made.url.as_str());
                let note = format!(
                    "It opens once, for {}, is shown this once, and ends {}.",
                    plain(account.as_str()),
                    words::when(Some(made.expires_at))
                );
                let undo = format!("Withdraw it: twostep console withdraw {}", plain(&made.id));
                let drawing = qr.draw(made.url.as_str());
                let report = Report::new(&made, url).note(note).once(undo);
                Ok(match drawing {
                    Drawing::Drawn(drawing) => report.note(drawing),
                    Drawing::NotWanted => report,
                    Drawing::Impossible(why) => report.note(format!("{why}.")),
                })
            }
            Links::List => {
                let links = client.all_console_links().await.map_err(failed)?;
                let rows: Vec<Vec<String>> = links.iter().map(row).collect();
                let heads = ["ID", "ACCOUNT", "FOR", "MADE", "MADE BY", "EXPIRES"];
                let text = words::table(&heads, &rows);
                Ok(Report::new(json!({"links": links}), text))
            }
            Links::Withdraw { id } => {
                client.withdraw_console_link(id).await.map_err(failed)?;
                let text = format!("{} is withdrawn.", plain(id));
                Ok(Report::new(json!({"withdrawn": id}), text))
            }
        }
    }
}

fn row(link: &ConsoleLink) -> Vec<String> {
    let purpose = if link.recover { "recovery" } else { "enrolment" };
    vec![
        plain(&link.id),
        plain(link.account.as_str()),
        purpose.to_owned(),
        words::when(Some(link.created_at)),
        plain(link.made_by.as_str()),
        words::when(Some(link.expires_at)),
    ]
}
