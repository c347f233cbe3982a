//! The process that is killed: four tasks that do one thing after the other, and tell of each when
//! it is done.

use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use test_support::hooked::{Hook, Hooked};
use test_support::process::Line;
use test_support::test_store::TestStore;
use test_support::world::{Held, both, refused};
use twostep::otp::Window;
use twostep::secret::Secret;
use twostep::session::Issuer;
use twostep::store::{Action, Answer, Change, Commit, Committed, Keyring, Store};
use twostep::testing::FixedClock;
use twostep::time::UnixTime;
use twostep::verifier::{Authority, Limits, Verifier};

/// Settings of the process, sent first.
#[derive(Serialize, Deserialize)]
pub(crate) struct Start {
    pub(crate) store: PathBuf,
    pub(crate) now: UnixTime,
    /// The number of the first person.
    pub(crate) first: u64,
    /// Uses a store that answers before it has made the change.
    pub(crate) hasty: bool,
}

/// A change made, with the number of its account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Told {
    Added(u64),
    /// With codes up to this step.
    Activated(u64, u64),
    /// The code of this step.
    Accepted(u64, u64),
    /// So many wrong codes were judged.
    Failed(u64, usize),
    /// Contexts below this generation, and this context.
    Revoked(u64, u64, String),
}

impl Told {
    pub(crate) fn number(&self) -> u64 {
        match self {
            Told::Added(number) | Told::Activated(number, _) | Told::Accepted(number, _) => *number,
            Told::Failed(number, _) | Told::Revoked(number, ..) => *number,
        }
    }
}

pub(crate) fn person(number: u64) -> Held {
    Held::numbered(&format!("person {number}"), number)
}

pub(crate) fn verifier(store: impl Store + 'static, now: UnixTime) -> Verifier {
    let keyring = Keyring::new(&Secret::new(vec![7; 32]), &[]).unwrap();
    Verifier::with(Arc::new(store), keyring, Arc::new(FixedClock::at(now)), Limits::default())
}

/// Says that a code is accepted, and keeps it later.
struct Hasty;

impl Hook for Hasty {
    fn commit<'a>(&'a self, store: &'a TestStore, change: Change) -> Answer<'a, Commit> {
        if !change.audit.iter().any(|event| event.action == Action::CodeAccepted) {
            return store.commit(change);
        }
        let store = store.clone();
        tokio::spawn(async move {
            // Longer than any kill takes on a busy machine.
            tokio::time::sleep(Duration::from_secs(60)).await;
            store.commit(change).await
        });
        Box::pin(async { Ok(Commit::Committed(Committed::default())) })
    }
}

/// Works until it is killed. Returns at once in a process started without a test.
pub(crate) fn run() {
    let Some(mut line) = Line::to_the_starter() else { return };
    let Some(start) = line.hear::<Start>() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap();
    let store = TestStore::in_file(&start.store);
    let verifier = match start.hasty {
        true => verifier(Hooked { store, hook: Hasty }, start.now),
        false => verifier(store, start.now),
    };
    let (line, next) = (Arc::new(Mutex::new(line)), Arc::new(AtomicU64::new(start.first)));
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let (verifier, line, next) = (verifier.clone(), Arc::clone(&line), Arc::clone(&next));
            runtime.spawn(async move {
                while one_person(&verifier, &line, next.fetch_add(1, Relaxed), start.now).await {}
            })
        })
        .collect();
    for task in tasks {
        runtime.block_on(task).unwrap();
    }
}

/// Makes all changes of one account, in order. Returns false when the test no longer listens.
async fn one_person(verifier: &Verifier, line: &Mutex<Line>, number: u64, now: UnixTime) -> bool {
    let tell = |told: Told| line.lock().unwrap().tell(&told);
    let (held, issuer) = (person(number), Issuer::new(verifier.clone(), "twostep"));
    verifier.add(held.to_add(), &Authority::Service).await.unwrap();
    if !tell(Told::Added(number)) {
        return false;
    }
    let step = held.step(now);
    let pair = held.pair_at_step(step - 1);
    verifier
        .activate(&held.serial, both(&pair), Window::Owner, &Authority::Service)
        .await
        .unwrap();
    tell(Told::Activated(number, step - 1));
    let verified = verifier
        .verify_code(&held.account, &held.serial, held.code_at_step(step))
        .await
        .unwrap();
    tell(Told::Accepted(number, step));
    let context = issuer.issue(verified, "twostep").await.unwrap();
    for failures in 1..=2 {
        refused(verifier.verify_code(&held.account, &held.serial, held.wrong(now)).await);
        tell(Told::Failed(number, failures));
    }
    let revoked = verifier.revoke_sessions(&held.account, None, None).await.unwrap();
    tell(Told::Revoked(number, revoked.generation, context.as_str().to_owned()));
    let pair = held.pair_at_step(step + 2);
    let _verified = verifier
        .verify_pair(&held.account, &held.serial, both(&pair), Window::Owner)
        .await
        .unwrap();
    tell(Told::Accepted(number, step + 2))
}
