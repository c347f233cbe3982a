//! A store, a clock that obeys the test, a verifier between them, and the tokens that people hold.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tempfile::TempDir;
use twostep::device::{Device, Factor, Refusal, TotpState};
use twostep::id::{AccountId, SerialNumber};
use twostep::otp::{Code, Counter, Hotp, Seed, TimeStep, Totp, Window};
use twostep::store::{AccountSnapshot, AuditCursor, Event, Keyring, Store};
use twostep::testing::{FixedClock, SimulatedToken};
use twostep::time::{Clock, UnixTime};
use twostep::verifier::{Authority, Error, Limits, NewDevice, NewFactor, Verifier};

use crate::test_store::TestStore;
use crate::{postgres, scratch, stored};

/// Ten seconds into a step of 30 seconds.
pub const NOW: UnixTime = UnixTime(1_800_000_010);

pub struct World {
    folder: TempDir,
    place: Place,
    pub clock: FixedClock,
    pub keyring: Keyring,
    pub verifier: Verifier,
}

/// The place of a world's store.
enum Place {
    File(PathBuf),
    Database(String),
}

/// A time-based token and its owner.
#[derive(Clone)]
pub struct Held {
    pub account: AccountId,
    pub serial: SerialNumber,
    pub seed: Seed,
    pub totp: Totp,
    /// Steps by which the clock of the token is ahead.
    pub ahead: i64,
}

impl World {
    pub fn new() -> World {
        World::sealed_with(Keyring::ephemeral().unwrap())
    }

    pub fn sealed_with(keyring: Keyring) -> World {
        match stored::on_postgres() {
            true => World::at(Place::Database(stored::new_database()), scratch::folder(), keyring),
            false => World::in_file_with(keyring),
        }
    }

    /// A world whose store is a file, for tests that look at the file.
    pub fn in_file() -> World {
        World::in_file_with(Keyring::ephemeral().unwrap())
    }

    pub fn in_file_with(keyring: Keyring) -> World {
        let folder = scratch::folder();
        let place = Place::File(folder.path().join("store.db"));
        World::at(place, folder, keyring)
    }

    fn at(place: Place, folder: TempDir, keyring: Keyring) -> World {
        let (clock, store) = (FixedClock::at(NOW), Arc::new(place.open()));
        let verifier =
            Verifier::with(store, keyring.clone(), Arc::new(clock.clone()), Limits::default());
        World { folder, place, clock, keyring, verifier }
    }

    /// The file of the store.
    pub fn path(&self) -> PathBuf {
        match &self.place {
            Place::File(path) => path.clone(),
            Place::Database(_) => panic!("a test that looks at the file begins with `in_file`"),
        }
    }

    /// The number of rows of a table of the store that meet this condition.
    pub fn rows(&self, table: &str, condition: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM {table} WHERE {condition}");
        match &self.place {
            Place::File(path) => {
                let file = rusqlite::Connection::open(path).unwrap();
                file.query_row(&sql, [], |row| row.get(0)).unwrap()
            }
            Place::Database(address) => postgres::run(address, &sql).parse().unwrap(),
        }
    }

    /// A path for another file of the test.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Another file takes the place of the store's.
    pub fn move_to(&mut self, path: &Path) {
        self.place = Place::File(path.to_owned());
        self.verifier = self.verifier_on(self.store());
    }

    /// Another handle on the same store, as another process has one.
    pub fn store(&self) -> TestStore {
        self.place.open()
    }

    /// Another verifier with the same clock, which shares nothing with the first but what is in
    /// `store`.
    pub fn verifier_on(&self, store: impl Store + 'static) -> Verifier {
        Verifier::with(
            Arc::new(store),
            self.keyring.clone(),
            Arc::new(self.clock.clone()),
            Limits::default(),
        )
    }

    pub fn now(&self) -> UnixTime {
        self.clock.read().wall
    }

    pub fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// A token that was added, and not yet activated.
    pub async fn added(&self, account: &str, authority: &Authority) -> Result<Held, Error> {
        let held = Held::new(account);
        self.verifier.add(held.to_add(), authority).await.map(|_| held)
    }

    /// A token in use. Its activation took two codes, and its next one is on display.
    pub async fn active(&self, account: &str) -> Held {
        let held = self.added(account, &Authority::Admin).await.unwrap();
        let [first, second] = held.pair(self.now());
        self.verifier
            .activate(&held.serial, [&first, &second], Window::Owner, &Authority::Admin)
            .await
            .unwrap();
        self.pass(30);
        held
    }

    /// A counter-based token in use, whose activation took its first two codes.
    pub async fn counting(&self, account: &str) -> Held {
        let held = Held::new(account);
        self.verifier.add(held.to_add_as_hotp(0), &Authority::Admin).await.unwrap();
        let pair = held.pair_at_step(1);
        self.verifier
            .activate(&held.serial, both(&pair), Window::Owner, &Authority::Admin)
            .await
            .unwrap();
        held
    }

    /// A token in use that was locked by twenty wrong codes.
    pub async fn locked(&self, account: &str) -> Held {
        let held = self.active(account).await;
        for _ in 0..20 {
            refused(
                self.verifier
                    .verify_code(&held.account, &held.serial, held.wrong(self.now()))
                    .await,
            );
            self.pass(3_600);
        }
        held
    }

