//! Where the agent listens: the Unix socket, TCP addresses, and whatever systemd opened for it.

pub(crate) mod tls;
mod unix;

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, UnixListener};

use super::config::{Config, is_loopback};
pub(crate) use unix::SocketFile;

/// Everything the agent accepts connections on.
pub(crate) struct Listeners {
    pub(crate) unix: Vec<UnixListener>,
    /// Where everybody may be verified, and nobody may do more.
    pub(crate) verify: Vec<UnixListener>,
    pub(crate) tcp: Vec<TcpListener>,
    /// The sockets that are removed at the end; none that systemd opened.
    pub(crate) files: Vec<SocketFile>,
}

/// The agent cannot listen where it should. Whoever runs it must act.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another agent has the socket.
    #[error("another agent listens on {0}; stop it first, or name another socket")]
    InUse(String),
    /// Something is where the socket should be, or somebody else could put it there.
    #[error("{0}")]
    Unsafe(String),
    /// The system refuses.
    #[error("cannot listen on {address}: {reason}")]
    System {
        /// Where.
        address: String,
        /// What the system said.
        reason: io::Error,
    },
    /// The address can be reached from other machines, and there is no certificate.
    #[error(
        "{0} can be reached from other machines: set tls.cert and tls.key, or insecure_listen = true where something else encrypts"
    )]
    Exposed(SocketAddr),
    /// systemd opened a socket that the configuration forbids: whoever connected there would wait
    /// for nobody.
    #[error(
        "systemd opened verify.sock, and the configuration has verify_socket.enabled = false; run: systemctl disable --now twostep-verify.socket"
    )]
    NotWanted,
    /// What systemd handed over is no listening stream socket.
    #[error("socket {index} handed over by systemd cannot be used: {reason}")]
    HandedOver {
        /// Its number, from 0.
        index: usize,
        /// What is wrong with it.
        reason: io::Error,
    },
}

impl Listeners {
    /// Opens everything. What systemd opened stands in for a Unix socket if one of it is, and comes
    /// beside `listen`. The one that it calls [`VERIFY`] is the second one.
    pub(crate) fn open(config: &Config) -> Result<Listeners, ListenError> {
        let mut listeners =
            Listeners { unix: Vec::new(), verify: Vec::new(), tcp: Vec::new(), files: Vec::new() };
        listeners.take_handed_over(config)?;
        if listeners.unix.is_empty() {
            let (listener, file) = unix::listen(&config.socket_path(), &config.socket)?;
            listeners.unix.push(listener);
            listeners.files.push(file);
        }
        if let Some(socket) = config.verify_socket().filter(|_| listeners.verify.is_empty())
            && let Some(path) = &socket.path
        {
            let (listener, file) = unix::listen(path, &socket)?;
            listeners.verify.push(listener);
            listeners.files.push(file);
        }
        if let Some(address) = config.exposed_addresses().next() {
            return Err(ListenError::Exposed(*address));
        }
        for address in &config.listen {
            let system = |reason| ListenError::System { address: address.to_string(), reason };
            let listener = std::net::TcpListener::bind(address).map_err(system)?;
            listeners.tcp.push(tcp(listener).map_err(system)?);
        }
        Ok(listeners)
    }

    fn take_handed_over(&mut self, config: &Config) -> Result<(), ListenError> {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':');
        let mut handed_over = listenfd::ListenFd::from_env();
        for index in 0..handed_over.len() {
            let failed = |reason| ListenError::HandedOver { index, reason };
            let is_for_verifying = names.next() == Some(VERIFY);
            // Each look leaves in place what is of another kind.
            if let Ok(Some(listener)) = handed_over.take_unix_listener(index) {
                listener.set_nonblocking(true).map_err(failed)?;
                let listener = UnixListener::from_std(listener).map_err(failed)?;
                match is_for_verifying {
                    true if config.verify_socket.enabled == Some(false) => {
                        return Err(ListenError::NotWanted);
                    }
                    true => self.verify.push(listener),
                    false => self.unix.push(listener),
                }
            } else if let Some(listener) = handed_over.take_tcp_listener(index).map_err(failed)? {
                let address = listener.local_addr().map_err(failed)?;
                if config.tls.is_none() && !config.insecure_listen && !is_loopback(address.ip()) {
                    return Err(ListenError::Exposed(address));
                }
                self.tcp.push(tcp(listener).map_err(failed)?);
            }
        }
        Ok(())
    }
}

fn tcp(listener: std::net::TcpListener) -> io::Result<TcpListener> {
    tracing::info!(address = %listener.local_addr()?, "listening");
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// What a unit of systemd calls the second socket: `FileDescriptorName=verify`.
const VERIFY: &str = "verify";
