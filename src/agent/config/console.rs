//! The console: its address, and the services that its sign-in page serves.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use serde::Deserialize;

use super::values::within;
use super::{Config, is_loopback, values};
use crate::webauthn::{Origin, OriginPattern};

/// Pages on which people manage their devices and sign in.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ConsoleConfig {
    /// The origin of the pages; without one there is no console.
    #[serde(deserialize_with = "values::optional")]
    pub origin: Option<Origin>,
    /// The addresses of its own listener.
    pub listen: Vec<SocketAddr>,
    /// The addresses of reverse proxies whose `X-Forwarded-For` is believed, and which encrypt.
    pub behind: Vec<IpAddr>,
    /// A code opens a session for a person who brings nothing else.
    pub open_codes: bool,
    /// The lifetime of a console session, in minutes.
    #[serde(deserialize_with = "within::<_, _, 15, 720>")]
    pub minutes: u32,
    /// The sentence that is shown where only a person can help.
    #[serde(deserialize_with = "values::display_name")]
    pub help: Option<String>,
    /// The services that the sign-in page serves.
    #[serde(rename = "service")]
    pub services: Vec<ConsoleService>,
}

/// A service that sends people to the sign-in page.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ConsoleService {
    /// The name that people see.
    #[serde(deserialize_with = "values::spelled")]
    pub name: ServiceName,
    /// The origin of the service.
    #[serde(deserialize_with = "values::spelled")]
    pub origin: Origin,
    /// The path on that origin to which the token is posted.
    #[serde(deserialize_with = "values::spelled")]
    pub receive: ReceivePath,
    /// The audience of the token.
    #[serde(deserialize_with = "values::name")]
    pub audience: String,
    /// The name of the policy that a sign-in must meet.
    #[serde(default)]
    pub policy: Option<String>,
}

/// The name of a service, as people see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceName(String);

/// A path that begins with a slash, without query and fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivePath(String);

impl ConsoleConfig {
    /// Returns the lifetime of a console session.
    #[cfg(feature = "console")]
    pub(crate) fn lifetime(&self) -> std::time::Duration {
        std::time::Duration::from_secs(u64::from(self.minutes) * 60)
    }
}

impl ServiceName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ReceivePath {
    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ReceivePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ServiceName {
    type Err = crate::id::BadName;

    fn from_str(text: &str) -> Result<ServiceName, crate::id::BadName> {
        let name: crate::id::DeviceName = text.parse()?;
        Ok(ServiceName(name.into()))
    }
}

impl FromStr for ReceivePath {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<ReceivePath, &'static str> {
        let plain = text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"?#\\\"<>;,'".contains(&byte));
        // Two slashes at the beginning would name another host.
        if text.starts_with('/') && !text.starts_with("//") && plain {
            Ok(ReceivePath(text.to_owned()))
        } else {
            Err("a path begins with one slash and has no query, like \"/mfa\"")
        }
    }
}

impl Config {
    /// Lists what does not fit together in the settings of the console.
    pub(super) fn console_problems(&self) -> Vec<String> {
        let Some(origin) = &self.console.origin else { return Vec::new() };
        let mut problems = Vec::new();
        if cfg!(not(feature = "console")) {
            problems.push("console.origin: the console is not built into this version".to_owned());
        }
        if !self.origins.iter().any(|known| OriginPattern::matches(known, origin)) {
            problems.push(format!(
                "console.origin: security keys would not work there: add {origin} to origins"
            ));
        } else if !origin.may_use(self.rp_id.as_str()) {
            problems.push(format!(
                "console.origin: its host is neither the RP ID {:?} nor below it",
                self.rp_id.as_str()
            ));
        }
        if let Some(address) = self.exposed_console_addresses().next() {
            problems.push(format!(
                "console.listen: {address} can be reached from other machines, and codes would \
                 travel in the clear: set tls.cert and tls.key, or insecure_listen = true where \
                 something else encrypts"
            ));
        }
        if self.console.listen.is_empty() {
            problems.push("console.listen: name an address, like 127.0.0.1:7443".to_owned());
        }
        for service in &self.console.services {
            let name = &service.name;
            if let Some(policy) = service.policy.as_ref().filter(|name| !self.has_policy(name)) {
                problems.push(format!("console.service {name}: there is no policy {policy}"));
            }
            if !self.allows_audience(&service.audience) {
                problems.push(format!(
                    "console.service {name}: the agent issues nothing for the audience {}: add it \
                     to audiences",
                    service.audience
                ));
            }
            if service.origin == *origin {
                problems.push(format!(
                    "console.service {name}: its origin is the console's own: a service has \
                     another one"
                ));
            }
        }
        problems
    }

    /// The addresses of the console that would carry codes over a network in the clear.
    pub(crate) fn exposed_console_addresses(&self) -> impl Iterator<Item = &SocketAddr> {
        let bare = !self.console_has_tls() && !self.insecure_listen;
        let listen = self.console.origin.iter().flat_map(|_| &self.console.listen);
        listen.filter(move |address| bare && !is_loopback(address.ip()))
    }

    /// `true` if the console's listener encrypts: a certificate is there, the origin is `https`,
    /// and no reverse proxy does it.
    pub(crate) fn console_has_tls(&self) -> bool {
        let secure = self.console.origin.as_ref().is_some_and(Origin::is_secure);
        self.tls.is_some() && secure && self.console.behind.is_empty()
    }

    fn has_policy(&self, name: &str) -> bool {
        self.policies.get(name).is_some()
    }
}

impl Default for ConsoleConfig {
    fn default() -> ConsoleConfig {
        ConsoleConfig {
            origin: None,
            listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 7443))],
            behind: Vec::new(),
            open_codes: false,
            minutes: 60,
            help: None,
            services: Vec::new(),
        }
    }
}
