//! The model of a device's clock, by the codes of tokens whose clocks are wrong.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use twostep::device::{
    Budget, Device, DeviceState, Factor, PairSearch, PairUse, TotpState, Verdict,
};
use twostep::otp::{ClockModel, Code, Foretold, Key, RatePrior, Seed, Totp, Window};
use twostep::testing::SimulatedToken;
use twostep::time::UnixTime;

use super::oracle::Random;

/// Learning once stopped at 20 steps from the server's time: from there on, a token failed at every
/// second step that it moved.
#[test]
fn a_token_is_followed_beyond_twenty_steps() {
    for ppm in [-20.0, 20.0] {
        let mut token = Token::new(ppm);
        for _ in 0..4 * 52 {
            token.pass(7 * DAY);
            assert_eq!(token.shows(), Verdict::Accepted, "{ppm} ppm, {:?}", token.foretold());
        }
        assert!(token.foretold().offset.abs() > 1_500.0, "{:?}", token.foretold());
    }
}

/// An owner's pair was once looked for around the server's time alone.
#[test]
fn an_owners_pair_is_found_around_the_expected_step() {
    let mut token = Token::new(60.0);
    for _ in 0..2 * 365 {
        token.pass(DAY);
        assert_eq!(token.shows(), Verdict::Accepted);
    }
    assert!(token.foretold().offset > 100.0 * STEP, "{:?}", token.foretold());
    for jump in [570, -570, 590] {
        token.simulated.jump(jump);
        token.pass(DAY);
        assert_ne!(token.shows(), Verdict::Accepted, "{jump}");
        token.pass(60);
        assert_eq!(token.pair(PairUse::Resync, Window::Owner), Verdict::Accepted, "{jump}");
        token.pass(30);
        assert_eq!(token.shows(), Verdict::Accepted, "the next code, after {jump}");
    }
    token.simulated.jump(700);
    token.pass(60);
    assert_ne!(token.pair(PairUse::Resync, Window::Owner), Verdict::Accepted);
    assert_eq!(token.pair(PairUse::Resync, Window::Admin), Verdict::Accepted);
}

/// The last offset was once taken for the present one, without the rate.
#[test]
fn a_known_rate_counts_while_no_code_comes() {
    for ppm in [-12.0, 30.0] {
        let mut token = Token::new(ppm);
        for _ in 0..40 {
            token.pass(7 * DAY);
            assert_eq!(token.shows(), Verdict::Accepted);
        }
        for _ in 0..4 {
            token.pass(60 * DAY);
            assert_eq!(token.shows(), Verdict::Accepted, "{ppm} ppm: {:?}", token.foretold());
        }
        let Foretold { rate, rate_doubt, .. } = token.foretold();
        assert!((rate - ppm).abs() < 3.0 * rate_doubt && rate_doubt < 2.0, "{rate} {rate_doubt}");
    }
}

#[test]
fn the_first_pair_since_the_makers_setting_tells_the_rate() {
    let made = UnixTime(BOUGHT.0 - 500 * DAY);
    for ppm in [-55.0, -10.0, 4.0, 40.0] {
        let clock = ClockModel::set_by_maker(RatePrior::HARDWARE, made);
        let mut token = Token::with(clock, |seed| {
            SimulatedToken::totp(seed, Totp::default()).running_fast(ppm, made)
        });
        let window = if ppm.abs() > 12.0 { Window::Admin } else { Window::Owner };
        assert_eq!(token.pair(PairUse::Activation, window), Verdict::Accepted);
        let Foretold { rate, rate_doubt, .. } = token.foretold();
        assert!((rate - ppm).abs() < 1.0 && rate_doubt < 1.0, "{ppm}: {rate} ± {rate_doubt}");
        token.pass(120 * DAY);
        assert_eq!(token.shows(), Verdict::Accepted, "{ppm} ppm after four months");
        assert!(token.state().clock.set_at().iter().all(Option::is_none));
    }
}

#[test]
fn a_code_is_no_measurement_within_an_hour_but_is_consumed() {
    let mut token = Token::new(0.0);
    token.pass(DAY);
    assert_eq!(token.shows(), Verdict::Accepted);
    let before = token.state();
    token.pass(3_570);
    assert_eq!(token.shows(), Verdict::Accepted);
    let after = token.state();
    assert_eq!(after.clock, before.clock);
    assert!(after.watermark > before.watermark);
    token.pass(30);
    assert_eq!(token.shows(), Verdict::Accepted);
    assert_eq!(token.state().clock.measured_at(), Some(token.now));
}

