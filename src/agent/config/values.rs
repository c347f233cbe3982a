//! The values of single keys, each refused on its own line when it cannot be meant.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use nix::unistd::{Group, User};
use serde::de::Error;
use serde::{Deserialize, Deserializer, de};

use crate::id::DeviceName;
use crate::webauthn::{Hint, SignatureAlgorithm, judge_algorithms, judge_hints};

/// A user of this system, by name or number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserId(pub u32);

/// A group of this system, by name or number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupId(pub u32);

/// Permissions of a socket, in octal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketMode(pub u32);

/// Access to `/metrics`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MetricsAccess {
    /// Every peer that can connect.
    Open,
    /// Callers of any role. Administrators alone see what verifications came to.
    Verifier,
    /// Administrators.
    #[default]
    Admin,
    /// No caller.
    Off,
}

/// The least important that is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Faults that must be corrected.
    Error,
    /// Conditions that deserve a look.
    Warn,
    /// A line for each request.
    #[default]
    Info,
    /// The agent's own work as well.
    Debug,
}

/// The format of a line of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Words on a terminal, else JSON.
    #[default]
    Auto,
    /// A JSON object.
    Json,
    /// Words for a terminal.
    Text,
}

impl Default for SocketMode {
    fn default() -> SocketMode {
        SocketMode(0o660)
    }
}

impl<'de> Deserialize<'de> for SocketMode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<SocketMode, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mode = u32::from_str_radix(text.trim_start_matches("0o"), 8)
            .ok()
            .filter(|mode| *mode <= 0o777);
        mode.map(SocketMode).ok_or_else(|| {
            D::Error::custom("a mode is a string of three or four octal digits, like \"0660\"")
        })
    }
}

impl<'de> Deserialize<'de> for UserId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<UserId, D::Error> {
        let look_up = |name: &str| Ok(User::from_name(name)?.map(|user| user.uid.as_raw()));
        deserializer.deserialize_any(NameOrNumber { what: "user", look_up }).map(UserId)
    }
}

impl<'de> Deserialize<'de> for GroupId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<GroupId, D::Error> {
        let look_up = |name: &str| Ok(Group::from_name(name)?.map(|group| group.gid.as_raw()));
        deserializer
            .deserialize_any(NameOrNumber { what: "group", look_up })
            .map(GroupId)
    }
}

/// Looks up a name when the file is read, so that what is decided by it later cannot change its
/// meaning.
struct NameOrNumber<F> {
    what: &'static str,
    look_up: F,
}

impl<F: Fn(&str) -> nix::Result<Option<u32>>> de::Visitor<'_> for NameOrNumber<F> {
    type Value = u32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the name or number of a {}", self.what)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<u32, E> {
        // The system's calls use the highest number for "no user".
        let number = u32::try_from(number).ok().filter(|number| *number < u32::MAX);
        number.ok_or_else(|| E::custom(format!("this is not the number of a {}", self.what)))
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<u32, E> {
        match (self.look_up)(name) {
            Ok(Some(id)) => Ok(id),
            Ok(None) => Err(E::custom(format!(
                "this system has no {} {name:?}: create it, or correct the name",
                self.what
            ))),
            Err(error) => {
                Err(E::custom(format!("the {} {name:?} cannot be looked up: {error}", self.what)))
            }
        }
    }
}

/// A whole number in a range.
pub(super) fn within<'de, D, T, const LOW: u64, const HIGH: u64>(
    deserializer: D,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<u64>,
{
    let number = i64::deserialize(deserializer)?;
    let inside = u64::try_from(number).ok().filter(|number| (LOW..=HIGH).contains(number));
    inside
        .and_then(|number| T::try_from(number).ok())
        .ok_or_else(|| D::Error::custom(format!("must be {LOW} to {HIGH}, and is {number}")))
}

/// A value that the file spells as a string, in the grammar of its type. The visitor refuses it,
/// so that the error has the place of the string itself, in a list too.
pub(super) struct Spelled<T>(T);

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Spelled<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Spelled<T>, D::Error> {
        deserializer.deserialize_str(Spelling(PhantomData)).map(Spelled)
    }
}

struct Spelling<T>(PhantomData<T>);

impl<T: FromStr<Err: fmt::Display>> de::Visitor<'_> for Spelling<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

/// A value in the grammar of its type.
pub(super) fn spelled<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    Spelled::deserialize(deserializer).map(|Spelled(value)| value)
}

/// An optional value in the grammar of its type.
pub(super) fn optional<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    spelled(deserializer).map(Some)
}

/// A list of values in the grammar of their type.
pub(super) fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    let list = Vec::<Spelled<T>>::deserialize(deserializer)?;
    Ok(list.into_iter().map(|Spelled(value)| value).collect())
}

/// A value of `iss` or `aud`.
pub(super) fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    spelled(deserializer).map(|Name(name)| name)
}

/// A name for people.
pub(super) fn display_name<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    spelled(deserializer).map(|name: DeviceName| Some(name.into()))
}

/// Values of `aud`.
pub(super) fn names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(list(deserializer)?.into_iter().map(|Name(name)| name).collect())
}

struct Name(String);

impl FromStr for Name {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Name, &'static str> {
        let fits = (1..=256).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        if fits {
            Ok(Name(text.to_owned()))
        } else {
            Err("a name is 1 to 256 visible ASCII characters")
        }
    }
}

pub(super) fn algorithms<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<SignatureAlgorithm>, D::Error> {
    let algorithms = Vec::deserialize(deserializer)?;
    judge_algorithms(&algorithms).map_err(D::Error::custom)?;
    Ok(algorithms)
}

pub(super) fn hints<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Hint>, D::Error> {
    let hints = Vec::deserialize(deserializer)?;
    judge_hints(&hints).map_err(D::Error::custom)?;
    Ok(hints)
}
