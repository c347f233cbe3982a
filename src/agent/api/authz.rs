//! `GET /v1/authz/{policy}`: decisions for reverse proxies.
//!
//! The proxy authenticates by its socket or by `X-Twostep-Key`. `Authorization` and the configured
//! cookie hold the visitor's context, which is looked up in the store each time. The path alone
//! names the policy. Of the other headers only `X-Forwarded-*` count, from a trusted proxy: they
//! say where a browser returns to after signing in.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use percent_encoding::{
    AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_decode_str, percent_encode, utf8_percent_encode,
};

use crate::agent::access::Caller;
use crate::agent::api::extract::{Proxy, Segment, one, site};
use crate::agent::operations::policies;
use crate::agent::operations::policies::Verdict;
use crate::agent::problem::Problem;
use crate::agent::state::Shared;
use crate::policy::{Policy, StepUp};
use crate::session::carried::Ambiguous;
use crate::session::{AnyContext, carried};
use crate::webauthn::Origin;
use crate::wire;
use crate::wire::ProblemCode;

/// Decides if a request that a reverse proxy has received may pass. The rest of the path after the
/// policy, and the method, change nothing, for proxies that repeat the request's path.
#[utoipa::path(
    get, path = "/v1/authz/{policy}", tag = "sessions", params(("policy" = String, Path)),
    security(("proxy_key" = [])),
    responses(
        (
            status = 200, description = "it may pass; what there is not to say is empty",
            headers(
                (
                    "X-MFA-Account" = String,
                    description = "whose context it is; percent-encoded where it is not \
                        printable ASCII"
                ),
                ("X-MFA-Serial" = String, description = "the device"),
                ("X-MFA-Time" = String, description = "when MFA was proved"),
            ),
        ),
        (
            status = 302, description = "a browser has to sign in first",
            headers(("Location" = String, description = "where")),
        ),
        (
            status = 401,
            description = "no context, or one that is not enough: `WWW-Authenticate` says what \
                would be (RFC 9470); or the proxy has no valid key",
            body = wire::Problem, content_type = "application/problem+json",
        ),
        super::Invalid, super::Forbidden, super::Missing, super::Slow, super::Unavailable,
    ),
)]
pub(super) async fn decide(
    State(state): State<Shared>,
    Proxy(caller): Proxy,
    Segment(policy): Segment,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut response = answer(&state, &caller, &policy, &method, &headers).await?;
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Decides for a proxy that appends the path of the request.
pub(super) async fn decide_below(
    state: State<Shared>,
    proxy: Proxy,
    uri: Uri,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    // Do not read the rest of the path: it is the visitor's, and may hold any octet.
    let policy = uri.path().split('/').nth(3).unwrap_or_default();
    let policy = percent_decode_str(policy)
        .decode_utf8()
        .map_err(|_| Problem::not_found("policy"))?;
    decide(state, proxy, Segment(policy.into_owned()), method, headers).await
}

async fn answer(
    state: &Shared,
    caller: &Caller,
    policy: &str,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let policy = policies::find(state, policy)?;
    let sign_in = |step_up: &StepUp| sign_in(state, caller, step_up, method, headers);
    let token = match carried::token(headers, state.config.forward.cookie.as_deref()) {
        Ok(token) => token,
        // Never a redirect: signing in leaves the other token in place, and a browser would loop.
        // Answer 401 rather than 400, which some proxies do not pass on.
        Err(Ambiguous) => {
            return Ok(invalid(
                policy,
                "send one token, in one place: there are two, or credentials that are none",
                |_| None,
            ));
        }
    };
    Ok(match policies::decide(state, caller, policy, token.as_ref()).await? {
        Verdict::Passed(context) => passed(context.as_ref()),
        Verdict::BadToken => invalid(
            policy,
            "the token is over, revoked, for another audience, or no token",
            sign_in,
        ),
        Verdict::StepUp(decision) => sign_in(&decision.step_up())
            .unwrap_or_else(|| challenged(&decision.reason().to_string(), &decision.challenge())),
        Verdict::Never(decision) => {
            return Err(Problem::forbidden(format!(
                "{}, and no device of this account could prove more",
                decision.reason()
            )));
        }
    })
}

fn passed(context: Option<&AnyContext>) -> Response {
    let mut response = StatusCode::OK.into_response();
    let mut say = |name: &'static str, text: &str| {
        let text = utf8_percent_encode(text, IN_A_HEADER).to_string();
        if let Ok(value) = HeaderValue::try_from(text) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    };
    let mfa = match context {
        Some(AnyContext::Mfa(context)) => Some(context),
        Some(AnyContext::WithoutMfa(_)) | None => None,
    };
    // Set all of them each time: they replace headers that a visitor sent under these names.
    say("x-mfa-account", context.map_or("", |context| context.common().account.as_str()));
    say("x-mfa-serial", mfa.map_or("", |context| context.serial().as_str()));
    say("x-mfa-time", &mfa.map_or_else(String::new, |context| context.mfa_time().to_string()));
    response
}

