//! The location of the person, according to the kernel and system files.

use std::ffi::CString;
use std::fs::File;
use std::io::Read;
use std::mem::MaybeUninit;
use std::ptr;

use serde::Serialize;

use crate::failure::Failure;
use crate::libpam::{Item, Pam};
use crate::options::KeyOffer;

/// The terminal and the session of this process, identified beyond reuse: process ids are reused,
/// but not together with the start time within one boot.
#[derive(Serialize)]
pub(crate) struct Terminal {
    tty: String,
    leader_pid: u32,
    /// In clock ticks since the machine started.
    leader_started: u64,
    boot_id: String,
}

/// Returns whether a security key on this machine is offered.
pub(crate) fn offers_key(pam: &Pam<'_>, offer: KeyOffer) -> Result<bool, Failure> {
    match offer {
        KeyOffer::Always => Ok(true),
        KeyOffer::Never => Ok(false),
        // A remote person must not make the key blink: its owner might touch it.
        KeyOffer::Local if !pam.item(Item::RemoteHost)?.is_empty() => Ok(false),
        KeyOffer::Local => Ok(is_console(&pam.item(Item::Tty)?) || is_on_seat()),
    }
}

impl Terminal {
    #[cfg(test)]
    pub(crate) fn sample() -> Terminal {
        Terminal {
            tty: "pts/1".to_owned(),
            leader_pid: 2,
            leader_started: 3,
            boot_id: "01234567-89ab-cdef-0123-456789abcdef".to_owned(),
        }
    }

    /// The terminal of this process; `None` without a terminal, or if the kernel does not say.
    pub(crate) fn of_this_process() -> Option<Terminal> {
        let own = Stat::parse(&read("/proc/self/stat")?)?;
        let tty = terminal_name(own.terminal)?;
        let leader = Stat::parse(&read(&format!("/proc/{}/stat", own.session))?)?;
        let boot_id = read("/proc/sys/kernel/random/boot_id")?.trim().to_owned();
        let boot_id = Some(boot_id).filter(|id| id.len() == 36)?;
        Some(Terminal { tty, leader_pid: own.session, leader_started: leader.started, boot_id })
    }
}

/// The user id of a login name, from the system's user database.
///
/// libpam's `pam_modutil_getpwnam` is no alternative: out of memory, it tries two thousand million
/// times.
#[allow(unsafe_code, reason = "a function of libc")]
pub(crate) fn uid_of(user: &str) -> Option<u32> {
    let user = CString::new(user).ok()?;
    let mut texts = vec![0; 4 * 1_024];
    let mut entry = MaybeUninit::<libc::passwd>::uninit();
    let mut found = ptr::null_mut();
    // SAFETY: the name ends with zero; the rest is written within its bounds, and outlives `found`.
    let code = unsafe {
        libc::getpwnam_r(
            user.as_ptr(),
            entry.as_mut_ptr(),
            texts.as_mut_ptr(),
            texts.len(),
            &raw mut found,
        )
    };
    // SAFETY: null, or the entry, which is written then.
    let found = unsafe { found.as_ref() }.filter(|_| code == 0)?;
    Some(found.pw_uid)
}

/// Fields of `/proc/PID/stat` (proc_pid_stat(5)).
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    session: u32,
    terminal: u32,
    started: u64,
}

impl Stat {
    fn parse(text: &str) -> Option<Stat> {
        // The process name before it may contain any character, parentheses included.
        let (_, rest) = text.rsplit_once(") ")?;
        let mut fields = rest.split_ascii_whitespace();
        // State, parent and process group come first.
        let session = fields.nth(3)?.parse().ok()?;
        let terminal = fields.next()?.parse().ok()?;
        let started = fields.nth(14)?.parse().ok()?;
        Some(Stat { session, terminal, started })
    }
}

/// The name of a terminal's device number (`admin-guide/devices.txt` of the kernel).
fn terminal_name(device: u32) -> Option<String> {
    let (major, minor) = (device >> 8 & 0xfff, device & 0xff | device >> 12 & 0xfff00);
    match major {
        0 => None,
        4 if minor < 64 => Some(format!("tty{minor}")),
        136..=143 => Some(format!(
            "pts/{}",
            minor.saturating_add(major.saturating_sub(136).saturating_mul(256))
        )),
        _ => Some(format!("{major}:{minor}")),
    }
}

/// One of the machine's own consoles: `tty1`, `/dev/tty1`.
fn is_console(tty: &str) -> bool {
    let number = tty.strip_prefix("/dev/").unwrap_or(tty).strip_prefix("tty");
    number.is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Returns whether the session of this process is on a seat: a screen and a keyboard of this
/// machine (sd-login(3)).
fn is_on_seat() -> bool {
    let Some(id) = read("/proc/self/sessionid") else { return false };
    let id = id.trim();
    if id.is_empty() || id == NO_SESSION || !id.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    read(&format!("/run/systemd/sessions/{id}")).is_some_and(|session| describes_seat(&session))
}

fn describes_seat(session: &str) -> bool {
    let value =
        |name: &str| session.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    value("SEAT").is_some_and(|seat| !seat.is_empty()) && value("REMOTE") == Some("0")
}

/// Reads a small system file.
fn read(path: &str) -> Option<String> {
    let mut text = String::new();
    File::open(path).ok()?.take(8 * 1_024).read_to_string(&mut text).ok()?;
    Some(text)
}

/// The session id of a process without a login: −1 as unsigned.
const NO_SESSION: &str = "4294967295";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_tables_know_root() {
        assert_eq!(uid_of("root"), Some(0));
        assert_eq!(uid_of("no-user-of-that-name"), None);
    }

    #[test]
    fn a_process_name_cannot_forge_its_session() {
        let text =
            "77 (a) S 1 2 3 4) S 1 77 70 34817 77 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345 9 9 9\n";
        assert_eq!(
            Stat::parse(text),
            Some(Stat { session: 70, terminal: 34_817, started: 12_345 })
        );
        assert_eq!(Stat::parse("77 (a) S 1 77"), None);
    }

    #[test]
    fn terminals_have_their_names() {
        assert_eq!(terminal_name(0), None);
        assert_eq!(terminal_name(34_817).as_deref(), Some("pts/1"));
        assert_eq!(terminal_name(137 << 8 | 2).as_deref(), Some("pts/258"));
        assert_eq!(terminal_name(4 << 8 | 2).as_deref(), Some("tty2"));
        assert_eq!(terminal_name(4 << 8 | 64).as_deref(), Some("4:64"));
    }

    #[test]
    fn a_console_is_the_machines_own() {
        for (tty, console) in [
            ("tty1", true),
            ("/dev/tty12", true),
            ("", false),
            ("tty", false),
            ("pts/1", false),
            ("ttyS0", false),
            (":0", false),
        ] {
            assert_eq!(is_console(tty), console, "{tty}");
        }
    }

    #[test]
    fn a_remote_session_is_not_on_a_seat() {
        assert!(describes_seat("UID=1000\nREMOTE=0\nSEAT=seat0\n"));
        assert!(!describes_seat("UID=1000\nREMOTE=1\nSEAT=seat0\n"));
        assert!(!describes_seat("UID=1000\nREMOTE=0\n"));
        assert!(!describes_seat("UID=1000\nREMOTE=0\nSEAT=\n"));
        assert!(!describes_seat("UID=1000\nSEAT=seat0\n"));
    }
}
