//! The visitor of a page: language, address, session, and the caller that operations see.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::FromRequestParts;
use axum::http::header::ACCEPT_LANGUAGE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use tokio::sync::OnceCell;

use crate::agent::access::{Caller, Connection, Failure, Peer, RequestInfo, Scope};
use crate::agent::config::{AccountPattern, Role};
use crate::agent::console::frame::{Frame, Here, Signed};
use crate::agent::console::kept::{Proved, Session, Standing};
use crate::agent::console::language::Language;
use crate::agent::console::stop::Stop;
use crate::agent::console::words::Words;
use crate::agent::console::{kept, when};
use crate::agent::state::{Shared, State};
use crate::id::{AccountId, CallerId};
use crate::session::{Lifetime, SignedContext};
use crate::store::AccountSnapshot;
use crate::time::UnixTime;
use crate::verifier;
use crate::verifier::FreshMfa;
use crate::webauthn::Origin;

/// The state of the pages.
pub(super) struct Console {
    pub(super) state: Shared,
    pub(super) origin: Origin,
    pub(super) failures: Failures,
}

/// Refused sign-ins by address.
#[derive(Default)]
pub(super) struct Failures(Mutex<HashMap<IpAddr, Vec<UnixTime>>>);

/// A visitor of a page.
pub(super) struct Visitor {
    pub(super) console: Arc<Console>,
    pub(super) language: Language,
    pub(super) address: IpAddr,
    pub(super) session: Option<Session>,
    pub(super) arrived: Instant,
    /// The path of the page, for the way back to it.
    pub(super) path: String,
    info: RequestInfo,
    /// The place of the request, taken once.
    place: OnceCell<Caller>,
}

/// The owner of an account, at work on its devices.
pub(super) struct Owner {
    pub(super) caller: Caller,
    pub(super) account: AccountId,
    /// The context that a device was proved with; none while the account has no device in use.
    pub(super) proof: Option<SignedContext>,
}

impl FromRequestParts<Arc<Console>> for Visitor {
    type Rejection = Stop;

    async fn from_request_parts(
        parts: &mut Parts,
        console: &Arc<Console>,
    ) -> Result<Visitor, Stop> {
        let state = &console.state;
        let connection = parts.extensions.get::<Connection>().ok_or(Stop::Broken)?;
        let info = parts.extensions.get::<RequestInfo>().cloned();
        let info = info.unwrap_or_else(RequestInfo::now);
        let address = address(connection.peer, &parts.headers, &state.config.console.behind);
        let session = Session::of(state, &parts.headers).await?;
        let shows = [Method::GET, Method::HEAD].contains(&parts.method);
        let path = parts.uri.path_and_query().filter(|_| shows).map_or("/", |path| path.as_str());
        Ok(Visitor {
            console: Arc::clone(console),
            language: language_of(&parts.headers),
            address,
            session,
            arrived: info.arrived,
            path: path.to_owned(),
            info,
            place: OnceCell::new(),
        })
    }
}

impl Visitor {
    pub(super) fn state(&self) -> &State {
        &self.console.state
    }