/// Refuses a bad token, even where the policy needs none (RFC 6750 §3.1).
fn invalid(
    policy: &Policy,
    why: &str,
    sign_in: impl FnOnce(&StepUp) -> Option<Response>,
) -> Response {
    let step_up = policy.step_up();
    sign_in(&step_up)
        .unwrap_or_else(|| challenged(why, &step_up.challenge(Some(("invalid_token", why)))))
}

fn challenged(why: &str, challenge: &str) -> Response {
    let mut response = Problem::new(ProblemCode::Unauthorized, why).into_response();
    if let Ok(challenge) = HeaderValue::from_str(challenge) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

/// Redirects a browser to the sign-in page, with the required proof and, on one of our origins, the
/// address to return to.
fn sign_in(
    state: &Shared,
    caller: &Caller,
    step_up: &StepUp,
    method: &Method,
    headers: &HeaderMap,
) -> Option<Response> {
    let forward = &state.config.forward;
    let page = forward.sign_in.as_ref().filter(|_| caller.forward)?;
    // With several method headers none is the proxy's.
    let asked = if headers.contains_key(METHOD) {
        one(headers, METHOD)
    } else {
        Some(method.as_str().as_bytes())
    };
    let mut accepted = headers.get_all(header::ACCEPT).iter();
    if asked != Some(b"GET")
        || !accepted.any(|accept| accept.as_bytes().windows(PAGES.len()).any(|kind| kind == PAGES))
    {
        return None;
    }
    let mut query = vec![("acr_values", step_up.acr_values.join(" "))];
    query.extend(step_up.max_age.map(|age| ("max_age", age.as_secs().to_string())));
    query.extend(came_from(&forward.return_to, headers).map(|address| ("return_to", address)));
    let query: Vec<_> = query
        .iter()
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
        .collect();
    let location = HeaderValue::try_from(format!("{page}?{}", query.join("&"))).ok()?;
    Some((StatusCode::FOUND, [(header::LOCATION, location)]).into_response())
}

/// The address of the request, if it is on one of these origins. Octets that an address cannot hold
/// are percent-encoded (RFC 3986 §2.1), as browsers do.
fn came_from(origins: &[Origin], headers: &HeaderMap) -> Option<String> {
    let origin = site(headers)?;
    let path = one(headers, "x-forwarded-uri")?;
    // A path with one leading slash stays on its origin.
    let stays = path.starts_with(b"/") && !path.contains(&b'\\');
    (stays && origins.contains(&origin))
        .then(|| format!("{origin}{}", percent_encode(path, NOT_IN_AN_ADDRESS)))
}

const METHOD: &str = "x-forwarded-method";

/// The media type that browsers accept for a page.
const PAGES: &[u8] = b"text/html";

/// Characters with two readings in a header, and the escape character itself.
const IN_A_HEADER: &AsciiSet = &CONTROLS.add(b'%');

/// Without `%`: its sequences are encoded already.
const NOT_IN_AN_ADDRESS: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>');
