//! Admission of requests around the router: web pages, body size, concurrency, deadline, panics,
//! metrics and the log.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::{Router, middleware};
use http_body_util::{BodyExt, Limited};
use hyper::body::Body as _;
use tower_http::catch_panic::{CatchPanicLayer, ResponseForPanic};

use crate::agent::access::{Connection, Holder, Peer, RequestInfo};
use crate::agent::config::Config;
use crate::agent::log::method_name;
use crate::agent::metrics::Metrics;
use crate::agent::net::slices::sliced;
use crate::agent::problem::{Problem, Told};
use crate::agent::shares::{Share, Shares};
use crate::id::{AccountId, CallerId};
use crate::webauthn::Origin;
use crate::wire::ProblemCode;

struct Admission {
    face: Face,
    hosts: Vec<String>,
    /// The origin of the pages that may send forms to [`HANDED_OVER`].
    console: Option<HeaderValue>,
    /// Long bodies of one user or address that are held at the same time.
    long_bodies: Shares<Holder>,
    /// The same of bodies that only [`WIDE`] takes.
    wide_bodies: Shares<Holder>,
    request_timeout: Duration,
    metrics: Arc<Metrics>,
    /// Lines of the log name accounts.
    log_accounts: bool,
}

/// The kind of requests that are admitted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Face {
    /// Requests of programs.
    Api,
    /// Requests of browsers, whose origins the pages check.
    #[cfg(feature = "console")]
    Pages,
}

#[derive(Clone)]
struct Panicked(Arc<Metrics>);

/// Surrounds a router. Bodies reach it whole, and are at most [`LARGEST_BODY`] long, those of
/// [`WIDE`] at most [`WIDEST_BODY`].
pub(crate) fn layered(
    router: Router,
    face: Face,
    config: &Config,
    metrics: &Arc<Metrics>,
) -> Router {
    let admission = Admission {
        face,
        hosts: config.hosts.iter().map(ToString::to_string).collect(),
        console: config.console.origin.as_ref().and_then(as_header),
        long_bodies: Shares::new(MOST_LONG_BODIES),
        wide_bodies: Shares::new(MOST_WIDE_BODIES),
        request_timeout: Duration::from_secs(config.limits.request_timeout_seconds),
        metrics: Arc::clone(metrics),
        log_accounts: config.log.accounts,
    };
    let panicked = CatchPanicLayer::custom(Panicked(Arc::clone(metrics)));
    router
        .layer(panicked)
        .layer(middleware::from_fn_with_state(Arc::new(admission), pass))
}

/// The outermost layer: counts and logs every request.
async fn pass(
    State(admission): State<Arc<Admission>>,
    mut request: Request,
    next: Next,
) -> Response {
    let info = RequestInfo::now();
    request.extensions_mut().insert(info.clone());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = match admission.turns_away(&request) {
        Some(response) => response,
        None => admission.admit(request, next).await,
    };
    let id = info.id.to_string();
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    let took = info.arrived.elapsed();
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    let status = response.status().as_u16();
    let caller = info.caller().map_or("", CallerId::as_str);
    admission.metrics.observe(route, status, took);
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let account = info.notes.account().filter(|_| admission.log_accounts).map(AccountId::as_str);
    let told = response.extensions().get::<Told>().map(|Told(code)| code.to_string());
    let reason = info.notes.reason().or(told.as_deref());
    let method = method_name(&method);
    tracing::info!(id, method, route, status, micros, caller, account, reason, "request");
    let place = info.place();
    if let Some(place) = &place {
        place.release();
    }
    sliced(response, place)
}

impl Admission {
    /// Refuses requests that a web page may have sent: to a host name that points here by DNS
    /// rebinding, or across origins.
    fn turns_away(&self, request: &Request) -> Option<Response> {
        let connection = request.extensions().get::<Connection>();
        let encrypted = match connection {
            Some(Connection { peer: Peer::Tcp(_), encrypted, .. }) if self.face == Face::Api => {
                *encrypted
            }
            _ => return None,
        };
        if request.headers().contains_key(header::ORIGIN) && !self.is_handed_over(request) {
            return Some(
                Problem::forbidden("requests of web pages are not answered").into_response(),
            );
        }
        // With TLS the certificate already says which names are ours.
        if !encrypted && !self.is_meant(request.uri(), request.headers()) {
            return Some(
                Problem::forbidden("this is not a name of this agent; add it to `hosts`")
                    .into_response(),
            );
        }
        None
    }

    /// `true` for the one form that the console's pages send here, through a site's proxy.
    fn is_handed_over(&self, request: &Request) -> bool {
        let route = request.extensions().get::<MatchedPath>();
        let mut origins = request.headers().get_all(header::ORIGIN).iter();
        let origin = origins.next().filter(|_| origins.next().is_none());
        origin.is_some()
            && origin == self.console.as_ref()
            && route.is_some_and(|route| route.as_str() == HANDED_OVER)
    }

    fn is_meant(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let in_headers =
            headers.get_all(header::HOST).iter().map(|host| host.to_str().unwrap_or("?"));
        in_headers
            .chain(uri.authority().map(|authority| authority.as_str()))
            .all(|authority| {
                let host = host_of(authority);
                let bare = host.trim_start_matches('[').trim_end_matches(']');
                bare.parse::<IpAddr>().is_ok() || host == "localhost" || self.hosts.contains(&host)
            })
    }

