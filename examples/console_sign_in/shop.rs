//! The state of the shop, and its forms, cookies and redirects.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::FromRef;
use axum::http::header::COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::AppendHeaders;
use twostep::client::Client;
use twostep::guard::MfaGuard;
use twostep::session::Validator;

use super::agent::Agent;

/// The origin of the shop.
pub(crate) const SHOP: &str = "https://shop.example.com";

#[derive(Clone)]
pub(crate) struct Shop {
    pub(crate) validator: Arc<Validator>,
    pub(crate) agent: Client,
    /// The origin of the console.
    pub(crate) console: String,
    guard: MfaGuard,
    /// Accounts whose password was right, by the cookie of their browser.
    passwords: Arc<Mutex<HashMap<String, String>>>,
}

pub(crate) type Redirect = (StatusCode, AppendHeaders<[(&'static str, String); 2]>);

impl Shop {
    pub(crate) fn new(guard: MfaGuard, validator: Validator, agent: &Agent) -> Shop {
        Shop {
            validator: Arc::new(validator),
            agent: agent.client.clone(),
            console: agent.console.clone(),
            guard,
            passwords: Arc::default(),
        }
    }

    /// Keeps an account, under 128 random bits.
    pub(crate) fn remember(&self, account: String) -> Result<String, StatusCode> {
        let mut bits = [0; 16];
        getrandom::fill(&mut bits).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
        let id = format!("{:032x}", u128::from_be_bytes(bits));
        let mut passwords = self.passwords.lock().unwrap_or_else(PoisonError::into_inner);
        passwords.insert(id.clone(), account);
        Ok(id)
    }

    /// The account that was kept under this number, once.
    pub(crate) fn remembered(&self, id: &str) -> Option<String> {
        self.passwords.lock().unwrap_or_else(PoisonError::into_inner).remove(id)
    }
}

impl FromRef<Shop> for MfaGuard {
    fn from_ref(shop: &Shop) -> MfaGuard {
        shop.guard.clone()
    }
}

pub(crate) fn go_on(address: &str, cookie: &str) -> Redirect {
    let cookie = format!("{cookie}; Path=/; Secure; HttpOnly");
    let headers = [("location", address.to_owned()), ("set-cookie", cookie)];
    (StatusCode::SEE_OTHER, AppendHeaders(headers))
}

/// A field of a form.
pub(crate) fn field(form: &str, name: &str) -> Result<String, StatusCode> {
    let mut fields = url::form_urlencoded::parse(form.as_bytes());
    let found = fields.find(|(known, _)| known == name);
    found.map(|(_, value)| value.into_owned()).ok_or(StatusCode::BAD_REQUEST)
}

/// A cookie; empty if it is not there.
pub(crate) fn cookie(headers: &HeaderMap, name: &str) -> String {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split("; ")).filter_map(|it| it.split_once('='));
    pairs
        .find(|(known, _)| *known == name)
        .map_or_else(String::new, |(_, value)| value.to_owned())
}
