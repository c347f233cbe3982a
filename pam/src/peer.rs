//! The listener behind the socket, according to the kernel: root, or the user whom the agent runs
//! as. Any other user could answer in the agent's place.

use std::fs;
use std::mem::size_of;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use socket2::Socket;

use crate::failure::Failure;
use crate::place;

/// Requires that root or `agent` listens on this connected socket, and keeps its folder. `agent` is
/// a name or a number.
pub(crate) fn check(socket: &Socket, path: &str, agent: &str) -> Result<(), Failure> {
    // The database of users is read only for another user than root.
    let is_agents = |uid: u32| agent.parse().ok().or_else(|| place::uid_of(agent)) == Some(uid);
    let is_trusted = |uid: u32| uid == 0 || is_agents(uid);
    let listener = peer_uid(socket).is_some_and(is_trusted);
    let folder = Path::new(path).parent().and_then(|folder| fs::metadata(folder).ok());
    let kept =
        folder.is_some_and(|folder| is_trusted(folder.uid()) && folder.mode() & WRITABLE == 0);
    if listener && kept { Ok(()) } else { Err(Failure::Impostor) }
}

/// The user who made this socket listen (`SO_PEERCRED` of unix(7)).
#[allow(unsafe_code, reason = "a function of libc")]
fn peer_uid(socket: &Socket) -> Option<u32> {
    let mut peer = libc::ucred { pid: 0, uid: u32::MAX, gid: u32::MAX };
    let mut size = libc::socklen_t::try_from(size_of::<libc::ucred>()).ok()?;
    // SAFETY: the kernel writes at most `size` bytes of `peer`, a structure of numbers, and `size`
    // itself; both live for as long as the call.
    let code = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut peer).cast(),
            &raw mut size,
        )
    };
    (code == 0).then_some(peer.uid)
}

/// Writable for all users.
const WRITABLE: u32 = 0o002;
