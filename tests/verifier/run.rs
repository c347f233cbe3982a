//! One sequence of operations, with a ledger outside of the product.

use std::collections::BTreeSet;
use std::path::PathBuf;

use test_support::restore;
use test_support::world::{Held, World, both, watermark};
use twostep::device::{Device, DeviceState, Factor, Refusal, TotpState};
use twostep::id::CallerId;
use twostep::otp::{Code, TimeStepSize, Totp, Window};
use twostep::store::{AccountSnapshot, SqliteStore};
use twostep::time::UnixTime;
use twostep::verifier::{Authority, Error, Verifier};

use super::model;
use super::model::{Learned, Outcome};
use super::properties::{Again, Around, Entry, Op, Shape};

/// Two people, what they hold, and what is known of it outside of the product.
pub(crate) struct Run {
    world: World,
    verifier: Verifier,
    people: [Person; 2],
    backup: Option<Backup>,
    /// A number for each thing that needs one.
    number: u32,
    pub(crate) accepted: usize,
}

#[derive(Clone)]
struct Person {
    held: Held,
    /// Each step and counter of the seed that was accepted.
    ledger: BTreeSet<u64>,
    /// The highest watermark ever seen of the seed.
    floor: Option<u64>,
}

struct Backup {
    path: PathBuf,
    devices: [Option<Device>; 2],
    floors: [Option<u64>; 2],
}

type Fault = String;

macro_rules! must {
    ($holds:expr, $($what:tt)+) => {
        if !$holds {
            return Err(format!($($what)+));
        }
    };
}

impl Run {
    pub(crate) async fn new() -> Run {
        let world = World::in_file();
        let mut people = Vec::new();
        for name in ["alice", "bob"] {
            let held = world.added(name, &Authority::Admin).await.unwrap();
            people.push(Person { held, ledger: BTreeSet::new(), floor: None });
        }
        let people = <[Person; 2]>::try_from(people).unwrap_or_else(|_| unreachable!());
        Run {
            verifier: world.verifier.clone(),
            world,
            people,
            backup: None,
            number: 0,
            accepted: 0,
        }
    }

    pub(crate) async fn act(&mut self, op: &Op) -> Result<(), Fault> {
        match op {
            Op::Pass(seconds) => self.world.pass(*seconds),
            Op::Jump(seconds) => self.world.clock.jump(*seconds),
            Op::SetClock(seconds) => {
                self.world.clock.jump(*seconds);
                self.verifier.accept_clock().await.unwrap();
            }
            Op::Code { who, around, by } => {
                if let Some(device) = self.device(*who).await {
                    let factor = self.near(&device, *around).saturating_add_signed(*by);
                    self.code(*who, &self.people[*who].held.text_at_step(factor)).await?;
                }
            }
            Op::Guess(who) => {
                self.code(*who, &self.people[*who].held.wrong_text(self.world.now())).await?
            }
            Op::Lock(who) => {
                for _ in 0..20 {
                    self.code(*who, &self.people[*who].held.wrong_text(self.world.now())).await?;
                    self.world.pass(3_600);
                }
            }
            Op::Pair { who, around, by, shape, window, entry } => {
                if let Some(device) = self.device(*who).await {
                    let second = self.near(&device, *around).saturating_add_signed(*by).max(2);
                    let factors = match shape {
                        Shape::Right => [second - 1, second],
                        Shape::Reversed => [second, second - 1],
                        Shape::Skipping => [second - 2, second],
                    };
                    self.pair(*who, factors, *window, *entry).await?;
                }
            }
            Op::Unlock(who) => self.unlock(*who).await?,
            Op::Deactivate(who) => {
                let put_away = self
                    .verifier
                    .deactivate(&self.people[*who].held.serial, &Authority::Admin)
                    .await;
                must!(harmless(&put_away), "{put_away:?}");
            }
            Op::Remove(who) => {
                let removed =
                    self.verifier.remove(&self.people[*who].held.serial, &Authority::Admin).await;
                must!(harmless(&removed), "{removed:?}");
            }
            Op::Add { who, again } => self.add(*who, *again).await?,
            Op::Backup => self.back_up().await,
            Op::Restore => self.restore().await?,
        }
        for who in 0..2 {
            self.watermark_stands(who).await?;
        }
        Ok(())
    }

