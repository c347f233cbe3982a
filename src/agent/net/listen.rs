//! Listening sockets: the Unix sockets, TCP addresses, and sockets passed by systemd.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, UnixListener};

use crate::agent::config::{Config, is_loopback};
use crate::agent::net::error::ListenError;
use crate::agent::net::unix;
use crate::agent::net::unix::SocketFile;

/// All listening sockets of the agent.
#[derive(Default)]
pub(crate) struct Listeners {
    pub(crate) unix: Vec<UnixListener>,
    /// The sockets for verifiers: any local user may connect, with the role `verifier` alone.
    pub(crate) verify: Vec<UnixListener>,
    pub(crate) tcp: Vec<TcpListener>,
    /// The listeners of the console, which answer nothing of the API.
    pub(crate) console: Vec<TcpListener>,
    /// The listeners of AWS's wire, which answer nothing of the API.
    pub(crate) aws: Vec<TcpListener>,
    /// Socket files to remove at the end; those of systemd are not among them.
    pub(crate) files: Vec<SocketFile>,
}

impl Listeners {
    /// Opens all sockets. A Unix socket passed by systemd replaces the configured one, and TCP
    /// sockets passed by it come beside `listen`. The one named [`VERIFY`] is for verifiers.
    pub(crate) fn open(config: &Config) -> Result<Listeners, ListenError> {
        let mut listeners = Listeners::default();
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
            listeners.tcp.push(listen(*address)?);
        }
        if config.console.origin.is_some() {
            if let Some(address) = config.exposed_console_addresses().next() {
                return Err(ListenError::Exposed(*address));
            }
            for address in &config.console.listen {
                listeners.console.push(listen(*address)?);
            }
        }
        if let Some(address) = config.exposed_aws_addresses().next() {
            return Err(ListenError::Exposed(*address));
        }
        for address in &config.aws.listen {
            listeners.aws.push(listen(*address)?);
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
            // `take_…` leaves sockets of other kinds in place.
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

fn listen(address: SocketAddr) -> Result<TcpListener, ListenError> {
    let system = |reason| ListenError::System { address: address.to_string(), reason };
    tcp(bind(address).map_err(system)?).map_err(system)
}

fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn tcp(listener: std::net::TcpListener) -> io::Result<TcpListener> {
    tracing::info!(address = %listener.local_addr()?, "listening");
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// Connections that may wait to be accepted. A client whose connection does not fit tries again a
/// second later.
const BACKLOG: i32 = 4_096;

/// The verifiers' socket, as its unit names it: `FileDescriptorName=verify`.
const VERIFY: &str = "verify";
