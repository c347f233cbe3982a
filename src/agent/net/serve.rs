//! Connections, from a listener to the router: one task each, with a permit, deadlines and a known
//! peer.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::agent::access::{Connection, Logins, Peer};
use crate::agent::config::LimitsConfig;
use crate::agent::metrics::Metrics;
use crate::agent::net::limits::{ConnectionLimits, Permit};
use crate::agent::net::listen::Listeners;
use crate::agent::net::tls::Tls;
use crate::agent::net::unread::Impatient;
use crate::agent::state::State;
use crate::agent::stop::Stop;

/// The router of each kind of listener.
#[derive(Clone)]
pub(crate) struct Routers {
    /// All routes, for the agent's own socket and TCP.
    pub(crate) agent: Router,
    /// The routes that a verifier needs, for the verifiers' socket.
    pub(crate) verify: Router,
    /// Pages, for the console's listener.
    pub(crate) console: Router,
    /// The one route of AWS's wire, for its listener.
    pub(crate) aws: Router,
}

/// The state that connections share.
struct Server {
    routers: Routers,
    http: http1::Builder,
    stop: Stop,
    /// Changes when open connections are to be cut. The last receiver dropped shows that all have
    /// ended.
    cut: watch::Receiver<()>,
    tls: Option<Arc<Tls>>,
    /// The console's listener encrypts too.
    console_has_tls: bool,
    logins: Logins,
    metrics: Arc<Metrics>,
    /// Time for a peer to read an answer.
    unread: Duration,
}

/// The Unix socket on which a connection was accepted.
#[derive(Clone, Copy)]
enum Door {
    Agent,
    Verifiers,
}

/// The kind of TCP listener on which a connection was accepted.
#[derive(Clone, Copy)]
enum Face {
    Api,
    Console,
    Aws,
}

/// The limits of a Unix socket: administrators have their own, so that users cannot keep them or
/// login programs out.
#[derive(Clone)]
struct LocalLimits {
    of_administrators: ConnectionLimits,
    of_others: ConnectionLimits,
}

impl LocalLimits {
    fn new(total: u32) -> LocalLimits {
        LocalLimits {
            of_administrators: ConnectionLimits::new(total),
            of_others: ConnectionLimits::new(total),
        }
    }

    fn claim(&self, peer: &Peer) -> Option<Permit> {
        let limits =
            if peer.is_administrator() { &self.of_administrators } else { &self.of_others };
        limits.claim(peer)
    }
}

/// Serves until the agent is to end, then gives requests in progress [`DRAIN`] to finish and cuts
/// the connections that are still open.
pub(crate) async fn serve(
    state: &State,
    listeners: Listeners,
    routers: Routers,
    tls: Option<Arc<Tls>>,
) {
    let (cut, cut_off) = watch::channel(());
    let limits = &state.config.limits;
    let server = Server {
        routers,
        http: http(limits),
        stop: state.stop.clone(),
        cut: cut_off,
        tls,
        console_has_tls: state.config.console_has_tls(),
        logins: Logins::default(),
        metrics: Arc::clone(&state.metrics),
        unread: Duration::from_secs(limits.answer_timeout_seconds),
    };
    let server = Arc::new(server);
    let mut loops = JoinSet::new();
    // Separate limits: a flood over TCP leaves the administrator's socket usable.
    let local = LocalLimits::new(limits.connections);
    let remote = ConnectionLimits::new(limits.connections);
    for listener in listeners.unix {
        loops.spawn(Arc::clone(&server).accept_local(listener, local.clone(), Door::Agent));
    }
    for listener in listeners.verify {
        let limits = LocalLimits::new(limits.to_verify());
        loops.spawn(Arc::clone(&server).accept_local(listener, limits, Door::Verifiers));
    }
    for listener in listeners.tcp {
        loops.spawn(Arc::clone(&server).accept_remote(listener, remote.clone(), Face::Api));
    }
    let pages = ConnectionLimits::new(limits.connections);
    for listener in listeners.console {
        loops.spawn(Arc::clone(&server).accept_remote(listener, pages.clone(), Face::Console));
    }
    let aws = ConnectionLimits::new(limits.connections);
    for listener in listeners.aws {
        loops.spawn(Arc::clone(&server).accept_remote(listener, aws.clone(), Face::Aws));
    }
    drop(server);
    while loops.join_next().await.is_some() {}
    if timeout(DRAIN, cut.closed()).await.is_err() {
        tracing::warn!("some requests did not end in time and are cut off");
    }
    drop(cut);
    drop(listeners.files);
}

fn http(limits: &LimitsConfig) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new());
    http.header_read_timeout(Duration::from_secs(limits.header_timeout_seconds));
    http.max_headers(MOST_HEADERS);
    http.max_buf_size(LONGEST_HEAD);
    http
}

