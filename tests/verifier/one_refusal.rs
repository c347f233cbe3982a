//! One refusal: every wrong code costs the same number of compressions, and waits for the store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use test_support::hooked::{Hook, Hooked};
use test_support::test_store::TestStore;
use test_support::world::{Held, World, both, nowhere, refused};
use twostep::device::{RecoveryCode, Refusal};
use twostep::id::{AccountId, SerialNumber};
use twostep::otp::{Algorithm, Counter, Digits, Hotp, Totp, Window, compressions};
use twostep::store::{Answer, Change, Commit, Store};
use twostep::testing::SimulatedToken;
use twostep::verifier::{Authority, NewDevice, NewFactor, Passcode};

/// A request that is refused, and for what.
struct Class(&'static str, AccountId, Option<SerialNumber>, Passcode, &'static str);

async fn classes(world: &World) -> Vec<Class> {
    let verifier = &world.verifier;
    let [alice, far] = [world.active("alice").await, world.active("far").await];
    let locked = world.locked("locked").await;
    let [throttled, disabled, guessed, slow] = [
        world.active("throttled").await,
        world.active("disabled").await,
        world.active("guessed").await,
        world.active("slow").await,
    ];
    let pending = world.added("pending", &Authority::Admin).await.unwrap();
    let two = [world.active("two").await, world.active("two").await];
    let mut classes = Vec::new();

    // Devices of every making.
    let long = Totp {
        algorithm: Algorithm::Sha512,
        digits: Digits::try_from(8).unwrap(),
        ..Totp::default()
    };
    let long = Held { totp: long, ..Held::new("long") };
    verifier.add(long.to_add(), &Authority::Admin).await.unwrap();
    verifier
        .activate(&long.serial, both(&long.pair(world.now())), Window::Owner, &Authority::Admin)
        .await
        .unwrap();
    let (counting, out_of_sync) = (Held::new("counting"), Held::new("out of sync"));
    for held in [&counting, &out_of_sync] {
        verifier.add(held.to_add_as_hotp(0), &Authority::Admin).await.unwrap();
        let mut token = SimulatedToken::hotp(&held.seed, Hotp::default(), Counter(0));
        let pair = [token.press(), token.press()];
        verifier
            .activate(&held.serial, both(&pair), Window::Owner, &Authority::Admin)
            .await
            .unwrap();
    }
    let sheet = NewDevice {
        account: alice.account.clone(),
        serial: None,
        name: None,
        factor: NewFactor::Recovery,
    };
    let codes = verifier.add(sheet, &Authority::Admin).await.unwrap().recovery_codes;
    let used: Passcode = codes[0].to_text().parse().unwrap();
    let _verified = verifier.verify_code(&alice.account, None, used.clone()).await.unwrap();
    let bypass = verifier
        .bypass(&alice.account, std::time::Duration::from_secs(3_600))
        .await
        .unwrap()
        .code
        .to_text()
        .parse::<Passcode>()
        .unwrap();
    let _verified = verifier.verify_code(&alice.account, None, bypass.clone()).await.unwrap();

    // States that refuse.
    for _ in 0..3 {
        refused(
            verifier
                .verify_code(&throttled.account, &throttled.serial, throttled.wrong(world.now()))
                .await,
        );
    }
    verifier.deactivate(&disabled.serial, &Authority::Admin).await.unwrap();
    for _ in 0..60 {
        refused(
            verifier
                .verify_code(&guessed.account, &nowhere(), guessed.wrong(world.now()))
                .await,
        );
    }
    let behind = slow.clone().ahead_by(-5).pair_at_step(slow.step(world.now()) + 1);
    verifier.resync(&slow.serial, both(&behind), Window::Owner).await.unwrap();

    let now = world.now();
    let wrong = Passcode::from(alice.wrong(now));
    let _verified = verifier
        .verify_code(&alice.account, &alice.serial, alice.code(now))
        .await
        .unwrap();
    let mut class =
        |class, account: &AccountId, serial: Option<&SerialNumber>, code: Passcode, reason| {
            classes.push(Class(class, account.clone(), serial.cloned(), code, reason));
        };
    class(
        "no such account",
        &"nobody".parse().unwrap(),
        Some(&alice.serial),
        wrong.clone(),
        "unknown_device",
    );
    class(
        "no such account, no serial number",
        &"nobody".parse().unwrap(),
        None,
        wrong.clone(),
        "unknown_device",
    );
    class("no such device", &alice.account, Some(&nowhere()), wrong.clone(), "unknown_device");
    class(
        "somebody else's device",
        &alice.account,
        Some(&two[0].serial),
        two[0].code(now).into(),
        "unknown_device",
    );
    class(
        "two devices, no serial number",
        &two[0].account,
        None,
        two[0].code(now).into(),
        "unknown_device",
    );
    // Before those that throttle the device.
    class("used", &alice.account, Some(&alice.serial), alice.code(now).into(), "replayed");
    class("wrong", &alice.account, Some(&alice.serial), wrong.clone(), "no_match");
    class("wrong, no serial number", &alice.account, None, wrong.clone(), "no_match");
    class(
        "wrong, of another length",
        &alice.account,
        Some(&alice.serial),
        "00000000".parse().unwrap(),
        "no_match",
    );
    class(
        "wrong, of another making",
        &long.account,
        Some(&long.serial),
        long.wrong(now).into(),
        "no_match",
    );
    class(
        "wrong, of a slow clock",
        &slow.account,
        Some(&slow.serial),
        slow.wrong(now).into(),
        "no_match",
    );
    class(
        "wrong, of a counter",
        &counting.account,
        Some(&counting.serial),
        counting.wrong(now).into(),
        "no_match",
    );
    class(
        "out of sync",
        &far.account,
        Some(&far.serial),
        far.clone().ahead_by(-30).code(now).into(),
        "no_match",
    );
    class(
        "out of sync, of a counter",
        &counting.account,
        Some(&counting.serial),
        counting.code_at_step(60).into(),
        "no_match",
    );
    class(
        "used, of a counter",
        &counting.account,
        Some(&counting.serial),
        counting.code_at_step(1).into(),
        "replayed",
    );
    class(
        "throttled",
        &throttled.account,
        Some(&throttled.serial),
        throttled.code(now).into(),
        "throttled",
    );
    class("locked", &locked.account, Some(&locked.serial), locked.code(now).into(), "locked");
    class(
        "pending",
        &pending.account,
        Some(&pending.serial),
        pending.code(now).into(),
        "not_active",
    );
    class(
        "disabled",
        &disabled.account,
        Some(&disabled.serial),
        disabled.code(now).into(),
        "not_active",
    );
    class(
        "account throttled",
        &guessed.account,
        Some(&guessed.serial),
        guessed.code(now).into(),
        "throttled",
    );
    class("recovery code, used", &alice.account, None, used, "replayed");
    class(
        "recovery code, wrong",
        &alice.account,
        None,
        Passcode::Recovery(RecoveryCode::from_bits([9; 10])),
        "no_match",
    );
    class(
        "recovery code, no sheet",
        &slow.account,
        None,
        Passcode::Recovery(RecoveryCode::from_bits([9; 10])),
        "unknown_device",
    );
    class("bypass code, used", &alice.account, None, bypass, "replayed");
    class(
        "bypass code, wrong",
        &alice.account,
        None,
        "0000-0000-0000-0000-0000".parse().unwrap(),
        "unknown_device",
    );
    classes
}

