//! Diagnosis of pairs that fail: random tokens whose stored parameters are wrong are named, right
//! ones with wrong codes are not, and nothing but the allowance changes.
//!
//! `TWOSTEP_DIAGNOSES` says how many wrong parameters are drawn (20), `TWOSTEP_WRONG_PAIRS` how
//! many right tokens with wrong codes (1), `TWOSTEP_DECOYS` how many pairs of which a code occurs
//! twice (20).

use std::collections::HashMap;
use std::time::{Duration, Instant};

use test_support::world::{Held, World, both, refused};
use twostep::device::{
    Cause, Device, Factor, PairSearch, PairUse, Reach, Refusal, TotpState, Verdict,
};
use twostep::id::{CallerId, SerialNumber};
use twostep::otp::{Code, Expected, Made, Seed, TimeStep, Totp, WEEK, Window, as_stored};
use twostep::testing::SimulatedToken;
use twostep::time::UnixTime;
use twostep::verifier::{Authority, Error};

use super::misconfigured::{Case, NOW, Random, misconfigured, neighbours};

fn setting(name: &str, default: u32) -> u32 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap())
}

/// The same causes in any order; a clock to half a step.
fn same(found: &[Cause], expected: &[Cause]) -> bool {
    let like = |one: &Cause, other: &Cause| match (one, other) {
        (
            Cause::Clock { seconds: one, reach: first },
            Cause::Clock { seconds: other, reach: second },
        ) => one.abs_diff(*other) <= 30 && first == second,
        _ => one == other,
    };
    found.len() == expected.len()
        && expected.iter().all(|cause| found.iter().any(|found| like(found, cause)))
}

#[test]
fn wrong_parameters_are_named() {
    let (mut random, count) = (Random(21), setting("TWOSTEP_DIAGNOSES", 20));
    let (mut named, mut slowest) = (0, Duration::ZERO);
    for _ in 0..count {
        let (case, neighbours, expected) = misconfigured(&mut random);
        let (codes, (device, seed)) = (case.codes(), case.device());
        let begun = Instant::now();
        let found = device.diagnose(&seed, &neighbours, codes.each_ref(), NOW).causes;
        slowest = slowest.max(begun.elapsed());
        let right = same(&found, &expected);
        named += u32::from(right);
        if !right {
            println!("{found:?} instead of {expected:?}");
        }
    }
    println!("{named} of {count} named, the slowest in {slowest:?}");
    assert!(named * 100 >= count * 99, "{named} of {count}");
}

#[test]
fn right_tokens_with_wrong_codes_get_no_name() {
    let mut random = Random(22);
    for _ in 0..setting("TWOSTEP_WRONG_PAIRS", 1) {
        let case = Case::right(&mut random);
        let (neighbours, (device, seed)) = (neighbours(&mut random), case.device());
        let Factor::Totp(TotpState { parameters, .. }) = &case.stored else { unreachable!() };
        let count = usize::from(parameters.digits.count());
        let codes: [Code; 2] = std::array::from_fn(|_| {
            let value = random.below(10u64.pow(u32::from(parameters.digits.count())));
            format!("{value:0count$}").parse().unwrap()
        });
        let found = device.diagnose(&seed, &neighbours, codes.each_ref(), NOW);
        assert_eq!(found.causes, []);
    }
}

#[test]
fn a_right_pair_is_called_right_and_a_used_one_used() {
    let mut case = Case::right(&mut Random(23));
    case.ahead = 95;
    let (device, seed) = case.device();
    let codes = case.codes();
    let named = |device: &Device, codes: &[Code; 2]| {
        device.diagnose(&seed, &[], codes.each_ref(), NOW).causes
    };
    assert_eq!(named(&device, &codes), [Cause::InReach]);
    let key = device.key(&seed).unwrap();
    let search = PairSearch { wanted: PairUse::Activation, window: Window::Owner, counter: None };
    let judged = device.accept_pair(&key, (codes.each_ref(), search), None, NOW);
    assert_eq!(judged.verdict, Verdict::Accepted);
    assert_eq!(named(&judged.device, &codes), [Cause::Used]);
    // Codes of days ago are used, too.
    case.ahead = -4 * 86_400;
    assert_eq!(named(&judged.device, &case.codes()), [Cause::Used]);
    let twice = [codes[0].clone(), codes[0].clone()];
    assert_eq!(named(&device, &twice), []);
}

#[test]
fn codes_of_unequal_length_match_nothing() {
    let case = Case::right(&mut Random(24));
    let (device, seed) = case.device();
    let codes = ["123456", "1234567"].map(|code| code.parse::<Code>().unwrap());
    assert_eq!(device.diagnose(&seed, &[], codes.each_ref(), NOW).causes, []);
}

/// In two weeks of steps one six-digit code in fifteen occurs twice.
#[test]
fn pairs_with_decoys_are_found_right_within_a_week() {
    let (mut random, totp, mut trials) = (Random(25), Totp::default(), 0);
    let (count, t, reach) = (setting("TWOSTEP_DECOYS", 20), NOW.0 / 30, WEEK / 30);
    while trials < count {
        let seed = Seed::new(random.bytes(20)).unwrap();
        let token = SimulatedToken::totp(&seed, totp);
        let steps = t - reach - 1..=t + reach;
        let texts: Vec<String> =
            steps.clone().map(|step| token.text_at(UnixTime(30 * step))).collect();
        let mut places: HashMap<&str, u32> = HashMap::new();
        for text in &texts {
            *places.entry(text).or_default() += 1;
        }
        for (pair, second) in texts.windows(2).zip(steps.skip(1)) {
            let decoys = places[pair[0].as_str()] + places[pair[1].as_str()] - 2;
            if decoys == 0 || pair[0] == pair[1] || random.below(20) > 0 || trials == count {
                continue;
            }
            let codes = [&pair[0], &pair[1]].map(|text| text.parse::<Code>().unwrap());
            let found =
                as_stored(&seed, Expected::Totp(totp), codes.each_ref(), (NOW, WEEK)).unwrap();
            assert_eq!(found.made, Made::Totp(totp, TimeStep(second)), "{pair:?}");
            trials += 1;
        }
    }
}

