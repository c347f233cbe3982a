//! Identity of devices over removal, renaming and a restored backup.

use test_support::restore;
use test_support::world::{Held, World, both, nowhere, refused, watermark};
use twostep::device::Refusal;
use twostep::otp::Window;
use twostep::verifier::{Authority, Error};

#[tokio::test]
async fn a_device_added_again_starts_above_its_consumed_codes() {
    let world = World::new();
    let held = world.active("alice").await;
    let verifier = &world.verifier;
    let consumed = held.step(world.now());
    let _verified = verifier
        .verify_code(&held.account, &held.serial, held.code(world.now()))
        .await
        .unwrap();

    // The same secret under another serial number, of another account, again and again.
    let mut last = held.clone();
    for account in ["alice", "bob", "carol"] {
        verifier.remove(&last.serial, &Authority::Admin).await.unwrap();
        let next = Held { seed: held.seed.clone(), ..Held::new(account) };
        verifier.add(next.to_add(), &Authority::Admin).await.unwrap();
        assert_eq!(watermark(&world.device(&next).await), Some(consumed), "{account}");
        let pair = held.pair_at_step(consumed);
        let refusal = refused(
            verifier
                .activate(&next.serial, both(&pair), Window::Owner, &Authority::Admin)
                .await,
        );
        assert_eq!(refusal, Refusal::ClockWentBack);
        last = next;
    }

    // The same secret, said to be a counter's: a counter at a consumed step shows a consumed code.
    verifier.remove(&last.serial, &Authority::Admin).await.unwrap();
    let counting = verifier
        .add(last.to_add_as_hotp(0), &Authority::Admin)
        .await
        .unwrap()
        .device
        .serial;
    let kept = world.account(&last.account).await.device(&counting).unwrap().device.clone();
    assert_eq!(watermark(&kept), Some(consumed));
    let pair = held.pair_at_step(consumed + 2);
    verifier
        .activate(&counting, both(&pair), Window::Owner, &Authority::Admin)
        .await
        .unwrap();
    let _verified = verifier
        .verify_code(&last.account, &counting, held.code_at_step(consumed + 3))
        .await
        .unwrap();

    // And a clock's again: what it consumed as a counter is consumed.
    verifier.remove(&counting, &Authority::Admin).await.unwrap();
    verifier.add(held.to_add(), &Authority::Admin).await.unwrap();
    assert_eq!(watermark(&world.device(&held).await), Some(consumed + 3));

    // The serial number with another secret: its steps are of the same clock.
    let other = Held { serial: held.serial.clone(), ..Held::new("dave") };
    verifier.remove(&held.serial, &Authority::Admin).await.unwrap();
    verifier.add(other.to_add(), &Authority::Admin).await.unwrap();
    assert_eq!(watermark(&world.device(&other).await), Some(consumed + 3));
}

#[tokio::test]
async fn a_serial_number_and_a_seed_belong_to_one_device() {
    let world = World::new();
    let held = world.active("alice").await;
    let fresh = Held::new("bob");
    let same_serial = Held { serial: held.serial.clone(), ..fresh.clone() };
    let same_seed = Held { seed: held.seed.clone(), ..fresh.clone() };
    for new in [same_serial.to_add(), same_seed.to_add(), same_seed.to_add_as_hotp(0)] {
        let added = world.verifier.add(new, &Authority::Admin).await;
        assert!(matches!(added, Err(Error::AlreadyExists(_))), "{added:?}");
    }
    assert_eq!(
        world
            .verifier
            .store()
            .account(&fresh.account)
            .await
            .unwrap()
            .map(|seen| seen.devices.len()),
        None
    );
    world.verifier.add(fresh.to_add(), &Authority::Admin).await.unwrap();
}

#[tokio::test]
async fn a_device_is_renamed_and_a_missing_one_is_not_found() {
    let world = World::new();
    let held = world.active("alice").await;
    let device = world.verifier.rename(&held.serial, "blue".parse().unwrap()).await.unwrap();
    assert_eq!(device.name.unwrap().as_str(), "blue");
    let nowhere = nowhere();
    let pair = held.pair(world.now());
    assert!(matches!(
        world.verifier.rename(&nowhere, "blue".parse().unwrap()).await,
        Err(Error::NotFound(_))
    ));
    assert!(matches!(
        world.verifier.deactivate(&nowhere, &Authority::Admin).await,
        Err(Error::NotFound(_))
    ));
    assert!(matches!(
        world.verifier.remove(&nowhere, &Authority::Admin).await,
        Err(Error::NotFound(_))
    ));
    assert!(matches!(
        world.verifier.resync(&nowhere, both(&pair), Window::Admin).await,
        Err(Error::NotFound(_))
    ));
    let activated = world
        .verifier
        .activate(&nowhere, both(&pair), Window::Admin, &Authority::Admin)
        .await;
    assert!(matches!(activated, Err(Error::NotFound(_))));
}

#[tokio::test]
async fn codes_accepted_after_a_backup_are_refused_after_its_restore() {
    let mut world = World::in_file();
    // After the backup, the owner's pair found the token twenty steps ahead, the most for an owner.
    let held = world.active("alice").await.ahead_by(20);
    let backup = world.path().with_file_name("backup.db");
    world.store().backup(&backup).await.unwrap();
    world.pass(60);
    let pair = held.pair(world.now());
    world.verifier.resync(&held.serial, both(&pair), Window::Owner).await.unwrap();

    restore::with(&backup, world.now(), &world.keyring).unwrap();
    world.move_to(&backup);
    // Until the time reaches the steps of those codes, and the window has passed them.
    for _ in 0..23 {
        for code in &pair {
            let refusal = refused(
                world.verifier.verify_code(&held.account, &held.serial, code.clone()).await,
            );
            assert!(
                matches!(refusal, Refusal::NoMatch | Refusal::Replayed { .. }),
                "judged each time: {refusal:?}"
            );
            world.verifier.unlock(&held.serial).await.unwrap();
        }
        world.pass(30);
    }
    let right = held.ahead_by(0);
    let _ = world
        .verifier
        .verify_code(&right.account, &right.serial, right.code(world.now()))
        .await
        .unwrap();
}

/// A serial number can pass to another account between the look-up of a device and its change.
#[tokio::test]
async fn a_change_for_one_account_leaves_the_device_of_another() {
    let world = World::new();
    let held = world.active("alice").await;
    let limited = world.verifier.limited_to(held.account.clone());
    world.verifier.remove(&held.serial, &Authority::Admin).await.unwrap();
    let bobs = Held { serial: held.serial.clone(), ..Held::new("bob") };
    world.verifier.add(bobs.to_add(), &Authority::Admin).await.unwrap();

    let removed = limited.remove(&held.serial, &Authority::Admin).await;
    assert!(matches!(removed, Err(Error::NotFound(_))), "{removed:?}");
    let deactivated = limited.deactivate(&held.serial, &Authority::Admin).await;
    assert!(matches!(deactivated, Err(Error::NotFound(_))), "{deactivated:?}");
    assert_eq!(world.device(&bobs).await.account, Some(bobs.account.clone()));
    world.verifier.remove(&held.serial, &Authority::Admin).await.unwrap();
}
