//! Names of accounts and devices: parsed once, trusted after.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::Serialize;

/// Whose device it is. Opaque to twostep: 1 to 256 bytes of printable text without white space at its ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId(String);

/// The public handle of a device, printed on a hardware token and generated for others.
///
/// 9 to 256 characters of `[A-Za-z0-9_+=/:,.@-]`, as AWS IAM has it for `SerialNumber`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SerialNumber(String);

/// What a person calls a device: 1 to 128 characters, no control characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeviceName(String);

/// Who is asking, as the agent knows them: `uid:1000`, `key:3f…`. Pair allowances and rate limits are counted by it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallerId(String);

/// A name that cannot be used; the text says what it must look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadName(&'static str);

impl AccountId {
    /// The account's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl SerialNumber {
    /// The serial number as it is printed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl DeviceName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl CallerId {
    /// A caller, by whatever tells callers apart: a user id, an API key's id.
    pub fn new(caller: impl Into<String>) -> CallerId {
        CallerId(caller.into())
    }

    /// The caller's name in audit rows.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccountId {
    type Err = BadName;

    fn from_str(text: &str) -> Result<AccountId, BadName> {
        let fits = (1..=256).contains(&text.len());
        if !fits || text.trim() != text || !text.chars().all(printable) {
            return Err(BadName("an account is 1 to 256 bytes of printable text without white space at its ends"));
        }
        Ok(AccountId(text.to_owned()))
    }
}

impl FromStr for SerialNumber {
    type Err = BadName;

    fn from_str(text: &str) -> Result<SerialNumber, BadName> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=/:,.@-".contains(&byte);
        if !(9..=256).contains(&text.len()) || !text.bytes().all(allowed) {
            return Err(BadName("a serial number is 9 to 256 characters of A-Z a-z 0-9 _ + = / : , . @ -"));
        }
        Ok(SerialNumber(text.to_owned()))
    }
}

impl FromStr for DeviceName {
    type Err = BadName;

    fn from_str(text: &str) -> Result<DeviceName, BadName> {
        let length = text.chars().count();
        if !(1..=128).contains(&length) || text.trim() != text || !text.chars().all(printable) {
            return Err(BadName("a name is 1 to 128 printable characters without white space at its ends"));
        }
        Ok(DeviceName(text.to_owned()))
    }
}

/// Neither a control character nor one of the invisible characters that turn or hide the text around them.
fn printable(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

macro_rules! string_conversions {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = BadName;

            fn try_from(text: String) -> Result<$name, BadName> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

string_conversions!(AccountId, SerialNumber, DeviceName);

/// So that a set of serial numbers can be asked for a text.
impl Borrow<str> for SerialNumber {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CallerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for BadName {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_number_has_9_to_256_plain_characters() {
        assert!("GAHT12345678".parse::<SerialNumber>().is_ok());
        assert!("arn:aws:iam::123456789012:mfa/user".parse::<SerialNumber>().is_ok());
        for bad in ["", "12345678", "GAHT 12345678", "GAHT12345678\n", "ＧAHT12345678", &"A".repeat(257)] {
            assert!(bad.parse::<SerialNumber>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_account_is_printable_text() {
        for good in ["alice", "Zoë Müller", "alice@example.com", "urn:x:1"] {
            assert!(good.parse::<AccountId>().is_ok(), "{good:?}");
        }
        for bad in ["", " alice", "alice\n", "a\u{0}b", "a\u{202e}b", &"a".repeat(257)] {
            assert!(bad.parse::<AccountId>().is_err(), "{bad:?}");
        }
    }
}
