//! The browser's process, and the pair of pipes to it (`--remote-debugging-pipe`): JSON texts, each
//! with a NUL after it.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// The process that all tests of a program share. It ends with the program, which closes its pipe.
pub(super) struct Connection {
    to: Mutex<ChildStdin>,
    sent: AtomicU64,
    waiting: Mutex<HashMap<u64, Sender<Value>>>,
    pages: Mutex<HashMap<String, Arc<Mutex<Seen>>>>,
    _child: Child,
}

/// Events of one page.
#[derive(Default)]
struct Seen {
    loads: u64,
    status: u64,
    complaints: Vec<String>,
    requests: Vec<(String, Option<String>)>,
}

/// A page, as the protocol addresses it.
pub(super) struct Session {
    connection: &'static Connection,
    id: String,
    seen: Arc<Mutex<Seen>>,
}

impl Connection {
    /// The browser, which the first call starts.
    pub(super) fn shared() -> &'static Connection {
        static SHARED: OnceLock<&'static Connection> = OnceLock::new();
        SHARED.get_or_init(|| {
            let (connection, from) = Connection::start();
            let connection: &'static Connection = Box::leak(Box::new(connection));
            thread::spawn(move || connection.read(from));
            connection
        })
    }

    fn start() -> (Connection, BufReader<ChildStdout>) {
        // The shell puts our pipes where the browser looks for them, and removes the profile when
        // the browser is gone: after the tests, when nothing of theirs runs any more. Tests run as
        // root, which the browser's own sandbox refuses.
        let script = "profile=$(mktemp -d) && chromium --headless --no-sandbox --disable-gpu \
            --disable-dev-shm-usage --no-first-run --window-size=800,700 --hide-scrollbars \
            --remote-debugging-pipe --user-data-dir=\"$profile\" about:blank \
            3<&0 4>&1 </dev/null >/dev/null 2>&1; rm -rf \"$profile\"";
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = shell.spawn().unwrap();
        let (to, from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let connection = Connection {
            to: Mutex::new(to),
            sent: AtomicU64::new(1),
            waiting: Mutex::default(),
            pages: Mutex::default(),
            _child: child,
        };
        (connection, BufReader::new(from))
    }

    /// A command to the browser, or to a page of it, and its result.
    #[track_caller]
    pub(super) fn call(&self, page: Option<&str>, method: &str, parameters: &Value) -> Value {
        self.try_call(page, method, parameters, PATIENCE)
            .unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    pub(super) fn try_call(
        &self,
        page: Option<&str>,
        method: &str,
        parameters: &Value,
        patience: Duration,
    ) -> Result<Value, String> {
        let id = self.sent.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = channel();
        self.waiting.lock().unwrap().insert(id, sender);
        self.send(id, page, method, parameters)?;
        let answer = receiver.recv_timeout(patience);
        self.waiting.lock().unwrap().remove(&id);
        let mut answer = answer.map_err(|_| UNANSWERED.to_owned())?;
        match answer.get("error") {
            Some(error) => Err(error.to_string()),
            None => Ok(answer["result"].take()),
        }
    }

    fn send(
        &self,
        id: u64,
        page: Option<&str>,
        method: &str,
        parameters: &Value,
    ) -> Result<(), String> {
        let mut command = json!({ "id": id, "method": method, "params": parameters });
        if let Some(page) = page {
            command["sessionId"] = page.into();
        }
        let mut to = self.to.lock().unwrap();
        to.write_all(format!("{command}\0").as_bytes())
            .map_err(|error| error.to_string())
    }

    /// Hands answers to their callers and events to their pages, until the browser is gone.
    fn read(&self, mut from: BufReader<ChildStdout>) {
        let mut text = Vec::new();
        while matches!(from.read_until(0, &mut text), Ok(1..)) {
            text.pop();
            let message: Value = serde_json::from_slice(&text).unwrap_or_default();
            text.clear();
            if let Some(id) = message["id"].as_u64() {
                if let Some(caller) = self.waiting.lock().unwrap().remove(&id) {
                    // A caller that gave up needs no answer.
                    let _ = caller.send(message);
                }
            } else if let Some(page) = message["sessionId"].as_str() {
                self.note(page, &message);
            }
        }
        // Callers see their senders dropped, and fail at once.
        self.waiting.lock().unwrap().clear();
    }

    fn note(&self, page: &str, event: &Value) {
        if event["method"] == "Page.javascriptDialogOpening" {
            // An open dialog would stop the page, and the test with it.
            let close = json!({ "accept": false });
            let _ = self.send(0, Some(page), "Page.handleJavaScriptDialog", &close);
        }
        let seen = self.pages.lock().unwrap().get(page).cloned();
        if let Some(seen) = seen {
            seen.lock().unwrap().note(event);
        }
    }
}

impl Seen {
    fn note(&mut self, event: &Value) {
        let said = &event["params"];
        let complaint = match event["method"].as_str().unwrap_or_default() {
            "Page.loadEventFired" => {
                self.loads += 1;
                None
            }
            "Network.responseReceived" if said["type"] == "Document" => {
                self.status = said["response"]["status"].as_u64().unwrap_or_default();
                None
            }
            "Network.requestWillBeSent" => {
                let request = &said["request"];
                let referrer = request["headers"]["Referer"].as_str().map(str::to_owned);
                let address = request["url"].as_str().unwrap_or_default().to_owned();
                self.requests.push((address, referrer));
                None
            }
            "Inspector.targetCrashed" => Some("the process of the page crashed".to_owned()),
            "Page.javascriptDialogOpening" => Some(format!("dialog: {}", said["message"])),
            "Runtime.consoleAPICalled" => Some(format!("{}: {}", said["type"], said["args"])),
            "Runtime.exceptionThrown" => Some(format!("exception: {}", said["exceptionDetails"])),
            "Log.entryAdded" => {
                let entry = &said["entry"];
                // A refused page is an answer, and tests look at its status.
                let is_status = entry["source"] == "network"
                    && entry["text"].as_str().is_some_and(|text| text.contains("status of"));
                (!is_status).then(|| format!("{}: {}", entry["source"], entry["text"]))
            }
            _ => None,
        };
        self.complaints.extend(complaint);
    }
}

impl Session {
    pub(super) fn new(connection: &'static Connection, id: &str) -> Session {
        let seen = Arc::<Mutex<Seen>>::default();
        connection.pages.lock().unwrap().insert(id.to_owned(), Arc::clone(&seen));
        Session { connection, id: id.to_owned(), seen }
    }

    pub(super) fn connection(&self) -> &'static Connection {
        self.connection
    }

    pub(super) fn call(&self, method: &str, parameters: &Value) -> Result<Value, String> {
        self.connection.try_call(Some(&self.id), method, parameters, PATIENCE)
    }

    /// A command that changes nothing and may be sent again: the browser may drop one that meets
    /// the exchange of the page for another. None if no answer comes.
    pub(super) fn look(&self, method: &str, parameters: &Value) -> Option<Result<Value, String>> {
        let answer = self.connection.try_call(Some(&self.id), method, parameters, GLANCE);
        (answer.as_ref().err().map(String::as_str) != Some(UNANSWERED)).then_some(answer)
    }

    /// Number of pages that have loaded.
    pub(super) fn loads(&self) -> u64 {
        self.seen.lock().unwrap().loads
    }

    pub(super) fn status(&self) -> u64 {
        self.seen.lock().unwrap().status
    }

    pub(super) fn take_complaints(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock().unwrap().complaints)
    }

    pub(super) fn take_requests(&self) -> Vec<(String, Option<String>)> {
        std::mem::take(&mut self.seen.lock().unwrap().requests)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.connection.pages.lock().unwrap().remove(&self.id);
    }
}

/// Longest time that a command may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Longest time that an answer to a look may take.
const GLANCE: Duration = Duration::from_secs(5);

const UNANSWERED: &str = "the browser does not answer";
