//! Events of a ceremony, for the person at the key.

/// An event of a ceremony.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CeremonyEvent {
    /// No usable key is plugged in.
    WaitingForKey,
    /// The key waits for a touch.
    NeedTouch,
    /// So many keys wait for a touch.
    ChooseByTouch(usize),
    /// The key wants its PIN.
    NeedPin {
        /// Attempts left, if the key reports them.
        retries: Option<u8>,
        /// The previous PIN was wrong.
        wrong_before: bool,
    },
}
