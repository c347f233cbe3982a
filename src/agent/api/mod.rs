//! The HTTP API: routes, what they take and answer, and the OpenAPI document that describes them
//! all.

mod accounts;
mod authz;
mod body;
mod control;
mod description;
mod device_view;
mod devices;
mod fresh;
mod health;
mod key_ceremonies;
mod key_events;
mod problem;
mod provisioning;
mod responses;
mod security_keys;
mod sessions;
mod shapes;
mod views;

pub(crate) use body::{Body, Parameters, SecretBody};
use description::{Description, Document};
use problem::InDoubt;
pub(crate) use problem::{Code, Problem, explain};
use responses::{
    Conflict, Denied, Forbidden, Invalid, MfaContext, Missing, Slow, Unauthorized, Unavailable,
};

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use axum::routing::any;
use axum::{Extension, Router};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::agent::caller::Asking;
use crate::agent::log::LoggedCaller;
use crate::agent::state::Shared;
use crate::agent::stop::Why;
use crate::id::{AccountId, OddCharacter};
use crate::store;

/// All routes.
pub(crate) fn router(state: Shared) -> Router {
    let (router, document) = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(devices::create, devices::list))
        .routes(routes!(devices::show, devices::rename, devices::remove))
        .routes(routes!(devices::activate))
        .routes(routes!(devices::resync))
        .routes(routes!(devices::deactivate))
        .routes(routes!(devices::unlock))
        .routes(routes!(accounts::list))
        .routes(routes!(accounts::remove))
        .routes(routes!(accounts::bypass))
        .routes(routes!(security_keys::begin_registration))
        .routes(routes!(security_keys::finish_registration))
        .routes(routes!(security_keys::begin_authentication))
        .routes(routes!(sessions::open))
        .routes(routes!(sessions::introspect))
        .routes(routes!(sessions::revoke_one))
        .routes(routes!(sessions::revoke_all))
        .routes(routes!(key_ceremonies::begin))
        .routes(routes!(key_ceremonies::give_pin))
        .routes(routes!(authz::decide))
        .route("/v1/authz/{policy}/", any(authz::decide))
        .route("/v1/authz/{policy}/{*request}", any(authz::decide_below))
        .routes(routes!(fresh::ask, fresh::keep))
        .routes(routes!(control::audit))
        .routes(routes!(control::verify_audit))
        .routes(routes!(control::make_api_key, control::api_keys))
        .routes(routes!(control::revoke_api_key))
        .routes(routes!(control::signing_keys, control::rotate_signing_keys))
        .routes(routes!(control::drop_signing_key))
        .routes(routes!(control::backup))
        .routes(routes!(control::accept_clock))
        .routes(routes!(health::alive))
        .routes(routes!(health::ready))
        .routes(routes!(health::jwks))
        .routes(routes!(health::revocations))
        .routes(routes!(security_keys::related_origins))
        .routes(routes!(health::metrics))
        .routes(routes!(description::show))
        .split_for_parts();
    surrounded(router.layer(Extension(Description::of(document))), state)
}

/// What a verifier needs, for the second socket. Whatever else there is, is not there.
pub(crate) fn to_verify(state: Shared) -> Router {
    let router = OpenApiRouter::new()
        .routes(routes!(devices::list))
        .routes(routes!(security_keys::begin_authentication))
        .routes(routes!(sessions::open))
        .routes(routes!(sessions::introspect))
        .routes(routes!(key_ceremonies::begin))
        .routes(routes!(key_ceremonies::give_pin))
        .routes(routes!(fresh::ask, fresh::keep))
        .routes(routes!(health::alive))
        .routes(routes!(health::ready))
        .routes(routes!(health::jwks))
        .routes(routes!(health::revocations));
    surrounded(router.into(), state)
}

fn surrounded(router: Router<Shared>, state: Shared) -> Router {
    router
        .fallback(|| async { Problem::not_found("page") })
        .method_not_allowed_fallback(|| async {
            Problem::bad_input("this method is not for this page")
                .with_status(axum::http::StatusCode::METHOD_NOT_ALLOWED)
        })
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&state), watch))
        .with_state(state)
}

/// Tells the log who asked, and ends the agent where a commit's result is unknown: what it goes on
/// from must be read anew.
async fn watch(State(state): State<Shared>, mut request: Request, next: Next) -> Response {
    let asking = Asking::default();
    request.extensions_mut().insert(asking.clone());
    let mut response = next.run(request).await;
    if let Some(caller) = asking.0.get() {
        response.extensions_mut().insert(LoggedCaller(caller.as_str().to_owned()));
    }
    if response.extensions().get::<InDoubt>().is_some() {
        let reason = match state.verifier.store().control_version().await {
            // The store knows why nothing of it can be told any more.
            Err(store::Error::Unknown(reason)) => reason,
            Ok(_) | Err(_) => "the store did not say whether it kept a change".to_owned(),
        };
        state.stop.now(Why::Failed(reason));
    }
    response
}

/// One part of the path, percent-decoded.
pub(crate) struct Segment(pub(crate) String);

impl FromRequestParts<Shared> for Segment {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Shared) -> Result<Segment, Problem> {
        let segment = Path::<String>::from_request_parts(parts, state).await;
        segment
            .map(|Path(segment)| Segment(segment))
            .map_err(|_| Problem::bad_input("the path is not UTF-8"))
    }
}

/// Parses a member; what is wrong with it is said in words that do not repeat it.
pub(crate) fn parse<T: FromStr<Err: Display>>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error: T::Err| Problem::bad_input(error.to_string()))
}

/// The account that a member means, which need not be there yet.
fn account(state: &Shared, name: &str) -> Result<AccountId, Problem> {
    state
        .accounts
        .named(name)
        .map_err(|error| Problem::bad_input(error.to_string()))
}

/// The account that a member means, where only one that is there already can be meant.
fn existing_account(state: &Shared, name: &str) -> Result<AccountId, Problem> {
    state
        .accounts
        .existing(name)
        .map_err(|error| Problem::bad_input(error.to_string()))
}

/// Parses a code that a person typed; a character in it that people do not see, or take for another
/// one, is named.
fn parse_code<T: FromStr<Err: Display>>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error: T::Err| {
        let found = OddCharacter::first_in(text)
            .map_or_else(String::new, |odd| format!("; in this one there is {odd}"));
        Problem::bad_input(format!("{error}{found}"))
    })
}

/// How many rows a page has.
fn limit(wanted: Option<u32>) -> Result<u32, Problem> {
    match wanted {
        None => Ok(100),
        Some(limit @ 1..=1_000) => Ok(limit),
        Some(_) => Err(Problem::bad_input("limit is 1 to 1000")),
    }
}
