//! A client of the agent, on its Unix socket or over HTTPS: one request, one answer.
//!
//! A code that was judged is spent, whether its answer arrived or not. So nothing is ever sent
//! twice that could judge one: what only asks may be asked again, anything else only when it was
//! surely not sent; see [`Client::trying`].

mod account;
mod call;
mod context;
mod device;
mod error;
mod security_key;
mod session;

pub use account::{Account, Bypass};
pub use call::{Answer, Call};
pub use context::{Context, Mfa};
pub use device::{AddedDevice, Device, NewDevice, Page, Provisioning, Resynced, Secrets};
pub use error::{Error, Problem};
pub use security_key::Ceremony;
pub use session::{OpenSession, OpenedSession, Proof, Revoked, Token};

use std::path::PathBuf;
use std::time::Duration;

use hyper::Method;
use hyper::header::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::http::Endpoint;

/// Talks to one agent. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    endpoint: Endpoint,
    authorization: Option<HeaderValue>,
    mfa_context: Option<HeaderValue>,
    timeout: Duration,
    tries: u32,
}

impl Client {
    /// A client of the agent on this Unix socket, as whoever this process runs as. No request takes
    /// longer than ten seconds.
    pub fn unix(socket: impl Into<PathBuf>) -> Client {
        Client::at(Endpoint::unix(socket))
    }

    /// A client of the agent at this endpoint. Over HTTPS it needs an [API key](Client::api_key).
    pub fn at(endpoint: Endpoint) -> Client {
        Client {
            endpoint,
            authorization: None,
            mfa_context: None,
            timeout: Duration::from_secs(10),
            tries: 1,
        }
    }

    /// Sends this API key with every request.
    ///
    /// # Errors
    /// [`Error::Malformed`]: it is no API key.
    pub fn api_key(self, key: &str) -> Result<Client, Error> {
        Ok(Client { authorization: Some(sensitive(&format!("Bearer {key}"))?), ..self })
    }

    /// Sends this context with every request, as the owner's proof for changes to devices of a
    /// protected account.
    ///
    /// # Errors
    /// [`Error::Malformed`]: it is no token.
    pub fn proved_by(self, token: &str) -> Result<Client, Error> {
        Ok(Client { mfa_context: Some(sensitive(token)?), ..self })
    }

    /// Sets the time limit for a whole answer.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Client {
        Client { timeout, ..self }
    }

    /// Sets the number of attempts; one by default. Queries are repeated whenever the answer is
    /// missing. Other requests are repeated only if nothing was sent, so a code is judged at most
    /// once.
    #[must_use]
    pub fn trying(self, times: u32) -> Client {
        Client { tries: times.max(1), ..self }
    }

    /// Where the agent is.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Reads what is at a path, given by its segments.
    pub fn get(&self, path: &[&str]) -> Call<'_> {
        self.call(Method::GET, path).asking()
    }

    /// Asks for something to be done.
    pub fn post(&self, path: &[&str]) -> Call<'_> {
        self.call(Method::POST, path)
    }

    /// Changes what is at a path.
    pub fn patch(&self, path: &[&str]) -> Call<'_> {
        self.call(Method::PATCH, path)
    }

    /// Removes what is at a path.
    pub fn delete(&self, path: &[&str]) -> Call<'_> {
        self.call(Method::DELETE, path)
    }

    fn call(&self, method: Method, path: &[&str]) -> Call<'_> {
        let target = path.iter().map(|segment| format!("/{}", encoded(segment))).collect();
        Call::new(self, method, target)
    }
}

/// A header that no log shows.
fn sensitive(text: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| Error::Malformed("this key or token cannot be sent".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// All but the unreserved characters of RFC 3986 §2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_name_holds_it_stays_one_segment_or_value() {
        let client = Client::unix("/nowhere");
        let call = client
            .get(&["v1", "devices", "a/b?c#d e%"])
            .query("account", Some("zoë&x=1"))
            .query("state", None);
        assert_eq!(
            call.to_string(),
            "GET /v1/devices/a%2Fb%3Fc%23d%20e%25?account=zo%C3%AB%26x%3D1"
        );
    }

    #[test]
    fn a_key_is_in_no_log() {
        let client = Client::unix("/nowhere")
            .api_key("secret")
            .and_then(|client| client.proved_by("secret"));
        assert!(!format!("{:?}", client.unwrap()).contains("secret"));
    }
}
