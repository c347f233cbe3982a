//! The other end of a connection.
//!
//! A local peer is the user that the kernel names for the socket (`SO_PEERCRED`), read once when
//! the connection is accepted. Paths, process ids and the peer's own words prove nothing. A process
//! that hands its socket to another one answers for it.

use std::collections::HashMap;
use std::ffi::CString;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::unistd::{Gid, Uid, User};
use tokio::net::UnixStream;

use crate::agent::access::denied::Denied;

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Peer {
    /// A process on this machine.
    Unix {
        /// The effective user that connected.
        uid: u32,
        /// The effective group of that user.
        gid: u32,
        /// The process that connected, for the log. The system may have reused the number since.
        pid: Option<i32>,
    },
    /// A network address, which proves nothing.
    Tcp(SocketAddr),
}

/// The party that a limit on peers counts: a user of this machine, or a network address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Holder {
    User(u32),
    Address(IpAddr),
}

impl Peer {
    /// The party that this peer belongs to.
    pub(crate) fn holder(&self) -> Holder {
        match self {
            Peer::Unix { uid, .. } => Holder::User(*uid),
            Peer::Tcp(address) => match address.ip().to_canonical() {
                IpAddr::V4(address) => Holder::Address(address.into()),
                // One network has 2^64 addresses: count by the /64.
                IpAddr::V6(address) => {
                    Holder::Address(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into())
                }
            },
        }
    }

    /// The process at the other end of a Unix socket, by the kernel's word.
    pub(crate) fn of(stream: &UnixStream) -> io::Result<Peer> {
        let credentials = stream.peer_cred()?;
        Ok(Peer::Unix { uid: credentials.uid(), gid: credentials.gid(), pid: credentials.pid() })
    }
}

/// A program on this machine, by the user that it runs as. TCP connections have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LocalPeer {
    pub(crate) uid: u32,
}

/// The entry of a local peer in the system's user database.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Login {
    /// The login name; none for a user without an entry.
    pub(crate) name: Option<String>,
    /// All groups by the database, and the one that the peer connected with.
    pub(crate) groups: Vec<u32>,
}

/// A short-lived cache of logins: a look-up may ask another machine.
#[derive(Default)]
pub(crate) struct Logins {
    known: Mutex<HashMap<(u32, u32), Cached>>,
}

struct Cached {
    at: Instant,
    login: Arc<Login>,
}

impl Logins {
    /// The login of this user, looked up on a blocking thread. A failed look-up yields no name.
    pub(crate) async fn of(&self, uid: u32, gid: u32) -> Arc<Login> {
        if let Some(found) =
            self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&(uid, gid))
            && found.at.elapsed() < CACHED_FOR
        {
            return Arc::clone(&found.login);
        }
        let looked_up = tokio::task::spawn_blocking(move || Login::look_up(uid, gid)).await;
        let login = Arc::new(looked_up.unwrap_or(Login { name: None, groups: vec![gid] }));
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, found| found.at.elapsed() < CACHED_FOR);
        known.insert((uid, gid), Cached { at: Instant::now(), login: Arc::clone(&login) });
        login
    }
}

impl Peer {
    /// `true` for root and the agent's own user, who may do everything on this machine.
    pub(crate) fn is_administrator(&self) -> bool {
        matches!(self, Peer::Unix { uid, .. } if is_administrator(*uid))
    }

    /// The program on this machine, if the peer is one.
    pub(crate) fn local(self) -> Result<LocalPeer, Denied> {
        match self {
            Peer::Unix { uid, .. } => Ok(LocalPeer { uid }),
            Peer::Tcp(_) => Err(Denied::forbidden(
                "only programs on the agent's own machine, on a Unix socket, may ask for this",
            )),
        }
    }
}

impl LocalPeer {
    /// Refuses every user but root.
    pub(crate) fn must_be_root(self) -> Result<(), Denied> {
        if self.uid == 0 { Ok(()) } else { Err(Denied::forbidden("only root may ask for this")) }
    }
}

impl Login {
    fn look_up(uid: u32, gid: u32) -> Login {
        let name = User::from_uid(Uid::from_raw(uid)).ok().flatten().map(|user| user.name);
        let listed = name.as_deref().and_then(|name| {
            nix::unistd::getgrouplist(&CString::new(name).ok()?, Gid::from_raw(gid)).ok()
        });
        let mut groups: Vec<u32> =
            listed.unwrap_or_default().into_iter().map(Gid::as_raw).collect();
        if !groups.contains(&gid) {
            groups.push(gid);
        }
        Login { name, groups }
    }
}

/// Login names of these users, looked up on a blocking thread. None of them is known where the
/// user database does not answer in time.
pub(super) async fn login_names(uids: Vec<u32>) -> HashMap<u32, String> {
    let look_up = move || {
        let name = |uid| Some((uid, User::from_uid(Uid::from_raw(uid)).ok()??.name));
        uids.into_iter().filter_map(name).collect()
    };
    let looked_up = tokio::time::timeout(LONGEST_LOOK, tokio::task::spawn_blocking(look_up));
    looked_up.await.ok().and_then(Result::ok).unwrap_or_default()
}

/// `true` for root and the agent's own user.
pub(crate) fn is_administrator(uid: u32) -> bool {
    uid == 0 || uid == Uid::effective().as_raw()
}

/// Time for names that are shown alone.
const LONGEST_LOOK: Duration = Duration::from_secs(1);

/// Lifetime of a cached login: a change of groups takes effect after that.
const CACHED_FOR: Duration = Duration::from_secs(5);
