//! Errors of requests.

use std::{fmt, io};

/// A request without an answer, by the caller's options.
#[non_exhaustive]
#[derive(Debug)]
pub enum Error {
    /// The request was not sent: any request may be repeated.
    NotSent(Cause),
    /// The request may have been sent and carried out: repeat queries only.
    Lost(String),
}

/// The reason why a server is unreachable.
#[non_exhaustive]
#[derive(Debug)]
pub enum Cause {
    /// The socket or host does not exist.
    NotThere,
    /// The server does not listen (any more).
    NotListening,
    /// The permissions of the socket, or of a directory above it, exclude this user.
    NotAllowed,
    /// The connection was not accepted in time.
    TimedOut,
    /// The server's certificate does not prove the expected identity.
    NotTrusted(String),
    /// Any other reason.
    Other(String),
}

impl From<io::Error> for Cause {
    fn from(error: io::Error) -> Cause {
        match error.kind() {
            io::ErrorKind::NotFound => Cause::NotThere,
            io::ErrorKind::ConnectionRefused => Cause::NotListening,
            io::ErrorKind::PermissionDenied => Cause::NotAllowed,
            io::ErrorKind::TimedOut => Cause::TimedOut,
            _ => Cause::Other(error.to_string()),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::NotThere => f.write_str("the socket or host does not exist"),
            Cause::NotListening => f.write_str("no server is listening there"),
            Cause::NotAllowed => f.write_str("this user may not use it"),
            Cause::TimedOut => f.write_str("the connection was not accepted in time"),
            Cause::NotTrusted(why) => write!(f, "its certificate is not trusted: {why}"),
            Cause::Other(why) => f.write_str(why),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NotSent(cause) => cause.fmt(f),
            Error::Lost(how) => f.write_str(how),
        }
    }
}

impl std::error::Error for Error {}