    async fn unlock(&mut self, who: usize) -> Result<(), Fault> {
        let unlocked = self.verifier.unlock(&self.people[who].held.serial).await;
        if let Ok(device) = &unlocked
            && matches!(device.factor, Factor::Totp(_))
        {
            self.people[who].vouched_above(watermark(device).unwrap_or(0));
        }
        must!(harmless(&unlocked), "{unlocked:?}");
        Ok(())
    }

    async fn snapshot(&self, who: usize) -> AccountSnapshot {
        self.verifier
            .store()
            .account(&self.people[who].held.account)
            .await
            .unwrap()
            .unwrap()
    }

    async fn device(&self, who: usize) -> Option<Device> {
        self.snapshot(who)
            .await
            .device(&self.people[who].held.serial)
            .map(|enrolled| enrolled.device.clone())
    }

    fn near(&self, device: &Device, around: Around) -> u64 {
        let now = self.world.now();
        let (present, expected) = match &device.factor {
            Factor::Totp(totp) => (
                now.0 / u64::from(totp.parameters.step_size.seconds()),
                totp.expected_step(now).unwrap().0,
            ),
            Factor::Hotp(hotp) => (hotp.next.unwrap().0, hotp.next.unwrap().0),
            other => panic!("{other:?}"),
        };
        match around {
            Around::Present => present,
            Around::Expected => expected,
            Around::Watermark => watermark(device).unwrap_or(present),
        }
    }

    async fn code(&mut self, who: usize, text: &str) -> Result<(), Fault> {
        let (held, now, seen) =
            (self.people[who].held.clone(), self.world.now(), self.snapshot(who).await);
        let Some(before) = self.device(who).await else { return Ok(()) };
        let expected =
            model::code(&seen.account, &before, &|factor| held.text_at_step(factor), text, now);
        let code: twostep::otp::Code = text.parse().unwrap();
        let verified = self.verifier.verify_code(&held.account, &held.serial, code).await;
        let after = self.device(who).await.unwrap();
        self.concluded(who, &before, &after, verified.map(drop), &expected)?;
        if expected == Outcome::Refused("no_match") && after != before {
            let failures = before.throttle.failures + 1;
            must!(
                after.throttle.failures == failures,
                "a wrong code is one failure: {:?}",
                after.throttle
            );
            must!(
                (after.state == DeviceState::Locked) == (failures >= 20),
                "the twentieth locks: {:?}",
                after.state
            );
        }
        Ok(())
    }

    async fn pair(
        &mut self,
        who: usize,
        factors: [u64; 2],
        window: Window,
        entry: Entry,
    ) -> Result<(), Fault> {
        let (held, now) = (self.people[who].held.clone(), self.world.now());
        self.number += 1;
        let caller = CallerId::new(format!("uid:{}", self.number % 9));
        let Some(before) = self.device(who).await else { return Ok(()) };
        let unproved = matches!(before.state, DeviceState::Pending | DeviceState::Disabled);
        let entry = match (entry, unproved) {
            (Entry::Due, true) => Entry::Activate,
            (Entry::Due, false) => Entry::Resync,
            (entry, _) => entry,
        };
        let vouched = window == Window::Admin && !matches!(entry, Entry::Session);
        let expected = match (entry, unproved) {
            (Entry::Activate, true) | (Entry::Resync | Entry::Session, false) => model::pair(
                &before,
                &|factor| held.text_at_step(factor),
                factors,
                (window, vouched),
                &caller,
                now,
            ),
            _ => Outcome::Refused("not_active"),
        };
        let codes = factors.map(|factor| held.code_at_step(factor));
        let verifier = self.verifier.on_behalf_of(caller);
        let judged = enter(&verifier, &held, &codes, window, entry).await;
        let after = self.device(who).await.unwrap();
        must!(
            after.throttle == before.throttle || judged.is_ok(),
            "a pair is no wrong code: {:?}",
            after.throttle
        );
        let found = judged.is_ok();
        if found && vouched && is_in_doubt(&before) {
            self.people[who].vouched_above(factors[0].saturating_sub(1));
        }
        self.concluded(who, &before, &after, judged, &expected)?;
        let (Factor::Totp(_), true) = (&after.factor, found) else { return Ok(()) };
        // The code after a resync works.
        self.code(who, &held.text_at_step(factors[1] + 1)).await?;
        must!(
            watermark(&self.device(who).await.unwrap()) == Some(factors[1] + 1),
            "the code after a resync works"
        );
        Ok(())
    }

