//! Verification of a code and search for a pair, compared with totp-rs 6: `cargo bench
//! --no-default-features --features testing,verifier --bench otp`
//!
//! Variants alternate, A B C A B C, in CPU time of the thread, so other work on the machine affects
//! all of them and mostly does not count. Ratios hold within one table only.

#![allow(clippy::expect_used, reason = "a bench that cannot go on should stop")]

mod turns;

use twostep::device::{Budget, Device, DeviceState, Factor, TotpState, Verdict};
use twostep::otp::{ClockModel, Code, Foretold, PairFound, Seed, Totp, Window, compressions};
use twostep::time::UnixTime;

use turns::{Spread, Variant, take_turns};

const ROUNDS: usize = 21;

const NOW: u64 = 1_790_000_000;

fn main() {
    one_code();
    clock_model();
    for window in [Window::Owner, Window::Admin] {
        pair(window);
    }
    #[cfg(feature = "verifier")]
    week();
}

fn one_code() {
    let seed = Seed::new(SECRET.to_vec()).expect("20 bytes");
    let totp = Totp::default();
    let (key, theirs) = (totp.key(&seed), totp_rs(30, 1));
    // Texts without a match: totp-rs then computes its whole window, as we always do.
    let texts: Vec<String> = (0..64).map(|i| format!("{:06}", i * 15_013)).collect();
    let text = |turn: usize| texts[turn % texts.len()].as_str();
    let code = |turn| text(turn).parse::<Code>().expect("digits");
    print_table(
        "one code that none of three steps shows",
        &mut [
            Variant::new("totp-rs check, skew 1", 2_000, |turn| {
                theirs.check(text(turn), NOW).is_some()
            }),
            Variant::new("twostep, raw seed", 2_000, |turn| {
                totp.find(&totp.key(&seed), &code(turn), UnixTime(NOW), &Foretold::default())
                    .is_some()
            }),
            Variant::new("twostep, cached key", 2_000, |turn| {
                totp.find(&key, &code(turn), UnixTime(NOW), &Foretold::default()).is_some()
            }),
        ],
    );
}

/// The cost of expecting a clock, and of learning from a success: the judgement of a right code,
/// where the last measurement is a minute old, so that none is made, or a day.
fn clock_model() {
    let seed = Seed::new(SECRET.to_vec()).expect("20 bytes");
    let totp = Totp::default();
    let (key, now) = (totp.key(&seed), UnixTime(NOW));
    let code: Code =
        totp_rs(30, 0).generate(NOW).to_string().parse().expect("a code of six digits");
    let [recent, rested] = [60, 86_400].map(|ago| measured(totp, UnixTime(NOW - ago)));
    let accepted = |device: &Device| {
        let judged = device.accept(&key, &code, Budget::Shared, now);
        assert_eq!(judged.verdict, Verdict::Accepted);
        judged
    };
    let Factor::Totp(state) = &rested.factor else { unreachable!("made with a clock") };
    print_table(
        "one right code of a device whose clock is known",
        &mut [
            Variant::new("a clock that is right", 2_000, |_| {
                totp.find(&key, &code, now, &Foretold::default()).is_some()
            }),
            Variant::new("a clock that is foretold", 2_000, |_| {
                totp.find(&key, &code, now, &state.clock.foretell(now)).is_some()
            }),
            Variant::new("judged, nothing learned", 2_000, |_| accepted(&recent)),
            Variant::new("judged, clock learned", 2_000, |_| accepted(&rested)),
        ],
    );
}

fn measured(parameters: Totp, at: UnixTime) -> Device {
    let clock = ClockModel::measured(0.0, at);
    let factor = Factor::Totp(TotpState { parameters, clock, ..TotpState::default() });
    let serial = "GAHT00000001".parse().expect("a serial number");
    let account = "alice".parse().expect("an account");
    Device { state: DeviceState::Active, ..Device::new(serial, account, None, factor, at) }
}

fn pair(window: Window) {
    let seed = Seed::new(SECRET.to_vec()).expect("20 bytes");
    let (totp, theirs, now) = (Totp::default(), totp_rs(1, 0), NOW / 30);
    let (key, last) = (totp.key(&seed), now + window.steps());
    let tokens = [last - 1, last].map(|step| theirs.generate(step));
    let codes =
        [&tokens[0], &tokens[1]].map(|token| token.to_string().parse::<Code>().expect("digits"));
    let batch = if window == Window::Owner { 200 } else { 2 };
    print_table(
        &format!("a pair at the far end of ±{} steps", window.steps()),
        &mut [
            // Computes each step's code once and compares it as a token, up to the pair.
            Variant::new("totp-rs generate, compare", batch, |_| {
                let mut first_was_right = false;
                (now - window.steps() - 1..=last).any(|step| {
                    let shown = theirs.generate(step);
                    let pair = first_was_right && shown == tokens[1];
                    first_was_right = shown == tokens[0];
                    pair
                })
            }),
            Variant::new("twostep find_pair", batch, |_| {
                totp.find_pair(&key, [&codes[0], &codes[1]], UnixTime(NOW), None, window)
                    != PairFound::Nowhere
            }),
        ],
    );
}

/// A pair a week away, as a diagnosis looks for it.
#[cfg(feature = "verifier")]
fn week() {
    use twostep::otp::{Expected, WEEK, as_stored};

    let seed = Seed::new(SECRET.to_vec()).expect("20 bytes");
    let (totp, theirs, now, reach) = (Totp::default(), totp_rs(1, 0), NOW / 30, WEEK / 30);
    let tokens = [now + reach - 1, now + reach].map(|step| theirs.generate(step));
    let codes =
        [&tokens[0], &tokens[1]].map(|token| token.to_string().parse::<Code>().expect("digits"));
    print_table(
        &format!("a pair at the far end of ±{reach} steps, a week"),
        &mut [
            Variant::new("totp-rs generate, compare", 1, |_| {
                let mut first_was_right = false;
                (now - reach - 1..=now + reach).any(|step| {
                    let shown = theirs.generate(step);
                    let pair = first_was_right && shown == tokens[1];
                    first_was_right = shown == tokens[0];
                    pair
                })
            }),
            Variant::new("twostep", 1, |_| {
                let codes = [&codes[0], &codes[1]];
                as_stored(&seed, Expected::Totp(totp), codes, (UnixTime(NOW), WEEK)).is_some()
            }),
        ],
    );
}

/// Runs the variants alternately; prints the median, the extremes, and the speed relative to the
/// first.
fn print_table(title: &str, variants: &mut [Variant<'_>]) {
    let spreads = take_turns(ROUNDS, variants, || {});
    println!(
        "\n{title}\n{:<28}{:>12}{:>12}{:>12}{:>9}{:>14}",
        "", "median ns", "min", "max", "ratio", "compressions"
    );
    let mut first = None;
    for (variant, Spread { min, median, max }) in variants.iter_mut().zip(spreads) {
        let ratio = *first.get_or_insert(median) / median;
        let before = compressions();
        (variant.work)(0);
        let compressions = match compressions() - before {
            0 => "-".to_owned(),
            count => count.to_string(),
        };
        println!(
            "{:<28}{median:>12.0}{min:>12.0}{max:>12.0}{ratio:>8.2}x{compressions:>14}",
            variant.name
        );
    }
}

fn totp_rs(step_size: u64, skew: u16) -> totp_rs::Totp {
    let builder = totp_rs::Builder::new()
        .with_secret(SECRET)
        .with_step_duration(step_size)
        .with_skew(skew);
    builder.build_noncompliant()
}

const SECRET: &[u8] = b"12345678901234567890";
