//! A USB device from the kernel's own parts: a HID gadget on a dummy host controller.
//!
//! The host sees every effect of a real plug: enumeration, descriptors, strings, a disconnect.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{DESCRIPTOR, Identity, Wire, report};

/// One key on the controller `dummy_udc.N`.
pub struct Gadget {
    folder: PathBuf,
    function: PathBuf,
    controller: String,
    pipe: Option<File>,
}

impl Gadget {
    /// Builds the gadget; it is not plugged in yet.
    pub fn build(number: u8, identity: &Identity) -> io::Result<Gadget> {
        let folder = Path::new(CONFIGFS).join(format!("key{number}"));
        let function = folder.join(format!("functions/hid.usb{number}"));
        let strings = folder.join("strings/0x409");
        let configuration = folder.join("configs/c.1");
        for made in [&folder, &strings, &configuration, &function] {
            fs::create_dir_all(made)?;
        }
        let ids = [
            ("idVendor", identity.vendor_id),
            ("idProduct", identity.product_id),
            ("bcdUSB", 0x0200),
            ("bcdDevice", 0x0100),
        ];
        for (name, value) in ids {
            fs::write(folder.join(name), format!("{value:#06x}"))?;
        }
        let texts = [
            ("manufacturer", &identity.vendor),
            ("product", &identity.product),
            ("serialnumber", &identity.serial),
        ];
        for (name, text) in texts {
            fs::write(
                strings.join(name),
                text.chars().filter(|c| *c != '\0').take(STRING / 2).collect::<String>(),
            )?;
        }
        for (name, value) in [("protocol", "0"), ("subclass", "0"), ("report_length", "64")] {
            fs::write(function.join(name), value)?;
        }
        fs::write(function.join("report_desc"), DESCRIPTOR)?;
        let link = configuration.join("hid");
        if !link.exists() {
            symlink(&function, link)?;
        }
        Ok(Gadget { folder, function, controller: format!("dummy_udc.{number}"), pipe: None })
    }

    /// Removes a gadget with this number that an earlier run left behind.
    pub fn take_apart(number: u8) {
        let folder = Path::new(CONFIGFS).join(format!("key{number}"));
        if folder.exists() {
            take_apart(&folder, &folder.join(format!("functions/hid.usb{number}")));
        }
    }

    fn node(&self) -> io::Result<PathBuf> {
        let number = fs::read_to_string(self.function.join("dev"))?;
        let described = fs::read_to_string(format!("/sys/dev/char/{}/uevent", number.trim()))?;
        let name = described.lines().find_map(|line| line.strip_prefix("DEVNAME="));
        Ok(Path::new("/dev").join(name.ok_or(ErrorKind::NotFound)?))
    }
}

impl Wire for Gadget {
    fn plug(&mut self) -> io::Result<()> {
        if self.pipe.is_some() {
            return Ok(());
        }
        fs::write(self.folder.join("UDC"), &self.controller)?;
        let begun = Instant::now();
        loop {
            let open = |node| {
                OpenOptions::new()
                    .read(true)
                    .write(true)
                    .custom_flags(OFlag::O_NONBLOCK.bits())
                    .open(node)
            };
            match self.node().and_then(open) {
                Ok(pipe) => self.pipe = Some(pipe),
                Err(_) if begun.elapsed() < PATIENCE => {
                    thread::sleep(Duration::from_millis(10));
                    continue;
                }
                Err(error) => return Err(error),
            }
            return Ok(());
        }
    }

    fn unplug(&mut self) -> io::Result<()> {
        if self.pipe.is_some() {
            fs::write(self.folder.join("UDC"), "\n")?;
            self.pipe = None;
        }
        Ok(())
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(AsFd::as_fd)
    }

    fn receive(&mut self) -> io::Result<Option<[u8; 64]>> {
        let Some(pipe) = &mut self.pipe else { return Ok(None) };
        let mut bytes = [0; 65];
        match pipe.read(&mut bytes) {
            Ok(0) => Ok(None),
            Ok(length) => Ok(report(&bytes[..length])),
            // Not enumerated yet, or just disconnected: try later.
            Err(_) => Ok(None),
        }
    }

    fn send(&mut self, report: &[u8]) -> io::Result<()> {
        let begun = Instant::now();
        while let Some(pipe) = &mut self.pipe {
            match pipe.write(report) {
                Err(error)
                    if error.kind() == ErrorKind::WouldBlock && begun.elapsed() < PATIENCE =>
                {
                    let mut ready = [PollFd::new(pipe.as_fd(), PollFlags::POLLOUT)];
                    poll(&mut ready, PollTimeout::from(100_u8))?;
                }
                // A report of a wrong size, or no host: a real wire would drop it as well.
                _ => break,
            }
        }
        Ok(())
    }
}

impl Drop for Gadget {
    fn drop(&mut self) {
        let _ = self.unplug();
        take_apart(&self.folder, &self.function);
    }
}

/// Removes the parts made by [`Gadget::build`], in the order that the kernel allows.
fn take_apart(folder: &Path, function: &Path) {
    let _ = fs::write(folder.join("UDC"), "\n");
    let _ = fs::remove_file(folder.join("configs/c.1/hid"));
    for made in [&folder.join("configs/c.1"), &folder.join("strings/0x409"), function, folder] {
        let _ = fs::remove_dir(made);
    }
}

/// The configuration folder for gadgets.
const CONFIGFS: &str = "/sys/kernel/config/usb_gadget";

/// A USB string holds at most 126 UTF-16 units (USB 2.0 §9.6.7).
const STRING: usize = 126;

/// The time limit for the kernel to make a device node, or for a host to fetch a report.
const PATIENCE: Duration = Duration::from_secs(5);
