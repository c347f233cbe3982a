//! One request and its answer over a Unix socket (HTTP/1.1, RFC 9112), to a deadline and within
//! bounds.

use std::io::{ErrorKind, Read};

use httparse::Status;
use socket2::{Domain, SockAddr, Socket, Type};
use zeroize::Zeroizing;

use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::{peer, reserve};

/// A connection for one exchange. Dropping it closes it.
pub(crate) struct Exchange {
    socket: Socket,
    deadline: Deadline,
    /// The answer as it arrived; `parsed` counts the bytes that are decoded.
    raw: Zeroizing<Vec<u8>>,
    parsed: usize,
    body: Zeroizing<Vec<u8>>,
    framing: Framing,
}

/// The framing of a body (RFC 9112 §6.3). A body that ends with the connection is refused: it may
/// be truncated.
#[derive(Clone, Copy)]
enum Framing {
    /// A body with this number of bytes to come.
    Length(usize),
    /// The size of a chunk follows.
    ChunkSize,
    /// Within a chunk, this number of bytes to come, and the end of its line.
    Chunk(usize),
    Ended,
}

impl Exchange {
    /// Connects to the agent, which runs as this user, and sends the request. Every step of the
    /// exchange must end by `deadline`.
    pub(crate) fn begin(
        (socket, agent): (&str, &str),
        deadline: Deadline,
        request: &Request<'_>,
    ) -> Result<Exchange, Failure> {
        let address = SockAddr::unix(socket).map_err(|_| Failure::Unavailable)?;
        // `Socket::new` sets close-on-exec.
        let stream =
            Socket::new(Domain::UNIX, Type::STREAM, None).map_err(|_| Failure::Unavailable)?;
        let exchange = Exchange {
            socket: stream,
            deadline,
            // The buffers hold tokens: a buffer that grows would leave a copy behind.
            raw: Zeroizing::new(Vec::with_capacity(LONGEST_ANSWER)),
            parsed: 0,
            body: Zeroizing::new(Vec::with_capacity(LONGEST_ANSWER)),
            framing: Framing::Ended,
        };
        // Connecting to an agent that no longer accepts would wait for a place in its queue.
        exchange
            .socket
            .set_write_timeout(Some(exchange.deadline.left()?))
            .map_err(|_| Failure::Unavailable)?;
        exchange.socket.connect(&address).map_err(|_| Failure::Unavailable)?;
        peer::check(&exchange.socket, socket, agent)?;
        exchange.send(request.head().as_bytes())?;
        exchange.send(request.body)?;
        Ok(exchange)
    }

    /// Sets the deadline of the next steps.
    pub(crate) fn until(&mut self, deadline: Deadline) {
        self.deadline = deadline;
    }

    /// The status of the answer. An interim answer (1xx) is not expected here.
    pub(crate) fn status(&mut self) -> Result<u16, Failure> {
        loop {
            if let Some(status) = self.parse_head()? {
                return Ok(status);
            }
            self.receive()?;
        }
    }

    /// The whole body.
    pub(crate) fn body(&mut self) -> Result<&[u8], Failure> {
        while self.advance()? {}
        Ok(&self.body)
    }

    /// The next line of the body, without its end; `None` after the last one. A last line without
    /// an end is truncated, and an error.
    pub(crate) fn line(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
        loop {
            if let Some(end) = self.body.iter().position(|byte| *byte == b'\n') {
                let line = Zeroizing::new(self.body.drain(..=end).take(end).collect());
                return Ok(Some(line));
            }
            if !self.advance()? {
                return if self.body.is_empty() { Ok(None) } else { Err(Failure::Unavailable) };
            }
        }
    }

    fn parse_head(&mut self) -> Result<Option<u16>, Failure> {
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let Status::Complete(length) =
            response.parse(&self.raw).map_err(|_| Failure::Unavailable)?
        else {
            return Ok(None);
        };
        let status = response
            .code
            .filter(|code| (200..600).contains(code))
            .ok_or(Failure::Unavailable)?;
        let framing = framing(status, response.headers).ok_or(Failure::Unavailable)?;
        (self.parsed, self.framing) = (length, framing);
        Ok(Some(status))
    }

    /// Decodes the received part of the body, and waits for more if there was none. `false` at the
    /// end.
    fn advance(&mut self) -> Result<bool, Failure> {
        let before = self.body.len();
        loop {
            let moved = self.decode()?;
            if matches!(self.framing, Framing::Ended) {
                return Ok(self.body.len() > before);
            }
            if self.body.len() > before {
                return Ok(true);
            }
            if !moved {
                self.receive()?;
            }
        }
    }

