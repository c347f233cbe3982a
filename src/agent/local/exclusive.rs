//! Exclusive use of a key by one ceremony: a person must know which request a blinking key belongs
//! to.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::usb::{Bus, Error, Key, NotOpened, Transport, Unplugged};

/// A bus on which each key can be open once.
pub(super) struct ExclusiveBus {
    bus: Arc<dyn Bus>,
    taken: Arc<Taken>,
}

#[derive(Default)]
struct Taken {
    paths: Mutex<HashSet<PathBuf>>,
    released: Condvar,
}

/// An open key; no other ceremony opens it before this is dropped.
struct ExclusiveKey {
    key: Box<dyn Transport>,
    _lock: KeyLock,
}

struct KeyLock {
    taken: Arc<Taken>,
    path: PathBuf,
}

impl ExclusiveBus {
    pub(super) fn new(bus: Arc<dyn Bus>) -> ExclusiveBus {
        ExclusiveBus { bus, taken: Arc::default() }
    }
}

impl Taken {
    /// Locks the key, waiting for others that only probe it. None if they keep it.
    fn lock(self: &Arc<Taken>, path: &Path) -> Option<KeyLock> {
        let paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
        let waited =
            self.released.wait_timeout_while(paths, PATIENCE, |paths| paths.contains(path));
        let (mut paths, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let free = paths.insert(path.to_owned());
        free.then(|| KeyLock { taken: Arc::clone(self), path: path.to_owned() })
    }
}

impl Bus for ExclusiveBus {
    fn keys(&self) -> Result<Vec<Key>, Error> {
        self.bus.keys()
    }

    fn open(&self, path: &Path) -> Result<Box<dyn Transport>, NotOpened> {
        let lock = self.taken.lock(path).ok_or(NotOpened::InUse)?;
        Ok(Box::new(ExclusiveKey { key: self.bus.open(path)?, _lock: lock }))
    }

    fn watch(&self) -> Box<dyn FnMut(Duration)> {
        self.bus.watch()
    }
}

impl Transport for ExclusiveKey {
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

impl Drop for KeyLock {
    fn drop(&mut self) {
        self.taken
            .paths
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.path);
        self.taken.released.notify_all();
    }
}

/// Longer than probing a key takes.
const PATIENCE: Duration = Duration::from_secs(1);
