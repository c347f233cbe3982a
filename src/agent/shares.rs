//! Shares: so many permits for each key, for as long as anything holds or awaits one.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Permits by key. Waiters of one key are served in their order, and never wait for another key.
pub(crate) struct Shares<K: Eq + Hash> {
    each: usize,
    known: Arc<Known<K>>,
}

/// One permit, or the wait for it; released on drop.
pub(crate) struct Share<K: Eq + Hash> {
    known: Arc<Known<K>>,
    key: K,
    permit: Option<OwnedSemaphorePermit>,
}

type Known<K> = Mutex<HashMap<K, Arc<Semaphore>>>;

impl<K: Clone + Eq + Hash> Shares<K> {
    pub(crate) fn new(each: usize) -> Shares<K> {
        Shares { each: each.min(Semaphore::MAX_PERMITS), known: Arc::default() }
    }

    /// Waits for a permit of this key.
    pub(crate) async fn take(&self, key: K) -> Share<K> {
        // Held before it is awaited, so that a caller who gives up leaves nothing behind.
        let (mut share, permits) = self.wanted(key);
        // The semaphore is never closed.
        share.permit = permits.acquire_owned().await.ok();
        share
    }

    /// A permit of this key, if one is free; none that another waiter comes before.
    pub(crate) fn take_at_once(&self, key: K) -> Option<Share<K>> {
        let (mut share, permits) = self.wanted(key);
        share.permit = Some(permits.try_acquire_owned().ok()?);
        Some(share)
    }

    fn wanted(&self, key: K) -> (Share<K>, Arc<Semaphore>) {
        let permits = {
            let mut known = lock(&self.known);
            let new = || Arc::new(Semaphore::new(self.each));
            Arc::clone(known.entry(key.clone()).or_insert_with(new))
        };
        (Share { known: Arc::clone(&self.known), key, permit: None }, permits)
    }
}

impl<K: Eq + Hash> Drop for Share<K> {
    fn drop(&mut self) {
        let mut known = lock(&self.known);
        self.permit = None;
        // Referenced by the map alone: no holders, no waiters.
        if known.get(&self.key).is_some_and(|permits| Arc::strong_count(permits) == 1) {
            known.remove(&self.key);
        }
    }
}

fn lock<K>(known: &Known<K>) -> MutexGuard<'_, HashMap<K, Arc<Semaphore>>> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_key_waits_for_itself_alone_and_leaves_nothing_behind() {
        let shares = Shares::new(2);
        let mut held = vec![shares.take("a").await, shares.take("a").await];
        let second = Duration::from_secs(1);
        assert!(timeout(second, shares.take("a")).await.is_err());
        let other = timeout(second, shares.take("b")).await.unwrap();
        held.pop();
        held.push(timeout(second, shares.take("a")).await.unwrap());
        assert!(shares.take_at_once("a").is_none());
        drop(held);
        held = shares.take_at_once("a").into_iter().collect();
        assert_eq!(held.len(), 1);
        drop((held, other));
        assert!(lock(&shares.known).is_empty());
    }
}
