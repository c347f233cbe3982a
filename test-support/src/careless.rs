//! A careless store: it compares revisions first, and writes after that, outside the transaction.
//! Tests of races must catch it.

use twostep::id::{AccountId, SerialNumber};
use twostep::store::{Answer, Change, Commit, Conflict, Error, Revision, Store, Write};

use crate::hooked::Hook;

pub struct Careless;

impl<S: Store> Hook<S> for Careless {
    fn commit<'a>(&'a self, store: &'a S, change: Change) -> Answer<'a, Commit> {
        Box::pin(async move {
            let mut looked = change.clone();
            if rebased(store, &mut looked).await? {
                return Ok(Commit::Conflict(Conflict::Revision));
            }
            tokio::task::yield_now().await;
            // Changes of others since the comparison are overwritten.
            loop {
                let mut change = change.clone();
                rebased(store, &mut change).await?;
                match store.commit(change).await? {
                    Commit::Conflict(Conflict::Revision) => {}
                    done => return Ok(done),
                }
            }
        })
    }
}

/// Puts the present revisions into a change; returns whether any of them has moved.
async fn rebased(store: &impl Store, change: &mut Change) -> Result<bool, Error> {
    let mut moved = false;
    for write in &mut change.writes {
        let (seen, present) = match write {
            Write::UpdateAccount { seen, account } => (seen, of_account(store, &account.id).await?),
            Write::ExpectAccount { seen, account } => (seen, of_account(store, account).await?),
            Write::UpdateDevice { seen, device } => (seen, of_device(store, &device.serial).await?),
            Write::ExpectDevice { seen, serial } => (seen, of_device(store, serial).await?),
            _ => continue,
        };
        moved |= *seen != present;
        *seen = present;
    }
    Ok(moved)
}

async fn of_account(store: &impl Store, account: &AccountId) -> Result<Revision, Error> {
    Ok(store.account(account).await?.unwrap().revision)
}

async fn of_device(store: &impl Store, serial: &SerialNumber) -> Result<Revision, Error> {
    let account = store.owner(serial).await?.unwrap();
    Ok(store.account(&account).await?.unwrap().device(serial).unwrap().revision)
}
