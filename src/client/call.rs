//! One request and its answer.

use std::fmt;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderValue};
use hyper::{Method, Request};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::client::{Client, Error, Problem, encoded, sensitive};
use crate::http;
use crate::http::{Bounds, Cause};

/// A request that is being put together. [`Call::send`] sends it.
#[must_use]
pub struct Call<'a> {
    client: &'a Client,
    method: Method,
    target: String,
    body: Option<Value>,
    mfa_context: Option<&'a str>,
    only_asks: bool,
}

/// What the agent answered to a request that it has done.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status, 200 to 299.
    pub status: u16,
    /// The agent's time, as its `Date` header says it.
    pub date: Option<String>,
    /// The body; `null` where there is none.
    pub body: Value,
}

impl<'a> Call<'a> {
    pub(super) fn new(client: &'a Client, method: Method, target: String) -> Call<'a> {
        Call { client, method, target, body: None, mfa_context: None, only_asks: false }
    }

    /// Says that the request judges and changes nothing, so that it may be sent again.
    pub(super) fn asking(self) -> Call<'a> {
        Call { only_asks: true, ..self }
    }

    /// Adds a parameter to the query, unless it has no value.
    pub fn query(mut self, name: &str, value: Option<&str>) -> Call<'a> {
        if let Some(value) = value {
            let separator = if self.target.contains('?') { '&' } else { '?' };
            self.target.push(separator);
            self.target.push_str(&format!("{}={}", encoded(name), encoded(value)));
        }
        self
    }

    /// The body.
    pub fn body(self, body: Value) -> Call<'a> {
        Call { body: Some(body), ..self }
    }

    /// The context by which the owner of a protected account proves to be that, in the place of the
    /// client's.
    pub fn mfa_context(self, token: Option<&'a str>) -> Call<'a> {
        Call { mfa_context: token, ..self }
    }

    /// Sends it and waits for the answer.
    ///
    /// # Errors
    /// Every answer but a success is one; see [`Error`].
    pub async fn send(self) -> Result<Answer, Error> {
        let request = self.request()?;
        let mut pause = FIRST_PAUSE;
        for _ in 1..self.client.tries {
            match self.attempt(request.clone()).await {
                Err(Error::Unreachable { cause, .. }) if worth_another_try(&cause) => {}
                Err(Error::Lost(_)) if self.only_asks => {}
                decided => return decided,
            }
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2);
        }
        self.attempt(request).await
    }

    /// Sends it, and reads the answer as this type.
    pub(super) async fn read<T: DeserializeOwned>(self) -> Result<T, Error> {
        let answer = self.send().await?;
        serde_json::from_value(answer.body)
            .map_err(|error| Error::Malformed(format!("it answers something else: {error}")))
    }

    /// A new connection each time: on one that was used before, nobody knows whether the other end
    /// is still there.
    async fn attempt(&self, request: Request<Full<Bytes>>) -> Result<Answer, Error> {
        let (endpoint, within) = (&self.client.endpoint, self.client.timeout);
        let unreachable = |cause| Error::Unreachable { endpoint: endpoint.clone(), cause };
        let mut connection = endpoint.connect(within).await.map_err(unreachable)?;
        match connection.send(request, Bounds { within, longest: LONGEST }).await {
            Ok(answer) => read(&answer),
            Err(http::Error::NotSent(cause)) => Err(unreachable(cause)),
            Err(http::Error::Lost(how)) => Err(Error::Lost(how)),
        }
    }

    fn request(&self) -> Result<Request<Full<Bytes>>, Error> {
        let mut request = self.client.endpoint.request(self.method.clone(), &self.target);
        let own = self.mfa_context.map(sensitive).transpose()?;
        if let Some(token) = own.or_else(|| self.client.mfa_context.clone()) {
            request = request.header("x-mfa-context", token);
        }
        if let Some(key) = &self.client.authorization {
            request = request.header(AUTHORIZATION, key);
        }
        let body = match &self.body {
            Some(body) => {
                request =
                    request.header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                Bytes::from(body.to_string())
            }
            None => Bytes::new(),
        };
        request
            .body(Full::new(body))
            .map_err(|_| Error::Malformed("this request cannot be sent".to_owned()))
    }
}

/// What is asked, without its body: `GET /v1/devices`.
impl fmt::Display for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.target)
    }
}

/// An agent that starts again is back in a moment. What is not allowed or not trusted stays so.
fn worth_another_try(cause: &Cause) -> bool {
    matches!(cause, Cause::NotThere | Cause::NotListening | Cause::TimedOut | Cause::Other(_))
}

fn read(answer: &http::Answer) -> Result<Answer, Error> {
    let status = answer.status.as_u16();
    let date = answer.headers.get(DATE).and_then(|date| date.to_str().ok()).map(str::to_owned);
    let json = if answer.body.is_empty() {
        Some(Value::Null)
    } else {
        serde_json::from_slice::<Value>(&answer.body).ok()
    };
    if answer.status.is_success() {
        let body = json.ok_or_else(|| {
            Error::Malformed(format!("it answers {status} with something that is no JSON"))
        })?;
        return Ok(Answer { status, date, body });
    }
    match json.and_then(|document| Problem::read(status, document)) {
        Some(problem) => Err(Error::Problem(Box::new(problem))),
        None => Err(Error::Malformed(format!("it answers {status} and does not say why"))),
    }
}

/// How long to wait before the second try; twice as long before the third.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// No answer is longer.
const LONGEST: usize = 16 * 1_024 * 1_024;
