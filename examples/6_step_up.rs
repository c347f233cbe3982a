//! Step-up in a browser: a refused page asks for the second factor, the agent verifies it, and the
//! page tries again. A passkey signs in alone: the browser offers it in the field for the name
//! (conditional mediation). `cargo run --example 6_step_up -- 127.0.0.1:8000` serves the page;
//! without an address, each of its requests is sent once.

mod step_up {
    pub(crate) mod agent;
    pub(crate) mod browser;
    pub(crate) mod passkeys;
    pub(crate) mod play;
}

use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRef, State};
use axum::http::StatusCode;
use axum::response::{AppendHeaders, Html};
use axum::routing::{get, post};
use twostep::client::{self, Client, OpenSession, OpenedSession, Proof};
use twostep::guard::{MfaGuard, MfaPresent};
use twostep::policy::Policy;
use twostep::session::{JwkSet, Validator};

use step_up::browser::Browser;
use step_up::{agent, passkeys, play};

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

type SignedIn = AppendHeaders<[(&'static str, String); 2]>;

/// In a real shop, a password comes first and identifies the account.
async fn step_up(
    State(Shop(_, agent)): State<Shop>,
    browser: Browser,
    code: String,
) -> Result<SignedIn, StatusCode> {
    let alice = "alice".parse().map_err(|_| StatusCode::BAD_REQUEST)?;
    let session = OpenSession::new(&alice, Proof::Code(code.into(), None)).to_be_shown_to("shop");
    let opened = agent.open_session(&session.with_client(&browser.0)).await.map_err(refused)?;
    Ok(signed_in(&opened, &browser))
}

/// The browser stores the context, and the number that makes it known; scripts cannot read them.
fn signed_in(opened: &OpenedSession, Browser(client): &Browser) -> SignedIn {
    let cookie = |name, value: &str, more| {
        let flags = "Path=/; Secure; HttpOnly; SameSite=Strict";
        ("set-cookie", format!("__Host-{name}={value}; {flags}{more}"))
    };
    AppendHeaders([
        cookie("mfa", opened.token.as_str(), ""),
        cookie("browser", client.as_str(), "; Max-Age=31536000"),
    ])
}

fn refused(error: client::Error) -> StatusCode {
    if matches!(error, client::Error::Problem(_)) {
        StatusCode::FORBIDDEN
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    }
}

async fn shop(agent: Client) -> Result<Router, Box<dyn Error>> {
    let keys = agent.get(&[".well-known", "jwks.json"]).send().await?.body.to_string();
    let validator = Validator::new(JwkSet::from_json(keys.as_bytes())?, "twostep", "shop");
    let guard = MfaGuard::new(validator, Policy::max_age(Duration::from_secs(300)))
        .with_cookie("__Host-mfa".parse()?);
    let page = get(async || Html(include_str!("step_up/page.html")));
    let routes = Router::new()
        .route("/", page)
        .route("/pay", post(pay))
        .route("/step-up", post(step_up));
    Ok(routes.merge(passkeys::routes()).with_state(Shop(guard, agent)))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (agent, token, _folder) = agent::start().await?;
    play::go(shop(agent).await?, token).await
}
