//! Errors of listening.

use std::io;
use std::net::SocketAddr;

/// The agent cannot listen where it should. The operator must act.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another agent has the socket.
    #[error("another agent listens on {0}; stop it first, or name another socket")]
    InUse(String),
    /// Another file is where the socket should be, or other users could put one there.
    #[error("{0}")]
    Unsafe(String),
    /// The system refuses.
    #[error("cannot listen on {address}: {reason}")]
    System {
        /// The address or the path.
        address: String,
        /// The system's error.
        reason: io::Error,
    },
    /// The address can be reached from other machines, and there is no certificate.
    #[error(
        "{0} can be reached from other machines: set tls.cert and tls.key, or \
         insecure_listen = true where something else encrypts"
    )]
    Exposed(SocketAddr),
    /// systemd opened a socket that the configuration forbids: connections to it would never be
    /// answered.
    #[error(
        "systemd opened verify.sock, and the configuration has verify_socket.enabled = false; \
         run: systemctl disable --now twostep-verify.socket"
    )]
    NotWanted,
    /// A socket passed by systemd is not a listening stream socket.
    #[error("socket {index} handed over by systemd cannot be used: {reason}")]
    HandedOver {
        /// The number of the socket, from 0.
        index: usize,
        /// The system's error.
        reason: io::Error,
    },
}
