//! The life after a restore: what was used after the backup stays used, what was taken away after
//! it is not given back by anybody below an administrator.

use std::path::PathBuf;

use test_support::keyring::keys_of;
use test_support::world::{Held, World, both, refused};
use twostep::device::{DeviceState, Factor, Leads, Refusal};
use twostep::id::CallerId;
use twostep::otp::{Code, Counter, Hotp, Window};
use twostep::store::sqlite::{Restore, restore_as};
use twostep::store::{AuditCursor, SqliteStore, Store};
use twostep::testing::SimulatedToken;
use twostep::time::UnixTime;
use twostep::verifier::{Authority, Error, NewDevice, NewFactor, Passcode, Verifier};

/// Administrator's windows end there, in steps.
const DAY: u64 = 2_880;

/// A backup of the store as it is.
async fn backup(world: &World) -> PathBuf {
    let backup = world.path().with_file_name("backup.db");
    world.store().backup(&backup).await.unwrap();
    backup
}

/// The backup takes the store's place.
fn restored(world: &mut World, backup: &PathBuf, leads: Leads) {
    let caller = CallerId::new("uid:0");
    let keyring = Some(&world.keyring);
    let wanted = Restore { now: world.now(), caller: &caller, leads, keyring, log: None };
    restore_as(backup, wanted).unwrap();
    world.move_to(backup);
}

/// Two codes of a counter-based token, from this counter on.
fn presses(held: &Held, from: u64) -> [Code; 2] {
    let mut token = SimulatedToken::hotp(&held.seed, Hotp::default(), Counter(from));
    [token.press(), token.press()]
}

/// Every way below an administrator in which one of these pairs, or one of its codes, could be
/// accepted, is refused.
async fn opens_nothing(world: &World, held: &Held, pair: &[Code; 2]) {
    let (account, serial) = (&held.account, &held.serial);
    for code in pair {
        let refusal = refused(world.verifier.verify_code(account, serial, code.clone()).await);
        assert!(
            matches!(refusal, Refusal::OutOfSync | Refusal::Replayed { .. } | Refusal::NotActive),
            "a right code, which was used: {refusal:?}"
        );
    }
    // The caller of a sign-in vouches for no person, in any role.
    for window in [Window::Owner, Window::Admin] {
        refused(world.verifier.verify_pair(account, serial, both(pair), window).await);
    }
    refused(world.verifier.resync(serial, both(pair), Window::Owner).await);
}

#[tokio::test]
async fn codes_of_a_token_found_far_ahead_open_nothing_again() {
    for lead in [21, 500, 2_000, 2_879] {
        let mut world = World::in_file();
        let held = world.active("alice").await;
        let backup = backup(&world).await;
        world.pass(60);
        let fast = held.clone().ahead_by(lead);
        let pair = fast.pair(world.now());
        world.verifier.resync(&held.serial, both(&pair), Window::Admin).await.unwrap();
        world.pass(30);
        let single = fast.code(world.now());
        let _ = world
            .verifier
            .verify_code(&held.account, &held.serial, single.clone())
            .await
            .unwrap();
        let last = fast.step(world.now());

        restored(&mut world, &backup, Leads::Unknown);
        // The time reaches the steps of those codes.
        while held.step(world.now()) < last - 1 {
            world.pass((last - 1 - held.step(world.now())) * 30);
        }
        opens_nothing(&world, &held, &pair).await;
        world.pass(30);
        opens_nothing(&world, &held, &[pair[1].clone(), single]).await;
    }
}

#[tokio::test]
async fn a_clock_is_in_doubt_until_an_administrator_vouches() {
    for way in ["time", "pair", "unlock", "leads"] {
        let mut world = World::in_file();
        let held = world.active("alice").await;
        let backup = backup(&world).await;
        let leads = if way == "leads" { Leads::Owners } else { Leads::Unknown };
        restored(&mut world, &backup, leads);
        let (account, serial) = (&held.account, &held.serial);
        world.pass(22 * 30);
        if way != "leads" {
            opens_nothing(&world, &held, &held.pair(world.now())).await;
            world.pass(30);
        }
        match way {
            "time" => world.pass((DAY + 3 - 21) * 30),
            "pair" => {
                let pair = held.pair(world.now());
                world.verifier.resync(serial, both(&pair), Window::Admin).await.unwrap();
                world.pass(30);
            }
            "unlock" => drop(world.verifier.unlock(serial).await.unwrap()),
            _ => {}
        }
        let code = held.code(world.now());
        let _ = world.verifier.verify_code(account, serial, code.clone()).await.unwrap();
        refused(world.verifier.verify_code(account, serial, code).await);
    }
}

