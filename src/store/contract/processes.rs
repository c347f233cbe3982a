//! Rules about two processes that share a store, each with a handle of its own.

use std::sync::Arc;

use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::races::{losers, winners};
use super::sample::*;
use crate::store::{
    Change, Commit, Conflict, Fingerprint, ImportId, ItemKind, SingleUse, StagedDevice, Store,
    Write,
};
use crate::time::UnixTime;

/// Two handles of one store, as two processes have them.
pub type Pair = [Arc<dyn Store>; 2];

/// Commits each change through both handles at once, and returns what became of all.
async fn through_both(stores: &Pair, changes: &[Change]) -> Vec<Commit> {
    let start = Arc::new(Barrier::new(changes.len() * stores.len()));
    let mut tasks = JoinSet::new();
    for change in changes {
        for store in stores {
            let (store, start, change) = (Arc::clone(store), Arc::clone(&start), change.clone());
            tasks.spawn(async move {
                start.wait().await;
                answered(store.commit(change).await)
            });
        }
    }
    tasks.join_all().await
}

/// Of two changes that each expect what the other writes, exactly one is made.
pub async fn one_of_two_changes_that_expect_each_other_is_made(stores: Pair) {
    let [one, other] = &stores;
    with_device(one, &totp("GAHT00000001", "alice", None), 1).await;
    with_device(other, &totp("GAHT00000002", "bob", None), 2).await;
    for round in 1..=ROUNDS {
        let seen = enrolled(one, "alice", "GAHT00000001").await;
        let other_seen = enrolled(other, "bob", "GAHT00000002").await;
        let expects = |expected: &crate::store::Enrolled, written: &crate::store::Enrolled| {
            change([
                Write::ExpectDevice {
                    serial: expected.device.serial.clone(),
                    seen: expected.revision,
                },
                Write::UpdateDevice {
                    seen: written.revision,
                    device: at_step(&written.device, round),
                },
            ])
        };
        let changes = [expects(&seen, &other_seen), expects(&other_seen, &seen)];
        let commits = through_both(&stores, &changes).await;
        assert_eq!(winners(&commits), 1, "of changes that expect each other, exactly one is made");
        assert_eq!(losers(&commits, Conflict::Revision), commits.len() - 1, "all others conflict");
    }
}

/// The same of accounts.
pub async fn one_of_two_changes_that_expect_each_others_account_is_made(stores: Pair) {
    for name in ["alice", "bob"] {
        with_account(&stores[0], name).await;
    }
    for _ in 0..ROUNDS {
        let alice = snapshot(&stores[0], "alice").await;
        let bob = snapshot(&stores[1], "bob").await;
        let expects = |expected: &crate::store::AccountSnapshot,
                       written: &crate::store::AccountSnapshot| {
            change([
                Write::ExpectAccount {
                    account: expected.account.id.clone(),
                    seen: expected.revision,
                },
                Write::UpdateAccount {
                    seen: written.revision,
                    account: written.account.with_sessions_revoked(NOW),
                },
            ])
        };
        let commits = through_both(&stores, &[expects(&alice, &bob), expects(&bob, &alice)]).await;
        assert_eq!(winners(&commits), 1, "of changes that expect each other, exactly one is made");
        assert_eq!(losers(&commits, Conflict::Revision), commits.len() - 1, "all others conflict");
    }
}

/// A seed that two processes add at once goes to one device.
pub async fn one_of_two_processes_gets_a_seed(stores: Pair) {
    with_account(&stores[0], "alice").await;
    for round in 0..ROUNDS_OF_SEEDS {
        let serials = [format!("GAHT{round:04}0001"), format!("GAHT{round:04}0002")];
        let changes = serials.map(|serial| change([insert(&totp(&serial, "alice", None), round)]));
        let commits = through_both(&stores, &changes).await;
        assert_eq!(winners(&commits), 1, "one seed goes to one device");
        let taken =
            losers(&commits, Conflict::FingerprintTaken) + losers(&commits, Conflict::SerialTaken);
        assert_eq!(taken, commits.len() - 1, "and all others hear that it is taken");
    }
}

