//! Accounts by name.
//!
//! Every name from outside is resolved here once: from a body, a path or a query, a login name, a
//! rule or an API key. Where the configuration folds names, an account created earlier under
//! another spelling keeps it, since its seeds and recovery codes are bound to it; the folded name
//! leads to it.

use std::collections::HashMap;

use crate::agent::config::Fold;
use crate::id::{AccountId, BadName};
use crate::store;
use crate::store::{AccountList, Store};

/// Maps names to accounts.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    fold: Fold,
    /// Accounts whose name is not its own folded spelling, by that spelling.
    kept: HashMap<String, AccountId>,
}

/// Folding is impossible with the accounts of this store.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotFolded {
    #[error(
        "accounts.fold: several accounts of the store would be one: {}; remove one of each \
         (twostep account remove), or leave fold out",
        .0.join("; ")
    )]
    Several(Vec<String>),
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Accounts {
    /// Reads the names of all accounts, if names are folded.
    ///
    /// # Errors
    /// [`NotFolded::Several`] for accounts that folding would merge.
    pub(crate) async fn of(store: &dyn Store, fold: Fold) -> Result<Accounts, NotFolded> {
        if fold == Fold::None {
            return Ok(Accounts::default());
        }
        let (mut kept, mut several) = (HashMap::new(), Vec::new());
        let mut after = None;
        loop {
            let page = store
                .accounts(AccountList {
                    after: after.clone(),
                    limit: PAGE,
                    ..AccountList::default()
                })
                .await?;
            let Some(last) = page.last() else { break };
            after = Some(last.account.id.clone());
            for id in page.into_iter().map(|entry| entry.account.id) {
                let folded = fold.apply(id.as_str()).into_owned();
                if folded != id.as_str()
                    && let Some(other) = kept.insert(folded, id.clone())
                {
                    several.push(format!("{:?} and {:?}", other.as_str(), id.as_str()));
                }
            }
        }
        for (folded, id) in &kept {
            let Ok(folded) = AccountId::existing(folded) else { continue };
            if store
                .account(&folded)
                .await?
                .is_some_and(|seen| seen.account.removed_at.is_none())
            {
                several.push(format!("{:?} and {:?}", folded.as_str(), id.as_str()));
            }
        }
        if several.is_empty() {
            return Ok(Accounts { fold, kept });
        }
        several.sort();
        let more = several.len().saturating_sub(NAMED);
        several.truncate(NAMED);
        if more > 0 {
            several.push(format!("{more} more"));
        }
        Err(NotFolded::Several(several))
    }

    /// The folding of names.
    pub(crate) fn fold(&self) -> Fold {
        self.fold
    }

    /// The account of this name, which need not exist yet.
    pub(crate) fn named(&self, name: &str) -> Result<AccountId, BadName> {
        // Parse before folding: the error names a character as it was sent.
        let named: AccountId = name.parse()?;
        self.folded(named)
    }

    /// The existing account of this name. Names from before a rule became stricter are accepted.
    pub(crate) fn existing(&self, name: &str) -> Result<AccountId, BadName> {
        self.folded(AccountId::existing(name)?)
    }

    /// `true` if an account with this prefix is kept under another spelling: a range of the store's
    /// names would then miss it.
    pub(crate) fn has_other_spellings(&self, prefix: &str) -> bool {
        let prefix = self.fold.apply(prefix);
        self.kept.keys().any(|folded| folded.starts_with(&*prefix))
    }

    fn folded(&self, id: AccountId) -> Result<AccountId, BadName> {
        if self.fold == Fold::None {
            return Ok(id);
        }
        let folded = self.fold.apply(id.as_str());
        match self.kept.get(&*folded) {
            Some(kept) => Ok(kept.clone()),
            None => AccountId::existing(&folded),
        }
    }
}

/// Accounts per read.
const PAGE: u32 = 1_000;

/// The number of conflicting pairs that the error names.
const NAMED: usize = 5;
