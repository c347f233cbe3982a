//! Readings of tokens' clocks, by which a fleet tells whose clock is off.
//!
//! Every accepted code, and every refused one that a later look finds, says how far a token's clock
//! is from where its model expected it. Readings wait here, in memory, for the reader that compares
//! them; none of them decides about a code.

use std::sync::{Mutex, PoisonError};

use crate::device::{Batch, Device};
use crate::id::SerialNumber;
use crate::otp::ClockReading;
use crate::time::UnixTime;
use crate::verifier::Verifier;

/// One reading of a token's clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The token.
    pub serial: SerialNumber,
    /// The token's batch.
    pub batch: Batch,
    /// Time of the code, by the verifier's clock.
    pub at: UnixTime,
    /// Seconds between what the code said and what the token's model expected; positive if its
    /// clock was ahead of the expectation.
    pub off: f64,
    /// The standard deviation of `off`, in seconds.
    pub doubt: f64,
}

/// Readings that were not taken yet. At most [`MOST`]; later ones are dropped and counted, since
/// the first ones tell as much.
#[derive(Debug, Default)]
pub(crate) struct Readings {
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    readings: Vec<Reading>,
    dropped: u64,
}

impl Reading {
    /// The reading that an accepted code made of this device.
    pub(crate) fn of(device: &Device, reading: ClockReading, at: UnixTime) -> Reading {
        let ClockReading { off, doubt, .. } = reading;
        let serial = device.serial.clone();
        Reading { batch: Batch::of(&serial), serial, at, off, doubt }
    }
}

impl Readings {
    /// Keeps a reading: of an accepted code, once its acceptance is committed, or of a refused one
    /// that was found beyond the window.
    pub(crate) fn keep(&self, reading: Reading) {
        let is_number = reading.off.is_finite() && reading.doubt.is_finite();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if is_number && waiting.readings.len() < MOST {
            waiting.readings.push(reading);
        } else {
            waiting.dropped = waiting.dropped.saturating_add(1);
        }
    }

    fn take(&self) -> Vec<Reading> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut waiting.readings)
    }

    fn dropped(&self) -> u64 {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).dropped
    }
}

impl Verifier {
    /// The readings since the last call, oldest first.
    pub fn take_readings(&self) -> Vec<Reading> {
        self.core.readings.take()
    }

    /// Number of readings that found no room, since this verifier was made.
    pub fn dropped_readings(&self) -> u64 {
        self.core.readings.dropped()
    }
}

/// The most readings that wait: minutes of a busy fleet.
const MOST: usize = 16_384;

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(off: f64) -> Reading {
        let serial: SerialNumber = "AC26000014".parse().unwrap();
        let batch = Batch::of(&serial);
        Reading { serial, batch, at: UnixTime(1), off, doubt: 12.0 }
    }

    #[test]
    fn readings_wait_once_and_never_without_bound() {
        let readings = Readings::default();
        for _ in 0..MOST {
            readings.keep(reading(1.0));
        }
        readings.keep(reading(2.0));
        let taken = readings.take();
        assert_eq!((taken.len(), readings.dropped()), (MOST, 1));
        assert_eq!(taken[0], reading(1.0));
        readings.keep(reading(2.0));
        assert_eq!(readings.take(), [reading(2.0)]);
        assert_eq!(readings.take(), []);
    }

    #[test]
    fn a_reading_that_is_no_number_is_dropped() {
        let readings = Readings::default();
        readings.keep(reading(f64::NAN));
        readings.keep(Reading { doubt: f64::INFINITY, ..reading(1.0) });
        assert_eq!((readings.take().len(), readings.dropped()), (0, 2));
    }
}
