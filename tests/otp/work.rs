//! Work is counted in compressions of the hash: exact, where time is noisy.

use twostep::otp::{
    Algorithm, Code, Counter, Foretold, Hotp, Seed, TimeStep, Totp, Window, compressions,
};
use twostep::time::UnixTime;

use super::oracle::{ALGORITHMS, Oracle, Random, digits};

const NOW: UnixTime = UnixTime(1_790_000_000);

#[test]
fn a_sign_in_costs_eight_compressions_or_six_with_a_key() {
    for algorithm in ALGORITHMS {
        let (seed, totp) = (Random(4).seed(20), Totp { algorithm, ..Totp::default() });
        let (code, before) = (code_of(&seed, totp, 0), compressions());
        let key = totp.key(&seed);
        assert_eq!(compressions() - before, 2);
        assert!(totp.find(&key, &code, NOW, &Foretold::default()).is_some());
        assert_eq!(compressions() - before, 8);
    }
}

#[test]
fn a_seed_longer_than_a_block_is_hashed_first() {
    let cost = |algorithm, length| {
        let seed = Random(5).seed(length);
        cost(|| Totp { algorithm, ..Totp::default() }.key(&seed))
    };
    for algorithm in [Algorithm::Sha1, Algorithm::Sha256] {
        // 64 bytes are a block; 119 and nine bytes of padding are two.
        assert_eq!(
            [10, 64, 65, 119, 120, 128].map(|length| cost(algorithm, length)),
            [2, 2, 4, 4, 5, 5]
        );
    }
    assert_eq!([10, 128].map(|length| cost(Algorithm::Sha512, length)), [2, 2]);
}

#[test]
fn a_code_costs_the_same_wherever_it_matches_or_not() {
    let (seed, totp) = (Random(6).seed(20), Totp { digits: digits(8), ..Totp::default() });
    let key = totp.key(&seed);
    let known = |offset, offset_doubt| Foretold { offset_doubt, ..Foretold::exactly(offset) };
    for (clock, expected) in [
        (known(0.0, 0.0), 6),
        (known(600.0, 0.0), 6),
        (known(-30.0, 0.0), 6),
        (known(-31.0, 0.0), 8),
        (known(-61.0, 0.0), 10),
        (known(-91.0, 0.0), 12),
        (known(-600.0, 0.0), 12),
        (known(0.0, 14.0), 10),
        (known(-600.0, 14.0), 16),
        (known(0.0, 100.0), 14),
        (known(-600.0, 100.0), 18),
    ] {
        for shown in -25..=25 {
            let code = code_of(&seed, totp, shown);
            assert_eq!(
                cost(|| totp.find(&key, &code, NOW, &clock)),
                expected,
                "{clock:?}, code {shown} steps ahead"
            );
        }
        // A code that cannot be right costs the same as one that might be.
        assert_eq!(cost(|| totp.find(&key, &"123456".parse().unwrap(), NOW, &clock)), expected);
    }
    let (hotp, next) = (Hotp { digits: digits(8), ..Hotp::default() }, 1_000);
    let (key, oracle) = (hotp.key(&seed), Oracle::new(&seed, hotp.algorithm, hotp.digits));
    for shown in next - 5..=next + 15 {
        let code = oracle.code(shown);
        assert_eq!(cost(|| hotp.find(&key, &code, Counter(next))), 24);
    }
}

#[test]
fn a_pair_costs_the_whole_window_wherever_it_stands_or_not() {
    let (seed, totp) = (Random(7).seed(20), Totp::default());
    let key = totp.key(&seed);
    let t = totp.step_at(NOW).unwrap().0;
    // A short window: one value for each place of the second code, and one more for the first code
    // before them. A long one: every second value, in groups of eight, and 17 values around each
    // of four suspects.
    let long = |starts: u64| starts.div_ceil(2).next_multiple_of(8) + 4 * 17;
    for (window, values) in [(Window::Owner, 2 * 20 + 2), (Window::Admin, long(2 * 2_880 + 1))] {
        for second in [-2_900, -2_880, -2_879, -21, -20, -19, -1, 0, 1, 19, 20, 21, 2_880, 2_881] {
            let pair = [code_of(&seed, totp, second - 1), code_of(&seed, totp, second)];
            for watermark in
                [None, Some(TimeStep(0)), Some(TimeStep(t - 10)), Some(TimeStep(t + 3_000))]
            {
                let cost =
                    cost(|| totp.find_pair(&key, [&pair[0], &pair[1]], NOW, watermark, window));
                assert_eq!(
                    cost,
                    2 * values,
                    "{window:?}, second code {second} steps ahead, {watermark:?}"
                );
            }
        }
    }
    let (hotp, next) = (Hotp::default(), 1_000);
    let (key, oracle) = (hotp.key(&seed), Oracle::new(&seed, hotp.algorithm, hotp.digits));
    // Two counters behind the next one are looked at too, and one value more for the last pair's
    // second code.
    for (window, values) in [(Window::Owner, 2 + 100 + 1), (Window::Admin, long(2 + 1_000))] {
        for first in [
            next - 5,
            next - 2,
            next - 1,
            next,
            next + 1,
            next + 99,
            next + 100,
            next + 999,
            next + 1_000,
        ] {
            let pair = [oracle.code(first), oracle.code(first + 1)];
            assert_eq!(
                cost(|| hotp.find_pair(&key, [&pair[0], &pair[1]], Counter(next), window)),
                2 * values
            );
        }
    }
}

fn cost<T>(work: impl FnOnce() -> T) -> u64 {
    let before = compressions();
    work();
    compressions() - before
}

/// The code that a device shows so many steps from now.
fn code_of(seed: &Seed, totp: Totp, ahead: i64) -> Code {
    let step = totp.step_at(NOW).unwrap().0.checked_add_signed(ahead).unwrap();
    Oracle::new(seed, totp.algorithm, totp.digits).code(step)
}
