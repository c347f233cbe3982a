//! The other end of the agent's Unix socket: one request, one answer (HTTP/1.1, RFC 9112).
//!
//! Nothing is ever sent twice. A code that was judged is spent, whether its answer arrived or not.

mod error;

pub use error::Cause;
pub use error::Error;
pub use error::Problem;

use std::fmt;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use http_body_util::BodyExt;
use http_body_util::Full;
use http_body_util::Limited;
use hyper::Method;
use hyper::Request;
use hyper::Response;
use hyper::body::Bytes;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::CONTENT_TYPE;
use hyper::header::DATE;
use hyper::header::HOST;
use hyper::header::HeaderValue;
use hyper_util::rt::TokioIo;
use percent_encoding::AsciiSet;
use percent_encoding::NON_ALPHANUMERIC;
use percent_encoding::utf8_percent_encode;
use serde_json::Value;
use tokio::net::UnixStream;

/// Talks to the agent that listens on one socket.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
    timeout: Duration,
}

/// A request that is being put together. [`Call::send`] sends it, once.
#[must_use]
pub struct Call<'a> {
    client: &'a Client,
    method: Method,
    target: String,
    body: Option<Value>,
    mfa_context: Option<&'a str>,
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

impl Client {
    /// A client of the agent on this socket. No request takes longer than ten seconds.
    pub fn unix(socket: impl Into<PathBuf>) -> Client {
        Client { socket: socket.into(), timeout: Duration::from_secs(10) }
    }

    /// The same, with another time in which the whole answer must have come.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Client {
        Client { timeout, ..self }
    }

    /// The socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Reads what is at a path, given by its segments.
    pub fn get(&self, path: &[&str]) -> Call<'_> {
        self.call(Method::GET, path)
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
        Call { client: self, method, target, body: None, mfa_context: None }
    }

    async fn connect(&self) -> Result<UnixStream, Cause> {
        UnixStream::connect(&self.socket).await.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Cause::NoSocket,
            io::ErrorKind::ConnectionRefused => Cause::NotListening,
            io::ErrorKind::PermissionDenied => Cause::NotAllowed,
            _ => Cause::Other(error),
        })
    }
}

impl<'a> Call<'a> {
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

    /// The context by which the owner of a protected account proves to be that.
    pub fn mfa_context(self, token: Option<&'a str>) -> Call<'a> {
        Call { mfa_context: token, ..self }
    }

    /// Sends it and waits for the answer.
    ///
    /// # Errors
    /// Every answer but a success is one; see [`Error`].
    pub async fn send(self) -> Result<Answer, Error> {
        let limit = self.client.timeout;
        let request = self.request()?;
        let unreachable = |cause| Error::Unreachable { socket: self.client.socket.clone(), cause };
        let connected = tokio::time::timeout(limit, self.client.connect()).await;
        let stream = connected.unwrap_or(Err(Cause::TimedOut)).map_err(unreachable)?;
        let answer = tokio::time::timeout(limit, exchange(stream, request)).await;
        answer.unwrap_or_else(|_| Err(Error::Lost(format!("the agent did not answer within {} seconds", limit.as_secs()))))
    }

    fn request(&self) -> Result<Request<Full<Bytes>>, Error> {
        let unfit = |what: &str| Error::Malformed(format!("{what} cannot be sent"));
        let mut request = Request::builder().method(&self.method).uri(&self.target).header(HOST, "localhost");
        if let Some(token) = self.mfa_context {
            let mut value = HeaderValue::from_str(token).map_err(|_| unfit("this MFA context"))?;
            value.set_sensitive(true);
            request = request.header("x-mfa-context", value);
        }
        let body = match &self.body {
            Some(body) => {
                request = request.header(CONTENT_TYPE, "application/json");
                Bytes::from(body.to_string())
            }
            None => Bytes::new(),
        };
        request.body(Full::new(body)).map_err(|_| unfit("this request"))
    }
}

/// What is asked, without its body: `GET /v1/devices`.
impl fmt::Display for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.target)
    }
}

async fn exchange(stream: UnixStream, request: Request<Full<Bytes>>) -> Result<Answer, Error> {
    let lost = |error: hyper::Error| Error::Lost(format!("the connection to the agent broke: {error}"));
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(lost)?;
    let connection = tokio::spawn(connection);
    let answer = match sender.send_request(request).await {
        Ok(response) => read(response).await,
        Err(error) => Err(lost(error)),
    };
    connection.abort();
    answer
}

async fn read(response: Response<Incoming>) -> Result<Answer, Error> {
    let (head, body) = response.into_parts();
    let status = head.status.as_u16();
    let date = head.headers.get(DATE).and_then(|date| date.to_str().ok()).map(str::to_owned);
    let body = Limited::new(body, LONGEST).collect().await;
    let body = body.map_err(|error| Error::Lost(format!("the agent's answer did not come whole: {error}")))?.to_bytes();
    let json = if body.is_empty() { Some(Value::Null) } else { serde_json::from_slice::<Value>(&body).ok() };
    if head.status.is_success() {
        let body = json.ok_or_else(|| Error::Malformed(format!("it answers {status} with something that is no JSON")))?;
        return Ok(Answer { status, date, body });
    }
    match json.and_then(|document| Problem::read(status, document)) {
        Some(problem) => Err(Error::Problem(Box::new(problem))),
        None => Err(Error::Malformed(format!("it answers {status} and does not say why"))),
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// All but the unreserved characters of RFC 3986 §2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// No answer is longer.
const LONGEST: usize = 16 * 1_024 * 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_name_holds_it_stays_one_segment_or_value() {
        let client = Client::unix("/nowhere");
        let call = client.get(&["v1", "devices", "a/b?c#d e%"]).query("account", Some("zoë&x=1")).query("state", None);
        assert_eq!(call.to_string(), "GET /v1/devices/a%2Fb%3Fc%23d%20e%25?account=zo%C3%AB%26x%3D1");
    }
}
