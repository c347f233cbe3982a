//! From a listener to the router: one task for each connection, each with a place, a deadline and a
//! known peer.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Extensions, Request};
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

use super::config::LimitsConfig;
use super::layers::Encrypted;
use super::listen::Listeners;
use super::listen::tls::Tls;
use super::metrics::Metrics;
use super::peer::{Logins, MayOnlyVerify, Peer};
use super::places::{Place, Places};
use super::stop::Stop;

/// What is answered, by the door that a caller came through.
#[derive(Clone)]
pub(crate) struct Doors {
    /// Everything, on the agent's own socket and on TCP.
    pub(crate) agent: Router,
    /// What a verifier needs, on the second socket.
    pub(crate) verify: Router,
}

/// What every connection needs.
struct Server {
    doors: Doors,
    http: http1::Builder,
    stop: Stop,
    /// Closed when time is up; the last one that goes shows that all are done.
    cut: watch::Receiver<()>,
    tls: Option<Arc<Tls>>,
    logins: Logins,
    metrics: Arc<Metrics>,
}

/// Serves until the agent is to end, then lets what is being answered finish within [`DRAIN`]. What
/// is still open after that is cut.
pub(crate) async fn serve(
    listeners: Listeners,
    doors: Doors,
    limits: &LimitsConfig,
    tls: Option<Arc<Tls>>,
    metrics: Arc<Metrics>,
    stop: &Stop,
) {
    let (cut, cut_off) = watch::channel(());
    let (http, stop) = (http(limits), stop.clone());
    let server = Server {
        doors,
        http,
        stop: stop.clone(),
        cut: cut_off,
        tls,
        logins: Logins::default(),
        metrics,
    };
    let server = Arc::new(server);
    let mut loops = JoinSet::new();
    // Each kind has its own places, so that a flood over TCP leaves the administrator's socket
    // alone.
    let (local, remote) = (Places::new(limits.connections), Places::new(limits.connections));
    for listener in listeners.unix {
        loops.spawn(Arc::clone(&server).accept_local(listener, local.clone()));
    }
    for listener in listeners.verify {
        loops.spawn(Arc::clone(&server).accept_to_verify(
            listener,
            Places::new(limits.to_verify()),
            Places::new(limits.to_verify()),
        ));
    }
    for listener in listeners.tcp {
        loops.spawn(Arc::clone(&server).accept_remote(listener, remote.clone()));
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
    async fn accept_local(self: Arc<Server>, listener: UnixListener, places: Places) {
        loop {
            let Some(free) = until_stop(&self.stop, places.free()).await else { return };
            let Some(accepted) = until_stop(&self.stop, listener.accept()).await else { return };
            match accepted.and_then(|(stream, _)| Ok((stream.peer_cred()?, stream))) {
                Ok((credentials, stream)) => {
                    let peer = Peer::Unix {
                        uid: credentials.uid(),
                        gid: credentials.gid(),
                        pid: credentials.pid(),
                    };
                    if let Some(place) = places.take(free, &peer) {
                        tokio::spawn(Arc::clone(&self).local(stream, peer, place));
                    }
                }
                Err(error) => not_accepted(&error).await,
            }
        }
    }

    /// Nobody waits for a place here, where everybody may connect, and root's places are its own:
    /// programs that log somebody in find the door open whatever users do to it.
    async fn accept_to_verify(
        self: Arc<Server>,
        listener: UnixListener,
        of_root: Places,
        of_others: Places,
    ) {
        loop {
            let Some(accepted) = until_stop(&self.stop, listener.accept()).await else { return };
            match accepted.and_then(|(stream, _)| Ok((stream.peer_cred()?, stream))) {
                Ok((credentials, stream)) => {
                    let peer = Peer::Unix {
                        uid: credentials.uid(),
                        gid: credentials.gid(),
                        pid: credentials.pid(),
                    };
                    let places = if credentials.uid() == 0 { &of_root } else { &of_others };
                    if let Some(place) = places.free_now().and_then(|free| places.take(free, &peer))
                    {
                        tokio::spawn(Arc::clone(&self).to_verify(stream, peer, place));
                    }
                }
                Err(error) => not_accepted(&error).await,
            }
        }
    }

    async fn accept_remote(self: Arc<Server>, listener: TcpListener, places: Places) {
        loop {
            let Some(free) = until_stop(&self.stop, places.free()).await else { return };
            let Some(accepted) = until_stop(&self.stop, listener.accept()).await else { return };
            match accepted {
                Ok((stream, address)) => {
                    let peer = Peer::Tcp(address);
                    if let Some(place) = places.take(free, &peer) {
                        tokio::spawn(Arc::clone(&self).remote(stream, peer, place));
                    }
                }
                Err(error) => not_accepted(&error).await,
            }
        }
    }

    async fn local(self: Arc<Server>, stream: UnixStream, peer: Peer, place: Place) {
        let known = self.known(peer).await;
        self.answer(stream, known, &self.doors.agent).await;
        drop(place);
    }

    async fn to_verify(self: Arc<Server>, stream: UnixStream, peer: Peer, place: Place) {
        let mut known = self.known(peer).await;
        known.insert(MayOnlyVerify);
        self.answer(stream, known, &self.doors.verify).await;
        drop(place);
    }

    /// What every request of a local peer is told of it.
    async fn known(&self, peer: Peer) -> Extensions {
        let mut known = Extensions::new();
        known.insert(peer);
        if let Peer::Unix { uid, gid, .. } = peer {
            known.insert(self.logins.of(uid, gid).await);
        }
        known
    }

    async fn remote(self: Arc<Server>, stream: TcpStream, peer: Peer, place: Place) {
        let mut known = Extensions::new();
        known.insert(peer);
        let socket = socket2::SockRef::from(&stream);
        // An answer leaves at once, and a peer that reads no answer is given up.
        let _ = socket.set_tcp_nodelay(true);
        let _ = socket.set_tcp_user_timeout(Some(UNREAD));
        match &self.tls {
            None => self.answer(stream, known, &self.doors.agent).await,
            Some(tls) => {
                known.insert(Encrypted);
                let handshake = TlsAcceptor::from(tls.current()).accept(stream);
                match timeout(HANDSHAKE, handshake).await {
                    Ok(Ok(stream)) => self.answer(stream, known, &self.doors.agent).await,
                    Ok(Err(error)) => tracing::debug!(%error, "no TLS with a caller"),
                    Err(_) => tracing::debug!("a caller was too slow for TLS"),
                }
            }
        }
        drop(place);
    }

    /// Answers one request after another. Every request gets what is known of the connection.
    async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        known: Extensions,
        router: &Router,
    ) {
        let service = service_fn(|request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().extend(known.clone());
            let router = router.clone();
            async move {
                Ok::<Response, Infallible>(
                    router.oneshot(request).await.unwrap_or_else(|never| match never {}),
                )
            }
        });
        let mut connection = pin!(self.http.serve_connection(TokioIo::new(stream), service));
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

/// What the work answers, unless the agent is to end first.
async fn until_stop<T>(stop: &Stop, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        _ = stop.wait() => None,
        done = work => Some(done),
    }
}

/// A connection that was gone before it was accepted is nobody's fault; no more files is, and
/// passes.
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

/// How long a request that is being answered has to finish when the agent ends.
const DRAIN: Duration = Duration::from_secs(10);

const HANDSHAKE: Duration = Duration::from_secs(5);

const UNREAD: Duration = Duration::from_secs(30);

const BETWEEN_TRIES: Duration = Duration::from_millis(200);

const MOST_HEADERS: usize = 64;

/// The most that is read of a request before its headers are over; a signed context in a header
/// fits many times.
const LONGEST_HEAD: usize = 32 * 1_024;