#[test]
fn a_set_clock_is_noticed_and_keeps_its_rate() {
    let mut token = Token::new(25.0);
    for _ in 0..60 {
        token.pass(5 * DAY);
        assert_eq!(token.shows(), Verdict::Accepted);
    }
    token.simulated.jump(-300);
    token.pass(DAY);
    assert_eq!(token.pair(PairUse::Resync, Window::Owner), Verdict::Accepted);
    let (clock, Foretold { rate, rate_doubt, .. }) = (token.state().clock, token.foretold());
    assert_eq!(clock.set_at(), [Some(token.now), None]);
    assert!((rate - 25.0).abs() < 2.0 && rate_doubt >= 2.9, "{rate} ± {rate_doubt}");
}

/// A captured token shows all its codes at once: its thief presents the highest or the lowest
/// code that is accepted, as often as it counts.
#[test]
fn a_captured_token_walks_the_window_no_faster_than_its_rule() {
    for highest in [true, false] {
        for wait in [3_600, 4_000, DAY, 30 * DAY] {
            let mut token = Token::new(0.0);
            token.pass(DAY);
            for _ in 0..300 {
                let (last, before) = (token.measured_at(), token.state());
                token.pass(wait);
                let window =
                    before.parameters.window(token.now, &before.clock.foretell(token.now)).unwrap();
                let fresh =
                    window.steps().filter(|step| Some(*step) > before.watermark.map(|at| at.0));
                let step = if highest { fresh.max() } else { fresh.min() };
                let Some(step) = step else { continue };
                assert_eq!(token.shows_step(step), Verdict::Accepted);
                let moved = token.foretold().offset - before.clock.foretell(last).offset;
                let most = STEP + 1e-4 * token.now.since(last).as_secs_f64();
                assert!(moved.abs() <= most + 1e-3, "{moved} s in {wait} s");
            }
        }
    }
}

/// What a person or a thief may do with a device.
#[derive(Clone, Copy, Debug)]
enum Act {
    Pass(u64),
    ClockBack(u64),
    Code(i64),
    Pair(i64, Window),
}

fn act() -> impl Strategy<Value = Act> {
    let times = prop_oneof![1..120_u64, 120..20_000_u64, 20_000..40_000_000_u64];
    prop_oneof![
        3 => times.prop_map(Act::Pass),
        1 => (1..100_000_u64).prop_map(Act::ClockBack),
        6 => (-5..=5_i64).prop_map(Act::Code),
        1 => (-25..=25_i64).prop_map(|by| Act::Pair(by, Window::Owner)),
        1 => (-3_000..=3_000_i64).prop_map(|by| Act::Pair(by, Window::Admin)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(150)
    })]

    #[test]
    fn no_step_is_accepted_twice_and_the_offset_moves_by_its_rule(
        acts in proptest::collection::vec(act(), 1..60)
    ) {
        let mut token = Token::new(0.0);
        let mut accepted = BTreeSet::new();
        for act in acts {
            let (last, before) = (token.measured_at(), token.state());
            let expected = before.parameters.expected_step(token.now, &token.foretold()).unwrap().0;
            let watermark = before.watermark.map(|step| step.0);
            match act {
                Act::Pass(seconds) => token.pass(seconds),
                Act::ClockBack(seconds) => {
                    token.now = token.now.minus(Duration::from_secs(seconds));
                }
                Act::Code(by) => {
                    let step = expected.saturating_add_signed(by);
                    if token.shows_step(step) == Verdict::Accepted {
                        prop_assert!(accepted.insert(step) && Some(step) > watermark);
                        let moved = token.foretold().offset - before.clock.foretell(last).offset;
                        let most = STEP + 1e-4 * token.now.since(last).as_secs_f64();
                        prop_assert!(moved.abs() <= most + 1e-3, "{} s", moved);
                    }
                }
                Act::Pair(by, window) => {
                    let second = expected.saturating_add_signed(by);
                    if token.pair_at(second, PairUse::Resync, window) == Verdict::Accepted {
                        prop_assert!(accepted.insert(second - 1) && Some(second - 1) > watermark);
                        prop_assert!(accepted.insert(second));
                        prop_assert_eq!(token.state().expected_step(token.now).unwrap().0, second);
                    }
                }
            }
            prop_assert!(token.state().watermark >= before.watermark);
            let far = token.now.plus(Duration::from_secs(1 << 40));
            for Foretold { offset, offset_doubt, rate, rate_doubt, .. } in
                [token.foretold(), token.state().clock.foretell(far)]
            {
                let numbers = [offset, offset_doubt, rate, rate_doubt];
                prop_assert!(numbers.iter().all(|number| number.is_finite()));
                prop_assert!(rate.abs() <= 100.0 && offset_doubt >= 0.0 && rate_doubt >= 0.0);
            }
            let stored = serde_json::to_string(&token.device).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Device>(&stored).unwrap(), &token.device);
        }
    }

    /// Every stored model that can be read ends in a bounded doubt.
    #[test]
    fn an_absurd_stored_model_is_an_error_or_bounded(
        numbers in proptest::array::uniform15(proptest::num::f64::ANY),
        weights in proptest::array::uniform3(proptest::num::f64::ANY),
        at in any::<u64>(), now in any::<u64>(),
    ) {
        let stored = json!({"at": at, "log_weights": weights,
            "filters": [&numbers[..5], &numbers[5..10], &numbers[10..]]});
        let Ok(clock) = serde_json::from_value::<ClockModel>(stored) else { return Ok(()) };
        assert_bounded(&clock, UnixTime(now));
    }
}

