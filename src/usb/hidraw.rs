//! The bus of this machine, by `hidapi` over Linux' hidraw, and its hot-plug by udev.

use std::ffi::CString;
use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use hidapi::{DeviceInfo, HidApi, HidDevice};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::bus::{Bus, NotOpened, Transport, Unplugged};
use super::error::Error;
use super::frame::LONGEST_REPORT;
use super::key::{Key, Text};

/// The keys that are plugged into this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usb;

/// An open hidraw node.
struct Hidraw {
    device: HidDevice,
    lengths: (usize, usize),
}

/// Does something with the library, started if need be.
fn library<T>(
    act: impl FnOnce(&mut HidApi) -> Result<T, hidapi::HidError>,
) -> Result<T, hidapi::HidError> {
    let mut library: MutexGuard<'_, Option<HidApi>> =
        LIBRARY.lock().unwrap_or_else(PoisonError::into_inner);
    if library.is_none() {
        *library = Some(HidApi::new()?);
    }
    library.as_mut().map_or(Err(hidapi::HidError::InitializationError), act)
}

impl Bus for Usb {
    fn keys(&self) -> Result<Vec<Key>, Error> {
        let mut keys = library(|library| {
            library.refresh_devices()?;
            Ok(library
                .device_list()
                .filter(|info| info.usage_page() == USAGE_PAGE && info.usage() == USAGE)
                .map(key)
                .collect::<Vec<_>>())
        })
        .map_err(|error| Error::Bus(Text::new(&error.to_string()).to_string()))?;
        keys.sort_by(|a, b| a.path.cmp(&b.path));
        keys.dedup_by(|a, b| a.path == b.path);
        Ok(keys)
    }

    fn open(&self, path: &Path) -> Result<Box<dyn Transport>, NotOpened> {
        let name = CString::new(path.as_os_str().as_bytes()).map_err(|_| NotOpened::Gone)?;
        let device = opened_in_time(|| {
            library(|library| library.open_path(&name)).map_err(|error| why_not(path, &error))
        })?;
        let mut descriptor = [0; hidapi::MAX_REPORT_DESCRIPTOR_SIZE];
        let described = device
            .get_report_descriptor(&mut descriptor)
            .ok()
            .and_then(|length| descriptor.get(..length));
        let lengths = described.map_or((LONGEST_REPORT, LONGEST_REPORT), report_lengths);
        Ok(Box::new(Hidraw { device, lengths }))
    }

    fn watch(&self) -> Box<dyn FnMut(Duration)> {
        match monitor() {
            Some(socket) => Box::new(move |most| await_event(&socket, most)),
            None => Box::new(|most| thread::sleep(most.min(PERIOD))),
        }
    }
}

fn key(info: &DeviceInfo) -> Key {
    let text = |text: Option<&str>| Text::new(text.unwrap_or_default());
    Key {
        path: PathBuf::from(std::ffi::OsStr::from_bytes(info.path().to_bytes())),
        vendor_id: info.vendor_id(),
        product_id: info.product_id(),
        manufacturer: text(info.manufacturer_string()),
        product: text(info.product_string()),
        serial: text(info.serial_number()),
    }
}

/// Opens a node again after an error without a known cause, at most [`TRIES`] times.
///
/// A key that is plugged in or pulled out at the same moment fails in passing, with `EIO` or with
/// an error that is over before the system can be asked for its cause.
fn opened_in_time<T>(mut open: impl FnMut() -> Result<T, NotOpened>) -> Result<T, NotOpened> {
    let mut opened = open();
    for _ in 1..TRIES {
        if !matches!(opened, Err(NotOpened::Other(_))) {
            break;
        }
        thread::sleep(PAUSE);
        opened = open();
    }
    opened
}

/// The library has only words for it; the system says what it is.
fn why_not(path: &Path, error: &hidapi::HidError) -> NotOpened {
    match File::options().read(true).write(true).open(path) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            NotOpened::NotAllowed(path.to_owned())
        }
        // ENODEV and ENXIO: the node is still there, its device is not.
        Err(error)
            if error.kind() == ErrorKind::NotFound
                || matches!(error.raw_os_error(), Some(19 | 6)) =>
        {
            NotOpened::Gone
        }
        Err(error) if error.kind() == ErrorKind::ResourceBusy => NotOpened::InUse,
        Err(error) => NotOpened::Other(error.to_string()),
        Ok(_) => NotOpened::Other(Text::new(&error.to_string()).to_string()),
    }
}

impl Transport for Hidraw {
    fn report_lengths(&self) -> (usize, usize) {
        self.lengths
    }

    fn write(&mut self, report: &[u8]) -> Result<(), Unplugged> {
        // Reports of FIDO have no number, which the kernel wants to be told.
        let numbered = [&[0], report].concat();
        self.device.write(&numbered).map(|_| ()).map_err(|_| Unplugged)
    }

