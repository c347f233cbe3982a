//! The sealing keys of a store, and their replacement while it is in use.

use std::time::{Duration, Instant};

use crate::secret::Secret;
use crate::store;
use crate::store::{
    Action, Adoption, Change, Commit, Event, KeyError, KeyNeed, KeyNeeds, Keyring, Resealable,
    SealedPlace, Sealer, SealingKeyId, StoreKeys, Write,
};
use crate::verifier::decide::contend;
use crate::verifier::{Error, Verifier};

/// The secrets under older keys, as of a moment.
pub(crate) type OlderKeys = Option<(Instant, Vec<KeyNeed>)>;

impl Verifier {
    /// Takes other sealing keys into use without a pause: they must open all that the store holds.
    /// Secrets sealed under an older key are sealed again under the first of the new ones; returns
    /// their number.
    ///
    /// Keys that do not open everything change nothing: [`KeyError::Missing`] says how many secrets
    /// need which key. Other processes on the same store must know the new key before, as one that
    /// opens, and an older key may be thrown away when all of them seal under the new one.
    ///
    /// # Errors
    /// [`Error::Key`] if the keys do not open everything, [`Error::Store`], or [`Error::Contended`]
    /// if others keep sealing under an older key.
    pub async fn rotate_sealing_keys(&self, keyring: Keyring) -> Result<u64, Error> {
        let (keyring, pepper) = self.pepper(keyring).await?;
        // Decisions that have the older keys are done first: with them they could neither open what
        // is sealed again meanwhile, nor see that what they seal themselves comes too late for
        // that.
        let alone = self.core.keys_in_use.write().await;
        self.see_that_all_opens(&keyring).await?;
        self.core.set_keyring(keyring.clone());
        self.core.set_sealer(Sealer::new(keyring, pepper));
        drop(alone);
        self.reseal().await
    }

    /// Seals again, under the first sealing key, what an older one seals; returns how many secrets
    /// were. It goes in small steps, between which others decide, and goes on where it stopped when
    /// it is called again.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Key`], or [`Error::Contended`] if others keep changing what is to
    /// be sealed again.
    pub async fn reseal(&self) -> Result<u64, Error> {
        let _one_at_a_time = self.core.resealing.lock().await;
        let current = SealingKeyId(self.keys().await?.keyring().current());
        let older = self.core.store.secrets_by_key(Some(current)).await?;
        let twice = |need: &KeyNeed| need.secrets.saturating_mul(2);
        let most = older.iter().map(twice).fold(SPARE, u64::saturating_add);
        let mut resealed = 0_u64;
        loop {
            // More than there were: another process seals them under a key of its own, and both
            // would go on for ever.
            let stuck = resealed > most;
            match contend(|| self.reseal_batch(stuck)).await? {
                0 => break,
                moved => resealed = resealed.saturating_add(moved),
            }
        }
        self.resealed(resealed).await?;
        Ok(resealed)
    }

    /// Seals a batch of secrets again, with the keys of this moment. Returns how many moved: 0 if
    /// there was none to move, `None` if others were in the way.
    async fn reseal_batch(&self, stuck: bool) -> Result<Option<u64>, Error> {
        let keys = self.keys().await?;
        let current = keys.keyring().current();
        let others = self.core.store.sealed_under_other_keys(current, RESEAL_BATCH).await?;
        if others.is_empty() {
            return Ok(Some(0));
        }
        if stuck {
            return Ok(None);
        }
        let moved = self.reseal_these(keys.keyring(), others).await?;
        Ok(Some(moved).filter(|moved| *moved > 0))
    }

    async fn reseal_these(
        &self,
        keyring: &Keyring,
        secrets: Vec<Resealable>,
    ) -> Result<u64, Error> {
        let mut writes = Vec::with_capacity(secrets.len());
        for seen in secrets {
            let Some(secret) = keyring.open(&seen.place, &seen.sealed) else {
                return Err(self.misfit(keyring).await?.into());
            };
            let sealed = keyring.seal(&seen.place, secret.expose())?;
            writes.push(Write::Reseal { seen, sealed });
        }
        let mut moved = 0_u64;
        for writes in writes.chunks(RESEALED_TOGETHER) {
            let count = u64::try_from(writes.len()).unwrap_or(u64::MAX);
            if self.committed(writes.to_vec()).await? {
                moved = moved.saturating_add(count);
                continue;
            }
            // One of them was removed, or another process sealed it first.
            for write in writes {
                moved = moved.saturating_add(u64::from(self.committed(vec![write.clone()]).await?));
            }
        }
        Ok(moved)
    }

    async fn committed(&self, writes: Vec<Write>) -> Result<bool, Error> {
        let change = Change { account: None, writes, audit: Vec::new() };
        Ok(matches!(self.core.store.commit(change).await?, Commit::Committed(_)))
    }

    /// Writes down that no secret needs an older key now.
    async fn resealed(&self, count: u64) -> Result<(), Error> {
        if count > 0 {
            let event = Event {
                count,
                ..self.event(self.core.clock.read().wall, Action::SealingKeysResealed)
            };
            let change = Change { account: None, writes: Vec::new(), audit: vec![event] };
            let _ = self.write(change).await?;
        }
        *self.core.older_keys() = None;
        Ok(())
    }

