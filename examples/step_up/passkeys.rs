//! Passkeys: one is made after a second factor was shown, and from then on signs in by itself.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use twostep::client::{self, Client, OpenSession};
use twostep::guard::MfaPresent;

use crate::{Shop, SignedIn, refused, signed_in};

/// The routes; options and answers pass between browser and agent unchanged.
pub(crate) fn routes() -> Router<Shop> {
    Router::new()
        .route("/passkey/new", post(new))
        .route("/passkey/made", post(made))
        .route("/passkey/ask", post(ask))
        .route("/passkey/answer", post(answer))
}

/// Another factor comes first: the guard refuses without, and the page asks for it.
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

/// No account is named: the passkey says it.
async fn ask(State(Shop(_, agent)): State<Shop>) -> Result<Json<Value>, StatusCode> {
    pass_on(&agent, ["authenticate", "begin"], json!({})).await
}

async fn answer(
    State(Shop(_, agent)): State<Shop>,
    Json(answer): Json<Value>,
) -> Result<SignedIn, StatusCode> {
    let (id, credential) =
        (answer["ceremony_id"].as_str().unwrap_or_default(), answer["credential"].clone());
    let session = OpenSession::of_key(id, credential).to_be_shown_to("shop");
    signed_in(agent.open_session(session).await.map_err(refused)?)
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
