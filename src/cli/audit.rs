//! `twostep audit`: who did what, and whether the log is whole.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Value, json};

use crate::cli::console::Console;
use crate::cli::output::{Exit, Failure, Report};
use crate::cli::words::text;
use crate::cli::{store, words};
use crate::store::AuditCursor;

/// Read the audit log, and see whether it is whole
#[derive(Subcommand)]
pub(super) enum Audit {
    /// List what happened; the newest entries unless --after says where to begin
    List {
        /// Begin after this place: `next` of the page before, or the number of an entry
        #[arg(long, value_name = "PLACE")]
        after: Option<AuditCursor>,
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
            Audit::List { after, limit } => list(console, after.as_ref(), *limit).await,
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
                Ok(verified(json!({
                    "ok": report.ok,
                    "rows": report.rows(),
                    "head": report.head(),
                    "broken_at": report.broken_at().map(|(_, number)| number),
                    "chains": report.chains,
                })))
            }
        }
    }
}

async fn list(
    console: &Console,
    after: Option<&AuditCursor>,
    limit: u64,
) -> Result<Report, Failure> {
    let call = console.client().get(&["v1", "audit"]).query("limit", Some(&limit.to_string()));
    let call = match after {
        Some(after) => call.query("after", Some(&after.to_string())),
        None => call.query("newest", Some("true")),
    };
    let answer = console.ask(call).await?;
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
        place(event),
        column("at"),
        what,
        column("account"),
        column("serial"),
        column("caller"),
        column("reason"),
    ]
}

/// The number of an entry, after that of its chain where it is not the first.
fn place(event: &Value) -> String {
    match event.get("chain").and_then(Value::as_u64) {
        None | Some(1) => text(event, "number"),
        Some(chain) => format!("{chain}.{}", text(event, "number")),
    }
}

fn verified(answer: Value) -> Report {
    let rows = text(&answer, "rows");
    let chains = answer.get("chains").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let several = chains.len() > 1;
    let named = |chain: &Value| {
        if several { format!("chain {}, ", text(chain, "chain")) } else { String::new() }
    };
    if answer.get("ok") == Some(&Value::Bool(true)) {
        let mut lines = format!("whole: {rows} entries");
        for chain in chains {
            lines += &format!("\n{}hash of the last one: {}", named(chain), text(chain, "head"));
        }
        return Report::new(answer, lines);
    }
    let broken = chains.iter().filter(|chain| chain.get("ok") != Some(&Value::Bool(true)));
    let lines: Vec<String> = broken
        .map(|chain| {
            let at = text(chain, "broken_at");
            format!("broken: {}entry {at} is missing or was changed", named(chain))
        })
        .collect();
    Report::new(answer, lines.join("\n")).exit(Exit::Refused)
}

const HEADING: [&str; 7] =
    ["NUMBER", "TIME", "WHAT", "ACCOUNT", "SERIAL NUMBER", "CALLER", "REASON"];