    pub(super) fn words(&self) -> &'static Words {
        self.language.words()
    }

    pub(super) fn now(&self) -> UnixTime {
        self.state().verifier.clock().read().wall
    }

    /// The caller of a person who is to be signed in: every account may be meant.
    pub(super) async fn stranger(&self) -> Result<Caller, Stop> {
        self.caller(Role::Verifier, Scope::All).await
    }

    /// The owner who is signed in; others sign in first. A link alone opens an account that has no
    /// device in use.
    pub(super) async fn owner(&self) -> Result<Owner, Stop> {
        let Some(session) = &self.session else { return Err(self.to_sign_in()) };
        let account = session.account.clone();
        let proof = match &session.standing {
            Standing::Proved(proved) => Some(proved.signed.clone()),
            Standing::Key => return Err(Stop::Go(OPERATOR.to_owned())),
            Standing::Link => {
                let seen = self.state().verifier.store().account(&account).await;
                let seen = seen.map_err(verifier::Error::from)?;
                if seen.is_some_and(|seen| is_protected(&seen)) {
                    return Err(Stop::Go("/sign-in".to_owned()));
                }
                None
            }
        };
        let pattern = AccountPattern::Exactly(account.clone());
        let fold = self.state().accounts.fold();
        let scope = Scope::Only { patterns: vec![pattern], login: None, fold };
        let caller = self.caller(Role::Enroller, scope).await?;
        Ok(Owner { caller, account, proof })
    }

    /// The owner, who has proved a device in the last minutes; others prove one first, and go on
    /// where they were.
    pub(super) async fn changing_owner(&self, back: &str) -> Result<Owner, Stop> {
        let owner = self.owner().await?;
        match self.session.as_ref().and_then(Session::proved) {
            Some(proved) if !self.is_fresh(proved) => Err(Stop::Go(prove_before(back))),
            _ => Ok(owner),
        }
    }

    /// The operator who is signed in, by an API key and a device; others sign in so first.
    pub(super) async fn operator(&self) -> Result<Caller, Stop> {
        let session = self.session.as_ref().filter(|session| session.proved().is_some());
        let key = session.and_then(|session| Some((session, session.operator.as_ref()?)));
        let Some((session, key)) = key else { return Err(Stop::Go(OPERATOR.to_owned())) };
        let id = CallerId::new(format!("key:{key}"));
        let present = self.state().callers.present_operator(&id).await?;
        let present = present.filter(|(_, account)| *account == session.account);
        let Some((caller, _)) = present else { return Err(Stop::Go(OPERATOR.to_owned())) };
        caller.place.take().await;
        let client = self.address.to_string().parse().ok();
        let caller = Caller { client, notes: Arc::clone(&self.info.notes), ..caller };
        self.info.identified(&caller);
        Ok(caller)
    }

    /// The operator, who has proved a device in the last minutes; others prove one first, and go on
    /// where they were.
    pub(super) async fn changing_operator(&self, back: &str) -> Result<Caller, Stop> {
        let operator = self.operator().await?;
        match self.session.as_ref().and_then(Session::proved) {
            Some(proved) if !self.is_fresh(proved) => Err(Stop::Go(prove_before(back))),
            _ => Ok(operator),
        }
    }

    /// The way on after a failure: to a new proof, where the account asks for one.
    pub(super) fn instead(&self, failure: Failure, back: &str) -> Stop {
        match failure {
            Failure::Verifier(verifier::Error::MfaRequired) => Stop::Go(prove_before(back)),
            failure => failure.into(),
        }
    }

    /// `true` if the proof is new enough for changes.
    pub(super) fn is_fresh(&self, proved: &Proved) -> bool {
        proved.context.mfa_age(self.now()) <= FreshMfa::LIFETIME
    }

    /// The frame of a page with this heading.
    pub(super) fn frame(&self, title: impl ToString, here: Here) -> Frame {
        let frame = Frame::bare(self.language, title, here);
        let signed = self.session.as_ref().map(|session| Signed {
            who: match session.operator {
                Some(_) => self.words().frame.operator(&session.account).to_string(),
                None => session.account.as_str().to_owned(),
            },
            until: when::clock(session.expires_at),
            is_proved: session.proved().is_some(),
            is_operator: session.operator.is_some(),
        });
        Frame { signed, back: self.path.clone(), ..frame }
    }

    /// The lifetime of contexts that console sessions hold.
    pub(super) fn lifetime() -> Result<Lifetime, Stop> {
        Lifetime::try_from(kept::LONGEST).map_err(|_| Stop::Broken)
    }

    fn to_sign_in(&self) -> Stop {
        Stop::Go("/sign-in".to_owned())
    }

    async fn caller(&self, role: Role, scope: Scope) -> Result<Caller, Stop> {
        let explained =
            Scope::Only { patterns: Vec::new(), login: None, fold: self.state().accounts.fold() };
        let caller = Caller::new(CallerId::new(NAME), role, scope, explained);
        let client = self.address.to_string().parse().ok();
        let notes = Arc::clone(&self.info.notes);
        let caller = Caller { client, notes, bypass_counts: true, ..caller };
        let seat = || self.state().callers.visitor(caller.clone(), self.address);
        let seated = self.place.get_or_try_init(seat).await?;
        self.info.identified(seated);
        Ok(Caller { place: Arc::clone(&seated.place), ..caller })
    }
}

impl Failures {
    /// The wait of an address that failed too often, until this time.
    pub(super) fn wait(&self, address: IpAddr, now: UnixTime) -> Option<UnixTime> {
        let failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let times = failures.get(&address)?;
        let recent = times.iter().filter(|time| now.since(**time) < WITHIN);
        let oldest = recent.clone().next()?;
        (recent.count() >= MOST_FAILURES).then(|| oldest.plus(WITHIN))
    }

