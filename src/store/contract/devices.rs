//! Rules about accounts, devices and their revisions.

use std::sync::Arc;

use super::sample::*;
use crate::device::DeviceState;
use crate::store::{Account, AuditCursor, Change, Commit, Conflict, Revision, Store, Write};

/// One write that conflicts undoes the writes before it, and the audit row with them.
pub async fn a_change_is_made_whole_or_not_at_all(store: Arc<dyn Store>) {
    with_device(&store, &totp("GAHT00000001", "alice", None), 1).await;
    let seen = enrolled(&store, "alice", "GAHT00000001").await;
    let before = snapshot(&store, "alice").await;
    let change = Change {
        account: None,
        writes: vec![
            Write::UpdateDevice { seen: seen.revision, device: at_step(&seen.device, 100) },
            Write::CreateAccount(Account::new(account_id("bob"), NOW)),
            insert(&totp("GAHT00000002", "alice", None), 2),
            Write::InitValue { name: "x".to_owned(), value: vec![1] },
            Write::NoteTime(NOW),
            Write::ExpectAccount {
                account: account_id("alice"),
                seen: Revision(before.revision.0 + 1),
            },
        ],
        audit: vec![event("code.accepted")],
    };
    let again = Change { writes: change.writes[..5].to_vec(), ..change.clone() };
    assert_eq!(
        answered(store.commit(change).await),
        Commit::Conflict(Conflict::Revision),
        "a change with a stale write conflicts"
    );
    let after = snapshot(&store, "alice").await;
    assert_eq!(
        (after.revision, after.devices.len(), after.devices[0].revision),
        (before.revision, 1, seen.revision),
        "a change that conflicts leaves the account and the device's revision as they were"
    );
    assert_eq!(after.devices[0].device, seen.device, "a change that conflicts leaves the device");
    assert!(
        answered(store.account(&account_id("bob")).await).is_none(),
        "a change that conflicts adds no account"
    );
    assert_eq!(answered(store.value("x").await), None, "a change that conflicts keeps no value");
    assert_eq!(answered(store.highest_time().await), None, "a change that conflicts notes no time");
    assert!(
        answered(store.audit(AuditCursor::start(), 10).await).is_empty(),
        "a change that conflicts leaves no audit row"
    );

    assert!(
        matches!(answered(store.commit(again).await), Commit::Committed(_)),
        "the same change without the stale write is made"
    );
    assert_eq!(
        watermark(&enrolled(&store, "alice", "GAHT00000001").await.device),
        Some(100),
        "a change that is made is made"
    );
    assert_eq!(
        answered(store.audit(AuditCursor::start(), 10).await).len(),
        1,
        "and its audit row with it"
    );
}

/// The compare-and-set of accounts and devices.
pub async fn a_change_judged_from_an_old_revision_conflicts(store: Arc<dyn Store>) {
    with_device(&store, &totp("GAHT00000001", "alice", None), 1).await;
    let seen = enrolled(&store, "alice", "GAHT00000001").await;
    let update =
        |step| [Write::UpdateDevice { seen: seen.revision, device: at_step(&seen.device, step) }];
    made(&store, update(100)).await;
    conflicts(
        &store,
        Conflict::Revision,
        update(101),
        "a device that has moved is not written from what it was",
    )
    .await;
    let moved = enrolled(&store, "alice", "GAHT00000001").await;
    assert_eq!(watermark(&moved.device), Some(100), "the first of two changes stays");
    assert!(moved.revision > seen.revision, "the device's revision rises with it");
    let remove =
        [Write::RemoveDevice { seen: seen.revision, tombstone: seen.device.tombstone(NOW) }];
    conflicts(&store, Conflict::Revision, remove, "a device that has moved is not removed").await;

    let was = snapshot(&store, "alice").await;
    let update = |generation| {
        let account = Account { generation, ..was.account.clone() };
        [Write::UpdateAccount { seen: was.revision, account }]
    };
    made(&store, update(2)).await;
    conflicts(
        &store,
        Conflict::Revision,
        update(3),
        "an account that has moved is not written from what it was",
    )
    .await;
    let is = snapshot(&store, "alice").await;
    assert_eq!(is.account.generation, 2, "the first of two changes stays");
    assert!(is.revision > was.revision, "the account's revision rises with it");
    let create = [Write::CreateAccount(Account::new(account_id("alice"), NOW))];
    conflicts(&store, Conflict::Revision, create, "an account that is there is not added").await;
    let nobody =
        [Write::UpdateAccount { seen: Revision(1), account: Account::new(account_id("bob"), NOW) }];
    conflicts(&store, Conflict::Revision, nobody, "an account that is not there is not replaced")
        .await;
    let nothing =
        [Write::UpdateDevice { seen: Revision(1), device: totp("GAHT00000009", "alice", None) }];
    conflicts(&store, Conflict::Revision, nothing, "a device that is not there is not replaced")
        .await;
}

