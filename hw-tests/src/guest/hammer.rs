//! Other programs that use a key continuously: each opens it, allocates a channel, and sends ping,
//! getInfo and wink.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use std::{io, thread};

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Programs that use one key, until dropped.
pub struct Hammer {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    programs: Vec<JoinHandle<()>>,
}

impl Hammer {
    /// Starts this number of programs on the key at this node.
    #[must_use]
    pub fn start(node: &str, programs: usize) -> Hammer {
        let (stop, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let programs = (0..programs).map(|_| {
            let (node, stop, answered) =
                (node.to_owned(), Arc::clone(&stop), Arc::clone(&answered));
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    // A busy or absent key is tried again.
                    let _ = use_once(&node, &answered);
                }
            })
        });
        Hammer { programs: programs.collect(), stop, answered }
    }

    /// The number of answers so far.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }
}

impl Drop for Hammer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.programs.drain(..).for_each(|program| drop(program.join()));
    }
}

/// Opens the key, uses each of its harmless commands, and closes it.
fn use_once(node: &str, answered: &AtomicU64) -> io::Result<()> {
    let mut key = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(OFlag::O_NONBLOCK.bits())
        .open(node)?;
    let mut nonce = [0; 8];
    getrandom::fill(&mut nonce).map_err(io::Error::other)?;
    let Some(answer) =
        exchange(&mut key, BROADCAST, INIT, &nonce, |answer| answer.get(7..15) == Some(&nonce))?
    else {
        return Ok(());
    };
    let Some(channel) = answer.get(15..19).and_then(|channel| <[u8; 4]>::try_from(channel).ok())
    else {
        return Ok(());
    };
    for (command, message) in
        [(PING, &[0x55; 150][..]), (CBOR, &[GET_INFO]), (WINK, &[]), (CBOR, &[GET_INFO])]
    {
        let answer = exchange(&mut key, channel, command, message, |answer| {
            answer.get(4) == Some(&(command | INITIAL))
        })?;
        answered.fetch_add(u64::from(answer.is_some()), Ordering::Relaxed);
        // The machine has only one processor.
        thread::sleep(BREATH);
    }
    Ok(())
}

/// Sends a message and waits briefly for the first report of the answer.
fn exchange(
    key: &mut File,
    channel: [u8; 4],
    command: u8,
    message: &[u8],
    is_answer: impl Fn(&[u8; REPORT]) -> bool,
) -> io::Result<Option<[u8; REPORT]>> {
    let (first, rest) = message.split_at(message.len().min(REPORT - 7));
    let length = u16::try_from(message.len()).unwrap_or_default().to_be_bytes();
    // The kernel expects a report number first: 0, since FIDO devices have only one report.
    send(key, [&[0][..], &channel, &[command | INITIAL], &length, first].concat())?;
    for (sequence, part) in (0_u8..).zip(rest.chunks(REPORT - 5)) {
        send(key, [&[0][..], &channel, &[sequence], part].concat())?;
    }
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        let mut waited = [PollFd::new(key.as_fd(), PollFlags::POLLIN)];
        poll(&mut waited, PollTimeout::from(50_u8))?;
        let mut report = [0; REPORT];
        match key.read(&mut report) {
            Ok(_) if report.starts_with(&channel) && is_answer(&report) => return Ok(Some(report)),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

fn send(key: &mut File, mut report: Vec<u8>) -> io::Result<()> {
    report.resize(1 + REPORT, 0);
    key.write_all(&report)
}

const REPORT: usize = 64;
const BROADCAST: [u8; 4] = [0xff; 4];

/// CTAPHID commands and one CTAP2 command (CTAP 2.1 §11.2.9, §6.4).
const INITIAL: u8 = 0x80;
const PING: u8 = 0x01;
const INIT: u8 = 0x06;
const WINK: u8 = 0x08;
const CBOR: u8 = 0x10;
const GET_INFO: u8 = 0x04;

/// The pause between two commands.
const BREATH: Duration = Duration::from_millis(2);

/// The time limit for an answer, enough for a slow key.
const PATIENCE: Duration = Duration::from_millis(3_500);
