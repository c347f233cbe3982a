//! A file as the body of a request.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};

/// A file that is sent in pieces, and counts what was sent.
#[derive(Clone, Debug)]
pub struct Upload {
    rest: Bytes,
    sent: Arc<AtomicU64>,
}

impl Upload {
    /// Sends these bytes; `sent` counts them.
    pub fn new(file: impl Into<Bytes>, sent: Arc<AtomicU64>) -> Upload {
        Upload { rest: file.into(), sent }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let length = self.rest.len().min(PIECE);
        let piece = self.rest.split_to(length);
        self.sent.fetch_add(u64::try_from(length).unwrap_or(0), Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(u64::try_from(self.rest.len()).unwrap_or(u64::MAX))
    }
}

/// Bytes of a piece.
const PIECE: usize = 64 * 1_024;
