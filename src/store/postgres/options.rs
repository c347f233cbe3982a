//! Settings of a PostgreSQL store.

use std::path::PathBuf;
use std::str::FromStr;

use tokio_postgres::Config;
use tokio_postgres::config::Host;
use zeroize::Zeroizing;

use super::connect_error::ConnectError;
use crate::store::links::sha256_hex;

/// The way to a PostgreSQL store, and the promises that are demanded of it.
#[derive(Clone)]
pub struct PostgresOptions {
    pub(super) config: Config,
    pub(super) password_file: Option<PathBuf>,
    pub(super) roots: Option<PathBuf>,
    pub(super) lanes: usize,
    pub(super) single: bool,
    pub(super) state: Option<PathBuf>,
    /// A digest in hex, which no server takes for more than a word.
    pub(super) machine: String,
    pub(super) tells_time: bool,
}

/// The text is no address of a PostgreSQL store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// The text has another form.
    #[error("{0}; an address looks like postgres://USER@HOST:PORT/DATABASE")]
    Form(String),
    /// A password in the address is seen by other programs.
    #[error("an address has no password: write it to a file, and name the file")]
    Password,
}

impl PostgresOptions {
    /// The most lanes: more only wait for one disk.
    pub const MOST_LANES: usize = 16;

    /// Sets the number of connections that write; two unless it is set.
    #[must_use]
    pub fn lanes(self, lanes: usize) -> PostgresOptions {
        PostgresOptions { lanes: lanes.clamp(1, PostgresOptions::MOST_LANES), ..self }
    }

    /// Says that the server has no standby on purpose: none is demanded.
    #[must_use]
    pub fn single(self, single: bool) -> PostgresOptions {
        PostgresOptions { single, ..self }
    }

    /// Sets the file whose first line is the password.
    #[must_use]
    pub fn password_file(self, file: Option<PathBuf>) -> PostgresOptions {
        PostgresOptions { password_file: file, ..self }
    }

    /// Sets the file with the certificates, in PEM, that the servers' certificates are checked
    /// against; the system's own without it.
    #[must_use]
    pub fn root_certificates(self, file: Option<PathBuf>) -> PostgresOptions {
        PostgresOptions { roots: file, ..self }
    }

    /// Sets the folder in which the store notes what it has acknowledged, across restarts.
    #[must_use]
    pub fn state_directory(self, folder: Option<PathBuf>) -> PostgresOptions {
        PostgresOptions { state: folder, ..self }
    }

    /// Names this machine, whose highest time is kept apart from that of others; by default after
    /// `/etc/machine-id`.
    #[must_use]
    pub fn machine(self, name: &str) -> PostgresOptions {
        PostgresOptions { machine: sha256_hex(&[b"twostep machine ", name.as_bytes()]), ..self }
    }

    /// Tells no time of the server, for tests with a clock of their own.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn without_clock(self) -> PostgresOptions {
        PostgresOptions { tells_time: false, ..self }
    }

    /// True for an address of a PostgreSQL store, of any form.
    pub fn is_address(text: &str) -> bool {
        SCHEMES.iter().any(|scheme| text.starts_with(scheme))
    }

    /// The configuration of a connection, with the password.
    pub(super) fn config(&self) -> Result<Config, ConnectError> {
        let mut config = self.config.clone();
        if let Some(file) = &self.password_file {
            let unread = |reason: String| ConnectError::Password {
                file: file.display().to_string(),
                reason,
            };
            let text = std::fs::read_to_string(file).map_err(|error| unread(error.to_string()))?;
            let text = Zeroizing::new(text);
            match text.lines().next() {
                Some(password) if !password.is_empty() => config.password(password),
                _ => return Err(unread("its first line is empty".to_owned())),
            };
        }
        Ok(config)
    }

    /// The place in words: hosts and database, without a secret.
    pub fn place(&self) -> String {
        let ports = self.config.get_ports();
        let mut hosts = Vec::new();
        for (number, host) in self.config.get_hosts().iter().enumerate() {
            let port = ports.get(number).or(ports.first()).copied().unwrap_or(DEFAULT_PORT);
            hosts.push(match host {
                Host::Tcp(name) if name.contains(':') => format!("[{name}]:{port}"),
                Host::Tcp(name) => format!("{name}:{port}"),
                #[cfg(unix)]
                Host::Unix(folder) => format!("{}:{port}", folder.display()),
            });
        }
        let database = self.config.get_dbname().or(self.config.get_user()).unwrap_or_default();
        format!("postgres://{}/{database}", hosts.join(","))
    }
}

impl FromStr for PostgresOptions {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<PostgresOptions, BadAddress> {
        if !PostgresOptions::is_address(text) {
            return Err(BadAddress::Form("it begins with postgres://".to_owned()));
        }
        let config: Config = text.parse().map_err(|error: tokio_postgres::Error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            BadAddress::Form(cause.unwrap_or_else(|| error.to_string()))
        })?;
        if config.get_password().is_some() {
            return Err(BadAddress::Password);
        }
        if config.get_hosts().is_empty() {
            return Err(BadAddress::Form("it names no host".to_owned()));
        }
        let options = PostgresOptions {
            config,
            password_file: None,
            roots: None,
            lanes: 2,
            single: false,
            state: None,
            machine: String::new(),
            tells_time: true,
        };
        Ok(options.machine(&std::fs::read_to_string(MACHINE).unwrap_or_default()))
    }
}

impl std::fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("place", &self.place())
            .finish_non_exhaustive()
    }
}

const MACHINE: &str = "/etc/machine-id";

const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

const DEFAULT_PORT: u16 = 5432;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_hosts_and_a_database() {
        for (text, place) in [
            ("postgres://twostep@db1,db2:5433/mfa", "postgres://db1:5432,db2:5433/mfa"),
            ("postgresql://twostep@127.0.0.1/mfa", "postgres://127.0.0.1:5432/mfa"),
            ("postgres://twostep@%2Frun%2Fpg/mfa", "postgres:///run/pg:5432/mfa"),
        ] {
            assert_eq!(text.parse::<PostgresOptions>().unwrap().place(), place);
        }
    }

    #[test]
    fn an_address_with_a_password_is_refused_without_repeating_it() {
        for text in
            ["postgres://twostep:hunter2@db1/mfa", "postgres://twostep@db1/mfa?password=hunter2"]
        {
            let error = text.parse::<PostgresOptions>().unwrap_err();
            assert_eq!(error, BadAddress::Password);
        }
        let error = "postgres://twostep:hunter2@db1/mfa?no=1".parse::<PostgresOptions>();
        assert!(!error.unwrap_err().to_string().contains("hunter2"));
    }

    #[test]
    fn other_texts_are_no_address() {
        for text in ["", "mfa.db", "postgres:/x", "postgres://", "postgres://twostep@/mfa"] {
            assert!(matches!(text.parse::<PostgresOptions>(), Err(BadAddress::Form(_))), "{text}");
        }
    }
}
