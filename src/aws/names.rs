//! Names of the AWS plane: the account number, users, and the ARNs that are made of them.
//!
//! Specified in the IAM User Guide, "IAM identifiers". An account of twostep whose name fits the
//! pattern of a user name is a user; other accounts have no name here.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, BadName, SerialNumber};

/// The number of the one AWS account: 12 digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AccountNumber(String);

/// The name of a user: 1 to 64 letters, digits and `+=,.@-_`, in ASCII.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserName(String);

/// The name of a user's policy: 1 to 128 letters, digits and `+=,.@-_`, in ASCII.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct PolicyName(String);

/// A text that is no name of its kind; it states the pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotAName(&'static str);

impl AccountNumber {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The ARN of the account itself, by which root is named.
    pub fn root(&self) -> String {
        format!("arn:aws:iam::{self}:root")
    }

    /// The ARN of a user.
    pub fn user(&self, name: &UserName) -> String {
        format!("{}{name}", self.users())
    }

    /// The beginning of the ARNs of all users.
    pub fn users(&self) -> String {
        format!("arn:aws:iam::{self}:user/")
    }

    /// The serial number of a virtual device, which is its ARN. A path begins and ends with a
    /// slash.
    ///
    /// # Errors
    /// [`NotAName`] for a name or a path out of its pattern, and for both if they are too long
    /// together.
    pub fn virtual_device(&self, path: &str, name: &str) -> Result<SerialNumber, NotAName> {
        let has_slashes = path.starts_with('/') && path.ends_with('/') && !path.contains("//");
        if !has_slashes {
            return Err(NotAName("a path begins and ends with one slash"));
        }
        if name.is_empty() || !name.bytes().all(is_plain) {
            return Err(NotAName("the name of a virtual device has letters, digits and +=,.@-_"));
        }
        let arn = format!("{}{}{name}", self.virtual_devices(), &path[1..]);
        arn.parse().map_err(|_| {
            NotAName("path and name have letters, digits and +=,.@-_/: 200 characters at most")
        })
    }

    /// The beginning of the serial numbers of all virtual devices.
    pub fn virtual_devices(&self) -> String {
        format!("arn:aws:iam::{self}:mfa/")
    }
}

impl UserName {
    /// The user that an account is; none if its name does not fit.
    pub fn of(account: &AccountId) -> Option<UserName> {
        account.as_str().parse().ok()
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The account that the user is.
    ///
    /// # Errors
    /// [`BadName`]; every user name is also the name of an account.
    pub fn account(&self) -> Result<AccountId, BadName> {
        self.0.parse()
    }
}

impl FromStr for AccountNumber {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<AccountNumber, NotAName> {
        let fits = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = fits.then(|| AccountNumber(text.to_owned()));
        number.ok_or(NotAName("the number of an AWS account has 12 digits"))
    }
}

impl FromStr for UserName {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<UserName, NotAName> {
        let fits = (1..=64).contains(&text.len()) && text.bytes().all(is_plain);
        let name = fits.then(|| UserName(text.to_owned()));
        name.ok_or(NotAName("the name of a user has 1 to 64 letters, digits and +=,.@-_"))
    }
}

impl PolicyName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PolicyName {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<PolicyName, NotAName> {
        PolicyName::try_from(text.to_owned())
    }
}

impl TryFrom<String> for PolicyName {
    type Error = NotAName;

    fn try_from(text: String) -> Result<PolicyName, NotAName> {
        let fits = (1..=128).contains(&text.len()) && text.bytes().all(is_plain);
        let wrong = NotAName("the name of a policy has 1 to 128 letters, digits and +=,.@-_");
        if fits { Ok(PolicyName(text)) } else { Err(wrong) }
    }
}

impl From<PolicyName> for String {
    fn from(name: PolicyName) -> String {
        name.0
    }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+=,.@-_".contains(&byte)
}

impl Default for AccountNumber {
    fn default() -> AccountNumber {
        AccountNumber("100000000000".to_owned())
    }
}

impl fmt::Display for AccountNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_outside_their_patterns_are_refused() {
        for good in ["a", "alice", "Alice+1=2,3.4@x-y_z", &"a".repeat(64)] {
            assert_eq!(good.parse::<UserName>().unwrap().as_str(), good);
        }
        for bad in ["", "a b", "a/b", "a:b", "é", "a*", "a\n", &"a".repeat(129)] {
            assert!(bad.parse::<UserName>().is_err(), "{bad:?}");
            assert!(bad.parse::<PolicyName>().is_err(), "{bad:?}");
        }
        assert!("a".repeat(65).parse::<UserName>().is_err());
        assert!("a".repeat(128).parse::<PolicyName>().is_ok());
        assert!("100000000000".parse::<AccountNumber>().is_ok());
        for bad in
            ["", "10000000000", "1000000000000", "10000000000a", "１００００００００００００"]
        {
            assert!(bad.parse::<AccountNumber>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_virtual_device_has_its_arn_for_a_serial_number() {
        let number = AccountNumber::default();
        let serial = |path, name| number.virtual_device(path, name).map(|it| it.to_string());
        let plain = "arn:aws:iam::100000000000:mfa/alices-phone".to_owned();
        assert_eq!(serial("/", "alices-phone"), Ok(plain));
        let deep = "arn:aws:iam::100000000000:mfa/a/b/x@y".to_owned();
        assert_eq!(serial("/a/b/", "x@y"), Ok(deep));
        for (path, name) in [
            ("", "x"),
            ("/a", "x"),
            ("a/", "x"),
            ("//", "x"),
            ("/", ""),
            ("/", "a/b"),
            ("/é/", "x"),
        ] {
            assert!(serial(path, name).is_err(), "{path} {name}");
        }
        assert!(serial("/", &"x".repeat(300)).is_err());
    }

    #[test]
    fn an_arn_names_account_and_user() {
        let number = AccountNumber::default();
        assert_eq!(number.root(), "arn:aws:iam::100000000000:root");
        let name = UserName::of(&"alice@example.com".parse().unwrap()).unwrap();
        assert_eq!(number.user(&name), "arn:aws:iam::100000000000:user/alice@example.com");
        assert_eq!(UserName::of(&"Zoë Müller".parse().unwrap()), None);
    }
}
