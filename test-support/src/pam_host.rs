//! A host whose PAM modules write token files, in a mount namespace in which only the test's stack
//! exists.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use twostep::time::UnixTime;

/// A host whose stack has one module that keeps its tokens in a file.
pub struct Host {
    folder: tempfile::TempDir,
}

impl Host {
    /// A host with this line in its stack; `FILE` is the path of the file.
    pub fn new(auth: &str) -> Host {
        let host = Host { folder: tempfile::tempdir().unwrap() };
        let stack = auth.replace("FILE", &host.file().display().to_string());
        let stack = format!("auth required {stack}\naccount required pam_permit.so\n");
        fs::write(host.folder.path().join("probe"), stack).unwrap();
        host
    }

    pub fn file(&self) -> PathBuf {
        self.folder.path().join("file")
    }

    pub fn write(&self, file: &str) {
        fs::write(self.file(), file).unwrap();
        fs::set_permissions(self.file(), fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// True if the module accepts the code.
    pub fn accepts(&self, code: &str) -> bool {
        let mut host = Command::new("unshare")
            .args(["--mount", "sh", "-c", STAGE, "stage"])
            .arg(self.folder.path().join("probe"))
            .args(["pamtester", "probe", "root", "authenticate"])
            .env_remove("LD_LIBRARY_PATH")
            .env("TZ", "Asia/Kolkata")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        writeln!(host.stdin.take().unwrap(), "{code}").unwrap();
        host.wait().unwrap().success()
    }
}

const STAGE: &str = r#"
set -e
mount -t tmpfs -o mode=755 none /etc/pam.d
cp "$1" /etc/pam.d/probe
shift
exec "$@"
"#;

pub fn now() -> UnixTime {
    UnixTime(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs())
}

/// The code that oathtool computes with these arguments.
pub fn code(arguments: &[&str]) -> String {
    let output = Command::new("oathtool").args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The code of a step of 30 seconds, or of so many.
pub fn code_at(step: u64, period: u64, secret: &[&str]) -> String {
    let (time, size) = (format!("@{}", step * period), format!("{period}s"));
    code(&[&["--totp", "-s", &size, "-N", &time], secret].concat())
}

/// The line of google-authenticator in a stack.
pub const GOOGLE: &str =
    "pam_google_authenticator.so secret=FILE user=root no_strict_owner allowed_perm=0600";

/// A new file of the program `google-authenticator`; the answer is its secret.
pub fn initialised(file: &Path, options: &[&str]) -> String {
    let made = Command::new("google-authenticator")
        .args(["-f", "-C", "-q", "-w", "3", "-r", "9", "-R", "60", "-s"])
        .arg(file)
        .args(options)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    fs::read_to_string(file).unwrap().lines().next().unwrap().to_owned()
}

/// The programs and modules that [`GOOGLE`] needs.
pub const GOOGLE_TOOLS: &str = "pamtester,google-authenticator,oathtool,unshare,mount,root";

/// The line of pam_oath in a stack.
pub const OATH: &str = "pam_oath.so usersfile=FILE window=5";

/// The programs and modules that [`OATH`] needs.
pub const OATH_TOOLS: &str = "pamtester,pam:pam_oath,oathtool,unshare,mount,root";