    /// Compares the answer, the stored state and the model; the ledger must not hold the step yet.
    fn concluded(
        &mut self,
        who: usize,
        before: &Device,
        after: &Device,
        said: Result<(), Error>,
        expected: &Outcome,
    ) -> Result<(), Fault> {
        let unchanged = before.factor == after.factor && before.state == after.state;
        let looks = self.verifier.counts().out_of_sync > 0;
        match (said, expected) {
            (Ok(()), Outcome::Accepted { factor, learned }) => {
                let fresh = self.people[who].ledger.insert(*factor);
                must!(fresh, "{factor} is accepted a second time");
                self.accepted += 1;
                must!(
                    watermark(after) == Some(*factor),
                    "the watermark is what was accepted: {after:?}, not {factor}"
                );
                must!(
                    after.throttle.failures == 0 && after.state == DeviceState::Active,
                    "a success clears failures: {after:?}"
                );
                if let (Factor::Totp(before), Factor::Totp(after)) = (&before.factor, &after.factor)
                {
                    let now = self.world.now();
                    must!(
                        has_learned(before, after, *learned, now),
                        "{after:?} after {before:?}, where {expected:?} was due"
                    );
                }
            }
            // A look found this code before its time: it opens nothing alone.
            (Err(Error::Refused(Refusal::OutOfSync)), Outcome::Accepted { .. }) if looks => {
                must!(before == after, "a refusal changed the device: {after:?}");
            }
            (Err(Error::Refused(refusal)), Outcome::Refused(reason)) => {
                let told = model::is_told(reason, refusal, looks);
                must!(told, "refused as {refusal:?}, where {expected:?} was due");
                must!(unchanged || *reason == "no_match", "a refusal changed it: {after:?}");
                must!(before.factor == after.factor, "a refusal moved the factor: {after:?}");
            }
            (Err(Error::AlreadyExists(_)), Outcome::Refused("not_active"))
            | (Err(Error::Clock(_)), _) => {
                // Marks from a time when the clock was ahead are dated back by any decision.
                let dated = Device {
                    revoked_before: after.revoked_before,
                    generation: after.generation,
                    ..before.clone()
                };
                must!(dated == *after, "what was not judged changed the device: {after:?}");
            }
            (said, expected) => {
                return Err(format!("{said:?}, where {expected:?} was due, from {before:?}"));
            }
        }
        Ok(())
    }

    async fn add(&mut self, who: usize, again: Again) -> Result<(), Fault> {
        self.number += 1;
        let present = self.device(who).await.is_some();
        let was = self.people[who].held.clone();
        let other_serial = format!("AGAIN{:07}", self.number).parse().unwrap();
        let held = match again {
            Again::AsBefore => was.clone(),
            Again::OtherSerial | Again::Counter => Held { serial: other_serial, ..was.clone() },
            Again::OtherStepSize => Held {
                serial: other_serial,
                totp: Totp { step_size: TimeStepSize::try_from(60).unwrap(), ..was.totp },
                ..was.clone()
            },
        };
        let new =
            if matches!(again, Again::Counter) { held.to_add_as_hotp(0) } else { held.to_add() };
        let added = self.verifier.add(new, &Authority::Admin).await;
        must!(added.is_err() || !present, "one seed is in two devices");
        match added {
            Ok(_) => self.people[who].held = held,
            Err(Error::AlreadyExists(_)) => must!(present, "nothing has this seed"),
            Err(error) => must!(matches!(error, Error::Clock(_)), "{error:?}"),
        }
        Ok(())
    }

