//! Connections to the servers of a store.
//!
//! Each host is dialled by itself under a deadline: one that accepts and never answers keeps no
//! other from being tried. The first that takes writes and promises to keep them wins.

use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Mutex;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::error::Severity;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::fault::error_of;
use super::options::PostgresOptions;
use super::tags::Tags;
use super::{checks, roots};
use crate::store::{Error, random};

/// The way to the servers, and the tags of the store on them.
pub(super) struct Dial {
    options: PostgresOptions,
    tags: Arc<Tags>,
    /// The last failure, and how long it stands. One caller dials at a time.
    failed: Mutex<Option<(Instant, Duration, Error)>>,
}

/// A connection, which ends when it is dropped.
pub(super) struct Link {
    pub(super) client: Client,
    pub(super) tags: Arc<Tags>,
    driver: AbortHandle,
    warnings: Arc<AtomicU64>,
}

impl Dial {
    pub(super) fn new(options: &PostgresOptions) -> Dial {
        Dial { options: options.clone(), tags: Arc::default(), failed: Mutex::default() }
    }

    pub(super) fn tags(&self) -> &Tags {
        &self.tags
    }

    /// Connects to the first host that takes writes and promises to keep them. A failure stands for
    /// a moment: a server that starts is not held up by all that wait for it.
    pub(super) async fn connect(&self) -> Result<Link, Error> {
        let mut failed = self.failed.lock().await;
        if let Some((at, pause, error)) = &*failed
            && at.elapsed() < *pause
        {
            return Err(error.clone());
        }
        let linked = self.dial().await;
        *failed = match &linked {
            Ok(_) => None,
            Err(error) => Some((Instant::now(), pause(), error.clone())),
        };
        linked
    }

    async fn dial(&self) -> Result<Link, Error> {
        let login = Arc::new(Login::read(&self.options, &self.tags).await?);
        let mut dialling = JoinSet::new();
        for target in targets(&login.config) {
            let login = Arc::clone(&login);
            dialling.spawn(async move {
                let linked = match timeout(DEADLINE, login.link(&target)).await {
                    Ok(linked) => linked.map_err(|error| error.to_string()),
                    Err(_) => Err(format!("no answer within {DEADLINE:?}")),
                };
                linked.map_err(|fault| format!("{target}: {fault}"))
            });
        }
        let mut faults = Vec::new();
        while let Some(dialled) = dialling.join_next().await {
            match dialled {
                Ok(Ok(link)) => return Ok(link),
                Ok(Err(fault)) => faults.push(fault),
                Err(error) => faults.push(error.to_string()),
            }
        }
        faults.sort();
        Err(Error::Unavailable(faults.join("; ")))
    }
}

impl Link {
    /// The number of warnings that came before the last answer.
    pub(super) fn warnings(&self) -> u64 {
        self.warnings.load(Ordering::Acquire)
    }
}

/// The server may be frozen, so the connection is dropped and not closed.
impl Drop for Link {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// The settings of one attempt to connect.
struct Login {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    single: bool,
    tags: Arc<Tags>,
}

impl Login {
    /// The password is read anew at each attempt, so that it can be replaced while an agent runs.
    async fn read(options: &PostgresOptions, tags: &Arc<Tags>) -> Result<Login, Error> {
        let config = options.config();
        let mut config = config.map_err(|error| Error::Unavailable(error.to_string()))?;
        if config.get_user().is_none() {
            config.user(USER);
        }
        if config.get_application_name().is_none() {
            config.application_name(USER);
        }
        let given = config.get_options().unwrap_or_default();
        let machine = &options.machine;
        config.options(format!("{given} {SETTINGS} -c twostep.machine={machine}").trim());
        let remote = targets(&config).iter().any(Target::demands_tls);
        let tls = match remote || config.get_ssl_mode() == SslMode::Require {
            true => Some(roots::connector(options.roots.clone()).await?),
            false => None,
        };
        Ok(Login { config, tls, single: options.single, tags: Arc::clone(tags) })
    }