    pub async fn account(&self, account: &AccountId) -> AccountSnapshot {
        self.verifier.store().account(account).await.unwrap().unwrap()
    }

    pub async fn device(&self, held: &Held) -> Device {
        self.account(&held.account).await.device(&held.serial).unwrap().device.clone()
    }

    pub async fn totp(&self, held: &Held) -> TotpState {
        match self.device(held).await.factor {
            Factor::Totp(totp) => totp,
            other => panic!("{other:?} is no time-based device"),
        }
    }

    /// The whole audit log.
    pub async fn audit(&self) -> Vec<Event> {
        let rows = self.verifier.store().audit(AuditCursor::start(), 100_000).await.unwrap();
        rows.into_iter().map(|row| row.event).collect()
    }

    /// The rows of the audit log with this action.
    pub async fn audited(&self, action: &str) -> Vec<Event> {
        self.audit()
            .await
            .into_iter()
            .filter(|event| event.action.name() == action)
            .collect()
    }
}

impl Place {
    fn open(&self) -> TestStore {
        match self {
            Place::File(path) => TestStore::in_file(path),
            Place::Database(address) => TestStore::in_database(address),
        }
    }
}

impl Held {
    /// A token of its own serial number and seed, whose clock is right.
    pub fn new(account: &str) -> Held {
        static MADE: AtomicU64 = AtomicU64::new(0);
        Held::numbered(account, MADE.fetch_add(1, Relaxed))
    }

    /// The token of that number, which is the same in every process.
    pub fn numbered(account: &str, number: u64) -> Held {
        Held {
            account: account.parse().unwrap(),
            serial: format!("GAHT{number:08}").parse().unwrap(),
            seed: Seed::new(format!("{number:020}").into_bytes()).unwrap(),
            totp: Totp::default(),
            ahead: 0,
        }
    }

    pub fn ahead_by(self, steps: i64) -> Held {
        Held { ahead: steps, ..self }
    }

    pub fn to_add(&self) -> NewDevice {
        let factor = NewFactor::Totp { parameters: self.totp, seed: Some(self.seed.clone()) };
        NewDevice {
            account: self.account.clone(),
            serial: Some(self.serial.clone()),
            name: None,
            factor,
        }
    }

    /// The same secret, said to be in a counter-based token.
    pub fn to_add_as_hotp(&self, counter: u64) -> NewDevice {
        let factor = NewFactor::Hotp {
            parameters: Hotp::default(),
            counter: Counter(counter),
            seed: Some(self.seed.clone()),
        };
        NewDevice { factor, ..self.to_add() }
    }

    fn step_size(&self) -> u64 {
        u64::from(self.totp.step_size.seconds())
    }

    /// The step the token displays at `now`, by its own clock.
    pub fn step(&self, now: UnixTime) -> u64 {
        (now.0 / self.step_size()).saturating_add_signed(self.ahead)
    }

    pub fn text_at_step(&self, step: u64) -> String {
        SimulatedToken::totp(&self.seed, self.totp).text_at(UnixTime(step * self.step_size()))
    }

    pub fn code_at_step(&self, step: u64) -> Code {
        self.text_at_step(step).parse().unwrap()
    }

    /// The code on display.
    pub fn code(&self, now: UnixTime) -> Code {
        self.code_at_step(self.step(now))
    }

    /// The code before it, and the code on display.
    pub fn pair(&self, now: UnixTime) -> [Code; 2] {
        self.pair_at_step(self.step(now))
    }

    /// Two codes, of which the second is of this step.
    pub fn pair_at_step(&self, second: u64) -> [Code; 2] {
        [self.code_at_step(second - 1), self.code_at_step(second)]
    }

    /// A code that this token shows at no time near `now`, nor at a counter below 30.
    pub fn wrong(&self, now: UnixTime) -> Code {
        self.wrong_text(now).parse().unwrap()
    }

    pub fn wrong_text(&self, now: UnixTime) -> String {
        let near = self.step(now) - 40..self.step(now) + 40;
        let shown: BTreeSet<String> =
            near.chain(0..30).map(|step| self.text_at_step(step)).collect();
        (0..)
            .map(|number| format!("{number:06}"))
            .find(|text| !shown.contains(text))
            .unwrap()
    }
}

/// The serial number of no device.
pub fn nowhere() -> SerialNumber {
    "NOWHERE00000".parse().unwrap()
}

/// Two codes as the verifier takes them.
pub fn both(pair: &[Code; 2]) -> [&Code; 2] {
    [&pair[0], &pair[1]]
}

/// The reason of a refusal. Success, or an error of another kind, is a failure of the test.
#[track_caller]
pub fn refused<T>(result: Result<T, Error>) -> Refusal {
    match result {
        Err(Error::Refused(refusal)) => refusal,
        Err(error) => panic!("an error, where a refusal was due: {error:?}"),
        Ok(_) => panic!("accepted, where a refusal was due"),
    }
}

/// The highest step that was consumed.
pub fn watermark(device: &Device) -> Option<u64> {
    match &device.factor {
        Factor::Totp(totp) => totp.watermark.map(|TimeStep(step)| step),
        Factor::Hotp(hotp) => hotp.next.map_or(Some(u64::MAX), |Counter(next)| next.checked_sub(1)),
        _ => None,
    }
}
