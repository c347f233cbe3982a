//! The connections that read, kept for the next read.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::dial::Dial;
use super::reader::Reader;
use crate::store::Error;

/// The connections of the reads that are not batched.
pub(super) struct Readers {
    dial: Arc<Dial>,
    idle: Mutex<Vec<Arc<Reader>>>,
    turns: Semaphore,
}

/// A connection for one read. It is kept if it is sound after that.
pub(super) struct Lease<'a> {
    pub(super) reader: Arc<Reader>,
    readers: &'a Readers,
    _turn: SemaphorePermit<'a>,
}

impl Readers {
    pub(super) fn new(dial: Arc<Dial>) -> Readers {
        Readers { dial, idle: Mutex::default(), turns: Semaphore::new(MOST) }
    }

    /// Waits for a connection.
    pub(super) async fn take(&self) -> Result<Lease<'_>, Error> {
        let Ok(Ok(turn)) = timeout(PATIENCE, self.turns.acquire()).await else {
            let busy = format!("no connection was free for a read within {PATIENCE:?}");
            return Err(Error::Unavailable(busy));
        };
        let idle = self.idle().pop().filter(|reader| reader.is_sound());
        let reader = match idle {
            Some(reader) => reader,
            None => Arc::new(Reader::open(&self.dial).await?),
        };
        Ok(Lease { reader, readers: self, _turn: turn })
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Arc<Reader>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if self.reader.is_sound() {
            self.readers.idle().push(Arc::clone(&self.reader));
        }
    }
}

/// The most connections.
const MOST: usize = 4;

/// The longest wait for a connection.
const PATIENCE: Duration = Duration::from_secs(2);
