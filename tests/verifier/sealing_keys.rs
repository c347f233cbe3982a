//! The keys that a store is sealed with, and their replacement during verification.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use test_support::hooked::{Hook, Hooked};
use test_support::test_store::TestStore;
use test_support::world::{Held, World, both};
use twostep::otp::Window;
use twostep::secret::Secret;
use twostep::session::{Issuer, SigningAlgorithm};
use twostep::store::{Answer, Commit, Error as StoreError, KeyError, Keyring, SealingKeyId, Store};
use twostep::verifier::{Authority, Error, Limits, Verifier};

#[tokio::test]
async fn a_store_sealed_under_another_key_is_refused() {
    let world = World::new();
    let held = world.active("alice").await;
    let other = Keyring::ephemeral().unwrap();
    let stranger = Verifier::with(
        Arc::new(world.store()),
        other.clone(),
        Arc::new(world.clock.clone()),
        Limits::default(),
    );
    assert!(matches!(stranger.ready().await, Err(Error::Key(KeyError::Wrong))));
    let verified = stranger.verify_code(&held.account, &held.serial, held.code(world.now())).await;
    assert!(matches!(verified, Err(Error::Key(KeyError::Wrong))), "{verified:?}");
    let added = stranger.add(Held::new("bob").to_add(), &Authority::Admin).await;
    assert!(matches!(added, Err(Error::Key(KeyError::Wrong))), "{added:?}");
    assert!(matches!(
        world.verifier.rotate_sealing_keys(other).await,
        Err(Error::Key(KeyError::Wrong))
    ));
    let _verified = world
        .verifier
        .verify_code(&held.account, &held.serial, held.code(world.now()))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sealing_keys_are_replaced_during_verification() {
    let keys: Vec<Secret> = (0..12).map(|n| Secret::new(vec![n; 32])).collect();
    let world = World::sealed_with(Keyring::new(&keys[0], &[]).unwrap());
    let mut people = Vec::new();
    for number in 0..8 {
        people.push(world.active(&format!("person {number}")).await);
    }
    // The clock stands still, so each task uses codes that are further and further ahead.
    let mut tasks = tokio::task::JoinSet::new();
    for held in people {
        let (verifier, world_now) = (world.verifier.clone(), world.now());
        tasks.spawn(async move {
            let mut verified = 0;
            for round in 0..60 {
                let second = held.step(world_now) + 2 * round + 1;
                let pair = held.pair_at_step(second);
                let proof = verifier
                    .verify_pair(&held.account, &held.serial, both(&pair), Window::Admin)
                    .await;
                assert!(proof.is_ok(), "round {round}: {proof:?}");
                verified += 1;
                let added = verifier
                    .add(Held::new(held.account.as_str()).to_add(), &Authority::Admin)
                    .await;
                let added = added.unwrap_or_else(|error| panic!("round {round}: {error:?}"));
                verifier.remove(&added.device.serial, &Authority::Admin).await.unwrap();
            }
            verified
        });
    }
    for pair in keys.windows(2) {
        let next = Keyring::new(&pair[1], std::slice::from_ref(&pair[0])).unwrap();
        world.verifier.rotate_sealing_keys(next).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let verified: usize = tasks.join_all().await.into_iter().sum();
    assert_eq!(verified, 8 * 60);
    let last = Keyring::new(keys.last().unwrap(), &[]).unwrap();
    let left = world
        .verifier
        .store()
        .sealed_under_other_keys(last.current(), 1_000)
        .await
        .unwrap();
    assert!(left.is_empty(), "nothing is left behind under an older key: {} are", left.len());
    let alone = Verifier::with(
        Arc::new(world.store()),
        last,
        Arc::new(world.clock.clone()),
        Limits::default(),
    );
    alone.ready().await.unwrap();
}

/// Holds the next read of an account until it is released.
#[derive(Default)]
struct Halt(Mutex<Option<(Sender<()>, Receiver<()>)>>);

impl Hook for Halt {
    fn read(&self, what: &'static str) -> Result<(), StoreError> {
        let halt = if what == "account" { self.0.lock().unwrap().take() } else { None };
        if let Some((halted, go)) = halt {
            halted.send(()).unwrap();
            go.recv().unwrap();
        }
        Ok(())
    }
}

/// Runs `act` so that the keys are replaced between its choice of the old ones and its read of the
/// account.
async fn overtaken<T, F>(world: &World, next: &Keyring, act: impl FnOnce(Verifier) -> F) -> T
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let halt = Arc::new(Halt::default());
    let verifier = world.verifier_on(Hooked { store: world.store(), hook: Arc::clone(&halt) });
    verifier.ready().await.unwrap();
    let ((halted, is_halted), (go, may_go)) = (channel(), channel());
    *halt.0.lock().unwrap() = Some((halted, may_go));
    let acting = tokio::spawn(act(verifier.clone()));
    tokio::task::spawn_blocking(move || is_halted.recv().unwrap()).await.unwrap();
    let next = next.clone();
    let replacing = tokio::spawn(async move { verifier.rotate_sealing_keys(next).await });
    // Time enough to finish, unless it waits for holders of the old keys.
    tokio::time::sleep(Duration::from_millis(200)).await;
    go.send(()).unwrap();
    let acted = acting.await.unwrap();
    replacing.await.unwrap().unwrap();
    acted
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_the_old_keys_in_hand_still_opens_with_them() {
    let (world, next) = before_and_after();
    let held = world.active("alice").await;
    let (who, code) = (held.clone(), held.code(world.now()));
    let verified = overtaken(&world, &next, |verifier| async move {
        verifier.verify_code(&who.account, &who.serial, code).await
    })
    .await;
    assert!(verified.is_ok(), "{verified:?}");

    let (world, next) = before_and_after();
    let held = world.active("alice").await;
    let (who, pair) = (held.clone(), held.pair_at_step(held.step(world.now()) + 2));
    let found = overtaken(&world, &next, |verifier| async move {
        verifier.resync(&who.serial, both(&pair), Window::Owner).await
    })
    .await;
    assert!(found.is_ok(), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_the_old_keys_in_hand_leaves_nothing_under_them() {
    let (world, next) = before_and_after();
    world.active("alice").await;
    let new = Held::new("alice").to_add();
    let added =
        overtaken(
            &world,
            &next,
            |verifier| async move { verifier.add(new, &Authority::Admin).await },
        )
        .await;
    assert!(added.is_ok(), "{added:?}");
    let left = world
        .verifier
        .store()
        .sealed_under_other_keys(next.current(), 10)
        .await
        .unwrap();
    assert!(
        left.is_empty(),
        "the old key is thrown away now, and with it what is sealed under it: {left:?}"
    );
}

/// A keyring of the keys with these numbers; the first seals.
fn ring(numbers: &[u8]) -> Keyring {
    let keys: Vec<Secret> = numbers.iter().map(|number| Secret::new(vec![*number; 32])).collect();
    Keyring::new(&keys[0], &keys[1..]).unwrap()
}

fn id(number: u8) -> SealingKeyId {
    ring(&[number]).ids()[0]
}

/// A verifier that was started with these keys.
fn started(world: &World, numbers: &[u8]) -> Verifier {
    Verifier::with(
        Arc::new(world.store()),
        ring(numbers),
        Arc::new(world.clock.clone()),
        Limits::default(),
    )
}

/// Number of secrets that need each key, counted with these keys.
async fn needs(world: &World, numbers: &[u8]) -> Vec<(SealingKeyId, u64)> {
    let needs = started(world, numbers).older_sealing_keys().await.unwrap();
    needs.into_iter().map(|need| (need.key, need.secrets)).collect()
}

/// A store with secrets of every kind under each of the keys: seeds, the pepper under the first, a
/// signing key under the last.
async fn sealed_under(numbers: &[u8], seeds_each: usize) -> World {
    let world = World::sealed_with(ring(&numbers[..1]));
    world.verifier.ready().await.unwrap();
    for count in 1..=numbers.len() {
        let mut known: Vec<u8> = numbers[..count].to_vec();
        known.reverse();
        let verifier = started(&world, &known);
        for number in 0..seeds_each {
            verifier
                .add(Held::new(&format!("person {count} {number}")).to_add(), &Authority::Admin)
                .await
                .unwrap();
        }
        if count == numbers.len() {
            Issuer::new(verifier, "twostep")
                .rotate_keys(SigningAlgorithm::EdDsa)
                .await
                .unwrap();
        }
    }
    world
}

#[tokio::test]
async fn every_secret_is_sealed_again_after_a_new_first_key() {
    for (numbers, seeds_each) in [(&[1][..], 3), (&[1, 2], 2), (&[1, 2, 3, 4], 5), (&[1], 600)] {
        let world = sealed_under(numbers, seeds_each).await;
        let mut keys = numbers.to_vec();
        keys.insert(0, 9);
        let before = needs(&world, &keys).await;
        let secrets: u64 = before.iter().map(|(_, secrets)| secrets).sum();
        assert_eq!(secrets, u64::try_from(numbers.len() * seeds_each + 2).unwrap(), "{before:?}");
        assert_eq!(before.len(), numbers.len());
        let verifier = started(&world, &keys);
        assert_eq!(verifier.reseal().await.unwrap(), secrets);
        assert!(verifier.older_sealing_keys().await.unwrap().is_empty());
        let rows = world.audited("sealing_keys.resealed").await;
        assert_eq!(rows.iter().map(|row| row.count).collect::<Vec<_>>(), [secrets]);
        started(&world, &[9]).ready().await.unwrap();
        assert_eq!(verifier.reseal().await.unwrap(), 0, "there is nothing left");
        assert_eq!(world.audited("sealing_keys.resealed").await.len(), 1);
    }
}

#[tokio::test]
async fn missing_keys_are_refused_at_the_start_with_their_secrets() {
    let world = sealed_under(&[1, 2, 3], 2).await;
    // Under the first are the pepper and two seeds, under the last a signing key and two.
    for (keys, missing) in [
        (&[9, 1, 2][..], &[(3, 3)][..]),
        (&[9, 2, 3], &[(1, 3)]),
        (&[3, 1], &[(2, 2)]),
        (&[1], &[(2, 2), (3, 3)]),
        (&[9, 3], &[(1, 3), (2, 2)]),
    ] {
        let refused = match started(&world, keys).ready().await {
            Err(Error::Key(KeyError::Missing(needs))) => needs,
            other => panic!("{keys:?}: {other:?}"),
        };
        let mut expected: Vec<_> =
            missing.iter().map(|(number, secrets)| (id(*number), *secrets)).collect();
        expected.sort_unstable();
        assert_eq!(
            refused.0.iter().map(|need| (need.key, need.secrets)).collect::<Vec<_>>(),
            expected,
            "{keys:?}"
        );
        let words = KeyError::Missing(refused).to_string();
        for (key, secrets) in expected {
            assert!(
                words.contains(&format!("{secrets} secrets need the sealing key {key}")),
                "{words}"
            );
        }
    }
    assert!(
        matches!(started(&world, &[8, 9]).ready().await, Err(Error::Key(KeyError::Wrong))),
        "it is another store's"
    );
    started(&world, &[9, 3, 1, 2]).ready().await.unwrap();
}

#[tokio::test]
async fn missing_keys_change_nothing_when_they_are_read_again() {
    let world = sealed_under(&[1, 2], 2).await;
    let verifier = started(&world, &[2, 1]);
    let held = Held::new("alice");
    verifier.add(held.to_add(), &Authority::Admin).await.unwrap();
    for keys in [&[9, 2][..], &[9, 1], &[2], &[1]] {
        let refused = verifier.rotate_sealing_keys(ring(keys)).await;
        assert!(matches!(refused, Err(Error::Key(KeyError::Missing(_)))), "{keys:?}: {refused:?}");
    }
    let [first, second] = held.pair(world.now());
    verifier
        .activate(&held.serial, [&first, &second], Window::Owner, &Authority::Admin)
        .await
        .unwrap();
    assert_eq!(needs(&world, &[2, 1]).await, [(id(1), 3)], "nothing was sealed again");
}

/// Lets so many changes pass, and no more.
struct Few(std::sync::atomic::AtomicUsize);

impl Hook for Few {
    fn commit<'a>(
        &'a self,
        store: &'a TestStore,
        change: twostep::store::Change,
    ) -> Answer<'a, Commit> {
        use std::sync::atomic::Ordering::SeqCst;
        if self.0.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_err() {
            return Box::pin(async {
                Err(StoreError::Full("database or disk is full".to_owned()))
            });
        }
        store.commit(change)
    }
}

#[tokio::test]
async fn interrupted_sealing_goes_on_and_needs_the_old_key_until_then() {
    let world = sealed_under(&[1], 200).await;
    let hook = Few(std::sync::atomic::AtomicUsize::new(2));
    let stopped = Verifier::with(
        Arc::new(Hooked { store: world.store(), hook }),
        ring(&[2, 1]),
        Arc::new(world.clock.clone()),
        Limits::default(),
    );
    assert!(matches!(stopped.reseal().await, Err(Error::Store(StoreError::Full(_)))));
    let left = needs(&world, &[2, 1]).await;
    assert!(left.len() == 1 && left[0].0 == id(1) && (1..202).contains(&left[0].1), "{left:?}");
    assert!(matches!(started(&world, &[2]).ready().await, Err(Error::Key(KeyError::Missing(_)))));
    assert_eq!(started(&world, &[2, 1]).reseal().await.unwrap(), left[0].1);
    started(&world, &[2]).ready().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_with_opposite_first_keys_finish_sealing() {
    let world = sealed_under(&[1, 2], 100).await;
    let (one, other) = (started(&world, &[1, 2]), started(&world, &[2, 1]));
    let both = async { tokio::join!(one.reseal(), other.reseal()) };
    let ended = tokio::time::timeout(Duration::from_secs(60), both).await.unwrap();
    for ended in [ended.0, ended.1] {
        assert!(matches!(ended, Ok(_) | Err(Error::Contended)), "{ended:?}");
    }
    started(&world, &[1, 2]).ready().await.unwrap();
}

fn before_and_after() -> (World, Keyring) {
    let keys = [1, 2].map(|byte| Secret::new(vec![byte; 32]));
    (
        World::sealed_with(Keyring::new(&keys[0], &[]).unwrap()),
        Keyring::new(&keys[1], &keys[..1]).unwrap(),
    )
}

/// Holds for each first call.
#[tokio::test]
async fn a_key_is_made_only_for_a_store_without_secrets() {
    let world = World::new();
    let file = world.beside("sealing.key");
    let fresh = || {
        Verifier::with(
            Arc::new(world.store()),
            Keyring::from_file_or_new(&file).unwrap(),
            Arc::new(world.clock.clone()),
            Limits::default(),
        )
    };
    let first = fresh();
    assert!(!file.exists(), "it is not known yet whether the store has a key");
    first.ready().await.unwrap();
    let key = std::fs::read(&file).unwrap();
    fresh().ready().await.unwrap();
    let held = Held::new("alice");
    first.add(held.to_add(), &Authority::Admin).await.unwrap();
    drop(first);

    std::fs::remove_file(&file).unwrap();
    let without = fresh();
    let missing = format!("sealing key {} is not there: put its backup back", file.display());
    let code = held.code(world.now());
    let answers = [
        without.ready().await.map(drop),
        without.sealer().await.map(drop),
        without.add(Held::new("bob").to_add(), &Authority::Admin).await.map(drop),
        without.verify_code(&held.account, &held.serial, code).await.map(drop),
        without
            .rotate_sealing_keys(Keyring::from_file_or_new(&file).unwrap())
            .await
            .map(drop),
    ];
    for answer in answers {
        let Err(Error::Key(error @ KeyError::FileMissing(_))) = answer else {
            panic!("{answer:?}")
        };
        assert_eq!(error.to_string(), missing);
    }
    assert!(!file.exists(), "and no key is written there");
    std::fs::write(&file, &key).unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    fresh().ready().await.unwrap();
}
