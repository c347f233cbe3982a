//! The state of the kernel's clock.

#[cfg(all(target_os = "linux", feature = "verifier"))]
mod linux {
    use libc::{c_int, c_long};

    use crate::time::UnixTime;

    /// The wall time, if the kernel says that it is synchronised; both are read under one lock of
    /// the kernel's (adjtimex(2)).
    ///
    /// Setting the clock by hand clears that state: it comes back with the next answer of NTP, PTP
    /// or GNSS.
    #[allow(
        unsafe_code,
        reason = "neither the standard library nor nix reads the state of the clock"
    )]
    pub(in crate::time) fn synchronised() -> Option<UnixTime> {
        // SAFETY: `timex` has only numbers, for which zero is a value. No mode is set, so the
        // kernel changes nothing but this structure, which lives for as long as the call.
        let (state, kernel) = unsafe {
            let mut kernel: libc::timex = std::mem::zeroed();
            (libc::adjtimex(&raw mut kernel), kernel)
        };
        if !is_kept_right(state, kernel.status, kernel.maxerror) {
            return None;
        }
        u64::try_from(kernel.time.tv_sec).ok().map(UnixTime)
    }

    /// Returns whether the kernel's answer means a synchronised clock. `error` is the estimate of
    /// its largest error, in microseconds: it grows by half a millisecond a second while the clock
    /// is not corrected.
    fn is_kept_right(state: c_int, status: c_int, error: c_long) -> bool {
        state >= 0
            && state != libc::TIME_ERROR
            && status & libc::STA_UNSYNC == 0
            && (0..=LARGEST_ERROR).contains(&error)
    }

    /// A third of a code's time step.
    const LARGEST_ERROR: c_long = 10_000_000;

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn only_a_synchronised_clock_with_a_small_error_is_kept_right() {
            let pll = libc::STA_PLL;
            for (state, status, error, kept) in [
                (libc::TIME_OK, pll, 0, true),
                (libc::TIME_OK, 0, 1_024_000, true),
                (libc::TIME_INS, pll | libc::STA_INS, 500, true),
                (libc::TIME_WAIT, pll, LARGEST_ERROR, true),
                (libc::TIME_OK, pll, LARGEST_ERROR + 1, false),
                (libc::TIME_OK, pll, 16_000_000, false),
                (libc::TIME_OK, pll, -1, false),
                (libc::TIME_OK, pll | libc::STA_UNSYNC, 0, false),
                (libc::TIME_ERROR, libc::STA_UNSYNC, 16_000_000, false),
                (libc::TIME_ERROR, pll, 0, false),
                (-1, 0, 0, false),
            ] {
                assert_eq!(
                    is_kept_right(state, status, error),
                    kept,
                    "{state} {status:#x} {error}"
                );
            }
        }

        #[test]
        fn the_kernel_answers_with_the_time_or_not_at_all() {
            let wall = std::time::SystemTime::now()
                .duration_since(std::time::SystemTime::UNIX_EPOCH)
                .unwrap();
            assert!(synchronised().is_none_or(|time| time.0.abs_diff(wall.as_secs()) < 60));
        }
    }
}

#[cfg(all(target_os = "linux", feature = "verifier"))]
pub(super) use linux::synchronised;

/// Other systems are not asked: there a clock that jumped is not believed until it is back, or an
/// administrator accepts it.
#[cfg(not(all(target_os = "linux", feature = "verifier")))]
pub(super) fn synchronised() -> Option<super::UnixTime> {
    None
}
