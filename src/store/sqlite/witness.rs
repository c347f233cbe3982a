//! The witness: a small file beside the store that remembers how far the store had come when
//! anything was last answered from it.
//!
//! The witness outlives a killed process, and a power cut leaves it behind the store, never ahead:
//! it is written after the commit, before the answer, and not flushed. A store that stands before
//! its witness is an older copy, or has lost its log.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::connection;
use super::connection::beside;
use super::identity::{Identity, sealed, unsealed};
use crate::store::OpenError;

/// The testimony of a witness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Testimony {
    pub(super) store: [u8; 16],
    pub(super) epoch: u64,
    pub(super) commits: u64,
    /// Device and inode of the store's file while it is open.
    pub(super) file: (u64, u64),
    /// The boot in which it was written; none if the system does not tell.
    boot: Option<u64>,
}

/// The witness of an open store.
#[derive(Debug)]
pub(super) struct Witness {
    file: File,
    of: (u64, u64),
    boot: Option<u64>,
}

/// The path of this store's witness.
pub(super) fn path(store: &Path) -> PathBuf {
    beside(store, ".witness")
}

/// All that the witness beside this store says: two testimonies at most, which may be of two
/// stores.
pub(super) fn read(store: &Path) -> Result<Vec<Testimony>, OpenError> {
    let path = path(store);
    match std::fs::read(&path) {
        Ok(bytes) => Ok(bytes.chunks(SLOT).filter_map(Testimony::decode).collect()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(OpenError::io(&path, &error)),
    }
}

/// Removes the witness beside this store.
pub(super) fn remove(store: &Path) -> Result<(), OpenError> {
    let path = path(store);
    std::fs::remove_file(&path).map_err(|error| OpenError::io(&path, &error))
}

impl Witness {
    /// Opens the witness beside a store, which is made if it is not there, and writes down durably
    /// where the store stands.
    pub(super) fn renew(
        store: &Path,
        of: (u64, u64),
        identity: &Identity,
    ) -> Result<Witness, OpenError> {
        let path = path(store);
        let failed = |error: std::io::Error| OpenError::io(&path, &error);
        let made = !path.exists();
        let file = connection::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(failed)?;
        connection::owner_only(&path)?;
        let witness = Witness { file, of, boot: boot() };
        witness.note(identity).and_then(|()| witness.file.sync_all()).map_err(failed)?;
        if made {
            connection::sync_folder(&path).map_err(failed)?;
        }
        Ok(witness)
    }

    /// Writes down where the store stands. Two places take turns, so that a torn write leaves the
    /// other one.
    pub(super) fn note(&self, identity: &Identity) -> std::io::Result<()> {
        let Identity { store, epoch, commits, .. } = *identity;
        let testimony = Testimony { store, epoch, commits, file: self.of, boot: self.boot };
        let turn = if identity.commits.is_multiple_of(2) { 0 } else { SLOT_BYTES };
        self.file.write_all_at(&testimony.encode(), turn)
    }
}

impl Testimony {
    /// True if no transaction was committed after it. A power cut can take back what was not
    /// flushed, the end of a process cannot.
    pub(super) fn is_exact(&self) -> bool {
        self.boot.is_some() && self.boot == boot()
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = self.store.to_vec();
        for number in [self.epoch, self.commits, self.file.0, self.file.1, self.boot.unwrap_or(0)] {
            bytes.extend(number.to_be_bytes());
        }
        sealed(bytes)
    }

    fn decode(slot: &[u8]) -> Option<Testimony> {
        let body = unsealed(slot.get(..LENGTH)?)?;
        let (store, body) = body.split_first_chunk::<16>()?;
        let (numbers, _) = body.as_chunks::<8>();
        let &[epoch, commits, device, inode, boot] = numbers else { return None };
        let number = u64::from_be_bytes;
        let file = (number(device), number(inode));
        let boot = Some(number(boot)).filter(|boot| *boot != 0);
        Some(Testimony {
            store: *store,
            epoch: number(epoch),
            commits: number(commits),
            file,
            boot,
        })
    }
}

/// A number of the boot that the system is in (proc_sys_kernel(5), `random/boot_id`): its first 64
/// bits, all random but four.
fn boot() -> Option<u64> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let digits: String = id.chars().filter(char::is_ascii_hexdigit).take(16).collect();
    u64::from_str_radix(&digits, 16).ok()
}

/// A sector: what a disk writes as a whole.
const SLOT: usize = 512;

const SLOT_BYTES: u64 = 512;

const LENGTH: usize = 16 + 5 * 8 + 8;
