//! The issuer's half of revocation: the signed list that validators ask for.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use crate::id::AccountId;
use crate::session::revocations::{Entries, Payload, Place};
use crate::session::signing::Cached;
use crate::session::{Issuer, LONGEST_LIFETIME, Lifetime, revocations};
use crate::store::{self, ListPlace, Marks, RevocationLimits, Revocations};
use crate::time::UnixTime;
use crate::verifier::{Error, Verifier};

/// Publishes the revocations of one issuer's contexts, each for as long as a context may live.
///
/// The store is read at most once a second, and only on request. While nothing is revoked, and for
/// a minute at most, the list stays the same to the byte, so that clients need not fetch it again.
pub struct RevocationFeed {
    issuer: Issuer,
    verifier: Verifier,
    most: u32,
    look_after: Duration,
    published: Mutex<Option<Published>>,
}

/// A list as it is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedList {
    /// The JWS.
    pub text: String,
    /// The entity tag of this list (RFC 9110 §8.8.3).
    pub etag: String,
}

struct Published {
    made: Made,
    signed_with: Option<String>,
    looked_at: Duration,
}

/// A signed list, and what it was made of.
#[derive(Clone)]
struct Made {
    list: Arc<PublishedList>,
    entries: Arc<Entries>,
    issued_at: UnixTime,
}

impl RevocationFeed {
    /// The feed of this issuer, with at most 100,000 accounts, 50,000 single contexts and 25,000
    /// devices.
    ///
    /// Devices and single contexts beyond that are folded into their accounts: all contexts of the
    /// account up to the revocation are dead. Of too many accounts, the oldest marks become one
    /// for all contexts issued up to the latest of them.
    pub fn new(issuer: Issuer, verifier: Verifier) -> RevocationFeed {
        RevocationFeed {
            issuer,
            verifier,
            most: MOST,
            look_after: LOOK_AFTER,
            published: Mutex::new(None),
        }
    }

    /// Limits the list to this many accounts, half as many single contexts and a quarter as many
    /// devices.
    #[must_use]
    pub fn holding(self, most: u32) -> RevocationFeed {
        RevocationFeed { most, ..self }
    }

    /// Sets the interval at which the store is read again; one second by default. It adds to the
    /// delay of a revocation.
    #[must_use]
    pub fn looking_after(self, look_after: Duration) -> RevocationFeed {
        RevocationFeed { look_after, ..self }
    }

    /// The list as it is now.
    ///
    /// # Errors
    /// The store or the clock is at fault.
    pub async fn current(&self) -> Result<Arc<PublishedList>, Error> {
        // Concurrent requests wait for one list instead of each making one.
        let mut published = self.published.lock().await;
        let (signed_with, boot) =
            (self.issuer.signs_with().await?, self.verifier.clock().read().boot);
        let known = published.as_ref().filter(|known| known.signed_with == signed_with);
        if let Some(known) = &known
            && boot.saturating_sub(known.looked_at) < self.look_after
        {
            return Ok(Arc::clone(&known.made.list));
        }
        let now = self.verifier.now().await?;
        let limits = RevocationLimits {
            accounts: self.most.saturating_add(1),
            devices: self.most / 4,
            sessions: self.most / 2,
        };
        let revoked = self.verifier.store().revocations(now.minus(KEPT), now, limits).await?;
        let most = usize::try_from(self.most).unwrap_or(usize::MAX);
        let (issuer, keys) = (self.issuer.name().to_owned(), self.issuer.signer().await?);
        let same = known.filter(|known| known.made.may_stay(now)).map(|known| known.made.clone());
        // Megabytes are written, hashed and signed: no work for a thread that others wait for.
        let made = tokio::task::spawn_blocking(move || {
            let place = revoked.place.map(place);
            let entries = entries(&issuer, revoked, most);
            match same.filter(|same| *same.entries == entries) {
                Some(same) => Ok(same),
                None => Made::new(&keys, issuer, (place, entries), now),
            }
        });
        let made = made.await.unwrap_or_else(|error| {
            Err(Error::Store(store::Error::Unavailable(error.to_string())))
        })?;
        let list = Arc::clone(&made.list);
        *published = Some(Published { made, signed_with, looked_at: boot });
        Ok(list)
    }
}

