//! A suspicion in words, for the log, the events and those who look after the server.

use std::fmt;

use crate::fleet::cusum::Direction;
use crate::fleet::watch::{Ending, Suspicion};
use crate::time::UnixTime;

/// A cause of a shift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The server's clock was set, or runs at another rate.
    ServerClock,
    /// Codes take longer, or less long, from the token to the server.
    SignInPage,
}

impl Suspicion {
    /// Possible causes, the likelier first.
    ///
    /// Codes that arrive later look like tokens that fell behind, by the length of the delay. Codes
    /// cannot arrive earlier by more than people took before.
    pub fn causes(&self) -> &'static [Cause] {
        let longest = match self.shift.direction {
            Direction::Behind => SLOWEST_PAGE,
            Direction::Ahead => FASTEST_PAGE,
        };
        if self.shift.seconds <= longest {
            &[Cause::ServerClock, Cause::SignInPage]
        } else {
            &[Cause::ServerClock]
        }
    }

    /// The size of the shift: positive if tokens are ahead of what they were.
    pub fn seconds(&self) -> f64 {
        self.shift.direction.sign() * self.shift.seconds
    }

    /// The suspicion in a sentence, with the word of the operating system about its clock.
    pub fn message(&self, is_synchronised: bool) -> String {
        let moved = match self.shift.direction {
            Direction::Ahead => "ahead of",
            Direction::Behind => "behind",
        };
        let check = match (self.causes(), self.shift.direction) {
            ([_], _) => "check this server's clock",
            (_, Direction::Behind) => {
                "check this server's clock, or why codes reach it later (a slower sign-in page)"
            }
            (_, Direction::Ahead) => {
                "check this server's clock, or why codes reach it sooner (a faster sign-in page)"
            }
        };
        let synchronised = match is_synchronised {
            true => "the system calls its clock synchronised (NTP)",
            false => "the system does not call its clock synchronised (NTP)",
        };
        format!(
            "since {} all tokens are {:.0} s {moved} what they were: {check}; {synchronised}",
            Moment(self.shift.since),
            self.shift.seconds,
        )
    }
}

impl Ending {
    /// The end of the suspicion, in words.
    pub fn message(self) -> &'static str {
        match self {
            Ending::WentBack => "all tokens moved back",
            Ending::AsExpected => "codes have been as expected for a day",
        }
    }
}

/// A time with its day of the week: `Tuesday 2026-11-24 14:00 UTC`.
struct Moment(UnixTime);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];
        let day = usize::try_from(self.0.0 / 86_400 % 7).ok().and_then(|day| days.get(day));
        let text = self.0.to_string();
        let (date, time) = text.split_once('T').unwrap_or((&text, ""));
        let minute = time.rsplit_once(':').map_or(time, |(minute, _)| minute);
        write!(f, "{} {date} {minute} UTC", day.unwrap_or(&""))
    }
}

/// The largest shift that a slower sign-in page is named for, in seconds.
const SLOWEST_PAGE: f64 = 15.0;

/// The largest shift that a faster one is named for: people take about as long.
const FASTEST_PAGE: f64 = 8.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::cusum::Shift;

    fn suspicion(direction: Direction, seconds: f64) -> Suspicion {
        // A Tuesday.
        let since = UnixTime(1_795_528_800);
        Suspicion { shift: Shift { since, direction, seconds, doubt: 1.0 }, told_at: since }
    }

    #[test]
    fn a_message_says_since_when_how_far_and_what_to_check() {
        let told = suspicion(Direction::Behind, 180.4).message(true);
        assert_eq!(
            told,
            "since Tuesday 2026-11-24 14:00 UTC all tokens are 180 s behind what they were: check \
             this server's clock; the system calls its clock synchronised (NTP)"
        );
        let told = suspicion(Direction::Ahead, 20.0).message(false);
        assert!(told.contains("20 s ahead of what they were"), "{told}");
        assert!(told.ends_with("does not call its clock synchronised (NTP)"), "{told}");
    }

    #[test]
    fn a_small_shift_names_the_sign_in_page_too() {
        for (direction, seconds, causes) in [
            (Direction::Behind, 5.0, 2),
            (Direction::Ahead, 5.0, 2),
            (Direction::Behind, 20.0, 1),
            (Direction::Ahead, 12.0, 1),
        ] {
            let suspicion = suspicion(direction, seconds);
            assert_eq!(suspicion.causes().len(), causes, "{direction:?} {seconds}");
            assert_eq!(suspicion.message(true).contains("sign-in page"), causes == 2);
        }
        assert!((suspicion(Direction::Behind, 5.0).seconds() + 5.0).abs() < 1e-9);
    }
}
