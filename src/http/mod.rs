//! HTTP/1.1 (RFC 9112) client over a Unix socket or TLS.
//!
//! One request, one answer: no redirects, no proxies, no state between requests except the
//! connection, and no automatic retries. A failure tells whether the request can have been sent.

mod endpoint;
mod error;
mod tls;
mod upload;

pub use endpoint::{BadUrl, Endpoint};
pub use error::{Cause, Error};
pub use tls::{BadRoots, Roots};
pub use upload::Upload;

use std::time::Duration;

use http_body_util::{BodyExt, Either, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// A connection to an endpoint, for requests in sequence. It is closed on drop.
#[derive(Debug)]
pub struct Connection {
    sender: http1::SendRequest<Either<Full<Bytes>, Upload>>,
    task: JoinHandle<hyper::Result<()>>,
}

/// A complete answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Limits for one answer.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The time from the request to the last byte of the answer.
    pub within: Duration,
    /// The size of the body in bytes.
    pub longest: usize,
}

impl Connection {
    async fn over(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> Result<Connection, Cause> {
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| Cause::Other(error.to_string()))?;
        Ok(Connection { sender, task: tokio::spawn(connection) })
    }

    /// Returns whether the connection seems ready for another request.
    pub fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Sends a request and waits for the whole answer.
    ///
    /// # Errors
    /// [`Error::NotSent`] if nothing was sent; [`Error::Lost`] if the request may have been carried
    /// out.
    pub async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
        bounds: Bounds,
    ) -> Result<Answer, Error> {
        self.complete(request.map(Either::Left), bounds).await
    }

    /// Sends a file and waits for the whole answer.
    ///
    /// # Errors
    /// As for [`Connection::send`].
    pub async fn upload(
        &mut self,
        request: Request<Upload>,
        bounds: Bounds,
    ) -> Result<Answer, Error> {
        self.complete(request.map(Either::Right), bounds).await
    }

    async fn complete(
        &mut self,
        request: Request<Either<Full<Bytes>, Upload>>,
        bounds: Bounds,
    ) -> Result<Answer, Error> {
        let answer = async { read(self.exchange(request).await?, bounds.longest).await };
        timeout(bounds.within, answer)
            .await
            .unwrap_or_else(|_| Err(late(bounds.within)))
    }

    /// Sends a request and waits for the head of the answer. The body can be read while this
    /// connection lives.
    ///
    /// # Errors
    /// As for [`Connection::send`].
    pub async fn begin(
        &mut self,
        request: Request<Full<Bytes>>,
        within: Duration,
    ) -> Result<Response<Incoming>, Error> {
        timeout(within, self.exchange(request.map(Either::Left)))
            .await
            .unwrap_or_else(|_| Err(late(within)))
    }

    async fn exchange(
        &mut self,
        request: Request<Either<Full<Bytes>, Upload>>,
    ) -> Result<Response<Incoming>, Error> {
        self.sender.ready().await.map_err(|_| Error::NotSent(Cause::NotListening))?;
        // A request that is handed back was not sent.
        self.sender.try_send_request(request).await.map_err(|mut failed| {
            match failed.take_message() {
                Some(_) => Error::NotSent(Cause::NotListening),
                None => Error::Lost(format!("the connection broke: {}", failed.error())),
            }
        })
    }
}

fn late(within: Duration) -> Error {
    Error::Lost(format!("no answer came within {} seconds", within.as_secs()))
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn read(response: Response<Incoming>, longest: usize) -> Result<Answer, Error> {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, longest).collect().await;
    let body = body
        .map_err(|error| Error::Lost(format!("the answer is incomplete: {error}")))?
        .to_bytes();
    Ok(Answer { status: head.status, headers: head.headers, body })
}
