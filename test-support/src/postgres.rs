//! One PostgreSQL server of a test, in a folder of its own.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::keeper::{Keeper, as_postgres, give, processes_of, signal};

/// A server on a port of the loopback address. It ends when this is dropped.
pub struct Server {
    keeper: Keeper,
    port: u16,
    process: Option<Child>,
}

/// The folder of PostgreSQL's programs; none where it is not installed.
pub fn programs() -> Option<PathBuf> {
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"))
        .filter(|programs| programs.join("postgres").is_file())
        .collect();
    versions.sort();
    versions.pop()
}

impl Server {
    /// Makes a server with default settings of durability, and waits until it answers.
    pub fn start() -> Server {
        Server::start_with(&[])
    }

    /// The same with settings, such as `max_connections=20`.
    pub fn start_with(settings: &[&str]) -> Server {
        let keeper = Keeper::start();
        let data = keeper.folder().join("data");
        let made = as_postgres(programs().unwrap().join("initdb"))
            .args(["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8"])
            .args(["--locale=C.UTF-8", "--pgdata"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let settings: String = settings.iter().map(|setting| format!("{setting}\n")).collect();
        let text = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{}'\n\
             shared_buffers = 32MB\nmax_wal_size = 128MB\njit = off\n{settings}",
            keeper.folder().display()
        );
        let file = data.join("postgresql.auto.conf");
        fs::write(&file, text).unwrap();
        give(&file);
        let mut server = Server { keeper, port, process: None };
        server.start_again();
        server
    }

    /// Starts it after it has ended.
    pub fn start_again(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let log = File::options()
                .append(true)
                .create(true)
                .open(self.keeper.folder().join("log"))
                .unwrap();
            let process = as_postgres(programs().unwrap().join("postgres"))
                .arg("-D")
                .arg(self.data())
                .stdout(log.try_clone().unwrap())
                .stderr(log)
                .spawn()
                .unwrap();
            let process = self.process.insert(process);
            // Children of a server that was killed may hold its memory for a moment: then the new
            // one ends.
            while process.try_wait().unwrap().is_none() {
                if answers(self.port) {
                    return;
                }
                assert!(Instant::now() < deadline, "PostgreSQL does not start: {}", self.log());
                sleep(Duration::from_millis(20));
            }
            assert!(Instant::now() < deadline, "PostgreSQL does not start: {}", self.log());
            sleep(Duration::from_millis(100));
        }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of its Unix socket.
    pub fn socket_folder(&self) -> &Path {
        self.keeper.folder()
    }

    pub fn data(&self) -> PathBuf {
        self.keeper.folder().join("data")
    }

    /// The URL of a database, for its superuser.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Makes an empty database.
    pub fn create(&self, database: &str) {
        self.sql("postgres", &format!("CREATE DATABASE \"{database}\""));
    }

    /// Makes a database that begins as a copy of another one, to which no client is connected.
    pub fn copy(&self, template: &str, database: &str) {
        let sql = format!("CREATE DATABASE \"{database}\" TEMPLATE \"{template}\"");
        self.sql("postgres", &sql);
    }

    /// Runs statements, and returns what they print, unaligned.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        run(&self.url(database), sql)
    }

    /// Runs statements that the server refuses, and returns its words.
    pub fn refused(&self, database: &str, sql: &str) -> String {
        let output = psql(&self.url(database), sql);
        assert!(!output.status.success(), "{sql}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.keeper.folder().join("log")).unwrap_or_default()
    }

    /// Kills it without a word.
    pub fn kill(&mut self) {
        self.end("KILL");
    }

    /// Stops it at once (`pg_ctl stop -m immediate`): connections break, and nothing is finished.
    pub fn quit(&mut self) {
        self.end("QUIT");
    }

    /// Copies its files, as a backup would, while it stands still.
    pub fn copy_aside(&mut self) {
        self.quit();
        copy(&self.data(), &self.keeper.folder().join("copy"));
        self.start_again();
    }

    /// Brings back what it was when it was copied.
    pub fn bring_back(&mut self) {
        self.kill();
        // Its last processes may still write.
        while fs::remove_dir_all(self.data()).is_err() {
            sleep(Duration::from_millis(50));
        }
        copy(&self.keeper.folder().join("copy"), &self.data());
        self.start_again();
    }

    fn end(&mut self, name: &str) {
        let Some(mut process) = self.process.take() else { return };
        let all = processes_of(&self.data());
        signal(name, &[process.id()]);
        signal("CONT", &all);
        process.wait().unwrap();
    }

    /// Stops all its processes in the middle of what they do: connections stay open, and nothing
    /// answers.
    pub fn freeze(&self) {
        signal("STOP", &processes_of(&self.data()));
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        signal("CONT", &processes_of(&self.data()));
    }
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").args([from, to]).status().unwrap();
    assert!(status.success());
}

/// Runs statements on the database with this URL.
pub(crate) fn run(url: &str, sql: &str) -> String {
    let output = psql(url, sql);
    assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

fn psql(url: &str, sql: &str) -> std::process::Output {
    Command::new(programs().unwrap().join("psql"))
        .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql, url])
        .output()
        .unwrap()
}

/// True if a server on this port takes connections.
fn answers(port: u16) -> bool {
    let ready = Command::new(programs().unwrap().join("pg_isready"))
        .args(["-q", "-U", "postgres", "-h", "127.0.0.1", "-p", &port.to_string()])
        .status();
    ready.is_ok_and(|status| status.success())
}
