//! The configuration: one TOML file in which every key has a default and an unknown key is an
//! error.
//!
//! Whatever cannot be meant is refused while the file is read, with the line it stands on: a number
//! out of range, a user the system does not know, an address. What depends on the machine is told
//! by [`Config::problems`].

mod accounts;
mod events;
mod forward;
mod load;
mod local;
mod paths;
mod problems;
mod rules;
mod security_keys;
mod service;
mod values;

pub use crate::agent::events::{EventKind, WebhookUrl};
pub use crate::agent::program::Program;
pub use crate::wire::Role;
pub use accounts::{AccountsConfig, Fold};
pub use events::EventsConfig;
pub use forward::{ForwardConfig, SignIn};
pub use load::ConfigError;
pub use local::{LocalConfig, Minutes, PresenceConfig, VerifySocketConfig};
pub use paths::Paths;
pub use rules::{AccountPattern, PeerRule, Who};
pub use security_keys::{MetadataConfig, SecurityKeysConfig};
pub use service::Service;
pub use values::{GroupId, LogFormat, LogLevel, MetricsAccess, SocketMode, StoreUrl, UserId};

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;

use serde::Deserialize;

use crate::policy::PolicySet;
use crate::session::{LONGEST_LIFETIME, SHORTEST_LIFETIME, SigningAlgorithm};
use crate::webauthn::{HostName, OriginPattern, RpId};
use values::within;

/// How an agent runs. [`Config::load`] reads it; `Config::default()` is what runs without a file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// The name under which contexts are issued (`iss`), and the audience of a context that names
    /// none.
    #[serde(deserialize_with = "values::name")]
    pub issuer: String,
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
    /// Every caller hears why it was refused.
    pub explain: bool,
    /// Who may read `/metrics`.
    pub metrics: MetricsAccess,
    /// The Unix socket.
    pub socket: SocketConfig,
    /// The second Unix socket, for programs that verify.
    pub verify_socket: VerifySocketConfig,
    /// What is remembered of the people at this machine.
    pub local: LocalConfig,
    /// Sessions that last only as long as a key stays plugged in.
    pub presence: PresenceConfig,
    /// Where devices are kept.
    pub store: StoreConfig,
    /// The certificate for TCP.
    pub tls: Option<TlsConfig>,
    /// Contexts, and how their refusal is timed.
    pub sessions: SessionsConfig,
    /// Which security keys are taken, and on which terms.
    pub security_keys: SecurityKeysConfig,
    /// Who is told what happens to devices.
    pub events: EventsConfig,
    /// How account names are compared.
    pub accounts: AccountsConfig,
    /// What a caller may ask for.
    pub limits: LimitsConfig,
    /// What is logged.
    pub log: LogConfig,
    /// Policies by name, for proxies and other programs that ask about somebody's request.
    #[serde(rename = "policy", deserialize_with = "forward::read_apart")]
    pub policies: PolicySet,
    /// A file with policies, instead of policies here.
    pub policy_file: Option<PathBuf>,
    /// What proxies are told beside yes and no.
    pub forward: ForwardConfig,
    /// Which local users may do what. The first rule that fits decides.
    #[serde(rename = "peer")]
    pub peers: Vec<PeerRule>,
}

/// The Unix socket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SocketConfig {
    /// Where it is. Unless set: see [`Paths`].
    pub path: Option<PathBuf>,
    /// Who may connect, as the system's permissions have it.
    pub mode: SocketMode,
    /// Whose it is; only root can give it away.
    pub owner: Option<UserId>,
    /// Which group it belongs to.
    pub group: Option<GroupId>,
}

/// Where devices are kept.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct StoreConfig {
    /// The store. Unless set: a SQLite file in the state directory.
    pub url: Option<StoreUrl>,
    /// The sealing keys. Unless set: `sealing.key` among systemd's credentials, else in the state
    /// directory.
    pub key_file: Option<PathBuf>,
    /// For how many days audit events are kept.
    #[serde(deserialize_with = "within::<_, _, 1, 36_500>")]
    pub audit_days: u64,
}

/// The certificate for TCP.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TlsConfig {
    /// The certificate chain in PEM, the agent's own first.
    pub cert: PathBuf,
    /// Its private key in PEM.
    pub key: PathBuf,
}

