//! Rules about devices that are removed or dropped, and about those that come after them.

use std::sync::Arc;

use super::sample::*;
use crate::device::DeviceState;
use crate::store::{Conflict, Revision, Store, Write};

/// Tombstones count by serial number and by seed, all of them.
pub async fn a_device_added_again_starts_above_what_was_consumed(store: Arc<dyn Store>) {
    with_account(&store, "alice").await;
    with_account(&store, "bob").await;
    let consumed = async |device: &crate::device::Device, seed| {
        made(&store, [insert(device, seed)]).await;
        let device = enrolled(&store, device.owner(), device.serial.as_str()).await;
        made(
            &store,
            [Write::RemoveDevice {
                seen: device.revision,
                tombstone: device.device.tombstone(NOW),
            }],
        )
        .await;
    };
    consumed(&totp("GAHT00000001", "alice", Some(500)), 1).await;
    consumed(&totp("GAHT00000001", "alice", Some(300)), 2).await;
    consumed(&hotp("GAHT00000002", "alice", 40), 3).await;

    made(&store, [insert(&totp("GAHT00000001", "bob", Some(10)), 9)]).await;
    let by_serial = enrolled(&store, "bob", "GAHT00000001").await.device;
    assert_eq!(
        watermark(&by_serial),
        Some(500),
        "a serial number that comes back starts above what it had consumed"
    );
    assert!(by_serial.revoked_before >= Some(NOW), "and contexts made with it before stay dead");

    made(&store, [insert(&totp("GAHT00000003", "bob", None), 1)]).await;
    let by_seed = enrolled(&store, "bob", "GAHT00000003").await.device;
    assert_eq!(
        watermark(&by_seed),
        Some(500),
        "a seed that comes back under another serial number starts above what it had consumed"
    );

    made(&store, [insert(&hotp("GAHT00000004", "bob", 0), 3)]).await;
    let expected = hotp("GAHT00000004", "bob", 0)
        .above(&hotp("GAHT00000002", "alice", 40).tombstone(NOW), true);
    let counter = enrolled(&store, "bob", "GAHT00000004").await.device;
    assert_eq!(
        counter.factor, expected.factor,
        "a counter that comes back starts above what it had consumed"
    );
}

/// A change judged from a device that was removed does not fit the one that came after it.
pub async fn a_removed_device_leaves_no_revision_behind(store: Arc<dyn Store>) {
    let device = totp("GAHT00000001", "alice", None);
    with_device(&store, &device, 1).await;
    let mut seen = Vec::new();
    for round in 0..3 {
        for step in 0..=round {
            let is = enrolled(&store, "alice", "GAHT00000001").await;
            seen.push(is.revision);
            made(
                &store,
                [Write::UpdateDevice {
                    seen: is.revision,
                    device: at_step(&is.device, 100 + step),
                }],
            )
            .await;
        }
        let is = enrolled(&store, "alice", "GAHT00000001").await;
        seen.push(is.revision);
        made(
            &store,
            [Write::RemoveDevice { seen: is.revision, tombstone: is.device.tombstone(NOW) }],
        )
        .await;
        made(&store, [insert(&device, 1)]).await;
        let again = enrolled(&store, "alice", "GAHT00000001").await;
        assert!(
            !seen.contains(&again.revision),
            "a device added again has a revision that its serial number never had"
        );
    }
}

/// `DropPending`: for a device that was never used, and for no other.
pub async fn a_pending_device_is_dropped_and_nothing_of_it_stays(store: Arc<dyn Store>) {
    with_device(&store, &totp("GAHT00000001", "alice", Some(100)), 1).await;
    let seen = enrolled(&store, "alice", "GAHT00000001").await;
    let was = snapshot(&store, "alice").await.revision;
    let drop_it =
        |revision| [Write::DropPending { serial: serial("GAHT00000001"), seen: revision }];
    conflicts(
        &store,
        Conflict::Revision,
        drop_it(Revision(seen.revision.0 + 1)),
        "a device that has moved is not dropped",
    )
    .await;
    for state in [DeviceState::Active, DeviceState::Disabled, DeviceState::Locked] {
        let seen = enrolled(&store, "alice", "GAHT00000001").await;
        made(
            &store,
            [Write::UpdateDevice { seen: seen.revision, device: in_state(&seen.device, state) }],
        )
        .await;
        let moved = enrolled(&store, "alice", "GAHT00000001").await;
        conflicts(
            &store,
            Conflict::Revision,
            drop_it(moved.revision),
            "a device that was used is not dropped",
        )
        .await;
    }
    let seen = enrolled(&store, "alice", "GAHT00000001").await;
    made(
        &store,
        [Write::UpdateDevice {
            seen: seen.revision,
            device: in_state(&seen.device, DeviceState::Pending),
        }],
    )
    .await;
    let seen = enrolled(&store, "alice", "GAHT00000001").await;
    made(&store, drop_it(seen.revision)).await;
    let is = snapshot(&store, "alice").await;
    assert!(is.devices.is_empty() && is.revision > was, "it is gone, and its account moves");
    made(&store, [insert(&totp("GAHT00000001", "alice", None), 1)]).await;
    let again = enrolled(&store, "alice", "GAHT00000001").await;
    assert_eq!(watermark(&again.device), None, "what was dropped raises nothing");
    assert!(again.revision > seen.revision, "and its revision is not had again");
}
