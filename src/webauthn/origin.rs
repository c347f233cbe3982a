//! Origins, and the RP IDs that they may use (WebAuthn L3 §5.1.2, RFC 6454).

use std::fmt;
use std::str::FromStr;

use url::Url;

use super::config_fault::ConfigFault;
use super::json::base64url;

/// An origin in which security keys work, compared as a whole: `https` with a name, `http` with a
/// name of this machine, or an Android app identified by its signing certificate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin(Kind);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Web {
        secure: bool,
        host: String,
        port: u16,
    },
    /// `android:apk-key-hash:` and the SHA-256 hash of the app's signing certificate in base64url,
    /// as Android's client writes it into client data. No page can have such an origin.
    AndroidApp {
        certificate: [u8; 32],
    },
}

/// A configured origin, with one port or any port (`:*`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginPattern {
    origin: Origin,
    any_port: bool,
}

/// A configured origin of pages; apps are excluded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PagePattern(OriginPattern);

/// An RP ID: a name of two labels or more in lower case, or `localhost`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpId(String);

/// A DNS name in lower case (RFC 1123 §2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName(String);

/// The AppID of U2F registrations from before WebAuthn, an `https` URL (L3 §10.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppId(String);

/// Not an origin in which security keys work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadOrigin;

/// A text that is no DNS name in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadHostName;

impl Origin {
    /// The host of a web origin; `None` for an app.
    pub fn host(&self) -> Option<&str> {
        match &self.0 {
            Kind::Web { host, .. } => Some(host),
            Kind::AndroidApp { .. } => None,
        }
    }

    /// Returns whether the origin is of `https`.
    pub fn is_secure(&self) -> bool {
        matches!(&self.0, Kind::Web { secure: true, .. })
    }

    /// Returns whether the origin is an app's.
    pub fn is_app(&self) -> bool {
        self.host().is_none()
    }

    /// Returns whether pages of this origin may make and use credentials for this RP ID: the host
    /// is the RP ID or a name below it. Always false for an app: its platform and the RP ID's host
    /// decide together.
    ///
    /// An RP ID of one label would be shared by strangers, so only `localhost` is accepted. Longer
    /// public suffixes are not known here: the operator chooses the RP ID, and browsers refuse
    /// those.
    pub fn may_use(&self, rp_id: &str) -> bool {
        let below = |host: &str| {
            host.strip_suffix(rp_id)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        rp_id.parse::<RpId>().is_ok() && self.host().is_some_and(below)
    }

    /// Returns whether this is an `https` origin outside this machine.
    pub(super) fn is_public(&self) -> bool {
        matches!(
            &self.0,
            Kind::Web { secure: true, host, .. } if !is_local(host) && host.contains('.')
        )
    }
}

impl OriginPattern {
    /// `http://localhost:*`, all pages of this machine's localhost.
    pub fn localhost() -> OriginPattern {
        let kind = Kind::Web { secure: false, host: LOCALHOST.to_owned(), port: 80 };
        OriginPattern { origin: Origin(kind), any_port: true }
    }

    pub(crate) fn matches(&self, origin: &Origin) -> bool {
        match (&self.origin.0, &origin.0) {
            (
                Kind::Web { secure, host, .. },
                Kind::Web { secure: other_secure, host: other_host, .. },
            ) if self.any_port => secure == other_secure && host == other_host,
            (own, other) => own == other,
        }
    }

    /// The origin; with `:*`, its port is the scheme's default.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
}

impl From<Origin> for OriginPattern {
    fn from(origin: Origin) -> OriginPattern {
        OriginPattern { origin, any_port: false }
    }
}

impl RpId {
    /// The RP ID of programs on this machine.
    pub fn localhost() -> RpId {
        RpId(LOCALHOST.to_owned())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl HostName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether a browser reads the name as an address: its last label is a number
    /// (URL §3.5).
    fn is_address(&self) -> bool {
        let last = self.0.rsplit('.').next();
        last.is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()))
    }
}

fn is_host(host: &str) -> bool {
    host.parse::<HostName>().is_ok_and(|host| !host.is_address())
}

fn is_local(host: &str) -> bool {
    host == LOCALHOST || host.strip_suffix(LOCALHOST).is_some_and(|rest| rest.ends_with('.'))
}

impl FromStr for HostName {
    type Err = BadHostName;

    fn from_str(text: &str) -> Result<HostName, BadHostName> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(allowed)
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if text.len() <= 253 && text.split('.').all(label) {
            Ok(HostName(text.to_owned()))
        } else {
            Err(BadHostName)
        }
    }
}

impl FromStr for RpId {
    type Err = ConfigFault;

