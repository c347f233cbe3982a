//! Whether a key is still where it was, as far as anybody can tell who looks a few times a second.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use crate::usb::Key;

/// A key as it was seen: its node is made anew for each key that is plugged in, even where its name
/// is the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sighting {
    key: Key,
    node: Option<(u64, u64, i64, i64)>,
}

/// Why a key is not known to be there any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// It is not there.
    Pulled,
    /// The machine slept, and anything may have happened meanwhile.
    Suspended,
    /// The agent was not there to look.
    Restarted,
}

/// Notices that nobody looked because the machine slept.
pub(super) struct Wakefulness {
    asleep: Duration,
}

impl Sighting {
    pub(super) fn of(key: Key) -> Sighting {
        let node = fs::symlink_metadata(&key.path).ok();
        let node = node.map(|node| (node.dev(), node.ino(), node.ctime(), node.ctime_nsec()));
        Sighting { key, node }
    }
}

impl Lost {
    /// Its name, to a hook.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Lost::Pulled => "pulled",
            Lost::Suspended => "suspended",
            Lost::Restarted => "restarted",
        }
    }
}

impl Wakefulness {
    pub(super) fn now() -> Wakefulness {
        Wakefulness { asleep: asleep() }
    }

    /// Whether the machine slept since this was asked last.
    pub(super) fn slept(&mut self) -> bool {
        self.slept_until(asleep())
    }

    fn slept_until(&mut self, asleep: Duration) -> bool {
        let longer = asleep.saturating_sub(self.asleep) > NAP;
        self.asleep = asleep;
        longer
    }
}

/// For how long the machine has slept since it was started: one of these clocks stands still
/// meanwhile.
fn asleep() -> Duration {
    let read = |clock| clock_gettime(clock).map(Duration::from).unwrap_or_default();
    let awake = read(ClockId::CLOCK_MONOTONIC);
    read(ClockId::CLOCK_BOOTTIME).saturating_sub(awake)
}

/// More than reading two clocks one after the other takes.
const NAP: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_slept_is_noticed_once() {
        let seconds = Duration::from_secs;
        let mut awake = Wakefulness { asleep: seconds(7) };
        assert!(!awake.slept_until(seconds(7)));
        assert!(!awake.slept_until(seconds(7) + Duration::from_millis(3)));
        assert!(awake.slept_until(seconds(9)));
        assert!(!awake.slept_until(seconds(9)));
        assert!(!Wakefulness::now().slept());
    }
}
