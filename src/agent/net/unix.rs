//! The Unix socket as a file, with its owner and mode set before the first connection.
//!
//! Between `bind` and `listen` the kernel refuses connections, and the socket gets its owner and
//! mode then. A lock file beside it keeps two agents that start together from removing each other's
//! socket as a stale one.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::{fs, io};

use nix::fcntl::OFlag;
use nix::unistd::Uid;
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::UnixListener;

use crate::agent::config::SocketConfig;
use crate::agent::net::error::ListenError;
use crate::agent::private::{folder_of, only_we_replace_files_in};

/// The socket's file, removed on drop.
pub(crate) struct SocketFile {
    path: PathBuf,
    /// Device and inode: another file under the same name is not removed.
    identity: (u64, u64),
    _lock: File,
}

pub(super) fn listen(
    path: &Path,
    config: &SocketConfig,
) -> Result<(UnixListener, SocketFile), ListenError> {
    let failed =
        |reason: io::Error| ListenError::System { address: path.display().to_string(), reason };
    let folder = folder_of(path);
    DirBuilder::new().recursive(true).mode(0o755).create(folder).map_err(failed)?;
    only_we_replace_files_in(folder).map_err(ListenError::Unsafe)?;
    let lock = lock_beside(path)?;
    remove_if_dead(path)?;

    let socket = Socket::new(Domain::UNIX, Type::STREAM, None).map_err(failed)?;
    socket.bind(&SockAddr::unix(path).map_err(failed)?).map_err(failed)?;
    let there = fs::symlink_metadata(path).map_err(failed)?;
    let file =
        SocketFile { path: path.to_owned(), identity: (there.dev(), there.ino()), _lock: lock };
    // Owner before mode: chown may clear mode bits.
    let (owner, group) = (config.owner.map(|owner| owner.0), config.group.map(|group| group.0));
    std::os::unix::fs::lchown(path, owner, group).map_err(failed)?;
    fs::set_permissions(path, Permissions::from_mode(config.mode.0)).map_err(failed)?;
    socket.listen(BACKLOG).map_err(failed)?;
    socket.set_nonblocking(true).map_err(failed)?;
    Ok((UnixListener::from_std(socket.into()).map_err(failed)?, file))
}

/// A lock that the system releases when this process ends, however it ends.
fn lock_beside(socket: &Path) -> Result<File, ListenError> {
    let mut path = socket.as_os_str().to_owned();
    path.push(".lock");
    let failed = |reason: io::Error| ListenError::System {
        address: Path::new(&path).display().to_string(),
        reason,
    };
    let mut options = OpenOptions::new();
    options
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(OFlag::O_NOFOLLOW.bits());
    let lock = options.open(&path).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(ListenError::InUse(socket.display().to_string())),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Removes the socket of an agent that was killed. Any other file stays, and is an error.
fn remove_if_dead(path: &Path) -> Result<(), ListenError> {
    let failed =
        |reason: io::Error| ListenError::System { address: path.display().to_string(), reason };
    let there = match fs::symlink_metadata(path) {
        Ok(there) => there,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    let show = path.display();
    if !there.file_type().is_socket() {
        return Err(ListenError::Unsafe(format!(
            "{show} is there and is no socket: remove it, or name another path"
        )));
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None).map_err(failed)?;
    // Do not block: a listener with a full queue is alive.
    socket.set_nonblocking(true).map_err(failed)?;
    match socket.connect(&SockAddr::unix(path).map_err(failed)?) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return Err(failed(error)),
        _ => return Err(ListenError::InUse(show.to_string())),
    }
    if ![Uid::effective().as_raw(), 0].contains(&there.uid()) && !Uid::effective().is_root() {
        return Err(ListenError::Unsafe(format!(
            "{show} is another user's socket: remove it, or name another path"
        )));
    }
    fs::remove_file(path).map_err(failed)
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path)
            .is_ok_and(|there| (there.dev(), there.ino()) == self.identity)
        {
            // Keep the lock's file: without it two agents could hold locks of the same name.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Connections that may wait for `accept`; the system may allow fewer.
const BACKLOG: i32 = 1_024;