#[tokio::test]
async fn a_pair_opens_once_both_its_codes_lie_past_the_doubt() {
    let mut world = World::in_file();
    let held = world.active("alice").await;
    let backup = backup(&world).await;
    restored(&mut world, &backup, Leads::Unknown);
    world.verifier.accept_restore().await.unwrap();
    let Factor::Totp(totp) = world.device(&held).await.factor else { panic!("a TOTP device") };
    let doubtful = totp.doubtful.unwrap().0;
    let at = |second: u64| world.pass(second * 30 - world.now().0);
    let try_pair = |second| {
        let (verifier, pair) = (world.verifier.clone(), held.pair_at_step(second));
        let (account, serial) = (held.account.clone(), held.serial.clone());
        async move { verifier.verify_pair(&account, &serial, both(&pair), Window::Owner).await }
    };
    // The first code of this pair may have been used before the restore.
    at(doubtful + 1);
    assert_eq!(refused(try_pair(doubtful + 1).await), Refusal::OutOfSync);
    at(doubtful + 2);
    assert!(try_pair(doubtful + 2).await.is_ok());
}

#[tokio::test]
async fn a_seed_unknown_to_the_backup_is_in_doubt_too() {
    let mut world = World::in_file();
    world.active("bob").await;
    let backup = backup(&world).await;
    // Added, found far ahead, used: all of it after the backup.
    let held = world.added("alice", &Authority::Admin).await.unwrap().ahead_by(1_000);
    let pair = held.pair(world.now());
    world
        .verifier
        .activate(&held.serial, both(&pair), Window::Admin, &Authority::Admin)
        .await
        .unwrap();
    restored(&mut world, &backup, Leads::Unknown);
    world.verifier.accept_restore().await.unwrap();
    world.verifier.add(held.to_add(), &Authority::Service).await.unwrap();
    world.pass(1_000 * 30);
    let by = |window, authority| {
        let verifier = world.verifier.clone();
        let (serial, pair) = (held.serial.clone(), pair.clone());
        async move { verifier.activate(&serial, both(&pair), window, authority).await }
    };
    assert_eq!(refused(by(Window::Owner, &Authority::Service).await), Refusal::OutOfSync);
    assert!(by(Window::Admin, &Authority::Admin).await.is_ok(), "on an administrator's word");
}

#[tokio::test]
async fn a_counter_is_put_back_by_an_administrator_alone() {
    let mut world = World::in_file();
    let held = world.counting("alice").await;
    let counter = |from| presses(&held, from);
    let (account, serial) = (&held.account, &held.serial);
    let backup = backup(&world).await;
    let spent = counter(2);
    let _ = world
        .verifier
        .verify_pair(account, serial, both(&spent), Window::Owner)
        .await
        .unwrap();

    restored(&mut world, &backup, Leads::Unknown);
    assert_eq!(world.device(&held).await.state, DeviceState::Disabled);
    opens_nothing(&world, &held, &spent).await;
    world.verifier.accept_restore().await.unwrap();
    opens_nothing(&world, &held, &spent).await;
    // The restored state is over, and the counter is as unknown as before.
    let proofs = [(&spent, Window::Owner), (&counter(4), Window::Owner)];
    for (pair, window) in proofs {
        let activated = world.verifier.activate(serial, both(pair), window, &Authority::Admin);
        assert_eq!(refused(activated.await), Refusal::OutOfSync);
    }
    let pair = counter(4);
    let activated = world.verifier.activate(serial, both(&pair), Window::Admin, &Authority::Admin);
    activated.await.unwrap();
    let next = counter(6)[0].clone();
    let _ = world.verifier.verify_code(account, serial, next).await.unwrap();
}

