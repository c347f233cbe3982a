//! A program that asks for a key, and reads what happens line by line.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use test_support::http::{Client, chunk};
use test_support::people::text;

/// A ceremony that runs. It is cancelled when this is dropped.
pub(crate) struct Ceremony {
    stream: BufReader<UnixStream>,
    id: String,
}

impl Ceremony {
    /// Begins one, and reads that it has begun.
    #[track_caller]
    pub(crate) fn begin(socket: &Path, body: &Value) -> Ceremony {
        let mut ceremony = Ceremony::ask(socket, body);
        let begun = ceremony.next();
        assert_eq!(begun["event"], "begun", "{begun}");
        Ceremony { id: text(&begun["ceremony_id"]), ..ceremony }
    }

    /// Asks for one, and reads the head of the answer.
    #[track_caller]
    pub(crate) fn ask(socket: &Path, body: &Value) -> Ceremony {
        let mut stream = UnixStream::connect(socket).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let body = body.to_string();
        let head = format!(
            "POST /v1/local/key-ceremonies HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).unwrap();
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(stream.read_line(&mut head).unwrap() > 0, "{head}");
        }
        assert!(
            head.starts_with("HTTP/1.1 200 OK") && head.contains("application/x-ndjson"),
            "{head}"
        );
        Ceremony { stream, id: String::new() }
    }

    /// The next line.
    #[track_caller]
    pub(crate) fn next(&mut self) -> Value {
        let line = chunk(&mut self.stream).unwrap().expect("another line");
        assert_eq!(line.last(), Some(&b'\n'));
        serde_json::from_slice(&line).unwrap()
    }

    /// The next line, which must be this event.
    #[track_caller]
    pub(crate) fn hears(&mut self, event: &str) -> Value {
        let told = self.next();
        assert_eq!(told["event"], event, "{told}");
        told
    }

    /// The last line, which must be this event, and the end after it.
    #[track_caller]
    pub(crate) fn ends(mut self, event: &str) -> Value {
        let told = self.hears(event);
        assert_eq!(chunk(&mut self.stream).unwrap(), None, "nothing comes after {told}");
        told
    }

    /// The failure of the ceremony.
    #[track_caller]
    pub(crate) fn fails(self, code: &str) -> Value {
        let told = self.ends("failed");
        assert_eq!(told["code"], code, "{told}");
        assert!(told["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{told}");
        told
    }

    /// The path for its PIN.
    pub(crate) fn pin_path(&self) -> String {
        format!("/v1/local/key-ceremonies/{}/pin", self.id)
    }

    #[track_caller]
    pub(crate) fn type_pin(&self, client: &Client, pin: &str) {
        client.post(&self.pin_path(), json!({"pin": pin})).is(204);
    }
}
