//! Server addresses, and connecting to them.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use hyper::header::HOST;
use hyper::http::request;
use hyper::{Method, Request, Uri};
use rustls_pki_types::ServerName;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;

use crate::http::{Cause, Connection, Roots};

/// The address of an HTTP server: a Unix socket or a URL. Cheap to clone.
#[derive(Clone)]
pub struct Endpoint(Arc<Place>);

enum Place {
    Unix(PathBuf),
    Url { host: String, port: u16, authority: String, prefix: String, tls: Option<Tls> },
}

struct Tls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

/// An unusable URL; the message describes the expected form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadUrl(&'static str);

impl Endpoint {
    /// A server on this Unix socket.
    pub fn unix(socket: impl Into<PathBuf>) -> Endpoint {
        Endpoint(Arc::new(Place::Unix(socket.into())))
    }

    /// A server at this URL: `https://host`, with an optional port and path, authenticated by a
    /// certificate from one of these authorities. Plain `http://` is accepted for this machine
    /// only.
    ///
    /// # Errors
    /// [`BadUrl`] for any other URL.
    pub fn url(url: &str, roots: &Roots) -> Result<Endpoint, BadUrl> {
        let uri: Uri = url
            .parse()
            .map_err(|_| BadUrl("a server is named like https://mfa.example.com"))?;
        let (Some(host), Some(authority)) = (uri.host(), uri.authority()) else {
            return Err(BadUrl("a server is named like https://mfa.example.com"));
        };
        if uri.query().is_some() || url.contains('#') || authority.as_str().contains('@') {
            return Err(BadUrl("a server's URL has neither user, query nor fragment"));
        }
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let here = host == "localhost"
            || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        let (port, tls) = match uri.scheme_str() {
            Some("https") => {
                let name = ServerName::try_from(host.clone())
                    .map_err(|_| BadUrl("the host of the URL is not a host name"))?;
                (443, Some(Tls { config: roots.config(), name }))
            }
            Some("http") if here => (80, None),
            Some("http") => {
                return Err(BadUrl("plain http:// is for this machine only: use https://"));
            }
            _ => return Err(BadUrl("a server is named like https://mfa.example.com")),
        };
        let (port, prefix) =
            (uri.port_u16().unwrap_or(port), uri.path().trim_end_matches('/').to_owned());
        Ok(Endpoint(Arc::new(Place::Url {
            host,
            port,
            authority: authority.to_string(),
            prefix,
            tls,
        })))
    }

    /// The socket path, if this is a socket.
    pub fn socket(&self) -> Option<&Path> {
        match &*self.0 {
            Place::Unix(path) => Some(path),
            Place::Url { .. } => None,
        }
    }

    /// Starts a request for `target`, a path that begins with `/` and an optional query.
    pub fn request(&self, method: Method, target: &str) -> request::Builder {
        let (host, prefix) = match &*self.0 {
            Place::Unix(_) => ("localhost", ""),
            Place::Url { authority, prefix, .. } => (authority.as_str(), prefix.as_str()),
        };
        Request::builder()
            .method(method)
            .uri(format!("{prefix}{target}"))
            .header(HOST, host)
    }

    /// Connects, with TLS for `https` URLs.
    ///
    /// # Errors
    /// [`Cause`]; no request was sent.
    pub async fn connect(&self, within: Duration) -> Result<Connection, Cause> {
        timeout(within, self.open()).await.unwrap_or(Err(Cause::TimedOut))
    }

    async fn open(&self) -> Result<Connection, Cause> {
        match &*self.0 {
            Place::Unix(path) => Connection::over(UnixStream::connect(path).await?).await,
            Place::Url { host, port, tls, .. } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                let Some(tls) = tls else { return Connection::over(stream).await };
                let connector = TlsConnector::from(Arc::clone(&tls.config));
                let stream = connector.connect(tls.name.clone(), stream).await.map_err(
                    |error| match error.kind() {
                        // TLS itself failed.
                        io::ErrorKind::InvalidData => Cause::NotTrusted(error.to_string()),
                        _ => Cause::from(error),
                    },
                )?;
                Connection::over(stream).await
            }
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Place::Unix(path) => path.display().fmt(f),
            Place::Url { authority, prefix, tls, .. } => {
                write!(f, "{}://{authority}{prefix}", if tls.is_some() { "https" } else { "http" })
            }
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

impl fmt::Display for BadUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for BadUrl {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_https_or_of_this_machine() {
        let named =
            |url: &str| Endpoint::url(url, &Roots::none()).map(|endpoint| endpoint.to_string());
        for (url, name) in [
            ("https://mfa.example.com", "https://mfa.example.com"),
            ("https://mfa.example.com:8443/mfa/", "https://mfa.example.com:8443/mfa"),
            ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("http://localhost:8080", "http://localhost:8080"),
        ] {
            assert_eq!(named(url).as_deref(), Ok(name), "{url}");
        }
        for url in [
            "",
            "mfa.example.com",
            "/run/agent.sock",
            "ftp://mfa.example.com",
            "http://mfa.example.com",
            "http://10.0.0.1",
            "https://",
            "https://a b",
            "https://me:secret@mfa.example.com",
            "https://mfa.example.com/?x=1",
            "https://mfa.example.com/#x",
        ] {
            assert!(named(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_request_goes_below_the_prefix() {
        let endpoint = Endpoint::url("https://mfa.example.com:8443/mfa/", &Roots::none()).unwrap();
        let request = endpoint.request(Method::GET, "/v1/devices?account=a").body(()).unwrap();
        assert_eq!(request.uri(), "/mfa/v1/devices?account=a");
        assert_eq!(request.headers()[HOST], "mfa.example.com:8443");
    }
}
