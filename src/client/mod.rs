//! A client of the agent, on its Unix socket or over HTTPS: one request, one answer, in the types
//! of [`wire`](crate::wire).
//!
//! A judged code is spent, even if its answer is lost. Requests that could judge one are never sent
//! twice; requests that only read may be sent again. See [`Client::trying`].

mod access_keys;
mod account;
mod aws;
mod call;
mod console;
mod control;
mod device;
mod error;
mod fleet;
mod health;
mod import;
mod local;
mod pages;
mod security_key;
mod session;

pub use call::{Answer, Call};
pub use error::Error;
pub use import::TokenFile;
pub use local::KeyCeremony;

pub use crate::wire::*;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use hyper::body::Bytes;
use hyper::header::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use crate::http;
use crate::http::{Connection, Endpoint};

/// A client of one agent. Cheap to clone.
///
/// ```no_run
/// use twostep::client::{Client, Error, OpenSession, Proof};
///
/// # async fn log_in(code: String) -> Result<(), Box<dyn std::error::Error>> {
/// let agent = Client::unix("/run/twostep/agent.sock");
/// let session = OpenSession::new(&"alice".parse()?, Proof::Code(code.into(), None))
///     .to_be_shown_to("payments");
/// match agent.open_session(&session).await {
///     Ok(opened) => println!("verified with {:?}", opened.context),
///     Err(Error::Problem(problem)) => println!("refused: {problem}"),
///     Err(Error::Lost(_)) => println!("the code counts as spent: wait for the next one"),
///     Err(error) => return Err(error.into()),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    endpoint: Endpoint,
    authorization: Option<HeaderValue>,
    mfa_context: Option<HeaderValue>,
    timeout: Duration,
    tries: u32,
    observer: Option<Observer>,
}

/// A function that learns of each request, `GET /v1/devices`, and of its status or failure.
#[derive(Clone)]
struct Observer(Arc<Observe>);

type Observe = dyn Fn(&str, Result<u16, &Error>) + Send + Sync;

impl Client {
    /// A client of the agent on this Unix socket, as the user of this process. No request takes
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
            observer: None,
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

    /// Reports each request, as `GET /v1/devices`, with its status or its failure.
    #[must_use]
    pub fn observed(
        self,
        observer: impl Fn(&str, Result<u16, &Error>) + Send + Sync + 'static,
    ) -> Client {
        Client { observer: Some(Observer(Arc::new(observer))), ..self }
    }

    /// The endpoint of the agent.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// A request that reads the path with these segments.
    pub fn get(&self, path: &[&str]) -> Call<'_> {
        self.call(Method::GET, path).asking()
    }

    /// A request that has something done.
    pub fn post(&self, path: &[&str]) -> Call<'_> {
        self.call(Method::POST, path)
    }

    /// A request that puts something at a path.
    pub fn put(&self, path: &[&str]) -> Call<'_> {
        self.call(Method::PUT, path)
    }

    /// A request that changes what is at a path.
    pub fn patch(&self, path: &[&str]) -> Call<'_> {
        self.call(Method::PATCH, path)
    }

    /// A request that removes what is at a path.
    pub fn delete(&self, path: &[&str]) -> Call<'_> {
        self.call(Method::DELETE, path)
    }

    /// Tells the observer, if there is one.
    fn observe(&self, asked: &str, outcome: Result<u16, &Error>) {
        if let Some(Observer(observer)) = &self.observer {
            observer(asked, outcome);
        }
    }

    async fn connect(&self) -> Result<Connection, Error> {
        let endpoint = self.endpoint.clone();
        self.endpoint
            .connect(self.timeout)
            .await
            .map_err(|cause| Error::Unreachable { endpoint, cause })
    }

    fn error(&self, error: http::Error) -> Error {
        match error {
            http::Error::NotSent(cause) => {
                Error::Unreachable { endpoint: self.endpoint.clone(), cause }
            }
            http::Error::Lost(how) => Error::Lost(how),
        }
    }

    fn call(&self, method: Method, path: &[&str]) -> Call<'_> {
        let target = path.iter().map(|segment| format!("/{}", encoded(segment))).collect();
        Call::new(self, method, target)
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer(..)")
    }
}

/// A header value that `Debug` redacts.
fn sensitive(text: &str) -> Result<HeaderValue, Error> {
    // Wiped with the last copy of the value.
    let bytes = Bytes::from_owner(Zeroizing::new(text.as_bytes().to_vec()));
    let mut value = HeaderValue::from_maybe_shared(bytes)
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
    fn a_name_stays_one_segment_or_one_value() {
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
    fn debug_shows_no_key() {
        let client = Client::unix("/nowhere")
            .api_key("secret")
            .and_then(|client| client.proved_by("secret"));
        assert!(!format!("{:?}", client.unwrap()).contains("secret"));
    }
}
