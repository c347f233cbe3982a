//! Reading the file.

use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::misfits::{self, Misfit};
use super::{Config, Paths};
use crate::policy::{Fault, PolicyError, PolicySet};
use crate::webauthn::{ConfigFault, RelyingParty};

/// A configuration that cannot be used. The operator must act.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not there, or cannot be read.
    #[error("cannot read the configuration {path}: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// The system's reason.
        reason: String,
    },
    /// Lines of the file say something wrong; each is listed, with a correct form.
    #[error(
        "{listed}Check it again, without starting anything: twostep config check {path}",
        listed = listed(path, misfits)
    )]
    Invalid {
        /// The file.
        path: String,
        /// All faults, in the order of the lines.
        misfits: Vec<Misfit>,
    },
    /// A variable of the environment cannot be meant.
    #[error("{name}: {message}")]
    Environment {
        /// The variable.
        name: &'static str,
        /// The fault.
        message: &'static str,
    },
}

impl Config {
    /// Reads the configuration: this file, or the one in its usual place if it is there.
    /// `TWOSTEP_SOCKET` wins over both.
    ///
    /// # Errors
    /// [`ConfigError`] if a file that is named, or exists in the usual place, cannot be read or
    /// does not parse.
    pub fn load(path: Option<&Path>) -> Result<Config, ConfigError> {
        let mut config = match path {
            Some(path) => Config::read(path)?,
            None => Config::read_if_there(&Paths::of_this_process().config)?,
        };
        if let Some(socket) = std::env::var_os("TWOSTEP_SOCKET") {
            config.socket.path = Some(PathBuf::from(socket));
        }
        Ok(config)
    }

    /// Reads the configuration of the agent that listens on this socket, from its usual place; the
    /// defaults if there is no file.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn of_agent_behind(socket: &Path) -> Result<Config, ConfigError> {
        Config::read_if_there(&Paths::of_this_process().config_behind(socket))
    }

    fn read_if_there(path: &Path) -> Result<Config, ConfigError> {
        match path.try_exists() {
            Ok(false) => Ok(Config::default()),
            _ => Config::read(path),
        }
    }

    fn read(path: &Path) -> Result<Config, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable {
            path: path.display().to_string(),
            reason: error.to_string(),
        })?;
        Config::parse(&text, path)?.with_policy_file()
    }

    /// Reads the text of a configuration file; `path` is for messages, and where relative paths in
    /// it begin.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`], with all faults.
    pub fn parse(text: &str, path: &Path) -> Result<Config, ConfigError> {
        let policies = PolicySet::among_others(text);
        let parsed = misfits::parsed(text).and_then(|config| contradictions(text, config));
        let (mut config, policies) = match (parsed, policies) {
            (Ok(config), Ok(policies)) => (config, policies),
            (parsed, policies) => {
                let mut misfits = parsed.err().unwrap_or_default();
                let known: Vec<usize> = misfits.iter().map(|misfit| misfit.line).collect();
                let refused = policies.err().map(|error| refused(text, &error));
                let refused = refused.into_iter().flatten();
                misfits.extend(refused.filter(|misfit| !known.contains(&misfit.line)));
                misfits.sort_by_key(|misfit| misfit.line);
                return Err(ConfigError::Invalid { path: path.display().to_string(), misfits });
            }
        };
        config.policies = policies;
        let base = path.parent().unwrap_or(Path::new(""));
        let keys = &mut config.security_keys;
        let metadata = keys
            .metadata
            .as_mut()
            .into_iter()
            .flat_map(|metadata| [&mut metadata.blob, &mut metadata.root]);
        let places = [
            &mut config.socket.path,
            &mut config.verify_socket.path,
            &mut config.store.key_file,
            &mut config.store.password_file,
            &mut config.store.ca_file,
            &mut config.policy_file,
        ];
        let relative = places.into_iter().flatten().chain(&mut keys.trust).chain(metadata);
        for path in relative
            .chain(config.tls.as_mut().into_iter().flat_map(|tls| [&mut tls.cert, &mut tls.key]))
        {
            *path = base.join(&*path);
        }
        Ok(config)
    }

    fn with_policy_file(mut self) -> Result<Config, ConfigError> {
        let Some(path) = &self.policy_file else { return Ok(self) };
        let unreadable =
            |reason: String| ConfigError::Unreadable { path: path.display().to_string(), reason };
        if self.policies.names().next().is_some() {
            return Err(unreadable(
                "the configuration has policies itself: keep them in one place".to_owned(),
            ));
        }
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
        self.policies = PolicySet::from_toml(&text).map_err(|error| {
            let misfits = refused(&text, &error);
            ConfigError::Invalid { path: path.display().to_string(), misfits }
        })?;
        Ok(self)
    }
}

/// Refuses values that do not go together.
fn contradictions(text: &str, config: Config) -> Result<Config, Vec<Misfit>> {
    let at = |line: usize, message| vec![Misfit::on(text, line.saturating_add(1), message)];
    RelyingParty::new(config.terms()).map_err(|fault| {
        let (keys, value) = keys_of(&fault);
        at(line_of(text, keys, value), fault.to_string())
    })?;
    match config.security_keys.contradiction() {
        Some((key, message)) => {
            Err(at(line_of(text, &[&["security_keys", key]], None), message.to_owned()))
        }
        None => Ok(config),
    }
}

/// The policies that are refused.
fn refused(text: &str, error: &PolicyError) -> Vec<Misfit> {
    let misfit = |fault: &Fault| {
        let policy = fault.policy.as_ref().map(|name| format!("policy {name}: "));
        let message = format!("{}{}", policy.unwrap_or_default(), fault.message);
        Misfit::on(text, fault.line, message)
    };
    error.faults().iter().map(misfit).collect()
}

/// Each fault with its file, and a new line behind it.
fn listed(path: &str, misfits: &[Misfit]) -> String {
    misfits.iter().map(|misfit| format!("{path}, {misfit}\n")).collect()
}

/// The keys that a fault of several values is about, the most likely first, and the value in them.
fn keys_of(fault: &ConfigFault) -> (&'static [&'static [&'static str]], Option<&str>) {
    match fault {
        ConfigFault::ForeignOrigin { origin, .. } => (&[&["origins"], &["rp_id"]], Some(origin)),
        _ => (&[&["origins"]], None),
    }
}

/// The line, counted from 0, of the first of these keys that the file has, or of the value in its
/// list. A key that is missing has a default, which contradicts what is there.
fn line_of(text: &str, keys: &[&[&str]], value: Option<&str>) -> usize {
    let Ok(document) = DeTable::parse(text) else { return 0 };
    let start = keys
        .iter()
        .find_map(|key| place_of(document.get_ref(), key, value))
        .unwrap_or(0);
    text.get(..start).unwrap_or_default().matches('\n').count()
}

fn place_of(table: &DeTable<'_>, key: &[&str], value: Option<&str>) -> Option<usize> {
    let (first, rest) = key.split_first()?;
    let (name, found) = table.iter().find(|(name, _)| name.get_ref() == first)?;
    match (found.get_ref(), rest) {
        (DeValue::Table(table), [_, ..]) => place_of(table, rest, value),
        (DeValue::Array(list), []) => {
            let item = list.iter().find(|item| item.get_ref().as_str() == value && value.is_some());
            Some(item.map_or(name.span().start, |item| item.span().start))
        }
        (_, []) => Some(name.span().start),
        _ => None,
    }
}
