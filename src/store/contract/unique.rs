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

/// A secret has several fingerprints where HMAC makes one key of several secrets.
pub async fn a_device_is_known_by_every_fingerprint_of_its_secret(store: Arc<dyn Store>) {
    let print = |number| Fingerprint([number; 32]);
    let alias = |alias, of| Write::AliasFingerprint { alias: print(alias), of: print(of) };
    with_device(&store, &totp("GAHT00000001", "alice", Some(500)), 1).await;
    made(&store, [alias(7, 1), alias(8, 1), alias(7, 1)]).await;
    let what = "an alias of a seed is taken while its device is there";
    let twice = |seed| insert(&totp("GAHT00000002", "alice", None), seed);
    conflicts(&store, Conflict::FingerprintTaken, [twice(7)], what).await;
    let what = "two seeds with an alias in common are one";
    conflicts(&store, Conflict::FingerprintTaken, [alias(8, 2), twice(2)], what).await;
    let what = "a seed whose alias is the fingerprint of another is the same";
    conflicts(&store, Conflict::FingerprintTaken, [alias(1, 3), twice(3)], what).await;
    let holder =
        async |number, except: &str| answered(store.holder(print(number), &serial(except)).await);
    assert_eq!(holder(8, "GAHT00000002").await, Some(serial("GAHT00000001")));
    assert_eq!(holder(8, "GAHT00000001").await, None, "a device is not in its own way");

    let device = enrolled(&store, "alice", "GAHT00000001").await;
    let tombstone = device.device.tombstone(NOW);
    made(&store, [Write::RemoveDevice { seen: device.revision, tombstone }]).await;
    made(&store, [twice(8)]).await;
    let again = enrolled(&store, "alice", "GAHT00000002").await.device;
    assert_eq!(watermark(&again), Some(500), "an alias starts above what its secret had consumed");
}
