//! Faults of a configuration that depend on the machine.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use nix::unistd::Uid;

use super::{Config, SocketConfig, StoreUrl};
use crate::agent::private::{folder_of, only_we_replace_files_in};
use crate::time::{Clock, SystemClock};

impl Config {
    /// Lists the faults that would keep an agent from starting with this configuration, each with a
    /// remedy. Nothing is changed.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        self.listening(&mut problems);
        self.certificate(&mut problems);
        self.keeping(&mut problems);
        problems.extend(self.presence.hook.as_ref().and_then(|hook| hook.problem("presence.hook")));
        problems.extend(self.relying_party(SystemClock.read().wall).err());
        problems.extend(self.events.problems());
        problems.extend(self.console_problems());
        problems.extend(self.aws_problems());
        problems
    }

    fn listening(&self, problems: &mut Vec<String>) {
        for address in self.exposed_addresses() {
            problems.push(format!(
                "listen: {address} can be reached from other machines, and codes would travel in \
                 the clear: set tls.cert and tls.key, \
                 or insecure_listen = true where something else encrypts"
            ));
        }
        // With socket activation, systemd has created the sockets.
        if std::env::var_os("LISTEN_FDS").is_some() {
            return;
        }
        let own = SocketConfig { path: Some(self.socket_path()), ..self.socket.clone() };
        let verify = self.verify_socket();
        if verify.as_ref().is_some_and(|verify| verify.path == own.path) {
            problems.push(
                "verify_socket.path: it is the agent's own socket: name another path".to_owned(),
            );
        }
        for (key, socket) in [("socket", Some(&own)), ("verify_socket", verify.as_ref())] {
            socket.into_iter().for_each(|socket| socket_problems(key, socket, problems));
        }
    }

    fn certificate(&self, problems: &mut Vec<String>) {
        let Some(tls) = &self.tls else { return };
        if let Err(error) = crate::agent::net::server_config(tls) {
            problems.push(error.to_string());
        }
    }

    fn keeping(&self, problems: &mut Vec<String>) {
        match self.store_url() {
            StoreUrl::Sqlite(file) => {
                folder_problem("store.url", folder_of(&file), problems);
                if file.is_dir() {
                    problems.push(format!(
                        "store.url: {} is a directory: name a file in it",
                        file.display()
                    ));
                }
            }
            #[cfg(feature = "postgres")]
            StoreUrl::Postgres(url) => {
                if let Err(error) = url.options(&self.store) {
                    problems.push(format!("store.url: {error}"));
                }
                let files = [
                    ("store.password_file", &self.store.password_file),
                    ("store.ca_file", &self.store.ca_file),
                ];
                for (key, file) in files {
                    let Some(file) = file else { continue };
                    if let Err(error) = std::fs::File::open(file) {
                        problems.push(format!("{key}: {}: {error}", file.display()));
                    }
                }
            }
            #[cfg(not(feature = "postgres"))]
            StoreUrl::Postgres(_) => {
                problems.push(
                    "store.url: PostgreSQL is not built into this version; use sqlite:PATH"
                        .to_owned(),
                );
            }
        }
        let key = self.key_file();
        if key.exists()
            && let Err(error) = crate::store::Keyring::from_file(&key)
        {
            problems.push(format!("store.key_file: {error}"));
        }
    }
}

fn socket_problems(key: &str, socket: &SocketConfig, problems: &mut Vec<String>) {
    let Some(path) = &socket.path else { return };
    if path.as_os_str().len() > LONGEST_SOCKET_PATH {
        problems.push(format!(
            "{key}.path: {} is longer than {LONGEST_SOCKET_PATH} bytes",
            path.display()
        ));
    }
    if socket.owner.is_some_and(|owner| owner.0 != Uid::effective().as_raw())
        && !Uid::effective().is_root()
    {
        problems.push(format!("{key}.owner: only root can give a socket away; leave it out"));
    }
    let (key_of_path, folder) = (format!("{key}.path"), folder_of(path));
    folder_problem(&key_of_path, folder, problems);
    if let Err(problem) = only_we_replace_files_in(folder) {
        problems.push(format!("{key_of_path}: {problem}"));
    }
    if let Ok(there) = fs::symlink_metadata(path)
        && !there.file_type().is_socket()
    {
        problems.push(format!(
            "{key}.path: {} is there and is no socket: remove it, or name another path",
            path.display()
        ));
    }
}

/// A folder that is neither there nor can be made: its own parent is made too, where that is ours.
fn folder_problem(key: &str, folder: &Path, problems: &mut Vec<String>) {
    let mut nearest = folder;
    while !nearest.exists() {
        match nearest.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => nearest = parent,
            // A relative path whose first folder is not there begins in the working directory.
            Some(_) if nearest != Path::new(".") => nearest = Path::new("."),
            _ => break,
        }
    }
    let show = nearest.display();
    if !nearest.is_dir() {
        problems.push(format!("{key}: {show} is not a directory"));
    } else if nix::unistd::access(
        nearest,
        nix::unistd::AccessFlags::W_OK | nix::unistd::AccessFlags::X_OK,
    )
    .is_err()
    {
        let folder = folder.display();
        problems.push(format!(
            "{key}: this user cannot write to {show}: run as another user, or \
            name another place than {folder}"
        ));
    }
}

/// The longest path of a socket address (unix(7)), without its final zero.
const LONGEST_SOCKET_PATH: usize = 107;
