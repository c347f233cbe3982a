//! Long-term access keys: made, listed, taken out of use, deleted, and found by their id.
//!
//! A secret is sealed under the id of its key, and opened for each request that it signed. The list
//! of an owner's keys is one value of the store, replaced only if nobody replaced it meanwhile, so
//! that no race gives an owner a third key.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::aws::secret::{self, Written};
use crate::aws::sigv4::{AccessKey, AccessKeyId};
use crate::aws::unique_id::{IdKind, new_id, present_user_id};
use crate::id::AccountId;
use crate::secret::Secret;
use crate::store::{self, Action, Event, KeyError, SealedPlace, Sealer, Write};
use crate::time::UnixTime;
use crate::verifier::{Error, Judgement, Verifier};

/// The access keys of a verifier's store. Cheap to clone.
#[derive(Clone)]
pub struct AccessKeys(Verifier);

/// The owner of access keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyOwner {
    /// The AWS account itself.
    Root,
    /// A user: an account of the store.
    User(AccountId),
}

/// An access key without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessKeyRecord {
    /// Its id: `AKIA` and 16 characters.
    #[serde(with = "crate::aws::secret::as_text")]
    pub id: AccessKeyId,
    /// True while it may sign.
    pub active: bool,
    /// The time of its making.
    pub created_at: UnixTime,
    /// The unique id that its user had then; an account that comes back does not inherit the key.
    /// None for a key of root.
    pub user_id: Option<String>,
    /// The last use that was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_use: Option<KeyUse>,
}

/// A use of an access key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyUse {
    /// The time.
    pub at: UnixTime,
    /// The service in the scope of the signature.
    pub service: String,
    /// The region in the scope of the signature.
    pub region: String,
}

/// An access key that was made. The secret is shown this once.
#[derive(Debug)]
pub struct MadeAccessKey {
    /// The key.
    pub record: AccessKeyRecord,
    /// The secret: 40 characters.
    pub secret: Zeroizing<String>,
}

/// An access key as it is looked up for a signature.
#[derive(Debug)]
pub struct FoundKey {
    /// The owner.
    pub owner: KeyOwner,
    /// The key without its secret.
    pub record: AccessKeyRecord,
    /// The id with the secret, to derive signing keys from.
    pub key: AccessKey,
}

/// The answer to a request for a key that could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyKeys;

/// A sealed key as it lies in the store.
#[derive(Serialize, Deserialize)]
struct Inside {
    owner: KeyOwner,
    secret: Written,
}

impl AccessKeys {
    /// The most keys of one owner.
    pub const MOST: usize = 2;

    /// Keys in the store of this verifier, which is named in audit events.
    pub fn new(verifier: Verifier) -> AccessKeys {
        AccessKeys(verifier)
    }

    /// Makes a key for an owner with fewer than two.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an account that is not there, [`Error::Clock`], [`Error::Store`] or
    /// [`Error::Key`].
    pub async fn make(
        &self,
        owner: &KeyOwner,
    ) -> Result<Result<MadeAccessKey, TooManyKeys>, Error> {
        let sealer = self.0.sealer().await?;
        let sealer = &sealer;
        self.0
            .decide_alone(|now| async move {
                let user_id = self.present_user_id(sealer, owner).await?;
                let seen = self.list_value(owner).await?;
                let (mut keys, inherited): (Vec<_>, Vec<_>) = parsed(seen.as_deref())?
                    .into_iter()
                    .partition(|key: &AccessKeyRecord| key.user_id == user_id);
                if keys.len() >= AccessKeys::MOST {
                    return Ok(Judgement::change(Vec::new(), Vec::new(), Err(TooManyKeys)));
                }
                let id = new_id(IdKind::LongTermKey)?;
                let secret = secret::new()?;
                let inside = Inside { owner: owner.clone(), secret: Written::of(&secret) };
                let id = id.parse().map_err(unreadable)?;
                let record =
                    AccessKeyRecord { id, active: true, created_at: now, user_id, last_use: None };
                let name = key_name(&record.id);
                let place = SealedPlace::Value { name: name.clone() };
                let plain = Zeroizing::new(serde_json::to_vec(&inside).map_err(unreadable)?);
                let sealed = sealer.keyring().seal(&place, &plain)?;
                keys.push(record.clone());
                let mut writes = vec![
                    list_write(owner, seen, &keys)?,
                    Write::InitValue { name, value: sealed.as_bytes().to_vec() },
                ];
                let gone = inherited.iter().map(|key| key_name(&key.id));
                writes.extend(gone.map(|name| Write::DropValue { name }));
                let audit = self.event(now, Action::AccessKeyMade, owner, &record.id);
                Ok(Judgement::change(writes, vec![audit], Ok(MadeAccessKey { record, secret })))
            })
            .await
    }

