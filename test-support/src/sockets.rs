//! Sockets with keys in them: a bus in memory.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use twostep::usb;
use twostep::usb::{Bus, Key, NotOpened, Text, Transport, Unplugged};

use crate::device::{Device, Report};

pub type Shared = Arc<Mutex<Device>>;

/// Sockets with keys in them.
#[derive(Clone, Default)]
pub struct Sockets(Arc<Mutex<Vec<(Key, Shared, bool)>>>);

impl Sockets {
    pub fn with(devices: impl IntoIterator<Item = Device>) -> Sockets {
        let sockets = Sockets::default();
        for device in devices {
            sockets.plug(device);
        }
        sockets
    }

    pub fn plug(&self, device: Device) -> Shared {
        let device = Arc::new(Mutex::new(device));
        self.plug_again(&device);
        device
    }

    pub fn plug_again(&self, device: &Shared) {
        let mut sockets = self.0.lock().unwrap();
        device.lock().unwrap().unplugged = false;
        let path = format!("/dev/hidraw{}", sockets.len());
        sockets.push((simulated(path), Arc::clone(device), true));
    }

    pub fn forbid(&self) {
        self.0.lock().unwrap().iter_mut().for_each(|socket| socket.2 = false);
    }

    pub fn device(&self, number: usize) -> Shared {
        Arc::clone(&self.0.lock().unwrap()[number].1)
    }

    pub fn bus(&self) -> Arc<dyn Bus> {
        Arc::new(self.clone())
    }
}

impl Bus for Sockets {
    fn keys(&self) -> Result<Vec<Key>, usb::Error> {
        let sockets = self.0.lock().unwrap();
        Ok(sockets
            .iter()
            .filter(|(_, device, _)| !device.lock().unwrap().unplugged)
            .map(|(key, ..)| key.clone())
            .collect())
    }

    fn open(&self, path: &Path) -> Result<Box<dyn Transport>, NotOpened> {
        let sockets = self.0.lock().unwrap();
        let (_, device, allowed) =
            sockets.iter().find(|(key, ..)| key.path == path).ok_or(NotOpened::Gone)?;
        if !allowed {
            return Err(NotOpened::NotAllowed(path.to_owned()));
        }
        open(device)
    }

    fn watch(&self) -> Box<dyn FnMut(Duration)> {
        Box::new(|most| std::thread::sleep(most.min(Duration::from_millis(20))))
    }
}

/// The description of a simulated key at this path.
pub fn simulated(path: impl Into<PathBuf>) -> Key {
    let product = Text::new("Simulated key");
    Key {
        path: path.into(),
        vendor_id: 0x1209,
        product_id: 1,
        manufacturer: Text::default(),
        product,
        serial: Text::default(),
    }
}

/// Opens a key, unless it is unplugged.
pub fn open(device: &Shared) -> Result<Box<dyn Transport>, NotOpened> {
    let mut open = device.lock().unwrap();
    if open.unplugged {
        return Err(NotOpened::Gone);
    }
    if open.held.is_some_and(|until| Instant::now() < until) {
        return Err(NotOpened::InUse);
    }
    Ok(Box::new(Opened { device: Arc::clone(device), queue: open.open() }))
}

struct Opened {
    device: Shared,
    queue: Arc<Mutex<VecDeque<Report>>>,
}

impl Transport for Opened {
    fn report_lengths(&self) -> (usize, usize) {
        let length = self.device.lock().unwrap().report_length;
        (length, length)
    }

    fn write(&mut self, report: &[u8]) -> Result<(), Unplugged> {
        let mut device = self.device.lock().unwrap();
        if !device.count_report() {
            return Err(Unplugged);
        }
        device.take(report);
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8], within: Duration) -> Result<Option<usize>, Unplugged> {
        let begun = Instant::now();
        loop {
            let mut device = self.device.lock().unwrap();
            if device.unplugged {
                return Err(Unplugged);
            }
            if self.queue.lock().unwrap().is_empty() {
                device.tick();
            }
            let report = self.queue.lock().unwrap().pop_front();
            if let Some(report) = report {
                if !device.count_report() {
                    return Err(Unplugged);
                }
                let length = report.len().min(buffer.len());
                buffer[..length].copy_from_slice(&report[..length]);
                return Ok(Some(length));
            }
            drop(device);
            if begun.elapsed() >= within {
                return Ok(None);
            }
            std::thread::sleep(Duration::from_micros(500));
        }
    }
}
