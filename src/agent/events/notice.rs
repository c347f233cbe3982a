//! One thing to tell, and the two forms in which it is told.

use serde::Serialize;

use crate::agent::events::EventKind;
use crate::store::AuditRow;
use crate::time::UnixTime;

/// Something that is told to owners, as a program reads it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Notice {
    /// The same each time it is told: the hash of its audit row.
    pub(super) id: String,
    event: &'static str,
    at: String,
    #[serde(flatten)]
    details: Details,
    #[serde(skip)]
    pub(super) kind: EventKind,
    #[serde(skip)]
    pub(super) time: UnixTime,
}

/// What is known of it.
#[derive(Clone, Debug, Serialize)]
struct Details {
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    caller: String,
}

impl Notice {
    /// What an audit row tells owners, if anything.
    pub(super) fn of(row: AuditRow) -> Option<Notice> {
        let kind = EventKind::of(&row.event)?;
        let details = Details {
            account: row.event.account.map(String::from),
            serial: row.event.serial.map(String::from),
            reason: row.event.reason,
            caller: row.event.caller.as_str().to_owned(),
        };
        Some(Notice { id: row.hash, event: kind.name(), at: row.event.at.to_string(), details, kind, time: row.event.at })
    }
}