    /// Decodes one step; returns `false` if more bytes are needed.
    fn decode(&mut self) -> Result<bool, Failure> {
        let rest = self.raw.get(self.parsed..).unwrap_or_default();
        let (taken, next) = match self.framing {
            Framing::Ended | Framing::Length(0) => (0, Framing::Ended),
            Framing::Length(_) | Framing::Chunk(1..) if rest.is_empty() => return Ok(false),
            Framing::Length(left) => {
                let taken = rest.len().min(left);
                self.body.extend_from_slice(rest.get(..taken).unwrap_or_default());
                (taken, Framing::Length(left.saturating_sub(taken)))
            }
            Framing::Chunk(0) => match rest {
                [b'\r', b'\n', ..] => (2, Framing::ChunkSize),
                [] | [b'\r'] => return Ok(false),
                _ => return Err(Failure::Unavailable),
            },
            Framing::Chunk(left) => {
                let taken = rest.len().min(left);
                self.body.extend_from_slice(rest.get(..taken).unwrap_or_default());
                (taken, Framing::Chunk(left.saturating_sub(taken)))
            }
            Framing::ChunkSize => {
                match httparse::parse_chunk_size(rest).map_err(|_| Failure::Unavailable)? {
                    Status::Partial => return Ok(false),
                    // Trailers are ignored.
                    Status::Complete((taken, 0)) => (taken, Framing::Ended),
                    Status::Complete((taken, size)) => (
                        taken,
                        Framing::Chunk(usize::try_from(size).map_err(|_| Failure::Unavailable)?),
                    ),
                }
            }
        };
        let moved = taken > 0 || matches!(next, Framing::Ended);
        self.parsed = self.parsed.saturating_add(taken);
        self.framing = next;
        Ok(moved)
    }

    /// Waits for more of the answer. The end of the connection within an answer is an error.
    fn receive(&mut self) -> Result<(), Failure> {
        if reserve::is_touched() {
            return Err(Failure::Memory);
        }
        let room = LONGEST_ANSWER.saturating_sub(self.raw.len()).min(PIECE);
        let mut piece = Zeroizing::new([0; PIECE]);
        let piece = piece
            .get_mut(..room)
            .filter(|piece| !piece.is_empty())
            .ok_or(Failure::Unavailable)?;
        loop {
            self.socket
                .set_read_timeout(Some(self.deadline.left()?))
                .map_err(|_| Failure::Unavailable)?;
            match (&self.socket).read(piece) {
                Ok(0) => return Err(Failure::Unavailable),
                Ok(read) => {
                    self.raw.extend_from_slice(piece.get(..read).unwrap_or_default());
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Failure::Unavailable),
            }
        }
    }

    fn send(&self, mut bytes: &[u8]) -> Result<(), Failure> {
        if reserve::is_touched() {
            return Err(Failure::Memory);
        }
        while !bytes.is_empty() {
            self.socket
                .set_write_timeout(Some(self.deadline.left()?))
                .map_err(|_| Failure::Unavailable)?;
            // Without MSG_NOSIGNAL, a closed connection would kill the host with SIGPIPE.
            match self.socket.send_with_flags(bytes, libc::MSG_NOSIGNAL) {
                Ok(0) => return Err(Failure::Unavailable),
                Ok(sent) => bytes = bytes.get(sent..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Failure::Unavailable),
            }
        }
        Ok(())
    }
}

/// A request.
pub(crate) struct Request<'a> {
    pub(crate) method: &'static str,
    pub(crate) path: &'a str,
    /// JSON, or empty.
    pub(crate) body: &'a [u8],
}

impl Request<'_> {
    fn head(&self) -> String {
        let Request { method, path, body } = self;
        let content = match body.len() {
            0 => String::new(),
            length => format!("Content-Type: application/json\r\nContent-Length: {length}\r\n"),
        };
        format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: pam_twostep\r\nConnection: \
             close\r\n{content}\r\n"
        )
    }
}

/// The framing; `None` if the headers contradict each other.
fn framing(status: u16, headers: &[httparse::Header<'_>]) -> Option<Framing> {
    let values = |name: &'static str| {
        headers
            .iter()
            .filter(move |header| header.name.eq_ignore_ascii_case(name))
            .map(|header| header.value)
    };
    let (mut lengths, mut encodings) = (values("content-length"), values("transfer-encoding"));
    match (lengths.next(), encodings.next()) {
        (None, None) if status == 204 => Some(Framing::Ended),
        (None, Some(encoding))
            if encoding.eq_ignore_ascii_case(b"chunked") && encodings.next().is_none() =>
        {
            Some(Framing::ChunkSize)
        }
        (Some(length), None)
            if lengths.next().is_none() && length.iter().all(u8::is_ascii_digit) =>
        {
            Some(Framing::Length(str::from_utf8(length).ok()?.parse().ok()?))
        }
        _ => None,
    }
}

/// The limit for one answer with its headers. The largest is a session with its token, about 2,000
/// bytes.
const LONGEST_ANSWER: usize = 16 * 1_024;

const PIECE: usize = 2_048;

const MOST_HEADERS: usize = 32;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

    use super::*;

    fn accepted(head: &str) -> bool {
        let mut headers = [httparse::EMPTY_HEADER; 8];
        let mut response = httparse::Response::new(&mut headers);
        assert!(response.parse(head.as_bytes()).unwrap().is_complete());
        framing(response.code.unwrap(), response.headers).is_some()
    }

    #[test]
    fn a_body_of_uncertain_length_is_refused() {
        let answer =
            |headers: &str| accepted(&format!("HTTP/1.1 201 Created\r\n{headers}\r\n\r\n"));
        assert!(answer("Content-Length: 7"));
        assert!(answer("transfer-encoding: Chunked"));
        for headers in [
            "Server: x",
            "Content-Length: 7\r\nContent-Length: 7",
            "Content-Length: 7\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: gzip, chunked",
            "Content-Length: +7",
            "Content-Length: 7, 7",
            "Content-Length:",
            "Content-Length: 99999999999999999999999",
        ] {
            assert!(!answer(headers), "{headers}");
        }
        assert!(accepted("HTTP/1.1 204 No Content\r\n\r\n"));
    }
}