/// A serial number that two processes add at once goes to one device.
pub async fn one_of_two_processes_gets_a_serial_number(stores: Pair) {
    with_account(&stores[0], "alice").await;
    for round in 0..ROUNDS_OF_SEEDS {
        let device = totp(&format!("GAHT{round:08}"), "alice", None);
        let changes = [round * 2, round * 2 + 1].map(|seed| change([insert(&device, seed)]));
        let commits = through_both(&stores, &changes).await;
        assert_eq!(winners(&commits), 1, "one serial number goes to one device");
        let taken =
            losers(&commits, Conflict::SerialTaken) + losers(&commits, Conflict::FingerprintTaken);
        assert_eq!(taken, commits.len() - 1, "and all others hear that it is taken");
    }
}

/// Serial numbers that differ in capitals alone, staged by two processes at once, go to one import.
pub async fn one_of_two_imports_gets_a_spelling(stores: Pair) {
    let keyring = keyring();
    for round in 0..ROUNDS_OF_SEEDS {
        let changes = [(b'a', 0), (b'A', 1)].map(|(letter, at)| {
            let device = totp(&format!("GAHT{round:07}{}", char::from(letter)), "alice", None);
            let (import, seed) = (ImportId([letter; 16]), Some(sealed(&keyring, &device)));
            let fingerprint = Some(Fingerprint([round * 2 + at; 32]));
            let devices = vec![StagedDevice { device, seed, fingerprint }];
            change([Write::StageDevices { import, at: NOW, devices }])
        });
        let commits = through_both(&stores, &changes).await;
        assert_eq!(winners(&commits), 1, "one spelling goes to one import");
        let taken =
            losers(&commits, Conflict::SerialTaken) + losers(&commits, Conflict::FingerprintTaken);
        assert_eq!(taken, commits.len() - 1, "and all others hear that it is taken");
    }
}

/// An item that two processes consume at once is consumed by one of them, and both see it.
pub async fn one_of_two_processes_consumes_an_item(stores: Pair) {
    for round in 0..ROUNDS {
        let item = SingleUse {
            id: format!("item-{round}"),
            account: account_id("alice"),
            kind: ItemKind::Bypass,
            body: vec![1],
            expires_at: UnixTime(NOW.0 + 300),
        };
        let id = item.id.clone();
        made(&stores[0], [Write::AddSingleUse(item)]).await;
        let consume = change([Write::Consume { id: id.clone(), now: NOW }]);
        let commits = through_both(&stores, &[consume]).await;
        assert_eq!((winners(&commits), losers(&commits, Conflict::Consumed)), (1, 1));
        for store in &stores {
            assert!(answered(store.single_use(&id, NOW).await).is_none(), "both see it consumed");
        }
    }
}

/// A change through one handle is what the other one reads next.
pub async fn two_processes_read_what_either_wrote(stores: Pair) {
    with_device(&stores[0], &totp("GAHT00000001", "alice", None), 1).await;
    for round in 1..=ROUNDS {
        for (writer, reader) in [(0, 1), (1, 0)] {
            let seen = enrolled(&stores[writer], "alice", "GAHT00000001").await;
            let device = at_step(&seen.device, round * 2 + u64::from(writer == 1));
            made(&stores[writer], [Write::UpdateDevice { seen: seen.revision, device }]).await;
            let here = enrolled(&stores[writer], "alice", "GAHT00000001").await;
            let there = enrolled(&stores[reader], "alice", "GAHT00000001").await;
            assert_eq!(
                (here.revision, here.device),
                (there.revision, there.device),
                "both see what either decided"
            );
        }
    }
    let report = answered(stores[1].verify_audit().await);
    assert!(report.ok, "the audit log of both holds");
}

const ROUNDS: u64 = 40;

const ROUNDS_OF_SEEDS: u8 = 40;
