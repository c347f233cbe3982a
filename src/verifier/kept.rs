//! Items that pages keep for a person between two requests: found by a secret that the browser
//! holds, sealed in the store, and gone when they expire.

use crate::id::AccountId;
use crate::secret::Secret;
use crate::store;
use crate::store::{ItemKind, Sealed, SealedPlace, SingleUse, SingleUseList, Write};
use crate::time::UnixTime;
use crate::verifier::decide::Judgement;
use crate::verifier::{Error, Verifier};

/// An item to keep.
pub(crate) struct Keep<'a> {
    pub(crate) kind: ItemKind,
    pub(crate) account: &'a AccountId,
    /// The secret that finds it.
    pub(crate) value: &'a [u8],
    pub(crate) body: &'a [u8],
    pub(crate) expires_at: UnixTime,
    /// The id of an item that ends with the same write.
    pub(crate) replaces: Option<&'a str>,
}

/// An item that was kept.
pub(crate) struct Kept {
    /// Its public id.
    pub(crate) id: String,
    pub(crate) account: AccountId,
    pub(crate) body: Secret,
    pub(crate) expires_at: UnixTime,
}

impl Verifier {
    /// Keeps an item, and returns its id.
    ///
    /// # Errors
    /// [`Error::Contended`] if the item that it replaces is gone; [`Error::Clock`],
    /// [`Error::Store`] or [`Error::Key`].
    pub(crate) async fn keep(&self, keep: Keep<'_>) -> Result<String, Error> {
        let (keep, sealer) = (&keep, &*self.keys().await?);
        let id = kept_id(sealer, keep.kind, keep.value);
        let place = SealedPlace::Item { id: id.clone() };
        let body = sealer.keyring().seal(&place, keep.body)?.as_bytes().to_vec();
        let (id, body) = (&id, &body);
        self.decide_alone(|now| async move {
            let item = SingleUse {
                id: id.clone(),
                account: keep.account.clone(),
                kind: keep.kind,
                body: body.clone(),
                expires_at: keep.expires_at,
            };
            let ended = keep.replaces.map(|id| Write::Consume { id: id.to_owned(), now });
            let writes = ended.into_iter().chain([Write::AddSingleUse(item)]).collect();
            Ok(Judgement::change(writes, Vec::new(), ()))
        })
        .await?;
        Ok(id.clone())
    }

    /// The item that this secret finds.
    ///
    /// # Errors
    /// [`Error::Clock`], [`Error::Store`] or [`Error::Key`].
    pub(crate) async fn kept(&self, kind: ItemKind, value: &[u8]) -> Result<Option<Kept>, Error> {
        let sealer = &*self.keys().await?;
        let now = self.now().await?;
        let id = kept_id(sealer, kind, value);
        let item = self.core.store.single_use(&id, now).await?;
        item.filter(|item| item.kind == kind)
            .map(|item| opened(sealer, item))
            .transpose()
    }

    /// The items of this kind that are kept for an account.
    ///
    /// # Errors
    /// [`Error::Clock`], [`Error::Store`] or [`Error::Key`].
    pub(crate) async fn all_kept(
        &self,
        kind: ItemKind,
        account: &AccountId,
    ) -> Result<Vec<Kept>, Error> {
        let sealer = &*self.keys().await?;
        let now = self.now().await?;
        let account = Some(account.clone());
        let list = SingleUseList { kind, account, after: None, limit: MOST_LISTED, now };
        let items = self.core.store.single_uses(list).await?;
        items.into_iter().map(|item| opened(sealer, item)).collect()
    }

    /// Ends an item; one that is gone stays so.
    ///
    /// # Errors
    /// [`Error::Clock`] or [`Error::Store`].
    pub(crate) async fn end_kept(&self, id: &str) -> Result<(), Error> {
        let now = self.now().await?;
        if self.core.store.single_use(id, now).await?.is_none() {
            return Ok(());
        }
        let ended = self.decide_alone(|now| async move {
            let write = Write::Consume { id: id.to_owned(), now };
            Ok(Judgement::change(vec![write], Vec::new(), ()))
        });
        match ended.await {
            // Another request has ended it.
            Err(Error::Contended) => Ok(()),
            ended => ended,
        }
    }
}

fn kept_id(sealer: &store::Sealer, kind: ItemKind, value: &[u8]) -> String {
    let digest = sealer.digest("kept", &[kind.name().as_bytes(), value]);
    base32::encode(base32::Alphabet::Crockford, &digest[..])
}

fn opened(sealer: &store::Sealer, item: SingleUse) -> Result<Kept, Error> {
    let SingleUse { id, account, body, expires_at, .. } = item;
    let place = SealedPlace::Item { id: id.clone() };
    let body = Sealed::recognised(body).and_then(|body| sealer.keyring().open(&place, &body));
    let unreadable = || store::Error::Corrupt("an item of the console cannot be opened".to_owned());
    Ok(Kept { id, account, body: body.ok_or_else(unreadable)?, expires_at })
}

/// The most items of an account that are listed.
const MOST_LISTED: u32 = 100;
