//! Web origins, and which RP IDs they may use (WebAuthn L3 §5.1.2, RFC 6454).

use std::fmt;
use std::str::FromStr;

/// An origin in which security keys work: `https` and a name, or `http` and a name of this machine; compared as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    secure: bool,
    host: String,
    port: u16,
}

/// An origin as it is configured: its port may be any (`:*`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    origin: Origin,
    any_port: bool,
}

/// Not an origin in which security keys work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadOrigin;

impl Origin {
    /// Its host.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether a credential for this RP ID may be made or used here: the host is the RP ID or a name below it.
    ///
    /// An RP ID of one label would be shared by strangers, so only `localhost` is one. Longer public suffixes are not
    /// known here; the RP ID is the operator's own choice, and browsers know them.
    pub fn may_use(&self, rp_id: &str) -> bool {
        let below = self.host.strip_suffix(rp_id).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        is_rp_id(rp_id) && below
    }
}

/// Whether it is a name of two labels or more in lower case, or `localhost`. An address is no name.
pub(super) fn is_rp_id(text: &str) -> bool {
    is_host(text) && (text == LOCALHOST || text.contains('.'))
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Pattern, BadOrigin> {
        match text.strip_suffix(":*") {
            Some(origin) => Ok(Pattern { origin: origin.parse()?, any_port: true }),
            None => Ok(Pattern { origin: text.parse()?, any_port: false }),
        }
    }

    pub(super) fn matches(&self, origin: &Origin) -> bool {
        let port = self.any_port || self.origin.port == origin.port;
        port && self.origin.secure == origin.secure && self.origin.host == origin.host
    }

    pub(super) fn may_use(&self, rp_id: &str) -> bool {
        self.origin.may_use(rp_id)
    }
}

fn is_host(host: &str) -> bool {
    let label = |label: &str| {
        let allowed = label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        (1..=63).contains(&label.len()) && allowed && !label.starts_with('-') && !label.ends_with('-')
    };
    // A name whose last label is a number is an address to a browser (URL §3.5).
    let address = host.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    host.len() <= 253 && host.split('.').all(label) && !address
}

fn is_local(host: &str) -> bool {
    host == LOCALHOST || host.strip_suffix(LOCALHOST).is_some_and(|rest| rest.ends_with('.'))
}

const LOCALHOST: &str = "localhost";

impl FromStr for Origin {
    type Err = BadOrigin;

    /// Reads an origin in the one way that browsers write it (RFC 6454 §6.2): lower case, no path, no port where it is the scheme's own.
    fn from_str(text: &str) -> Result<Origin, BadOrigin> {
        let (scheme, rest) = text.split_once("://").ok_or(BadOrigin)?;
        let secure = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(BadOrigin),
        };
        let own = if secure { 443 } else { 80 };
        let (host, port) = match rest.split_once(':') {
            None => (rest, own),
            Some((host, port)) => (host, port.parse().map_err(|_| BadOrigin)?),
        };
        let origin = Origin { secure, host: host.to_owned(), port };
        if is_host(host) && port > 0 && (secure || is_local(host)) && origin.to_string() == text { Ok(origin) } else { Err(BadOrigin) }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, own) = if self.secure { ("https", 443) } else { ("http", 80) };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port == own { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

impl fmt::Display for BadOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an origin is https://NAME or http://localhost, in lower case, perhaps with :PORT, without a path")
    }
}

impl std::error::Error for BadOrigin {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_read_as_browsers_write_it() {
        for text in [
            "https://example.org",
            "https://example.org:8443",
            "http://localhost",
            "http://localhost:8080",
            "http://app.localhost",
            "https://xn--bcher-kva.example",
        ] {
            assert_eq!(text.parse::<Origin>().unwrap().to_string(), text);
        }
        let refused = [
            "",
            "example.org",
            "https://",
            "https://Example.org",
            "https://example.org.",
            "https://example.org/",
            "https://example.org:443",
            "https://example.org:0",
            "https://example.org:08443",
            "https://example.org:+8443",
            "https://example.org:99999",
            "https://a@example.org",
            "http://example.org",
            "http://localhost:80",
            "http://localhost.example.org",
            "ftp://example.org",
            "HTTPS://example.org",
            "null",
            "https://example.org:*",
            "https://192.0.2.1",
            "https://[2001:db8::1]",
            "https://bücher.example",
            "https://example..org",
            "https://example.org https://other.example",
            "android:apk-key-hash:abc",
        ];
        for text in refused {
            assert_eq!(text.parse::<Origin>(), Err(BadOrigin), "{text}");
        }
    }

    #[test]
    fn an_rp_id_is_the_host_or_a_name_above_it() {
        let origin: Origin = "https://login.example.org:8443".parse().unwrap();
        for rp_id in ["login.example.org", "example.org"] {
            assert!(origin.may_use(rp_id), "{rp_id}");
        }
        for rp_id in ["", "org", ".org", "xample.org", "other.login.example.org", "Example.org", "example.org.", "localhost"] {
            assert!(!origin.may_use(rp_id), "{rp_id}");
        }
        assert!("http://localhost:1".parse::<Origin>().unwrap().may_use("localhost"));
    }
}
