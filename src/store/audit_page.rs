//! A page of the audit log, from the pages of its chains.

use std::collections::VecDeque;

use crate::store::{AuditFrom, AuditList, AuditRow};

/// The rows of a list, oldest first. The rows of a chain come in the chain's order, the newest
/// first if the page ends with the last one.
pub(super) fn merged(chains: Vec<VecDeque<AuditRow>>, list: &AuditList) -> Vec<AuditRow> {
    match &list.from {
        AuditFrom::After(_) => {
            first(chains, list.limit, |one, other| one.event.at <= other.event.at)
        }
        AuditFrom::Newest => {
            let mut rows = first(chains, list.limit, |one, other| one.event.at > other.event.at);
            rows.reverse();
            rows
        }
    }
}

/// The first `limit` rows of several chains, each in its own order.
fn first(
    mut chains: Vec<VecDeque<AuditRow>>,
    limit: u32,
    precedes: impl Fn(&AuditRow, &AuditRow) -> bool,
) -> Vec<AuditRow> {
    chains.retain(|chain| !chain.is_empty());
    if chains.len() < 2 {
        return chains.pop().unwrap_or_default().into();
    }
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut rows = Vec::new();
    while rows.len() < most {
        let next =
            chains.iter_mut().filter(|chain| !chain.is_empty()).reduce(|one, other| {
                match (one.front(), other.front()) {
                    (Some(a), Some(b)) if !precedes(a, b) => other,
                    _ => one,
                }
            });
        let Some(row) = next.and_then(VecDeque::pop_front) else { break };
        rows.push(row);
    }
    rows
}
