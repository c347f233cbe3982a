//! Places for connections: so many in all, and half of them for one user or address, so that nobody
//! takes them all.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::peer::Peer;

/// The places of one kind of listener. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Places {
    free: Arc<Semaphore>,
    taken: Arc<Mutex<HashMap<Holder, usize>>>,
    most_of_one: usize,
}

/// A place that is free, and nobody's yet.
pub(crate) struct Free {
    _permit: Option<OwnedSemaphorePermit>,
}

/// A place that a connection has, until this is dropped.
pub(crate) struct Place {
    taken: Arc<Mutex<HashMap<Holder, usize>>>,
    holder: Holder,
    _free: Free,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Holder {
    User(u32),
    Address(IpAddr),
}

impl Places {
    pub(crate) fn new(places: u32) -> Places {
        let places = usize::try_from(places).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Places {
            free: Arc::new(Semaphore::new(places)),
            taken: Arc::default(),
            most_of_one: places.div_ceil(2),
        }
    }

    /// Waits for a place; whoever wants to connect waits in the system's queue meanwhile.
    pub(crate) async fn free(&self) -> Free {
        // It is never closed.
        Free { _permit: Arc::clone(&self.free).acquire_owned().await.ok() }
    }

    /// A place, if one is free at this moment.
    pub(crate) fn free_now(&self) -> Option<Free> {
        Arc::clone(&self.free)
            .try_acquire_owned()
            .ok()
            .map(|permit| Free { _permit: Some(permit) })
    }

    /// Gives the place to a peer; none for one that has its share already.
    pub(crate) fn take(&self, free: Free, peer: &Peer) -> Option<Place> {
        let holder = Holder::of(peer);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(holder).or_default();
        if *count >= self.most_of_one {
            return None;
        }
        *count += 1;
        Some(Place { taken: Arc::clone(&self.taken), holder, _free: free })
    }
}

impl Holder {
    fn of(peer: &Peer) -> Holder {
        match peer {
            Peer::Unix { uid, .. } => Holder::User(*uid),
            Peer::Tcp(address) => match address.ip().to_canonical() {
                IpAddr::V4(address) => Holder::Address(address.into()),
                // One network has 2^64 addresses.
                IpAddr::V6(address) => {
                    Holder::Address(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into())
                }
            },
        }
    }
}

impl Drop for Place {
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
    async fn nobody_takes_more_than_half() {
        let places = Places::new(4);
        let of = |uid| Peer::Unix { uid, gid: 0, pid: None };
        let first = places.take(places.free().await, &of(1)).unwrap();
        let _second = places.take(places.free().await, &of(1)).unwrap();
        assert!(places.take(places.free().await, &of(1)).is_none());
        let _other = places.take(places.free().await, &of(2)).unwrap();
        drop(first);
        assert!(places.take(places.free().await, &of(1)).is_some());
    }
}