    async fn back_up(&mut self) {
        self.number += 1;
        let path = self.world.path().with_file_name(format!("{}.db", self.number));
        SqliteStore::open(self.world.path()).unwrap().backup(&path).await.unwrap();
        let devices = [self.device(0).await, self.device(1).await];
        self.backup =
            Some(Backup { path, devices, floors: [self.people[0].floor, self.people[1].floor] });
    }

    /// The store is lost, and the backup takes its place.
    async fn restore(&mut self) -> Result<(), Fault> {
        let Some(backup) = self.backup.take() else { return Ok(()) };
        let now = self.world.now();
        restore::with(&backup.path, now, &self.world.keyring).unwrap();
        self.world.move_to(&backup.path);
        self.verifier = self.world.verifier.clone();
        for who in 0..2 {
            let serials: Vec<_> = self
                .snapshot(who)
                .await
                .devices
                .into_iter()
                .map(|enrolled| enrolled.device)
                .collect();
            let mut floor = backup.floors[who];
            if let Some(was) = &backup.devices[who] {
                let is = serials.iter().find(|device| device.serial == was.serial);
                let must_be = model::restored(was, now);
                must!(
                    is.map(|is| (is.state, &is.factor)) == Some((must_be.0, &must_be.1)),
                    "{was:?} was restored as {is:?}"
                );
                floor = is.and_then(watermark);
                self.people[who].held.serial = was.serial.clone();
                if let Factor::Totp(totp) = &was.factor {
                    self.people[who].held.totp = totp.parameters;
                }
            }
            // The ledger stays: nothing that was accepted after the backup is accepted again,
            // unless an administrator vouches for it.
            self.people[who].floor = floor;
        }
        Ok(())
    }

    async fn watermark_stands(&mut self, who: usize) -> Result<(), Fault> {
        let Some(device) = self.device(who).await else { return Ok(()) };
        let (is, floor) = (watermark(&device), self.people[who].floor);
        must!(is >= floor, "the watermark fell from {floor:?} to {is:?}");
        self.people[who].floor = is;
        Ok(())
    }
}

/// Gives a pair of codes to the verifier, by this way in.
async fn enter(
    verifier: &Verifier,
    held: &Held,
    codes: &[Code; 2],
    window: Window,
    entry: Entry,
) -> Result<(), Error> {
    let (serial, codes) = (&held.serial, both(codes));
    match entry {
        Entry::Activate => {
            verifier.activate(serial, codes, window, &Authority::Admin).await.map(drop)
        }
        Entry::Resync | Entry::Due => verifier.resync(serial, codes, window).await.map(drop),
        Entry::Session => {
            verifier.verify_pair(&held.account, serial, codes, window).await.map(drop)
        }
    }
}

impl Person {
    /// An administrator has looked at the token: it shows what is above this factor, although some
    /// of that was accepted.
    fn vouched_above(&mut self, factor: u64) {
        self.ledger.retain(|accepted| *accepted <= factor);
    }
}

/// True if the model of the clock did what it must.
fn has_learned(before: &TotpState, after: &TotpState, learned: Learned, now: UnixTime) -> bool {
    let measured = after.clock.measured_at() == Some(now);
    match (learned, before.clock.measured_at()) {
        (Learned::Nothing, _) => after.clock == before.clock,
        (Learned::Set, _) | (Learned::Followed, None) => {
            measured && after.expected_step(now) == after.watermark
        }
        (Learned::Followed, Some(last)) => {
            let moved = after.clock.foretell(now).offset - before.clock.foretell(last).offset;
            let size = f64::from(before.parameters.step_size.seconds());
            measured && moved.abs() <= size + 1e-4 * now.since(last).as_secs_f64() + 1e-3
        }
    }
}

/// A restore left the device's codes in doubt.
fn is_in_doubt(device: &Device) -> bool {
    match &device.factor {
        Factor::Totp(totp) => totp.doubtful.is_some(),
        Factor::Hotp(hotp) => hotp.pair_needed,
        _ => false,
    }
}

/// The call decided nothing, or its decision concerns no code.
fn harmless<T>(result: &Result<T, Error>) -> bool {
    matches!(result, Ok(_) | Err(Error::NotFound(_) | Error::Clock(_)))
}