    /// The keys of an owner, oldest first: none for a user who is not there, nor those of an
    /// earlier user of the same name.
    ///
    /// # Errors
    /// [`Error::Store`] or [`Error::Key`].
    pub async fn of(&self, owner: &KeyOwner) -> Result<Vec<AccessKeyRecord>, Error> {
        let sealer = self.0.sealer().await?;
        let present = match self.present_user_id(&sealer, owner).await {
            Err(Error::NotFound(_)) => return Ok(Vec::new()),
            present => present?,
        };
        let mut keys = parsed(self.list_value(owner).await?.as_deref())?;
        keys.retain(|key| key.user_id == present);
        Ok(keys)
    }

    /// All keys with their owners, in the order of the owners' names.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn all(&self) -> Result<Vec<(KeyOwner, AccessKeyRecord)>, Error> {
        let mut all = Vec::new();
        for (name, value) in self.0.store().values(LISTS).await? {
            let owner = owner_of(&name).ok_or_else(|| unreadable(&name))?;
            all.extend(parsed(Some(&value))?.into_iter().map(|key| (owner.clone(), key)));
        }
        Ok(all)
    }

    /// Lets a key sign, or no longer.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Clock`], [`Error::Store`] or [`Error::Key`].
    pub async fn set_active(
        &self,
        owner: &KeyOwner,
        id: &AccessKeyId,
        active: bool,
    ) -> Result<(), Error> {
        let action = if active { Action::AccessKeyActivated } else { Action::AccessKeyDeactivated };
        self.change(owner, id, action, |keys, at| {
            keys[at].active = active;
            Vec::new()
        })
        .await
    }

    /// Keeps the last use of a key of this owner, if it is later than the one that was kept. A key
    /// that is gone has none.
    ///
    /// # Errors
    /// [`Error::Clock`], [`Error::Store`] or [`Error::Key`].
    pub async fn keep_use(
        &self,
        owner: &KeyOwner,
        id: &AccessKeyId,
        last: &KeyUse,
    ) -> Result<(), Error> {
        self.0
            .decide_alone(|_| async move {
                let seen = self.list_value(owner).await?;
                let mut keys = parsed(seen.as_deref())?;
                let is_later = |key: &&mut AccessKeyRecord| {
                    key.id == *id && key.last_use.as_ref().is_none_or(|kept| kept.at < last.at)
                };
                let Some(key) = keys.iter_mut().find(is_later) else {
                    return Ok(Judgement::change(Vec::new(), Vec::new(), ()));
                };
                key.last_use = Some(last.clone());
                Ok(Judgement::change(vec![list_write(owner, seen, &keys)?], Vec::new(), ()))
            })
            .await
    }

    /// Deletes a key, and its secret with it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Clock`], [`Error::Store`] or [`Error::Key`].
    pub async fn delete(&self, owner: &KeyOwner, id: &AccessKeyId) -> Result<(), Error> {
        self.change(owner, id, Action::AccessKeyDeleted, |keys, at| {
            let gone = keys.remove(at);
            vec![Write::DropValue { name: key_name(&gone.id) }]
        })
        .await
    }

    /// The key of this id, active or not; none if it is not there, or if its user was removed since
    /// it was made.
    ///
    /// # Errors
    /// [`Error::Store`] or [`Error::Key`].
    pub async fn find(&self, id: &AccessKeyId) -> Result<Option<FoundKey>, Error> {
        let sealer = self.0.sealer().await?;
        let Some(inside) = self.inside(&sealer, id).await? else { return Ok(None) };
        let owner = inside.owner;
        let record = self.of(&owner).await?.into_iter().find(|record| record.id == *id);
        let Some(record) = record else { return Ok(None) };
        let secret = Secret::from(inside.secret.as_str().as_bytes());
        let key = AccessKey::new(id.clone(), secret).map_err(unreadable)?;
        Ok(Some(FoundKey { owner, record, key }))
    }

    async fn change(
        &self,
        owner: &KeyOwner,
        id: &AccessKeyId,
        action: Action,
        change: impl Fn(&mut Vec<AccessKeyRecord>, usize) -> Vec<Write>,
    ) -> Result<(), Error> {
        let (action, change) = (&action, &change);
        self.0
            .decide_alone(|now| async move {
                let seen = self.list_value(owner).await?;
                let mut keys = parsed(seen.as_deref())?;
                let at = keys.iter().position(|key| key.id == *id);
                let mut writes = change(&mut keys, at.ok_or(Error::NotFound("access key"))?);
                writes.insert(0, list_write(owner, seen, &keys)?);
                let audit = self.event(now, action.clone(), owner, id);
                Ok(Judgement::change(writes, vec![audit], ()))
            })
            .await
    }

    async fn inside(&self, sealer: &Sealer, id: &AccessKeyId) -> Result<Option<Inside>, Error> {
        let name = key_name(id);
        let Some(value) = self.0.store().value(&name).await? else { return Ok(None) };
        let place = SealedPlace::Value { name };
        let sealed = store::Sealed::from_bytes(value);
        let plain = sealer.keyring().open(&place, &sealed);
        let plain = plain.ok_or(KeyError::Wrong)?;
        serde_json::from_slice(plain.expose()).map(Some).map_err(unreadable)
    }

    /// The unique id of an owner who is there; none for root.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an account that is not there, [`Error::Store`] or [`Error::Key`].
    pub async fn owner_id(&self, owner: &KeyOwner) -> Result<Option<String>, Error> {
        let sealer = self.0.sealer().await?;
        self.present_user_id(&sealer, owner).await
    }

    async fn list_value(&self, owner: &KeyOwner) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.0.store().value(&list_name(owner)).await?)
    }

    /// The unique id of the owner; none for root.
    async fn present_user_id(
        &self,
        sealer: &Sealer,
        owner: &KeyOwner,
    ) -> Result<Option<String>, Error> {
        match owner {
            KeyOwner::Root => Ok(None),
            KeyOwner::User(account) => present_user_id(&self.0, sealer, account).await.map(Some),
        }
    }

    fn event(&self, now: UnixTime, action: Action, owner: &KeyOwner, id: &AccessKeyId) -> Event {
        let event = self.0.event(now, action).reason(id.as_str());
        match owner {
            KeyOwner::Root => event,
            KeyOwner::User(account) => event.account(account),
        }
    }
}

