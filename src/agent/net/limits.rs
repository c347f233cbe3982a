//! Limits on connections: a total, of which one user or address holds no more than it leaves free.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::agent::access::{Holder, Peer};

/// The limits of one kind of peers. Cheap to clone.
///
/// The first user or address may hold half of the total, the second half of the rest, and so on: no
/// two of them exhaust it.
#[derive(Clone)]
pub(crate) struct ConnectionLimits {
    total: usize,
    taken: Arc<Mutex<Taken>>,
}

/// The right to one connection, released on drop.
pub(crate) struct Permit {
    taken: Arc<Mutex<Taken>>,
    holder: Holder,
}

#[derive(Default)]
struct Taken {
    sum: usize,
    of: HashMap<Holder, usize>,
}

impl ConnectionLimits {
    pub(crate) fn new(total: u32) -> ConnectionLimits {
        let total = usize::try_from(total).unwrap_or(usize::MAX);
        ConnectionLimits { total, taken: Arc::default() }
    }

    /// The right to a connection of this peer; none if the peer has its share already.
    pub(crate) fn claim(&self, peer: &Peer) -> Option<Permit> {
        let holder = peer.holder();
        let mut taken = lock(&self.taken);
        let free = self.total.saturating_sub(taken.sum);
        if taken.of.get(&holder).copied().unwrap_or_default() >= free {
            return None;
        }
        *taken.of.entry(holder).or_default() += 1;
        taken.sum += 1;
        Some(Permit { taken: Arc::clone(&self.taken), holder })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        taken.sum = taken.sum.saturating_sub(1);
        if let Some(count) = taken.of.get_mut(&self.holder) {
            *count -= 1;
            if *count == 0 {
                taken.of.remove(&self.holder);
            }
        }
    }
}

fn lock(taken: &Mutex<Taken>) -> MutexGuard<'_, Taken> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(uid: u32) -> Peer {
        Peer::Unix { uid, gid: 0, pid: None }
    }

    /// As many connections as this user gets.
    fn exhaust(limits: &ConnectionLimits, uid: u32) -> Vec<Permit> {
        std::iter::from_fn(|| limits.claim(&of(uid))).collect()
    }

    #[test]
    fn each_user_leaves_as_much_free_as_it_takes() {
        let limits = ConnectionLimits::new(64);
        let mut held: Vec<_> = (1..=5).map(|uid| exhaust(&limits, uid)).collect();
        assert_eq!(held.iter().map(Vec::len).collect::<Vec<_>>(), [32, 16, 8, 4, 2]);
        assert!(limits.claim(&of(6)).is_some(), "a sixth user is let in");
        held[0].pop();
        assert!(limits.claim(&of(1)).is_none(), "the largest holder gets no more");
        drop(held);
        assert_eq!(exhaust(&limits, 7).len(), 32);
    }
}
