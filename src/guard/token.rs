//! Where a request carries its token: `Authorization: Bearer` (RFC 6750 §2.1), or a cookie (RFC 6265 §4.2).
//!
//! A request that names two tokens is refused: whoever reads it after us may read the other one.

use std::str::FromStr;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::header::COOKIE;

use crate::guard::BadName;
use crate::guard::Because;
use crate::session::SignedContext;

/// The name of the cookie that carries a token. Case counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieName(String);

impl FromStr for CookieName {
    type Err = BadName;

    fn from_str(name: &str) -> Result<CookieName, BadName> {
        if is_token(name) { Ok(CookieName(name.to_owned())) } else { Err(BadName::Cookie) }
    }
}

/// The token of a request: none, or the one that is there, however odd it looks.
pub(super) fn presented(headers: &HeaderMap, cookie: Option<&CookieName>) -> Result<Option<SignedContext>, Because> {
    let cookie = cookie.map_or(Ok(None), |name| in_cookie(headers, name))?;
    match (bearer(headers)?, cookie) {
        (Some(bearer), Some(cookie)) if bearer != cookie => Err(Because::Ambiguous),
        (bearer, cookie) => Ok(bearer.or(cookie)),
    }
}

/// Credentials of another scheme are none of ours (RFC 9110 §11.4): a scheme, one space or more, whatever it wants.
fn bearer(headers: &HeaderMap) -> Result<Option<SignedContext>, Because> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Because::Ambiguous);
    }
    let text = value.to_str().map_err(|_| Because::Ambiguous)?;
    let (scheme, credentials) = text.split_once(' ').unwrap_or((text, ""));
    match scheme {
        scheme if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(SignedContext::new(credentials.trim_start_matches(' ')))),
        scheme if is_token(scheme) => Ok(None),
        _ => Err(Because::Ambiguous),
    }
}

/// HTTP/2 sends a header for each cookie (RFC 9113 §8.2.3), so there may be several headers; a second cookie of the name is one
/// that somebody else has set. Browsers put no white space but these around a name, and quotes belong to the value.
fn in_cookie(headers: &HeaderMap, name: &CookieName) -> Result<Option<SignedContext>, Because> {
    let pairs = headers.get_all(COOKIE).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    let mut found = None;
    for pair in pairs {
        let mut halves = pair.splitn(2, |byte| *byte == b'=').map(<[u8]>::trim_ascii);
        if let (Some(key), Some(value)) = (halves.next(), halves.next())
            && key == name.0.as_bytes()
            && found.replace(SignedContext::new(String::from_utf8_lossy(value))).is_some()
        {
            return Err(Because::Ambiguous);
        }
    }
    Ok(found)
}

/// RFC 9110 §5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
