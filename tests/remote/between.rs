//! A breaking link between a client and an agent.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::thread;

/// The fate of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    /// Closed before anything of a request is read.
    ClosedAtOnce,
    /// The request goes to the agent, and so many bytes of the answer come back.
    CutAfter(usize),
    /// All of it goes through.
    Whole,
}

/// A socket whose connections meet their fates in turn, the last fate for ever.
pub(crate) struct Between {
    pub(crate) socket: PathBuf,
    /// The number of requests that went on to the agent.
    pub(crate) passed: Arc<AtomicUsize>,
}

impl Between {
    pub(crate) fn new(folder: &Path, agent: PathBuf, fates: &[Fate]) -> Between {
        let socket = folder.join("between.sock");
        let _ = std::fs::remove_file(&socket);
        let (listener, passed) =
            (UnixListener::bind(&socket).unwrap(), Arc::<AtomicUsize>::default());
        let (fates, count) = (Mutex::new((fates.to_vec(), 0)), Arc::clone(&passed));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut turn = fates.lock().unwrap();
                let fate = turn.0[turn.1.min(turn.0.len() - 1)];
                turn.1 += 1;
                drop(turn);
                // One after the other: what is counted is in order.
                let _ = pass(stream.unwrap(), &agent, fate, &count);
            }
        });
        Between { socket, passed }
    }
}

fn pass(
    mut client: UnixStream,
    agent: &Path,
    fate: Fate,
    passed: &AtomicUsize,
) -> std::io::Result<()> {
    let most = match fate {
        Fate::ClosedAtOnce => return Ok(()),
        Fate::CutAfter(bytes) => bytes,
        Fate::Whole => usize::MAX,
    };
    let mut request = Vec::new();
    let mut buffer = [0; 4_096];
    while !is_whole(&request) {
        let read = client.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        request.extend_from_slice(&buffer[..read]);
    }
    passed.fetch_add(1, SeqCst);
    let mut agent = UnixStream::connect(agent)?;
    agent.write_all(&request)?;
    let mut answer = Vec::new();
    while !is_whole(&answer) {
        let read = agent.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        answer.extend_from_slice(&buffer[..read]);
    }
    client.write_all(&answer[..answer.len().min(most)])
}

/// Tells a whole request or answer from a part of one.
fn is_whole(message: &[u8]) -> bool {
    let text = String::from_utf8_lossy(message).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    body.len() >= length.unwrap_or(0)
}
