//! How far two consecutive codes are looked for (RFC 4226 §7.4, RFC 6238 §6).
//!
//! Two codes judged together, with one answer, are some five hundred times harder to guess over a
//! whole day's window than one code in the window of a sign-in. So a pair may look far where a
//! single code may not.

/// Who presents the pair decides how far it may be from where the device should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// The owner, or a service on the owner's behalf: 10 minutes either way at 30 seconds a step,
    /// or 100 counters.
    Owner,
    /// An administrator: 24 hours either way at 30 seconds a step, or 1,000 counters.
    Admin,
}

impl Window {
    /// How many time steps the second code may be from `T`, either way.
    pub fn steps(self) -> u64 {
        match self {
            Window::Owner => 20,
            Window::Admin => 2_880,
        }
    }

    /// At how many counters the first code may stand.
    pub fn counters(self) -> u64 {
        match self {
            Window::Owner => 100,
            Window::Admin => 1_000,
        }
    }
}

/// Where two consecutive codes are right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairFound<Place> {
    /// The place of the second code; the first is right just before it.
    At(Place),
    /// They are right, but were consumed, or lie below what was: the device's clock or counter went
    /// back.
    Consumed,
    /// Nowhere in the window.
    Nowhere,
}
