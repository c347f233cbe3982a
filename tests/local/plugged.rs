//! A bus whose keys are files: one that a test writes is plugged in, one that it removes is pulled.
//! The words in it say how the key is: `pin=123456`, `untouched`, and `pulled-when-touched`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use test_support::agent::Agent;
use test_support::device::{Device, Touch};
use test_support::sockets::{Shared, open, simulated};
use twostep::usb::{self, Bus, Key, NotOpened, Transport};

struct Folder {
    path: PathBuf,
    known: Mutex<BTreeMap<PathBuf, Shared>>,
}

/// The bus of an agent that keeps everything in this folder.
pub(crate) fn bus(folder: &Path) -> Arc<dyn Bus> {
    Arc::new(Folder { path: folder.join("keys"), known: Mutex::default() })
}

/// Plugs in the key of this name, or changes how it is.
pub(crate) fn plug(agent: &Agent, name: &str, words: &str) {
    let keys = agent.folder.path().join("keys");
    fs::create_dir_all(&keys).unwrap();
    // Rename, so that a reader sees the whole file.
    fs::write(keys.with_file_name("key"), words).unwrap();
    fs::rename(keys.with_file_name("key"), keys.join(name)).unwrap();
}

/// Pulls it.
pub(crate) fn pull(agent: &Agent, name: &str) {
    fs::remove_file(agent.folder.path().join("keys").join(name)).unwrap();
}

impl Bus for Folder {
    fn keys(&self) -> Result<Vec<Key>, usb::Error> {
        let mut known = self.known.lock().unwrap();
        let files = fs::read_dir(&self.path).into_iter().flatten().map(|file| file.unwrap().path());
        let plugged: BTreeMap<PathBuf, String> = files
            .map(|path| (path.clone(), fs::read_to_string(path).unwrap_or_default()))
            .collect();
        known.iter().for_each(|(path, device)| {
            device.lock().unwrap().unplugged = !plugged.contains_key(path)
        });
        for (path, words) in &plugged {
            let name = path.file_name().unwrap().to_str().unwrap();
            let device = known
                .entry(path.clone())
                .or_insert_with(|| Arc::new(Mutex::new(made(name, words))));
            device.lock().unwrap().touch = if words.contains("untouched") {
                Touch::Never
            } else {
                Touch::After(Duration::from_millis(5))
            };
        }
        // The key is gone for a poll after the touch.
        let pulled = |path: &PathBuf| {
            let device = known[path].lock().unwrap();
            plugged[path].contains("pulled-when-touched")
                && device.blinked > 0
                && device.pending.is_none()
        };
        Ok(plugged.keys().filter(|path| !pulled(path)).cloned().map(simulated).collect())
    }

    fn open(&self, path: &Path) -> Result<Box<dyn Transport>, NotOpened> {
        open(self.known.lock().unwrap().get(path).ok_or(NotOpened::Gone)?)
    }

    fn watch(&self) -> Box<dyn FnMut(Duration)> {
        Box::new(|most| sleep(most.min(Duration::from_millis(20))))
    }
}

fn made(name: &str, words: &str) -> Device {
    let pin = words.split_whitespace().find_map(|word| word.strip_prefix("pin="));
    let mut device = pin.map_or_else(|| Device::new(name), |pin| Device::with_pin(name, pin));
    // The test's own copy of the key, which enrolled it, has signed before, and so has the copy of
    // an agent that ran before.
    let now =
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() / 10 % 4_000_000_000;
    device.key.sign_count = u32::try_from(now).unwrap();
    device
}
