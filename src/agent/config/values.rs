//! The values of single keys, each refused on its own line when it cannot be meant.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use nix::unistd::{Group, User};
use serde::de::Error;
use serde::{Deserialize, Deserializer, de};

use crate::session::SigningAlgorithm;
use crate::webauthn::{ConfigFault, Origin};

/// Where devices are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUrl {
    /// `sqlite:PATH`, an absolute path.
    Sqlite(PathBuf),
    /// `postgres://…`; may hold a password.
    Postgres(PostgresUrl),
}

/// A `postgres://` URL, which prints as nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(String);

/// A user of this system, by name or number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserId(pub u32);

/// A group of this system, by name or number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupId(pub u32);

/// Permissions of a socket, in octal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketMode(pub u32);

/// Who may read `/metrics`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MetricsAccess {
    /// Whoever can connect.
    #[default]
    Open,
    /// Administrators.
    Admin,
    /// Nobody.
    Off,
}

/// The least important that is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What somebody must mend.
    Error,
    /// What somebody should look at.
    Warn,
    /// A line for each request.
    #[default]
    Info,
    /// What the agent does by itself, too.
    Debug,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// A JSON object.
    #[default]
    Json,
    /// Words for a terminal.
    Text,
}

impl FromStr for StoreUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<StoreUrl, &'static str> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(StoreUrl::Postgres(PostgresUrl(text.to_owned())));
        }
        let path = text.strip_prefix("sqlite:").ok_or("a store is sqlite:PATH or postgres://…")?;
        match std::path::absolute(path) {
            Ok(path) if path.file_name().is_some() => Ok(StoreUrl::Sqlite(path)),
            _ => Err("sqlite: needs the path of a file behind it"),
        }
    }
}

impl StoreUrl {
    /// The file of a SQLite store.
    pub fn file(&self) -> Option<&Path> {
        match self {
            StoreUrl::Sqlite(path) => Some(path),
            StoreUrl::Postgres(_) => None,
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreUrl::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            StoreUrl::Postgres(_) => f.write_str("postgres://…"),
        }
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PostgresUrl(..)")
    }
}

impl Default for SocketMode {
    fn default() -> SocketMode {
        SocketMode(0o660)
    }
}

impl<'de> Deserialize<'de> for StoreUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<StoreUrl, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
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
        // The highest number means "nobody" to the system's calls.
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

pub(super) fn algorithm<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SigningAlgorithm>, D::Error> {
    String::deserialize(deserializer)?.parse().map(Some).map_err(D::Error::custom)
}

/// What goes into `iss` and `aud`.
pub(super) fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    if is_name(&name) { Ok(name) } else { Err(D::Error::custom(NOT_A_NAME)) }
}

pub(super) fn names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    if names.iter().all(|name| is_name(name)) {
        Ok(names)
    } else {
        Err(D::Error::custom(NOT_A_NAME))
    }
}

fn is_name(name: &str) -> bool {
    (1..=256).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
}

pub(super) fn rp_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let id = String::deserialize(deserializer)?;
    if is_host(&id) {
        Ok(id)
    } else {
        Err(D::Error::custom("an RP ID is a domain in lower case, like \"example.com\""))
    }
}

pub(super) fn hosts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let hosts = Vec::<String>::deserialize(deserializer)?;
    let all = hosts.iter().all(|host| is_host(host));
    if all {
        Ok(hosts)
    } else {
        Err(D::Error::custom(
            "a host is a name in lower case without a port, like \"mfa.example.com\"",
        ))
    }
}

fn is_host(host: &str) -> bool {
    let label = |label: &str| {
        let allowed = label
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        (1..=63).contains(&label.len())
            && allowed
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= 253 && host.split('.').all(label)
}

/// The origins of pages and of apps.
pub(super) fn origins<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let is_ours = |origin: &str| {
        is_origin(origin) || origin.parse::<Origin>().is_ok_and(|origin| origin.is_app())
    };
    all(deserializer, is_ours, |origin| ConfigFault::Origin(origin.to_owned()))
}

/// The origins of pages.
pub(super) fn page_origins<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<String>, D::Error> {
    all(deserializer, is_origin, |origin| ConfigFault::TopOrigin(origin.to_owned()))
}

fn all<'de, D: Deserializer<'de>>(
    deserializer: D,
    is_one: impl Fn(&str) -> bool,
    fault: fn(&str) -> ConfigFault,
) -> Result<Vec<String>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    match texts.iter().find(|text| !is_one(text)) {
        None => Ok(texts),
        Some(text) => Err(D::Error::custom(fault(text))),
    }
}

/// WebAuthn works in secure contexts only: everywhere with https, on localhost without.
fn is_origin(origin: &str) -> bool {
    let Some((scheme, rest)) = origin.split_once("://") else { return false };
    let (host, port) = rest.split_once(':').unwrap_or((rest, "*"));
    let port = port == "*" || port.parse::<u16>().is_ok_and(|port| port > 0);
    let local = host == "localhost" || host.ends_with(".localhost");
    port && is_host(host) && (scheme == "https" || scheme == "http" && local)
}

const NOT_A_NAME: &str = "a name is 1 to 256 visible ASCII characters";
