//! Passkeys: made after a proof of MFA, and then a sign-in of their own.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use twostep::client::{self, Client, OpenSession};
use twostep::guard::MfaPresent;

use crate::step_up::browser::Browser;
use crate::{Shop, SignedIn, refused, signed_in};

/// The routes. Options and responses pass between browser and agent unchanged.
pub(crate) fn routes() -> Router<Shop> {
    Router::new()
        .route("/passkey/new", post(new))
        .route("/passkey/made", post(made))
        .route("/passkey/ask", post(ask))
        .route("/passkey/answer", post(answer))
}

/// Requires MFA: the guard refuses otherwise, and the page asks for it.
async fn new(
    mfa: MfaPresent,
    State(Shop(_, agent)): State<Shop>,
) -> Result<Json<Value>, StatusCode> {
    pass_on(&agent, ["register", "begin"], json!({ "account": mfa.account().as_str() })).await
}

async fn made(
    _: MfaPresent,
    State(Shop(_, agent)): State<Shop>,
    Json(made): Json<Value>,
) -> Result<Json<Value>, StatusCode> {
    pass_on(&agent, ["register", "finish"], made).await
}

/// Names no account: the passkey does.
async fn ask(State(Shop(_, agent)): State<Shop>) -> Result<Json<Value>, StatusCode> {
    pass_on(&agent, ["authenticate", "begin"], json!({})).await
}

async fn answer(
    State(Shop(_, agent)): State<Shop>,
    browser: Browser,
    Json(answer): Json<Value>,
) -> Result<SignedIn, StatusCode> {
    let (id, credential) =
        (answer["ceremony_id"].as_str().unwrap_or_default(), answer["credential"].clone());
    let session = OpenSession::of_key(id, credential).to_be_shown_to("shop");
    let opened = agent.open_session(&session.with_client(&browser.0)).await.map_err(refused)?;
    Ok(signed_in(&opened, &browser))
}

async fn pass_on(
    agent: &Client,
    [ceremony, step]: [&str; 2],
    body: Value,
) -> Result<Json<Value>, StatusCode> {
    let answer = agent.post(&["v1", "security-keys", ceremony, step]).body(body).send().await;
    answer
        .map(|answer| Json(answer.body))
        .map_err(|error: client::Error| refused(error))
}
