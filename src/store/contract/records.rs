//! Rules about what is kept beside devices: marks, items, keys, values, the time, the audit log.

use std::sync::Arc;

use super::sample::*;
use crate::store::{
    AuditCursor, AuditFilter, AuditFrom, AuditList, AuditRow, Change, Conflict, ItemKind, Marks,
    RevocationLimits, SingleUse, Store, Write,
};
use crate::time::UnixTime;

/// An item cannot be used from `expires_at` on.
pub async fn a_single_use_item_ends_with_its_time(store: Arc<dyn Store>) {
    let item = SingleUse {
        id: "x".to_owned(),
        account: account_id("alice"),
        kind: ItemKind::Bypass,
        body: vec![7],
        expires_at: NOW,
    };
    made(&store, [Write::AddSingleUse(item)]).await;
    assert!(
        answered(store.single_use("x", UnixTime(NOW.0 - 1)).await).is_some(),
        "an item is there until it expires"
    );
    assert!(
        answered(store.single_use("x", NOW).await).is_none(),
        "an item is gone when it expires"
    );
    let consume = |now| [Write::Consume { id: "x".to_owned(), now }];
    conflicts(&store, Conflict::Consumed, consume(NOW), "an expired item is not consumed").await;
    made(&store, consume(UnixTime(NOW.0 - 1))).await;
}

/// Until it would have expired, and only for who asks for the mark.
pub async fn a_consumed_item_leaves_a_mark(store: Arc<dyn Store>) {
    let item = |id: &str| SingleUse {
        id: id.to_owned(),
        account: account_id("alice"),
        kind: ItemKind::Ceremony,
        body: vec![7],
        expires_at: UnixTime(NOW.0 + 300),
    };
    let mark = async |now: u64| answered(store.consumed("x", UnixTime(NOW.0 + now)).await);
    made(&store, [Write::AddSingleUse(item("x"))]).await;
    assert_eq!(mark(0).await, None, "an item that is there was not consumed");
    let consume = || [Write::Consume { id: "x".to_owned(), now: NOW }];
    made(&store, consume()).await;
    conflicts(&store, Conflict::Consumed, consume(), "an item is consumed once").await;
    assert!(answered(store.single_use("x", NOW).await).is_none(), "the mark of an item is no item");
    assert_eq!(mark(299).await, Some(account_id("alice")), "the mark names the account");
    assert_eq!(mark(300).await, None, "the mark ends when the item would have");
    let again = [Write::AddSingleUse(item("x"))];
    conflicts(&store, Conflict::Revision, again, "the id of a consumed item is taken").await;
    for id in ["y", "z"] {
        let keep =
            Write::KeepNewest { account: account_id("alice"), kind: ItemKind::Ceremony, most: 1 };
        made(&store, [Write::AddSingleUse(item(id)), keep]).await;
    }
    assert!(mark(0).await.is_some(), "newer items do not push a mark out");
    assert!(answered(store.single_use("y", NOW).await).is_none(), "but older items");
    assert_eq!(
        answered(store.expire(UnixTime(NOW.0 + 300), UnixTime(0)).await),
        2,
        "marks expire like items"
    );
}

/// Of an account's items of one kind the oldest go; nothing else does.
pub async fn the_newest_items_of_a_kind_stay(store: Arc<dyn Store>) {
    let item = |id: String, account: &str, kind| SingleUse {
        id,
        account: account_id(account),
        kind,
        body: vec![],
        expires_at: NOW,
    };
    let add = |id: String, account: &str, kind| {
        [
            Write::AddSingleUse(item(id, account, kind)),
            Write::KeepNewest { account: account_id(account), kind, most: 3 },
        ]
    };
    let there = async |id: &str| {
        answered(store.single_use(id, UnixTime(NOW.0 - 1)).await).map(|item| item.kind)
    };
    made(&store, [Write::AddSingleUse(item("code".to_owned(), "alice", ItemKind::Bypass))]).await;
    made(&store, add("hers".to_owned(), "bob", ItemKind::Ceremony)).await;
    for round in 0..5 {
        // Not the order of their ids.
        made(&store, add(format!("c{}", 9 - round), "alice", ItemKind::Ceremony)).await;
    }
    for (id, kind) in [
        ("c9", None),
        ("c8", None),
        ("c7", Some(ItemKind::Ceremony)),
        ("c5", Some(ItemKind::Ceremony)),
    ] {
        assert_eq!(there(id).await, kind, "the three newest stay: {id}");
    }
    assert_eq!(there("code").await, Some(ItemKind::Bypass), "items of another kind stay");
    assert_eq!(there("hers").await, Some(ItemKind::Ceremony), "those of another account too");
}

