//! Rules about lists, and about what goes with time.

use std::sync::Arc;

use super::sample::*;
use crate::device::DeviceState;
use crate::store::{
    Account, AccountList, AuditCursor, Change, DeviceList, ItemKind, SingleUse, SingleUseList,
    Store, Write,
};
use crate::time::UnixTime;

/// In the order of their bytes, in pages, without the removed ones.
pub async fn accounts_are_listed_by_name(store: Arc<dyn Store>) {
    for (seed, name) in
        (0u8..).zip(["bob", "alice", "al", "Zoë", "zz", "alice@x", "team_a", "teamXa", "gone"])
    {
        with_device(&store, &totp(&format!("GAHT0000{seed:04}"), name, None), seed).await;
    }
    let alice = snapshot(&store, "alice").await;
    let device = in_state(&alice.devices[0].device, DeviceState::Active);
    made(&store, [Write::UpdateDevice { seen: alice.devices[0].revision, device }]).await;
    let gone = snapshot(&store, "gone").await;
    let account = Account { removed_at: Some(NOW), ..gone.account.clone() };
    made(&store, [Write::UpdateAccount { seen: gone.revision, account }]).await;

    let list = async |list: AccountList| {
        let entries = answered(store.accounts(list).await);
        entries
            .into_iter()
            .map(|entry| (entry.account.id.to_string(), entry.devices, entry.active))
            .collect::<Vec<_>>()
    };
    let names = |entries: &[(String, u32, u32)]| {
        entries.iter().map(|entry| entry.0.clone()).collect::<Vec<String>>().join(" ")
    };
    let all = list(AccountList { limit: 100, ..AccountList::default() }).await;
    assert_eq!(
        names(&all),
        "Zoë al alice alice@x bob teamXa team_a zz",
        "accounts are listed in order, without removed ones"
    );
    assert_eq!((all[2].1, all[2].2, all[1].2), (1, 1, 0), "devices and active ones are counted");
    let mut pages = Vec::new();
    while let page = list(AccountList {
        limit: 3,
        after: pages.last().map(|last: &(String, u32, u32)| account_id(&last.0)),
        ..AccountList::default()
    })
    .await
        && !page.is_empty()
    {
        pages.extend(page);
    }
    assert_eq!(pages, all, "pages join without gaps");
    let prefixed = |prefix: &str| AccountList {
        limit: 100,
        prefix: Some(prefix.to_owned()),
        ..AccountList::default()
    };
    assert_eq!(names(&list(prefixed("al")).await), "al alice alice@x", "a prefix is a prefix");
    assert_eq!(names(&list(prefixed("team_")).await), "team_a", "and no pattern");
    assert_eq!(
        names(&list(AccountList { after: Some(account_id("al")), ..prefixed("al") }).await),
        "alice alice@x",
        "pages of a prefix"
    );
    assert_eq!(
        names(&list(AccountList { after: Some(account_id("zz")), ..prefixed("al") }).await),
        "",
        "nothing after the end"
    );
    let without = list(AccountList { without_mfa: true, ..prefixed("al") }).await;
    assert_eq!(names(&without), "al alice@x", "an account with an active device has MFA");
}

/// In the order of their bytes, in pages, by account, prefix and state.
pub async fn devices_are_listed_by_serial_number(store: Arc<dyn Store>) {
    let mut seed = 0;
    for account in ["alice", "bob", "alice@x"] {
        with_account(&store, account).await;
        for n in 0..4 {
            let device = totp(&format!("GAHT{n}000-{account}"), account, None);
            let state = if n % 2 == 0 { DeviceState::Active } else { DeviceState::Pending };
            made(&store, [insert(&in_state(&device, state), seed)]).await;
            seed += 1;
        }
    }
    let list = async |list: DeviceList| {
        let devices = answered(store.devices(list).await);
        devices
            .into_iter()
            .map(|device| device.serial.to_string())
            .collect::<Vec<String>>()
    };
    let every = DeviceList { limit: 100, ..DeviceList::default() };
    let all = list(every.clone()).await;
    assert!(all.len() == 12 && all.is_sorted(), "devices are listed in order: {all:?}");
    for of in [
        every.clone(),
        DeviceList { account: Some(account_id("alice")), ..every.clone() },
        DeviceList {
            account: Some(account_id("alice")),
            state: Some(DeviceState::Active),
            ..every.clone()
        },
        DeviceList { account_prefix: Some("alice".to_owned()), ..every.clone() },
        DeviceList {
            account_prefix: Some("alice".to_owned()),
            state: Some(DeviceState::Pending),
            ..every.clone()
        },
        DeviceList { account_prefix: Some(String::new()), ..every.clone() },
        DeviceList { account_prefix: Some("\u{10ffff}".to_owned()), ..every.clone() },
        DeviceList {
            account: Some(account_id("bob")),
            account_prefix: Some("alice".to_owned()),
            ..every.clone()
        },
        DeviceList {
            account: Some(account_id("bob")),
            account_prefix: Some("b".to_owned()),
            ..every.clone()
        },
        DeviceList { state: Some(DeviceState::Active), ..every.clone() },
        DeviceList { state: Some(DeviceState::Locked), ..every },
    ] {
        let fits = |serial: &&String| {
            let (n, account) = (&serial[4..5], &serial[9..]);
            let active = n == "0" || n == "2";
            of.account.as_ref().is_none_or(|only| only.as_str() == account)
                && of
                    .account_prefix
                    .as_ref()
                    .is_none_or(|prefix| account.starts_with(prefix.as_str()))
                && of.state.is_none_or(|state| {
                    state == if active { DeviceState::Active } else { DeviceState::Pending }
                })
        };
        let expected: Vec<String> = all.iter().filter(fits).cloned().collect();
        assert_eq!(list(of.clone()).await, expected, "{of:?}");
        let mut pages: Vec<String> = Vec::new();
        while let page = list(DeviceList {
            limit: 1,
            after: pages.last().map(|last| serial(last)),
            ..of.clone()
        })
        .await
            && !page.is_empty()
        {
            pages.extend(page);
        }
        assert_eq!(pages, expected, "pages join without gaps: {of:?}");
    }
}

