//! Who is at the other end of a connection.
//!
//! A local caller is who the kernel says opened the socket (`SO_PEERCRED`), asked once when the
//! connection was accepted; never who a path, a process id or the caller itself says. A process
//! that hands its socket to another one answers for it.

use std::collections::HashMap;
use std::ffi::CString;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use nix::unistd::{Gid, Uid, User};

use super::api::Problem;
use super::state::Shared;

/// The other end of a connection; an extension of every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Peer {
    /// A process on this machine.
    Unix {
        /// The effective user that connected.
        uid: u32,
        /// Its effective group.
        gid: u32,
        /// The process that connected, for the log: its number may be another process's by now.
        pid: Option<i32>,
    },
    /// An address; it proves nothing.
    Tcp(SocketAddr),
}

/// The peer came through the second socket; an extension of its requests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MayOnlyVerify;

/// A program on this machine, by the user that it runs as. Over TCP there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LocalPeer {
    pub(crate) uid: u32,
}

/// What the system's user database says of a local peer; an extension of every request on the Unix
/// socket.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Login {
    /// The login name. None for a user without an entry.
    pub(crate) name: Option<String>,
    /// All its groups by the database, and the one that it connected with.
    pub(crate) groups: Vec<u32>,
}

/// Remembers logins for a moment: a look-up may ask another machine.
#[derive(Default)]
pub(crate) struct Logins {
    known: Mutex<HashMap<(u32, u32), Found>>,
}

struct Found {
    at: Instant,
    login: Arc<Login>,
}

impl Logins {
    /// The login of this user. The look-up runs where it may block; one that fails finds nothing.
    pub(crate) async fn of(&self, uid: u32, gid: u32) -> Arc<Login> {
        if let Some(found) =
            self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&(uid, gid))
            && found.at.elapsed() < REMEMBERED
        {
            return Arc::clone(&found.login);
        }
        let looked_up = tokio::task::spawn_blocking(move || Login::look_up(uid, gid)).await;
        let login = Arc::new(looked_up.unwrap_or(Login { name: None, groups: vec![gid] }));
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, found| found.at.elapsed() < REMEMBERED);
        known.insert((uid, gid), Found { at: Instant::now(), login: Arc::clone(&login) });
        login
    }
}

impl LocalPeer {
    /// Refuses everybody but root.
    pub(crate) fn must_be_root(self) -> Result<(), Problem> {
        if self.uid == 0 { Ok(()) } else { Err(Problem::forbidden("only root may ask for this")) }
    }
}

impl FromRequestParts<Shared> for LocalPeer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<LocalPeer, Problem> {
        match parts.extensions.get::<Peer>() {
            Some(Peer::Unix { uid, .. }) => Ok(LocalPeer { uid: *uid }),
            _ => Err(Problem::forbidden(
                "only programs on the agent's own machine, on a Unix socket, may ask for this",
            )),
        }
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

/// For how long a login is remembered. Whoever leaves a group has left it after that.
const REMEMBERED: Duration = Duration::from_secs(5);
