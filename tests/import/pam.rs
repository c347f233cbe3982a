//! Files as PAM modules leave them, written by the modules themselves in a mount namespace in which
//! only the test's stack exists.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use test_support::tools;
use twostep::import::{Format, Settings, Token, TokenDrift, TokenKind};
use twostep::time::UnixTime;

use super::{Read, read_with};

/// A host whose stack has one module that keeps its tokens in a file.
struct Host {
    folder: tempfile::TempDir,
}

impl Host {
    /// A host with this line in its stack; `FILE` is the path of the file.
    fn new(auth: &str) -> Host {
        let host = Host { folder: tempfile::tempdir().unwrap() };
        let stack = auth.replace("FILE", &host.file().display().to_string());
        let stack = format!("auth required {stack}\naccount required pam_permit.so\n");
        fs::write(host.folder.path().join("probe"), stack).unwrap();
        host
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("file")
    }

    fn write(&self, file: &str) {
        fs::write(self.file(), file).unwrap();
        fs::set_permissions(self.file(), fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// True if the module accepts the code.
    fn accepts(&self, code: &str) -> bool {
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

    fn read(&self, format: Format) -> Read {
        let read = read_with(None, fs::read(self.file()).unwrap(), &Settings::new(now()));
        assert_eq!(read.format, Some(format));
        read
    }

    fn token(&self, format: Format) -> Token {
        let [token] = <[_; 1]>::try_from(self.read(format).sound()).unwrap();
        token
    }
}

const STAGE: &str = r#"
set -e
mount -t tmpfs -o mode=755 none /etc/pam.d
cp "$1" /etc/pam.d/probe
shift
exec "$@"
"#;

fn now() -> UnixTime {
    UnixTime(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs())
}

/// The code that oathtool computes with these arguments.
fn code(arguments: &[&str]) -> String {
    let output = Command::new("oathtool").args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The code of a step of 30 seconds, or of so many.
fn code_at(step: u64, period: u64, secret: &[&str]) -> String {
    let (time, size) = (format!("@{}", step * period), format!("{period}s"));
    code(&[&["--totp", "-s", &size, "-N", &time], secret].concat())
}

const GOOGLE: &str =
    "pam_google_authenticator.so secret=FILE user=root no_strict_owner allowed_perm=0600";

/// A new file of the program `google-authenticator`; the answer is its secret.
fn initialised(file: &Path, options: &[&str]) -> String {
    let made = Command::new("google-authenticator")
        .args(["-f", "-C", "-q", "-w", "3", "-r", "9", "-R", "60", "-s"])
        .arg(file)
        .args(options)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    fs::read_to_string(file).unwrap().lines().next().unwrap().to_owned()
}

#[test]
fn steps_that_google_authenticator_accepted_are_used() {
    if !tools::have(GOOGLE_TOOLS) {
        return;
    }
    let host = Host::new(GOOGLE);
    let secret = initialised(&host.file(), &["-t", "-d", "-S", "60"]);
    let fresh = host.token(Format::GoogleAuthenticator);
    assert_eq!((fresh.watermark, fresh.period), (None, Some(60)));
    // The window is one step on either side.
    while now().0 % 60 > 40 {
        sleep(Duration::from_millis(100));
    }
    let step = now().0 / 60;
    for used in [step - 1, step] {
        assert!(host.accepts(&code_at(used, 60, &["-b", &secret])));
        let token = host.token(Format::GoogleAuthenticator);
        assert_eq!((token.kind, token.watermark), (Some(TokenKind::Totp), Some(used)));
        assert_eq!(token.drift, None);
    }
    assert_eq!(host.read(Format::GoogleAuthenticator).notes.len(), 1);
}

#[test]
fn a_skew_that_google_authenticator_learned_is_kept() {
    if !tools::have(GOOGLE_TOOLS) {
        return;
    }
    let host = Host::new(GOOGLE);
    let secret = initialised(&host.file(), &["-t", "-d", "-S", "2"]);
    let accepts = |step: u64| host.accepts(&code_at(step, 2, &["-b", &secret]));
    // Three codes of consecutive steps teach the skew; the third is accepted.
    let mut skewed = now().0 / 2 + 40;
    let taught = (0..20).any(|_| {
        while now().0 / 2 + 40 == skewed {
            sleep(Duration::from_millis(50));
        }
        skewed = now().0 / 2 + 40;
        accepts(skewed)
    });
    assert!(taught);
    let token = host.token(Format::GoogleAuthenticator);
    let Some(TokenDrift::Steps(skew)) = token.drift else { panic!("{token:?}") };
    assert!((39..=41).contains(&skew), "{skew}");
    // The module does not record the step of that code.
    assert_eq!(token.watermark, None);
    sleep(Duration::from_secs(4));
    let used = now().0 / 2 + 40;
    assert!(accepts(used));
    assert_eq!(host.token(Format::GoogleAuthenticator).watermark, Some(used));
}

#[test]
fn the_counter_of_google_authenticator_is_the_next() {
    if !tools::have(GOOGLE_TOOLS) {
        return;
    }
    let host = Host::new(GOOGLE);
    let secret = initialised(&host.file(), &["-c"]);
    let first = host.token(Format::GoogleAuthenticator).counter.unwrap();
    let of = |counter: u64| code(&["-b", "-c", &counter.to_string(), &secret]);
    assert!(host.accepts(&of(first + 2)));
    let token = host.token(Format::GoogleAuthenticator);
    assert_eq!((token.kind, token.counter), (Some(TokenKind::Hotp), Some(first + 3)));
    assert!(!host.accepts(&of(first + 2)));
}

#[test]
fn counters_and_steps_that_pam_oath_accepted_are_used() {
    if !tools::have("pamtester,pam:pam_oath,oathtool,unshare,mount,root") {
        return;
    }
    let host = Host::new("pam_oath.so usersfile=FILE window=5");
    let secret = "0102030405060708090a0b0c0d0e0f1011121314";
    host.write(&format!("HOTP\troot\t-\t{secret}\n"));
    assert_eq!(host.token(Format::UsersOath).counter, Some(0));
    for used in [0_u64, 3, 4] {
        assert!(host.accepts(&code(&["-c", &used.to_string(), secret])));
        assert_eq!(host.token(Format::UsersOath).counter, Some(used + 1));
    }
    host.write(&format!("HOTP/T60/8\troot\t-\t{secret}\n"));
    assert_eq!(host.token(Format::UsersOath).watermark, None);
    let step = now().0 / 60;
    // The module writes the time stamp in the zone of its process.
    for used in [step - 2, step, step + 3] {
        assert!(host.accepts(&code_at(used, 60, &["-d", "8", secret])));
        let token = host.token(Format::UsersOath);
        assert_eq!((token.watermark, token.period), (Some(used), Some(60)));
        assert_eq!(token.account.as_deref(), Some("root"));
    }
}

const GOOGLE_TOOLS: &str = "pamtester,google-authenticator,oathtool,unshare,mount,root";