#[tokio::test]
async fn every_refusal_of_a_code_takes_the_same_compressions() {
    let world = World::new();
    let mut costs: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for Class(class, account, serial, code, reason) in classes(&world).await {
        let (counted, real) = (world.verifier.counts().compressions, compressions());
        let refusal = refused(world.verifier.verify_code(&account, serial.as_ref(), code).await);
        let cost = compressions() - real;
        assert_eq!(refusal.name(), reason, "{class}");
        assert_eq!(
            world.verifier.counts().compressions - counted,
            cost,
            "{class}: what is counted is what was done"
        );
        costs.entry(cost).or_default().push(class);
    }
    let real = compressions();
    let hidden = world
        .verifier
        .refuse_hidden(&"alice".parse().unwrap(), None, None)
        .await
        .unwrap();
    assert_eq!(refused::<()>(Err(hidden)), Refusal::UnknownDevice);
    costs.entry(compressions() - real).or_default().push("hidden from the caller");
    assert_eq!(costs.len(), 1, "compressions by class: {costs:#?}");
}

/// Counts the changes that reach the store's writer.
#[derive(Default)]
struct Writes(AtomicU64);

impl Hook for Writes {
    fn commit<'a>(&'a self, store: &'a TestStore, change: Change) -> Answer<'a, Commit> {
        self.0.fetch_add(1, Relaxed);
        store.commit(change)
    }
}

/// A refusal that changes nothing would be faster without the writer, and fail on no full disk.
#[tokio::test]
async fn every_refusal_of_a_code_waits_for_the_writer_once() {
    let world = World::new();
    let classes = classes(&world).await;
    let writes = Arc::new(Writes::default());
    let verifier = world.verifier_on(Hooked { store: world.store(), hook: Arc::clone(&writes) });
    let hidden = "alice".parse().unwrap();
    // The first request of a verifier notes the time.
    verifier.refuse_hidden(&hidden, None, None).await.unwrap();
    for Class(class, account, serial, code, _) in classes {
        let before = writes.0.load(Relaxed);
        refused(verifier.verify_code(&account, serial.as_ref(), code).await);
        assert_eq!(writes.0.load(Relaxed) - before, 1, "{class}");
    }
    for pair in [None, Some(Window::Owner)] {
        let before = writes.0.load(Relaxed);
        verifier.refuse_hidden(&hidden, None, pair).await.unwrap();
        assert_eq!(writes.0.load(Relaxed) - before, 1, "hidden from the caller");
    }
}
