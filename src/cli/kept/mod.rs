//! Sessions that `login` keeps for later commands of the same user: one for each agent, account and
//! audience.

mod place;

use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::cli::output::Failure;
use crate::cli::unverified;
use crate::id::AccountId;
use place::Place;

/// A kept session.
pub(super) struct Kept {
    name: String,
    /// The file that holds the token.
    pub(super) path: PathBuf,
    pub(super) token: Zeroizing<String>,
    pub(super) claims: Claims,
}

/// The claims of a token, in its own words: the signature is not verified here.
#[derive(Deserialize)]
pub(super) struct Claims {
    pub(super) iss: String,
    pub(super) sub: String,
    pub(super) aud: String,
    pub(super) exp: u64,
}

/// A choice of kept sessions.
#[derive(Clone, Copy, Default)]
pub(super) struct Which<'a> {
    pub(super) account: Option<&'a AccountId>,
    /// Any audience if none; where there can be one only, the agent itself.
    pub(super) audience: Option<&'a str>,
}

impl Claims {
    pub(super) fn of(token: &str) -> Option<Claims> {
        unverified::claims(token)
    }

    /// True if the session is for the agent itself.
    pub(super) fn is_for_the_agent(&self) -> bool {
        self.aud == self.iss
    }
}

/// Keeps a session of the agent at this socket, in place of the one before. Returns its file.
///
/// # Errors
/// A user without a private directory for it; what was kept there stays as it was.
pub(super) fn keep(socket: &Path, token: &str) -> Result<PathBuf, Failure> {
    let unread = || Failure::bad_input("the agent's token cannot be read, and is not kept");
    let claims = Claims::of(token).ok_or_else(unread)?;
    let place = Place::open()?;
    let name = name_of(socket, &claims);
    place.write(&name, &format!("{token}\n"))?;
    Ok(place.path_of(&name))
}

/// The kept sessions of the agent at this socket.
pub(super) fn all(socket: &Path, which: Which<'_>) -> Vec<Kept> {
    let Some(place) = Place::find() else { return Vec::new() };
    let read = |name: String| {
        let text = place.read(&name)?;
        let token = Zeroizing::new(text.trim().to_owned());
        let claims = Claims::of(&token)?;
        let path = place.path_of(&name);
        let ours = name == name_of(socket, &claims) && which.fits(&claims);
        ours.then_some(Kept { name, path, token, claims })
    };
    place.names().into_iter().filter_map(read).collect()
}

/// The kept session of an account for this audience, or for the agent itself.
pub(super) fn one(socket: &Path, account: &AccountId, audience: Option<&str>) -> Option<Kept> {
    let which = Which { account: Some(account), audience };
    all(socket, which)
        .into_iter()
        .find(|kept| audience.is_some() || kept.claims.is_for_the_agent())
}

impl Kept {
    /// Keeps it no longer.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub(super) fn forget(&self) -> Result<(), Failure> {
        Place::open()?.remove(&self.name)
    }
}

impl Which<'_> {
    fn fits(&self, claims: &Claims) -> bool {
        self.account.is_none_or(|account| account.as_str() == claims.sub)
            && self.audience.is_none_or(|audience| audience == claims.aud)
    }
}

/// The name of a session's file. Accounts and audiences may hold any character, so that they are
/// hashed; `whoami` lists them.
fn name_of(socket: &Path, claims: &Claims) -> String {
    let socket = std::fs::canonicalize(socket).unwrap_or_else(|_| socket.to_owned());
    let mut hash = Sha256::new();
    for part in [socket.as_os_str().as_encoded_bytes(), claims.sub.as_bytes()] {
        hash.update(part);
        hash.update([0]);
    }
    hash.update(claims.aud.as_bytes());
    let hex: String = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("{hex}.jwt")
}
