//! A code that missed, found further away. Nothing is accepted by that: it shows that the device is
//! out of sync.

use crate::device::{Device, Factor};
use crate::otp::{Code, Evidence, Key};
use crate::time::UnixTime;

/// A match of a code beyond the window of a sign-in, above everything consumed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FarMatch {
    /// The time step or counter.
    pub factor: u64,
    /// Seconds between the clock that the code shows and the expected one, positive if it is ahead,
    /// and their standard deviation; none for a counter.
    pub off: Option<(f64, f64)>,
}

impl Device {
    /// Looks for a code that missed within 60 time steps of the expected one, or within 100
    /// counters.
    ///
    /// A match at or below a consumed factor is none, nor is one of a step that a restore left in
    /// doubt: these are old codes, and say nothing about the device.
    pub fn find_far(&self, key: &Key, code: &Code, now: UnixTime) -> Option<FarMatch> {
        match &self.factor {
            Factor::Totp(totp) if key.is_as_long_as(code) => {
                let found = totp.parameters.find_far(key, code, totp.expected_step(now)?)?;
                let fresh = totp.spent().is_none_or(|spent| found > spent);
                let measured = totp.parameters.measurement(found, now, Evidence::Code);
                let reading = totp.clock.compared(measured, now);
                let off = Some((reading.off, reading.doubt));
                fresh.then_some(FarMatch { factor: found.0, off })
            }
            Factor::Hotp(hotp) if key.is_as_long_as(code) => {
                let found = hotp.parameters.find_far(key, code, hotp.next?)?;
                Some(FarMatch { factor: found.0, off: None })
            }
            _ => None,
        }
    }

    /// The highest time step or counter consumed; none before the first, and for kinds that show no
    /// codes.
    pub fn highest_consumed(&self) -> Option<u64> {
        self.factor.highest_consumed()
    }
}
