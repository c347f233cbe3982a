//! The routes of the console, and what surrounds them.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};

use crate::agent::console::stop::Stop;
use crate::agent::console::visitor::{Console, Failures};
use crate::agent::console::{
    activate, activity, add_key, add_token, assets, browser, device, devices, leave, link, login,
    lost, prove, recovery, resync, sign_in, sign_ins, test,
};
use crate::agent::net::Face;
use crate::agent::problem::InDoubt;
use crate::agent::state::Shared;

/// The pages, with the agent's own layers `around` the routes and the browser's rules around these.
/// Without an origin nothing is listened to, and there are none.
pub(in crate::agent) fn surrounded(
    state: Shared,
    around: impl Fn(Router, Face) -> Router,
) -> Router {
    let Some(origin) = state.config.console.origin.clone() else { return Router::new() };
    let console = Arc::new(Console { state, origin, failures: Failures::default() });
    let pages = routes()
        .fallback(|| async { Stop::Missing })
        .method_not_allowed_fallback(|| async { Stop::Method })
        .layer(from_fn_with_state(Arc::clone(&console), watch))
        .with_state(Arc::clone(&console));
    around(pages, Face::Pages).layer(from_fn_with_state(console, browser::pass))
}

fn routes() -> Router<Arc<Console>> {
    Router::new()
        .route("/", get(sign_in::start))
        .route("/assets/{name}", get(assets::show))
        .route("/language", post(leave::language))
        .route("/stay", post(leave::stay))
        .route("/sign-out", post(leave::sign_out))
        .route("/link", get(link::show).post(link::open))
        .route("/sign-in", get(sign_in::show).post(sign_in::name))
        .route("/sign-in/code", post(sign_in::code))
        .route("/sign-in/key", post(sign_in::key))
        .route("/prove", get(prove::show))
        .route("/prove/code", post(prove::code))
        .route("/prove/key", post(prove::key))
        .route("/login", get(login::show).post(login::name))
        .route("/login/code", post(login::code))
        .route("/login/key", post(login::key))
        .route("/login/{started}", get(login::started))
        .route("/devices", get(devices::show))
        .route("/devices/add/app", post(activate::begin))
        .route("/devices/add/key", get(add_key::show).post(add_key::finish))
        .route("/devices/add/token", get(add_token::show).post(add_token::finish))
        .route("/devices/{serial}", get(device::show).post(device::rename))
        .route("/devices/{serial}/activate", get(activate::show).post(activate::finish))
        .route("/devices/{serial}/resync", get(resync::show).post(resync::finish))
        .route("/devices/{serial}/test", get(test::show).post(test::code))
        .route("/devices/{serial}/test/key", post(test::key))
        .route("/devices/{serial}/deactivate", get(device::deactivate).post(device::deactivated))
        .route("/devices/{serial}/remove", get(device::remove).post(device::removed))
        .route("/recovery", get(recovery::show).post(recovery::make))
        .route("/sign-ins", get(sign_ins::show))
        .route("/sign-ins/everywhere", get(sign_ins::everywhere).post(sign_ins::ended_everywhere))
        .route("/sign-ins/{id}", post(sign_ins::end))
        .route("/activity", get(activity::show))
        .route("/lost", get(lost::show).post(lost::report))
}

/// Ends the agent, where the store demands it, after a commit whose result is unknown.
async fn watch(State(console): State<Arc<Console>>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    if response.extensions().get::<InDoubt>().is_some() {
        console.state.end_in_doubt().await;
    }
    response
}
