//! A stream whose peer has to read: an answer that stays unread ends the connection.

use std::future::Future;
use std::io;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// A stream that fails once its peer has left [`EACH`] bytes, or the rest of an answer, unread for
/// longer than `limit`.
pub(super) struct Impatient<S> {
    stream: S,
    limit: Duration,
    /// The time by which the peer has to have read; meaningless unless `waits`.
    until: Pin<Box<Sleep>>,
    waits: bool,
    /// Bytes written since the wait began.
    written: usize,
}

impl<S> Impatient<S> {
    pub(super) fn new(stream: S, limit: Duration) -> Impatient<S> {
        Impatient { stream, limit, until: Box::pin(sleep(limit)), waits: false, written: 0 }
    }

    /// Judges a write: one that cannot go on starts the wait, or fails when that is over.
    fn judged<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            return written;
        }
        if !self.waits {
            self.waits = true;
            self.written = 0;
            self.until.as_mut().reset(Instant::now() + self.limit);
        }
        ready!(self.until.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer does not read")))
    }

    fn progressed(&mut self, written: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(written)) = written {
            self.written = self.written.saturating_add(*written);
            self.waits &= self.written < EACH;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Impatient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Impatient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.progressed(&written);
        self.judged(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.progressed(&written);
        self.judged(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Called once all that was to be sent has been written.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.waits &= flushed.is_pending();
        self.judged(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ended = Pin::new(&mut self.stream).poll_shutdown(context);
        self.judged(context, ended)
    }
}

/// The bytes that a peer has to read within each limit. A reader of one byte at a time does not
/// hold a long answer for much longer than one that reads nothing.
const EACH: usize = 1_024 * 1_024;

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn an_answer_ends_when_its_peer_does_not_read() {
        let (ours, mut theirs) = duplex(1_024);
        let mut ours = Impatient::new(ours, LIMIT);
        let began = Instant::now();
        let error = ours.write_all(&[0; 4_096]).await.unwrap_err();
        assert_eq!((error.kind(), began.elapsed().as_secs()), (io::ErrorKind::TimedOut, 10));
        // A peer that reads a byte now and then gains nothing.
        let (ours, mut slow) = duplex(1_024);
        let mut ours = Impatient::new(ours, LIMIT);
        let drips = tokio::spawn(async move {
            while slow.read_u8().await.is_ok() {
                sleep(Duration::from_secs(3)).await;
            }
        });
        assert!(ours.write_all(&[0; 4_096]).await.is_err());
        assert!(theirs.read_u8().await.is_ok());
        drips.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_reads_takes_its_time() {
        let (ours, mut theirs) = duplex(1_024);
        let mut ours = Impatient::new(ours, LIMIT);
        let reads = tokio::spawn(async move {
            let mut part = vec![0; 8 * 1_024];
            let mut sum = 0;
            while let Ok(read @ 1..) = theirs.read(&mut part).await {
                sum += read;
                // A MiB in 4 seconds.
                sleep(Duration::from_millis(4)).await;
            }
            sum
        });
        for _ in 0..3 {
            ours.write_all(&vec![0; 4 * EACH]).await.unwrap();
            ours.flush().await.unwrap();
            sleep(LIMIT * 3).await;
        }
        drop(ours);
        assert_eq!(reads.await.unwrap(), 12 * EACH);
    }
}
