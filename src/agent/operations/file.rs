//! A file that arrives in pieces, and is read by a thread of its own.

use std::io;
use std::io::{BufRead, Read};

use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot};
use zeroize::Zeroizing;

use crate::agent::operations::background;
use crate::import::{Format, Found, Settings, Stop, read};

/// A piece of the file, or the reason why no more of it arrives. The last piece of a file is empty:
/// one that stops before was broken off.
pub(crate) type Piece = io::Result<Zeroizing<Vec<u8>>>;

/// The file as bytes.
struct Pieces {
    arriving: mpsc::Receiver<Piece>,
    piece: Zeroizing<Vec<u8>>,
    at: usize,
    ended: bool,
    digest: Sha256,
}

/// Reads the file. What is found in it arrives at the receiver; dropping that ends the reading. The
/// thread answers the SHA-256 of the file in hexadecimal.
pub(super) fn read_in_background(
    arriving: mpsc::Receiver<Piece>,
    format: Option<Format>,
    settings: Settings,
) -> io::Result<(mpsc::Receiver<Found>, oneshot::Receiver<io::Result<String>>)> {
    let (sender, found) = mpsc::channel(WAITING);
    let reading = background::start("twostep-file", move || {
        let mut file = Pieces::new(arriving);
        let mut hand_on = |found| sender.blocking_send(found).map_err(|_| Stop::Ended);
        if let Err(Stop::Input(error)) = read(&mut file, format, &settings, &mut hand_on) {
            return Err(error);
        }
        Ok(file.digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    })?;
    Ok((found, reading))
}

impl Pieces {
    fn new(arriving: mpsc::Receiver<Piece>) -> Pieces {
        let (piece, digest) = (Zeroizing::default(), Sha256::new());
        Pieces { arriving, piece, at: 0, ended: false, digest }
    }
}

impl BufRead for Pieces {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.at >= self.piece.len() && !self.ended {
            let piece = self.arriving.blocking_recv();
            self.piece = piece.unwrap_or_else(|| Err(io::ErrorKind::UnexpectedEof.into()))?;
            self.at = 0;
            self.ended = self.piece.is_empty();
            self.digest.update(&self.piece[..]);
        }
        Ok(self.piece.get(self.at..).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.at = self.at.saturating_add(amount);
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

/// Things that were found and wait to be checked.
const WAITING: usize = 500;