/// Items that are still usable, in the order of their ids, by pages.
pub async fn single_use_items_are_listed_by_kind_and_account(store: Arc<dyn Store>) {
    let item = |id: &str, account: &str, kind, lasts: u64| SingleUse {
        id: id.to_owned(),
        account: account_id(account),
        kind,
        body: id.as_bytes().to_vec(),
        expires_at: UnixTime(NOW.0 + lasts),
    };
    let (link, session) = (ItemKind::ConsoleLink, ItemKind::ConsoleSession);
    let items = [
        item("d", "alice", link, 10),
        item("b", "bob", link, 10),
        item("a", "alice", link, 5),
        item("c", "alice", session, 10),
        item("e", "alice", link, 10),
        item("f", "alicia", link, 10),
    ];
    made(&store, items.clone().map(Write::AddSingleUse)).await;
    made(&store, [Write::Consume { id: "e".to_owned(), now: NOW }]).await;
    let every =
        |kind, now| SingleUseList { kind, account: None, now, after: None, limit: u32::MAX };
    let of =
        |account: &str| SingleUseList { account: Some(account_id(account)), ..every(link, NOW) };
    for (list, expected) in [
        (every(link, NOW), vec!["a", "b", "d", "f"]),
        (every(link, UnixTime(NOW.0 + 5)), vec!["b", "d", "f"]),
        (every(session, NOW), vec!["c"]),
        (every(ItemKind::ConsoleSignIn, NOW), vec![]),
        (of("alice"), vec!["a", "d"]),
        (SingleUseList { kind: session, ..of("bob") }, vec![]),
        (of("carol"), vec![]),
    ] {
        let whole = answered(store.single_uses(list.clone()).await);
        let ids: Vec<&str> = whole.iter().map(|item| item.id.as_str()).collect();
        assert_eq!(ids, expected, "{list:?}");
        assert!(whole.iter().all(|item| items.contains(item)), "each as it was added: {list:?}");
        let mut pages: Vec<SingleUse> = Vec::new();
        while let page = answered(
            store
                .single_uses(SingleUseList {
                    limit: 1,
                    after: pages.last().map(|last| last.id.clone()),
                    ..list.clone()
                })
                .await,
        ) && !page.is_empty()
        {
            pages.extend(page);
        }
        assert!(pages == whole, "pages join without gaps: {list:?}");
    }
}

/// `expire`: items and revocations that are over, and no device.
pub async fn items_go_with_their_time(store: Arc<dyn Store>) {
    const DAY: u64 = 86_400;
    let later = |seconds| UnixTime(NOW.0 + seconds);
    with_device(&store, &totp("GAHT00000001", "alice", None), 1).await;
    let item = SingleUse {
        id: "x".to_owned(),
        account: account_id("alice"),
        kind: ItemKind::Bypass,
        body: vec![],
        expires_at: later(10),
    };
    made(
        &store,
        [
            Write::AddSingleUse(item),
            Write::RevokeSession {
                account: account_id("alice"),
                session_id: "s".to_owned(),
                expires_at: later(10),
                at: NOW,
            },
        ],
    )
    .await;
    let was = snapshot(&store, "alice").await;
    assert_eq!(
        answered(store.expire(later(9), UnixTime(0)).await),
        0,
        "nothing goes before its time"
    );
    assert_eq!(
        answered(store.expire(later(10), UnixTime(0)).await),
        2,
        "the item and the revocation go"
    );
    assert_eq!(
        answered(store.expire(later(2 * DAY), UnixTime(0)).await),
        0,
        "a device is dropped by an audited change alone"
    );
    assert_eq!(snapshot(&store, "alice").await.revision, was.revision, "its account stands still");
}

/// `expire`: audit rows older than a time, up to the first that is not.
pub async fn audit_rows_go_from_the_old_end(store: Arc<dyn Store>) {
    const DAY: u64 = 86_400;
    let later = |seconds| UnixTime(NOW.0 + seconds);
    for seconds in [0, 100, 50] {
        let at = later(seconds);
        let _ = answered(
            store
                .commit(Change {
                    account: None,
                    writes: vec![],
                    audit: vec![crate::store::Event { at, ..event("x") }],
                })
                .await,
        );
    }
    assert_eq!(
        answered(store.expire(later(DAY), later(0)).await),
        0,
        "audit rows stay while they are young"
    );
    assert_eq!(
        answered(store.expire(later(DAY), later(60)).await),
        1,
        "the oldest row goes; one that is kept keeps all after it"
    );
    let report = answered(store.verify_audit().await);
    assert!(report.ok && report.rows() == 2, "what is left of the chain holds: {report:?}");
    assert_eq!(answered(store.expire(later(DAY), later(DAY)).await), 2, "all rows can go");
    let report = answered(store.verify_audit().await);
    assert!(
        report.ok && report.rows() == 0 && report.chains.iter().any(|chain| chain.head.is_some()),
        "and the chain remembers its head: {report:?}"
    );
    let _ = answered(
        store
            .commit(Change { account: None, writes: vec![], audit: vec![event("x")] })
            .await,
    );
    let rows = answered(store.audit(AuditCursor::start(), 10).await);
    assert_eq!(
        rows.iter().map(|row| row.number).collect::<Vec<u64>>(),
        [4],
        "and goes on from there"
    );
    assert!(answered(store.verify_audit().await).ok, "and holds");
}