#[test]
fn absurd_bodies_of_earlier_versions_are_bounded() {
    for drift in [0, 1, -20, i64::MAX, i64::MIN] {
        for moved_at in [json!(null), json!(0), json!(u64::MAX)] {
            for samples in [
                json!([]),
                json!([{"at": 0, "offset": i64::MIN}, {"at": u64::MAX, "offset": i64::MAX}]),
                json!([{"at": 9_000_000, "offset": 40}, {"at": 5, "offset": -9_000_000_000_i64}]),
            ] {
                let body = earlier(drift, &moved_at, &samples);
                let state: TotpState = serde_json::from_value(body).unwrap();
                for now in [0, 1_800_000_000, u64::MAX] {
                    assert_bounded(&state.clock, UnixTime(now));
                    let _any = state.parameters.drift(&state.clock.foretell(UnixTime(now)));
                }
            }
        }
    }
}

/// A body as versions before the model wrote it, of a token with 12 ppm and 16 samples.
#[test]
fn the_samples_of_earlier_versions_are_run_through_the_model() {
    let samples: Vec<Value> = (0..16_u32)
        .map(|week| {
            let at = BOUGHT.0 + u64::from(week) * 7 * DAY;
            json!({"at": at, "offset": (f64::from(week) * 7.2576).floor() - 3.0})
        })
        .collect();
    let samples: Value =
        serde_json::from_str(&json!(samples).to_string().replace(".0", "")).unwrap();
    let body = earlier(4, &json!(BOUGHT.0 + 105 * DAY), &samples);
    let state: TotpState = serde_json::from_value(body.clone()).unwrap();
    assert_eq!(state.watermark.map(|step| step.0), Some(59_000_000));
    let Foretold { offset, rate, rate_doubt, .. } =
        state.clock.foretell(UnixTime(BOUGHT.0 + 112 * DAY));
    assert!((offset - 113.0).abs() < 10.0, "{offset}");
    assert!((rate - 12.0).abs() < 2.0 && rate_doubt < 2.5, "{rate} ± {rate_doubt}");

    // The row is not larger than it was.
    let (was, is) = (body.to_string().len(), serde_json::to_string(&state).unwrap().len());
    assert!(is <= was, "{is} bytes, where {was} were");
    assert_eq!(
        serde_json::from_str::<TotpState>(&serde_json::to_string(&state).unwrap()).unwrap(),
        state
    );
}

/// A drift that no sample explains is of a clock that was set since.
#[test]
fn the_drift_of_earlier_versions_stands_above_their_samples() {
    let samples = json!([{"at": BOUGHT.0, "offset": 3}]);
    for (samples, drift) in [(&samples, 15), (&samples, -40), (&json!([]), 15)] {
        let body = earlier(drift, &json!(BOUGHT.0 + 60), samples);
        let state: TotpState = serde_json::from_value(body).unwrap();
        let foretold = state.clock.foretell(UnixTime(BOUGHT.0 + 60));
        assert_eq!(state.parameters.drift(&foretold).steps, drift);
    }
    let never: TotpState = serde_json::from_value(earlier(0, &json!(null), &json!([]))).unwrap();
    assert_eq!(never.clock, ClockModel::default());
}

/// A token that was not used for a while is expected to work as long as its window holds its doubt.
#[test]
fn the_doubt_of_a_clock_bounds_its_silence() {
    let silence = |days: u64, every: u64| {
        let (mut token, mut random) = (Token::new(5.0), Random(22));
        for _ in 0..days / every {
            // People come at other seconds each day.
            token.pass(every * DAY + random.within(0..=7_200) - 3_600);
            assert_eq!(token.shows(), Verdict::Accepted);
        }
        let state = token.state();
        let until = state.parameters.expected_to_work_until(&state.clock).unwrap();
        until.since(token.now).as_secs() / DAY
    };
    let found = [silence(0, 1), silence(16, 1), silence(90, 1), silence(364, 7)];
    let told = [20, 45, 90, 180];
    for (days, told) in found.into_iter().zip(told) {
        assert!(3 * days >= 2 * told && 2 * days <= 3 * told, "{found:?} days, not {told}");
    }
}

