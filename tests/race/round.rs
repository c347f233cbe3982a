//! A round: a fresh device with a fresh code, and the rules that must hold when all racers have
//! tried to spend it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use test_support::world::{Held, NOW};
use twostep::device::{DeviceState, PairAllowance};
use twostep::id::{AccountId, SerialNumber};
use twostep::otp::{Counter, Hotp, Window};
use twostep::secret::Secret;
use twostep::store::{Keyring, Store};
use twostep::testing::{FixedClock, SimulatedToken};
use twostep::time::UnixTime;
use twostep::verifier::{Authority, Limits, NewDevice, NewFactor, Verifier};

use super::racer::Tally;

/// The thing to spend once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// A time step: by its code, and by pairs that end with it.
    Totp,
    /// A counter, in the same ways.
    Hotp,
    /// The pair that activates a device.
    Activation,
    Recovery,
    Bypass,
    /// Wrong codes only, of which three are judged.
    Wrong,
}

/// Settings of a round, sent to the racers.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Round {
    pub(crate) kind: Kind,
    pub(crate) account: AccountId,
    pub(crate) serial: SerialNumber,
    pub(crate) code: String,
    pub(crate) pair: [String; 2],
}

impl Kind {
    /// Time steps are what most people spend.
    pub(crate) const ALL: [Kind; 8] = [
        Kind::Totp,
        Kind::Activation,
        Kind::Totp,
        Kind::Hotp,
        Kind::Totp,
        Kind::Recovery,
        Kind::Bypass,
        Kind::Wrong,
    ];
}

/// Rounds of these kinds, each with an account of its own.
pub(crate) async fn prepare(verifier: &Verifier, kinds: impl Iterator<Item = Kind>) -> Vec<Round> {
    let mut tasks = Vec::new();
    for kind in kinds {
        let verifier = verifier.clone();
        tasks.push(tokio::spawn(async move { prepared(&verifier, kind).await }));
    }
    let mut prepared = Vec::new();
    for task in tasks {
        prepared.push(task.await.unwrap());
    }
    prepared
}

/// A device of which no two codes are the same around the race. In a million rounds some would be,
/// and a pair of equal codes is none.
fn unlike() -> Held {
    loop {
        let held = Held::new("nobody");
        let mut token = SimulatedToken::hotp(&held.seed, Hotp::default(), Counter(0));
        let step = held.step(NOW);
        let by_time: HashSet<String> =
            (step - 4..step + 3).map(|step| held.text_at_step(step)).collect();
        let by_counter: HashSet<String> = (0..7).map(|_| token.press_text()).collect();
        if by_time.len() == 7 && by_counter.len() == 7 {
            return held;
        }
    }
}

async fn prepared(verifier: &Verifier, kind: Kind) -> Round {
    let held = unlike();
    let account: AccountId = format!("account of {}", held.serial).parse().unwrap();
    let held = Held { account: account.clone(), ..held };
    let texts = |second: u64| [held.text_at_step(second - 1), held.text_at_step(second)];
    let step = held.step(NOW);
    let round = Round {
        kind,
        account,
        serial: held.serial.clone(),
        code: held.text_at_step(step),
        pair: texts(step),
    };
    if kind == Kind::Hotp {
        return counter_based(verifier, &held, round).await;
    }
    let mut serial = verifier.add(held.to_add(), &Authority::Admin).await.unwrap().device.serial;
    if kind == Kind::Activation {
        return round;
    }
    // Two steps below those that are raced for, and right on time for the clock of the
    // preparations.
    let [first, second] = held.pair(PREPARED_AT);
    verifier
        .activate(&serial, [&first, &second], Window::Owner, &Authority::Admin)
        .await
        .unwrap();
    let code = match kind {
        Kind::Recovery => {
            let sheet = NewDevice {
                account: held.account.clone(),
                serial: None,
                name: None,
                factor: NewFactor::Recovery,
            };
            let sheet = verifier.add(sheet, &Authority::Admin).await.unwrap();
            serial = sheet.device.serial;
            sheet.recovery_codes[0].to_text().to_string()
        }
        Kind::Bypass => {
            let bypass = verifier.bypass(&held.account, Duration::from_secs(3_600)).await.unwrap();
            bypass.code.to_text().to_string()
        }
        Kind::Wrong => held.wrong_text(NOW),
        Kind::Totp | Kind::Hotp | Kind::Activation => round.code.clone(),
    };
    Round { code, serial, ..round }
}

async fn counter_based(verifier: &Verifier, held: &Held, round: Round) -> Round {
    let serial = verifier
        .add(held.to_add_as_hotp(0), &Authority::Admin)
        .await
        .unwrap()
        .device
        .serial;
    let mut token = SimulatedToken::hotp(&held.seed, Hotp::default(), Counter(0));
    let [first, second] = [token.press(), token.press()];
    verifier
        .activate(&serial, [&first, &second], Window::Owner, &Authority::Admin)
        .await
        .unwrap();
    let pair = [token.press_text(), token.press_text()];
    Round { code: pair[1].clone(), pair, ..round }
}

impl Round {
    /// Finds a broken rule.
    pub(crate) async fn fault(&self, verifier: &Verifier, tally: &Tally) -> Option<String> {
        let Round { kind, account, serial, .. } = self;
        let seen = verifier.store().account(account).await.unwrap().unwrap();
        let device = &seen.device(serial).unwrap().device;
        let (failures, account_failures) = (device.throttle.failures, seen.account.failures.len());
        let mut faults: Vec<String> = tally.errors.clone();
        let mut must = |holds: bool, what: &str| {
            if !holds {
                faults.push(what.to_owned());
            }
        };
        must(tally.tries() == 64, "64 tries were answered");
        must(device.state == DeviceState::Active, "the device is active");
        must(seen.account.throttled_until.is_none(), "the account is not throttled");
        must(device.pairs == PairAllowance::default(), "no pair was charged");
        if *kind == Kind::Wrong {
            must(tally.accepted == 0, "a wrong code is never accepted");
            must(tally.wrong == 3, "three wrong codes are judged, and no more");
            must((failures, account_failures) == (3, 3), "three failures are kept, and no more");
        } else {
            must(tally.accepted == 1, "exactly one is accepted");
            must(tally.wrong == 0, "a right code that came too late is not called wrong");
            must(device.throttle.until().is_none(), "the device is not throttled");
            must(
                (failures, account_failures) == (0, 0),
                "a right code that came too late is no failure",
            );
        }
        (!faults.is_empty()).then(|| {
            format!(
                "{kind:?}: not so: {faults:?} \
                 ({tally:?}; {failures} and {account_failures} failures)"
            )
        })
    }
}

/// All processes of a race seal with this key.
pub(crate) fn sealing_key() -> Keyring {
    Keyring::new(&Secret::new(vec![7; 32]), &[]).unwrap()
}

pub(crate) fn verifier(store: impl Store + 'static, clock: &FixedClock, key: &Keyring) -> Verifier {
    Verifier::with(Arc::new(store), key.clone(), Arc::new(clock.clone()), Limits::default())
}

/// Two steps before the race.
pub(crate) const PREPARED_AT: UnixTime = UnixTime(NOW.0 - 60);
