//! Search windows for two consecutive codes (RFC 4226 §7.4, RFC 6238 §6).
//!
//! A pair is judged as one attempt. Guessing a pair in the window of a whole day is some five
//! hundred times harder than guessing one code in the window of a sign-in, so the window of a pair
//! may be larger.

/// Search window of a pair, by the role of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// The owner, or a service on the owner's behalf: 10 minutes either way at 30 seconds a step,
    /// or 100 counters.
    Owner,
    /// An administrator: 24 hours either way at 30 seconds a step, or 1,000 counters.
    Admin,
}

impl Window {
    /// Greatest distance of the second code from `T`, in time steps.
    pub const fn steps(self) -> u64 {
        match self {
            Window::Owner => 20,
            Window::Admin => 2_880,
        }
    }

    /// Number of counters at which the first code may match.
    pub fn counters(self) -> u64 {
        match self {
            Window::Owner => 100,
            Window::Admin => 1_000,
        }
    }
}

/// Result of a search for two consecutive codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairFound<Place> {
    /// The factor of the second code; the first matches just before it.
    At(Place),
    /// Both match, but were consumed, or lie below the watermark: the device's clock or counter
    /// went back.
    Consumed,
    /// No match in the window.
    Nowhere,
}
