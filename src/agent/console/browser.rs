//! The browser: requests of other pages are refused, and each answer says what the browser may do
//! with it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::agent::console::language::Language;
use crate::agent::console::stop;
use crate::agent::console::stop::Stop;
use crate::agent::console::visitor::{Console, language_of};
use crate::webauthn::Origin;

/// The page ends in a form that is sent to this origin too.
#[derive(Clone, Debug)]
pub(super) struct HandsOverTo(pub(super) Origin);

/// The outermost layer of the pages.
pub(super) async fn pass(
    State(console): State<Arc<Console>>,
    request: Request,
    next: Next,
) -> Response {
    let language: Language = language_of(request.headers());
    let refused = refused(&console.origin, request.method(), request.headers());
    let response = match refused {
        Some(stop) => stop.into_response(),
        None => next.run(request).await,
    };
    let now = console.state.verifier.clock().read().wall;
    protected(stop::written(response, language, now), &console.origin)
}

/// The reason to refuse a request: another host is meant, or another page sent a form.
fn refused(origin: &Origin, method: &Method, headers: &HeaderMap) -> Option<Stop> {
    let own = origin.to_string();
    let (_, host) = own.split_once("://").unwrap_or_default();
    let mut hosts = headers.get_all(header::HOST).iter();
    let host_is_own = hosts
        .next()
        .is_some_and(|found| found.as_bytes().eq_ignore_ascii_case(host.as_bytes()))
        && hosts.next().is_none();
    if !host_is_own {
        return Some(Stop::Foreign);
    }
    if [Method::GET, Method::HEAD].contains(method) {
        return None;
    }
    let only = |name: HeaderName, wanted: &str| {
        let mut values = headers.get_all(name).iter();
        values.next().is_some_and(|value| value == wanted) && values.next().is_none()
    };
    let fetched_by_us = !headers.contains_key(FETCH_SITE) || only(FETCH_SITE, "same-origin");
    (!only(header::ORIGIN, &own) || !fetched_by_us).then_some(Stop::Foreign)
}

/// Adds the headers that bind the browser.
fn protected(mut response: Response, origin: &Origin) -> Response {
    let hands_over = response.extensions_mut().remove::<HandsOverTo>();
    let also = hands_over.as_ref().map_or_else(String::new, |to| format!(" {}", to.0));
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action \
         'self'{also}; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'"
    );
    let referrer = if hands_over.is_some() { "strict-origin" } else { "same-origin" };
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::try_from(policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    let fixed = [
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, referrer),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), PERMISSIONS),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if origin.is_secure() {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// WebAuthn for these pages, and nothing else for any.
const PERMISSIONS: &str = "accelerometer=(), autoplay=(), camera=(), display-capture=(), \
    encrypted-media=(), fullscreen=(), geolocation=(), gyroscope=(), hid=(), microphone=(), \
    midi=(), payment=(), picture-in-picture=(), publickey-credentials-create=(self), \
    publickey-credentials-get=(self), screen-wake-lock=(), serial=(), usb=(), \
    xr-spatial-tracking=()";