    fn from_str(text: &str) -> Result<RpId, ConfigFault> {
        if is_host(text) && (text == LOCALHOST || text.contains('.')) {
            Ok(RpId(text.to_owned()))
        } else {
            Err(ConfigFault::RpId(text.to_owned()))
        }
    }
}

impl FromStr for OriginPattern {
    type Err = ConfigFault;

    fn from_str(text: &str) -> Result<OriginPattern, ConfigFault> {
        let (origin, any_port) =
            text.strip_suffix(":*").map_or((text, false), |origin| (origin, true));
        match origin.parse::<Origin>() {
            Ok(origin) if !(any_port && origin.is_app()) => Ok(OriginPattern { origin, any_port }),
            _ => Err(ConfigFault::Origin(text.to_owned())),
        }
    }
}

impl FromStr for PagePattern {
    type Err = ConfigFault;

    fn from_str(text: &str) -> Result<PagePattern, ConfigFault> {
        match text.parse::<OriginPattern>() {
            Ok(pattern) if !pattern.origin.is_app() => Ok(PagePattern(pattern)),
            _ => Err(ConfigFault::TopOrigin(text.to_owned())),
        }
    }
}

impl From<PagePattern> for OriginPattern {
    fn from(pattern: PagePattern) -> OriginPattern {
        pattern.0
    }
}

impl FromStr for AppId {
    type Err = ConfigFault;

    fn from_str(text: &str) -> Result<AppId, ConfigFault> {
        if Url::parse(text).is_ok_and(|url| url.scheme() == "https") {
            Ok(AppId(text.to_owned()))
        } else {
            Err(ConfigFault::AppId(text.to_owned()))
        }
    }
}

impl FromStr for Origin {
    type Err = BadOrigin;

    /// Parses an origin in the canonical form of clients: of a page as in RFC 6454 §6.2, in lower
    /// case, without path and without the scheme's default port; of an app with its hash in
    /// base64url without padding.
    fn from_str(text: &str) -> Result<Origin, BadOrigin> {
        if let Some(hash) = text.strip_prefix(ANDROID_APP) {
            let certificate =
                base64url::bytes(hash).and_then(|hash| hash.try_into().ok()).ok_or(BadOrigin)?;
            return Ok(Origin(Kind::AndroidApp { certificate }));
        }
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
        let origin = Origin(Kind::Web { secure, host: host.to_owned(), port });
        if is_host(host) && port > 0 && (secure || is_local(host)) && origin.to_string() == text {
            Ok(origin)
        } else {
            Err(BadOrigin)
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::AndroidApp { certificate } => {
                write!(f, "{ANDROID_APP}{}", base64url::text(certificate))
            }
            Kind::Web { secure, host, port } => {
                let (scheme, own) = if *secure { ("https", 443) } else { ("http", 80) };
                write!(f, "{scheme}://{host}")?;
                if *port == own { Ok(()) } else { write!(f, ":{port}") }
            }
        }
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, if self.any_port { ":*" } else { "" })
    }
}

impl fmt::Display for PagePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for RpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for BadOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "an origin is https://NAME or http://localhost, in lower case, perhaps with :PORT, \
             without a path; that of an Android app is android:apk-key-hash: and 43 characters \
             of base64url",
        )
    }
}

impl std::error::Error for BadOrigin {}

impl fmt::Display for BadHostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a host is a name in lower case without a port, like \"mfa.example.com\"")
    }
}

impl std::error::Error for BadHostName {}

const LOCALHOST: &str = "localhost";

/// The prefix of the hash in the origin of an Android app.
const ANDROID_APP: &str = "android:apk-key-hash:";

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
            "android:apk-key-hash:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
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
            "android:apk-key-hash:",
            "android:apk-key-hash:abc",
            "android:apk-key-hash:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
            "android:apk-key-hash:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9",
            "android:apk-key-hash:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh",
            "android:apk-key-hash:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8A",
            "android:apk-key-hash:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh+",
            "android:apk-key-hash:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8:443",
            "Android:apk-key-hash:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
            "android:APK-key-hash:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
            "android:apk-key-hash-sha256:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
            "android://apk-key-hash:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
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
        for rp_id in [
            "",
            "org",
            ".org",
            "xample.org",
            "other.login.example.org",
            "Example.org",
            "example.org.",
            "localhost",
        ] {
            assert!(!origin.may_use(rp_id), "{rp_id}");
        }
        assert!("http://localhost:1".parse::<Origin>().unwrap().may_use("localhost"));
        let app: Origin = "android:apk-key-hash:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
            .parse()
            .unwrap();
        assert!(app.is_app() && !app.may_use("example.org") && !app.may_use("localhost"));
    }
}