impl Server {
    /// Accepts at once and turns away who has no share left, so that no peer keeps another one
    /// waiting in the system's queue.
    async fn accept_local(
        self: Arc<Server>,
        listener: UnixListener,
        limits: LocalLimits,
        door: Door,
    ) {
        loop {
            let Some(accepted) = until_stop(&self.stop, listener.accept()).await else { return };
            match accepted.and_then(|(stream, _)| Ok((Peer::of(&stream)?, stream))) {
                Ok((peer, stream)) => {
                    if let Some(permit) = limits.claim(&peer) {
                        tokio::spawn(Arc::clone(&self).local(stream, peer, permit, door));
                    }
                }
                Err(error) => not_accepted(&error).await,
            }
        }
    }

    async fn accept_remote(
        self: Arc<Server>,
        listener: TcpListener,
        limits: ConnectionLimits,
        face: Face,
    ) {
        loop {
            let Some(accepted) = until_stop(&self.stop, listener.accept()).await else { return };
            match accepted {
                Ok((stream, address)) => {
                    let peer = Peer::Tcp(address);
                    if let Some(permit) = limits.claim(&peer) {
                        tokio::spawn(Arc::clone(&self).remote(stream, peer, permit, face));
                    }
                }
                Err(error) => not_accepted(&error).await,
            }
        }
    }

    async fn local(self: Arc<Server>, stream: UnixStream, peer: Peer, permit: Permit, door: Door) {
        let connection = self.connection(peer).await;
        match door {
            Door::Agent => self.answer(stream, connection, &self.routers.agent).await,
            Door::Verifiers => {
                let connection = Connection { only_verify: true, ..connection };
                self.answer(stream, connection, &self.routers.verify).await;
            }
        }
        drop(permit);
    }

    async fn connection(&self, peer: Peer) -> Connection {
        let login = match peer {
            Peer::Unix { uid, gid, .. } => Some(self.logins.of(uid, gid).await),
            Peer::Tcp(_) => None,
        };
        Connection { login, ..Connection::of(peer) }
    }

    async fn remote(self: Arc<Server>, stream: TcpStream, peer: Peer, permit: Permit, face: Face) {
        let connection = Connection::of(peer);
        let socket = socket2::SockRef::from(&stream);
        // Send answers at once, give up a peer that has gone, and let the system keep little of
        // what a peer does not read.
        let _ = socket.set_tcp_nodelay(true);
        let _ = socket.set_tcp_user_timeout(Some(self.unread));
        let _ = socket.set_send_buffer_size(UNREAD_IN_SYSTEM);
        let (router, tls) = match face {
            Face::Api => (&self.routers.agent, self.tls.as_ref()),
            Face::Aws => (&self.routers.aws, self.tls.as_ref()),
            Face::Console => {
                (&self.routers.console, self.tls.as_ref().filter(|_| self.console_has_tls))
            }
        };
        match tls {
            None => self.answer(stream, connection, router).await,
            Some(tls) => {
                let connection = Connection { encrypted: true, ..connection };
                let handshake = TlsAcceptor::from(tls.current()).accept(stream);
                match timeout(HANDSHAKE, handshake).await {
                    Ok(Ok(stream)) => self.answer(stream, connection, router).await,
                    Ok(Err(error)) => tracing::debug!(%error, "no TLS with a caller"),
                    Err(_) => tracing::debug!("a caller was too slow for TLS"),
                }
            }
        }
        drop(permit);
    }

    /// Answers one request after another, each with the [`Connection`] as an extension.
    async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        known: Connection,
        router: &Router,
    ) {
        let service = service_fn(|request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(known.clone());
            let router = router.clone();
            async move {
                Ok::<Response, Infallible>(
                    router.oneshot(request).await.unwrap_or_else(|never| match never {}),
                )
            }
        });
        let stream = TokioIo::new(Impatient::new(stream, self.unread));
        let mut connection = pin!(self.http.serve_connection(stream, service));
        let mut cut = self.cut.clone();
        self.metrics.connections.inc();
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            _ = self.stop.wait() => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    ended = connection => ended,
                    _ = cut.changed() => Ok(()),
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
        self.metrics.connections.dec();
    }
}

/// The result of the work, or none if the agent is to end first.
async fn until_stop<T>(stop: &Stop, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        _ = stop.wait() => None,
        done = work => Some(done),
    }
}

/// Ignores a connection that was gone before it was accepted. Reports other errors, such as a lack
/// of file descriptors, and waits a little.
async fn not_accepted(error: &io::Error) {
    let gone = [
        io::ErrorKind::ConnectionAborted,
        io::ErrorKind::ConnectionReset,
        io::ErrorKind::NotConnected,
    ];
    if !gone.contains(&error.kind()) {
        tracing::error!(%error, "connections are not accepted");
        tokio::time::sleep(BETWEEN_TRIES).await;
    }
}

/// Time for requests in progress to finish when the agent ends.
const DRAIN: Duration = Duration::from_secs(10);

const HANDSHAKE: Duration = Duration::from_secs(5);

/// Bytes of an answer that the system keeps for a peer that does not read.
const UNREAD_IN_SYSTEM: usize = 128 * 1_024;

const BETWEEN_TRIES: Duration = Duration::from_millis(200);

const MOST_HEADERS: usize = 64;

/// Limit on a request's head; a signed context in a header fits many times.
const LONGEST_HEAD: usize = 32 * 1_024;
