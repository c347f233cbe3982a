//! The default paths.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User};

/// The default paths of a user: those of the system for root, those of the XDG base directories for
/// others. What systemd hands to a service wins over both.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Paths {
    /// The directory of the store and the sealing key.
    pub state: PathBuf,
    /// The Unix socket.
    pub socket: PathBuf,
    /// The configuration file.
    pub config: PathBuf,
    /// The directory of systemd's credentials.
    pub credentials: Option<PathBuf>,
}

impl Paths {
    /// The default paths of this process's user.
    pub fn of_this_process() -> Paths {
        let uid = Uid::effective();
        let home = || User::from_uid(uid).ok().flatten().map(|user| user.dir);
        Paths::of(uid.is_root(), |name| std::env::var_os(name), home)
    }

    fn of(
        root: bool,
        var: impl Fn(&str) -> Option<OsString>,
        home: impl Fn() -> Option<PathBuf>,
    ) -> Paths {
        // A relative path in one of these is to be ignored (XDG Base Directory Specification).
        let directory = |name: &str| var(name).map(PathBuf::from).filter(|path| path.is_absolute());
        // systemd separates several directories by colons; the first is the service's own.
        let given = |name: &str| {
            var(name)
                .and_then(|list| std::env::split_paths(&list).next())
                .filter(|path| path.is_absolute())
        };
        let home = || directory("HOME").or_else(&home).filter(|home| !root && home.is_absolute());
        let state = given("STATE_DIRECTORY").or_else(|| {
            let own = directory("XDG_STATE_HOME")
                .filter(|_| !root)
                .or_else(|| Some(home()?.join(".local/state")));
            own.map(|own| own.join("twostep"))
        });
        let state = state.unwrap_or_else(|| "/var/lib/twostep".into());
        let runtime = given("RUNTIME_DIRECTORY").or_else(|| {
            if root {
                Some(SYSTEM_RUNTIME.into())
            } else {
                directory("XDG_RUNTIME_DIR").map(|runtime| runtime.join("twostep"))
            }
        });
        let config = directory("XDG_CONFIG_HOME")
            .filter(|_| !root)
            .or_else(|| Some(home()?.join(".config")));
        Paths {
            socket: runtime.as_deref().unwrap_or(&state).join("agent.sock"),
            config: config.unwrap_or_else(|| SYSTEM_CONFIG.into()).join(CONFIG_FILE),
            credentials: directory("CREDENTIALS_DIRECTORY"),
            state,
        }
    }

    /// The socket to talk to: the user's own if there is one, else the system's.
    pub fn socket_to_reach(&self) -> PathBuf {
        let system = Path::new(SYSTEM_RUNTIME).join("agent.sock");
        if !self.socket.exists() && system.exists() { system } else { self.socket.clone() }
    }

    /// The configuration of the agent that listens on a socket: the system's for the system's
    /// socket, else the user's own.
    pub fn config_behind(&self, socket: &Path) -> PathBuf {
        match socket.starts_with(SYSTEM_RUNTIME) {
            true => Path::new(SYSTEM_CONFIG).join(CONFIG_FILE),
            false => self.config.clone(),
        }
    }

    /// Returns whether the paths belong to the system's agent, rather than to a user's own.
    pub(super) fn are_the_systems(&self) -> bool {
        self.socket.starts_with(SYSTEM_RUNTIME)
    }

    /// The sealing key: systemd's credential of that name, or the file in the state directory.
    pub(super) fn key_file(&self) -> PathBuf {
        let credential = self
            .credentials
            .as_ref()
            .map(|credentials| credentials.join(KEY_FILE))
            .filter(|credential| credential.exists());
        credential.unwrap_or_else(|| self.own_key_file())
    }

    /// The password for the store: systemd's credential of that name, if it is there.
    #[cfg(feature = "postgres")]
    pub(super) fn store_password(&self) -> Option<PathBuf> {
        let credential = self.credentials.as_ref()?.join(STORE_PASSWORD);
        credential.exists().then_some(credential)
    }

    /// The sealing key that the agent makes by itself.
    pub(super) fn own_key_file(&self) -> PathBuf {
        self.state.join(KEY_FILE)
    }
}

const SYSTEM_RUNTIME: &str = "/run/twostep";

const SYSTEM_CONFIG: &str = "/etc";

const CONFIG_FILE: &str = "twostep/twostep.toml";

const KEY_FILE: &str = "sealing.key";

#[cfg(feature = "postgres")]
const STORE_PASSWORD: &str = "store.password";

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(root: bool, set: &[(&str, &str)]) -> Paths {
        let var = |name: &str| {
            set.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
        };
        Paths::of(root, var, || None)
    }

    #[test]
    fn root_has_the_systems_paths_despite_its_environment() {
        let root = paths(
            true,
            &[("HOME", "/root"), ("XDG_STATE_HOME", "/home/x"), ("XDG_RUNTIME_DIR", "/run/user/0")],
        );
        assert_eq!(root.state, Path::new("/var/lib/twostep"));
        assert_eq!(root.socket, Path::new("/run/twostep/agent.sock"));
        assert_eq!(root.config, Path::new("/etc/twostep/twostep.toml"));
    }

    #[test]
    fn others_have_their_own() {
        let user = paths(false, &[("HOME", "/home/ann"), ("XDG_RUNTIME_DIR", "/run/user/1000")]);
        assert_eq!(user.state, Path::new("/home/ann/.local/state/twostep"));
        assert_eq!(user.socket, Path::new("/run/user/1000/twostep/agent.sock"));
        assert_eq!(user.config, Path::new("/home/ann/.config/twostep/twostep.toml"));
        let without_runtime =
            paths(false, &[("HOME", "/home/ann"), ("XDG_STATE_HOME", "relative")]);
        assert_eq!(without_runtime.socket, Path::new("/home/ann/.local/state/twostep/agent.sock"));
    }

    #[test]
    fn the_configuration_is_that_of_the_agent_behind_the_socket() {
        let user = paths(false, &[("HOME", "/home/ann"), ("XDG_RUNTIME_DIR", "/run/user/1000")]);
        for (socket, config) in [
            ("/run/twostep/agent.sock", "/etc/twostep/twostep.toml"),
            ("/run/twostep/verify.sock", "/etc/twostep/twostep.toml"),
            ("/run/user/1000/twostep/agent.sock", "/home/ann/.config/twostep/twostep.toml"),
            ("/run/twostep-other/agent.sock", "/home/ann/.config/twostep/twostep.toml"),
        ] {
            assert_eq!(user.config_behind(Path::new(socket)), Path::new(config), "{socket}");
        }
    }

    #[test]
    fn paths_of_systemd_win() {
        for root in [true, false] {
            let set = [
                ("HOME", "/home/ann"),
                ("STATE_DIRECTORY", "/var/lib/private/a:/b"),
                ("RUNTIME_DIRECTORY", "/run/a"),
            ];
            let service = paths(root, &set);
            assert_eq!(service.state, Path::new("/var/lib/private/a"));
            assert_eq!(service.socket, Path::new("/run/a/agent.sock"));
        }
    }
}
