//! The two servers: processes of their own, so that each has its own threads and its own time on
//! the processors.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use serde_json::Value;
use tokio::runtime::Runtime;
use twostep::agent::{self, Config};

/// A server that runs until this is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
}

/// Becomes a server, when this process was started to be one.
pub(crate) fn run_if_asked() {
    if std::env::var_os(HELLO).is_some() {
        Runtime::new().unwrap().block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            eprintln!(
                "{{\"message\":\"listening\",\"address\":\"{}\"}}",
                listener.local_addr().unwrap()
            );
            axum::serve(listener, Router::new().route("/hello", get(|| async { "hello" })))
                .await
                .unwrap();
        });
    }
    if let Some(config) = std::env::var_os(AGENT) {
        Runtime::new()
            .unwrap()
            .block_on(agent::run(Config::load(Some(Path::new(&config))).unwrap()))
            .unwrap();
    }
}

impl Server {
    pub(crate) fn hello() -> Server {
        Server::start(
            HELLO,
            "yes".as_ref(),
            &std::env::temp_dir().join(format!("twostep-bench-{}", std::process::id())),
        )
    }

    /// An agent as it is by default, but for one caller who is meant to be fast.
    pub(crate) fn agent(folder: &Path) -> Server {
        let config = folder.join("twostep.toml");
        let text = format!(
            "listen = [\"127.0.0.1:0\"]\n[socket]\npath = \"agent.sock\"\n\
             [store]\nurl = \"sqlite:{}\"\nkey_file = \"sealing.key\"\n\
             [limits]\nrequests_per_second = 1000000\nburst = 1000000\n",
            folder.join("store.db").display()
        );
        fs::write(&config, text).unwrap();
        Server::start(AGENT, config.as_os_str(), &folder.join("log"))
    }

    fn start(role: &str, value: &std::ffi::OsStr, log: &Path) -> Server {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .env(role, value)
            .env_remove("TWOSTEP_SOCKET")
            .stdout(Stdio::null())
            .stderr(fs::File::create(log).unwrap());
        let mut server = Server { child: command.spawn().unwrap(), address: String::new() };
        for _ in 0..2_000 {
            let text = fs::read_to_string(log).unwrap();
            let line =
                text.lines().find(|line| line.contains("\"listening\"") && line.ends_with('}'));
            if let Some(line) = line {
                server.address = serde_json::from_str::<Value>(line).unwrap()["address"]
                    .as_str()
                    .unwrap()
                    .to_owned();
                return server;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{} does not listen", log.display());
    }

    /// A new API key, which an administrator makes on the Unix socket.
    pub(crate) fn api_key(&self, folder: &Path) -> String {
        let mut stream = UnixStream::connect(folder.join("agent.sock")).unwrap();
        let body = "{\"role\":\"verifier\"}";
        let head = format!(
            "POST /v1/api-keys HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        let mut stream = BufReader::new(stream);
        while stream.read_line(&mut String::new()).unwrap() > 2 {}
        let mut body = String::new();
        stream.read_to_string(&mut body).unwrap();
        serde_json::from_str::<Value>(&body).unwrap()["key"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// The processor time that it has used so far, in seconds.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // User and system time are the 12th and 13th fields behind the name, in ticks of which
        // there are a hundred a second.
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        fields
            .split(' ')
            .skip(11)
            .take(2)
            .map(|ticks| ticks.parse::<f64>().unwrap() / 100.0)
            .sum()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const HELLO: &str = "TWOSTEP_BENCH_HELLO";

const AGENT: &str = "TWOSTEP_BENCH_AGENT";
