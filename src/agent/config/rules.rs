//! Rights of local users.

use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::accounts::Fold;
use super::values;
use super::values::{GroupId, UserId};
use crate::id::{AccountId, OddCharacter};
use crate::wire::Role;

/// A rule that gives rights to the callers it matches.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerRule {
    /// The callers.
    pub who: Who,
    /// The role that they have.
    pub role: Role,
    /// For which accounts; none: for all. Others do not exist for them.
    pub accounts: Option<Vec<AccountPattern>>,
    /// The callers are told the reason of a refusal.
    pub explain: bool,
    /// The callers are proxies, which are believed when they say where a request went.
    pub forward: bool,
}

/// The callers that a rule matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// A user, by number.
    User(u32),
    /// The members of a group, by number.
    Group(u32),
}

/// Some accounts. As text: `$user`, a name, or the beginning of names with a `*` behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountPattern {
    /// `$user`: the account of the caller's own login name.
    LoginName,
    /// One account.
    Exactly(AccountId),
    /// All accounts whose names begin so.
    Prefix(String),
}

impl PeerRule {
    /// Returns whether the rule matches this user, a member of these groups.
    pub fn is_for(&self, uid: u32, groups: &[u32]) -> bool {
        match self.who {
            Who::User(user) => user == uid,
            Who::Group(group) => groups.contains(&group),
        }
    }
}

impl AccountPattern {
    /// Returns whether the pattern covers the account, for a caller of this login name, with names
    /// compared by their bytes.
    pub fn covers(&self, account: &AccountId, login: Option<&str>) -> bool {
        self.covers_folded(account, login, Fold::None)
    }

    /// The same where names are folded.
    pub fn covers_folded(&self, account: &AccountId, login: Option<&str>, fold: Fold) -> bool {
        let account = fold.apply(account.as_str());
        match self {
            AccountPattern::LoginName => login.is_some_and(|login| fold.apply(login) == account),
            AccountPattern::Exactly(exactly) => fold.apply(exactly.as_str()) == account,
            AccountPattern::Prefix(prefix) => account.starts_with(&*fold.apply(prefix)),
        }
    }
}

impl FromStr for AccountPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<AccountPattern, String> {
        match OddCharacter::first_unprintable_in(text) {
            None => AccountPattern::existing(text).map_err(str::to_owned),
            Some(odd) => Err(format!("{NOT_A_PATTERN}; in this one there is {odd}")),
        }
    }
}

impl AccountPattern {
    /// A pattern that is kept already, with the names that accounts have already.
    pub(crate) fn existing(text: &str) -> Result<AccountPattern, &'static str> {
        match text.strip_suffix('*') {
            _ if text == "$user" => Ok(AccountPattern::LoginName),
            // Without a limit it is all accounts.
            Some("") => Err(NOT_A_PATTERN),
            Some(prefix) if prefix.contains('*') => Err(NOT_A_PATTERN),
            Some(prefix) => Ok(AccountPattern::Prefix(prefix.to_owned())),
            // A name that begins like a variable is more likely a misspelt one than a name.
            None if text.contains('*') || text.starts_with('$') => Err(NOT_A_PATTERN),
            None => AccountId::existing(text)
                .map(AccountPattern::Exactly)
                .map_err(|_| NOT_A_PATTERN),
        }
    }
}

/// A rule as it stands in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    uid: Option<UserId>,
    user: Option<UserId>,
    gid: Option<GroupId>,
    group: Option<GroupId>,
    role: Role,
    #[serde(default, deserialize_with = "accounts")]
    accounts: Option<Vec<AccountPattern>>,
    #[serde(default)]
    explain: bool,
    #[serde(default)]
    forward: bool,
}

impl<'de> Deserialize<'de> for PeerRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<PeerRule, D::Error> {
        let table = Table::deserialize(deserializer)?;
        let users = [table.uid, table.user].into_iter().flatten().map(|user| Who::User(user.0));
        let groups =
            [table.gid, table.group].into_iter().flatten().map(|group| Who::Group(group.0));
        let mut all = users.chain(groups);
        let (Some(who), None) = (all.next(), all.next()) else {
            return Err(D::Error::custom("a [[peer]] has exactly one of: uid, user, gid, group"));
        };
        let accounts = table.accounts;
        if table.role == Role::Admin && accounts.is_some() {
            return Err(D::Error::custom(
                "an admin may do everything: leave out `accounts`, or choose another role",
            ));
        }
        Ok(PeerRule {
            who,
            role: table.role,
            accounts,
            explain: table.explain,
            forward: table.forward,
        })
    }
}

fn accounts<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<AccountPattern>>, D::Error> {
    values::list(deserializer).map(Some)
}

const NOT_A_PATTERN: &str = "accounts are named one by one, by the beginning of their names \
    (\"svc-*\"), or \"$user\" for the caller's own";
