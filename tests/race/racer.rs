//! The other process: half of the tasks, on four verifiers that share the file and nothing else.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use test_support::careless::Careless;
use test_support::hooked::Hooked;
use test_support::process::Line;
use test_support::world::NOW;
use tokio::sync::watch;
use twostep::device::Refusal;
use twostep::otp::{Code, Window};
use twostep::store::SqliteStore;
use twostep::testing::FixedClock;
use twostep::verifier::{Authority, Error, Passcode, Verifier};

use super::round;
use super::round::{Kind, Round};

/// Settings of a racer, sent first.
#[derive(Serialize, Deserialize)]
pub(crate) struct Start {
    pub(crate) store: PathBuf,
    /// Uses the careless store.
    pub(crate) careless: bool,
    pub(crate) tasks: usize,
}

/// Results of the tries of one round.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Tally {
    pub(crate) accepted: usize,
    /// Judged, and right nowhere.
    pub(crate) wrong: usize,
    /// Refused for any other reason.
    pub(crate) refused: usize,
    /// Lost five races in a row; nothing was decided.
    pub(crate) contended: usize,
    /// Errors that must not occur.
    pub(crate) errors: Vec<String>,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Tally) {
        self.accepted += other.accepted;
        self.wrong += other.wrong;
        self.refused += other.refused;
        self.contended += other.contended;
        self.errors.extend(other.errors);
    }

    pub(crate) fn tries(&self) -> usize {
        self.accepted + self.wrong + self.refused + self.contended
    }

    fn count(&mut self, outcome: Result<(), Error>) {
        match outcome {
            Ok(()) => self.accepted += 1,
            Err(Error::Refused(Refusal::NoMatch)) => self.wrong += 1,
            Err(Error::Refused(_) | Error::AlreadyExists(_)) => self.refused += 1,
            Err(Error::Contended) => self.contended += 1,
            Err(error) => self.errors.push(format!("{error:?}")),
        }
    }
}

/// Runs rounds until the starter has no more. Returns at once in a process started without one.
pub(crate) fn run() {
    let Some(mut line) = Line::to_the_starter() else { return };
    let Some(start) = line.hear::<Start>() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap();
    let verifiers = verifiers(&start);
    while let Some(rounds) = line.hear::<Vec<Round>>() {
        let (go, gate) = watch::channel(false);
        let mut tasks = Vec::new();
        for round in rounds.into_iter().map(Arc::new) {
            let tries = (0..start.tasks).map(|task| {
                let verifier = verifiers[task % verifiers.len()].clone();
                runtime.spawn(attempt(
                    verifier,
                    Arc::clone(&round),
                    task / verifiers.len(),
                    gate.clone(),
                ))
            });
            tasks.push(tries.collect::<Vec<_>>());
        }
        line.tell(&"ready");
        assert_eq!(line.hear(), Some("go".to_owned()));
        go.send(true).unwrap();
        let tallies = runtime.block_on(async {
            let mut tallies = Vec::new();
            for tries in tasks {
                let mut tally = Tally::default();
                for attempt in tries {
                    tally.count(attempt.await.unwrap());
                }
                tallies.push(tally);
            }
            tallies
        });
        line.tell(&tallies);
    }
}

fn verifiers(start: &Start) -> Vec<Verifier> {
    let (clock, key) = (FixedClock::at(NOW), round::sealing_key());
    let store = SqliteStore::open(&start.store).unwrap();
    let one = || {
        if start.careless {
            round::verifier(Hooked { store: store.clone(), hook: Careless }, &clock, &key)
        } else {
            round::verifier(store.clone(), &clock, &key)
        }
    };
    (0..4).map(|_| one()).collect()
}

/// One try, by a way that the kind of the round allows.
async fn attempt(
    verifier: Verifier,
    round: Arc<Round>,
    way: usize,
    mut gate: watch::Receiver<bool>,
) -> Result<(), Error> {
    let code = || round.code.parse::<Passcode>().unwrap();
    let pair: [Code; 2] = round.pair.clone().map(|text| text.parse().unwrap());
    let pair = [&pair[0], &pair[1]];
    let (account, serial) = (&round.account, &round.serial);
    gate.wait_for(|gone| *gone).await.unwrap();
    match (round.kind, way % 4) {
        (Kind::Activation, _) => verifier
            .activate(serial, pair, Window::Owner, &Authority::Service)
            .await
            .map(drop),
        (Kind::Totp | Kind::Hotp, 0) => {
            verifier.resync(serial, pair, Window::Owner).await.map(drop)
        }
        (Kind::Totp | Kind::Hotp, 1) => {
            verifier.verify_pair(account, serial, pair, Window::Owner).await.map(drop)
        }
        // The device is known without its serial number.
        (Kind::Totp | Kind::Hotp | Kind::Wrong, 2) | (Kind::Bypass, _) => {
            verifier.verify_code(account, None, code()).await.map(drop)
        }
        _ => verifier.verify_code(account, serial, code()).await.map(drop),
    }
}
