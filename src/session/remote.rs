//! A remote issuer: its keys and revocations, fetched in the background and kept in memory.
//!
//! While the issuer is unreachable, the last keys stay good without limit, and the last revocations
//! up to the staleness that the validator allows. A set without a key for contexts takes the keys
//! back.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CACHE_CONTROL, ETAG, HeaderValue, IF_NONE_MATCH};
use hyper::{Method, StatusCode};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::http;
use crate::http::{Bounds, Connection, Endpoint};
use crate::session::jwks::Read;
use crate::session::{
    BadList, Invalid, JwkSet, KeyError, KeySource, RevocationList, RevocationSource, Validator,
};
use crate::time::{Clock, SystemClock, UnixTime};

/// A remote issuer, and how to follow it.
#[derive(Clone)]
pub struct RemoteIssuer {
    endpoint: Endpoint,
    name: String,
    clock: Arc<dyn Clock>,
    every: Duration,
    keys: JwkSet,
    lists: bool,
}

/// The keys and revocations of an issuer that is followed, for validators. Cheap to clone; the
/// issuer is followed until the last clone and the last validator are dropped.
#[derive(Clone)]
pub struct Following(Arc<Shared>);

/// The freshness of an issuer's keys and revocations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The time at which its keys were last fetched.
    pub keys_at: Option<UnixTime>,
    /// The date of its list of revocations.
    pub revocations_at: Option<UnixTime>,
    /// The fault of the last round, if there was one.
    pub fault: Option<RemoteFault>,
}

/// The reason why a round fetched nothing.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemoteFault {
    /// The issuer cannot be reached, or its answer did not come whole and in time.
    Unreachable(String),
    /// The issuer answers another status.
    Status(u16),
    /// The answer holds no keys.
    Keys(KeyError),
    /// The answer is not a list of revocations of this issuer.
    Revocations(BadList),
}

struct Shared {
    issuer: RemoteIssuer,
    known: Mutex<Known>,
    rounds: watch::Sender<u64>,
}

#[derive(Default)]
struct Known {
    keys: JwkSet,
    list: Option<Arc<RevocationList>>,
    etag: Option<HeaderValue>,
    standing: Standing,
}

impl RemoteIssuer {
    /// The issuer of this name (`iss`), at this endpoint of its agent. Asked every two seconds.
    pub fn new(endpoint: Endpoint, name: impl Into<String>) -> RemoteIssuer {
        RemoteIssuer {
            endpoint,
            name: name.into(),
            clock: Arc::new(SystemClock),
            every: EVERY,
            keys: JwkSet::default(),
            lists: true,
        }
    }

    /// Replaces the system's clock.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> RemoteIssuer {
        RemoteIssuer { clock, ..self }
    }

    /// Sets the interval of requests; up to a quarter shorter at random, and half as long again
    /// after a failure. A revocation reaches validators within the interval, plus a second for the
    /// agent and the time of the answer.
    #[must_use]
    pub fn every(self, every: Duration) -> RemoteIssuer {
        RemoteIssuer { every, ..self }
    }

    /// Starts with these keys: until the issuer is first reached, contexts can be validated by
    /// validators that need no list of revocations.
    #[must_use]
    pub fn starting_with(self, keys: JwkSet) -> RemoteIssuer {
        RemoteIssuer { keys, ..self }
    }

    /// Follows the keys only, not the revocations.
    #[must_use]
    pub fn without_revocations(self) -> RemoteIssuer {
        RemoteIssuer { lists: false, ..self }
    }

    /// Begins to follow the issuer, on the current tokio runtime, without waiting; see
    /// [`Following::ready`].
    ///
    /// # Panics
    /// If there is no such runtime.
    pub fn follow(self) -> Following {
        let known = Mutex::new(Known { keys: self.keys.clone(), ..Known::default() });
        let shared = Arc::new(Shared { issuer: self, known, rounds: watch::Sender::new(0) });
        tokio::spawn(follow(Arc::downgrade(&shared)));
        Following(shared)
    }
}

impl Following {
    /// A validator of this issuer's contexts for `audience`, by the keys and revocations of each
    /// moment.
    pub fn validator(&self, audience: impl Into<String>) -> Validator {
        let issuer = &self.0.issuer;
        let validator = Validator::new(self.clone(), &issuer.name, audience)
            .with_clock(Arc::clone(&issuer.clock));
        if issuer.lists { validator.with_revocations(Arc::new(self.clone())) } else { validator }
    }

    /// Waits until keys and revocations were fetched once.
    ///
    /// # Errors
    /// The fault of the last round, if that takes longer than `within`.
    pub async fn ready(&self, within: Duration) -> Result<(), RemoteFault> {
        let mut rounds = self.0.rounds.subscribe();
        let fetched = || {
            let standing = self.standing();
            standing.keys_at.is_some()
                && (standing.revocations_at.is_some() || !self.0.issuer.lists)
        };
        match timeout(within, rounds.wait_for(|_| fetched())).await {
            Ok(_) => Ok(()),
            Err(_) => Err(self
                .standing()
                .fault
                .unwrap_or_else(|| RemoteFault::Unreachable("it takes too long".to_owned()))),
        }
    }

    /// The freshness of what is known now.
    pub fn standing(&self) -> Standing {
        self.0.known().standing.clone()
    }
}

impl KeySource for Following {
    fn keys(&self) -> JwkSet {
        self.0.known().keys.clone()
    }
}

