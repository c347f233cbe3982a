//! Two consecutive codes: how far they are looked for, and that chance matches of one of them
//! decide nothing.

use std::collections::HashMap;

use twostep::otp::{Counter, Foretold, Hotp, PairFound, TimeStep, Totp, TotpMatch, Window};
use twostep::testing::SimulatedToken;
use twostep::time::UnixTime;

use super::oracle::{Oracle, Random, code, digits};
use super::vectors::{ascii_seed, fields};

const NOW: UnixTime = UnixTime(1_790_000_000);

#[test]
fn an_admin_finds_a_day_of_drift_an_owner_ten_minutes() {
    let totp = Totp { digits: digits(8), ..Totp::default() };
    let seed = Random(8).seed(20);
    let (key, t) = (totp.key(&seed), totp.step_at(NOW).unwrap().0);
    for offset in -2_890..=2_890_i32 {
        let token = SimulatedToken::totp(&seed, totp).off_by(i64::from(offset) * 30);
        let pair = token.pair_until(NOW);
        let steps = i64::from(offset);
        let step = TimeStep(t.checked_add_signed(steps).unwrap());
        for (window, reach) in [(Window::Owner, 20), (Window::Admin, 2_880)] {
            // Far outside both, the owner's window need not be asked for every step.
            if window == Window::Owner && offset.abs() > 100 {
                continue;
            }
            let expected = TotpMatch { step, offset: steps, clock_was_set: true };
            let expected =
                if offset.abs() <= reach { PairFound::At(expected) } else { PairFound::Nowhere };
            assert_eq!(
                totp.find_pair(&key, [&pair[0], &pair[1]], NOW, None, window),
                expected,
                "{offset} {window:?}"
            );
        }
        let (later, clock) = (UnixTime(NOW.0 + 30), Foretold::exactly(30.0 * f64::from(offset)));
        let next = totp.find(&key, &token.code_at(later), later, &clock);
        if offset.abs() <= 2_880 {
            assert_eq!(
                next.map(|found| found.step),
                Some(TimeStep(step.0 + 1)),
                "the next code after a resync by {offset} steps"
            );
        }
    }
}

#[test]
fn both_codes_must_be_above_the_watermark() {
    let totp = Totp { digits: digits(8), ..Totp::default() };
    let seed = Random(9).seed(20);
    let (key, t) = (totp.key(&seed), totp.step_at(NOW).unwrap().0);
    let pair = SimulatedToken::totp(&seed, totp).pair_until(NOW);
    let found = |watermark| {
        totp.find_pair(&key, [&pair[0], &pair[1]], NOW, Some(TimeStep(watermark)), Window::Owner)
    };
    let at = PairFound::At(TotpMatch { step: TimeStep(t), offset: 0, clock_was_set: true });
    assert_eq!([t - 3, t - 2, t - 1, t, t + 1, u64::MAX].map(found), {
        use PairFound::Consumed;
        [at, at, Consumed, Consumed, Consumed, Consumed]
    });
}

#[test]
fn an_owner_finds_a_hundred_presses_and_an_admin_a_thousand() {
    let (seed, hotp) = (Random(10).seed(20), Hotp { digits: digits(8), ..Hotp::default() });
    let (key, oracle) = (hotp.key(&seed), Oracle::new(&seed, hotp.algorithm, hotp.digits));
    for (window, reach) in [(Window::Owner, 100), (Window::Admin, 1_000)] {
        for next in [0, 1, 2, 5_000, 1 << 32, u64::MAX - 50, u64::MAX - 1, u64::MAX] {
            let last_start = next.saturating_add(reach - 1);
            for first in (next.saturating_sub(5)..=next.saturating_add(5))
                .chain(last_start.saturating_sub(3)..=last_start.saturating_add(3))
            {
                let Some(second) = Counter(first).next() else { continue };
                let pair = [oracle.code(first), oracle.code(second.0)];
                let expected = match first {
                    _ if first.saturating_add(2) < next || first > last_start => PairFound::Nowhere,
                    _ if first < next => PairFound::Consumed,
                    _ => PairFound::At(second),
                };
                let found = hotp.find_pair(&key, [&pair[0], &pair[1]], Counter(next), window);
                assert_eq!(found, expected, "{first} and the next, from {next}, {window:?}");
            }
        }
    }
}

#[test]
fn no_pair_is_found_before_the_first_step() {
    let totp = Totp { digits: digits(8), t0: 1_000, ..Totp::default() };
    let seed = Random(11).seed(20);
    let (key, oracle) = (totp.key(&seed), Oracle::new(&seed, totp.algorithm, totp.digits));
    let found = |now, first| {
        totp.find_pair(
            &key,
            [&oracle.code(first), &oracle.code(first + 1)],
            UnixTime(now),
            None,
            Window::Owner,
        )
    };
    for t in 0..25u64 {
        for first in 0..50 {
            let expected = t.abs_diff(first + 1) <= 20;
            assert_eq!(
                matches!(found(1_000 + 30 * t, first), PairFound::At(at) if at.step.0 == first + 1),
                expected,
                "{first} at {t}"
            );
        }
    }
    assert_eq!(found(999, 0), PairFound::Nowhere);
}

