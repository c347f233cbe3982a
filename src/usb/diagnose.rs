//! Diagnosis of the keys that are plugged in; without permission to open them too, which it then
//! reports.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::{fs, thread};

use super::authenticator::{Authenticator, Speaks};
use super::bus::Bus;
use super::ctap2;
use super::ctap2::Info;
use super::deadline::{Cancel, Deadline};
use super::error::Error;
use super::fault::Fault;
use super::found::{About, Access, Answer, Found, Holder, Holders, PinState};
use super::hid::Channel;
use super::hidraw::Usb;
use super::key::{Key, Text};
use super::link::Link;
use crate::webauthn::groups;

/// Every security key that is plugged in, in the order of their nodes, asked all at once. None of
/// them blinks.
///
/// # Errors
/// [`Error::Bus`] if the machine cannot say what is plugged in.
pub fn list() -> Result<Vec<Found>, Error> {
    list_on(Arc::new(Usb))
}

/// [`list`], on another bus than this machine's.
///
/// # Errors
/// [`Error::Bus`].
pub fn list_on(bus: Arc<dyn Bus>) -> Result<Vec<Found>, Error> {
    let asked: Vec<_> = bus
        .keys()?
        .into_iter()
        .map(|key| {
            let (bus, asked) = (bus.clone(), key.clone());
            (key, thread::spawn(move || ask(&bus, &asked)))
        })
        .collect();
    let found = asked.into_iter().map(|(key, answer)| {
        let answer = answer.join().unwrap_or(Err(Fault::Odd("it could not be asked")));
        let (access, answer) = judge(&key, answer);
        Found { tagged: tagged(&key.path), key, access, answer }
    });
    Ok(found.collect())
}

/// Lists the processes that have a key open, as far as this process may see.
pub fn holders(path: &Path) -> Holders {
    let mut holders = Holders::default();
    let Ok(processes) = fs::read_dir("/proc") else { return holders };
    let numbers = processes
        .flatten()
        .filter_map(|process| process.file_name().to_str()?.parse::<u32>().ok());
    for pid in numbers.filter(|pid| *pid != std::process::id()) {
        match fs::read_dir(format!("/proc/{pid}/fd")) {
            Ok(files) => {
                let open = files
                    .flatten()
                    .any(|file| fs::read_link(file.path()).is_ok_and(|target| target == path));
                if open {
                    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
                    holders.seen.push(Holder { pid, program: Text::new(&name) });
                }
            }
            Err(error) if error.kind() == ErrorKind::PermissionDenied => holders.unseen += 1,
            // The process has ended.
            Err(_) => {}
        }
    }
    holders
}

fn ask(bus: &Arc<dyn Bus>, key: &Key) -> Result<About, Fault> {
    let deadline = Deadline::new(PATIENCE, Cancel::default());
    let mut authenticator = Authenticator::open(bus, key, deadline.clone(), &mut |_| {})?;
    let version = authenticator.channel.version;
    let versions = authenticator.speaks.versions();
    let device = version.map(|part| part.to_string()).join(".");
    Ok(match &authenticator.speaks {
        Speaks::U2f => About {
            versions,
            aaguid: None,
            firmware: device,
            pin: PinState::Unsupported,
            user_verification: false,
            remaining_credentials: None,
            always_verifies: false,
        },
        Speaks::Fido2(info) => About {
            versions,
            aaguid: Some(groups(&info.aaguid)),
            firmware: info.firmware.map_or(device, |firmware| firmware.to_string()),
            pin: pin_state(&mut authenticator.channel, info, deadline)?,
            user_verification: info.options.uv == Some(true),
            remaining_credentials: info.remaining_credentials,
            always_verifies: info.options.always_uv == Some(true),
        },
    })
}

fn pin_state(channel: &mut Channel, info: &Info, deadline: Deadline) -> Result<PinState, Fault> {
    match info.options.client_pin {
        None => Ok(PinState::Unsupported),
        Some(false) => Ok(PinState::NotSet),
        Some(true) => {
            let must_change = info.must_change_pin;
            let mut link = Link { channel, deadline, on_wait: &mut |_| {} };
            match ctap2::pin_retries(&mut link, info) {
                Ok(attempt) if attempt.retries == 0 => Ok(PinState::Blocked),
                Ok(attempt) => Ok(PinState::Set {
                    retries: Some(attempt.retries),
                    power_cycle: attempt.power_cycle,
                    must_change,
                }),
                Err(Fault::Status(_)) => {
                    Ok(PinState::Set { retries: None, power_cycle: false, must_change })
                }
                Err(fault) => Err(fault),
            }
        }
    }
}

/// Parts what the system said from what the key said.
fn judge(key: &Key, answer: Result<About, Fault>) -> (Access, Option<Answer>) {
    match answer {
        Ok(about) => (Access::Open, Some(Answer::About(about))),
        Err(Fault::Plain(Error::NotAllowed { .. })) => (not_allowed(&key.path), None),
        Err(Fault::Plain(Error::Bus(why))) => (Access::Failed(why), None),
        Err(Fault::Gone) => (Access::Gone, None),
        Err(Fault::Busy) => (Access::Open, Some(Answer::Busy)),
        Err(Fault::Slow) => (Access::Open, Some(Answer::Slow)),
        Err(Fault::Silent | Fault::Late | Fault::Stopped) => (Access::Open, Some(Answer::Silent)),
        Err(Fault::Odd(what) | Fault::Content(what)) => {
            (Access::Open, Some(Answer::Misbehaved(what.to_owned())))
        }
        Err(fault) => (Access::Open, Some(Answer::Misbehaved(Error::from(fault).to_string()))),
    }
}

fn not_allowed(path: &Path) -> Access {
    match fs::metadata(path) {
        Ok(node) => {
            Access::NotAllowed { mode: node.mode() & 0o7777, uid: node.uid(), gid: node.gid() }
        }
        Err(_) => Access::Gone,
    }
}

/// Reads udevd's record of the device: the tag `uaccess` gives the node to the local session.
fn tagged(path: &Path) -> Option<bool> {
    let number = fs::metadata(path).ok()?.rdev();
    let record = format!(
        "/run/udev/data/c{}:{}",
        nix::sys::stat::major(number),
        nix::sys::stat::minor(number)
    );
    let record = fs::read_to_string(record).ok()?;
    Some(record.lines().any(|line| line == "G:uaccess" || line == "Q:uaccess"))
}

/// Time for a key to answer; another program may keep it busy.
const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aaguid_is_written_in_groups() {
        let aaguid = std::array::from_fn(|index| u8::try_from(index * 0x11).unwrap());
        assert_eq!(groups(&aaguid), "00112233-4455-6677-8899-aabbccddeeff");
    }
}
