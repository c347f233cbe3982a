//! The configuration: one TOML file in which every key has a default and an unknown key is an
//! error.
//!
//! Parsing refuses an invalid value and names its line: a number out of range, a user that the
//! system does not know, an address. [`Config::problems`] reports faults that depend on the
//! machine.

mod accounts;
mod aws;
mod console;
mod events;
mod forward;
mod load;
mod local;
mod misfits;
mod paths;
mod problems;
pub mod reference;
mod rules;
mod security_keys;
mod service;
mod store;
mod values;

pub use crate::agent::events::{EventKind, WebhookUrl};
pub use crate::agent::program::Program;
pub use crate::wire::Role;
pub use accounts::{AccountsConfig, Fold};
pub use aws::AwsConfig;
pub use console::{ConsoleConfig, ConsoleService, ReceivePath, ServiceName};
pub use events::EventsConfig;
pub use forward::{ForwardConfig, SignIn};
pub use load::ConfigError;
pub use local::{AccountPrefix, LocalConfig, Minutes, PresenceConfig, VerifySocketConfig};
pub use misfits::Misfit;
pub use paths::Paths;
pub use rules::{AccountPattern, PeerRule, Who};
pub use security_keys::{MetadataConfig, SecurityKeysConfig};
pub use service::Service;
pub use store::{PostgresUrl, StoreConfig, StoreUrl};
pub use values::{GroupId, LogFormat, LogLevel, MetricsAccess, SocketMode, UserId};

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;

use serde::Deserialize;

use crate::policy::PolicySet;
use crate::session::{LONGEST_LIFETIME, SHORTEST_LIFETIME, SigningAlgorithm};
use crate::webauthn::{HostName, OriginPattern, RpId};
use values::within;

/// The configuration of an agent. [`Config::load`] reads it; `Config::default()` applies without a
/// file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// The name under which contexts are issued (`iss`), and the audience of a context that names
    /// none.
    #[serde(deserialize_with = "values::name")]
    pub issuer: String,
    /// The name of the service in authenticator apps and in the dialogs of security keys; none: the
    /// issuer.
    #[serde(deserialize_with = "values::display_name")]
    pub display_name: Option<String>,
    /// For whom contexts may be issued, beside the issuer itself. Empty: for anybody.
    #[serde(deserialize_with = "values::names")]
    pub audiences: Vec<String>,
    /// The RP ID of security keys.
    #[serde(deserialize_with = "values::spelled")]
    pub rp_id: RpId,
    /// The origins in which security keys may be used: of pages, where `:*` at the end stands for
    /// any port, and of Android apps.
    #[serde(deserialize_with = "values::list")]
    pub origins: Vec<OriginPattern>,
    /// Addresses to serve over TCP, beside the Unix socket.
    pub listen: Vec<SocketAddr>,
    /// Serves other addresses than loopback without TLS.
    pub insecure_listen: bool,
    /// The names by which programs reach the agent over TCP without TLS, beside `localhost` and
    /// addresses.
    #[serde(deserialize_with = "values::list")]
    pub hosts: Vec<HostName>,
    /// Every local user may enrol devices for the account of their own login name.
    pub local_users: bool,
    /// Every caller hears why it was refused; otherwise administrators, local users for the account
    /// of their own login name, and callers whose rule or API key says `explain`.
    pub explain: bool,
    /// Access to `/metrics`.
    pub metrics: MetricsAccess,
    /// The Unix socket.
    pub socket: SocketConfig,
    /// The second Unix socket, for programs that verify.
    pub verify_socket: VerifySocketConfig,
    /// Sessions that the agent remembers for people at this machine.
    pub local: LocalConfig,
    /// Sessions that last only as long as a key stays plugged in.
    pub presence: PresenceConfig,
    /// The store.
    pub store: StoreConfig,
    /// The certificate for TCP.
    pub tls: Option<TlsConfig>,
    /// Contexts, and how their refusal is timed.
    pub sessions: SessionsConfig,
    /// The terms on which security keys are accepted.
    pub security_keys: SecurityKeysConfig,
    /// Listeners for changes of devices.
    pub events: EventsConfig,
    /// Comparison of account names.
    pub accounts: AccountsConfig,
    /// Limits on callers.
    pub limits: LimitsConfig,
    /// Logging.
    pub log: LogConfig,
    /// Policies by name, for proxies and other programs that ask about a request.
    #[serde(rename = "policy", deserialize_with = "forward::read_apart")]
    pub policies: PolicySet,
    /// A file with policies, instead of policies here.
    pub policy_file: Option<PathBuf>,
    /// Answers to proxies beside yes and no.
    pub forward: ForwardConfig,
    /// Pages for people.
    pub console: ConsoleConfig,
    /// The IAM and STS interfaces of AWS.
    pub aws: AwsConfig,
    /// Rights of local users. The first rule that matches decides.
    #[serde(rename = "peer")]
    pub peers: Vec<PeerRule>,
}

