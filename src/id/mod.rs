//! Names of accounts and devices: parsed once, trusted after.

mod characters;

pub use characters::OddCharacter;

#[cfg(feature = "cli")]
pub(crate) use characters::is_printable;
pub(crate) use characters::{is_dash, is_invisible, narrow};

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An account, the owner of devices. Opaque to twostep: 1 to 256 bytes of printable text without
/// white space at its ends.
///
/// Two names are one account only if every byte is the same: `jdoe` and `Jdoe`, or `é` as one
/// character and as two, are two accounts, and the second one has no devices, so MFA does not
/// protect it. If the directory in front of twostep treats such names as one (LDAP, Active
/// Directory and most mail servers do), fold them before they become an `AccountId`: always by the
/// same rule, in every program that names accounts. The agent does it for its callers with
/// `[accounts] fold`.
///
/// [`FromStr`] is for names from outside. Stored names are read by [`AccountId::existing`], and by
/// `Deserialize`: names from before a stricter rule can still be listed and removed.
///
/// Clones share one text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "Existing")]
pub struct AccountId(Arc<str>);

/// The public handle of a device, printed on a hardware token and generated for others.
///
/// 1 to 256 characters of `[A-Za-z0-9_+=/:,.@-]`, those of `SerialNumber` in AWS IAM; labels of six
/// digits are common.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct SerialNumber(Arc<str>);

/// A person's name for a device: 1 to 128 printable characters without white space at its ends.
///
/// Stored names are read leniently, as with [`AccountId`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Existing")]
pub struct DeviceName(Arc<str>);

/// A caller of the agent: `uid:1000`, `key:3f…`. Pair allowances and rate limits are counted per
/// caller.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallerId(Arc<str>);

/// A person's browser or address, as a service vouches for it: 1 to 256 visible ASCII characters.
///
/// An id that strangers cannot guess, such as a random cookie, keeps its budget of wrong codes to
/// itself. `Debug` is redacted: the holder of the id spends that budget.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientId(String);

/// A name that cannot be used; the text says what it must look like, and which character does not
/// belong there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadName {
    rule: &'static str,
    found: Option<OddCharacter>,
}

/// A name that is kept already.
#[derive(Deserialize)]
struct Existing(String);

impl AccountId {
    /// The name of an account that is there already, as a store holds it: characters that print as
    /// nothing are taken, since earlier versions took them.
    ///
    /// # Errors
    /// [`BadName`] for a text that no version took: empty, over 256 bytes, with white space at its
    /// ends or control characters.
    pub fn existing(text: &str) -> Result<AccountId, BadName> {
        let fits = (1..=256).contains(&text.len())
            && text.trim() == text
            && !text.contains(char::is_control);
        if fits { Ok(AccountId(text.into())) } else { Err(BadName::new(ACCOUNT, text)) }
    }

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
    /// Names a caller by its user id or the id of its API key.
    pub fn new(caller: impl Into<Arc<str>>) -> CallerId {
        CallerId(caller.into())
    }

    /// The caller's name in audit rows.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ClientId {
    /// The id as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClientId {
    type Err = BadName;

    fn from_str(text: &str) -> Result<ClientId, BadName> {
        if (1..=256).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(ClientId(text.to_owned()));
        }
        // The id is a secret like a cookie: no character of it is repeated.
        Err(BadName { rule: "a client is 1 to 256 visible ASCII characters", found: None })
    }
}

impl FromStr for AccountId {
    type Err = BadName;

    fn from_str(text: &str) -> Result<AccountId, BadName> {
        match OddCharacter::first_unprintable_in(text) {
            None => AccountId::existing(text),
            Some(_) => Err(BadName::new(ACCOUNT, text)),
        }
    }
}

impl FromStr for SerialNumber {
    type Err = BadName;

    fn from_str(text: &str) -> Result<SerialNumber, BadName> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=/:,.@-".contains(&byte);
        if !(1..=256).contains(&text.len()) || !text.bytes().all(allowed) {
            let found = OddCharacter::first_in(text);
            return Err(BadName {
                rule: "a serial number is 1 to 256 characters of A-Z a-z 0-9 _ + = / : , . @ -",
                found,
            });
        }
        Ok(SerialNumber(text.into()))
    }
}

impl FromStr for DeviceName {
    type Err = BadName;

    fn from_str(text: &str) -> Result<DeviceName, BadName> {
        match OddCharacter::first_unprintable_in(text) {
            None => DeviceName::existing(text),
            Some(_) => Err(BadName::new(NAME, text)),
        }
    }
}

impl DeviceName {
    fn existing(text: &str) -> Result<DeviceName, BadName> {
        let fits = (1..=128).contains(&text.chars().count())
            && text.trim() == text
            && !text.contains(char::is_control);
        if fits { Ok(DeviceName(text.into())) } else { Err(BadName::new(NAME, text)) }
    }
}

impl BadName {
    fn new(rule: &'static str, text: &str) -> BadName {
        BadName { rule, found: OddCharacter::first_unprintable_in(text) }
    }
}

impl TryFrom<Existing> for AccountId {
    type Error = BadName;

