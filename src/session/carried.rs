//! The token of an HTTP request: `Authorization: Bearer` (RFC 6750 §2.1), or a cookie (RFC 6265
//! §5.4). The guard, the agent's API keys and the route for proxies read it here, so that they
//! cannot disagree.
//!
//! Headers are octets (RFC 9110 §5.5). Credentials of other schemes and cookies of other names are
//! ignored.

use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE};

use crate::session::SignedContext;

/// The request carries two tokens, or malformed credentials: a program behind this one may read
/// another token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ambiguous;

/// The credentials of the `Bearer` scheme, of any ASCII characters; none without `Authorization`,
/// or with another scheme.
///
/// A scheme has no case (RFC 9110 §11.1). Blanks and tabs around the credentials are no part of
/// them.
///
/// # Errors
/// [`Ambiguous`] if there are several `Authorization` headers, or the header has no scheme, or has
/// credentials outside ASCII.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Ambiguous> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Ambiguous);
    }
    let text = value.as_bytes().trim_ascii();
    let (scheme, credentials) =
        text.split_at(text.iter().position(|byte| is_blank(*byte)).unwrap_or(text.len()));
    if !is_token(scheme) {
        return Err(Ambiguous);
    }
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Ok(None);
    }
    let credentials = str::from_utf8(credentials.trim_ascii()).map_err(|_| Ambiguous)?;
    if credentials.is_ascii() { Ok(Some(credentials)) } else { Err(Ambiguous) }
}

/// The one token of a request, in `Authorization` or in the cookie of this name, however odd it
/// looks.
///
/// The same token in two places is one. Sites delete a cookie by emptying it, so an empty cookie is
/// no second token. Alone, an empty cookie is an unreadable token, not an absent one.
///
/// # Errors
/// As for [`bearer`]; or there are two tokens.
pub(crate) fn token(
    headers: &HeaderMap,
    cookie: Option<&str>,
) -> Result<Option<SignedContext>, Ambiguous> {
    let bearer = bearer(headers)?.map(str::as_bytes);
    let cookie = cookie.map_or(Ok(None), |name| in_cookies(headers, name.as_bytes()))?;
    let token = match (bearer, cookie) {
        (Some(bearer), Some(cookie)) if !cookie.is_empty() && bearer != cookie => {
            return Err(Ambiguous);
        }
        (bearer, cookie) => bearer.or(cookie),
    };
    Ok(token.map(|token| SignedContext::new(String::from_utf8_lossy(token))))
}

/// HTTP/2 sends a header for each cookie (RFC 9113 §8.2.3), so there may be several headers. Quotes
/// belong to a value.
fn in_cookies<'h>(headers: &'h HeaderMap, name: &[u8]) -> Result<Option<&'h [u8]>, Ambiguous> {
    let pairs = headers
        .get_all(COOKIE)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    let mut found: Option<&[u8]> = None;
    for pair in pairs {
        let mut halves = pair.splitn(2, |byte| *byte == b'=').map(<[u8]>::trim_ascii);
        let (Some(key), Some(value)) = (halves.next(), halves.next()) else { continue };
        if key != name {
            continue;
        }
        found = match found {
            // Another program has set one of them, for another path or another host of the domain.
            Some(other) if !other.is_empty() && !value.is_empty() && other != value => {
                return Err(Ambiguous);
            }
            Some(other) if value.is_empty() => Some(other),
            _ => Some(value),
        };
    }
    Ok(found)
}

/// RFC 9110 §5.6.2: a name of a scheme, a header or a cookie.
pub(crate) fn is_token(text: &[u8]) -> bool {
    !text.is_empty()
        && text
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

/// RFC 9110 §5.6.3.
fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}