    /// Reads the body and lets the router answer, all within one deadline. A file that is imported
    /// is read by its route, with limits of its own.
    async fn admit(&self, request: Request, next: Next) -> Response {
        let route = request.extensions().get::<MatchedPath>();
        if route.is_some_and(|route| route.as_str() == STREAMED) {
            return next.run(request).await;
        }
        let work = async {
            match self.whole(request).await {
                Ok((request, _held)) => next.run(request).await,
                Err(response) => response,
            }
        };
        match tokio::time::timeout(self.request_timeout, work).await {
            Ok(response) => response,
            Err(_) => Problem::new(
                ProblemCode::ServiceUnavailable,
                "the request took too long: try again",
            )
            .retry_after(1)
            .into_response(),
        }
    }

    /// The request with its body read, and what a long one holds.
    async fn whole(&self, request: Request) -> Result<(Request, Held), Response> {
        let holder = request.extensions().get().map(|known: &Connection| known.peer.holder());
        let route = request.extensions().get::<MatchedPath>();
        let limit = match route.is_some_and(|route| route.as_str() == WIDE) {
            true => WIDEST_BODY,
            false => LARGEST_BODY,
        };
        let (head, mut body) = request.into_parts();
        if body.size_hint().lower() > u64::try_from(limit).unwrap_or(u64::MAX) {
            return Err(too_large(body, limit).await);
        }
        let (mut read, mut held) = (Vec::new(), Held::default());
        while let Some(frame) = body.frame().await {
            match frame.map(|frame| frame.into_data()) {
                Ok(Ok(data)) if read.len().saturating_add(data.len()) > limit => {
                    return Err(too_large(body, limit).await);
                }
                Ok(Ok(data)) => {
                    let length = read.len().saturating_add(data.len());
                    if let (None, Some(holder)) = (&held.long, holder)
                        && length > SHORT_BODY
                    {
                        held.long = Some(self.long_bodies.take(holder).await);
                    }
                    if let (None, Some(holder)) = (&held.wide, holder)
                        && length > LARGEST_BODY
                    {
                        held.wide = Some(self.wide_bodies.take(holder).await);
                    }
                    read.extend_from_slice(&data);
                }
                // Trailers are ignored.
                Ok(Err(_)) => {}
                Err(_) => {
                    return Err(Problem::bad_input(
                        "the body ended early, or is not what its headers say",
                    )
                    .into_response());
                }
            }
        }
        Ok((Request::from_parts(head, Body::from(read)), held))
    }
}

/// Shares of a long body, held while its request is worked on.
#[derive(Default)]
struct Held {
    long: Option<Share<Holder>>,
    wide: Option<Share<Holder>>,
}

/// Refuses a body after draining some of it, twice the limit at least: a client that is still
/// sending would not read the answer.
async fn too_large(body: Body, limit: usize) -> Response {
    let mut rest = Limited::new(body, MOST_DISCARDED.max(limit.saturating_mul(2)));
    let discard = async { while let Some(Ok(_)) = rest.frame().await {} };
    let _ = tokio::time::timeout(LONGEST_DISCARDING, discard).await;
    Problem::bad_input(format!("a body is at most {limit} bytes long")).into_response()
}

impl ResponseForPanic for Panicked {
    type ResponseBody = Body;

    fn response_for_panic(&mut self, _: Box<dyn std::any::Any + Send + 'static>) -> Response {
        self.0.panicked();
        Problem::new(ProblemCode::ServiceFailure, "the agent failed; its log says where")
            .into_response()
    }
}

fn as_header(origin: &Origin) -> Option<HeaderValue> {
    HeaderValue::try_from(origin.to_string()).ok()
}

/// The host of `host:port`, in lower case, without a dot at its end.
fn host_of(authority: &str) -> String {
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match authority.split_once(']') {
        Some((address, _)) => address,
        None => authority.split_once(':').map_or(authority, |(host, _)| host),
    };
    host.trim_end_matches('.').to_ascii_lowercase()
}

/// The header of an answer with the request's id, which its line in the log has.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The route whose body is no document in memory.
const STREAMED: &str = "/v1/devices/import";

/// The route that takes a form of the console's pages.
const HANDED_OVER: &str = "/v1/authz-return";

/// The route that takes bodies up to [`WIDEST_BODY`]: a question about many objects at once.
const WIDE: &str = "/v1/aws/verify";

const WIDEST_BODY: usize = 2 * 1_024 * 1_024;

const MOST_WIDE_BODIES: usize = 2;

/// The longest body of other routes that is read.
const LARGEST_BODY: usize = 64 * 1_024;

/// The longest body that takes no share of the long ones: all but imports and attestations.
const SHORT_BODY: usize = 16 * 1_024;

const MOST_LONG_BODIES: usize = 32;

const MOST_DISCARDED: usize = 1_024 * 1_024;

const LONGEST_DISCARDING: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_an_authority_has_one_spelling() {
        for (authority, host) in [
            ("localhost:7878", "localhost"),
            ("LocalHost.", "localhost"),
            ("[::1]:7878", "[::1"),
            ("127.0.0.1", "127.0.0.1"),
            ("localhost@evil.example:80", "evil.example"),
        ] {
            assert_eq!(host_of(authority), host);
        }
    }
}
