//! Routers: all routes for the agent's own socket and TCP, and few for the verifiers' socket.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::any;
use axum::{Extension, Router};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::agent::api::description::{Description, Document};
use crate::agent::api::{
    access_keys, accounts, authz, authz_return, aws, console, control, description, devices,
    diagnosis, fleet, fresh, health, imports, key_ceremonies, security_keys, sessions,
};
use crate::agent::problem::{InDoubt, Problem};
use crate::agent::state::Shared;

/// All routes.
pub(crate) fn router(state: Shared) -> Router {
    let (router, document) = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(devices::create, devices::list))
        .routes(routes!(devices::show, devices::rename, devices::remove))
        .routes(routes!(imports::import))
        .routes(routes!(imports::assign))
        .routes(routes!(imports::export))
        .routes(routes!(devices::activate))
        .routes(routes!(devices::resync))
        .routes(routes!(diagnosis::diagnose))
        .routes(routes!(devices::deactivate))
        .routes(routes!(devices::unlock))
        .routes(routes!(accounts::list))
        .routes(routes!(accounts::remove))
        .routes(routes!(accounts::bypass))
        .routes(routes!(accounts::recover))
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
        .routes(routes!(authz_return::receive))
        .routes(routes!(fresh::ask, fresh::keep))
        .routes(routes!(fleet::drift))
        .routes(routes!(console::make_link, console::links))
        .routes(routes!(console::withdraw_link))
        .routes(routes!(console::start_sign_in))
        .routes(routes!(access_keys::make, access_keys::list))
        .routes(routes!(access_keys::change, access_keys::delete))
        .routes(routes!(aws::verify))
        .routes(routes!(aws::credentials))
        .routes(routes!(aws::signing_key))
        .routes(routes!(control::audit))
        .routes(routes!(control::verify_audit))
        .routes(routes!(control::checkpoint))
        .routes(routes!(control::make_api_key, control::api_keys))
        .routes(routes!(control::revoke_api_key))
        .routes(routes!(control::signing_keys, control::rotate_signing_keys))
        .routes(routes!(control::drop_signing_key))
        .routes(routes!(control::make_backup))
        .routes(routes!(control::accept_clock))
        .routes(routes!(control::accept_restore))
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

/// The routes that a verifier needs, for the verifiers' socket. Other routes do not exist there.
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
                .with_status(StatusCode::METHOD_NOT_ALLOWED)
        })
        .layer(from_fn_with_state(Arc::clone(&state), watch))
        .with_state(state)
}

/// Ends the agent, where the store demands it, after a commit whose result is unknown.
async fn watch(State(state): State<Shared>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    if response.extensions().get::<InDoubt>().is_some() {
        state.end_in_doubt().await;
    }
    response
}
