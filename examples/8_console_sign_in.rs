//! A second step on the console's sign-in page: the shop checks the password and sends the browser
//! to the agent's page. It takes the token from that page alone, for this shop and this account.
//! `cargo run --example 8_console_sign_in` sends each request once, as a browser would.

mod console_sign_in {
    pub(crate) mod agent;
    pub(crate) mod browser;
    pub(crate) mod shop;
}

use std::error::Error;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use twostep::guard::{MfaGuard, MfaPresent};
use twostep::policy::Policy;
use twostep::session::{SignedContext, Validator};
use twostep::wire::StartSignIn;

use console_sign_in::shop::{Redirect, SHOP, Shop, cookie, field, go_on};
use console_sign_in::{agent, browser};

async fn pay(mfa: MfaPresent) -> String {
    format!("Paid by {}. Thank you.", mfa.account())
}

/// The check of the password is left out here. The console asks for the second step.
async fn log_in(State(shop): State<Shop>, form: String) -> Result<Redirect, StatusCode> {
    let account = field(&form, "account")?;
    let return_to = format!("{SHOP}/pay");
    let sign_in = StartSignIn { account: account.clone(), return_to, state: None };
    let started = shop.agent.start_sign_in(&sign_in).await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    // The console's form comes from another site: browsers send no stricter cookie with it.
    let cookie = format!("__Host-id={}; SameSite=None", shop.remember(account)?);
    Ok(go_on(started.url.as_str(), &cookie))
}

/// The form of the console's page.
async fn second_step(
    State(shop): State<Shop>,
    headers: HeaderMap,
    form: String,
) -> Result<Redirect, StatusCode> {
    // Another page could sign its visitor in with a token of its own.
    if headers.get("origin").is_none_or(|origin| *origin != *shop.console) {
        return Err(StatusCode::FORBIDDEN);
    }
    let (token, page) = (field(&form, "token")?, field(&form, "return_to")?);
    // The validator is for this shop's audience.
    let context = shop.validator.validate(&SignedContext::new(&token));
    let context = context.map_err(|_| StatusCode::FORBIDDEN)?;
    let account = shop.remembered(&cookie(&headers, "__Host-id"));
    if account.is_none_or(|account| account != context.account().as_str()) {
        return Err(StatusCode::FORBIDDEN);
    }
    let page = page.strip_prefix(SHOP).filter(|path| path.starts_with('/'));
    let page = format!("{SHOP}{}", page.ok_or(StatusCode::BAD_REQUEST)?);
    Ok(go_on(&page, &format!("__Host-mfa={token}; SameSite=Lax")))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let agent = agent::start().await?;
    let validator = || Validator::new(agent.keys.clone(), "twostep", "shop");
    let guard = MfaGuard::new(validator(), Policy::mfa_present());
    let guard = guard.with_cookie("__Host-mfa".parse()?);
    let routes = Router::new()
        .route("/log-in", post(log_in))
        .route("/mfa", post(second_step))
        .route("/pay", get(pay));
    browser::walk(routes.with_state(Shop::new(guard, validator(), &agent)), agent).await
}
