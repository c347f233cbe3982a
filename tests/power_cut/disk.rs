//! A disk that can lose power and fail, under the SQLite that is linked into this test.
//!
//! SQLite writes through the C library, and this program defines the few functions it uses: they do
//! what they should, and for the files of a watched store they also write down what was done, in
//! order. From that journal the files are made again as a power cut would leave them. New names and
//! the removal of files count as durable at once; SQLite syncs the folder itself where it matters.

#![allow(
    unsafe_code,
    reason = "the functions of the C library that are replaced are foreign by nature"
)]

use std::collections::BTreeMap;
use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock};

use super::random::Random;

/// The watched files of one store.
pub(crate) struct Disk {
    folder: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    journal: Vec<Op>,
    /// Syncs are said to have happened and did not: what `synchronous=OFF` comes down to.
    swallows_syncs: bool,
    calls: u64,
    faults: Option<Faults>,
    fired: bool,
    half_written: bool,
}

/// A rule for calls that fail.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Faults {
    pub(crate) from: u64,
    pub(crate) count: u64,
    pub(crate) how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// `EIO`, and no effect. Data of a failed sync is lost for good, as on Linux.
    Eio,
    /// Half of it is written, and then the disk is full. A sync fails with `EIO`.
    Full,
}

/// One of a store's files. (Another one, the index of the log, is shared memory and never outlives
/// a power cut.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Name {
    Database,
    Log,
    Witness,
}

/// A recorded change of a file.
enum Op {
    Write {
        file: Name,
        at: usize,
        data: Vec<u8>,
    },
    Truncate {
        file: Name,
        length: usize,
    },
    /// The file was removed.
    Remove {
        file: Name,
    },
    /// A sync that succeeded: everything before `upto` is durable.
    Sync {
        file: Name,
        upto: usize,
    },
    /// A sync that failed: what was not durable by then never will be.
    Lost {
        file: Name,
        upto: usize,
    },
}

/// Effect of a power cut on writes before the first sync after them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut {
    /// All are lost.
    DropsAll,
    /// Some of them did, in any order.
    DropsSome,
    /// Some of them did, and of those one did in part, by sectors of 512 bytes.
    Tears,
}

/// The files as they were before the journal began.
pub(crate) type Files = BTreeMap<Name, Vec<u8>>;

static DISKS: RwLock<Vec<Arc<Disk>>> = RwLock::new(Vec::new());
static WATCHED: AtomicUsize = AtomicUsize::new(0);

impl Disk {
    /// Watches `store.db` in a folder from now on.
    pub(crate) fn watch(folder: &Path) -> Arc<Disk> {
        let disk =
            Arc::new(Disk { folder: folder.canonicalize().unwrap(), state: Mutex::default() });
        DISKS.write().unwrap().push(Arc::clone(&disk));
        WATCHED.fetch_add(1, Ordering::SeqCst);
        disk
    }

    pub(crate) fn unwatch(self: &Arc<Disk>) {
        DISKS.write().unwrap().retain(|disk| !Arc::ptr_eq(disk, self));
        WATCHED.fetch_sub(1, Ordering::SeqCst);
    }

    pub(crate) fn swallow_syncs(&self) {
        self.state().swallows_syncs = true;
    }

    pub(crate) fn fail(&self, faults: Option<Faults>) {
        self.state().faults = faults;
    }

    /// Tells if a fault was injected so far.
    pub(crate) fn fired(&self) -> bool {
        self.state().fired
    }

    /// Number of checkpoints of the log into the database.
    pub(crate) fn checkpoints(&self) -> usize {
        self.state()
            .journal
            .iter()
            .filter(|op| matches!(op, Op::Sync { file: Name::Database, .. }))
            .count()
    }

    /// Length of the journal.
    pub(crate) fn position(&self) -> usize {
        self.state().journal.len()
    }