/// The allowance of diagnoses alone is spent.
#[tokio::test]
async fn a_diagnosis_changes_nothing_but_its_allowance() {
    let world = World::new();
    let held = world.active("alice").await;
    world.pass(600);
    let before = world.device(&held).await;
    let pair = held.clone().ahead_by(100).pair(world.now());
    let diagnosed = world.verifier.diagnose(&held.serial, both(&pair), |_| true).await.unwrap();
    assert_eq!(diagnosed.diagnosis.causes, [Cause::Clock { seconds: 3_005, reach: Reach::Admin }]);
    let after = world.device(&held).await;
    assert_eq!(Device { diagnoses: before.diagnoses.clone(), ..after.clone() }, before);
    assert_eq!(after.diagnoses.spent_until(world.now()), None);
    // The codes are as good as before.
    world.verifier.resync(&held.serial, both(&pair), Window::Admin).await.unwrap();
}

/// On one async thread, which a search on it would hold from its beginning to its end.
#[tokio::test]
async fn sign_ins_go_on_beside_a_diagnosis() {
    let world = World::new();
    let (held, busy) = (world.active("alice").await, world.counting("bob").await);
    let pair = ["123456", "654321"].map(|code| code.parse::<Code>().unwrap());
    let ended = std::cell::Cell::new(false);
    let diagnosis = async {
        world.verifier.diagnose(&held.serial, both(&pair), |_| true).await.unwrap();
        ended.set(true);
    };
    let sign_ins = async {
        let mut beside = 0;
        for counter in 2.. {
            let code = busy.code_at_step(counter);
            // Of a code that occurs twice nearby the later place is taken.
            let _ = world.verifier.verify_code(&busy.account, &busy.serial, code).await;
            if ended.get() {
                break;
            }
            beside += 1;
        }
        beside
    };
    let ((), beside) = tokio::join!(diagnosis, sign_ins);
    assert!(beside >= 10, "{beside} sign-ins during the diagnosis");
}

#[tokio::test]
async fn ten_diagnoses_an_hour_spend_no_pairs_and_survive_a_restart() {
    let world = World::new();
    let held = world.active("alice").await;
    world.pass(600);
    let pair = held.pair(world.now());
    for _ in 0..10 {
        world.verifier.diagnose(&held.serial, both(&pair), |_| true).await.unwrap();
    }
    let other = world.verifier_on(world.store()).on_behalf_of(CallerId::new("another"));
    for verifier in [&world.verifier, &other] {
        let spent = refused(verifier.diagnose(&held.serial, both(&pair), |_| true).await);
        let until = world.now().plus(Duration::from_secs(3_600));
        assert_eq!(spent, Refusal::PairsSpent { until });
    }
    world.verifier.resync(&held.serial, both(&pair), Window::Owner).await.unwrap();
    world.pass(3_600);
    let pair = held.pair(world.now());
    world.verifier.diagnose(&held.serial, both(&pair), |_| true).await.unwrap();

    let rows = world.audited("device.diagnosed").await;
    assert_eq!(rows.len(), 11);
    assert_eq!(rows[0].serial.as_ref(), Some(&held.serial));
    assert_eq!(rows[0].reason, None);
}

#[tokio::test]
async fn a_neighbour_is_named_to_those_who_see_its_account() {
    let world = World::new();
    let [one, other] = [("alice", "AC26000014"), ("bob", "AC26000021")].map(|(account, serial)| {
        let serial: SerialNumber = serial.parse().unwrap();
        Held { serial, ..Held::new(account) }
    });
    for held in [&one, &other] {
        world.verifier.add(held.to_add(), &Authority::Admin).await.unwrap();
    }
    let pair = other.pair(world.now());
    let named = |all: bool| {
        let (world, one, pair) = (&world, &one, &pair);
        async move {
            let sees = move |account: &twostep::id::AccountId| all || account.as_str() == "alice";
            let found = world.verifier.diagnose(&one.serial, both(pair), sees).await;
            found.unwrap().diagnosis.causes
        }
    };
    let (serial, account) = (other.serial.clone(), other.account.clone());
    assert_eq!(named(true).await, [Cause::OtherDevice { serial, account }]);
    assert_eq!(named(false).await, []);
}

#[tokio::test]
async fn a_device_without_codes_is_not_diagnosed() {
    let world = World::new();
    let held = world.active("alice").await;
    let new = twostep::verifier::NewDevice {
        account: held.account.clone(),
        serial: None,
        name: None,
        factor: twostep::verifier::NewFactor::Recovery,
    };
    let sheet = world.verifier.add(new, &Authority::Admin).await.unwrap().device;
    let pair = held.pair(world.now());
    let refused = world.verifier.diagnose(&sheet.serial, both(&pair), |_| true).await;
    assert!(matches!(refused, Err(Error::BadInput(_))), "{refused:?}");
    let unknown = "NOT-THERE-000".parse().unwrap();
    let refused = world.verifier.diagnose(&unknown, both(&pair), |_| true).await;
    assert!(matches!(refused, Err(Error::NotFound(_))), "{refused:?}");
}