/// The Unix socket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SocketConfig {
    /// The path. Default: see [`Paths`].
    pub path: Option<PathBuf>,
    /// The permissions of the socket.
    pub mode: SocketMode,
    /// The owner of the socket; only root can give it away.
    pub owner: Option<UserId>,
    /// The group of the socket.
    pub group: Option<GroupId>,
}

/// The certificate for TCP.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TlsConfig {
    /// The certificate chain in PEM, the agent's own first.
    pub cert: PathBuf,
    /// The private key in PEM.
    pub key: PathBuf,
}

/// Contexts, and how their refusal is timed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SessionsConfig {
    /// The default lifetime of a context, in seconds.
    #[serde(deserialize_with = "within::<_, _, SHORTEST, LONGEST>")]
    pub default_seconds: u64,
    /// Refusals leave at multiples of this after the request came.
    #[serde(deserialize_with = "within::<_, _, 1, 5_000>")]
    pub refusal_interval_ms: u64,
    /// The algorithm that signs sessions: a key of another algorithm is replaced at the start.
    /// Default: EdDSA for the first key.
    #[serde(deserialize_with = "values::optional")]
    pub algorithm: Option<SigningAlgorithm>,
}

/// Limits on callers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct LimitsConfig {
    /// The most devices that an account may have in use. Pending ones do not count.
    #[serde(deserialize_with = "within::<_, _, 1, 1_000>")]
    pub devices_per_account: usize,
    /// The most pending devices of an account; one more replaces the oldest.
    #[serde(deserialize_with = "within::<_, _, 1, 1_000>")]
    pub pending_devices_per_account: usize,
    /// The most requests of a caller each second, on average.
    pub requests_per_second: NonZeroU32,
    /// The most requests of a caller at once, after a pause.
    pub burst: NonZeroU32,
    /// The most requests that are handled at the same time, of administrators and of all others
    /// each; more wait.
    #[serde(deserialize_with = "within::<_, _, 1, 65_536>")]
    pub concurrency: u32,
    /// The most requests of one caller among them.
    #[serde(deserialize_with = "within::<_, _, 1, 65_536>")]
    pub concurrency_per_caller: u32,
    /// The most connections at the same time: of administrators on the Unix socket, of others
    /// there, and on TCP each; a quarter on the second socket. One user or address holds as many
    /// as it leaves free.
    #[serde(deserialize_with = "within::<_, _, 4, 65_536>")]
    pub connections: u32,
    /// After how long a request is given up.
    #[serde(deserialize_with = "within::<_, _, 1, 600>")]
    pub request_timeout_seconds: u64,
    /// Within how long the head of a request must have come, and the next request on a connection.
    #[serde(deserialize_with = "within::<_, _, 1, 600>")]
    pub header_timeout_seconds: u64,
    /// Within how long the caller must have read an answer, or each MiB of a long one.
    #[serde(deserialize_with = "within::<_, _, 1, 600>")]
    pub answer_timeout_seconds: u64,
}

/// Logging.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct LogConfig {
    /// The least important that is logged.
    pub level: LogLevel,
    /// The format of a line.
    pub format: LogFormat,
    /// The line of a request names the account that it concerns, as far as that is known: a name
    /// that was typed into the wrong field, too.
    pub accounts: bool,
}

impl Config {
    /// A commented file in which every value is the default.
    pub const EXAMPLE: &str = include_str!("../../../packaging/twostep.toml");

    /// Returns the name of the service that people see.
    pub fn display_name(&self) -> &str {
        self.display_name.as_deref().unwrap_or(&self.issuer)
    }

    /// Returns the path of the Unix socket.
    pub fn socket_path(&self) -> PathBuf {
        self.socket.path.clone().unwrap_or_else(|| Paths::of_this_process().socket)
    }

    /// Returns the store.
    pub fn store_url(&self) -> StoreUrl {
        self.store
            .url
            .clone()
            .unwrap_or_else(|| StoreUrl::Sqlite(Paths::of_this_process().state.join("twostep.db")))
    }

