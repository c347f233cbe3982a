//! Rules about changes that are made at the same moment.

use std::sync::Arc;

use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::sample::*;
use crate::store::{AuditCursor, Change, Commit, Conflict, ItemKind, SingleUse, Store, Write};
use crate::time::UnixTime;

/// Commits all changes at once, and returns what became of each.
pub(super) async fn all_at_once(
    store: &Arc<dyn Store>,
    changes: impl IntoIterator<Item = Change>,
) -> Vec<Commit> {
    let changes: Vec<Change> = changes.into_iter().collect();
    let start = Arc::new(Barrier::new(changes.len()));
    let mut tasks = JoinSet::new();
    for change in changes {
        let (store, start) = (Arc::clone(store), Arc::clone(&start));
        tasks.spawn(async move {
            start.wait().await;
            answered(store.commit(change).await)
        });
    }
    tasks.join_all().await
}

pub(super) fn winners(commits: &[Commit]) -> usize {
    commits.iter().filter(|commit| matches!(commit, Commit::Committed(_))).count()
}

pub(super) fn losers(commits: &[Commit], conflict: Conflict) -> usize {
    commits.iter().filter(|commit| **commit == Commit::Conflict(conflict)).count()
}

/// The rule that all of this is for: of 64 changes judged from one revision, exactly one is made.
pub async fn one_of_many_changes_judged_alike_is_made(store: Arc<dyn Store>) {
    with_device(&store, &totp("GAHT00000001", "alice", None), 1).await;
    for round in 1..=20 {
        let seen = enrolled(&store, "alice", "GAHT00000001").await;
        let change = |_| Change {
            account: Some(account_id("alice")),
            writes: vec![Write::UpdateDevice {
                seen: seen.revision,
                device: at_step(&seen.device, 100 + round),
            }],
            audit: vec![event("code.accepted")],
        };
        let commits = all_at_once(&store, (0..MANY).map(change)).await;
        assert_eq!(
            winners(&commits),
            1,
            "of {MANY} changes judged from one revision, exactly one is made"
        );
        assert_eq!(losers(&commits, Conflict::Revision), MANY - 1, "and all others conflict");
    }
    assert_eq!(
        answered(store.audit(AuditCursor::start(), 1_000).await).len(),
        20,
        "each acceptance has its audit row, and nothing else has one"
    );
    assert!(answered(store.verify_audit().await).ok, "the chain of audit rows holds");
}

/// Changes that do not touch each other do not fail each other.
pub async fn changes_of_different_devices_all_succeed(store: Arc<dyn Store>) {
    let names: Vec<String> = (0..MANY).map(|n| format!("GAHT{n:08}")).collect();
    with_account(&store, "alice").await;
    for (seed, name) in (0u8..).zip(&names) {
        made(&store, [insert(&totp(name, "alice", None), seed)]).await;
    }
    let seen = snapshot(&store, "alice").await;
    let change = |enrolled: &crate::store::Enrolled| Change {
        account: None,
        writes: vec![Write::UpdateDevice {
            seen: enrolled.revision,
            device: at_step(&enrolled.device, 9),
        }],
        audit: vec![event("code.accepted")],
    };
    let commits = all_at_once(&store, seen.devices.iter().map(change)).await;
    assert_eq!(winners(&commits), MANY, "changes of different devices are all made");
    let is = snapshot(&store, "alice").await;
    assert!(
        is.devices.iter().all(|enrolled| watermark(&enrolled.device) == Some(9)),
        "and each is there"
    );
    assert_eq!(
        answered(store.audit(AuditCursor::start(), 1_000).await).len(),
        MANY,
        "with its audit row"
    );
}

/// However many try.
pub async fn a_single_use_item_is_consumed_once(store: Arc<dyn Store>) {
    for round in 0..20 {
        let id = format!("bypass-{round}");
        let (kind, expires_at) = (ItemKind::Ceremony, UnixTime(NOW.0 + 300));
        let item = SingleUse {
            id: id.clone(),
            account: account_id("alice"),
            kind,
            body: vec![1],
            expires_at,
        };
        made(&store, [Write::AddSingleUse(item.clone())]).await;
        conflicts(
            &store,
            Conflict::Revision,
            [Write::AddSingleUse(item.clone())],
            "an item that is there is not added",
        )
        .await;
        assert!(
            answered(store.single_use(&id, NOW).await) == Some(item),
            "the item is found before it is consumed"
        );
        let commits = all_at_once(
            &store,
            (0..MANY).map(|_| change([Write::Consume { id: id.clone(), now: NOW }])),
        )
        .await;
        assert_eq!(winners(&commits), 1, "of {MANY} who consume an item, exactly one does");
        assert_eq!(
            losers(&commits, Conflict::Consumed),
            MANY - 1,
            "and all others hear that it is gone"
        );
        assert!(
            answered(store.single_use(&id, NOW).await).is_none(),
            "the item is not found afterwards"
        );
    }
}

/// A seed that many devices are added with at once goes to one of them.
pub async fn one_of_many_devices_gets_a_seed(store: Arc<dyn Store>) {
    with_account(&store, "alice").await;
    let commits = all_at_once(
        &store,
        (0..MANY).map(|n| change([insert(&totp(&format!("GAHT{n:08}"), "alice", None), 1)])),
    )
    .await;
    assert_eq!(
        (winners(&commits), losers(&commits, Conflict::FingerprintTaken)),
        (1, MANY - 1),
        "one seed goes to one device"
    );
    let commits = all_at_once(
        &store,
        (0..MANY).map(|n| {
            let seed = u8::try_from(n).unwrap_or(u8::MAX) + 100;
            change([insert(&totp("GAHT99999999", "alice", None), seed)])
        }),
    )
    .await;
    assert_eq!(
        (winners(&commits), losers(&commits, Conflict::SerialTaken)),
        (1, MANY - 1),
        "one serial number goes to one device"
    );
}

/// `InitValue` gives all callers the same value in the end.
pub async fn the_first_value_of_a_name_stays(store: Arc<dyn Store>) {
    assert_eq!(
        answered(store.value("pepper").await),
        None,
        "a name has no value before it is given one"
    );
    let init = |n: usize| {
        change([Write::InitValue { name: "pepper".to_owned(), value: n.to_be_bytes().to_vec() }])
    };
    let commits = all_at_once(&store, (0..MANY).map(init)).await;
    assert_eq!(
        (winners(&commits), losers(&commits, Conflict::Revision)),
        (1, MANY - 1),
        "one of many first values is kept"
    );
    let kept = answered(store.value("pepper").await);
    assert!(kept.is_some(), "the value is there");
    let later = [Write::InitValue { name: "pepper".to_owned(), value: vec![] }];
    conflicts(&store, Conflict::Revision, later, "a later value is refused").await;
    assert_eq!(answered(store.value("pepper").await), kept, "and the first one stays");
}

/// `PutValue` replaces what there was, and is a value of its own name only.
pub async fn the_last_value_that_was_put_stays(store: Arc<dyn Store>) {
    for value in [b"1", b"2"] {
        let put = change([Write::PutValue { name: "place".to_owned(), value: value.to_vec() }]);
        assert!(
            matches!(answered(store.commit(put).await), Commit::Committed(_)),
            "a value is put whether there was one or not"
        );
        assert_eq!(
            answered(store.value("place").await),
            Some(value.to_vec()),
            "what was put last is there"
        );
    }
    assert_eq!(answered(store.value("other").await), None, "another name has no value");
}

/// The number of racing changes.
const MANY: usize = 64;
