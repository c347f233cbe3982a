//! A HID device from user space: `/dev/uhid`, include/uapi/linux/uhid.h.

use std::fs::{File, OpenOptions};
use std::io;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;

use nix::fcntl::OFlag;

use super::{DESCRIPTOR, Identity, Wire, report};

/// One key on `/dev/uhid`. It has no USB parent, so its vendor has no name.
pub struct Uhid {
    device: File,
    identity: Identity,
    plugged: bool,
}

impl Uhid {
    /// Opens `/dev/uhid`; the key is not plugged in yet.
    pub fn open(identity: Identity) -> io::Result<Uhid> {
        let device = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(OFlag::O_NONBLOCK.bits())
            .open("/dev/uhid")?;
        Ok(Uhid { device, identity, plugged: false })
    }

    fn refuse(&mut self, kind: u32, id: &[u8]) -> io::Result<()> {
        self.device
            .write_all(&[&kind.to_ne_bytes(), id, &EIO.to_ne_bytes()[..], &[0; 2]].concat())
    }
}

impl Wire for Uhid {
    fn plug(&mut self) -> io::Result<()> {
        if self.plugged {
            return Ok(());
        }
        let identity = &self.identity;
        let name = format!("{} {}", identity.vendor, identity.product);
        let length = u16::try_from(DESCRIPTOR.len()).map_err(io::Error::other)?;
        let mut event = CREATE2.to_ne_bytes().to_vec();
        event.extend(fixed(name.trim_start(), 128));
        event.extend(fixed("", 64));
        event.extend(fixed(&identity.serial, 64));
        event.extend(length.to_ne_bytes());
        event.extend(BUS_USB.to_ne_bytes());
        for number in [u32::from(identity.vendor_id), u32::from(identity.product_id), 0, 0] {
            event.extend(number.to_ne_bytes());
        }
        event.extend(DESCRIPTOR);
        self.device.write_all(&event)?;
        self.plugged = true;
        Ok(())
    }

    fn unplug(&mut self) -> io::Result<()> {
        if self.plugged {
            self.plugged = false;
            self.device.write_all(&DESTROY.to_ne_bytes())?;
        }
        Ok(())
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.plugged.then(|| self.device.as_fd())
    }

    fn receive(&mut self) -> io::Result<Option<[u8; 64]>> {
        let mut event = [0; EVENT];
        loop {
            match self.device.read(&mut event) {
                Ok(0) => return Ok(None),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            }
            let [a, b, c, d, rest @ ..] = event;
            let (id, _) = rest.split_at(4);
            match u32::from_ne_bytes([a, b, c, d]) {
                OUTPUT => {
                    let length = usize::from(u16::from_ne_bytes([rest[DATA], rest[DATA + 1]]));
                    if let Some(report) = rest.get(..length).and_then(report) {
                        return Ok(Some(report));
                    }
                }
                GET_REPORT => self.refuse(GET_REPORT_REPLY, id)?,
                SET_REPORT => self.refuse(SET_REPORT_REPLY, id)?,
                _ => {}
            }
        }
    }

    fn send(&mut self, report: &[u8]) -> io::Result<()> {
        if !self.plugged {
            return Ok(());
        }
        let report = &report[..report.len().min(DATA)];
        let length = u16::try_from(report.len()).map_err(io::Error::other)?;
        self.device
            .write_all(&[&INPUT2.to_ne_bytes(), &length.to_ne_bytes()[..], report].concat())
    }
}

/// A zero-terminated text in a field of this size.
fn fixed(text: &str, size: usize) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.truncate(size - 1);
    bytes.resize(size, 0);
    bytes
}

/// Kinds of events.
const DESTROY: u32 = 1;
const OUTPUT: u32 = 6;
const GET_REPORT: u32 = 9;
const GET_REPORT_REPLY: u32 = 10;
const CREATE2: u32 = 11;
const INPUT2: u32 = 12;
const SET_REPORT: u32 = 13;
const SET_REPORT_REPLY: u32 = 14;

/// The size of the largest event, or more.
const EVENT: usize = 4_380;

/// The size of the report field in an event.
const DATA: usize = 4_096;

const BUS_USB: u16 = 3;

const EIO: u16 = 5;
