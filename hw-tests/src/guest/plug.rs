//! Virtual keys for the cases.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, io, thread};

use super::run::ours;
use crate::key::tell;

/// The connection of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// A device of the kernel's HID layer, without USB.
    Uhid,
    /// A USB port of the dummy host controller, 0 to 3.
    Usb(u8),
}

/// A key. A virtual one is pulled out on drop.
pub struct Key {
    hand: Hand,
    serial: String,
}

/// The one who touches a key and plugs it in.
enum Hand {
    Process { child: Child, control: PathBuf },
    Person,
}

impl Key {
    /// Plugs in a key with this serial number and waits for its node. `more` are further arguments
    /// for `vkey`.
    pub fn plug(wire: Wire, serial: &str, more: &[&str]) -> Result<Key, String> {
        if let Ok(serial) = env::var(REAL_KEY) {
            let key = Key { hand: Hand::Person, serial };
            key.tell(if more.contains(&"--unplugged") { "unplug" } else { "replug" })?;
            return Ok(key);
        }
        let key = Key::hold(wire, serial, more)?;
        if !more.contains(&"--unplugged") {
            key.node()?;
        }
        Ok(key)
    }

    fn hold(wire: Wire, serial: &str, more: &[&str]) -> Result<Key, String> {
        let control = Path::new("/run").join(format!("key-{serial}"));
        let wire = match wire {
            Wire::Uhid => "uhid".to_owned(),
            Wire::Usb(port) => format!("gadget:{port}"),
        };
        let mut command = Command::new(ours("vkey"));
        command
            .args(["--wire", &wire, "--serial", serial, "--attest", "/attestation", "--control"])
            .arg(&control)
            .args(more);
        let child =
            command.stdin(Stdio::null()).spawn().map_err(|error| format!("vkey: {error}"))?;
        wait_until(PATIENCE, || tell(&control, "state").is_ok()).ok_or("vkey does not answer")?;
        Ok(Key { hand: Hand::Process { child, control }, serial: serial.to_owned() })
    }

    /// The device node, once it exists.
    pub fn node(&self) -> Result<String, String> {
        let found = wait_until(PATIENCE, || node_of(&self.serial).is_some())
            .and_then(|()| node_of(&self.serial));
        found.ok_or_else(|| format!("{} did not appear", self.serial))
    }

    /// Waits until the kernel has removed the key.
    pub fn gone(&self) -> Result<(), String> {
        wait_until(PATIENCE, || node_of(&self.serial).is_none())
            .ok_or_else(|| format!("{} is still there", self.serial))
    }

    /// Sends a command to the key.
    pub fn tell(&self, command: &str) -> Result<String, String> {
        match &self.hand {
            Hand::Process { control, .. } => {
                tell(control, command).map_err(|error| error.to_string())
            }
            Hand::Person => ask(&self.serial, command),
        }
    }

    /// One entry of the key's state.
    pub fn state(&self, name: &str) -> Result<String, String> {
        let state = self.tell("state")?;
        let found =
            state.split(' ').find_map(|member| member.strip_prefix(name)?.strip_prefix('='));
        found.map(str::to_owned).ok_or_else(|| format!("{state}: no {name}"))
    }

    /// One counter of the key's state.
    pub fn count(&self, name: &str) -> Result<u64, String> {
        self.state(name)?.parse().map_err(|_| format!("{name} is no number"))
    }

    /// Returns whether the key waits for a touch.
    #[must_use]
    pub fn blinks(&self) -> bool {
        self.state("blinking").is_ok_and(|blinking| blinking == "true")
    }

    /// Waits until the key waits for a touch.
    pub fn blinking(&self) -> Result<(), String> {
        if matches!(self.hand, Hand::Person) {
            return ask(&self.serial, "blinks").map(drop);
        }
        wait_until(PATIENCE, || self.blinks())
            .ok_or_else(|| format!("{} does not blink", self.serial))
    }

    /// Waits until the key no longer waits for a touch.
    pub fn dark(&self) -> Result<(), String> {
        wait_until(PATIENCE, || !self.blinks())
            .ok_or_else(|| format!("{} still blinks", self.serial))
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        let Hand::Process { child, control } = &mut self.hand else { return };
        if tell(control, "quit").is_ok() {
            wait_until(Duration::from_secs(5), || matches!(child.try_wait(), Ok(Some(_))));
        }
        let _ = child.kill();
        let _ = child.wait();
        wait_until(Duration::from_secs(5), || node_of(&self.serial).is_none());
    }
}

/// Asks a person to do to a real key as the command says, and waits for Enter or for the kernel.
fn ask(serial: &str, command: &str) -> Result<String, String> {
    let is_in = || node_of(serial).is_some();
    match command {
        "unplug" if is_in() => {
            println!("  Unplug {serial}.");
            wait_until(FOR_PEOPLE, || !is_in()).ok_or("the key was not unplugged")?;
        }
        "replug" if !is_in() => {
            println!("  Plug in {serial}.");
            wait_until(FOR_PEOPLE, is_in).ok_or("the key was not plugged in")?;
        }
        "blinks" => {
            println!("  Press Enter as soon as {serial} blinks; do not touch it.");
            io::stdin().read_line(&mut String::new()).map_err(|error| error.to_string())?;
        }
        "touch" | "finger auto" => println!("  From now on, touch {serial} whenever it blinks."),
        "finger manual" => println!("  Do not touch {serial} until you are told to."),
        _ => {}
    }
    Ok(String::new())
}

/// The node of the key with this serial number.
#[must_use]
pub fn node_of(serial: &str) -> Option<String> {
    for entry in fs::read_dir("/sys/class/hidraw").ok()?.filter_map(Result::ok) {
        let described = fs::read_to_string(entry.path().join("device/uevent")).unwrap_or_default();
        let node = Path::new("/dev").join(entry.file_name());
        if described.lines().any(|line| line.strip_prefix("HID_UNIQ=") == Some(serial))
            && node.exists()
        {
            return Some(node.to_string_lossy().into_owned());
        }
    }
    None
}

/// The number of open descriptors of a process.
#[must_use]
pub fn descriptors_of(process: u32) -> usize {
    fs::read_dir(format!("/proc/{process}/fd")).map_or(0, Iterator::count)
}

/// Polls until the condition holds or the time limit passes.
pub fn wait_until(limit: Duration, mut so: impl FnMut() -> bool) -> Option<()> {
    let begun = Instant::now();
    loop {
        if so() {
            return Some(());
        }
        if begun.elapsed() > limit {
            return None;
        }
        thread::sleep(Duration::from_millis(3));
    }
}

/// The time limit for a key to appear or to go.
const PATIENCE: Duration = Duration::from_secs(15);

/// The time limit for a person.
const FOR_PEOPLE: Duration = Duration::from_secs(60);

/// The serial number of a real key; with its PIN, the cases run on that key only, and a person
/// handles it.
pub const REAL_KEY: &str = "TWOSTEP_REAL_KEY";
/// The PIN of the key in [`REAL_KEY`].
pub const REAL_PIN: &str = "TWOSTEP_REAL_PIN";