fn assert_bounded(clock: &ClockModel, now: UnixTime) {
    let Foretold { offset, offset_doubt, rate, rate_doubt, .. } = clock.foretell(now);
    assert!([offset, offset_doubt, rate_doubt].iter().all(|n| n.is_finite()), "{clock:?}");
    assert!(rate.abs() <= 100.0, "{clock:?}");
    let totp = Totp::default();
    let window = totp.window(now, &clock.foretell(now)).unwrap();
    assert!(window.steps().count() <= 9);
    let _bounded = totp.expected_to_work_until(clock);
}

/// The state of a time-based device as versions before the model wrote it.
fn earlier(drift: i64, moved_at: &Value, samples: &Value) -> Value {
    json!({
        "parameters": {"algorithm": "SHA1", "digits": 6, "step_size": 30, "t0": 0},
        "watermark": 59_000_000, "drift": drift, "drift_moved_at": moved_at, "samples": samples,
    })
}

/// A token in use, its device, and the time.
struct Token {
    simulated: SimulatedToken,
    right: SimulatedToken,
    key: Key,
    device: Device,
    now: UnixTime,
}

impl Token {
    /// A token whose clock was right at its activation.
    fn new(ppm: f64) -> Token {
        let mut token = Token::with(ClockModel::default(), |seed| {
            SimulatedToken::totp(seed, Totp::default()).running_fast(ppm, BOUGHT)
        });
        assert_eq!(token.pair(PairUse::Activation, Window::Owner), Verdict::Accepted);
        token
    }

    fn with(clock: ClockModel, simulated: impl Fn(&Seed) -> SimulatedToken) -> Token {
        let seed = Random(21).seed(20);
        let factor = Factor::Totp(TotpState { clock, ..TotpState::default() });
        let device =
            Device::new("AC26000014".parse().unwrap(), "a".parse().unwrap(), None, factor, BOUGHT);
        assert_eq!(device.state, DeviceState::Pending);
        Token {
            simulated: simulated(&seed),
            right: SimulatedToken::totp(&seed, Totp::default()),
            key: Totp::default().key(&seed),
            device,
            now: UnixTime(BOUGHT.0 + 15),
        }
    }

    fn pass(&mut self, seconds: u64) {
        self.now = self.now.plus(Duration::from_secs(seconds));
    }

    /// Presents the code on display.
    fn shows(&mut self) -> Verdict {
        self.presents(&self.simulated.code_at(self.now))
    }

    fn shows_step(&mut self, step: u64) -> Verdict {
        self.presents(&self.right.code_at(UnixTime(step * 30)))
    }

    fn presents(&mut self, code: &Code) -> Verdict {
        // Waits and locks are not the subject.
        let device = self.device.unlocked();
        let judged = device.accept(&self.key, code, Budget::Shared, self.now);
        self.device = judged.device;
        judged.verdict
    }

    /// Presents the last two codes.
    fn pair(&mut self, wanted: PairUse, window: Window) -> Verdict {
        let [first, second] = self.simulated.pair_until(self.now);
        self.presents_pair([&first, &second], wanted, window)
    }

    fn pair_at(&mut self, second: u64, wanted: PairUse, window: Window) -> Verdict {
        let [first, second] =
            [second - 1, second].map(|step| self.right.code_at(UnixTime(step * 30)));
        self.presents_pair([&first, &second], wanted, window)
    }

    fn presents_pair(&mut self, codes: [&Code; 2], wanted: PairUse, window: Window) -> Verdict {
        let search = PairSearch { wanted, window, counter: None };
        let judged = self.device.accept_pair(&self.key, (codes, search), None, self.now);
        self.device = judged.device;
        judged.verdict
    }

    fn state(&self) -> TotpState {
        match &self.device.factor {
            Factor::Totp(totp) => totp.clone(),
            other => panic!("{other:?}"),
        }
    }

    fn measured_at(&self) -> UnixTime {
        self.state().clock.measured_at().unwrap()
    }

    fn foretold(&self) -> Foretold {
        self.state().clock.foretell(self.now)
    }
}

const BOUGHT: UnixTime = UnixTime(1_790_000_010);

const DAY: u64 = 86_400;

const STEP: f64 = 30.0;
