//! Events of an account's devices, for their owner.

use crate::agent::access::Caller;
use crate::agent::console::language::Language;
use crate::agent::console::stop::Stop;
use crate::agent::console::visitor::{Owner, Visitor};
use crate::agent::console::{happened, when};
use crate::agent::operations::history;
use crate::id::{AccountId, SerialNumber};
use crate::store::Event;
use crate::time::UnixTime;

/// One event in words.
pub(super) struct Row {
    pub(super) when: String,
    pub(super) what: String,
    pub(super) why: Option<&'static str>,
    pub(super) through: String,
    pub(super) serial: Option<SerialNumber>,
}

/// The newest events of the owner's account, or of one device of it, newest first.
pub(super) async fn of(
    visitor: &Visitor,
    owner: &Owner,
    serial: Option<&SerialNumber>,
) -> Result<Vec<Row>, Stop> {
    let rows = history::of_account(visitor.state(), &owner.caller, &owner.account, serial).await?;
    Ok(in_words(visitor, rows).await)
}

/// The newest events of a device of an account, for an operator, newest first.
pub(super) async fn of_device(
    visitor: &Visitor,
    caller: &Caller,
    (account, serial): (&AccountId, &SerialNumber),
) -> Result<Vec<Row>, Stop> {
    let rows = history::of_account(visitor.state(), caller, account, Some(serial)).await?;
    Ok(in_words(visitor, rows).await)
}

/// The accepted proofs of the owner's account since this time, newest first.
pub(super) async fn uses(
    visitor: &Visitor,
    owner: &Owner,
    since: UnixTime,
) -> Result<Vec<Row>, Stop> {
    let rows = history::uses(visitor.state(), &owner.caller, &owner.account, since).await?;
    Ok(in_words(visitor, rows).await)
}

async fn in_words(visitor: &Visitor, rows: Vec<Event>) -> Vec<Row> {
    let names = visitor.state().callers.names(rows.iter().map(|event| &event.caller)).await;
    let now = visitor.now();
    rows.into_iter()
        .rev()
        .map(|event| {
            let through = names.get(&event.caller).cloned();
            let through = through.unwrap_or_else(|| event.caller.as_str().to_owned());
            Row::of(visitor.language, now, event, through)
        })
        .collect()
}

impl Row {
    fn of(language: Language, now: UnixTime, event: Event, through: String) -> Row {
        Row {
            when: when::moment(language, now, event.at),
            what: happened::action(language, &event.action).to_owned(),
            why: event.reason.as_ref().and_then(|reason| happened::reason(language, reason)),
            through,
            serial: event.serial,
        }
    }
}
