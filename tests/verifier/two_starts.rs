//! Programs that start at once on a new store.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use test_support::hooked::{Hook, Hooked};
use test_support::world::World;
use twostep::store::{Error as StoreError, Keyring, Store};
use twostep::verifier::{Limits, Verifier};

/// A program that starts in the middle of another one's start.
struct InTheMiddle {
    other: Verifier,
    started: AtomicBool,
}

impl Hook for InTheMiddle {
    fn read(&self, what: &'static str) -> Result<(), StoreError> {
        if what == "sealed_under_other_keys" && !self.started.swap(true, Relaxed) {
            let ready = || tokio::runtime::Runtime::new().unwrap().block_on(self.other.ready());
            let ready = std::thread::scope(|scope| scope.spawn(ready).join());
            ready.unwrap().unwrap();
        }
        Ok(())
    }
}

/// The second has seen that there is no pepper, and looks at secrets that are there with one.
#[tokio::test]
async fn a_program_that_starts_within_anothers_start_uses_its_key() {
    let world = World::new();
    let file = world.beside("sealing.key");
    let of = |store: Arc<dyn Store>| {
        let keyring = Keyring::from_file_or_new(&file).unwrap();
        Verifier::with(store, keyring, Arc::new(world.clock.clone()), Limits::default())
    };
    let other = of(Arc::new(world.store()));
    let hook = InTheMiddle { other: other.clone(), started: AtomicBool::new(false) };
    let hook = Arc::new(hook);
    let second = of(Arc::new(Hooked { store: world.store(), hook: Arc::clone(&hook) }));
    second.ready().await.unwrap();
    assert!(hook.started.load(Relaxed));
    assert_eq!(
        other.sealer().await.unwrap().keyring().current(),
        second.sealer().await.unwrap().keyring().current()
    );
}

/// Of two programs that start together both have a new key in mind, and one of the two is the
/// store's.
#[tokio::test]
async fn two_programs_that_start_at_once_use_one_key() {
    let world = World::new();
    let file = world.beside("sealing.key");
    let of = || {
        Verifier::with(
            Arc::new(world.store()),
            Keyring::from_file_or_new(&file).unwrap(),
            Arc::new(world.clock.clone()),
            Limits::default(),
        )
    };
    let (first, second) = (of(), of());
    let (one, two) = tokio::join!(first.ready(), second.ready());
    one.unwrap();
    two.unwrap();
    assert_eq!(
        first.sealer().await.unwrap().keyring().current(),
        second.sealer().await.unwrap().keyring().current()
    );
}
