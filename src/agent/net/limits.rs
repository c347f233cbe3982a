//! Limits on connections: a total, and half of it for one user or address, so that a single peer
//! cannot exhaust it.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::agent::access::Peer;

/// The limits of one kind of listener. Cheap to clone.
#[derive(Clone)]
pub(crate) struct ConnectionLimits {
    free: Arc<Semaphore>,
    taken: Arc<Mutex<HashMap<Holder, usize>>>,
    most_of_one: usize,
}

/// A free place, not yet given to a peer.
pub(crate) struct Unclaimed {
    _permit: Option<OwnedSemaphorePermit>,
}

/// The right to one connection, released on drop.
pub(crate) struct Permit {
    taken: Arc<Mutex<HashMap<Holder, usize>>>,
    holder: Holder,
    _unclaimed: Unclaimed,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Holder {
    User(u32),
    Address(IpAddr),
}

impl ConnectionLimits {
    pub(crate) fn new(total: u32) -> ConnectionLimits {
        let total = usize::try_from(total).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        ConnectionLimits {
            free: Arc::new(Semaphore::new(total)),
            taken: Arc::default(),
            most_of_one: total.div_ceil(2),
        }
    }

    /// Waits for a free place; clients that want to connect wait in the system's queue meanwhile.
    pub(crate) async fn free(&self) -> Unclaimed {
        // The semaphore is never closed.
        Unclaimed { _permit: Arc::clone(&self.free).acquire_owned().await.ok() }
    }

    /// A free place, if there is one at this moment.
    pub(crate) fn free_now(&self) -> Option<Unclaimed> {
        Arc::clone(&self.free)
            .try_acquire_owned()
            .ok()
            .map(|permit| Unclaimed { _permit: Some(permit) })
    }

    /// Gives the place to a peer; none if that peer has its share already.
    pub(crate) fn claim(&self, unclaimed: Unclaimed, peer: &Peer) -> Option<Permit> {
        let holder = Holder::of(peer);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(holder).or_default();
        if *count >= self.most_of_one {
            return None;
        }
        *count += 1;
        Some(Permit { taken: Arc::clone(&self.taken), holder, _unclaimed: unclaimed })
    }
}

impl Holder {
    fn of(peer: &Peer) -> Holder {
        match peer {
            Peer::Unix { uid, .. } => Holder::User(*uid),
            Peer::Tcp(address) => match address.ip().to_canonical() {
                IpAddr::V4(address) => Holder::Address(address.into()),
                // One network has 2^64 addresses: count by the /64.
                IpAddr::V6(address) => {
                    Holder::Address(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into())
                }
            },
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.holder) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.holder);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_user_takes_half_of_the_limit_at_most() {
        let limits = ConnectionLimits::new(4);
        let of = |uid| Peer::Unix { uid, gid: 0, pid: None };
        let first = limits.claim(limits.free().await, &of(1)).unwrap();
        let _second = limits.claim(limits.free().await, &of(1)).unwrap();
        assert!(limits.claim(limits.free().await, &of(1)).is_none());
        let _other = limits.claim(limits.free().await, &of(2)).unwrap();
        drop(first);
        assert!(limits.claim(limits.free().await, &of(1)).is_some());
    }
}