/// Contexts, and how their refusal is timed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SessionsConfig {
    /// How long a context is valid if nobody says.
    #[serde(deserialize_with = "within::<_, _, SHORTEST, LONGEST>")]
    pub default_seconds: u64,
    /// Refusals leave at multiples of this after the request came.
    #[serde(deserialize_with = "within::<_, _, 1, 5_000>")]
    pub refusal_interval_ms: u64,
    /// How sessions are signed: a key that signs otherwise is replaced at the start. Unless set,
    /// the first key is EdDSA.
    #[serde(deserialize_with = "values::optional")]
    pub algorithm: Option<SigningAlgorithm>,
}

/// What a caller may ask for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct LimitsConfig {
    /// How many devices an account may have in use. Pending ones do not count.
    #[serde(deserialize_with = "within::<_, _, 1, 1_000>")]
    pub devices_per_account: usize,
    /// How many pending devices an account has at most; at one more the oldest gives way.
    #[serde(deserialize_with = "within::<_, _, 1, 1_000>")]
    pub pending_devices_per_account: usize,
    /// How many requests a caller may make each second, on average.
    pub requests_per_second: NonZeroU32,
    /// How many it may make at once after a pause.
    pub burst: NonZeroU32,
    /// How many requests are worked on at the same time; others wait.
    #[serde(deserialize_with = "within::<_, _, 1, 65_536>")]
    pub concurrency: u32,
    /// How many connections are open at the same time, on the Unix socket and on TCP each; half as
    /// many on the second one.
    #[serde(deserialize_with = "within::<_, _, 4, 65_536>")]
    pub connections: u32,
    /// After how long a request is given up.
    #[serde(deserialize_with = "within::<_, _, 1, 600>")]
    pub request_timeout_seconds: u64,
    /// Within how long the head of a request must have come, and the next request on a connection.
    #[serde(deserialize_with = "within::<_, _, 1, 600>")]
    pub header_timeout_seconds: u64,
}

/// What is logged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct LogConfig {
    /// The least important that is logged.
    pub level: LogLevel,
    /// How a line looks.
    pub format: LogFormat,
}

impl Config {
    /// A commented file in which every value is the default.
    pub const EXAMPLE: &str = include_str!("../twostep.toml");

    /// Where the Unix socket is.
    pub fn socket_path(&self) -> PathBuf {
        self.socket.path.clone().unwrap_or_else(|| Paths::of_this_process().socket)
    }

    /// Where devices are kept.
    pub fn store_url(&self) -> StoreUrl {
        self.store
            .url
            .clone()
            .unwrap_or_else(|| StoreUrl::Sqlite(Paths::of_this_process().state.join("twostep.db")))
    }

    /// Where the sealing keys are.
    pub fn key_file(&self) -> PathBuf {
        self.store
            .key_file
            .clone()
            .unwrap_or_else(|| Paths::of_this_process().key_file())
    }

    /// Whether the sealing keys are where an agent makes one by itself, and not where an operator
    /// or systemd has put them.
    pub(crate) fn makes_its_key(&self) -> bool {
        self.store.key_file.is_none() && self.key_file() == Paths::of_this_process().own_key_file()
    }

    /// Whether a context may be issued for `audience`.
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

/// Whether nobody outside this machine reaches the address.
pub(crate) fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

impl LimitsConfig {
    /// How many connections are open on the second socket: so many of root's, and as many of all
    /// others.
    pub(crate) fn to_verify(&self) -> u32 {
        (self.connections / 4).max(4)
    }
}

impl Default for Config {
    fn default() -> Config {
        Config {
            issuer: "twostep".to_owned(),
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
            peers: Vec::new(),
        }
    }
}

impl Default for StoreConfig {
    fn default() -> StoreConfig {
        StoreConfig { url: None, key_file: None, audit_days: 400 }
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
            connections: 1_024,
            request_timeout_seconds: 30,
            header_timeout_seconds: 15,
        }
    }
}

/// The bounds of a context's lifetime, in seconds.
const SHORTEST: u64 = SHORTEST_LIFETIME.as_secs();
const LONGEST: u64 = LONGEST_LIFETIME.as_secs();