impl Made {
    /// Signs a list of these entries, read at this place.
    fn new(
        keys: &Cached,
        issuer: String,
        (place, entries): (Option<Place>, Entries),
        now: UnixTime,
    ) -> Result<Made, Error> {
        let exp = now.plus(Lifetime::LONGEST).0;
        let payload = Payload { iss: issuer, iat: now.0, exp, place, entries };
        let text = keys.sign(revocations::TYP, &payload)?.as_str().to_owned();
        let etag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(Sha256::digest(&text)));
        let list = Arc::new(PublishedList { text, etag });
        Ok(Made { list, entries: Arc::new(payload.entries), issued_at: now })
    }

    /// True if the list may be published at `now`, if nothing else was revoked.
    fn may_stay(&self, now: UnixTime) -> bool {
        (self.issued_at..self.issued_at.plus(SAME)).contains(&now)
    }
}

/// The place of a list as it is published: the store has a name that says nothing of its id.
fn place(place: ListPlace) -> Place {
    let ListPlace { store, epoch, number } = place;
    Place { store: URL_SAFE_NO_PAD.encode(Sha256::digest(store)), epoch, number }
}

/// The entries of a list, with at most `most` accounts. Accounts are given latest first, with one
/// more than fits.
fn entries(issuer: &str, revoked: Revocations, most: usize) -> Entries {
    let Revocations { accounts, devices, sessions, folded, ending, .. } = revoked;
    let time = |mark: Option<UnixTime>| mark.map_or(0, |time| time.0);
    let mut marks: HashMap<AccountId, (u64, u64)> = accounts
        .into_iter()
        .map(|(account, marks)| (account, (time(marks.revoked_before), marks.generation)))
        .collect();
    for (account, revoked_at) in folded {
        let mark = marks.entry(account).or_default();
        // A context of the second before it may be dated one later.
        mark.0 = mark.0.max(revoked_at.0.saturating_add(1));
    }
    let mut accounts: Vec<_> = marks.into_iter().collect();
    accounts.sort_unstable_by_key(|(_, (mark, _))| Reverse(*mark));
    let before = accounts.get(most).map(|(_, (mark, _))| *mark);
    accounts.truncate(most);
    let name = |account: &AccountId| revocations::account(issuer, account.as_str()).to_text();
    let devices = devices.iter().map(|(account, serial, marks)| {
        let device = revocations::device(issuer, account.as_str(), serial.as_str());
        (device.to_text(), *marks)
    });
    let devices: Vec<(String, Marks)> = devices.collect();
    Entries {
        before,
        ending: ending.map(|ending| ending.0),
        accounts: accounts.iter().map(|(account, mark)| (name(account), *mark)).collect(),
        device_generations: devices
            .iter()
            .filter(|(_, marks)| marks.generation > 0)
            .map(|(device, marks)| (device.clone(), marks.generation))
            .collect(),
        devices: devices
            .into_iter()
            .map(|(device, marks)| (device, time(marks.revoked_before)))
            .collect(),
        sessions: sessions.into_iter().map(|(id, ends)| (id, ends.0)).collect(),
    }
}

/// The time an entry is kept: the longest lifetime of a context, and the most that its issuer's
/// clock may have been ahead of the revoking clock.
const KEPT: Duration = LONGEST_LIFETIME.saturating_add(Duration::from_secs(3_600));

/// The time for which an unchanged list stays the same.
const SAME: Duration = Duration::from_secs(60);

/// The interval at which the store is read again.
const LOOK_AFTER: Duration = Duration::from_secs(1);

/// The most accounts: with devices and single contexts a list of 14 megabytes.
const MOST: u32 = 100_000;
