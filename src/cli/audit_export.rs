//! The audit log outside the store: its export, and a store or an export compared with a
//! checkpoint.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::cli::console::Console;
use crate::cli::output::{Exit, Failure, Report};
use crate::cli::refusal::Task;
use crate::cli::{exported, output};
use crate::session::{Checkpoint, JwkSet};
use crate::store::{AuditCursor, AuditEnds, AuditReport, sqlite};
use crate::wire::ListEvents;

/// Prints the log page by page, and a checkpoint behind its last entry.
pub(super) async fn export(
    console: &Console,
    after: Option<&AuditCursor>,
) -> Result<Report, Failure> {
    let (mut after, mut rows) = (after.map(AuditCursor::to_string), 0_u64);
    loop {
        let which = ListEvents { after: after.clone(), limit: Some(PAGE), ..ListEvents::default() };
        let page = console.client().audit(&which).await.map_err(console.failing(Task::Other))?;
        for event in &page.events {
            print(&json!({ "row": event }))?;
            if event.action == "audit.checkpoint" {
                print(&json!({ "checkpoint": event.reason }))?;
            }
            rows += 1;
        }
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    let last = console.client().audit_checkpoint().await;
    let last = last.map_err(console.failing(Task::Other))?;
    let last = json!({ "checkpoint": last.checkpoint });
    let text = last.to_string();
    Ok(Report::new(last, text).note(format!("{rows} entries")))
}

fn print(line: &Value) -> Result<(), Failure> {
    output::print(&line.to_string())
        .map_err(|error| Failure::new(Exit::Unavailable, format!("cannot write: {error}")))
}

/// Compares the audit log of a store that no agent holds with the newest checkpoint in a file.
pub(super) fn compare(
    store: &Path,
    checkpoint: &Path,
    jwks: &Path,
) -> Result<(AuditReport, String), Failure> {
    let (ends, covered) = newest(checkpoint, jwks)?;
    let report = sqlite::alone(store).and_then(|alone| alone.compare_audit(&ends));
    let report = report.map_err(|error| Failure::new(Exit::Refused, error.to_string()))?;
    Ok((report, covered))
}

/// Compares an exported log with the newest checkpoint in a file.
pub(super) fn compare_rows(
    export: &Path,
    checkpoint: &Path,
    jwks: &Path,
) -> Result<(AuditReport, String), Failure> {
    let (ends, covered) = newest(checkpoint, jwks)?;
    let report = ends.compare_rows(exported::rows(export)?).map_err(|error| {
        Failure::bad_input(format!("{} is no exported log: {error}", export.display()))
    })?;
    Ok((report, covered))
}

/// The newest checkpoint in a file that these keys have signed, and what it leaves open.
fn newest(checkpoint: &Path, jwks: &Path) -> Result<(AuditEnds, String), Failure> {
    let read = |path: &Path| {
        std::fs::read_to_string(path)
            .map_err(|error| Failure::bad_input(format!("cannot read {}: {error}", path.display())))
    };
    let keys = JwkSet::from_json(read(jwks)?.as_bytes());
    let keys = keys.map_err(|error| Failure::bad_input(error.to_string()))?;
    let text = read(checkpoint)?;
    let signed = text.lines().filter_map(|line| {
        let line = line.trim();
        let inner = serde_json::from_str::<Signed>(line).ok().map(|line| line.checkpoint);
        inner.or_else(|| (!line.is_empty() && !line.starts_with('{')).then(|| line.to_owned()))
    });
    let read: Result<Vec<Checkpoint>, _> =
        signed.map(|signed| Checkpoint::read(&signed, &keys)).collect();
    let read = read.map_err(|error| {
        Failure::new(Exit::Refused, format!("a checkpoint was not signed by these keys: {error}"))
    })?;
    let newest = read.into_iter().max_by_key(|checkpoint| (checkpoint.epoch, checkpoint.at));
    let newest = newest.ok_or_else(|| Failure::bad_input("the file holds no checkpoint"))?;
    let at = newest.time();
    let ends = newest
        .ends()
        .ok_or_else(|| Failure::bad_input("the checkpoint names no store"))?;
    Ok((ends, format!("Entries since the checkpoint of {at} are not covered by it.")))
}

/// A line of an export, or an answer of the agent, with a checkpoint.
#[derive(Deserialize)]
struct Signed {
    checkpoint: String,
}

/// Entries per request.
const PAGE: u32 = 1_000;
