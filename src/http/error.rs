//! Errors of requests.

use std::{fmt, io};

/// A request without an answer, grouped by what the caller may do next.
#[non_exhaustive]
#[derive(Debug)]
pub enum Error {
    /// Nothing was sent: any request may be repeated.
    NotSent(Cause),
    /// The request may have been sent and carried out: repeat queries only.
    Lost(String),
}

/// Why a server cannot be reached.
#[non_exhaustive]
#[derive(Debug)]
pub enum Cause {
    /// There is no such socket, or no such host.
    NotThere,
    /// Nobody listens there any more.
    NotListening,
    /// The socket, or a directory above it, is not for us.
    NotAllowed,
    /// Nobody took the connection in time.
    TimedOut,
    /// It is there, and does not prove to be the one that was meant.
    NotTrusted(String),
    /// Something else.
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
            Cause::NotThere => f.write_str("there is no such socket"),
            Cause::NotListening => f.write_str("nobody listens there"),
            Cause::NotAllowed => f.write_str("it may not be used from here"),
            Cause::TimedOut => f.write_str("nobody takes the connection"),
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