    /// Number of secrets under older keys; these keys are needed as long as there are any. At most
    /// one second old.
    ///
    /// # Errors
    /// [`Error::Store`] or [`Error::Key`].
    pub async fn older_sealing_keys(&self) -> Result<Vec<KeyNeed>, Error> {
        let known = self.core.older_keys().clone();
        if let Some((_, needs)) = known.filter(|(at, _)| at.elapsed() < LOOK_AGAIN) {
            return Ok(needs);
        }
        let current = SealingKeyId(self.keys().await?.keyring().current());
        let needs = self.core.store.secrets_by_key(Some(current)).await?;
        *self.core.older_keys() = Some((Instant::now(), needs.clone()));
        Ok(needs)
    }

    /// Last result of [`older_sealing_keys`](Verifier::older_sealing_keys), without reading the
    /// store.
    pub fn known_older_sealing_keys(&self) -> Vec<KeyNeed> {
        self.core
            .older_keys()
            .as_ref()
            .map(|(_, needs)| needs.clone())
            .unwrap_or_default()
    }

    /// Refuses keys that do not open everything.
    pub(super) async fn see_that_all_opens(&self, keyring: &Keyring) -> Result<(), Error> {
        let others = self.core.store.secrets_by_key(Some(SealingKeyId(keyring.current()))).await?;
        if others.iter().all(|need| keyring.has(need.key)) {
            Ok(())
        } else {
            Err(self.misfit(keyring).await?.into())
        }
    }

    /// The reason why these keys do not open everything.
    async fn misfit(&self, keyring: &Keyring) -> Result<KeyError, Error> {
        let (known, missing): (Vec<KeyNeed>, Vec<KeyNeed>) = self
            .core
            .store
            .secrets_by_key(None)
            .await?
            .into_iter()
            .partition(|need| keyring.has(need.key));
        // No secret opens: the key of another store. A damaged secret is under a known key.
        Ok(if known.is_empty() || missing.is_empty() {
            KeyError::Wrong
        } else {
            KeyError::Missing(KeyNeeds(missing))
        })
    }

    /// The store's pepper, which is made if there is none, and the keyring with its key in its
    /// file. The store is unlocked with it, and adopted if it never was.
    pub(super) async fn pepper(&self, keyring: Keyring) -> Result<(Keyring, Secret), Error> {
        let (keyring, _alone) = (&keyring, self.core.unlocking.lock().await);
        contend(|| async move {
            let name = self.core.store.pepper_names().now;
            let (keyring, pepper, adoption) = match self.core.store.value(name).await? {
                Some(sealed) => {
                    let keyring = keyring.clone().of_sealed_store()?;
                    let pepper = self.opened(&keyring, name, sealed).await?;
                    (keyring, pepper, None)
                }
                None => match self.to_adopt(keyring.clone()).await {
                    // Another process adopted the store meanwhile.
                    Err(_) if self.core.store.value(name).await?.is_some() => return Ok(None),
                    adopting => adopting?,
                },
            };
            let (keys, adopts) =
                (StoreKeys::of(&pepper).ok_or(KeyError::Wrong)?, adoption.is_some());
            match self.core.store.unlock(keys, adoption).await {
                Ok(()) => Ok(Some((keyring, pepper))),
                // Of two processes the second takes the pepper of the first.
                Err(_) if adopts && self.core.store.value(name).await?.is_some() => Ok(None),
                Err(error) => Err(error.into()),
            }
        })
        .await
    }

    /// The pepper of a store that was never authenticated, and how it is adopted with it.
    async fn to_adopt(
        &self,
        keyring: Keyring,
    ) -> Result<(Keyring, Secret, Option<Adoption>), Error> {
        let (keyring, pepper) = self.pepper_to_adopt(keyring).await?;
        let adoption = self.adoption(&keyring, &pepper).await?;
        Ok((keyring, pepper, Some(adoption)))
    }

    /// The pepper of a store that was never authenticated: that of an earlier schema, or a new one.
    async fn pepper_to_adopt(&self, keyring: Keyring) -> Result<(Keyring, Secret), Error> {
        let name = self.core.store.pepper_names().earlier;
        if let Some(sealed) = self.core.store.value(name).await? {
            let keyring = keyring.of_sealed_store()?;
            let pepper = self.opened(&keyring, name, sealed).await?;
            return Ok((keyring, pepper));
        }
        let sealed = self.core.store.secrets_by_key(None).await?;
        if !sealed.is_empty() || !self.core.store.api_keys().await?.is_empty() {
            let gone = "its pepper is gone, and what it holds is not";
            return Err(store::Error::Corrupt(gone.to_owned()).into());
        }
        Ok((keyring.saved()?, Secret::from(&store::random::<32>()?[..])))
    }

    async fn opened(
        &self,
        keyring: &Keyring,
        name: &str,
        sealed: Vec<u8>,
    ) -> Result<Secret, Error> {
        let place = SealedPlace::Value { name: name.to_owned() };
        match keyring.open(&place, &store::Sealed::from_bytes(sealed)) {
            Some(pepper) => Ok(pepper),
            None => Err(self.misfit(keyring).await?.into()),
        }
    }
}

const RESEAL_BATCH: u32 = 256;

/// Secrets resealed per transaction.
const RESEALED_TOGETHER: usize = 64;

/// Secrets that may come under an older key while others are sealed again.
const SPARE: u64 = 1_000;

/// Lifetime of a count of secrets.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
