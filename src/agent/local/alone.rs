//! One ceremony a key at a time: whoever touches a key that blinks must know for whom.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::usb::{Bus, Error, Key, NotOpened, Transport, Unplugged};

/// A bus on which a key is open once.
pub(super) struct OneAtATime {
    bus: Arc<dyn Bus>,
    taken: Arc<Taken>,
}

#[derive(Default)]
struct Taken {
    paths: Mutex<HashSet<PathBuf>>,
    given_back: Condvar,
}

/// A key that nobody else opens before this is dropped.
struct Alone {
    key: Box<dyn Transport>,
    _turn: Turn,
}

struct Turn {
    taken: Arc<Taken>,
    path: PathBuf,
}

impl OneAtATime {
    pub(super) fn new(bus: Arc<dyn Bus>) -> OneAtATime {
        OneAtATime { bus, taken: Arc::default() }
    }
}

impl Taken {
    /// Waits for a key that is only being looked at by others. None if they keep it.
    fn turn(self: &Arc<Taken>, path: &Path) -> Option<Turn> {
        let paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .given_back
            .wait_timeout_while(paths, PATIENCE, |paths| paths.contains(path));
        let (mut paths, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let free = paths.insert(path.to_owned());
        free.then(|| Turn { taken: Arc::clone(self), path: path.to_owned() })
    }
}

impl Bus for OneAtATime {
    fn keys(&self) -> Result<Vec<Key>, Error> {
        self.bus.keys()
    }

    fn open(&self, path: &Path) -> Result<Box<dyn Transport>, NotOpened> {
        let turn = self.taken.turn(path).ok_or(NotOpened::InUse)?;
        Ok(Box::new(Alone { key: self.bus.open(path)?, _turn: turn }))
    }

    fn watch(&self) -> Box<dyn FnMut(Duration)> {
        self.bus.watch()
    }
}

impl Transport for Alone {
    fn report_lengths(&self) -> (usize, usize) {
        self.key.report_lengths()
    }

    fn write(&mut self, report: &[u8]) -> Result<(), Unplugged> {
        self.key.write(report)
    }

    fn read(&mut self, report: &mut [u8], within: Duration) -> Result<Option<usize>, Unplugged> {
        self.key.read(report, within)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.taken
            .paths
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.path);
        self.taken.given_back.notify_all();
    }
}

/// To find out whether a key fits takes less.
const PATIENCE: Duration = Duration::from_secs(1);
