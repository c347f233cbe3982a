//! Two levels of protection in one axum app: MFA to read, a security key touched in the last minute
//! to pay.

mod person;

use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request};
use axum::routing::{get, post};
use tower::ServiceExt;
use twostep::guard::{Mfa, MfaGuard, MfaPresent, RoutePolicy};
use twostep::policy::Policy;

struct Paying;

impl RoutePolicy for Paying {
    fn policy() -> Policy {
        Policy::max_age(Duration::from_secs(60)).phishing_resistant()
    }
}

async fn orders(mfa: MfaPresent) -> String {
    format!("orders of {}", mfa.account())
}

async fn pay(mfa: Mfa<Paying>) -> String {
    format!("paid by {}, who touched {}", mfa.account(), mfa.serial())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut alice = person::Alice::new().await?;
    let guard = MfaGuard::new(alice.validator("shop").await?, Policy::mfa_present());
    let app = Router::new()
        .route("/orders", get(orders))
        .route("/pay", post(pay))
        .with_state(guard);

    let (code, key) = (alice.by_code("shop").await?, alice.by_key("shop").await?);
    ask(&app, Method::GET, "/orders", None, 401).await?;
    ask(&app, Method::GET, "/orders", Some(&code), 200).await?;
    ask(&app, Method::POST, "/pay", Some(&code), 401).await?;
    ask(&app, Method::POST, "/pay", Some(&key), 200).await?;
    alice.clock.advance(Duration::from_secs(61));
    ask(&app, Method::GET, "/orders", Some(&key), 200).await?;
    ask(&app, Method::POST, "/pay", Some(&key), 401).await
}

async fn ask(
    app: &Router,
    method: Method,
    path: &str,
    token: Option<&String>,
    expected: u16,
) -> Result<(), Box<dyn Error>> {
    let mut request = Request::builder().method(&method).uri(path);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let answer = app.clone().oneshot(request.body(Body::empty())?).await?;
    let challenge = answer
        .headers()
        .get("www-authenticate")
        .map_or(Ok(""), |value| value.to_str())?;
    println!("{method} {path}: {} {challenge}", answer.status());
    assert_eq!(answer.status(), expected);
    Ok(())
}