    async fn link(&self, target: &Target) -> Result<Link, Error> {
        let link = self.open(target).await?;
        checks::sees_a_server_that_keeps(&link.client, self.single).await?;
        Ok(link)
    }

    async fn open(&self, target: &Target) -> Result<Link, Error> {
        let unreached = |error: std::io::Error| Error::Unavailable(error.to_string());
        match target {
            Target::Unix(socket) => {
                let stream = UnixStream::connect(socket).await.map_err(unreached)?;
                self.log_in(SslMode::Disable, stream, NoTls).await
            }
            Target::Tcp(name, port) => {
                let address = (name.as_str(), *port);
                let stream = TcpStream::connect(address).await.map_err(unreached)?;
                stream.set_nodelay(true).map_err(unreached)?;
                let demanded =
                    target.demands_tls() || self.config.get_ssl_mode() == SslMode::Require;
                match self.tls.clone().filter(|_| demanded) {
                    None => self.log_in(SslMode::Disable, stream, NoTls).await,
                    Some(mut tls) => {
                        let tls = MakeTlsConnect::<TcpStream>::make_tls_connect(&mut tls, name);
                        let tls = tls.map_err(|error| Error::Unavailable(error.to_string()))?;
                        self.log_in(SslMode::Require, stream, tls).await
                    }
                }
            }
        }
    }

    async fn log_in<S, T>(&self, mode: SslMode, stream: S, tls: T) -> Result<Link, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        T: TlsConnect<S>,
        T::Stream: Send + 'static,
    {
        let mut config = self.config.clone();
        config.ssl_mode(mode);
        let (client, connection) = config.connect_raw(stream, tls).await.map_err(error_of)?;
        let warnings = Arc::<AtomicU64>::default();
        let driver = tokio::spawn(drive(connection, Arc::clone(&warnings))).abort_handle();
        Ok(Link { client, tags: Arc::clone(&self.tags), driver, warnings })
    }
}

/// A host to dial.
enum Target {
    Tcp(String, u16),
    Unix(std::path::PathBuf),
}

impl Target {
    /// True unless nothing leaves this machine.
    fn demands_tls(&self) -> bool {
        match self {
            Target::Unix(_) => false,
            Target::Tcp(name, _) => {
                let loopback = name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
                !loopback && name != "localhost"
            }
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Target::Tcp(name, port) => write!(f, "{name} port {port}"),
            Target::Unix(socket) => write!(f, "{}", socket.display()),
        }
    }
}

fn targets(config: &Config) -> Vec<Target> {
    let ports = config.get_ports();
    let port = |number: usize| ports.get(number).or(ports.first()).copied().unwrap_or(PORT);
    let hosts = config.get_hosts().iter().enumerate();
    hosts
        .map(|(number, host)| match host {
            Host::Tcp(name) => Target::Tcp(name.clone(), port(number)),
            Host::Unix(folder) => Target::Unix(folder.join(format!(".s.PGSQL.{}", port(number)))),
        })
        .collect()
}

/// A time that differs between the agents of a store.
fn pause() -> Duration {
    let jitter = random::<1>().map_or(0, |byte| u64::from(byte[0]));
    PAUSE + Duration::from_millis(jitter / 2)
}

/// Drives a connection and counts warnings, each before the answer that it precedes is passed on.
async fn drive<S, T>(mut connection: Connection<S, T>, warnings: Arc<AtomicU64>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
        if let AsyncMessage::Notice(notice) = message
            && (notice.parsed_severity() == Some(Severity::Warning)
                || notice.severity() == "WARNING")
        {
            warnings.fetch_add(1, Ordering::Release);
        }
    }
}

/// The least time for which a failure stands.
const PAUSE: Duration = Duration::from_millis(100);

/// The time that one host has to answer and to log in.
const DEADLINE: Duration = Duration::from_millis(1_200);

/// A lock that is not free within a second is held by a change that waits for its standby: nothing
/// was decided. A transaction that its agent left, frozen or gone, ends by itself.
const SETTINGS: &str = "-c lock_timeout=1s -c idle_in_transaction_session_timeout=5s";

const USER: &str = "twostep";

const PORT: u16 = 5432;
