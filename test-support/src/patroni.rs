//! Three PostgreSQL servers that Patroni keeps: one leads, one stands by synchronously, and when
//! the leader fails another one takes its place.
//!
//! The settings are those of an installation, with waits as short as Patroni takes them. Patroni
//! 3.0.2 loses acknowledged commits over etcd's protocol 3: a leader that slept longer than its
//! lease renews it and overwrites the lock of the new one. Over protocol 2 it does not.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::agent::exchange;
use crate::keeper::{Keeper, as_postgres, give, processes_of, signal};
use crate::postgres::{programs, run};

/// The cluster. It ends when this is dropped.
pub struct Cluster {
    keeper: Keeper,
    network: [u8; 3],
    patronis: Vec<Option<Child>>,
    _etcd: Child,
}

/// The number of a node: 0, 1 or 2.
pub type Node = usize;

impl Cluster {
    /// Starts all nodes, and waits until they are healthy. The database is called `twostep`.
    pub fn start() -> Cluster {
        let keeper = Keeper::start();
        // Each process of a test has a network of its own on the loopback device.
        let [_, _, high, low] = std::process::id().to_be_bytes();
        let network = [127, high.max(1), low];
        let mut etcd = Command::new("etcd");
        let (client, peer) = (url(network, 0, 2379), url(network, 0, 2380));
        etcd.args(["--name", "e1", "--enable-v2", "--data-dir"])
            .arg(keeper.folder().join("etcd"))
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &format!("e1={peer}")])
            .args(["--heartbeat-interval", "100", "--election-timeout", "1000"]);
        let log = File::create(keeper.folder().join("etcd.log")).unwrap();
        let etcd = etcd.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        keeper.note(etcd.id());
        let made = keeper.folder().join("made.sh");
        fs::write(&made, "#!/bin/sh\npsql -X -q \"$1\" -c 'CREATE DATABASE twostep'\n").unwrap();
        crate::keeper::executable(&made);
        give(&made);
        let mut cluster =
            Cluster { keeper, network, patronis: vec![None, None, None], _etcd: etcd };
        for node in 0..NODES {
            cluster.start_patroni(node);
            if node == 0 {
                // The others copy what the first one makes.
                cluster.until("a leader", Duration::from_secs(60), |cluster| {
                    cluster.leader().is_some()
                });
            }
        }
        cluster.healthy();
        cluster
    }

    /// The addresses of the three servers, by node.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        (0..NODES).map(|node| (self.address(node), POSTGRES).into()).collect()
    }

    /// The URL of a database, with all servers, for their superuser.
    pub fn url(&self, database: &str) -> String {
        let hosts: Vec<String> = self.addresses().iter().map(ToString::to_string).collect();
        format!("postgres://postgres@{}/{database}", hosts.join(","))
    }

    /// Runs statements on the leader.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        run(&format!("{}?target_session_attrs=read-write", self.url(database)), sql)
    }

    /// The node that says of itself that it leads.
    pub fn leader(&self) -> Option<Node> {
        (0..NODES).find(|node| {
            let answer = self.ask(*node, "/primary");
            answer.is_some_and(|(head, _)| head.split(' ').nth(1) == Some("200"))
        })
    }

    /// Waits until three nodes have been healthy for two seconds: one that was frozen says first
    /// what it knew before.
    pub fn healthy(&self) -> Duration {
        let began = Instant::now();
        let mut since = Instant::now();
        self.until("three healthy nodes", Duration::from_secs(120), |cluster| {
            if !cluster.is_healthy() {
                since = Instant::now();
            }
            since.elapsed() > Duration::from_secs(2)
        });
        began.elapsed()
    }

    fn is_healthy(&self) -> bool {
        (0..NODES).all(|node| {
            let Some((_, body)) = self.ask(node, "/cluster") else { return false };
            let state: Value = serde_json::from_str(&body).unwrap_or_default();
            let members = state["members"].as_array().cloned().unwrap_or_default();
            let count = |role: &str| members.iter().filter(|it| it["role"] == role).count();
            let follows = |it: &&Value| {
                it["role"] != "leader"
                    && ["running", "streaming"].iter().any(|s| it["state"] == *s)
                    && it["lag"].as_u64().is_some_and(|lag| lag < LAG)
            };
            count("leader") == 1
                && count("sync_standby") == 1
                && members.iter().filter(follows).count() == NODES - 1
        })
    }

    /// Kills or stops the processes of one node's PostgreSQL, as a crash or an operator would.
    pub fn end_postgres(&self, node: Node, how: &str) {
        let all = processes_of(&self.data(node));
        signal(how, &all[..all.len().min(1)]);
    }

    /// A machine is lost: Patroni and PostgreSQL are killed.
    pub fn lose(&mut self, node: Node) {
        if let Some(mut patroni) = self.patronis[node].take() {
            let _ = patroni.kill();
            let _ = patroni.wait();
        }
        self.end_postgres(node, "KILL");
    }

    /// The machine is back.
    pub fn start_patroni(&mut self, node: Node) {
        let folder = self.keeper.folder();
        let file = folder.join(format!("patroni{node}.yml"));
        // JSON is YAML.
        fs::write(&file, self.settings(node).to_string()).unwrap();
        give(&file);
        let log = folder.join(format!("patroni{node}.log"));
        let log = File::options().append(true).create(true).open(log).unwrap();
        let mut command = as_postgres("patroni");
        command.arg(&file).stdin(Stdio::null());
        let patroni = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        self.keeper.note(patroni.id());
        self.patronis[node] = Some(patroni);
    }

    /// A machine sleeps: nothing of it answers, and its connections stay open.
    pub fn freeze(&self, node: Node) {
        self.signal_all(node, "STOP");
    }

    /// Wakes the node up.
    pub fn thaw(&self, node: Node) {
        self.signal_all(node, "CONT");
    }

    fn signal_all(&self, node: Node, name: &str) {
        let patroni = self.patronis[node].iter().map(Child::id);
        let all: Vec<u32> = patroni.chain(processes_of(&self.data(node))).collect();
        signal(name, &all);
    }

    fn until(&self, what: &str, limit: Duration, mut holds: impl FnMut(&Cluster) -> bool) {
        let deadline = Instant::now() + limit;
        while !holds(self) {
            assert!(Instant::now() < deadline, "no {what} in {limit:?}: {}", self.logs());
            sleep(Duration::from_millis(100));
        }
    }

    /// The last lines of each Patroni's log.
    fn logs(&self) -> String {
        let last = |node: Node| {
            let path = self.keeper.folder().join(format!("patroni{node}.log"));
            let text = fs::read_to_string(path).unwrap_or_default();
            let lines: Vec<&str> = text.lines().rev().take(8).collect();
            format!("node {node}: {lines:#?}\n")
        };
        (0..NODES).map(last).collect()
    }

    fn data(&self, node: Node) -> PathBuf {
        self.keeper.folder().join(format!("node{node}"))
    }

    fn address(&self, node: Node) -> Ipv4Addr {
        address(self.network, node)
    }

    /// The answer of a node's Patroni: its head and its body; none if it does not answer soon.
    fn ask(&self, node: Node, path: &str) -> Option<(String, String)> {
        let address = (self.address(node), PATRONI).into();
        let stream = TcpStream::connect_timeout(&address, SOON).ok()?;
        stream.set_read_timeout(Some(SOON)).unwrap();
        let answer = exchange(stream, &format!("GET {path} HTTP/1.0\r\n\r\n"));
        answer
            .split_once("\r\n\r\n")
            .map(|(head, body)| (head.to_owned(), body.to_owned()))
    }

    fn settings(&self, node: Node) -> Value {
        let folder = self.keeper.folder();
        let address = |port: u16| format!("{}:{port}", self.address(node));
        json!({
            "scope": "twostep",
            "name": format!("n{node}"),
            "restapi": {"listen": address(PATRONI), "connect_address": address(PATRONI)},
            "etcd": {"hosts": format!("{}:2379", self.address(0))},
            "watchdog": {"mode": "off"},
            "bootstrap": {
                "dcs": dcs(),
                "initdb": [
                    {"encoding": "UTF8"}, {"locale": "C.UTF-8"}, "data-checksums", "no-sync",
                ],
                "post_bootstrap": folder.join("made.sh"),
            },
            "postgresql": {
                "listen": address(POSTGRES),
                "connect_address": address(POSTGRES),
                "data_dir": self.data(node),
                "bin_dir": programs().unwrap(),
                "pgpass": folder.join(format!("pgpass{node}")),
                "authentication": {
                    "superuser": {"username": "postgres"},
                    "replication": {"username": "replicator"},
                    "rewind": {"username": "postgres"},
                },
                "basebackup": [{"checkpoint": "fast"}, "no-sync"],
                // Three servers of one port cannot share a folder for sockets.
                "parameters": {"unix_socket_directories": ""},
                "pg_hba": [
                    "host all all 127.0.0.0/8 trust",
                    "host replication all 127.0.0.0/8 trust",
                ],
            },
        })
    }
}

