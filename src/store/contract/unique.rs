//! Rules about serial numbers, seeds and credentials, which belong to one device each.

use std::sync::Arc;

use super::sample::*;
use crate::store::{Conflict, Fingerprint, Store, Write};

/// In all accounts, for known and unknown seeds.
pub async fn a_serial_number_belongs_to_one_device(store: Arc<dyn Store>) {
    with_device(&store, &totp("GAHT00000001", "alice", None), 1).await;
    with_account(&store, "bob").await;
    let twice = [insert(&totp("GAHT00000001", "bob", None), 2)];
    conflicts(
        &store,
        Conflict::SerialTaken,
        twice,
        "a serial number is taken while a device has it",
    )
    .await;
    assert_eq!(
        answered(store.owner(&serial("GAHT00000001")).await),
        Some(account_id("alice")),
        "the device has its owner"
    );
    assert_eq!(
        answered(store.owner(&serial("GAHT00000002")).await),
        None,
        "a missing device has no owner"
    );
}

/// A seed is known by its fingerprint.
pub async fn a_seed_belongs_to_one_device(store: Arc<dyn Store>) {
    with_device(&store, &totp("GAHT00000001", "alice", None), 1).await;
    with_account(&store, "bob").await;
    let twice = || [insert(&totp("GAHT00000002", "bob", None), 1)];
    conflicts(&store, Conflict::FingerprintTaken, twice(), "a seed is taken while a device has it")
        .await;
    let device = enrolled(&store, "alice", "GAHT00000001").await;
    made(
        &store,
        [Write::RemoveDevice { seen: device.revision, tombstone: device.device.tombstone(NOW) }],
    )
    .await;
    made(&store, twice()).await;
    // Devices without a seed do not share one.
    for name in ["GAHT00000003", "GAHT00000004"] {
        made(
            &store,
            [Write::InsertDevice {
                device: totp(name, "bob", None),
                seed: None,
                fingerprint: None,
            }],
        )
        .await;
    }
    assert!(
        enrolled(&store, "bob", "GAHT00000003").await.seed.is_none(),
        "a device without a seed has none"
    );
}

/// A security key has no seed, and a credential that no other device has.
pub async fn a_credential_belongs_to_one_device(store: Arc<dyn Store>) {
    for account in ["alice", "bob"] {
        with_account(&store, account).await;
    }
    made(&store, [insert_key(&security_key("key-00000001", "alice", 7), 1)]).await;
    assert!(
        enrolled(&store, "alice", "key-00000001").await.seed.is_none(),
        "a security key has no seed"
    );
    for (name, account) in [("key-00000002", "bob"), ("key-00000003", "alice")] {
        let twice = [insert_key(&security_key(name, account, 0), 1)];
        conflicts(
            &store,
            Conflict::FingerprintTaken,
            twice,
            "a credential is taken while a device has it",
        )
        .await;
    }
    let owner = async || answered(store.owner_by_fingerprint(Fingerprint([1; 32])).await);
    assert_eq!(owner().await, Some(account_id("alice")), "a credential leads to its account");
    assert_eq!(
        answered(store.owner_by_fingerprint(Fingerprint([2; 32])).await),
        None,
        "an unknown credential has no owner"
    );
    let key = enrolled(&store, "alice", "key-00000001").await;
    made(
        &store,
        [Write::RemoveDevice { seen: key.revision, tombstone: key.device.tombstone(NOW) }],
    )
    .await;
    assert_eq!(owner().await, None, "a credential that was removed leads nowhere");
    made(&store, [insert_key(&security_key("key-00000002", "bob", 3), 1)]).await;
    assert_eq!(
        owner().await,
        Some(account_id("bob")),
        "a credential that comes back leads to who has it now"
    );
    let again = enrolled(&store, "bob", "key-00000002").await.device;
    let count = again.credential().map(|credential| credential.sign_count);
    assert_eq!(count, Some(7), "a credential that comes back counts on from where it was");
    assert!(again.revoked_before >= Some(NOW), "and contexts made with it before stay dead");
}