    /// Returns the path of the sealing keys.
    pub fn key_file(&self) -> PathBuf {
        self.store
            .key_file
            .clone()
            .unwrap_or_else(|| Paths::of_this_process().key_file())
    }

    /// Writes out the places that it leaves to the user and the environment of this process.
    #[cfg(feature = "cli")]
    pub(crate) fn with_its_places(mut self) -> Config {
        let verify = self.verify_socket();
        self.verify_socket.enabled = Some(verify.is_some());
        self.verify_socket.path = verify.and_then(|socket| socket.path);
        self.socket.path = Some(self.socket_path());
        self.store.url = Some(self.store_url());
        self.store.key_file = Some(self.key_file());
        self
    }

    /// Returns whether the agent creates the sealing key itself, because its path is the default
    /// and no credential of systemd.
    pub(crate) fn makes_its_key(&self) -> bool {
        self.store.key_file.is_none() && self.key_file() == Paths::of_this_process().own_key_file()
    }

    /// Returns whether a context may be issued for `audience`.
    pub fn allows_audience(&self, audience: &str) -> bool {
        self.audiences.is_empty()
            || audience == self.issuer
            || self.audiences.iter().any(|allowed| allowed == audience)
    }

    /// The first rule for this user. None for those who have no rule.
    pub fn peer_rule(&self, uid: u32, groups: &[u32]) -> Option<&PeerRule> {
        self.peers.iter().find(|rule| rule.is_for(uid, groups))
    }

    /// The addresses that would carry API keys and codes over a network in the clear.
    pub(crate) fn exposed_addresses(&self) -> impl Iterator<Item = &SocketAddr> {
        let bare = self.tls.is_none() && !self.insecure_listen;
        self.listen.iter().filter(move |address| bare && !is_loopback(address.ip()))
    }
}

/// Returns whether the address is reachable from this machine only.
pub(crate) fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

impl LimitsConfig {
    /// Returns how many requests of administrators are handled at the same time, beside those of
    /// others.
    pub(crate) fn of_administrators(&self) -> u32 {
        self.concurrency.max(4)
    }

    /// Returns the limit of connections on the second socket: the same number for root and for all
    /// others together.
    pub(crate) fn to_verify(&self) -> u32 {
        (self.connections / 4).max(4)
    }
}

impl Default for Config {
    fn default() -> Config {
        Config {
            issuer: "twostep".to_owned(),
            display_name: None,
            audiences: Vec::new(),
            rp_id: RpId::localhost(),
            origins: vec![OriginPattern::localhost()],
            listen: Vec::new(),
            insecure_listen: false,
            hosts: Vec::new(),
            local_users: false,
            explain: false,
            metrics: MetricsAccess::default(),
            socket: SocketConfig::default(),
            verify_socket: VerifySocketConfig::default(),
            local: LocalConfig::default(),
            presence: PresenceConfig::default(),
            store: StoreConfig::default(),
            tls: None,
            sessions: SessionsConfig::default(),
            security_keys: SecurityKeysConfig::default(),
            events: EventsConfig::default(),
            accounts: AccountsConfig::default(),
            limits: LimitsConfig::default(),
            log: LogConfig::default(),
            policies: PolicySet::default(),
            policy_file: None,
            forward: ForwardConfig::default(),
            console: ConsoleConfig::default(),
            aws: AwsConfig::default(),
            peers: Vec::new(),
        }
    }
}

impl Default for SessionsConfig {
    fn default() -> SessionsConfig {
        SessionsConfig { default_seconds: 3_600, refusal_interval_ms: 50, algorithm: None }
    }
}

impl Default for LimitsConfig {
    fn default() -> LimitsConfig {
        LimitsConfig {
            devices_per_account: 8,
            pending_devices_per_account: 8,
            requests_per_second: NonZeroU32::new(500).unwrap_or(NonZeroU32::MIN),
            burst: NonZeroU32::new(1_000).unwrap_or(NonZeroU32::MIN),
            concurrency: 256,
            concurrency_per_caller: 64,
            connections: 1_024,
            request_timeout_seconds: 30,
            header_timeout_seconds: 15,
            answer_timeout_seconds: 15,
        }
    }
}

/// The bounds of a context's lifetime, in seconds.
const SHORTEST: u64 = SHORTEST_LIFETIME.as_secs();
const LONGEST: u64 = LONGEST_LIFETIME.as_secs();
