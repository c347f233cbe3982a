//! Every key that is plugged in, and how it is. Nothing blinks, nothing is changed.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::authenticator::Authenticator;
use super::authenticator::Speaks;
use super::bus::Bus;
use super::ctap2::Info;
use super::ctap2::pin_retries;
use super::error::Error;
use super::fault::Fault;
use super::found::About;
use super::found::Access;
use super::found::Answer;
use super::found::Found;
use super::found::Holder;
use super::found::Holders;
use super::found::PinState;
use super::hidraw::Usb;
use super::key::Key;
use super::key::Text;
use super::limit::Cancel;
use super::limit::Limit;
use super::status;
use crate::webauthn::Aaguid;

/// Lists the keys that are plugged into this machine, in the order of their paths.
///
/// Blocks for some seconds if a key is busy or does not answer.
///
/// # Errors
/// [`Error::Bus`]. What is wrong with one key is told of that key.
pub fn list() -> Result<Vec<Found>, Error> {
    list_on(&(Arc::new(Usb) as Arc<dyn Bus>))
}

/// [`list`], of another bus than this machine's.
///
/// # Errors
/// As [`list`].
pub fn list_on(bus: &Arc<dyn Bus>) -> Result<Vec<Found>, Error> {
    let looks: Vec<_> = bus
        .keys()?
        .into_iter()
        .map(|key| {
            let (bus, of) = (Arc::clone(bus), key.clone());
            (key, thread::spawn(move || look(&bus, of)))
        })
        .collect();
    let lost = |key| Found { key, access: Access::Failed("it could not be looked at".to_owned()), tagged: None, answer: None };
    Ok(looks.into_iter().map(|(key, look)| look.join().unwrap_or_else(|_| lost(key))).collect())
}

/// Which processes have a key open. Those of other users can be seen by root alone.
pub fn holders(path: &Path) -> Holders {
    let mut holders = Holders::default();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    for process in processes {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        if pid == std::process::id() {
            continue;
        }
        match fs::read_dir(process.path().join("fd")) {
            Ok(open) => {
                if open.flatten().any(|descriptor| fs::read_link(descriptor.path()).is_ok_and(|target| target == path)) {
                    let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
                    holders.seen.push(Holder { pid, program: Text::new(&name) });
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => holders.unseen += 1,
            // It has ended meanwhile.
            Err(_) => {}
        }
    }
    holders
}

fn look(bus: &Arc<dyn Bus>, key: Key) -> Found {
    let limit = Limit::new(LONGEST_LOOK, Cancel::default());
    let asked = Authenticator::open(bus, &key, &limit, &mut |_| {}).and_then(|mut authenticator| about(&mut authenticator, &limit));
    let (access, answer) = match asked {
        Ok(about) => (Access::Open, Some(Answer::About(about))),
        Err(Fault::Gone) => (Access::Gone, None),
        Err(Fault::Plain(Error::NotAllowed { .. })) => (closed(&key.path), None),
        Err(Fault::Plain(error)) => (Access::Failed(error.to_string()), None),
        Err(Fault::Busy) => (Access::Open, Some(Answer::Busy)),
        Err(Fault::Late | Fault::Silent | Fault::Stopped) => (Access::Open, Some(Answer::Silent)),
        Err(Fault::Odd(how)) => (Access::Open, Some(Answer::Misbehaved(how.to_owned()))),
        Err(Fault::Status(status)) => (Access::Open, Some(Answer::Misbehaved(format!("status {status:#04x}")))),
        Err(Fault::Word(word)) => (Access::Open, Some(Answer::Misbehaved(format!("status {word:#06x}")))),
    };
    Found { tagged: tagged(&key.path), access, answer, key }
}

fn about(authenticator: &mut Authenticator, limit: &Limit) -> Result<About, Fault> {
    let [major, minor, build] = authenticator.channel.version;
    let device = format!("{major}.{minor}.{build}");
    let versions = authenticator.speaks.versions();
    let Speaks::Fido2(info) = &authenticator.speaks else {
        let pin = PinState::Unsupported;
        let nothing = (false, None, false);
        let (user_verification, remaining_credentials, always_verifies) = nothing;
        return Ok(About { versions, aaguid: None, firmware: device, pin, user_verification, remaining_credentials, always_verifies });
    };
    let info = Info::clone(info);
    let pin = match info.options.client_pin {
        None => PinState::Unsupported,
        Some(false) => PinState::NotSet,
        Some(true) => pin(authenticator, &info, limit)?,
    };
    Ok(About {
        versions,
        aaguid: Aaguid::new(info.aaguid).map(|model| model.to_string()),
        firmware: info.firmware.map_or(device, |firmware| firmware.to_string()),
        pin,
        user_verification: info.options.uv == Some(true),
        remaining_credentials: info.remaining_credentials,
        always_verifies: info.options.always_uv == Some(true),
    })
}

fn pin(authenticator: &mut Authenticator, info: &Info, limit: &Limit) -> Result<PinState, Fault> {
    match pin_retries(&mut authenticator.channel, info, limit, &mut |_| {}) {
        Ok(attempt) if attempt.retries == 0 => Ok(PinState::Blocked),
        Ok(attempt) => {
            let (retries, power_cycle) = (Some(attempt.retries), attempt.power_cycle);
            Ok(PinState::Set { retries, power_cycle, must_change: info.must_change_pin })
        }
        Err(Fault::Status(status::PIN_BLOCKED)) => Ok(PinState::Blocked),
        Err(Fault::Status(_)) => Ok(PinState::Set { retries: None, power_cycle: false, must_change: info.must_change_pin }),
        Err(fault) => Err(fault),
    }
}

fn closed(path: &Path) -> Access {
    match fs::metadata(path) {
        Ok(node) => Access::NotAllowed { mode: node.mode() & 0o777, uid: node.uid(), gid: node.gid() },
        Err(_) => Access::Gone,
    }
}

/// Whether udev's rules give it to whoever is logged in at the machine; where no udevd runs nobody knows.
fn tagged(path: &Path) -> Option<bool> {
    if !Path::new("/run/udev/control").exists() {
        return None;
    }
    let device = udev::Device::from_subsystem_sysname("hidraw".to_owned(), path.file_name()?.to_str()?.to_owned()).ok()?;
    let tags = device.property_value("TAGS").map(|tags| tags.to_string_lossy().into_owned()).unwrap_or_default();
    Some(tags.split(':').any(|tag| tag == "uaccess"))
}

/// Longer than a key is silent that will answer, and than most programs have one busy.
const LONGEST_LOOK: Duration = Duration::from_secs(4);