fn parsed(value: Option<&[u8]>) -> Result<Vec<AccessKeyRecord>, Error> {
    value.map_or(Ok(Vec::new()), |value| serde_json::from_slice(value).map_err(unreadable))
}

/// The write of a list, judged from the one that was seen.
fn list_write(
    owner: &KeyOwner,
    seen: Option<Vec<u8>>,
    keys: &[AccessKeyRecord],
) -> Result<Write, Error> {
    let value = serde_json::to_vec(keys).map_err(unreadable)?;
    Ok(Write::value(list_name(owner), seen, value))
}

fn list_name(owner: &KeyOwner) -> String {
    match owner {
        KeyOwner::Root => format!("{LISTS}root"),
        KeyOwner::User(account) => format!("{LISTS}user {account}"),
    }
}

fn owner_of(list: &str) -> Option<KeyOwner> {
    let owner = list.strip_prefix(LISTS)?;
    match owner.strip_prefix("user ") {
        Some(account) => AccountId::existing(account).ok().map(KeyOwner::User),
        None => (owner == "root").then_some(KeyOwner::Root),
    }
}

fn key_name(id: &AccessKeyId) -> String {
    store::value_of_access_key(id.as_str())
}

fn unreadable(fault: impl std::fmt::Display) -> Error {
    store::Error::Corrupt(format!("an access key cannot be read: {fault}")).into()
}

/// The lists of keys, each by its owner.
const LISTS: &str = "aws keys of ";
