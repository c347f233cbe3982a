//! Control of a virtual key: a Unix socket with one command for each connection and one line of
//! answer.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;
use std::{fs, io};

/// The socket at the key's end.
pub(super) struct Control {
    socket: UnixListener,
}

impl Control {
    pub(super) fn listen(path: &Path) -> io::Result<Control> {
        let _ = fs::remove_file(path);
        let socket = UnixListener::bind(path)?;
        socket.set_nonblocking(true)?;
        Ok(Control { socket })
    }

    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// The next pending command, and the connection for its answer.
    pub(super) fn next(&self) -> Option<(String, UnixStream)> {
        let (stream, _) = self.socket.accept().ok()?;
        stream.set_nonblocking(false).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        let mut line = String::new();
        BufReader::new(&stream).take(LONGEST).read_line(&mut line).ok()?;
        Some((line.trim_end().to_owned(), stream))
    }
}

/// Sends a command to the key that listens at `path`, and returns the answer.
pub fn tell(path: &Path, command: &str) -> io::Result<String> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    writeln!(stream, "{command}")?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    match answer.strip_suffix('\n').and_then(|answer| answer.split_once(' ')) {
        Some(("ok", said)) => Ok(said.to_owned()),
        _ => Err(io::Error::new(
            ErrorKind::InvalidInput,
            format!("{command}: {}", answer.trim_end()),
        )),
    }
}

/// The longest command: a report of 4 KiB in hexadecimal.
const LONGEST: u64 = 10_000;

/// The time limit of either side for the other.
const PATIENCE: Duration = Duration::from_secs(20);
