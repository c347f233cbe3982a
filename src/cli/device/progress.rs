//! The progress of a large file at a terminal: the bytes that were sent, and what is in them.

use std::io;
use std::io::{BufRead, IsTerminal, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::body::Bytes;
use indicatif::{ProgressBar, ProgressStyle};

use crate::client::TokenFile;
use crate::import::{Format, Found, Settings, Stop, read};

/// A progress bar that is drawn by a thread of its own until this is dropped.
pub(super) struct Progress {
    bar: ProgressBar,
    threads: Vec<JoinHandle<()>>,
}

/// The part of a file that was sent. A reader waits for the rest of it.
struct Sent {
    file: Bytes,
    sent: Arc<AtomicU64>,
    at: usize,
    bar: ProgressBar,
}

impl Progress {
    /// Shows the progress of a large file, at a terminal. The agent tells what it found at the end;
    /// until then the file is read here as well.
    pub(super) fn of(
        file: &TokenFile,
        format: Option<Format>,
        settings: Settings,
    ) -> Option<Progress> {
        let length = u64::try_from(file.bytes.len()).unwrap_or(u64::MAX);
        if length < LARGE || !io::stderr().is_terminal() {
            return None;
        }
        let bar = ProgressBar::new(length);
        let style = "{bar:10} {bytes} of {total_bytes}{msg}, {eta} left";
        bar.set_style(ProgressStyle::with_template(style).unwrap_or(ProgressStyle::default_bar()));
        file.sent.store(0, Ordering::Relaxed);
        let (drawn, sent) = (bar.clone(), Arc::clone(&file.sent));
        let drawing = std::thread::spawn(move || {
            while !drawn.is_finished() {
                drawn.set_position(sent.load(Ordering::Relaxed));
                std::thread::sleep(REDRAWN);
            }
        });
        let (file, sent) = (file.bytes.clone(), Arc::clone(&file.sent));
        let sent = Sent { file, sent, at: 0, bar: bar.clone() };
        let reading = std::thread::spawn(move || count(sent, format, &settings));
        Some(Progress { bar, threads: vec![drawing, reading] })
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Counts the tokens and the problems of a file while it is sent.
fn count(mut sent: Sent, format: Option<Format>, settings: &Settings) {
    let bar = sent.bar.clone();
    let (mut tokens, mut problems) = (0_u64, 0_u64);
    let mut counted = |found: Found| -> Result<(), Stop> {
        match found {
            Found::Token(_) => tokens += 1,
            Found::Problem(_) => problems += 1,
            Found::Format(_) | Found::Note(..) => return Ok(()),
        }
        bar.set_message(format!(", {tokens} tokens, {problems} problems"));
        Ok(())
    };
    // The import was answered before the end was read.
    let _ = read(&mut sent, format, settings, &mut counted);
}

impl BufRead for Sent {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        loop {
            let sent = self.sent.load(Ordering::Relaxed);
            let sent = usize::try_from(sent).unwrap_or(usize::MAX).min(self.file.len());
            if self.bar.is_finished() {
                return Err(io::Error::other("the file is not read to its end"));
            }
            if self.at < sent || self.at >= self.file.len() {
                return Ok(self.file.get(self.at..sent).unwrap_or_default());
            }
            std::thread::sleep(REDRAWN);
        }
    }

    fn consume(&mut self, amount: usize) {
        self.at = self.at.saturating_add(amount);
    }
}

impl Read for Sent {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

/// Bytes of a file whose progress is shown.
const LARGE: u64 = 1 << 20;

const REDRAWN: Duration = Duration::from_millis(100);
