//! The table `[store]`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

use super::values::within;

/// The store.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct StoreConfig {
    /// The store. Unless set: a SQLite file in the state directory.
    pub url: Option<StoreUrl>,
    /// The sealing keys. Unless set: `sealing.key` among systemd's credentials, else in the state
    /// directory.
    pub key_file: Option<PathBuf>,
    /// The password for PostgreSQL, on the first line of a file. Unless set: `store.password` among
    /// systemd's credentials, if it is there.
    pub password_file: Option<PathBuf>,
    /// The certificates in PEM that PostgreSQL's certificate is checked against. Unless set: the
    /// system's.
    pub ca_file: Option<PathBuf>,
    /// PostgreSQL has no standby, on purpose: none is demanded.
    pub single: bool,
    /// The number of connections that write to PostgreSQL.
    #[serde(deserialize_with = "within::<_, _, 1, 16>")]
    pub lanes: u64,
    /// For how many days audit events are kept.
    #[serde(deserialize_with = "within::<_, _, 1, 36_500>")]
    pub audit_days: u64,
}

/// The place of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUrl {
    /// `sqlite:PATH`, an absolute path.
    Sqlite(PathBuf),
    /// `postgres://USER@HOST/DATABASE`.
    Postgres(PostgresUrl),
}

/// A `postgres://` URL, which prints as its hosts and its database.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(String);

impl Default for StoreConfig {
    fn default() -> StoreConfig {
        StoreConfig {
            url: None,
            key_file: None,
            password_file: None,
            ca_file: None,
            single: false,
            lanes: 2,
            audit_days: 400,
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

impl PostgresUrl {
    /// The way to the store, as the rest of the table says.
    #[cfg(feature = "postgres")]
    pub(crate) fn options(
        &self,
        config: &StoreConfig,
    ) -> Result<crate::store::PostgresOptions, crate::store::postgres::BadAddress> {
        let options: crate::store::PostgresOptions = self.0.parse()?;
        let lanes = usize::try_from(config.lanes).unwrap_or(usize::MAX);
        let password = config
            .password_file
            .clone()
            .or_else(|| super::Paths::of_this_process().store_password());
        Ok(options
            .lanes(lanes)
            .single(config.single)
            .password_file(password)
            .root_certificates(config.ca_file.clone()))
    }
}

impl FromStr for StoreUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<StoreUrl, &'static str> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            // Its faults are told without the line, which may hold a password.
            return Ok(StoreUrl::Postgres(PostgresUrl(text.to_owned())));
        }
        let path = text.strip_prefix("sqlite:").ok_or("a store is sqlite:PATH or postgres://…")?;
        match std::path::absolute(path) {
            Ok(path) if path.file_name().is_some() => Ok(StoreUrl::Sqlite(path)),
            _ => Err("sqlite: needs the path of a file behind it"),
        }
    }
}

impl<'de> Deserialize<'de> for StoreUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<StoreUrl, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreUrl::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            StoreUrl::Postgres(url) => url.fmt(f),
        }
    }
}

/// The hosts and the database, and nothing else of the URL.
impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[cfg(feature = "postgres")]
        if let Ok(options) = self.0.parse::<crate::store::PostgresOptions>() {
            return f.write_str(&options.place());
        }
        f.write_str("postgres://…")
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PostgresUrl(..)")
    }
}
