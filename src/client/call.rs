//! One request and its answer.

use std::fmt;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderValue};
use hyper::{Method, Request, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::client::{Client, Error, encoded, sensitive};
use crate::http;
use crate::http::{Bounds, Cause};
use crate::wire::Problem;

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

/// The agent's answer to a request that it has done.
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

    /// Marks the request as one that judges and changes nothing, so that it may be sent again.
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

    /// Adds the members of `parameters` to the query.
    pub(super) fn query_of(mut self, parameters: &impl Serialize) -> Call<'a> {
        if let Ok(Value::Object(members)) = serde_json::to_value(parameters) {
            for (name, value) in members {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                self = self.query(&name, Some(&text));
            }
        }
        self
    }

    /// Sets the body.
    pub fn body(self, body: Value) -> Call<'a> {
        Call { body: Some(body), ..self }
    }

    /// Sets the body to `document`, as JSON.
    pub(super) fn json(self, document: &impl Serialize) -> Result<Call<'a>, Error> {
        let body =
            serde_json::to_value(document).map_err(|error| Error::Malformed(error.to_string()))?;
        Ok(self.body(body))
    }

    /// Sets the context by which the owner of a protected account proves to be that, in the place
    /// of the client's.
    pub fn mfa_context(self, token: Option<&'a str>) -> Call<'a> {
        Call { mfa_context: token, ..self }
    }

    /// Sends it and waits for the answer.
    ///
    /// # Errors
    /// Every answer but a success is one; see [`Error`].
    pub async fn send(self) -> Result<Answer, Error> {
        self.answer(read).await
    }

    /// Sends it, and reads the answer as this type.
    pub(super) async fn read<T: DeserializeOwned>(self) -> Result<T, Error> {
        let answer = self.send().await?;
        serde_json::from_value(answer.body)
            .map_err(|error| Error::Malformed(format!("it answers something else: {error}")))
    }

    /// Sends it, and reads the answer as text.
    pub(super) async fn text(self) -> Result<String, Error> {
        let text = |answer: &http::Answer| {
            String::from_utf8(answer.body.to_vec())
                .map_err(|_| Error::Malformed("it answers something that is no text".to_owned()))
        };
        self.answer(move |answer| succeeded(answer).and_then(|()| text(answer))).await
    }

    async fn answer<T>(self, read: impl Fn(&http::Answer) -> Result<T, Error>) -> Result<T, Error> {
        let answer = self.exchange().await;
        let status = answer.as_ref().map_or(0, |answer| answer.status.as_u16());
        let read = answer.and_then(|answer| read(&answer));
        self.client.observe(&self.to_string(), read.as_ref().map(|_| status));
        read
    }

    async fn exchange(&self) -> Result<http::Answer, Error> {
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

    /// Opens a new connection each time: on a used one, the other end may be gone without a sign.
    async fn attempt(&self, request: Request<Full<Bytes>>) -> Result<http::Answer, Error> {
        let within = self.client.timeout;
        let mut connection = self.client.connect().await?;
        connection
            .send(request, Bounds { within, longest: LONGEST })
            .await
            .map_err(|error| self.client.error(error))
    }

    pub(super) fn request(&self) -> Result<Request<Full<Bytes>>, Error> {
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

/// The method and the target: `GET /v1/devices`.
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
    succeeded(answer)?;
    let status = answer.status.as_u16();
    let date = answer.headers.get(DATE).and_then(|date| date.to_str().ok()).map(str::to_owned);
    let body = match answer.body.is_empty() {
        true => Some(Value::Null),
        false => serde_json::from_slice::<Value>(&answer.body).ok(),
    };
    let body = body.ok_or_else(|| {
        Error::Malformed(format!("it answers {status} with something that is no JSON"))
    })?;
    Ok(Answer { status, date, body })
}

fn succeeded(answer: &http::Answer) -> Result<(), Error> {
    if answer.status.is_success() {
        return Ok(());
    }
    Err(problem(answer.status, &answer.body))
}

/// The problem in an answer that is no success.
pub(super) fn problem(status: StatusCode, body: &[u8]) -> Error {
    let status = status.as_u16();
    match serde_json::from_slice::<Problem>(body) {
        Ok(problem) => Error::Problem(Box::new(Problem { status, ..problem })),
        Err(_) => Error::Malformed(format!("it answers {status} and does not say why")),
    }
}

/// The pause before the second try; before the third it is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The longest answer that is read.
const LONGEST: usize = 16 * 1_024 * 1_024;