#[tokio::test]
async fn a_counter_added_again_after_a_restore_needs_an_administrator() {
    let mut world = World::in_file();
    let held = world.counting("alice").await;
    let serial = &held.serial;
    let backup = backup(&world).await;
    let spent = presses(&held, 2);
    let used = world.verifier.verify_pair(&held.account, serial, both(&spent), Window::Owner);
    let _ = used.await.unwrap();
    restored(&mut world, &backup, Leads::Unknown);
    world.verifier.accept_restore().await.unwrap();

    world.verifier.remove(serial, &Authority::Admin).await.unwrap();
    world.verifier.add(held.to_add_as_hotp(0), &Authority::Admin).await.unwrap();
    for pair in [&spent, &presses(&held, 4)] {
        let activated =
            world.verifier.activate(serial, both(pair), Window::Owner, &Authority::Admin);
        assert_eq!(refused(activated.await), Refusal::OutOfSync);
    }
    let (window, authority) = (Window::Admin, &Authority::Admin);
    world
        .verifier
        .activate(serial, both(&presses(&held, 4)), window, authority)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_pending_counter_is_not_activated_by_spent_codes() {
    let mut world = World::in_file();
    let held = Held::new("alice");
    world.verifier.add(held.to_add_as_hotp(0), &Authority::Admin).await.unwrap();
    let backup = backup(&world).await;
    let pair = presses(&held, 0);
    let activate = |verifier: Verifier, authority| {
        let (serial, pair) = (held.serial.clone(), pair.clone());
        async move { verifier.activate(&serial, both(&pair), Window::Owner, authority).await }
    };
    activate(world.verifier.clone(), &Authority::Service).await.unwrap();
    restored(&mut world, &backup, Leads::Unknown);
    world.verifier.accept_restore().await.unwrap();
    let again = activate(world.verifier.clone(), &Authority::Admin).await;
    assert_eq!(refused(again), Refusal::OutOfSync);
}

#[tokio::test]
async fn recovery_codes_of_a_backup_open_nothing() {
    let mut world = World::in_file();
    let held = world.active("alice").await;
    let sheet = NewDevice { serial: None, factor: NewFactor::Recovery, ..held.to_add() };
    let codes = world.verifier.add(sheet, &Authority::Admin).await.unwrap().recovery_codes;
    let used = Passcode::Recovery(codes[0].clone());
    let backup = backup(&world).await;
    let _ = world.verifier.verify_code(&held.account, None, used).await.unwrap();
    restored(&mut world, &backup, Leads::Owners);
    // Each of them may have been used since.
    for code in codes {
        let code = Passcode::Recovery(code);
        let refusal = refused(world.verifier.verify_code(&held.account, None, code).await);
        assert!(matches!(refusal, Refusal::Replayed { .. }), "{refusal:?}");
    }
    let snapshot = world.account(&held.account).await;
    let left = snapshot.devices.iter().find_map(|enrolled| match &enrolled.device.factor {
        Factor::Recovery(sheet) => Some((sheet.unused.len(), sheet.used.len())),
        _ => None,
    });
    assert_eq!(left, Some((0, 10)));
}

#[tokio::test]
async fn only_administrators_give_factors_until_the_restore_is_accepted() {
    let mut world = World::in_file();
    // Enrolled, and not yet protected when the backup was made.
    let held = world.added("alice", &Authority::Service).await.unwrap();
    let backup = backup(&world).await;
    let pair = held.pair(world.now());
    let activated =
        world
            .verifier
            .activate(&held.serial, both(&pair), Window::Owner, &Authority::Service);
    activated.await.unwrap();
    world.pass(86_400);
    restored(&mut world, &backup, Leads::Unknown);
    assert_eq!(world.verifier.restored().await.unwrap(), Some(world.now()));

    // An account that was protected since, and one that the backup does not know.
    for (who, protected) in [("alice", true), ("stranger", false)] {
        let added = world.added(who, &Authority::Service).await;
        assert!(matches!(added, Err(Error::Restored)), "{who}");
        let begun = keys_of(&world.verifier)
            .begin_registration(&who.parse().unwrap(), None, &Authority::Service)
            .await;
        assert!(matches!(begun, Err(Error::Restored)), "{who}: {begun:?}");
        let held = world.added(who, &Authority::Admin).await.unwrap();
        let pair = held.pair(world.now());
        let verifier = &world.verifier;
        let activated =
            verifier.activate(&held.serial, both(&pair), Window::Admin, &Authority::Service);
        assert!(matches!(activated.await, Err(Error::Restored)), "{who}");
        verifier.remove(&held.serial, &Authority::Admin).await.unwrap();
        assert_eq!(world.account(&held.account).await.account.protected, protected, "{who}");
    }

    let accepted = world.verifier.accept_restore().await.unwrap();
    assert_eq!(accepted, Some(world.now()));
    assert_eq!(world.audited("store.accepted").await.len(), 1);
    assert_eq!(world.verifier.restored().await.unwrap(), None);
    assert_eq!(world.verifier.accept_restore().await.unwrap(), None, "once");
    assert_eq!(world.audited("store.accepted").await.len(), 1);
    // Accounts of the backup stay protected; others enrol as before.
    let added = world.added("alice", &Authority::Service).await;
    assert!(matches!(added, Err(Error::MfaRequired)));
    assert!(world.added("stranger", &Authority::Service).await.is_ok());
}

#[tokio::test]
async fn a_second_restore_gives_nothing_back() {
    let mut world = World::in_file();
    let held = world.active("alice").await;
    let hotp = world.counting("bob").await;
    let backup = backup(&world).await;
    let caller = CallerId::new("uid:0");
    let at = |now, leads| {
        let keyring = Some(&world.keyring);
        restore_as(&backup, Restore { now, caller: &caller, leads, keyring, log: None }).unwrap();
    };
    at(world.now(), Leads::Unknown);
    let first = world.verifier_on(SqliteStore::open(&backup).unwrap());
    first.accept_restore().await.unwrap();
    let before = first.store().account(&held.account).await.unwrap().unwrap();
    drop(first);
    // The second one finds an earlier time, and is told that nothing is in doubt.
    at(UnixTime(world.now().0 - 3_600), Leads::Owners);

    world.move_to(&backup);
    assert!(world.verifier.restored().await.unwrap().is_some(), "to be accepted once more");
    let after = world.account(&held.account).await;
    // The generation ends all older contexts, and the mark is not ahead of the clock.
    assert!(after.account.generation > before.account.generation);
    assert!(after.account.revoked_before.is_some_and(|mark| mark <= world.now()));
    let was = &before.device(&held.serial).unwrap().device;
    assert_eq!(world.device(&held).await.factor, was.factor, "nothing is lowered");
    assert_eq!(world.device(&hotp).await.state, DeviceState::Disabled);
}

/// The operator says that no token was found far ahead; the log knows better of one.
#[tokio::test]
async fn a_log_disables_again_and_doubts_what_was_found_ahead() {
    let mut world = World::in_file();
    let [stolen, fast, kept] =
        [world.active("alice").await, world.active("bob").await, world.active("carol").await];
    let backup = backup(&world).await;
    world.pass(60);
    world.verifier.deactivate(&stolen.serial, &Authority::Admin).await.unwrap();
    let pair = fast.clone().ahead_by(500).pair(world.now());
    world.verifier.resync(&fast.serial, both(&pair), Window::Admin).await.unwrap();
    let rows = world.store().audit(AuditCursor::start(), 1_000).await.unwrap();

    let (caller, leads, mut rows) =
        (CallerId::new("uid:0"), Leads::Owners, rows.into_iter().map(Ok));
    let (keyring, now) = (Some(&world.keyring), world.now());
    let rows: &mut dyn Iterator<Item = _> = &mut rows;
    let log = Some(rows);
    let restored = restore_as(&backup, Restore { now, caller: &caller, leads, keyring, log });
    assert_eq!(restored.unwrap().repeated.disabled, 1);
    world.move_to(&backup);
    assert_eq!(world.device(&stolen).await.state, DeviceState::Disabled);
    assert_eq!(world.device(&kept).await.state, DeviceState::Active);
    let clocks = [world.totp(&fast).await, world.totp(&kept).await];
    assert_eq!(clocks.map(|totp| totp.doubtful.is_some()), [true, false]);
}
