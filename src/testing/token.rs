//! A simulated token with an inexact clock.
//!
//! Codes come from `totp-rs` and not from [`crate::otp`], so that tests compare two
//! implementations.

use std::time::Duration;

use crate::otp::{Algorithm, Code, Counter, Digits, Hotp, Seed, Totp};
use crate::time::UnixTime;

/// A token or an authenticator app with an inexact clock.
///
/// ```
/// use twostep::otp::{ClockModel, Seed, Totp};
/// use twostep::testing::SimulatedToken;
/// use twostep::time::UnixTime;
///
/// let seed = Seed::new(b"12345678901234567890".to_vec()).unwrap();
/// let token = SimulatedToken::totp(&seed, Totp::default()).off_by(-90);
/// let (totp, now) = (Totp::default(), UnixTime(1_790_000_000));
///
/// let clock = ClockModel::measured(-90.0, now).foretell(now);
///
/// let found = totp.find(&totp.key(&seed), &token.code_at(now), now, &clock).unwrap();
/// assert_eq!(found.offset, -3);
/// ```
pub struct SimulatedToken {
    codes: totp_rs::Totp,
    factor: Factor,
}

enum Factor {
    Time { totp: Totp, clock: WrongClock },
    Counter(Option<Counter>),
}

/// A clock with an offset and a rate error.
struct WrongClock {
    ahead: i64,
    ppm: f64,
    right_at: UnixTime,
}

impl SimulatedToken {
    /// A token with a new code at every time step. Its clock is right at first.
    pub fn totp(seed: &Seed, totp: Totp) -> SimulatedToken {
        let clock = WrongClock { ahead: 0, ppm: 0.0, right_at: UnixTime(0) };
        SimulatedToken {
            codes: codes(seed, totp.algorithm, totp.digits),
            factor: Factor::Time { totp, clock },
        }
    }

    /// A token with a new code at every press of its button, the first one at `counter`.
    pub fn hotp(seed: &Seed, hotp: Hotp, counter: Counter) -> SimulatedToken {
        SimulatedToken {
            codes: codes(seed, hotp.algorithm, hotp.digits),
            factor: Factor::Counter(Some(counter)),
        }
    }

    /// Makes the token's clock gain this many parts per million from `since` on; lose, if negative.
    ///
    /// # Panics
    /// On a counter-based token.
    #[must_use]
    pub fn running_fast(mut self, ppm: f64, since: UnixTime) -> SimulatedToken {
        let clock = self.clock_mut();
        (clock.ppm, clock.right_at) = (ppm, since);
        self
    }

    /// Sets the token's clock this many seconds ahead; behind, if negative.
    ///
    /// # Panics
    /// On a counter-based token.
    #[must_use]
    pub fn off_by(mut self, seconds: i64) -> SimulatedToken {
        self.clock_mut().ahead = seconds;
        self
    }

    /// Moves the token's clock by this many seconds, as a flat battery, cold or its owner does.
    ///
    /// # Panics
    /// On a counter-based token.
    pub fn jump(&mut self, seconds: i64) {
        let clock = self.clock_mut();
        clock.ahead = clock.ahead.saturating_add(seconds);
    }

    /// The code on display at `now`, the right time.
    ///
    /// # Panics
    /// On a counter-based token, and while the token's clock is before T0.
    pub fn code_at(&self, now: UnixTime) -> Code {
        self.code(self.step_at(now))
    }

    /// The digits on display at `now`, leading zeros included.
    ///
    /// # Panics
    /// As [`SimulatedToken::code_at`] does.
    pub fn text_at(&self, now: UnixTime) -> String {
        self.text(self.step_at(now))
    }

    /// The last two codes until `now`: the previous one, and the one on display.
    ///
    /// # Panics
    /// As [`SimulatedToken::code_at`] does, and in the first time step of all.
    pub fn pair_until(&self, now: UnixTime) -> [Code; 2] {
        let step = self.step_at(now);
        [self.code(step.checked_sub(1).expect("a code was shown before")), self.code(step)]
    }

    /// The next code of a counter-based token.
    ///
    /// # Panics
    /// On a time-based token, and after the last counter.
    pub fn press(&mut self) -> Code {
        let counter = self.count();
        self.code(counter)
    }

    /// The digits of the next code of a counter-based token, leading zeros included.
    ///
    /// # Panics
    /// As [`SimulatedToken::press`] does.
    pub fn press_text(&mut self) -> String {
        let counter = self.count();
        self.text(counter)
    }

    fn text(&self, factor: u64) -> String {
        self.codes.generate(factor).to_string()
    }

    fn code(&self, factor: u64) -> Code {
        self.text(factor).parse().expect("a token shows 6 to 8 digits")
    }

    fn step_at(&self, now: UnixTime) -> u64 {
        let Factor::Time { totp, clock } = &self.factor else {
            panic!("a counter-based token does not know the time")
        };
        totp.step_at(clock.at(now)).expect("the token's clock is not before T0").0
    }

    fn count(&mut self) -> u64 {
        let Factor::Counter(next) = &mut self.factor else {
            panic!("a time-based token has no button")
        };
        let counter = next.expect("a counter does not wrap round");
        *next = counter.next();
        counter.0
    }

    fn clock_mut(&mut self) -> &mut WrongClock {
        let Factor::Time { clock, .. } = &mut self.factor else {
            panic!("a counter-based token has no clock")
        };
        clock
    }
}

