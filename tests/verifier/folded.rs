//! Refusals that are folded: nothing of them is lost, and nothing is counted twice.

use std::sync::Mutex;
use std::time::Duration;

use test_support::hooked::{Hook, Hooked};
use test_support::test_store::TestStore;
use test_support::world::{Held, World, refused};
use twostep::store::{Action, Answer, Change, Commit, Error as StoreError, Store};
use twostep::verifier::Verifier;

async fn replay(verifier: &Verifier, held: &Held, world: &World) {
    refused(verifier.verify_code(&held.account, &held.serial, held.code(world.now())).await);
}

/// The counts of the rows of refused replays.
async fn counts(world: &World) -> Vec<u64> {
    world.audited("code.refused").await.iter().map(|event| event.count).collect()
}

#[tokio::test]
async fn replays_of_a_minute_are_one_row_and_a_count() {
    let world = World::new();
    let held = world.active("alice").await;
    let code = held.code(world.now());
    let _ = world.verifier.verify_code(&held.account, &held.serial, code).await.unwrap();
    let before = world.audit().await.len();
    for number in 1..=50 {
        replay(&world.verifier, &held, &world).await;
        assert_eq!(world.audit().await.len(), before + 1, "the first is written at once: {number}");
    }
    world.verifier.write_refusals().await.unwrap();
    assert_eq!(counts(&world).await, [1, 49]);
    // Another caller, and another minute, have a first of their own.
    let other = world.verifier.on_behalf_of(twostep::id::CallerId::new("uid:7"));
    replay(&other, &held, &world).await;
    assert_eq!(counts(&world).await, [1, 49, 1]);
    world.pass(61);
    let code = held.code(world.now());
    let _ = world.verifier.verify_code(&held.account, &held.serial, code).await.unwrap();
    replay(&world.verifier, &held, &world).await;
    replay(&world.verifier, &held, &world).await;
    assert_eq!(counts(&world).await, [1, 49, 1, 1]);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// An answer that the change was not kept.
    Away,
    /// No answer, and the change was not kept.
    Lost,
    /// No answer, although the change was kept.
    Kept,
    /// The call is dropped before the change is made.
    DroppedBefore,
    /// The call is dropped after the change was made.
    DroppedAfter,
}

/// Fails the next change that writes folded refusals.
struct Fails(Mutex<Option<How>>);

impl Hook for Fails {
    fn commit<'a>(&'a self, store: &'a TestStore, change: Change) -> Answer<'a, Commit> {
        let folds = change.audit.iter().any(|event| event.action == Action::CodeNotJudged);
        let how = if folds { self.0.lock().unwrap().take() } else { None };
        Box::pin(async move {
            let Some(how) = how else { return store.commit(change).await };
            if matches!(how, How::Kept | How::DroppedAfter) {
                let _ = store.commit(change).await?;
            }
            match how {
                How::Away => Err(StoreError::Unavailable("planted".to_owned())),
                How::Lost | How::Kept => Err(StoreError::Unknown("planted".to_owned())),
                How::DroppedBefore | How::DroppedAfter => std::future::pending().await,
            }
        })
    }
}

#[tokio::test]
async fn counts_of_a_failed_write_are_written_once_by_the_next() {
    for how in [How::Away, How::Lost, How::Kept, How::DroppedBefore, How::DroppedAfter] {
        let world = World::new();
        let held = Held::new("nobody");
        let hook = Fails(Mutex::new(Some(how)));
        let verifier = world.verifier_on(Hooked { store: world.store(), hook });
        for _ in 0..7 {
            replay(&verifier, &held, &world).await;
        }
        let written = tokio::time::timeout(Duration::from_millis(300), verifier.write_refusals());
        assert!(!matches!(written.await, Ok(Ok(()))), "{how:?}");
        for _ in 0..5 {
            replay(&verifier, &held, &world).await;
        }
        for _ in 0..3 {
            verifier.write_refusals().await.unwrap();
        }
        let rows = world.audited("code.not_judged").await;
        let counts: Vec<u64> = rows.iter().map(|event| event.count).collect();
        assert_eq!(counts.iter().sum::<u64>(), 12, "{how:?}: {counts:?}");
    }
}