    fn read(&mut self, report: &mut [u8], within: Duration) -> Result<Option<usize>, Unplugged> {
        let milliseconds = i32::try_from(within.as_micros().div_ceil(1000)).unwrap_or(i32::MAX);
        match self.device.read_timeout(report, milliseconds) {
            Ok(0) => Ok(None),
            Ok(length) => Ok(Some(length)),
            Err(_) => Err(Unplugged),
        }
    }
}

/// The lengths of the reports in and out, in bytes (HID 1.11 §6.2.2): the sum of all fields.
fn report_lengths(descriptor: &[u8]) -> (usize, usize) {
    const LONG_ITEM: u8 = 0xfe;
    let (mut size, mut count, mut bits_in, mut bits_out) = (0_usize, 0_usize, 0_usize, 0_usize);
    let mut rest = descriptor;
    while let Some((&prefix, after)) = rest.split_first() {
        let width = match prefix & 0x03 {
            _ if prefix == LONG_ITEM => break,
            3 => 4,
            width => usize::from(width),
        };
        let Some((data, after)) = after.split_at_checked(width) else { break };
        let value = data.iter().rev().fold(0_usize, |value, byte| value << 8 | usize::from(*byte));
        match prefix & 0xfc {
            0x74 => size = value,
            0x94 => count = value,
            0x80 => bits_in = bits_in.saturating_add(size.saturating_mul(count)),
            0x90 => bits_out = bits_out.saturating_add(size.saturating_mul(count)),
            _ => {}
        }
        rest = after;
    }
    (bits_in / 8, bits_out / 8)
}

/// With udevd, its own events are used: they come after it has set the node's permissions.
fn monitor() -> Option<udev::MonitorSocket> {
    if !Path::new("/run/udev/control").exists() {
        return None;
    }
    udev::MonitorBuilder::new().ok()?.match_subsystem("hidraw").ok()?.listen().ok()
}

fn await_event(socket: &udev::MonitorSocket, most: Duration) {
    let timeout = PollTimeout::try_from(most).unwrap_or(PollTimeout::MAX);
    let mut ready = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
    if poll(&mut ready, timeout).is_err() {
        thread::sleep(most.min(PERIOD));
    }
    // Drain the events, so that the next wait blocks.
    socket.iter().for_each(drop);
}

/// FIDO's page of usages, and the one usage on it (CTAP 2.1 §11.2.8).
const USAGE_PAGE: u16 = 0xf1d0;
const USAGE: u16 = 0x01;

/// The times that a node is opened, and the pause between them.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(50);

/// Polling interval on a machine without udevd.
const PERIOD: Duration = Duration::from_millis(250);

/// The library keeps its last error in one place for the whole process, so it is entered by one
/// thread at a time.
static LIBRARY: Mutex<Option<HidApi>> = Mutex::new(None);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_fails_in_passing_is_opened_again() {
        let mut errors = vec![NotOpened::Other("I/O error".to_owned()); 2];
        assert_eq!(opened_in_time(|| errors.pop().map_or(Ok("open"), Err)), Ok("open"));

        for lasting in [NotOpened::Gone, NotOpened::InUse, NotOpened::Other("broken".to_owned())] {
            let mut tries = 0;
            let opened = opened_in_time::<()>(|| {
                tries += 1;
                Err(lasting.clone())
            });
            assert_eq!(opened, Err(lasting.clone()));
            assert_eq!(tries, if matches!(lasting, NotOpened::Other(_)) { TRIES } else { 1 });
        }
    }

    #[test]
    fn the_lengths_of_reports_are_read_from_their_descriptor() {
        // Usage page F1D0, usage 01, 64 bytes in, 64 bytes out: CTAP 2.1 §11.2.8.1.
        let descriptor = [
            0x06, 0xd0, 0xf1, 0x09, 0x01, 0xa1, 0x01, 0x09, 0x20, 0x15, 0x00, 0x26, 0xff, 0x00,
            0x75, 0x08, 0x95, 0x40, 0x81, 0x02, 0x09, 0x21, 0x15, 0x00, 0x26, 0xff, 0x00, 0x75,
            0x08, 0x95, 0x40, 0x91, 0x02, 0xc0,
        ];
        assert_eq!(report_lengths(&descriptor), (64, 64));
        for cut in 0..descriptor.len() {
            report_lengths(&descriptor[..cut]);
        }
        assert_eq!(
            report_lengths(&[0x77, 0xff, 0xff, 0xff, 0xff, 0x97, 0xff, 0xff, 0xff, 0xff, 0x81, 0])
                .1,
            0
        );
        assert_eq!(report_lengths(&[0xfe, 0x81, 0x81]), (0, 0));
    }
}
