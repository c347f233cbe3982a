//! Extractors: the caller, the local peer and parts of the path.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts, Path};
use axum::http::HeaderMap;
use axum::http::request::Parts;

use crate::agent::access::{Caller, Callers, Connection, Denied, LocalPeer, Peer, RequestInfo};
use crate::agent::problem::Problem;
use crate::agent::state::Shared;
use crate::session::carried::Ambiguous;
use crate::session::{SignedContext, carried};
use crate::webauthn::Origin;

/// A reverse proxy that asks about a visitor's request. On TCP its API key is in `X-Twostep-Key`:
/// `Authorization` is the visitor's.
pub(crate) struct Proxy(pub(crate) Caller);

/// One part of the path, percent-decoded.
pub(crate) struct Segment(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Caller
where
    Callers: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Caller, Problem> {
        identify(parts, &Callers::from_ref(state), bearer).await
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Proxy
where
    Callers: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Proxy, Problem> {
        let caller = identify(parts, &Callers::from_ref(state), proxy_key).await;
        caller.map(Proxy).map_err(Problem::about_the_proxy)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for LocalPeer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<LocalPeer, Problem> {
        let connection = parts.extensions.get::<Connection>().ok_or(Denied::Unauthenticated)?;
        Ok(connection.peer.local()?)
    }
}

impl FromRequestParts<Shared> for Segment {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Shared) -> Result<Segment, Problem> {
        let segment = Path::<String>::from_request_parts(parts, state).await;
        segment
            .map(|Path(segment)| Segment(segment))
            .map_err(|_| Problem::bad_input("the path is not UTF-8"))
    }
}

async fn identify(
    parts: &Parts,
    callers: &Callers,
    key: impl FnOnce(&HeaderMap) -> Result<Option<&str>, Problem>,
) -> Result<Caller, Problem> {
    let connection = parts.extensions.get::<Connection>().ok_or(Denied::Unauthenticated)?;
    let key = match connection.peer {
        Peer::Tcp(_) => key(&parts.headers)?,
        // The kernel names local peers, and their headers are not read.
        Peer::Unix { .. } => None,
    };
    let caller = callers.identify(connection, key).await?;
    let Some(info) = parts.extensions.get::<RequestInfo>() else { return Ok(caller) };
    info.identified(&caller);
    Ok(Caller { notes: Arc::clone(&info.notes), ..caller })
}

fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    carried::bearer(headers).map_err(|Ambiguous| {
        Problem::bad_input("send one Authorization header, and in it: Bearer KEY")
    })
}

/// The proxy's key. With two of them a visitor has added one, and neither is believed. The answer
/// is then 401, which all proxies pass on.
fn proxy_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut keys = headers.get_all("x-twostep-key").iter();
    let (Some(key), None) = (keys.next(), keys.next()) else { return Ok(None) };
    Ok(key.to_str().ok())
}

/// The context in `X-MFA-Context`, as it was sent; none without that header.
pub(crate) fn shown_context(headers: &HeaderMap) -> Result<Option<SignedContext>, Problem> {
    let mut contexts = headers.get_all("x-mfa-context").iter();
    let context = contexts.next().map(|context| {
        SignedContext::new(String::from_utf8_lossy(context.as_bytes().trim_ascii()))
    });
    match contexts.next() {
        None => Ok(context),
        Some(_) => Err(Problem::bad_input("send one X-MFA-Context header")),
    }
}

/// The value of a header that was sent exactly once.
pub(crate) fn one<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h [u8]> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    Some(value.as_bytes())
}

/// The origin of the site that a proxy stands for, in the words of that proxy.
pub(crate) fn site(headers: &HeaderMap) -> Option<Origin> {
    let word = |name| str::from_utf8(one(headers, name)?).ok();
    let (scheme, host) = (word("x-forwarded-proto")?, word("x-forwarded-host")?);
    format!("{scheme}://{host}").parse().ok()
}
