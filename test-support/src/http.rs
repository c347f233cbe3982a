//! A small HTTP/1.1 client that sends exactly what a test means to send, on one connection for as
//! long as it is kept.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Result, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

/// One caller of an agent. Several threads may share it; they take turns.
pub struct Client {
    to: To,
    host: String,
    headers: Vec<(String, String)>,
    open: Mutex<Option<Box<dyn Stream>>>,
    /// The longest wait for an answer.
    wait: Duration,
    witness: Option<Arc<Witness>>,
}

/// Is shown the method, the path and the answer of each request.
type Witness = dyn Fn(&str, &str, &Answer) + Send + Sync;

#[derive(Clone)]
enum To {
    Unix(PathBuf),
    Tcp(String),
}

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// In their order, with their names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

const LOCALHOST: &str = "localhost";

const WAIT: Duration = Duration::from_secs(60);

trait Stream: Read + Write + Send {}

impl<S: Read + Write + Send> Stream for S {}

impl Client {
    /// The user that runs the test, on the agent's Unix socket.
    pub fn unix(socket: impl Into<PathBuf>) -> Client {
        Client {
            to: To::Unix(socket.into()),
            host: LOCALHOST.to_owned(),
            headers: Vec::new(),
            open: Mutex::default(),
            wait: WAIT,
            witness: None,
        }
    }

    /// A caller without credentials, over TCP.
    pub fn tcp(address: impl Into<String>) -> Client {
        Client {
            to: To::Tcp(address.into()),
            host: LOCALHOST.to_owned(),
            headers: Vec::new(),
            open: Mutex::default(),
            wait: WAIT,
            witness: None,
        }
    }

    /// Another connection of a caller who also sends this header.
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Client {
        let mut headers = self.headers.clone();
        headers.push((name.to_owned(), value.to_owned()));
        Client {
            to: self.to.clone(),
            host: self.host.clone(),
            headers,
            open: Mutex::default(),
            wait: self.wait,
            witness: self.witness.clone(),
        }
    }

    /// Another connection of a caller who calls the other end by this name.
    #[must_use]
    pub fn to_host(&self, host: &str) -> Client {
        let headers = self.headers.clone();
        Client {
            to: self.to.clone(),
            host: host.to_owned(),
            headers,
            open: Mutex::default(),
            wait: self.wait,
            witness: self.witness.clone(),
        }
    }

    /// Another connection of a caller who gives up on an answer after this time.
    #[must_use]
    pub fn waiting(&self, wait: Duration) -> Client {
        Client { wait, ..self.to_host(&self.host) }
    }

    /// Another connection of a caller with this API key.
    #[must_use]
    pub fn bearing(&self, key: &str) -> Client {
        self.with("Authorization", &format!("Bearer {key}"))
    }

    /// Another connection. The method, path and response of each request are passed to a function.
    #[must_use]
    pub fn witnessed(
        &self,
        witness: impl Fn(&str, &str, &Answer) + Send + Sync + 'static,
    ) -> Client {
        let headers = self.headers.clone();
        Client {
            to: self.to.clone(),
            host: self.host.clone(),
            headers,
            open: Mutex::default(),
            wait: self.wait,
            witness: Some(Arc::new(witness)),
        }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None)
    }

    pub fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, Some(body))
    }

    pub fn put(&self, path: &str, body: Value) -> Answer {
        self.send("PUT", path, Some(body))
    }

    pub fn patch(&self, path: &str, body: Value) -> Answer {
        self.send("PATCH", path, Some(body))
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, None)
    }

    pub fn send(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        match body {
            Some(body) => self.raw(
                method,
                path,
                &[("Content-Type", "application/json")],
                body.to_string().as_bytes(),
            ),
            None => self.raw(method, path, &[], b""),
        }
    }

    pub fn raw(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let answer = self
            .try_raw(method, path, headers, body)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        if let Some(witness) = &self.witness {
            witness(method, path, &answer);
        }
        answer
    }

    /// Sends a request once. A connection that failed is not used again.
    pub fn try_raw(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer> {
        let headers: Vec<(&str, &[u8])> =
            headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        self.exchange(method, path, &headers, body)
    }

    /// A request without a body, whose headers are octets.
    pub fn octets(&self, method: &str, path: &str, headers: &[(&str, &[u8])]) -> Answer {
        self.octets_with(method, path, headers, b"")
    }

    pub fn octets_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &[u8])],
        body: &[u8],
    ) -> Answer {
        self.exchange(method, path, headers, body)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    fn exchange(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &[u8])],
        body: &[u8],
    ) -> Result<Answer> {
        let own = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n",
            self.host,
            body.len()
        )
        .into_bytes();
        for (name, value) in own.chain(headers.iter().copied()) {
            head.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        head.extend(b"\r\n");
        let mut open = self.open.lock().unwrap();
        let mut stream = match open.take() {
            Some(stream) => stream,
            None => self.to.connect(self.wait)?,
        };
        stream.write_all(&[&head, body].concat())?;
        let answer = Answer::read(&mut stream)?;
        if answer.header("connection") != Some("close") {
            *open = Some(stream);
        }
        Ok(answer)
    }
}