    /// The files after a power cut at each of the positions, which rise.
    pub(crate) fn after_cuts(
        &self,
        before: &Files,
        positions: &[usize],
        random: &mut Random,
        mut look: impl FnMut(usize, Cut, &Files),
    ) {
        let state = self.state();
        let mut durable = before.clone();
        let mut waiting: Vec<(usize, &Op)> = Vec::new();
        let mut reached = 0;
        for &position in positions {
            for (at, op) in state.journal.iter().enumerate().take(position).skip(reached) {
                match op {
                    Op::Write { .. } | Op::Truncate { .. } => waiting.push((at, op)),
                    Op::Sync { file, upto } => {
                        settle(&mut waiting, *file, *upto, |op| op.apply(&mut durable));
                    }
                    Op::Lost { file, upto } => settle(&mut waiting, *file, *upto, |_| {}),
                    Op::Remove { file } => {
                        settle(&mut waiting, *file, at, |_| {});
                        durable.remove(file);
                    }
                }
            }
            reached = position;
            let cut = [Cut::DropsAll, Cut::DropsSome, Cut::Tears][random.below(3)];
            let mut files = durable.clone();
            let torn = random.below(waiting.len().max(1));
            for (at, (_, op)) in waiting.iter().enumerate() {
                match cut {
                    Cut::DropsAll => {}
                    Cut::Tears if at == torn => op.apply_torn(&mut files, random),
                    Cut::DropsSome | Cut::Tears if random.below(2) == 0 => op.apply(&mut files),
                    Cut::DropsSome | Cut::Tears => {}
                }
            }
            look(position, cut, &files);
        }
    }

    /// The files as a program leaves them that is killed after so many operations: the system has
    /// them all.
    pub(crate) fn after_kill(&self, before: &Files, position: usize) -> Files {
        let mut files = before.clone();
        self.state().journal.iter().take(position).for_each(|op| op.apply(&mut files));
        files
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

/// Takes the waiting operations on a file before `upto` out, in order.
fn settle(waiting: &mut Vec<(usize, &Op)>, file: Name, upto: usize, mut with: impl FnMut(&Op)) {
    waiting.retain(|(at, op)| {
        let settled = op.file() == file && *at < upto;
        if settled {
            with(op);
        }
        !settled
    });
}

impl Op {
    fn file(&self) -> Name {
        match self {
            Op::Write { file, .. } | Op::Truncate { file, .. } => *file,
            Op::Sync { file, .. } | Op::Lost { file, .. } | Op::Remove { file } => *file,
        }
    }

    fn apply(&self, files: &mut Files) {
        match self {
            Op::Write { file, at, data } => put(files.entry(*file).or_default(), *at, data),
            Op::Truncate { file, length } => files.entry(*file).or_default().resize(*length, 0),
            Op::Remove { file } => drop(files.remove(file)),
            Op::Sync { .. } | Op::Lost { .. } => {}
        }
    }

    /// Each sector of a write reaches the disk or does not.
    fn apply_torn(&self, files: &mut Files, random: &mut Random) {
        let Op::Write { file, at, data } = self else { return };
        let mut start = 0;
        while start < data.len() {
            let end = ((at + start) / 512 * 512 + 512 - at).min(data.len());
            if random.below(2) == 0 {
                put(files.entry(*file).or_default(), at + start, &data[start..end]);
            }
            start = end;
        }
    }
}

fn put(file: &mut Vec<u8>, at: usize, data: &[u8]) {
    if file.len() < at + data.len() {
        file.resize(at + data.len(), 0);
    }
    file[at..at + data.len()].copy_from_slice(data);
}

/// The disk and the file that a descriptor is open on, if it is watched.
fn watched(fd: c_int) -> Option<(Arc<Disk>, Name)> {
    if WATCHED.load(Ordering::SeqCst) == 0 {
        return None;
    }
    watched_path(&std::fs::read_link(format!("/proc/self/fd/{fd}")).ok()?)
}

fn watched_path(path: &Path) -> Option<(Arc<Disk>, Name)> {
    let name = match path.file_name()?.to_str()? {
        "store.db" => Name::Database,
        "store.db-wal" => Name::Log,
        "store.db.witness" => Name::Witness,
        _ => return None,
    };
    let folder = path.parent()?;
    let disk = DISKS.read().unwrap().iter().find(|disk| disk.folder == folder).cloned();
    Some((disk?, name))
}

impl State {
    /// Decides if this call fails.
    fn fails(&mut self) -> Option<How> {
        self.calls += 1;
        let faults = self.faults?;
        if !(faults.from..faults.from.saturating_add(faults.count)).contains(&self.calls) {
            return None;
        }
        self.fired = true;
        Some(faults.how)
    }
}

fn error(code: c_int) -> isize {
    // SAFETY: the location of errno is this thread's own and always valid.
    unsafe { *libc::__errno_location() = code };
    -1
}

fn write_at(fd: c_int, data: *const c_void, length: usize, at: Option<i64>) -> isize {
    let real = |length: usize| -> isize {
        // SAFETY: the arguments are the caller's, and `length` is at most what it gave.
        let written = unsafe {
            match at {
                Some(at) => libc::syscall(libc::SYS_pwrite64, fd, data, length, at),
                None => libc::syscall(libc::SYS_write, fd, data, length),
            }
        };
        isize::try_from(written).unwrap_or(-1)
    };
    let Some((disk, file)) = watched(fd) else { return real(length) };
    let mut state = disk.state();
    // SAFETY: asking where a descriptor stands changes nothing.
    let at_byte =
        at.unwrap_or_else(|| unsafe { libc::syscall(libc::SYS_lseek, fd, 0, libc::SEEK_CUR) });
    if std::mem::take(&mut state.half_written) {
        return error(libc::ENOSPC);
    }
    let length = match state.fails() {
        None => length,
        Some(How::Eio) => return error(libc::EIO),
        Some(How::Full) if length < 2 => return error(libc::ENOSPC),
        Some(How::Full) => {
            state.half_written = true;
            length / 2
        }
    };
    let written = real(length);
    if let Ok(written) = usize::try_from(written) {
        // SAFETY: the kernel has just read that many bytes from there.
        let data = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), written) }.to_vec();
        state
            .journal
            .push(Op::Write { file, at: usize::try_from(at_byte).unwrap(), data });
    }
    written
}