/// The answer to a commit carries the account's marks from inside its transaction, after its
/// writes.
pub async fn marks_are_answered_as_the_change_left_them(store: Arc<dyn Store>) {
    let change = |account: &str, writes| Change {
        account: Some(account_id(account)),
        writes,
        audit: Vec::new(),
    };
    let nobody = marks(answered(store.commit(change("alice", vec![])).await));
    assert_eq!(nobody, Marks::default(), "an account that is not there has no marks");
    with_account(&store, "alice").await;
    let seen = snapshot(&store, "alice").await;
    let account = seen.account.with_sessions_revoked(NOW);
    let expected = account.marks();
    let revoked = marks(answered(
        store
            .commit(change("alice", vec![Write::UpdateAccount { seen: seen.revision, account }]))
            .await,
    ));
    assert_eq!(revoked, expected, "the marks are read after the writes");
    let later = marks(answered(store.commit(change("alice", vec![])).await));
    assert_eq!(later, expected, "and stay");
}

/// Revoking twice keeps the later end.
pub async fn a_revoked_session_stays_revoked(store: Arc<dyn Store>) {
    assert!(!answered(store.session_revoked("a").await), "no session is revoked before it is");
    let revoke = |seconds| {
        [Write::RevokeSession {
            account: account_id("alice"),
            session_id: "a".to_owned(),
            expires_at: UnixTime(NOW.0 + seconds),
            at: NOW,
        }]
    };
    made(&store, revoke(100)).await;
    made(&store, revoke(50)).await;
    assert!(answered(store.session_revoked("a").await), "a revoked session is");
    assert!(!answered(store.session_revoked("b").await), "another one is not");
    answered(store.expire(UnixTime(NOW.0 + 99), UnixTime(0)).await);
    assert!(
        answered(store.session_revoked("a").await),
        "a revocation lasts as long as its session would have"
    );
    answered(store.expire(UnixTime(NOW.0 + 100), UnixTime(0)).await);
    assert!(!answered(store.session_revoked("a").await), "and no longer");
}

/// Of accounts, of devices that are there or gone, and of single contexts; the latest first, and
/// what is over not at all.
pub async fn what_was_revoked_is_listed_by_its_time(store: Arc<dyn Store>) {
    let at = |seconds| UnixTime(NOW.0 + seconds);
    let listed = async |since, now, limit| {
        let limits = RevocationLimits { accounts: limit, devices: limit, sessions: limit };
        answered(store.revocations(at(since), at(now), limits).await)
    };
    for (place, name) in (1..).zip(["alice", "bob", "carol"]) {
        let device = totp(&format!("GAHT0000000{place}"), name, None);
        with_device(&store, &device, place).await;
        let seen = snapshot(&store, name).await;
        let account = seen.account.with_sessions_revoked(at(10 * u64::from(place)));
        made(&store, [Write::UpdateAccount { seen: seen.revision, account }]).await;
        let seen = &snapshot(&store, name).await.devices[0];
        let write = match name {
            "alice" => {
                Write::UpdateDevice { seen: seen.revision, device: device.deactivated(at(15)) }
            }
            "bob" => {
                Write::RemoveDevice { seen: seen.revision, tombstone: device.tombstone(at(25)) }
            }
            _ => Write::UpdateDevice { seen: seen.revision, device: at_step(&device, 7) },
        };
        made(&store, [write]).await;
        made(&store, [session_of(name, "of", at(100 * u64::from(place)))]).await;
    }
    let marks = |generation, seconds| Marks { generation, revoked_before: Some(at(seconds)) };
    let all = listed(0, 0, 10).await;
    let accounts = [("carol", 30), ("bob", 20), ("alice", 10)]
        .map(|(name, seconds)| (account_id(name), marks(2, seconds)));
    assert_eq!(all.accounts, accounts, "accounts are listed by their marks, the latest first");
    let devices = [("bob", 2, 25), ("alice", 1, 15)];
    let devices = devices.map(|(name, place, seconds)| {
        (account_id(name), serial(&format!("GAHT0000000{place}")), marks(0, seconds))
    });
    assert_eq!(
        all.devices, devices,
        "devices are listed by their marks, whether they are still there or not"
    );
    let sessions = [("of carol", 300), ("of bob", 200), ("of alice", 100)]
        .map(|(id, seconds)| (id.to_owned(), at(seconds)));
    assert_eq!(all.sessions, sessions, "single contexts are listed by their ends");
    let some = listed(20, 200, 10).await;
    let numbers = (some.accounts.len(), some.devices.len(), some.sessions.len());
    assert_eq!(
        numbers,
        (1, 1, 1),
        "what was revoked up to a time, or is over by a time, is not listed: {some:?}"
    );
    let one = listed(0, 0, 1).await;
    assert_eq!(
        (&one.accounts[..], &one.devices[..], &one.sessions[..]),
        (&accounts[..1], &devices[..1], &sessions[..1]),
        "of each kind"
    );
}

/// Revokes one context of this account, until then.
fn session_of(account: &str, which: &str, expires_at: UnixTime) -> Write {
    let session_id = format!("{which} {account}");
    Write::RevokeSession { account: account_id(account), session_id, expires_at, at: NOW }
}