/// Settings that all nodes share. Without `synchronous_mode_strict` the last node would go on
/// alone, and what it acknowledged would be lost with it.
fn dcs() -> Value {
    json!({
        "ttl": 5, "loop_wait": 1, "retry_timeout": 2,
        // A primary that crashed fails over at once, instead of being started again.
        "master_start_timeout": 0,
        "maximum_lag_on_failover": 0,
        "check_timeline": true,
        "synchronous_mode": true, "synchronous_mode_strict": true, "synchronous_node_count": 1,
        "postgresql": {
            "use_pg_rewind": true, "use_slots": true,
            "remove_data_directory_on_rewind_failure": true,
            "remove_data_directory_on_diverged_timelines": true,
            "parameters": {
                "wal_log_hints": "on", "synchronous_commit": "on", "max_connections": 100,
                "shared_buffers": "64MB", "wal_keep_size": "128MB", "max_wal_size": "256MB",
                "wal_sender_timeout": "3s", "wal_receiver_timeout": "3s",
                "wal_receiver_status_interval": "1s", "wal_retrieve_retry_interval": "500ms",
                "tcp_keepalives_idle": 2, "tcp_keepalives_interval": 1, "tcp_keepalives_count": 3,
                "client_connection_check_interval": "1s", "jit": "off",
            },
        },
    })
}

fn address([first, second, third]: [u8; 3], node: Node) -> Ipv4Addr {
    Ipv4Addr::new(first, second, third, 1 + u8::try_from(node).unwrap())
}

fn url(network: [u8; 3], node: Node, port: u16) -> String {
    format!("http://{}:{port}", address(network, node))
}

/// A node that does not answer within this time is not well.
const SOON: Duration = Duration::from_secs(1);

/// Bytes by which a standby is behind while it follows a busy leader, at most.
const LAG: u64 = 1 << 20;

const NODES: usize = 3;
const POSTGRES: u16 = 5432;
const PATRONI: u16 = 8008;