impl WrongClock {
    /// The token's time at `now`, in completed seconds.
    fn at(&self, now: UnixTime) -> UnixTime {
        let error = now.since(self.right_at).mul_f64(self.ppm.abs() / 1e6);
        let drifted =
            if self.ppm < 0.0 { now.minus(error + PART_OF_A_SECOND) } else { now.plus(error) };
        UnixTime(drifted.0.saturating_add_signed(self.ahead))
    }
}

/// The codes of one seed by moving factor: with steps of one second, totp-rs's time is the factor.
fn codes(seed: &Seed, algorithm: Algorithm, digits: Digits) -> totp_rs::Totp {
    let algorithm = match algorithm {
        Algorithm::Sha1 => totp_rs::Algorithm::SHA1,
        Algorithm::Sha256 => totp_rs::Algorithm::SHA256,
        Algorithm::Sha512 => totp_rs::Algorithm::SHA512,
    };
    // `build` refuses 80-bit seeds, and `build_noncompliant` checks nothing; our types have checked
    // all of it.
    totp_rs::Builder::new()
        .with_algorithm(algorithm)
        .with_digits(digits.count())
        .with_secret(seed.expose())
        .with_step_duration(1)
        .with_skew(0)
        .build_noncompliant()
}

/// The largest part of a second: subtracting it rounds down.
const PART_OF_A_SECOND: Duration = Duration::from_nanos(999_999_999);

#[cfg(test)]
mod tests {
    use super::*;

    const BOUGHT: UnixTime = UnixTime(1_700_000_000);

    fn clock(ahead: i64, ppm: f64) -> WrongClock {
        WrongClock { ahead, ppm, right_at: BOUGHT }
    }

    fn after(seconds: u64) -> UnixTime {
        BOUGHT.plus(Duration::from_secs(seconds))
    }

    #[test]
    fn fifty_ppm_are_a_second_in_twenty_thousand() {
        assert_eq!(clock(0, 50.0).at(after(19_999)), after(19_999));
        assert_eq!(clock(0, 50.0).at(after(20_000)), after(20_001));
        assert_eq!(clock(0, 50.0).at(after(40_000)), after(40_002));
        assert_eq!(clock(0, -50.0).at(after(20_000)), after(19_999));
        assert_eq!(clock(0, -50.0).at(after(40_000)), after(39_998));
    }

    #[test]
    fn a_slow_clock_shows_the_second_that_is_not_over() {
        assert_eq!(clock(0, -50.0).at(after(0)), after(0));
        assert_eq!(clock(0, -50.0).at(after(1)), after(0));
        assert_eq!(clock(0, -50.0).at(after(20_001)), after(19_999));
    }

    #[test]
    fn a_clock_is_right_until_it_begins_to_drift() {
        assert_eq!(clock(0, 1_000.0).at(UnixTime(5)), UnixTime(5));
        assert_eq!(clock(0, 1_000.0).at(after(0)), after(0));
        assert_eq!(clock(-7, 0.0).at(after(100)), after(93));
        assert_eq!(clock(7, 50.0).at(after(20_000)), after(20_008));
        assert_eq!(clock(i64::MIN, 0.0).at(after(0)), UnixTime(0));
    }

    fn seed() -> Seed {
        Seed::new(b"12345678901234567890".to_vec()).unwrap()
    }

    #[test]
    fn a_token_shows_the_codes_of_rfc_6238_appendix_b() {
        let totp = Totp { digits: Digits::try_from(8).unwrap(), ..Totp::default() };
        let mut token = SimulatedToken::totp(&seed(), totp);
        assert_eq!(token.text_at(UnixTime(1_111_111_109)), "07081804");
        token.jump(2);
        assert_eq!(token.text_at(UnixTime(1_111_111_109)), "14050471");
        token.jump(-2);
        assert_eq!(
            token.pair_until(UnixTime(1_111_111_111)),
            ["07081804", "14050471"].map(|text| text.parse().unwrap())
        );
        let token = SimulatedToken::totp(&seed(), totp).off_by(-2);
        assert_eq!(token.text_at(UnixTime(1_111_111_111)), "07081804");
    }

    #[test]
    fn every_press_shows_the_next_code_of_rfc_4226_appendix_d() {
        let mut token = SimulatedToken::hotp(&seed(), Hotp::default(), Counter(0));
        assert_eq!(
            [token.press_text(), token.press_text(), token.press_text()],
            ["755224", "287082", "359152"]
        );
        assert_eq!(token.press(), "969429".parse().unwrap());
    }

    #[test]
    #[should_panic(expected = "wrap round")]
    fn the_last_counter_is_pressed_once() {
        let mut token = SimulatedToken::hotp(&seed(), Hotp::default(), Counter(u64::MAX));
        token.press();
        token.press();
    }

    #[test]
    fn a_token_begins_at_its_t0_with_its_short_seed() {
        let seed = Seed::new(b"ten bytes!".to_vec()).unwrap();
        let totp = Totp { t0: 1_000, ..Totp::default() };
        let token = SimulatedToken::totp(&seed, totp);
        assert_eq!(
            token.code_at(UnixTime(1_030)),
            SimulatedToken::totp(&seed, Totp::default()).code_at(UnixTime(30))
        );
    }
}
