//! A bounded cache of derived keys.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use subtle::ConstantTimeEq;

use crate::aws::sigv4::key::{AccessKey, SigningKey};
use crate::aws::sigv4::scope::{AccessKeyId, Scope};

/// Derived keys, kept so that a busy caller costs one HMAC a request instead of five.
///
/// Two generations: a key goes to the younger one when it is used; when that is full the older one
/// is dropped, and its keys are wiped. So it never holds more than its capacity, and a key that is
/// in use stays.
pub struct KeyCache {
    generation: usize,
    kept: Mutex<Generations>,
}

#[derive(Default)]
struct Generations {
    younger: HashMap<(AccessKeyId, Scope), Entry>,
    older: HashMap<(AccessKeyId, Scope), Entry>,
}

#[derive(Clone)]
struct Entry {
    /// Digest of the secret: a name that comes back with another secret is another key.
    fingerprint: [u8; 32],
    key: Arc<SigningKey>,
}

impl KeyCache {
    /// A cache for so many keys, at least two.
    #[must_use]
    pub fn new(capacity: NonZeroUsize) -> KeyCache {
        KeyCache { generation: (capacity.get() / 2).max(1), kept: Mutex::default() }
    }

    /// The key of a scope: kept from an earlier call, or derived and kept.
    pub fn key(&self, key: &AccessKey, scope: &Scope) -> Arc<SigningKey> {
        let place = (key.id().clone(), scope.clone());
        let fingerprint = key.fingerprint();
        let known = self
            .kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .find(&place, self.generation);
        if let Some(entry) = known
            && bool::from(entry.fingerprint.ct_eq(&fingerprint))
        {
            return entry.key;
        }
        // Derived outside the lock: two that miss at once derive the same.
        let derived = Arc::new(SigningKey::derive(key, scope.clone()));
        let entry = Entry { fingerprint, key: Arc::clone(&derived) };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.keep(place, entry, self.generation);
        derived
    }

    /// Forgets the derived keys of an access key, as when it is deleted.
    pub fn forget(&self, id: &AccessKeyId) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.younger.retain(|(kept, _), _| kept != id);
        kept.older.retain(|(kept, _), _| kept != id);
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        let kept = self.kept.lock().unwrap();
        kept.younger.len() + kept.older.len()
    }
}

impl Generations {
    fn find(&mut self, place: &(AccessKeyId, Scope), generation: usize) -> Option<Entry> {
        if let Some(entry) = self.younger.get(place) {
            return Some(entry.clone());
        }
        let (place, entry) = self.older.remove_entry(place)?;
        self.keep(place, entry.clone(), generation);
        Some(entry)
    }

    fn keep(&mut self, place: (AccessKeyId, Scope), entry: Entry, generation: usize) {
        self.older.remove(&place);
        if self.younger.len() >= generation && !self.younger.contains_key(&place) {
            self.older = std::mem::take(&mut self.younger);
        }
        self.younger.insert(place, entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn access_key(id: &str, secret: &str) -> AccessKey {
        AccessKey::new(id.parse().unwrap(), Secret::from(secret.as_bytes())).unwrap()
    }

    fn scope(region: &str) -> Scope {
        Scope::new("20150830".parse().unwrap(), region, "iam").unwrap()
    }

    fn cache(capacity: usize) -> KeyCache {
        KeyCache::new(NonZeroUsize::new(capacity).unwrap())
    }

    #[test]
    fn a_key_is_derived_once_for_each_scope_and_secret() {
        let (cache, key) = (cache(8), access_key("A", "secret"));
        let first = cache.key(&key, &scope("r"));
        assert_eq!(first.expose(), SigningKey::derive(&key, scope("r")).expose());
        assert!(Arc::ptr_eq(&first, &cache.key(&key, &scope("r"))));
        assert_ne!(first.expose(), cache.key(&key, &scope("s")).expose());
        let other = cache.key(&access_key("A", "other"), &scope("r"));
        assert_ne!(first.expose(), other.expose());
        assert!(Arc::ptr_eq(&other, &cache.key(&access_key("A", "other"), &scope("r"))));
        assert_eq!(cache.len(), 2);
    }

    #[test]
    fn a_key_in_use_outlives_a_flood_of_others() {
        let (cache, key) = (cache(8), access_key("A", "secret"));
        let used = cache.key(&key, &scope("used"));
        for at in 0..100 {
            cache.key(&key, &scope(&format!("r{at}")));
            assert!(cache.len() <= 8, "{} keys", cache.len());
            if at % 3 == 0 {
                assert!(Arc::ptr_eq(&used, &cache.key(&key, &scope("used"))), "{at}");
            }
        }
        let first = Arc::downgrade(&used);
        drop(used);
        for at in 0..8 {
            cache.key(&key, &scope(&format!("s{at}")));
        }
        assert!(first.upgrade().is_none());
    }

    #[test]
    fn keys_of_a_deleted_access_key_are_forgotten() {
        let cache = cache(8);
        for at in 0..3 {
            cache.key(&access_key("A", "secret"), &scope(&format!("r{at}")));
            cache.key(&access_key("B", "secret"), &scope(&format!("r{at}")));
        }
        cache.forget(&"A".parse().unwrap());
        assert_eq!(cache.len(), 3);
    }
}
