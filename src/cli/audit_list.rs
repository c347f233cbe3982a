//! `twostep audit list`: entries of the audit log, and those to come.

use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::json;

use crate::cli::console::{Console, existing_account};
use crate::cli::moment::moment;
use crate::cli::output::{Exit, Failure, Report, plain};
use crate::cli::refusal::Task;
use crate::cli::{output, page, words};
use crate::id::{AccountId, SerialNumber};
use crate::store::{Action, AuditCursor};
use crate::wire::{Event, Events, ListEvents, Timestamp};

/// List what happened; the newest entries unless --after says where to begin
#[derive(Args)]
pub(super) struct List {
    /// Begin after this place: `next` of the page before, or the number of an entry
    #[arg(long, value_name = "PLACE")]
    after: Option<AuditCursor>,
    /// List at most so many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
    /// Only what concerns this account
    #[arg(long, value_parser = existing_account)]
    account: Option<AccountId>,
    /// Only what concerns this device
    #[arg(long)]
    serial: Option<SerialNumber>,
    /// Only entries of this action
    #[arg(long, value_parser = actions(), hide_possible_values = true)]
    action: Option<String>,
    /// Only what happened at this time or later: a day (2026-11-22), a time, or how long ago (2h)
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    since: Option<Timestamp>,
    /// Only what happened at this time or earlier
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    until: Option<Timestamp>,
    /// Go on with what happens, until Ctrl-C; with --json one entry a line
    #[arg(long, conflicts_with = "until")]
    follow: bool,
}

impl List {
    pub(super) async fn run(&self, console: &Console, json: bool) -> Result<Report, Failure> {
        let page = self.page(console, self.after.as_ref().map(AuditCursor::to_string)).await?;
        if self.follow {
            return self.follow(console, page, json).await;
        }
        let rows: Vec<Vec<String>> = page.events.iter().map(row).collect();
        let text = if rows.is_empty() { String::new() } else { words::table(&HEADING, &rows) };
        Ok(Report::new(page, text))
    }

    async fn page(&self, console: &Console, after: Option<String>) -> Result<Events, Failure> {
        let which = ListEvents {
            newest: after.is_none().then_some(true),
            after,
            account: self.account.as_ref().map(|account| account.as_str().to_owned()),
            serial: self.serial.as_ref().map(SerialNumber::to_string),
            action: self.action.clone(),
            since: self.since,
            until: self.until,
            limit: Some(self.limit),
        };
        console.client().audit(&which).await.map_err(console.failing(Task::Other))
    }

    /// Prints page after page, until its reader is gone.
    async fn follow(
        &self,
        console: &Console,
        first: Events,
        json: bool,
    ) -> Result<Report, Failure> {
        let mut page = first;
        let mut heading = Some(HEADING);
        loop {
            let lines = match json {
                true => page.events.iter().map(|event| format!("{}\n", json!(event))).collect(),
                false if page.events.is_empty() => String::new(),
                false => {
                    let rows: Vec<Vec<String>> = page.events.iter().map(row).collect();
                    heading
                        .take()
                        .map_or_else(|| page::more(&rows), |heading| words::table(&heading, &rows))
                }
            };
            match if json { output::print(&lines) } else { output::show(&lines) } {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {
                    return Ok(Report::new(json!({}), ""));
                }
                Err(error) => {
                    return Err(Failure::new(Exit::Unavailable, format!("cannot write: {error}")));
                }
            }
            let more = page.next.is_some();
            let Some(after) = page.next.or(page.end) else {
                return Err(Failure::new(Exit::Refused, "the end of the audit log is not known")
                    .hint("See why: twostep audit verify"));
            };
            if !more {
                tokio::time::sleep(PAUSE).await;
            }
            page = self.page(console, Some(after)).await?;
        }
    }
}

fn row(event: &Event) -> Vec<String> {
    let times = match event.count {
        0 | 1 => String::new(),
        count => format!(" ({count} times)"),
    };
    vec![
        place(event),
        event.at.to_string(),
        plain(&event.action) + &times,
        words::or_dash(event.account.as_ref()),
        words::or_dash(event.serial.as_ref()),
        caller(event),
        words::or_dash(event.reason.as_ref()),
    ]
}

/// The caller's name, where it has one, before its id.
fn caller(event: &Event) -> String {
    let id = words::text(&event.caller);
    event
        .caller_name
        .as_ref()
        .map_or(id.clone(), |name| format!("{} ({id})", plain(name)))
}

/// The number of an entry, after that of its chain where it is not the first.
fn place(event: &Event) -> String {
    match event.chain {
        1 => event.number.to_string(),
        chain => format!("{chain}.{}", event.number),
    }
}

fn actions() -> impl TypedValueParser<Value = String> {
    PossibleValuesParser::new(Action::ALL.iter().map(Action::name))
}

/// The pause between two looks for new entries.
const PAUSE: Duration = Duration::from_millis(500);

const HEADING: [&str; 7] =
    ["NUMBER", "TIME", "WHAT", "ACCOUNT", "SERIAL NUMBER", "CALLER", "REASON"];