fn truncate(fd: c_int, length: i64) -> c_int {
    // SAFETY: the arguments are the caller's.
    let real =
        || c_int::try_from(unsafe { libc::syscall(libc::SYS_ftruncate, fd, length) }).unwrap_or(-1);
    let Some((disk, file)) = watched(fd) else { return real() };
    let mut state = disk.state();
    if state.fails().is_some() {
        return c_int::try_from(error(libc::EIO)).unwrap_or(-1);
    }
    let result = real();
    if result == 0 {
        state
            .journal
            .push(Op::Truncate { file, length: usize::try_from(length).unwrap() });
    }
    result
}

fn sync(fd: c_int, call: libc::c_long) -> c_int {
    // SAFETY: the arguments are the caller's.
    let real = || c_int::try_from(unsafe { libc::syscall(call, fd) }).unwrap_or(-1);
    let Some((disk, file)) = watched(fd) else { return real() };
    let upto = {
        let mut state = disk.state();
        let upto = state.journal.len();
        if state.fails().is_some() {
            state.journal.push(Op::Lost { file, upto });
            return c_int::try_from(error(libc::EIO)).unwrap_or(-1);
        }
        if state.swallows_syncs {
            return 0;
        }
        upto
    };
    // Not inside the lock: what is written while the disk syncs is not part of it. The real sync is
    // not needed, only some time in which others come to wait.
    std::thread::sleep(std::time::Duration::from_micros(300));
    disk.state().journal.push(Op::Sync { file, upto });
    0
}

// SAFETY (of all these names): each has the signature and the meaning of the function of the C
// library that it replaces.

#[unsafe(no_mangle)]
extern "C" fn write(fd: c_int, data: *const c_void, length: usize) -> isize {
    write_at(fd, data, length, None)
}

#[unsafe(no_mangle)]
extern "C" fn pwrite(fd: c_int, data: *const c_void, length: usize, at: i64) -> isize {
    write_at(fd, data, length, Some(at))
}

#[unsafe(no_mangle)]
extern "C" fn pwrite64(fd: c_int, data: *const c_void, length: usize, at: i64) -> isize {
    write_at(fd, data, length, Some(at))
}

#[unsafe(no_mangle)]
extern "C" fn unlink(name: *const c_char) -> c_int {
    // SAFETY: the caller gives a string that ends with a NUL.
    let path = unsafe { CStr::from_ptr(name) };
    // SAFETY: the same string.
    let result =
        c_int::try_from(unsafe { libc::syscall(libc::SYS_unlinkat, libc::AT_FDCWD, name, 0) })
            .unwrap_or(-1);
    if result == 0
        && WATCHED.load(Ordering::SeqCst) > 0
        && let Some((disk, file)) = watched_path(Path::new(OsStr::from_bytes(path.to_bytes())))
    {
        disk.state().journal.push(Op::Remove { file });
    }
    result
}

#[unsafe(no_mangle)]
extern "C" fn ftruncate(fd: c_int, length: i64) -> c_int {
    truncate(fd, length)
}

#[unsafe(no_mangle)]
extern "C" fn ftruncate64(fd: c_int, length: i64) -> c_int {
    truncate(fd, length)
}

#[unsafe(no_mangle)]
extern "C" fn fsync(fd: c_int) -> c_int {
    sync(fd, libc::SYS_fsync)
}

#[unsafe(no_mangle)]
extern "C" fn fdatasync(fd: c_int) -> c_int {
    sync(fd, libc::SYS_fdatasync)
}