/// In the window of an administrator one six-digit code in two hundred occurs twice. A search for
/// the two codes one by one, which takes the first or the nearest hit of each, gets these wrong.
#[test]
fn ten_thousand_pairs_with_decoys_are_all_found_right() {
    let (totp, mut random) = (Totp::default(), Random(12));
    let (t, reach) = (totp.step_at(NOW).unwrap().0, Window::Admin.steps());
    let (mut trials, mut nearer, mut fooled) = (0, 0, 0);
    while trials < 10_000 {
        let seed = random.seed(20);
        let (key, oracle) = (totp.key(&seed), Oracle::new(&seed, totp.algorithm, totp.digits));
        let mut places: HashMap<String, Vec<u64>> = HashMap::new();
        for step in t - reach - 1..=t + reach {
            places.entry(oracle.text(step)).or_default().push(step);
        }
        for second in t - reach..=t + reach {
            let texts = [oracle.text(second - 1), oracle.text(second)];
            let [firsts, seconds] = [&texts[0], &texts[1]].map(|text| &places[text]);
            if texts[0] == texts[1] || firsts.len() + seconds.len() == 2 {
                continue;
            }
            let watermark = random.flip().then(|| TimeStep(second - 2 - random.within(0..=3_000)));
            let offset = i64::try_from(i128::from(second) - i128::from(t)).unwrap();
            let expected =
                PairFound::At(TotpMatch { step: TimeStep(second), offset, clock_was_set: true });
            let pair = [oracle.code(second - 1), oracle.code(second)];
            let found = totp.find_pair(&key, [&pair[0], &pair[1]], NOW, watermark, Window::Admin);
            assert_eq!(found, expected, "{texts:?} {offset} steps ahead, {watermark:?}");

            trials += 1;
            let nearest =
                |places: &Vec<u64>| *places.iter().min_by_key(|place| place.abs_diff(t)).unwrap();
            nearer += u32::from(nearest(firsts) != second - 1 || nearest(seconds) != second);
            fooled += u32::from(firsts[0] + 1 != seconds[0]);
        }
    }
    // The decoys are decoys: half of them stand before the pair for a search from either side.
    assert!(nearer > 4_000 && fooled > 4_000, "{nearer} nearer, {fooled} earlier, of {trials}");
}

/// Two places of a day that show the same two codes are one in some ten million days; these were
/// looked for.
#[test]
fn of_two_places_above_the_watermark_the_nearer_is_taken() {
    let (totp, reach) = (Totp::default(), Window::Admin.steps());
    let key = totp.key(&ascii_seed(20));
    for [earlier, later, first, second] in fields(include_str!("../vectors/repeated-pairs.txt")) {
        let [earlier, later] = [earlier, later].map(|start| start.parse::<u64>().unwrap() + 1);
        let pair = [code(first), code(second)];
        let found_from = |t: u64, watermark| {
            let now = UnixTime(30 * t);
            match totp.find_pair(&key, [&pair[0], &pair[1]], now, watermark, Window::Admin) {
                PairFound::At(found) => Some(found.step.0),
                PairFound::Consumed | PairFound::Nowhere => None,
            }
        };
        for t in later - reach..=earlier + reach {
            let nearer = if t.abs_diff(later) < t.abs_diff(earlier) { later } else { earlier };
            if t.is_multiple_of(16) || t.abs_diff(later).abs_diff(t.abs_diff(earlier)) < 5 {
                assert_eq!(found_from(t, Some(TimeStep(earlier - 2))), Some(nearer), "from {t}");
            }
        }
        for watermark in [earlier - 1, earlier, later - 2] {
            assert_eq!(found_from(earlier, Some(TimeStep(watermark))), Some(later));
        }
        assert_eq!(found_from(earlier, Some(TimeStep(later - 1))), None);
    }
}

/// Equal codes of two consecutive steps prove nothing: a person who saw one can type it twice.
#[test]
fn a_pair_of_equal_codes_is_refused_even_if_shown() {
    let totp = Totp::default();
    let (seed, t) = (ascii_seed(20), 59_061_241);
    let twice = [t - 1, t].map(|step| Oracle::new(&seed, totp.algorithm, totp.digits).code(step));
    assert_eq!(twice, ["963181", "963181"].map(code));
    let found = totp.find_pair(
        &totp.key(&seed),
        [&twice[0], &twice[1]],
        UnixTime(30 * t),
        None,
        Window::Owner,
    );
    assert_eq!(found, PairFound::Nowhere);
}
