//! Deadlines on the monotonic clock.

#![allow(unsafe_code, reason = "a system call")]

use std::time::Duration;

use crate::failure::Failure;

/// A point in time at which an operation must be over.
///
/// Unlike `Instant`, it returns an error if the clock fails: a panic allocates memory for its
/// thread, and aborts the host if there is none.
#[derive(Clone, Copy)]
pub(crate) struct Deadline(Duration);

impl Deadline {
    /// The deadline after this time.
    pub(crate) fn after(time: Duration) -> Result<Deadline, Failure> {
        now()?.checked_add(time).map(Deadline).ok_or(Failure::System)
    }

    /// The remaining time, at least a millisecond; an error once the deadline has passed.
    pub(crate) fn left(self) -> Result<Duration, Failure> {
        // A zero socket timeout means "no timeout": never below 1 ms.
        let least = Duration::from_millis(1);
        self.0
            .checked_sub(now()?)
            .filter(|left| *left >= least)
            .ok_or(Failure::Unavailable)
    }
}

fn now() -> Result<Duration, Failure> {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is valid for this write.
    if unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) } != 0 {
        return Err(Failure::System);
    }
    let seconds = u64::try_from(now.tv_sec).map_err(|_| Failure::System)?;
    Ok(Duration::new(seconds, u32::try_from(now.tv_nsec).map_err(|_| Failure::System)?))
}
