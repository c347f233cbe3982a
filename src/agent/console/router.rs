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
    lost, operator_account, operator_audit, operator_device, operator_find, operator_fleet,
    operator_links, operator_pair, operator_sign_in, prove, recovery, resync, sign_in, sign_ins,
    test,
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
    of_operators(of_owners())
}

fn of_operators(router: Router<Arc<Console>>) -> Router<Arc<Console>> {
    let device = "/operator/devices/{serial}";
    let account = "/operator/accounts/{account}";
    router
        .route("/operator", get(operator_find::show))
        .route("/operator/sign-in", get(operator_sign_in::show).post(operator_sign_in::name))
        .route("/operator/sign-in/pair", get(operator_sign_in::pair))
        .route("/operator/sign-in/code", post(operator_sign_in::code))
        .route("/operator/sign-in/key", post(operator_sign_in::key))
        .route(account, get(operator_account::show))
        .route(&format!("{account}/link"), post(operator_account::link))
        .route(&format!("{account}/recovery-link"), post(operator_account::recovery_link))
        .route(&format!("{account}/sign-out"), post(operator_account::sign_out))
        .route(device, get(operator_device::show))
        .route(&format!("{device}/unlock"), post(operator_device::unlock))
        .route(
            &format!("{device}/deactivate"),
            get(operator_device::deactivate).post(operator_device::deactivated),
        )
        .route(
            &format!("{device}/remove"),
            get(operator_device::remove).post(operator_device::removed),
        )
        .route(
            &format!("{device}/resync"),
            get(operator_pair::resync).post(operator_pair::resynced),
        )
        .route(
            &format!("{device}/activate"),
            get(operator_pair::activate).post(operator_pair::activated),
        )
        .route("/operator/links", get(operator_links::show))
        .route("/operator/links/{id}", post(operator_links::withdraw))
        .route("/operator/fleet", get(operator_fleet::show))
        .route("/operator/audit", get(operator_audit::show))
}

fn of_owners() -> Router<Arc<Console>> {
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
