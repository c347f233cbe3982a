//! Reports beside the answer that is waited for: they tell a key that is busy or slow from one that
//! is broken.

use std::time::{Duration, Instant};

use super::frame::{BROADCAST, ChannelId, Frame, Part, command};

/// The reports of one key that were no answer to us.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    /// During the exchange that runs.
    now: Heard,
    /// Since the key was opened.
    ever: Heard,
    /// The time of its last answer to another program.
    last_others: Option<Instant>,
    /// The channels that were ours.
    former: Vec<ChannelId>,
    nonce: Option<[u8; 8]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    /// The key answers another program, or reports that it does.
    others: bool,
    /// The key answers a command on a channel that was given up.
    late: bool,
    /// The key reports that it works on a command.
    works: bool,
    /// The key waits for a touch.
    touch: bool,
}

impl Traffic {
    pub(super) fn begin_exchange(&mut self) {
        self.now = Heard::default();
    }

    /// From now on what comes on this channel is late.
    pub(super) fn give_up(&mut self, channel: ChannelId) {
        if self.former.len() < MOST_FORMER && channel != BROADCAST {
            self.former.push(channel);
        }
    }

    /// A second answer to this INIT is late.
    pub(super) fn adopted(&mut self, nonce: [u8; 8]) {
        self.nonce = Some(nonce);
    }

    /// Counts a report that is not on our channel.
    pub(super) fn note(&mut self, frame: &Frame<'_>) {
        let second = match (frame.part, &self.nonce) {
            (Part::Initial(command::INIT, _, data), Some(nonce)) => data.starts_with(nonce),
            _ => false,
        };
        if self.former.contains(&frame.channel) || frame.channel == BROADCAST && second {
            (self.now.late, self.ever.late) = (true, true);
        } else {
            self.note_others();
        }
    }

    pub(super) fn note_others(&mut self) {
        (self.now.others, self.ever.others) = (true, true);
        self.last_others = Some(Instant::now());
    }

    pub(super) fn note_work(&mut self) {
        (self.now.works, self.ever.works) = (true, true);
    }

    pub(super) fn note_touch(&mut self) {
        (self.now.touch, self.ever.touch) = (true, true);
    }

    /// Another program uses the key during this exchange.
    pub(super) fn is_crowded(&self) -> bool {
        self.now.others
    }

    /// A failure of this exchange need not be the key's fault.
    pub(super) fn excuses(&self) -> bool {
        self.now.late || self.last_others.is_some_and(|last| last.elapsed() < RECENT)
    }

    /// The reason for a deadline that passes now; `None` if the key waits for a touch, or has said
    /// nothing.
    pub(super) fn hindrance(&self) -> Option<Hindrance> {
        match (self.now.touch, self.ever.others, self.ever.late || self.ever.works) {
            (true, ..) => None,
            (_, true, _) => Some(Hindrance::Busy),
            (_, _, true) => Some(Hindrance::Slow),
            _ => None,
        }
    }
}

/// The reason why a working key had not answered at a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hindrance {
    Busy,
    Slow,
}

/// So soon another program comes back to a key that it uses again and again.
const RECENT: Duration = Duration::from_secs(5);

/// No ceremony gives up so many channels that an older one matters.
const MOST_FORMER: usize = 32;
