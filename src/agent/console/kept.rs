//! Sessions of the console, as the store keeps them: found by the value of a cookie, of which the
//! store holds a keyed digest.

use std::time::Duration;

use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::agent::state::State;
use crate::id::AccountId;
use crate::session::{AnyContext, SessionContext, SignedContext};
use crate::store::{ItemKind, random};
use crate::time::UnixTime;
use crate::verifier::{Error, Keep, Kept};

/// A session of the console.
pub(super) struct Session {
    /// The id of its item.
    pub(super) id: String,
    pub(super) account: AccountId,
    pub(super) began: UnixTime,
    pub(super) expires_at: UnixTime,
    pub(super) standing: Standing,
    /// The id of the API key that an operator showed.
    pub(super) operator: Option<String>,
    /// A name that it keeps under all its values.
    pub(super) root: String,
}

/// How far a person has proved to be the owner.
pub(super) enum Standing {
    /// A one-time link was opened.
    Link,
    /// An operator's API key was shown.
    Key,
    /// A device was proved.
    Proved(Box<Proved>),
}

/// A proof, and the context that was opened with it.
pub(super) struct Proved {
    pub(super) signed: SignedContext,
    pub(super) context: SessionContext,
}

/// A session as it is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    began: UnixTime,
    root: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<Zeroizing<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operator: Option<String>,
}

/// A session to keep.
pub(super) struct New<'a> {
    pub(super) account: &'a AccountId,
    pub(super) proof: Option<&'a SignedContext>,
    /// The session that ends with it. One of the same account goes on under the new value.
    pub(super) before: Option<&'a Session>,
}

impl Session {
    /// The session that a request belongs to. A value that the agent did not make finds none.
    pub(super) async fn of(state: &State, headers: &HeaderMap) -> Result<Option<Session>, Error> {
        let Some(value) = cookie(headers, NAME) else { return Ok(None) };
        let Some(value) = decoded(value) else { return Ok(None) };
        match state.verifier.kept(ItemKind::ConsoleSession, &value[..]).await? {
            Some(kept) => opened(state, kept).await,
            None => Ok(None),
        }
    }

    /// The sessions of an account that are open.
    pub(super) async fn all(state: &State, account: &AccountId) -> Result<Vec<Session>, Error> {
        let mut sessions = Vec::new();
        for kept in state.verifier.all_kept(ItemKind::ConsoleSession, account).await? {
            sessions.extend(opened(state, kept).await?);
        }
        Ok(sessions)
    }

    /// Ends the session in the store.
    pub(super) async fn end(&self, state: &State) -> Result<(), Error> {
        state.verifier.end_kept(&self.id).await
    }

    /// The proof, if a device was proved.
    pub(super) fn proved(&self) -> Option<&Proved> {
        match &self.standing {
            Standing::Proved(proved) => Some(proved),
            Standing::Link | Standing::Key => None,
        }
    }
}

/// Keeps a session under a new value, and gives it to the browser.
pub(super) async fn keep(
    state: &State,
    new: New<'_>,
    response: Response,
) -> Result<Response, Error> {
    let same = new.before.filter(|before| before.account == *new.account);
    let operator = same.and_then(|before| before.operator.clone());
    keep_as(state, new, operator, response).await
}

/// Keeps a session of an operator, by the id of the API key, as [`keep`] does.
pub(super) async fn keep_as(
    state: &State,
    new: New<'_>,
    operator: Option<String>,
    mut response: Response,
) -> Result<Response, Error> {
    let value = random::<32>()?;
    let now = state.verifier.clock().read().wall;
    let same = new.before.filter(|before| before.account == *new.account);
    let began = same.map_or(now, |before| before.began);
    let root = match same {
        Some(before) => before.root.clone(),
        None => URL_SAFE_NO_PAD.encode(&random::<16>()?[..]),
    };
    let expires_at = now.plus(state.config.console.lifetime()).min(began.plus(LONGEST));
    let token = new.proof.map(|proof| Zeroizing::new(proof.as_str().to_owned()));
    let stored = Stored { began, root, token, operator };
    let body = Zeroizing::new(serde_json::to_vec(&stored).unwrap_or_default());
    let kept = Keep {
        kind: ItemKind::ConsoleSession,
        account: new.account,
        value: &value[..],
        body: &body,
        expires_at,
        replaces: new.before.map(|before| before.id.as_str()),
    };
    state.verifier.keep(kept).await?;
    let value = Zeroizing::new(URL_SAFE_NO_PAD.encode(&value[..]));
    set(&mut response, &format!("{NAME}={}; {ATTRIBUTES}", *value));
    Ok(response)
}

/// Takes the session's value from the browser.
pub(super) fn forget(mut response: Response) -> Response {
    set(&mut response, &format!("{NAME}=; Max-Age=0; {ATTRIBUTES}"));
    response
}

/// Sets a cookie.
pub(super) fn set(response: &mut Response, cookie: &str) {
    if let Ok(mut cookie) = HeaderValue::try_from(cookie) {
        cookie.set_sensitive(true);
        response.headers_mut().append(SET_COOKIE, cookie);
    }
}

/// The value of a cookie that was sent once.
pub(super) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    let mut found = pairs.filter(|(found, _)| *found == name).map(|(_, value)| value);
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

async fn opened(state: &State, kept: Kept) -> Result<Option<Session>, Error> {
    let Ok(stored) = serde_json::from_slice::<Stored>(kept.body.expose()) else { return Ok(None) };
    let standing = match &stored.token {
        None if stored.operator.is_some() => Standing::Key,
        None => Standing::Link,
        Some(token) => {
            let signed = SignedContext::new(token.as_str());
            let audience = state.issuer.name();
            match state.introspector.introspect(&signed, audience).await? {
                Some(AnyContext::Mfa(context)) => {
                    Standing::Proved(Box::new(Proved { signed, context }))
                }
                // The end of a context is the end of its session.
                _ => return Ok(None),
            }
        }
    };
    let (id, account, expires_at) = (kept.id, kept.account, kept.expires_at);
    let Stored { began, root, operator, .. } = stored;
    Ok(Some(Session { id, account, began, expires_at, standing, operator, root }))
}

fn decoded(value: &str) -> Option<Zeroizing<Vec<u8>>> {
    let value = URL_SAFE_NO_PAD.decode(value).ok().map(Zeroizing::new)?;
    (value.len() == 32).then_some(value)
}

/// The longest time that a session is renewed for, and the lifetime of its context.
pub(super) const LONGEST: Duration = Duration::from_secs(12 * 3_600);

const NAME: &str = "__Host-twostep";

/// Without an expiry: the browser forgets it when it is closed.
pub(super) const ATTRIBUTES: &str = "Path=/; Secure; HttpOnly; SameSite=Strict";
