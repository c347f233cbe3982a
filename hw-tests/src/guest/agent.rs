//! An agent with a store of its own, and the `twostep` program.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::plug::REAL_PIN;
use super::run::{Ran, Running, ours, start};
use super::wait_until;

/// A running agent, which is stopped on drop.
pub struct Agent {
    running: Running,
    socket: String,
}

impl Agent {
    /// Starts an agent. `configuration` goes into `[security_keys]`, in TOML.
    pub fn start(configuration: &str) -> Result<Agent, String> {
        let folder = format!("/tmp/twostep-bench-{}", std::process::id());
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        let (socket, file) = (format!("{folder}/agent.sock"), format!("{folder}/agent.toml"));
        let text = format!(
            "explain = true\n[socket]\npath = \"{socket}\"\n[verify_socket]\nenabled = true\n\
             [store]\nurl = \"sqlite:{folder}/store.db\"\nkey_file = \"{folder}/sealing.key\"\n\
             [log]\nlevel = \"warn\"\nformat = \"text\"\n[security_keys]\n{configuration}\n"
        );
        fs::write(&file, text).map_err(|error| error.to_string())?;
        let mut command = Command::new(ours("twostep"));
        let running = start(command.args(["agent", "--config", &file]), "")?;
        let mut agent = Agent { running, socket };
        let listens = wait_until(SLACK, || {
            UnixStream::connect(&agent.socket).is_ok() || !agent.running.running()
        });
        if listens.is_none() || !agent.running.running() {
            return Err(format!(
                "the agent did not start: {:?}",
                agent.running.end(Duration::ZERO).map(|ran| ran.stderr)
            ));
        }
        Ok(agent)
    }

    /// Runs `twostep WORDS` to its end.
    pub fn twostep(&self, words: &[&str]) -> Result<Ran, String> {
        let pin = std::env::var(REAL_PIN).map_or(String::new(), |pin| pin + "\n");
        self.twostep_typing(words, &pin)
    }

    /// Runs `twostep WORDS` with `input`, for example a PIN, on standard input.
    pub fn twostep_typing(&self, words: &[&str], input: &str) -> Result<Ran, String> {
        self.begin(words, input)?.end(Duration::from_secs(60) + SLACK)
    }

    /// Starts `twostep WORDS`.
    pub fn begin(&self, words: &[&str], input: &str) -> Result<Running, String> {
        start(Command::new(ours("twostep")).args(words).env("TWOSTEP_SOCKET", &self.socket), input)
    }

    /// Enrols the only key that is plugged in.
    pub fn enroll(&self, account: &str) -> Result<Ran, String> {
        self.twostep(&["key", "enroll", "--account", account, "--wait", "20"])?.done()
    }

    /// Enrols the key at this node.
    pub fn enroll_at(&self, account: &str, node: &str) -> Result<Ran, String> {
        self.twostep(&["key", "enroll", "--account", account, "--wait", "20", "--hidraw", node])?
            .done()
    }

    /// Opens a session with a key and returns its content.
    pub fn login(&self, account: &str) -> Result<Value, String> {
        let ran = self
            .twostep(&["--json", "login", "--key", "--account", account, "--wait", "20"])?
            .done()?;
        with_mfa(&ran.stdout, account)
    }

    /// The socket for programs that log people in.
    #[must_use]
    pub fn verify_socket(&self) -> String {
        self.socket.replace("agent.sock", "verify.sock")
    }

    /// Sends one request over the socket as root; returns the status and the document.
    pub fn http(&self, method: &str, path: &str, body: &Value) -> Result<(u16, Value), String> {
        let fault = |error: std::io::Error| format!("{path}: {error}");
        let mut stream = UnixStream::connect(&self.socket).map_err(fault)?;
        stream.set_read_timeout(Some(SLACK)).map_err(fault)?;
        let body = body.to_string();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: \
             application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(body.as_bytes()))
            .map_err(fault)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map_err(fault)?;
        let (head, document) = answer.split_once("\r\n\r\n").ok_or("no end of the head")?;
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .ok_or("no status")?;
        Ok((status, serde_json::from_str(document).unwrap_or(Value::Null)))
    }

    /// Sends one request and requires this status.
    pub fn post(&self, path: &str, body: &Value, expected: u16) -> Result<Value, String> {
        match self.http("POST", path, body)? {
            (status, document) if status == expected => Ok(document),
            (status, document) => {
                Err(format!("{path} answered {status} instead of {expected}: {document}"))
            }
        }
    }

    /// Requires `reason` as the reason of the last refusal in the audit log.
    pub fn audited(&self, reason: &str) -> Result<(), String> {
        let (_, events) = self.http("GET", "/v1/audit?limit=1000", &json!({}))?;
        events
            .to_string()
            .contains(reason)
            .then_some(())
            .ok_or_else(|| format!("{reason} is not in the audit log: {events}"))
    }
}

/// Parses the session that `twostep --json login` printed.
pub fn with_mfa(printed: &str, account: &str) -> Result<Value, String> {
    let opened: Value =
        serde_json::from_str(printed).map_err(|error| format!("{error}: {printed}"))?;
    let context = opened.get("context").cloned().unwrap_or_default();
    let sound = context["account"] == account
        && context["mfa_present"] == true
        && context["kind"] == "security_key";
    sound
        .then_some(context)
        .ok_or_else(|| format!("not a session with a key: {opened}"))
}

/// The time that a command may take beyond its own `--wait`.
const SLACK: Duration = Duration::from_secs(15);
