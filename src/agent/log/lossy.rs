//! A queue of lines for standard error, which may be full, closed, or read by a program that has
//! stopped.
//!
//! A thread of its own writes the lines, so that a slow reader never delays a request. A line is
//! dropped if the queue is full or the write fails; both are counted.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::io::Write;
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tracing_subscriber::fmt::MakeWriter;

/// The queue of lines. Cheap to clone; its clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lossy(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// Notified of each queued line, and whenever a write ends.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    /// The writer holds a line.
    writing: bool,
    /// Lines dropped since the start.
    dropped: u64,
    /// Dropped lines that the log has reported.
    reported: u64,
}

impl Lossy {
    /// Queues a line, or drops and counts it. Never waits for the reader.
    pub(super) fn push(&self, line: &[u8]) {
        let mut queue = self.queue();
        if queue.bytes.saturating_add(line.len()) > MOST_BYTES {
            queue.dropped = queue.dropped.saturating_add(1);
            return;
        }
        queue.bytes = queue.bytes.saturating_add(line.len());
        queue.lines.push_back(line.to_vec());
        drop(queue);
        self.0.changed.notify_all();
    }

    /// Lines dropped since the start.
    pub(crate) fn dropped(&self) -> u64 {
        self.queue().dropped
    }

    /// Waits until all lines are written, for at most `limit`.
    pub(super) fn flush(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        let mut queue = self.queue();
        while queue.writing || !queue.lines.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            (queue, _) =
                self.0.changed.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Writes queued lines until the process ends. `report` makes the line that reports dropped
    /// ones.
    pub(super) fn write_to(&self, mut out: impl Write, report: impl Fn(u64) -> Vec<u8>) -> ! {
        let mut torn = false;
        loop {
            let line = self.next();
            let mut written = write_line(&mut out, &line, &mut torn).is_ok();
            let missed = self.queue().missed();
            if written && missed > 0 {
                written = write_line(&mut out, &report(missed), &mut torn).is_ok();
                let mut queue = self.queue();
                queue.reported = queue.reported.saturating_add(if written { missed } else { 0 });
                // The line itself was written; only its report failed.
                written = true;
            }
            let mut queue = self.queue();
            queue.dropped = queue.dropped.saturating_add(u64::from(!written));
            queue.writing = false;
            drop(queue);
            self.0.changed.notify_all();
        }
    }

    fn next(&self) -> Vec<u8> {
        let mut queue = self.queue();
        loop {
            if let Some(line) = queue.lines.pop_front() {
                queue.bytes = queue.bytes.saturating_sub(line.len());
                queue.writing = true;
                return line;
            }
            queue = self.0.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn missed(&self) -> u64 {
        self.dropped.saturating_sub(self.reported)
    }
}

/// `tracing` writes each event in one call.
impl Write for &Lossy {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lossy {
    type Writer = &'a Lossy;

    fn make_writer(&'a self) -> &'a Lossy {
        self
    }
}

/// Standard error without the lock of the standard library: a write that hangs must not block the
/// program's last messages.
pub(super) struct Stderr(File);

impl Stderr {
    pub(super) fn open() -> io::Result<Stderr> {
        Ok(Stderr(File::from(io::stderr().as_fd().try_clone_to_owned()?)))
    }
}

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.0.write(bytes) {
                // Another program may have set the shared terminal or pipe to non-blocking.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let _ = poll(
                        &mut [PollFd::new(self.0.as_fd(), PollFlags::POLLOUT)],
                        PollTimeout::from(POLL_MS),
                    );
                }
                done => return done,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes a line, after a line break if the previous one was cut off.
fn write_line(out: &mut impl Write, line: &[u8], torn: &mut bool) -> io::Result<()> {
    let mut begun = *torn;
    let mut rest = line;
    if *torn {
        out.write_all(b"\n")?;
        *torn = false;
        begun = false;
    }
    while !rest.is_empty() {
        match out.write(rest) {
            Ok(0) => {
                *torn = begun;
                return Err(io::ErrorKind::WriteZero.into());
            }
            Ok(written) => {
                begun = true;
                rest = rest.get(written..).unwrap_or_default();
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                *torn = begun;
                return Err(error);
            }
        }
    }
    Ok(())
}

/// Limit of the queue in bytes: some thousands of lines.
const MOST_BYTES: usize = 1_024 * 1_024;

const POLL_MS: u16 = 1_000;

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// A reader that accepts a write when the test allows it, with a result that the test chooses.
    struct Reader {
        allowed: Receiver<io::Result<usize>>,
        read: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = self.allowed.recv().unwrap_or(Ok(usize::MAX))?.min(bytes.len());
            self.read.lock().unwrap().extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The queue, the permission for its reader, and the text that was read.
    type Queue = (Lossy, Sender<io::Result<usize>>, Arc<Mutex<Vec<u8>>>);

    fn read_by_a_test() -> Queue {
        let (lossy, (allow, allowed), read) = (Lossy::default(), channel(), Arc::default());
        let (queue, reader) = (lossy.clone(), Reader { allowed, read: Arc::clone(&read) });
        std::thread::spawn(move || {
            queue.write_to(reader, |lines| format!("{lines} dropped\n").into_bytes())
        });
        (lossy, allow, read)
    }

    #[test]
    fn a_full_queue_drops_and_counts_lines_and_reports_them_later() {
        let (lossy, allow, read) = read_by_a_test();
        let line = [b'x'; 1_024];
        for _ in 0..2_000 {
            lossy.push(&line);
        }
        let dropped = lossy.dropped();
        assert!((900..=1_000).contains(&dropped), "{dropped}");
        drop(allow);
        lossy.flush(Duration::from_secs(20));
        let text = String::from_utf8(read.lock().unwrap().clone()).unwrap();
        assert_eq!(text.matches(&format!("{dropped} dropped\n")).count(), 1);
        assert_eq!(text.matches('x').count(), (2_000 - usize::try_from(dropped).unwrap()) * 1_024);
        assert_eq!(lossy.dropped(), dropped);
    }

    #[test]
    fn a_failed_line_is_counted_and_the_next_one_starts_fresh() {
        let (lossy, allow, read) = read_by_a_test();
        let closed = || Err(io::Error::from(io::ErrorKind::BrokenPipe));
        lossy.push(b"first\n");
        lossy.push(b"second\n");
        allow.send(Ok(3)).unwrap();
        allow.send(closed()).unwrap();
        allow.send(closed()).unwrap();
        drop(allow);
        lossy.push(b"third\n");
        lossy.flush(Duration::from_secs(20));
        assert_eq!(lossy.dropped(), 2);
        assert_eq!(
            String::from_utf8(read.lock().unwrap().clone()).unwrap(),
            "fir\nthird\n2 dropped\n"
        );
    }

    #[test]
    fn flushing_ends_at_its_limit() {
        let (lossy, _allow, _) = read_by_a_test();
        lossy.push(b"line\n");
        let began = Instant::now();
        lossy.flush(Duration::from_millis(100));
        assert!(began.elapsed() >= Duration::from_millis(100));
    }
}