/// Beyond the limits, accounts are named; folding forgets what was revoked of one account.
pub async fn revocations_are_counted_and_folded_by_account(store: Arc<dyn Store>) {
    for (place, name) in (1..).zip(["alice", "bob"]) {
        let device = totp(&format!("GAHT0000000{place}"), name, None);
        with_device(&store, &device, place).await;
        let seen = &snapshot(&store, name).await.devices[0];
        let device = device.deactivated(NOW);
        made(&store, [Write::UpdateDevice { seen: seen.revision, device }]).await;
        for number in 0..3 {
            let which = format!("{number} of");
            made(&store, [session_of(name, &which, UnixTime(NOW.0 + 100))]).await;
        }
    }
    let of = async |name| answered(store.revocations_of(&account_id(name)).await);
    assert_eq!((of("alice").await, of("bob").await, of("carol").await), (4, 4, 0));
    let limits = RevocationLimits { accounts: 9, devices: 1, sessions: 5 };
    let some = answered(store.revocations(UnixTime(0), NOW, limits).await);
    assert_eq!((some.devices.len(), some.sessions.len(), some.folded.len()), (1, 5, 2));
    assert!(some.folded.iter().all(|(_, at)| *at == NOW) && some.ending.is_none(), "{some:?}");
    made(&store, [Write::FoldRevocations { account: account_id("alice") }]).await;
    assert_eq!((of("alice").await, of("bob").await), (0, 4));
    assert!(!answered(store.session_revoked("1 of alice").await));
    assert!(answered(store.session_revoked("1 of bob").await));
}

/// `NoteTime` only raises it, `AcceptTime` sets it.
pub async fn the_highest_time_falls_only_when_accepted(store: Arc<dyn Store>) {
    assert_eq!(answered(store.highest_time().await), None, "no time is noted at first");
    for (write, expected) in [
        (Write::NoteTime(UnixTime(100)), 100),
        (Write::NoteTime(UnixTime(90)), 100),
        (Write::NoteTime(UnixTime(110)), 110),
        (Write::AcceptTime(UnixTime(50)), 50),
        (Write::NoteTime(UnixTime(60)), 60),
    ] {
        made(&store, [write.clone()]).await;
        assert_eq!(
            answered(store.highest_time().await),
            Some(UnixTime(expected)),
            "after {write:?}"
        );
    }
}

/// Numbered without gaps, each with the hash of what came before.
pub async fn audit_rows_are_chained_in_order(store: Arc<dyn Store>) {
    let empty = answered(store.verify_audit().await);
    assert!(
        empty.ok && empty.rows() == 0 && empty.chains.iter().all(|chain| chain.head.is_none()),
        "a chain without rows holds: {empty:?}"
    );
    for n in 0..5 {
        let audit = vec![
            event(&format!("a.{n}")).account(&account_id("alice")),
            event(&format!("b.{n}")).reason("why"),
        ];
        let _ = answered(store.commit(Change { account: None, writes: vec![], audit }).await);
    }
    let rows = answered(store.audit(AuditCursor::start(), 100).await);
    assert_eq!(
        rows.iter().map(|row| row.number).collect::<Vec<u64>>(),
        (1..=10).collect::<Vec<u64>>(),
        "rows are numbered in order"
    );
    assert_eq!(
        (rows[0].event.action.name(), rows[1].event.action.name()),
        ("a.0", "b.0"),
        "events keep their order in a change"
    );
    let mut place = AuditCursor::start();
    rows[..4].iter().for_each(|row| place.pass(row));
    assert_eq!(
        answered(store.audit(place, 3).await),
        rows[4..7],
        "rows after a place, no more than asked for"
    );
    assert_eq!(answered(store.newest_audit(3).await), rows[7..], "the newest rows, in order");
    audit_rows_are_chosen(&store, &rows).await;
    let report = answered(store.verify_audit().await);
    assert!(
        report.ok && report.rows() == 10 && report.broken_at().is_none(),
        "the chain holds: {report:?}"
    );
    let heads = report.chains.iter().filter_map(|chain| chain.head.as_ref());
    assert_eq!(
        heads.collect::<Vec<_>>(),
        [&rows[9].hash],
        "the head of the chain is the hash of its last row"
    );
}

/// By account, action and time, from either end.
async fn audit_rows_are_chosen(store: &Arc<dyn Store>, rows: &[AuditRow]) {
    let of_alice = AuditFilter { account: Some(account_id("alice")), ..AuditFilter::default() };
    for (from, only, expected) in [
        (AuditFrom::Newest, of_alice.clone(), vec![&rows[6], &rows[8]]),
        (AuditFrom::After(AuditCursor::start()), of_alice, vec![&rows[0], &rows[2]]),
        (
            AuditFrom::Newest,
            AuditFilter { action: Some("b.1".into()), since: Some(NOW), ..AuditFilter::default() },
            vec![&rows[3]],
        ),
        (
            AuditFrom::Newest,
            AuditFilter { until: Some(UnixTime(NOW.0 - 1)), ..AuditFilter::default() },
            vec![],
        ),
    ] {
        let found = answered(store.audit_rows(AuditList { from, limit: 2, only }).await);
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "rows that fit, two at most");
    }
}