    fn try_from(Existing(text): Existing) -> Result<AccountId, BadName> {
        AccountId::existing(&text)
    }
}

impl TryFrom<Existing> for DeviceName {
    type Error = BadName;

    fn try_from(Existing(text): Existing) -> Result<DeviceName, BadName> {
        DeviceName::existing(&text)
    }
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
                name.0.as_ref().to_owned()
            }
        }
    )*};
}

string_conversions!(AccountId, SerialNumber, DeviceName);

macro_rules! written_as_text {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    )*};
}

written_as_text!(AccountId, SerialNumber, DeviceName, CallerId);

impl<'de> Deserialize<'de> for CallerId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<CallerId, D::Error> {
        String::deserialize(deserializer).map(CallerId::new)
    }
}

/// So that a set of serial numbers can be asked for a text.
impl Borrow<str> for SerialNumber {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientId(..)")
    }
}

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.rule)?;
        self.found.map_or(Ok(()), |found| write!(f, "; in this one there is {found}"))
    }
}

impl std::error::Error for BadName {}

const ACCOUNT: &str =
    "an account is 1 to 256 bytes of printable text without white space at its ends";

const NAME: &str = "a name is 1 to 128 printable characters without white space at its ends";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_number_has_1_to_256_plain_characters() {
        for good in ["7", "123456", "GAHT12345678", &"A".repeat(256)] {
            assert!(good.parse::<SerialNumber>().is_ok(), "{good}");
        }
        assert!("arn:aws:iam::123456789012:mfa/user".parse::<SerialNumber>().is_ok());
        for bad in ["", "é", "GAHT 12345678", "GAHT12345678\n", "ＧAHT12345678", &"A".repeat(257)]
        {
            assert!(bad.parse::<SerialNumber>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_client_is_visible_ascii_and_never_shown() {
        let client: ClientId = "10.0.0.1".parse().unwrap();
        assert_eq!((client.as_str(), format!("{client:?}")), ("10.0.0.1", "ClientId(..)".into()));
        assert!("~".repeat(256).parse::<ClientId>().is_ok());
        for bad in ["", " ", "a b", "a\n", "a\u{7f}", "\u{fc}", &"a".repeat(257)] {
            let told = bad.parse::<ClientId>().unwrap_err().to_string();
            assert_eq!(told, "a client is 1 to 256 visible ASCII characters", "{bad:?}");
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

    /// Each code point of the property, and of what beside it prints as nothing.
    #[test]
    fn an_invisible_character_in_a_name_is_refused() {
        let ranges = [
            (0xad, 0xad),
            (0x34f, 0x34f),
            (0x61c, 0x61c),
            (0x115f, 0x1160),
            (0x17b4, 0x17b5),
            (0x180b, 0x180f),
            (0x2000, 0x200f),
            (0x2028, 0x202f),
            (0x205f, 0x206f),
            (0x2800, 0x2800),
            (0x3164, 0x3164),
            (0xfdd0, 0xfdef),
            (0xfe00, 0xfe0f),
            (0xfeff, 0xfeff),
            (0xffa0, 0xffa0),
            (0xfff0, 0xfffb),
            (0xfffe, 0xffff),
            (0x1bca0, 0x1bca3),
            (0x1d173, 0x1d17a),
            (0x1fffe, 0x1ffff),
            (0xe0000, 0xe0fff),
            (0x10fffe, 0x10ffff),
        ];
        for c in ranges
            .into_iter()
            .flat_map(|(first, last)| first..=last)
            .filter_map(char::from_u32)
        {
            let code_point = format!("U+{:04X}", u32::from(c));
            for text in [format!("j{c}doe"), format!("{c}jdoe"), format!("jdoe{c}")] {
                let account = text.parse::<AccountId>().unwrap_err().to_string();
                let name = text.parse::<DeviceName>().unwrap_err().to_string();
                let serial =
                    format!("{text}12345").parse::<SerialNumber>().unwrap_err().to_string();
                assert!(
                    account.contains(&code_point) && name.contains(&code_point),
                    "{account}; {name}"
                );
                assert!(serial.contains(&code_point), "{serial}");
            }
        }
    }

    #[test]
    fn a_stored_name_may_have_invisible_characters() {
        let stored = "\"jd\u{ad}oe\u{2800}\"";
        assert_eq!(
            serde_json::from_str::<AccountId>(stored).unwrap().as_str(),
            "jd\u{ad}oe\u{2800}"
        );
        assert_eq!(
            serde_json::from_str::<DeviceName>(stored).unwrap().as_str(),
            "jd\u{ad}oe\u{2800}"
        );
        for never in ["\"\"", "\" jdoe\"", "\"jd\\noe\""] {
            assert!(serde_json::from_str::<AccountId>(never).is_err(), "{never}");
        }
    }

    #[test]
    fn names_in_any_script_are_printable() {
        for good in ["山田\u{3000}太郎", "Zoë", "नेहा", "أحمد", "민준", "Łukasz", "e\u{301}", "🔑"]
        {
            assert!(
                good.parse::<AccountId>().is_ok() && good.parse::<DeviceName>().is_ok(),
                "{good:?}"
            );
        }
    }
}
