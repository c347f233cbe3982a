//! Long answers, sent in slices: a connection buffers little, and what the answer holds is released
//! when its last slice is on the way.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use axum::response::Response;
use hyper::body::{Body as _, Frame, SizeHint};

/// A body in slices, and what lives as long as it.
struct Sliced<H> {
    body: Body,
    rest: Bytes,
    _held: H,
}

/// Sends a long answer in slices, and drops `held` after the last one. A short answer is not
/// changed.
pub(super) fn sliced<H: Send + Unpin + 'static>(response: Response, held: H) -> Response {
    if response.body().size_hint().upper().is_some_and(|size| size <= SLICE) {
        return response;
    }
    response.map(|body| Body::new(Sliced { body, rest: Bytes::new(), _held: held }))
}

impl<H: Unpin> hyper::body::Body for Sliced<H> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => frame,
                ended => return Poll::Ready(ended),
            };
            match frame.into_data() {
                Ok(data) => self.rest = data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        let slice = usize::try_from(SLICE).unwrap_or(usize::MAX).min(self.rest.len());
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(slice)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, inner) =
            (u64::try_from(self.rest.len()).unwrap_or(u64::MAX), self.body.size_hint());
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower().saturating_add(rest));
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint
    }
}

/// The longest slice.
const SLICE: u64 = 16 * 1_024;
