//! Attempts of one account take turns, so that inside a process they do not race for the same
//! revision.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;

use crate::id::AccountId;

/// Accounts being judged. Only a queue: exclusion is the store's compare-and-set.
#[derive(Default)]
pub(crate) struct Queue {
    turns: Mutex<HashMap<AccountId, Arc<tokio::sync::Mutex<()>>>>,
}

/// One attempt's turn; the next one begins when it is dropped.
pub(crate) struct Turn<'a> {
    queue: &'a Queue,
    account: AccountId,
    guard: Option<OwnedMutexGuard<()>>,
}

impl Queue {
    /// Waits until no other attempt of this account is being judged.
    pub(crate) async fn turn(&self, account: &AccountId) -> Turn<'_> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(account.clone()).or_default())
        };
        // Held before it is awaited, so that a caller who gives up while waiting leaves nothing
        // behind.
        let mut waiting = Turn { queue: self, account: account.clone(), guard: None };
        waiting.guard = Some(turn.lock_owned().await);
        waiting
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut turns = self.queue.turns.lock().unwrap_or_else(PoisonError::into_inner);
        self.guard = None;
        // Referenced by the map alone: no waiters.
        if turns.get(&self.account).is_some_and(|turn| Arc::strong_count(turn) == 1) {
            turns.remove(&self.account);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_behind() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let queue = Queue::default();
            let account: AccountId = "alice".parse().unwrap();
            let first = queue.turn(&account).await;
            let mut second = Box::pin(queue.turn(&account));
            assert!(futures_poll(&mut second).await.is_none());
            drop(second);
            drop(first);
            assert!(queue.turns.lock().unwrap().is_empty());
        });
    }

    async fn futures_poll<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Option<T> {
        std::future::poll_fn(|context| match std::pin::Pin::new(&mut *future).poll(context) {
            std::task::Poll::Ready(value) => std::task::Poll::Ready(Some(value)),
            std::task::Poll::Pending => std::task::Poll::Ready(None),
        })
        .await
    }
}