impl RevocationSource for Following {
    fn current(&self) -> Option<Arc<RevocationList>> {
        self.0.known().list.clone()
    }
}

/// Fetches until the last reader is dropped.
async fn follow(shared: Weak<Shared>) {
    let mut connection = None;
    loop {
        let Some(strong) = shared.upgrade() else { return };
        let fetched = strong.round(&mut connection).await;
        let pause =
            if fetched.is_ok() { strong.issuer.every } else { strong.issuer.every.mul_f64(1.5) };
        strong.known().standing.fault = fetched.err();
        strong.rounds.send_modify(|rounds| *rounds = rounds.wrapping_add(1));
        drop(strong);
        sleep(pause.mul_f64(1.0 - jitter())).await;
    }
}

impl Shared {
    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fetches keys and list once. A failure of one does not keep the other from being fetched.
    async fn round(&self, connection: &mut Option<Connection>) -> Result<(), RemoteFault> {
        let keys = self.fetch_keys(connection).await;
        if !self.issuer.lists {
            return keys;
        }
        keys.and(self.fetch_list(connection).await)
    }

    async fn fetch_keys(&self, connection: &mut Option<Connection>) -> Result<(), RemoteFault> {
        let answer = self.get(connection, "/.well-known/jwks.json", None).await?;
        if answer.status != StatusCode::OK {
            return Err(RemoteFault::Status(answer.status.as_u16()));
        }
        let Read { keys, fault } = JwkSet::read(&answer.body).map_err(RemoteFault::Keys)?;
        let now = self.issuer.clock.read().wall;
        let mut known = self.known();
        // An unchanged set stays the same object, so that cached tokens find their keys by pointer.
        if known.keys.to_json() != keys.to_json() {
            known.keys = keys;
        }
        if let Some(fault) = fault {
            return Err(RemoteFault::Keys(fault));
        }
        known.standing.keys_at = Some(now);
        Ok(())
    }

    async fn fetch_list(&self, connection: &mut Option<Connection>) -> Result<(), RemoteFault> {
        let etag = self.known().etag.clone();
        let answer = self.get(connection, "/.well-known/mfa-revocations", etag).await?;
        match answer.status {
            StatusCode::NOT_MODIFIED => return Ok(()),
            StatusCode::OK => {}
            status => return Err(RemoteFault::Status(status.as_u16())),
        }
        let text = std::str::from_utf8(&answer.body)
            .map_err(|_| RemoteFault::Revocations(BadList::Unsigned(Invalid::Malformed)))?;
        let (keys, now) = (self.known().keys.clone(), self.issuer.clock.read().wall);
        let list = RevocationList::verify(text, &keys, &self.issuer.name, now)
            .map_err(RemoteFault::Revocations)?;
        let mut known = self.known();
        // An older list is a replay, or of an agent that reads the store a little later.
        if known.list.as_ref().is_none_or(|old| !list.is_before(old)) {
            known.standing.revocations_at = Some(list.issued_at());
            known.list = Some(Arc::new(list));
            known.etag = answer.headers.get(ETAG).cloned();
        }
        Ok(())
    }

    /// Sends the request on the open connection, and once more on a new one if that fails: a GET is
    /// idempotent.
    async fn get(
        &self,
        open: &mut Option<Connection>,
        path: &str,
        known: Option<HeaderValue>,
    ) -> Result<http::Answer, RemoteFault> {
        let unreachable = |error: &dyn fmt::Display| {
            RemoteFault::Unreachable(format!("{}: {error}", self.issuer.endpoint))
        };
        let request = || {
            let request = self
                .issuer
                .endpoint
                .request(Method::GET, path)
                .header(CACHE_CONTROL, "no-cache");
            let request =
                known.iter().fold(request, |request, etag| request.header(IF_NONE_MATCH, etag));
            request.body(Full::<Bytes>::default()).map_err(|error| unreachable(&error))
        };
        if let Some(mut connection) = open.take().filter(Connection::is_open)
            && let Ok(answer) = connection.send(request()?, BOUNDS).await
        {
            *open = Some(connection);
            return Ok(answer);
        }
        let mut connection = self
            .issuer
            .endpoint
            .connect(BOUNDS.within)
            .await
            .map_err(|cause| unreachable(&cause))?;
        let answer =
            connection.send(request()?, BOUNDS).await.map_err(|error| unreachable(&error))?;
        *open = Some(connection);
        Ok(answer)
    }
}

impl fmt::Display for RemoteFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RemoteFault::Unreachable(why) => write!(f, "the issuer cannot be reached: {why}"),
            RemoteFault::Status(status) => {
                write!(f, "the issuer answers {status}; is it an agent?")
            }
            RemoteFault::Keys(error) => error.fmt(f),
            RemoteFault::Revocations(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RemoteFault {}

/// A random fraction up to a quarter, so that many validators do not ask at once.
fn jitter() -> f64 {
    let mut byte = [0];
    // Without randomness there is no jitter.
    let _ = aws_lc_rs::rand::fill(&mut byte);
    f64::from(byte[0]) / 1_024.0
}

/// The default interval of requests.
const EVERY: Duration = Duration::from_secs(2);

/// A list of 50,000 accounts, devices and contexts each has ten megabytes.
const BOUNDS: Bounds = Bounds { within: Duration::from_secs(10), longest: 16 * 1_024 * 1_024 };