impl To {
    fn connect(&self, wait: Duration) -> Result<Box<dyn Stream>> {
        let wait = Some(wait);
        Ok(match self {
            To::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(wait)?;
                Box::new(stream)
            }
            To::Tcp(address) => {
                let stream = TcpStream::connect(address)?;
                stream.set_read_timeout(wait)?;
                stream.set_nodelay(true)?;
                Box::new(stream)
            }
        })
    }
}

impl Answer {
    /// The answer without the headers that are of one request alone: its time and its id.
    pub fn of_any_request(&self) -> Answer {
        let of_one = |name: &str| ["date", "x-request-id"].contains(&name);
        let headers = self.headers.iter().filter(|(name, _)| !of_one(name));
        Answer { headers: headers.cloned().collect(), ..self.clone() }
    }

    fn read(stream: &mut dyn Stream) -> Result<Answer> {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status =
            status.ok_or_else(|| std::io::Error::other(format!("this is no answer: {line:?}")))?;
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line)?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Answer { status, headers, body: Vec::new() };
        if answer.header("transfer-encoding") == Some("chunked") {
            while let Some(chunk) = chunk(&mut stream)? {
                answer.body.extend(chunk);
            }
            return Ok(answer);
        }
        let length = answer
            .header("content-length")
            .and_then(|length| length.parse().ok())
            .unwrap_or(0);
        answer.body = vec![0; length];
        stream.read_exact(&mut answer.body)?;
        Ok(answer)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The body of an answer that has this status.
    #[track_caller]
    pub fn is(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        if self.body.is_empty() { Value::Null } else { self.json() }
    }

    /// The body of a refusal, which has the form that all refusals have.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Value {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{} {}",
            self.status,
            self.text()
        );
        let problem = self.json();
        assert_eq!((self.status, &problem["code"]), (status, &code.into()), "{problem}");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], format!("urn:twostep:problem:{code}"));
        assert!(problem["title"].is_string() && problem["detail"].is_string(), "{problem}");
        let retry = self.header("retry-after").map(|seconds| seconds.parse::<u64>().unwrap());
        assert_eq!(retry.is_some(), [429, 503].contains(&status), "{problem}");
        if retry.is_some() {
            assert_eq!(retry, problem["retry_after_seconds"].as_u64());
        }
        assert_eq!(self.header("www-authenticate").is_some(), status == 401);
        problem
    }
}

/// One chunk of a body (RFC 9112 §7.1); none for the last.
pub fn chunk(stream: &mut impl BufRead) -> Result<Option<Vec<u8>>> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let length = usize::from_str_radix(line.trim_end(), 16).map_err(std::io::Error::other)?;
    let mut chunk = vec![0; length + 2];
    stream.read_exact(&mut chunk)?;
    chunk.truncate(length);
    Ok((length > 0).then_some(chunk))
}

/// A text as one part of a path: everything that could mean something else is percent-encoded.
pub fn segment(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