/// A change that moves an account through its devices does not conflict with itself.
pub async fn revisions_named_by_a_change_are_from_before_it(store: Arc<dyn Store>) {
    with_device(&store, &totp("GAHT00000001", "alice", None), 1).await;
    let was = snapshot(&store, "alice").await;
    let device = in_state(&was.devices[0].device, DeviceState::Active);
    made(
        &store,
        [
            Write::UpdateDevice { seen: was.devices[0].revision, device },
            insert(&totp("GAHT00000002", "alice", None), 2),
            Write::ExpectAccount { account: account_id("alice"), seen: was.revision },
            Write::UpdateAccount {
                seen: was.revision,
                account: Account { protected: true, ..was.account.clone() },
            },
        ],
    )
    .await;
    let is = snapshot(&store, "alice").await;
    assert!(is.account.protected && is.devices.len() == 2, "all of the change was made");
    assert!(is.revision > was.revision, "the account's revision rises");
}

/// `ExpectDevice` and `ExpectAccount`, with the audit row of the refusal.
pub async fn a_refusal_stands_on_the_revision_it_was_judged_from(store: Arc<dyn Store>) {
    with_device(&store, &totp("GAHT00000001", "alice", None), 1).await;
    let was = snapshot(&store, "alice").await;
    let expect = || {
        [
            Write::ExpectAccount { account: account_id("alice"), seen: was.revision },
            Write::ExpectDevice { serial: serial("GAHT00000001"), seen: was.devices[0].revision },
        ]
    };
    made(&store, expect()).await;
    let is = snapshot(&store, "alice").await;
    assert_eq!(
        (is.revision, is.devices[0].revision),
        (was.revision, was.devices[0].revision),
        "expecting changes nothing"
    );
    made(
        &store,
        [Write::UpdateDevice {
            seen: was.devices[0].revision,
            device: at_step(&was.devices[0].device, 7),
        }],
    )
    .await;
    conflicts(
        &store,
        Conflict::Revision,
        expect(),
        "a refusal judged from an old revision is judged again",
    )
    .await;
    let unknown = [Write::ExpectDevice { serial: serial("GAHT00000009"), seen: Revision(1) }];
    conflicts(&store, Conflict::Revision, unknown, "a device that is not there is at no revision")
        .await;
}

/// The account's revision rises when a device is added, changes state, or goes; not when a code is
/// judged.
pub async fn an_account_moves_when_its_devices_do(store: Arc<dyn Store>) {
    with_account(&store, "alice").await;
    let empty = snapshot(&store, "alice").await.revision;
    made(&store, [insert(&totp("GAHT00000001", "alice", None), 1)]).await;
    let added = snapshot(&store, "alice").await;
    assert!(added.revision > empty, "adding a device moves its account");

    let device = &added.devices[0];
    made(
        &store,
        [Write::UpdateDevice { seen: device.revision, device: at_step(&device.device, 5) }],
    )
    .await;
    let judged = snapshot(&store, "alice").await;
    assert_eq!(
        judged.revision, added.revision,
        "a device that keeps its state leaves its account alone"
    );

    let device = &judged.devices[0];
    made(
        &store,
        [Write::UpdateDevice {
            seen: device.revision,
            device: in_state(&device.device, DeviceState::Active),
        }],
    )
    .await;
    let activated = snapshot(&store, "alice").await;
    assert!(activated.revision > judged.revision, "a device that changes state moves its account");

    let device = &activated.devices[0];
    made(
        &store,
        [Write::RemoveDevice { seen: device.revision, tombstone: device.device.tombstone(NOW) }],
    )
    .await;
    assert!(
        snapshot(&store, "alice").await.revision > activated.revision,
        "removing a device moves its account"
    );
}

/// An account is there before its devices.
pub async fn a_device_needs_its_account(store: Arc<dyn Store>) {
    let orphan = [insert(&totp("GAHT00000001", "alice", None), 1)];
    conflicts(
        &store,
        Conflict::Revision,
        orphan,
        "a device is not added to an account that is not there",
    )
    .await;
}

/// A device never changes hands.
pub async fn a_device_keeps_its_account(store: Arc<dyn Store>) {
    with_device(&store, &totp("GAHT00000001", "alice", None), 1).await;
    with_account(&store, "mallory").await;
    let seen = enrolled(&store, "alice", "GAHT00000001").await;
    let theft = [Write::UpdateDevice {
        seen: seen.revision,
        device: totp("GAHT00000001", "mallory", None),
    }];
    conflicts(
        &store,
        Conflict::Revision,
        theft,
        "an update does not give a device to another account",
    )
    .await;
    assert_eq!(
        answered(store.owner(&serial("GAHT00000001")).await),
        Some(account_id("alice")),
        "the device stays where it was"
    );
}
