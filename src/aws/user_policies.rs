//! Policies of users: put, read, deleted.
//!
//! The policies of a user are one value of the store, replaced only if it is still the one that was
//! seen. They belong to the unique id of the user, so that an account that comes back has none.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::aws::document::{DocumentError, Holder, IdentityPolicy, counted_characters};
use crate::aws::names::PolicyName;
use crate::aws::unique_id::present_user_id;
use crate::id::AccountId;
use crate::store::{self, Action, Write};
use crate::verifier::{Error, Judgement, Verifier};

/// The policies of users in a verifier's store. Cheap to clone.
#[derive(Clone)]
pub struct UserPolicies(Verifier);

/// The policies of a user as they lie in the store.
#[derive(Default, Serialize, Deserialize)]
struct Kept {
    user_id: String,
    policies: BTreeMap<PolicyName, String>,
}

impl UserPolicies {
    /// The most characters of a user's policies together, blanks between elements left out.
    pub const MOST: usize = 2_048;

    /// Policies in the store of this verifier, which is named in audit events.
    pub fn new(verifier: Verifier) -> UserPolicies {
        UserPolicies(verifier)
    }

    /// Puts a policy in place of the one of its name.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an account that is not there, [`Error::Clock`], [`Error::Store`] or
    /// [`Error::Key`]. Inside: [`DocumentError`] for a text that is no policy of a user, and for
    /// policies that are longer together than [`UserPolicies::MOST`].
    pub async fn put(
        &self,
        account: &AccountId,
        name: &PolicyName,
        document: &str,
    ) -> Result<Result<(), DocumentError>, Error> {
        if let Err(fault) = IdentityPolicy::parse(document, Holder::User) {
            return Ok(Err(fault));
        }
        let sealer = self.0.sealer().await?;
        let sealer = &sealer;
        self.0
            .decide_alone(|now| async move {
                let user_id = present_user_id(&self.0, sealer, account).await?;
                let seen = self.value(account).await?;
                let mut kept = kept(seen.as_deref(), &user_id)?;
                kept.policies.insert(name.clone(), document.to_owned());
                let found = kept.policies.values().map(|text| counted_characters(text)).sum();
                if found > UserPolicies::MOST {
                    let kind = "all policies of a user together";
                    let fault = DocumentError::TooLong { kind, limit: UserPolicies::MOST, found };
                    return Ok(Judgement::change(Vec::new(), Vec::new(), Err(fault)));
                }
                let event = self.0.event(now, Action::UserPolicyPut).account(account);
                let writes = vec![written(account, seen, &kept)?];
                Ok(Judgement::change(writes, vec![event.reason(name.as_str())], Ok(())))
            })
            .await
    }

    /// Deletes a policy.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Clock`], [`Error::Store`] or [`Error::Key`].
    pub async fn delete(&self, account: &AccountId, name: &PolicyName) -> Result<(), Error> {
        let sealer = self.0.sealer().await?;
        let sealer = &sealer;
        self.0
            .decide_alone(|now| async move {
                let user_id = present_user_id(&self.0, sealer, account).await?;
                let seen = self.value(account).await?;
                let mut kept = kept(seen.as_deref(), &user_id)?;
                kept.policies.remove(name).ok_or(Error::NotFound("policy"))?;
                let event = self.0.event(now, Action::UserPolicyDeleted).account(account);
                let writes = vec![written(account, seen, &kept)?];
                Ok(Judgement::change(writes, vec![event.reason(name.as_str())], ()))
            })
            .await
    }

    /// The policies of a user, by name, as they were put.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an account that is not there, [`Error::Store`] or [`Error::Key`].
    pub async fn present(
        &self,
        account: &AccountId,
    ) -> Result<BTreeMap<PolicyName, String>, Error> {
        let sealer = self.0.sealer().await?;
        let user_id = present_user_id(&self.0, &sealer, account).await?;
        self.of(account, &user_id).await
    }

    /// The policies of a user with this unique id, by name, read for decisions.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn parsed(
        &self,
        account: &AccountId,
        user_id: &str,
    ) -> Result<Vec<(PolicyName, IdentityPolicy)>, Error> {
        let texts = self.of(account, user_id).await?.into_iter();
        let parsed = texts.map(|(name, text)| {
            let policy = IdentityPolicy::parse(&text, Holder::User).map_err(unreadable)?;
            Ok((name, policy))
        });
        parsed.collect()
    }

    async fn of(
        &self,
        account: &AccountId,
        user_id: &str,
    ) -> Result<BTreeMap<PolicyName, String>, Error> {
        Ok(kept(self.value(account).await?.as_deref(), user_id)?.policies)
    }

    async fn value(&self, account: &AccountId) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.0.store().value(&value_name(account)).await?)
    }
}

/// The policies of a user with this unique id, out of a value: none of an earlier user.
fn kept(value: Option<&[u8]>, user_id: &str) -> Result<Kept, Error> {
    let kept = value.map(serde_json::from_slice::<Kept>).transpose().map_err(unreadable)?;
    let own = kept.filter(|kept| kept.user_id == user_id);
    Ok(own.unwrap_or_else(|| Kept { user_id: user_id.to_owned(), ..Kept::default() }))
}

/// The write of a user's policies, judged from the value that was seen.
fn written(account: &AccountId, seen: Option<Vec<u8>>, kept: &Kept) -> Result<Write, Error> {
    let value = serde_json::to_vec(kept).map_err(unreadable)?;
    Ok(Write::value(value_name(account), seen, value))
}

fn value_name(account: &AccountId) -> String {
    format!("aws policies of user {account}")
}

fn unreadable(fault: impl std::fmt::Display) -> Error {
    store::Error::Corrupt(format!("the policies of a user cannot be read: {fault}")).into()
}
