//! The first process: preparation before the cases and shutdown after them.

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{fs, io};

use nix::kmod::{ModuleInitFlags, finit_module};
use nix::mount::{MsFlags, mount};
use nix::sys::termios::tcdrain;

use super::wait_until;

/// Mounts the usual file systems, loads the modules, and starts udev if asked for. Returns the
/// variables for the guest.
pub fn boot() -> Result<Vec<(String, String)>, String> {
    for (kind, place) in [
        ("proc", "/proc"),
        ("sysfs", "/sys"),
        ("devtmpfs", "/dev"),
        ("tmpfs", "/tmp"),
        ("tmpfs", "/run"),
    ] {
        mounted(kind, place)?;
    }
    for line in read("/modules/order")?.lines() {
        let (name, parameters) = line.split_once(' ').unwrap_or((line, ""));
        let file =
            File::open(format!("/modules/{name}")).map_err(|error| format!("{name}: {error}"))?;
        let parameters = CString::new(parameters).map_err(|error| error.to_string())?;
        finit_module(file, &parameters, ModuleInitFlags::empty())
            .map_err(|error| format!("{name}: {error}"))?;
    }
    mounted("configfs", "/sys/kernel/config")?;
    let words = read("/proc/cmdline")?;
    if Path::new("/lib/systemd/systemd-udevd").exists() {
        udev()?;
    }
    let ours = words
        .split_whitespace()
        .filter_map(|word| word.strip_prefix("bench.")?.split_once('='));
    Ok(ours.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// Powers the machine off with this status of seven bits.
pub fn power_off(status: u8) -> io::Result<()> {
    let _ = io::stdout().flush();
    let _ = tcdrain(io::stdout());
    let mut port = OpenOptions::new().write(true).open("/dev/port")?;
    port.seek(SeekFrom::Start(EXIT_PORT))?;
    port.write_all(&[status.min(127)])
}

fn mounted(kind: &str, place: &str) -> Result<(), String> {
    mount(Some(kind), place, Some(kind), MsFlags::empty(), None::<&str>)
        .map_err(|error| format!("{place}: {error}"))
}

fn udev() -> Result<(), String> {
    let mut daemon = Command::new("/lib/systemd/systemd-udevd");
    daemon.stdin(Stdio::null()).spawn().map_err(|error| format!("udevd: {error}"))?;
    wait_until(Duration::from_secs(10), || Path::new("/run/udev/control").exists())
        .ok_or("udevd did not start")?;
    let settled = Command::new("/bin/udevadm").args(["settle", "--timeout=20"]).status();
    settled
        .is_ok_and(|status| status.success())
        .then_some(())
        .ok_or_else(|| "udev did not settle".to_owned())
}

fn read(path: &str) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))
}

/// The I/O port that ends the machine when written.
const EXIT_PORT: u64 = 0xf4;
