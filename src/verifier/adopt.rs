//! The work that a store of an earlier schema needs before it is served: fingerprints of the keys
//! that HMAC uses.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{AccountId, SerialNumber};
use crate::otp::Seed;
use crate::secret::Secret;
use crate::store::{
    Action, Adoption, EARLIER_PEPPER, Fingerprint, Keyring, SealedPlace, Sealer, Write,
};
use crate::verifier::{Error, Verifier};

/// A device and its account.
type Holder = (AccountId, SerialNumber);

impl Verifier {
    /// The adoption of a store with this pepper: the pepper moves to the place where it is that of
    /// an authenticated store, and every seed gets the fingerprints of its HMAC keys. Of devices
    /// that turn out to have one key, the oldest stays in use; the others are disabled, and their
    /// audit rows name it.
    pub(super) async fn adoption(
        &self,
        keyring: &Keyring,
        pepper: &Secret,
    ) -> Result<Adoption, Error> {
        let names = self.core.store.pepper_names();
        let place = SealedPlace::Value { name: names.now.to_owned() };
        let value = keyring.seal(&place, pepper.expose())?.as_bytes().to_vec();
        let mut adoption = Adoption {
            at: self.core.clock.read().wall,
            caller: self.caller.clone(),
            writes: vec![
                Write::InitValue { name: names.now.to_owned(), value },
                Write::DropValue { name: names.earlier.to_owned() },
            ],
            audit: Vec::new(),
        };
        // Fingerprints are of HMAC keys already if the audit log was authenticated.
        if names.earlier != EARLIER_PEPPER {
            return Ok(adoption);
        }
        let sealer = Sealer::new(keyring.clone(), pepper.clone());
        let mut holders = BTreeMap::<Fingerprint, BTreeSet<Holder>>::new();
        for secret in self.core.store.sealed_under_other_keys([0; 8], u32::MAX).await? {
            // A store that is adopted is older than devices without an account.
            let SealedPlace::Seed { serial, account: Some(account) } = &secret.place else {
                continue;
            };
            let opened = sealer.keyring().open(&secret.place, &secret.sealed);
            let seed = opened.and_then(|seed| Seed::new(seed.expose().to_vec()).ok());
            let Some(seed) = seed else { continue };
            let (keys, of) = (sealer.fingerprints(&seed), sealer.earlier_fingerprint(&seed));
            for alias in std::iter::once(keys.first).chain(keys.others) {
                holders.entry(alias).or_default().insert((account.clone(), serial.clone()));
                if alias != of {
                    adoption.writes.push(Write::AliasFingerprint { alias, of });
                }
            }
        }
        let mut disabled = BTreeSet::new();
        for holders in holders.into_values().filter(|holders| holders.len() > 1) {
            self.leave_the_oldest(&holders, &mut disabled, &mut adoption).await?;
        }
        Ok(adoption)
    }

    async fn leave_the_oldest(
        &self,
        holders: &BTreeSet<Holder>,
        disabled: &mut BTreeSet<SerialNumber>,
        adoption: &mut Adoption,
    ) -> Result<(), Error> {
        let mut devices = Vec::new();
        for (account, serial) in holders {
            let seen = self.core.store.account(account).await?;
            devices.extend(seen.and_then(|seen| {
                let enrolled = seen.device(serial)?.clone();
                Some((enrolled.device.created_at, serial, enrolled))
            }));
        }
        devices.sort_by(|one, other| (one.0, one.1).cmp(&(other.0, other.1)));
        let now = adoption.at;
        let Some(((_, oldest, ..), others)) = devices.split_first() else { return Ok(()) };
        for (_, serial, enrolled) in others {
            if !disabled.insert((*serial).clone()) {
                continue;
            }
            let device = enrolled.device.deactivated(now);
            adoption.writes.push(Write::UpdateDevice { seen: enrolled.revision, device });
            let mut event = self.event(now, Action::DeviceDeactivated).serial(serial);
            event.account = enrolled.device.account.clone();
            adoption.audit.push(event.reason(oldest.as_str()));
        }
        Ok(())
    }
}
