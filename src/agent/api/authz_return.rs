//! `POST /v1/authz-return`: the way back from the console's sign-in page to a site behind a proxy.
//!
//! The proxy passes on the form of the page, which ends in the cookie that
//! [`authz`](super::authz) reads. `X-Forwarded-Proto` and `X-Forwarded-Host` name the site.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use url::form_urlencoded;
use zeroize::Zeroizing;

use crate::agent::api::extract::{Proxy, one, site};
use crate::agent::operations::handover;
use crate::agent::operations::handover::HandedOver;
use crate::agent::problem::Problem;
use crate::agent::state::Shared;
use crate::session::SignedContext;
use crate::wire::HandOver;

/// Signs a browser in at a site behind a proxy, with the token that the console's sign-in page
/// hands over.
#[utoipa::path(
    post, path = "/v1/authz-return", tag = "sessions", security(("proxy_key" = [])),
    request_body(
        content = HandOver, content_type = "application/x-www-form-urlencoded",
        description = "with the console's `Origin`, and the site in `X-Forwarded-Proto` and \
            `X-Forwarded-Host`",
    ),
    responses(
        (
            status = 303, description = "the browser is signed in, and goes on",
            headers(
                ("Location" = String, description = "`return_to`, on the site"),
                ("Set-Cookie" = String, description = "the cookie of `[forward]` with the token"),
            ),
        ),
        super::Invalid, super::Unauthorized, super::Forbidden, super::Missing, super::Slow,
        super::Unavailable,
    ),
)]
pub(super) async fn receive(
    State(state): State<Shared>,
    Proxy(caller): Proxy,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let form = read(&headers, &body)?;
    let name = handover::cookie(&state)?;
    let length = name.len() + "=".len() + form.token.as_str().len() + LONGEST_ATTRIBUTES;
    if length > LONGEST_COOKIE {
        return Err(Problem::bad_input(format!(
            "the token is too long for a cookie: {length} bytes, and browsers keep 4096"
        )));
    }
    let token = SignedContext::new(form.token.as_str());
    let handed_over = HandedOver {
        sent_by: one(&headers, header::ORIGIN.as_str()),
        site: site(&headers),
        token: &token,
        return_to: &form.return_to,
    };
    let received = handover::receive(&state, &caller, handed_over).await?;
    let cookie = Zeroizing::new(format!(
        "{name}={}; Max-Age={}; {ATTRIBUTES}",
        form.token.as_str(),
        received.lifetime.as_secs()
    ));
    let value = |text: &str| {
        HeaderValue::from_str(text).map_err(|_| Problem::bad_input("the form has odd characters"))
    };
    let headers = [
        (header::LOCATION, value(&received.return_to)?),
        (header::SET_COOKIE, value(&cookie)?),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}

/// Reads the fields of the form, each at most once.
fn read(headers: &HeaderMap, body: &[u8]) -> Result<HandOver, Problem> {
    let kind = one(headers, header::CONTENT_TYPE.as_str()).unwrap_or_default();
    let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    if !kind.eq_ignore_ascii_case(FORM) {
        return Err(Problem::bad_input("the body must be application/x-www-form-urlencoded"));
    }
    fields(body).ok_or_else(|| {
        Problem::bad_input("the form has token, return_to and perhaps state, each once")
    })
}

fn fields(body: &[u8]) -> Option<HandOver> {
    let (mut token, mut return_to, mut state) = (None, None, None);
    for (name, value) in form_urlencoded::parse(body) {
        let field = match name.as_ref() {
            "token" => &mut token,
            "return_to" => &mut return_to,
            "state" => &mut state,
            _ => return None,
        };
        if field.replace(value.into_owned()).is_some() {
            return None;
        }
    }
    Some(HandOver { token: token?.into(), return_to: return_to?, state: state.map(Into::into) })
}

const FORM: &[u8] = b"application/x-www-form-urlencoded";

/// `Lax`: the browser comes from the console, and goes on to the site by a plain navigation.
const ATTRIBUTES: &str = "Path=/; Secure; HttpOnly; SameSite=Lax";

/// The length of all attributes, with a `Max-Age` of six digits.
const LONGEST_ATTRIBUTES: usize = "; Max-Age=129600; ".len() + ATTRIBUTES.len();

/// Bytes of a cookie, with its attributes, that every browser keeps (RFC 6265 §6.1).
const LONGEST_COOKIE: usize = 4_096;
