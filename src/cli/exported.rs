//! An exported audit log in a file: rows as `twostep audit export` prints them, one a line, or
//! pages of rows as `twostep audit list --json` does.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use serde::Deserialize;

use crate::cli::output::Failure;
use crate::store::{AuditRow, ChainId, Event, EventReason};
use crate::wire;

/// A document of the file.
#[derive(Deserialize)]
#[serde(untagged)]
enum Document {
    Page {
        events: Vec<wire::Event>,
    },
    Line {
        row: wire::Event,
    },
    Row(wire::Event),
    Checkpoint {
        #[serde(rename = "checkpoint")]
        _signed: String,
    },
    /// Another document: to skip it in silence would leave out a row.
    Other(serde::de::IgnoredAny),
}

/// The rows of the log in this file, one after the other.
pub(super) fn rows(path: &Path) -> Result<impl Iterator<Item = Result<AuditRow, String>>, Failure> {
    let unreadable =
        |error| Failure::bad_input(format!("{} cannot be read: {error}", path.display()));
    Ok(read(BufReader::new(File::open(path).map_err(unreadable)?)))
}

fn read(log: impl Read) -> impl Iterator<Item = Result<AuditRow, String>> {
    serde_json::Deserializer::from_reader(log).into_iter().flat_map(|document| {
        let rows = match document {
            Ok(Document::Page { events }) => events,
            Ok(Document::Line { row } | Document::Row(row)) => vec![row],
            Ok(Document::Checkpoint { .. }) => Vec::new(),
            Ok(Document::Other(_)) => {
                return vec![Err("it holds what is neither a row nor a checkpoint".to_owned())];
            }
            Err(error) => return vec![Err(error.to_string())],
        };
        rows.into_iter().map(|row| Ok(to_row(row))).collect()
    })
}

fn to_row(row: wire::Event) -> AuditRow {
    AuditRow {
        chain: ChainId(row.chain),
        number: row.number,
        event: Event {
            at: *row.at,
            action: row.action.as_str().into(),
            account: row.account,
            serial: row.serial,
            caller: row.caller,
            reason: row.reason.map(EventReason::from),
            count: row.count,
        },
        hash: row.hash,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_from_exports_and_from_pages() {
        let row = r#"{"chain":1,"number":7,"at":"2026-11-28T22:00:00Z","action":"code.accepted",
            "account":null,"serial":null,"caller":"uid:0","reason":null,"count":1,"hash":"ab"}"#;
        let page = format!(r#"{{"events": [{row}, {row}], "next": "9"}}"#);
        let line = format!(r#"{{"row": {row}}}"#);
        let log = format!("{row}\n{{\"checkpoint\": \"x.y.z\"}}\n{page}\n{line}\n\n");
        let rows: Vec<AuditRow> = read(log.as_bytes()).map(Result::unwrap).collect();
        assert_eq!(rows.iter().map(|row| row.number).collect::<Vec<_>>(), [7, 7, 7, 7]);
        for broken in ["{", "row", "{}", "7", r#"{"row": {}}"#, &row[..row.len() - 1]] {
            assert!(read(broken.as_bytes()).any(|row| row.is_err()), "{broken}");
        }
    }
}
