//! A history: what clients asked, when, and what they were told.

use std::collections::BTreeMap;

/// A moment of the history, in microseconds since its beginning.
pub(crate) type Moment = u64;

/// The number of a seed. Each has an account and a device of its own.
pub(crate) type SeedId = usize;

/// All that happened, and what the audit log says of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    pub(crate) kinds: Vec<Kind>,
    pub(crate) events: Vec<Event>,
    /// Audit rows of accepted codes and pairs, by seed. None: the log was not read.
    pub(crate) rows: Option<BTreeMap<SeedId, usize>>,
}

/// The use of a seed, which tells the rules for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Counters, without a wait between them.
    Hotp,
    /// Time steps, by pairs.
    Totp,
    /// Wrong codes only.
    Guessed,
}

/// One request of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) seed: SeedId,
    pub(crate) asked: Moment,
    /// The time of the answer, or of the end of all hope for one.
    pub(crate) answered: Moment,
    pub(crate) what: What,
    pub(crate) said: Said,
}

/// The request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// The right code of this step.
    Code(u64),
    /// The right codes of this step and of the one before.
    Pair(u64),
    /// A wrong code.
    Guess,
    /// A look at a context, whose session was asked for and opened at these moments.
    Look {
        asked: Moment,
        opened: Moment,
    },
    /// All contexts of the account are revoked.
    Revoke,
    /// The pair that ends with this step activates the device.
    Activate(u64),
    Deactivate,
    Remove,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// Done; of a look: the context lives.
    Yes,
    /// Not done; of a look: the context is dead.
    No(Reason),
    /// No answer, or one that decides nothing. The request may be done, now or later.
    Unknown,
}

/// The reason of a refusal, as far as rules depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Used,
    Wrong,
    NotActive,
    Other,
}

impl Event {
    /// The steps that it consumes if it is accepted.
    pub(crate) fn steps(&self) -> Option<(u64, u64)> {
        match self.what {
            What::Code(step) => Some((step, step)),
            What::Pair(last) | What::Activate(last) => Some((last.saturating_sub(1), last)),
            _ => None,
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.said == Said::Yes
    }

    pub(crate) fn may_be_done(&self) -> bool {
        matches!(self.said, Said::Yes | Said::Unknown)
    }

    /// The last moment at which it can have been done.
    pub(crate) fn end(&self) -> Moment {
        if self.said == Said::Unknown { Moment::MAX } else { self.answered }
    }
}

/// The first answer that accepts a code which was asked for after that moment.
pub(crate) fn next_acceptance(events: &[Event], moment: Moment) -> Option<Moment> {
    let accepted = |event: &&Event| event.steps().is_some() && event.is_done();
    let later = events.iter().filter(accepted).filter(|event| event.asked > moment);
    later.map(|event| event.answered).min()
}
