//! A queue of lines for standard error, which may be full, closed, or read by a program that has
//! stopped.
//!
//! A thread of its own writes the lines, so that a slow reader never delays a request. A line is
//! dropped if the queue is full or the write fails; both are counted. Lines of some milliseconds
//! are written together: a write and a wake-up for each would cost as much as a verification.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{io, mem};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tracing_subscriber::fmt::MakeWriter;

/// The queue of lines. Cheap to clone; its clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lossy(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// Notified of a line that ends the writer's wait for one, and of a flush.
    asked: Condvar,
    /// Notified when lines were written and a flush waits.
    written: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    lines: Lines,
    /// Bytes of the lines that are being written.
    writing: usize,
    /// The writer waits for a line.
    idle: bool,
    /// Flushes under way.
    flushes: u32,
    /// Lines dropped since the start.
    dropped: u64,
    /// Dropped lines that the log has reported.
    reported: u64,
}

/// Lines behind one another, and the end of each.
#[derive(Debug, Default)]
struct Lines {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

/// The result of writing lines.
struct Written {
    failed: u64,
    /// The last line was written.
    last: bool,
}

impl Lossy {
    /// Queues a line, or drops and counts it. Never waits for the reader.
    pub(super) fn push(&self, line: &[u8]) {
        let mut queue = self.queue();
        let held = queue.lines.bytes.len().saturating_add(queue.writing);
        if held.saturating_add(line.len()) > MOST_BYTES {
            queue.dropped = queue.dropped.saturating_add(1);
            return;
        }
        queue.lines.push(line);
        let idle = mem::take(&mut queue.idle);
        drop(queue);
        if idle {
            self.0.asked.notify_one();
        }
    }

    /// Lines dropped since the start.
    pub(crate) fn dropped(&self) -> u64 {
        self.queue().dropped
    }

    /// Waits until all lines are written, for at most `limit`.
    pub(super) fn flush(&self, limit: Duration) {
        let mut queue = self.queue();
        queue.flushes = queue.flushes.saturating_add(1);
        self.0.asked.notify_one();
        let unwritten = |queue: &mut Queue| queue.writing > 0 || !queue.lines.is_empty();
        let waited = self.0.written.wait_timeout_while(queue, limit, unwritten);
        let (mut queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        queue.flushes = queue.flushes.saturating_sub(1);
    }

    /// Writes queued lines until the process ends. `report` makes the line that reports dropped
    /// ones.
    pub(super) fn write_to(&self, mut out: impl Write, report: impl Fn(u64) -> Vec<u8>) -> ! {
        let (mut lines, mut torn) = (Lines::default(), false);
        loop {
            self.next(&mut lines);
            let written = lines.write(&mut out, &mut torn);
            lines.clear();
            let missed = {
                let mut queue = self.queue();
                queue.dropped = queue.dropped.saturating_add(written.failed);
                queue.dropped.saturating_sub(queue.reported)
            };
            let reported = written.last
                && missed > 0
                && Lines::of(&report(missed)).write(&mut out, &mut torn).last;
            let mut queue = self.queue();
            queue.reported = queue.reported.saturating_add(if reported { missed } else { 0 });
            queue.writing = 0;
            let flushes = queue.flushes > 0;
            drop(queue);
            if flushes {
                self.0.written.notify_all();
            }
        }
    }

    /// Takes the queued lines, and leaves their place to the next ones.
    fn next(&self, lines: &mut Lines) {
        let mut queue = self.queue();
        while queue.lines.is_empty() {
            queue.idle = true;
            queue = self.0.asked.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.idle = false;
        let gathers = |queue: &mut Queue| queue.flushes == 0;
        let gathered = self.0.asked.wait_timeout_while(queue, GATHER, gathers);
        let (mut queue, _) = gathered.unwrap_or_else(PoisonError::into_inner);
        mem::swap(&mut queue.lines, lines);
        queue.writing = lines.bytes.len();
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    fn of(line: &[u8]) -> Lines {
        Lines { bytes: line.to_vec(), ends: vec![line.len()] }
    }

    fn push(&mut self, line: &[u8]) {
        self.bytes.extend_from_slice(line);
        self.ends.push(self.bytes.len());
    }

    fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// Writes the lines, in as few calls as the output takes. A line that fails is given up, and
    /// the next one starts fresh: after a line break, if the output is `torn`.
    fn write(&self, out: &mut impl Write, torn: &mut bool) -> Written {
        let (mut begin, mut result) = (0, Written { failed: 0, last: true });
        while begin < self.bytes.len() {
            result.last = true;
            let Err(taken) = write_all(out, self.bytes.get(begin..).unwrap_or_default(), torn)
            else {
                break;
            };
            result = Written { failed: result.failed.saturating_add(1), last: false };
            let at = begin.saturating_add(taken);
            let line = self.ends.partition_point(|end| *end <= at);
            let start = line.checked_sub(1).and_then(|before| self.ends.get(before));
            *torn |= taken > 0 && at > start.copied().unwrap_or_default();
            begin = self.ends.get(line).copied().unwrap_or(self.bytes.len());
        }
        result
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

/// Writes all bytes, after a line break if the previous line was cut off. An error is the number of
/// bytes that the output took.
fn write_all(out: &mut impl Write, bytes: &[u8], torn: &mut bool) -> Result<(), usize> {
    if *torn {
        out.write_all(b"\n").map_err(|_| 0_usize)?;
        *torn = false;
    }
    let mut taken = 0;
    while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
        match out.write(rest) {
            Ok(0) => return Err(taken),
            Ok(written) => taken = taken.saturating_add(written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Err(taken),
        }
    }
    Ok(())
}

/// The wait for lines that come with the first one.
const GATHER: Duration = Duration::from_millis(5);

/// Limit of the queue in bytes: some thousands of lines.
const MOST_BYTES: usize = 1_024 * 1_024;

const POLL_MS: u16 = 1_000;

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::Instant;

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
