//! Moments on the clock that nobody sets.

#![allow(unsafe_code, reason = "a system call")]

use std::time::Duration;

use crate::failure::Failure;

/// When something must be over.
///
/// Unlike `Instant` it fails where the clock does: a panic needs memory for this thread, and
/// without any the host dies of it.
#[derive(Clone, Copy)]
pub(crate) struct Deadline(Duration);

impl Deadline {
    /// So long from now.
    pub(crate) fn after(time: Duration) -> Result<Deadline, Failure> {
        now()?.checked_add(time).map(Deadline).ok_or(Failure::System)
    }

    /// What is left, at least a millisecond; a failure once it has passed.
    pub(crate) fn left(self) -> Result<Duration, Failure> {
        // To the kernel, no time at all is all the time in the world.
        let least = Duration::from_millis(1);
        self.0
            .checked_sub(now()?)
            .filter(|left| *left >= least)
            .ok_or(Failure::Unavailable)
    }
}

fn now() -> Result<Duration, Failure> {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: it is written to, and nowhere else.
    if unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) } != 0 {
        return Err(Failure::System);
    }
    let seconds = u64::try_from(now.tv_sec).map_err(|_| Failure::System)?;
    Ok(Duration::new(seconds, u32::try_from(now.tv_nsec).map_err(|_| Failure::System)?))
}
