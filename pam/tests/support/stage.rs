//! Hosts in a mount namespace in which only test stacks exist.

use std::fs;
use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Stacks of one line each, for every host that the tests use.
pub(crate) struct Stage {
    folder: tempfile::TempDir,
}

/// The result of a host.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Stage {
    /// A stage whose stacks verify with the agent behind this socket.
    pub(crate) fn new(socket: &Path) -> Stage {
        Stage::with_options(socket, "")
    }

    pub(crate) fn with_options(socket: &Path, options: &str) -> Stage {
        let folder = tempfile::tempdir().unwrap();
        let module = std::env::current_exe().unwrap().parent().unwrap().join("libpam_twostep.so");
        let auth = format!(
            "auth required {} socket={} timeout=2 {options}\n",
            module.display(),
            socket.display()
        );
        let rest = "account required pam_permit.so\nsession required pam_permit.so\n";
        let stacks = folder.path().join("pam.d");
        fs::create_dir(&stacks).unwrap();
        for service in ["probe", "su", "sudo"] {
            fs::write(stacks.join(service), auth.clone() + rest).unwrap();
        }
        fs::write(
            stacks.join("other"),
            "auth required pam_deny.so\naccount required pam_deny.so\n",
        )
        .unwrap();
        let sudoers = folder.path().join("sudoers");
        fs::write(
            &sudoers,
            "Defaults !fqdn, passwd_tries=1, timestamp_timeout=0, lecture=never, \
            !use_pty\nnobody ALL=(ALL) ALL\n",
        )
        .unwrap();
        fs::set_permissions(&sudoers, Permissions::from_mode(0o440)).unwrap();
        Stage { folder }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs pamtester for an account that types these lines.
    pub(crate) fn pamtester(&self, account: &str, types: &[&str]) -> Outcome {
        self.run(&["pamtester", "probe", account, "authenticate"], types)
    }

    /// Runs a program as an unprivileged user, whom su and sudo verify.
    pub(crate) fn as_unprivileged(&self, command: &[&str], types: &[&str]) -> Outcome {
        self.run(
            &[&["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"], command].concat(),
            types,
        )
    }

    pub(crate) fn run(&self, command: &[&str], types: &[&str]) -> Outcome {
        let mut host = Command::new("unshare");
        host.args(["--mount", "sh", "-c", SET, "stage"])
            .arg(self.folder())
            .args(command)
            .current_dir("/");
        // Variables of cargo for tests.
        host.env_remove("LD_LIBRARY_PATH");
        let mut child = host
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let text: String = types.iter().map(|line| format!("{line}\n")).collect();
        // A host that refuses without a prompt reads no input.
        let _ = child.stdin.take().unwrap().write_all(text.as_bytes());
        let output = child.wait_with_output().unwrap();
        Outcome {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Outcome {
    /// Requires this message of pamtester, and the matching exit status.
    #[track_caller]
    pub(crate) fn is(&self, said: &str) {
        let all = format!("{}{}", self.stdout, self.stderr);
        assert!(all.contains(said), "{all}");
        assert_eq!(self.status == 0, said.contains("successfully"), "{all}");
    }
}

/// Mounts the test files over the machine's, for the command that follows.
const SET: &str = r#"
set -e
stage=$1
shift
mount -t tmpfs -o mode=755 none /etc/pam.d
cp "$stage"/pam.d/* /etc/pam.d/
if [ -e /etc/sudoers ]; then
    mount --bind "$stage/sudoers" /etc/sudoers
    mkdir -p /run/sudo
    mount -t tmpfs -o mode=711 none /run/sudo
fi
exec "$@"
"#;
