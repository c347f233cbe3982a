//! Principals: who stands behind an access key.

use crate::aws::access_key::KeyOwner;
use crate::aws::names::{AccountNumber, UserName};
use crate::id::AccountId;

/// The principal of a signature that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// The AWS account itself, whose devices are those of this account of the store.
    Root {
        /// The account of its devices.
        account: AccountId,
    },
    /// A user.
    User {
        /// The account that the user is.
        account: AccountId,
        /// The name of both.
        name: UserName,
        /// `AIDA…`.
        user_id: String,
    },
}

impl Principal {
    /// The account of the principal's devices.
    pub fn account(&self) -> &AccountId {
        match self {
            Principal::Root { account } | Principal::User { account, .. } => account,
        }
    }

    /// The owner of its access keys.
    pub fn owner(&self) -> KeyOwner {
        match self {
            Principal::Root { .. } => KeyOwner::Root,
            Principal::User { account, .. } => KeyOwner::User(account.clone()),
        }
    }

    /// The name of a user.
    pub fn user_name(&self) -> Option<&UserName> {
        match self {
            Principal::Root { .. } => None,
            Principal::User { name, .. } => Some(name),
        }
    }

    /// The ARN.
    pub fn arn(&self, number: &AccountNumber) -> String {
        match self {
            Principal::Root { .. } => number.root(),
            Principal::User { name, .. } => number.user(name),
        }
    }

    /// The unique id; root's is the number of the account.
    pub fn unique_id<'a>(&'a self, number: &'a AccountNumber) -> &'a str {
        match self {
            Principal::Root { .. } => number.as_str(),
            Principal::User { user_id, .. } => user_id,
        }
    }

    /// The value of `aws:PrincipalType`.
    pub fn kind(&self) -> &'static str {
        match self {
            Principal::Root { .. } => "Account",
            Principal::User { .. } => "User",
        }
    }
}
