//! Reverse proxies as other programs: nginx, and any that listens on a port.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A proxy, ended with this.
pub struct Running(Child);

/// The user of nginx's workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workers {
    /// The user `nobody`, where root starts nginx.
    Nobody,
    /// The user who starts nginx.
    Same,
}

impl Running {
    /// Starts a proxy, and waits until it listens on this port.
    pub fn start(mut command: Command, port: u16) -> Running {
        let mut running = Running(
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap(),
        );
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                running.0.try_wait().unwrap().is_none() && Instant::now() < deadline,
                "the proxy does not listen"
            );
            sleep(Duration::from_millis(20));
        }
        running
    }

    /// Starts nginx with what this configuration has for `http { }`.
    pub fn nginx(folder: &Path, workers: Workers, config: &str, port: u16) -> Running {
        let is_root = fs::metadata(folder).unwrap().uid() == 0;
        let user = match workers {
            Workers::Nobody if is_root => "user nobody nogroup;",
            Workers::Same if is_root => "user root;",
            Workers::Nobody | Workers::Same => "",
        };
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {}/tmp;", folder.display()));
        let config = format!(
            "daemon off; {user} pid {0}/nginx.pid; error_log {0}/nginx.log; events {{}}\n\
             http {{ access_log off; {1}\n{config}\n}}",
            folder.display(),
            temporary.join(" ")
        );
        fs::write(folder.join("nginx.conf"), config).unwrap();
        let mut nginx = Command::new("nginx");
        nginx
            .arg("-e")
            .arg(folder.join("nginx.log"))
            .arg("-c")
            .arg(folder.join("nginx.conf"));
        Running::start(nginx, port)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A kill would leave nginx's workers behind.
        let _ = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        let _ = self.0.wait();
    }
}