    /// Counts a refused sign-in.
    pub(super) fn count(&self, address: IpAddr, now: UnixTime) {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= MOST_ADDRESSES {
            let is_recent = |time: &UnixTime| now.since(*time) < WITHIN;
            failures.retain(|_, times| times.last().is_some_and(is_recent));
        }
        let times = failures.entry(address).or_default();
        if times.len() >= MOST_FAILURES {
            times.remove(0);
        }
        times.push(now);
    }
}

/// `true` if an account has a device in use.
pub(super) fn is_protected(seen: &AccountSnapshot) -> bool {
    seen.account.protected || seen.devices.iter().any(|enrolled| enrolled.device.is_in_use())
}

/// The language of a visitor: the one that was chosen, or the one that its browser asks for.
pub(super) fn language_of(headers: &HeaderMap) -> Language {
    let chosen = kept::cookie(headers, LANGUAGE).and_then(Language::of_tag);
    chosen.unwrap_or_else(|| {
        let asked = headers.get(ACCEPT_LANGUAGE).and_then(|asked| asked.to_str().ok());
        Language::accepted(asked.unwrap_or_default())
    })
}

/// The page that asks for a proof and goes on at `next`.
pub(super) fn prove_before(next: &str) -> String {
    let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
    format!("/prove?next={next}")
}

/// The address that a visitor is counted by; of IPv6 the first half, which one site has.
fn address(peer: Peer, headers: &HeaderMap, behind: &[IpAddr]) -> IpAddr {
    let mut address = match peer {
        Peer::Tcp(address) => address.ip().to_canonical(),
        Peer::Unix { .. } => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    // The last entry is the one that our own proxy wrote; further proxies of ours wrote those
    // before it.
    let lines = headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok());
    let hops: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    for hop in hops.iter().rev() {
        if !behind.contains(&address) {
            break;
        }
        let Ok(hop) = hop.parse::<IpAddr>() else { break };
        address = hop.to_canonical();
    }
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(long) => {
            let [a, b, c, d, ..] = long.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

/// The cookie that holds the chosen language.
pub(super) const LANGUAGE: &str = "__Host-twostep-language";

/// The page on which operators sign in.
pub(super) const OPERATOR: &str = "/operator/sign-in";

/// The name of these pages as a caller.
const NAME: &str = "console";

/// The refused sign-ins of an address, within [`WITHIN`], after which it waits.
const MOST_FAILURES: usize = 10;

const WITHIN: Duration = Duration::from_secs(600);

/// The addresses that are counted before old ones are dropped.
const MOST_ADDRESSES: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime(1_800_000_000);

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_tenth_failure_within_ten_minutes_waits() {
        let failures = Failures::default();
        let (one, other) = (ip("192.0.2.1"), ip("192.0.2.2"));
        for second in 0..10 {
            assert_eq!(failures.wait(one, NOW), None);
            failures.count(one, UnixTime(NOW.0 + second));
        }
        let later = UnixTime(NOW.0 + 20);
        assert_eq!(failures.wait(one, later), Some(UnixTime(NOW.0 + 600)));
        assert_eq!(failures.wait(other, later), None);
        assert_eq!(failures.wait(one, UnixTime(NOW.0 + 600)), None);
    }

    #[test]
    fn only_our_own_proxies_say_who_they_speak_for() {
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", "203.0.113.9, 198.51.100.4".parse().unwrap());
        headers.append("x-forwarded-for", "10.0.0.2".parse().unwrap());
        let from = |peer: &str, behind: &[&str]| {
            let peer = Peer::Tcp((ip(peer), 9).into());
            address(peer, &headers, &behind.iter().map(|proxy| ip(proxy)).collect::<Vec<_>>())
        };
        assert_eq!(from("192.0.2.7", &[]), ip("192.0.2.7"));
        assert_eq!(from("192.0.2.7", &["10.0.0.1"]), ip("192.0.2.7"));
        assert_eq!(from("10.0.0.1", &["10.0.0.1"]), ip("10.0.0.2"));
        // A visitor's own words stand before what the proxies added.
        assert_eq!(from("10.0.0.1", &["10.0.0.1", "10.0.0.2"]), ip("198.51.100.4"));
        assert_eq!(from("2001:db8:1:2:3::4", &[]), ip("2001:db8:1:2::"));
    }
}
