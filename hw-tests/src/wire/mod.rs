//! The connection of a virtual key to the kernel: reports in, reports out.

mod gadget;
mod uhid;

pub use gadget::Gadget;
pub use uhid::Uhid;

use std::io;
use std::os::fd::BorrowedFd;

/// The identity of the key on the bus.
#[derive(Clone, Debug)]
pub struct Identity {
    /// USB vendor id.
    pub vendor_id: u16,
    /// USB product id.
    pub product_id: u16,
    /// Name of the vendor.
    pub vendor: String,
    /// Name of the product.
    pub product: String,
    /// Serial number.
    pub serial: String,
}

/// A connection to the kernel's HID layer.
pub trait Wire {
    /// Plugs the key in.
    fn plug(&mut self) -> io::Result<()>;
    /// Unplugs the key, at any moment.
    fn unplug(&mut self) -> io::Result<()>;
    /// The descriptor to poll; `None` while unplugged.
    fn descriptor(&self) -> Option<BorrowedFd<'_>>;
    /// The next report from the host, without blocking.
    fn receive(&mut self) -> io::Result<Option<[u8; 64]>>;
    /// Sends a report of any length to the host.
    fn send(&mut self, report: &[u8]) -> io::Result<()>;
}

/// A report of 64 bytes from the kernel's event, which may begin with the report number 0.
fn report(bytes: &[u8]) -> Option<[u8; 64]> {
    let bytes = if bytes.len() == 65 { bytes.get(1..)? } else { bytes };
    let mut report = [0; 64];
    report.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(report)
}

/// The report descriptor of FIDO HID devices (CTAP 2.1 §11.2.8): usage page F1D0, one report of 64
/// bytes each way.
const DESCRIPTOR: [u8; 34] = [
    0x06, 0xd0, 0xf1, 0x09, 0x01, 0xa1, 0x01, 0x09, 0x20, 0x15, 0x00, 0x26, 0xff, 0x00, 0x75, 0x08,
    0x95, 0x40, 0x81, 0x02, 0x09, 0x21, 0x15, 0x00, 0x26, 0xff, 0x00, 0x75, 0x08, 0x95, 0x40, 0x91,
    0x02, 0xc0,
];
