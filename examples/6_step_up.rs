//! Step-up in a browser: a page that is refused asks for the second factor, the agent verifies it, and the page tries again.
//! `cargo run --example 6_step_up -- 127.0.0.1:8000` serves the page; without an address its requests are sent once.

#[path = "step_up/agent.rs"]
mod agent;
#[path = "step_up/play.rs"]
mod play;

use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRef, State};
use axum::http::StatusCode;
use axum::response::Html;
use axum::routing::{get, post};
use serde_json::json;
use twostep::client::{self, Client};
use twostep::guard::{MfaGuard, MfaPresent};
use twostep::policy::Policy;
use twostep::session::{JwkSet, Validator};

#[derive(Clone)]
struct Shop(MfaGuard, Client);

impl FromRef<Shop> for MfaGuard {
    fn from_ref(shop: &Shop) -> MfaGuard {
        shop.0.clone()
    }
}

async fn pay(mfa: MfaPresent) -> String {
    format!("Paid by {}. Thank you.", mfa.account())
}

/// In a real shop a password came first and says whose code this is. The browser keeps the context and cannot read it.
async fn step_up(State(Shop(_, agent)): State<Shop>, code: String) -> Result<[(&'static str, String); 1], StatusCode> {
    let session = json!({ "account": "alice", "code": code, "audience": "shop" });
    let opened = agent.post(&["v1", "sessions"]).body(session).send().await.map_err(|error| match error {
        client::Error::Problem(_) => StatusCode::FORBIDDEN,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    })?;
    let token = opened.body["token"].as_str().ok_or(StatusCode::BAD_GATEWAY)?;
    Ok([("set-cookie", format!("__Host-mfa={token}; Path=/; Secure; HttpOnly; SameSite=Strict"))])
}

async fn shop(agent: Client) -> Result<Router, Box<dyn Error>> {
    let keys = agent.get(&[".well-known", "jwks.json"]).send().await?.body.to_string();
    let validator = Validator::new(JwkSet::from_json(keys.as_bytes())?, "twostep", "shop");
    let guard = MfaGuard::new(validator, Policy::max_age(Duration::from_secs(300))).with_cookie("__Host-mfa".parse()?);
    let page = get(async || Html(include_str!("step_up/page.html")));
    Ok(Router::new().route("/", page).route("/pay", post(pay)).route("/step-up", post(step_up)).with_state(Shop(guard, agent)))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (agent, token, _folder) = agent::start().await?;
    play::go(shop(agent).await?, token).await
}
