//! A simulated agent, which answers as a test specifies.

#![allow(dead_code, reason = "not every test file needs every helper")]

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::thread::JoinHandle;

use serde_json::{Value, json};

/// A listener on a socket of its own, until it is dropped.
pub(crate) struct Fake {
    folder: tempfile::TempDir,
    stop: Arc<AtomicBool>,
    heard: Arc<Mutex<Vec<Request>>>,
    thread: Option<JoinHandle<()>>,
}

/// A received request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn read(stream: &mut UnixStream) -> Option<Request> {
        let mut text = Vec::new();
        let end = loop {
            let mut piece = [0; 1_024];
            let read = stream.read(&mut piece).ok().filter(|read| *read > 0)?;
            text.extend_from_slice(&piece[..read]);
            let end = text.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4);
            if let Some(end) = end {
                break end;
            }
        };
        let head = String::from_utf8(text[..end].to_vec()).unwrap();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "))
            .map_or(0, |length| length.parse().unwrap());
        let mut body = text.split_off(end);
        while body.len() < length {
            let mut piece = [0; 1_024];
            let read = stream.read(&mut piece).ok().filter(|read| *read > 0)?;
            body.extend_from_slice(&piece[..read]);
        }
        let mut words = head.split(' ');
        let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
        Some(Request { method, path, body: String::from_utf8(body).unwrap() })
    }
}

impl Fake {
    /// Answers every request with `answer`, each connection in a thread of its own.
    pub(crate) fn start(
        answer: impl Fn(&Request, &mut UnixStream) + Send + Sync + 'static,
    ) -> Fake {
        Fake::listening(|path| UnixListener::bind(path).unwrap(), answer)
    }

    /// Answers every request on the socket that `listen` makes in this place.
    pub(crate) fn listening(
        listen: impl FnOnce(&Path) -> UnixListener,
        answer: impl Fn(&Request, &mut UnixStream) + Send + Sync + 'static,
    ) -> Fake {
        let folder = tempfile::tempdir().unwrap();
        let listener = listen(&folder.path().join("verify.sock"));
        let (stop, heard) =
            (Arc::new(AtomicBool::new(false)), Arc::<Mutex<Vec<Request>>>::default());
        let (ended, log, answer) = (Arc::clone(&stop), Arc::clone(&heard), Arc::new(answer));
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let (mut stream, log, answer) =
                    (stream.unwrap(), Arc::clone(&log), Arc::clone(&answer));
                thread::spawn(move || {
                    if let Some(request) = Request::read(&mut stream) {
                        log.lock().unwrap().push(request.clone());
                        answer(&request, &mut stream);
                    }
                });
            }
        });
        Fake { folder, stop, heard, thread: Some(thread) }
    }

    /// Answers like an agent with one account, alice, who has these devices and the code 123456.
    pub(crate) fn agent(devices: &Value) -> Fake {
        Fake::start(Fake::answers(devices))
    }

    /// The answers of such an agent.
    pub(crate) fn answers(devices: &Value) -> impl Fn(&Request, &mut UnixStream) + use<> {
        let devices = json!({"devices": devices, "next": null});
        move |request, stream| {
            let answer = match request.path.as_str() {
                "/v1/sessions"
                    if request.json()["code"] == "123456"
                        && request.json()["account"] == "alice" =>
                {
                    reply(201, &json!({"token": "a.b.c", "context": context("alice")}))
                }
                "/v1/sessions" => reply(403, &json!({"code": "AccessDenied", "status": 403})),
                path if path.starts_with("/v1/devices?account=alice&") => reply(200, &devices),
                path if path.starts_with("/v1/devices?") => {
                    reply(200, &json!({"devices": [], "next": null}))
                }
                _ => reply(404, &json!({"code": "NoSuchEntity"})),
            };
            let _ = stream.write_all(answer.as_bytes());
        }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("verify.sock")
    }

    /// A line of a stack that uses this socket.
    pub(crate) fn line(&self, options: &str) -> String {
        super::host::line(&format!("socket={} timeout=2 {options}", self.socket().display()))
    }

    /// The requests received so far.
    pub(crate) fn heard(&self) -> Vec<Request> {
        self.heard.lock().unwrap().clone()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = UnixStream::connect(self.socket());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// A session context with MFA.
pub(crate) fn context(account: &str) -> Value {
    json!({"account": account, "mfa_present": true, "mfa_time": "2026-01-01T00:00:00Z",
        "mfa_age_seconds": 0, "serial": "SERIAL-123",
        "kind": "totp", "amr": ["otp"], "session_id": "x", "issued_at": "2026-01-01T00:00:00Z",
        "expires_at": "2026-01-01T00:15:00Z",
        "audience": "twostep"})
}

pub(crate) fn device(serial: &str, kind: &str, name: &str) -> Value {
    json!({"serial": serial, "kind": kind, "name": name, "state": "active"})
}

pub(crate) fn reply(status: u16, body: &Value) -> String {
    let body = body.to_string();
    format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A line of JSON in a chunk of its own, as a ceremony sends its events.
pub(crate) fn chunk(event: &Value) -> String {
    let line = format!("{event}\n");
    format!("{:x}\r\n{line}\r\n", line.len())
}

pub(crate) const CHUNKED: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n";
