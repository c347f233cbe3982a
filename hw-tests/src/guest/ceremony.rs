//! A ceremony that the agent runs, as seen by a login program.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::{Value, json};

use super::Agent;

/// A running ceremony, which is cancelled on drop.
pub struct Ceremony<'a> {
    agent: &'a Agent,
    stream: BufReader<UnixStream>,
    id: String,
}

impl Agent {
    /// Begins a ceremony on the second socket. `more` is added to the request.
    pub fn ceremony(&self, account: &str, more: &Value) -> Result<Ceremony<'_>, String> {
        let fault = |error: std::io::Error| format!("the ceremony: {error}");
        let mut body = json!({"account": account, "service": "bench", "wait_seconds": 20});
        for (member, value) in more.as_object().into_iter().flatten() {
            body[member] = value.clone();
        }
        let body = body.to_string();
        let head = format!(
            "POST /v1/local/key-ceremonies HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\
             \r\n",
            body.len()
        );
        let mut stream = UnixStream::connect(self.verify_socket()).map_err(fault)?;
        stream.set_read_timeout(Some(Duration::from_secs(40))).map_err(fault)?;
        stream.write_all((head + &body).as_bytes()).map_err(fault)?;
        let mut ceremony =
            Ceremony { agent: self, stream: BufReader::new(stream), id: String::new() };
        let begun = ceremony.hears("begun")?;
        ceremony.id = begun["ceremony_id"].as_str().ok_or("it has no name")?.to_owned();
        Ok(ceremony)
    }
}

impl Ceremony<'_> {
    /// Reads the next line and requires this event.
    pub fn hears(&mut self, event: &str) -> Result<Value, String> {
        let told = self.next(event)?;
        if told["event"] == event { Ok(told) } else { Err(format!("{told} instead of {event}")) }
    }

    fn next(&mut self, wanted: &str) -> Result<Value, String> {
        loop {
            let mut line = String::new();
            let length = self
                .stream
                .read_line(&mut line)
                .map_err(|error| format!("instead of {wanted}: {error}"))?;
            if length == 0 {
                return Err(format!("the end instead of {wanted}"));
            }
            // Lines that are not objects are the head or chunk lengths.
            if let Ok(told @ Value::Object(_)) = serde_json::from_str::<Value>(&line) {
                return Ok(told);
            }
        }
    }

    /// Reads the end, which must be a session. The event for a blinking key is optional: it depends
    /// on how soon the key is touched.
    pub fn done(&mut self) -> Result<Value, String> {
        loop {
            let told = self.next("done")?;
            match told["event"].as_str() {
                Some("done") => return Ok(told),
                Some("need_touch") => {}
                _ => return Err(format!("{told} instead of done")),
            }
        }
    }

    /// Sends the PIN that was asked for.
    pub fn type_pin(&self, pin: &str) -> Result<(), String> {
        let path = format!("/v1/local/key-ceremonies/{}/pin", self.id);
        self.agent.post(&path, &json!({"pin": pin}), 204).map(drop)
    }
}
