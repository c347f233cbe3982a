//! The number by which the agent knows a browser again.
//!
//! After a success with it, wrong codes from other browsers cannot keep this one out. An address
//! names a client too, but people share and guess addresses; a random cookie is the browser's own.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::header::COOKIE;
use axum::http::request::Parts;
use twostep::id::ClientId;

/// The number of the browser; a new one if it has none yet.
pub(crate) struct Browser(pub(crate) ClientId);

impl<S: Sync> FromRequestParts<S> for Browser {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Browser, StatusCode> {
        let cookies = parts.headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let known = cookies
            .flat_map(|cookies| cookies.split("; "))
            .find_map(|cookie| cookie.strip_prefix("__Host-browser=")?.parse().ok());
        let client = known.map_or_else(new, Ok);
        client.map(Browser).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// 128 random bits.
fn new() -> Result<ClientId, Box<dyn std::error::Error>> {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bits)).parse()?)
}
