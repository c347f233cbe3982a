//! `twostep audit`: who did what, and whether the log is whole.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Value, json};

use crate::cli::console::Console;
use crate::cli::output::{Exit, Failure, Report};
use crate::cli::words::text;
use crate::cli::{store, words};

/// Read the audit log, and see whether it is whole
#[derive(Subcommand)]
pub(super) enum Audit {
    /// List what happened; the newest entries unless --after says where to begin
    List {
        /// Begin after the entry of this number
        #[arg(long, value_name = "NUMBER")]
        after: Option<u64>,
        /// List at most so many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=1_000))]
        limit: u64,
    },
    /// Recompute the chain of hashes over all entries; exit 1 if one is missing or was changed
    Verify {
        /// A store that no agent holds, as a file; otherwise the agent does it
        #[arg(long, value_name = "PATH")]
        store: Option<PathBuf>,
    },
}

impl Audit {
    pub(super) async fn run(&self, console: &Console) -> Result<Report, Failure> {
        match self {
            Audit::List { after, limit } => list(console, *after, *limit).await,
            Audit::Verify { store: None } => {
                Ok(verified(console.ask(console.client().get(&["v1", "audit", "verify"])).await?))
            }
            Audit::Verify { store: Some(path) } => {
                let found = store::look(path)?;
                let unreadable = || {
                    Failure::new(Exit::Refused, "the audit log cannot be read")
                        .hint(format!("See why: twostep store check {}", path.display()))
                };
                let report = found.audit.ok_or_else(unreadable)?;
                Ok(verified(
                    json!({"ok": report.ok, "rows": report.rows, "head": report.head, "broken_at": report.broken_at}),
                ))
            }
        }
    }
}

async fn list(console: &Console, after: Option<u64>, limit: u64) -> Result<Report, Failure> {
    let after = match after {
        Some(after) => after,
        None => last(console).await?.saturating_sub(limit),
    };
    let answer = page(console, after, limit).await?;
    let events = answer
        .get("events")
        .and_then(Value::as_array)
        .map(|events| events.iter().map(row).collect::<Vec<Vec<String>>>());
    let events = events.unwrap_or_default();
    let text = if events.is_empty() { String::new() } else { words::table(&HEADING, &events) };
    Ok(Report::new(answer, text))
}

fn row(event: &Value) -> Vec<String> {
    let count = event.get("count").and_then(Value::as_u64).filter(|count| *count > 1);
    let what = text(event, "action")
        + &count.map_or_else(String::new, |count| format!(" ({count} times)"));
    let column = |member| text(event, member);
    vec![
        column("number"),
        column("at"),
        what,
        column("account"),
        column("serial"),
        column("caller"),
        column("reason"),
    ]
}

/// The number of the newest entry. Entries are numbered without gaps, so it is found in a few
/// steps.
async fn last(console: &Console) -> Result<u64, Failure> {
    let (mut there, mut beyond) = (0, 1);
    while is_after(console, beyond).await? {
        (there, beyond) = (beyond, beyond.saturating_mul(2));
    }
    // There is an entry after `there`, or there is none at all; there is none after `beyond`.
    while beyond.saturating_sub(there) > 1 {
        let middle = there + (beyond - there) / 2;
        if is_after(console, middle).await? { there = middle } else { beyond = middle }
    }
    Ok(beyond)
}

async fn is_after(console: &Console, number: u64) -> Result<bool, Failure> {
    let answer = page(console, number, 1).await?;
    Ok(answer
        .get("events")
        .and_then(Value::as_array)
        .is_some_and(|events| !events.is_empty()))
}

async fn page(console: &Console, after: u64, limit: u64) -> Result<Value, Failure> {
    let call = console.client().get(&["v1", "audit"]);
    console
        .ask(
            call.query("after", Some(&after.to_string()))
                .query("limit", Some(&limit.to_string())),
        )
        .await
}

fn verified(answer: Value) -> Report {
    let rows = text(&answer, "rows");
    if answer.get("ok") == Some(&Value::Bool(true)) {
        let text =
            format!("whole: {rows} entries\nhash of the last one: {}", text(&answer, "head"));
        return Report::new(answer, text);
    }
    let text = format!("broken: entry {} is missing or was changed", text(&answer, "broken_at"));
    Report::new(answer, text).exit(Exit::Refused)
}

const HEADING: [&str; 7] =
    ["NUMBER", "TIME", "WHAT", "ACCOUNT", "SERIAL NUMBER", "CALLER", "REASON"];
