//! An event as it is delivered.

use serde::Serialize;

use crate::agent::events::EventKind;
use crate::id::AccountId;
use crate::store::AuditRow;
use crate::time::UnixTime;

/// An event. Its JSON is the standard input of the program.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Notice {
    /// The hash of its audit row: the same for each delivery.
    pub(super) id: String,
    event: &'static str,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) account: Option<AccountId>,
    #[serde(flatten)]
    pub(super) details: Details,
    #[serde(skip)]
    pub(super) kind: EventKind,
    #[serde(skip)]
    pub(super) time: UnixTime,
}

/// The details, apart from the account.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Details {
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    caller: String,
}

impl Notice {
    /// The event of an audit row; none for rows that do not concern owners.
    pub(super) fn of(row: AuditRow) -> Option<Notice> {
        let kind = EventKind::of(&row.event)?;
        let details = Details {
            serial: row.event.serial.map(String::from),
            reason: row.event.reason.map(String::from),
            caller: row.event.caller.as_str().to_owned(),
        };
        let (event, at) = (kind.name(), row.event.at.to_string());
        Some(Notice {
            id: row.hash,
            event,
            at,
            account: row.event.account,
            details,
            kind,
            time: row.event.at,
        })
    }
}
