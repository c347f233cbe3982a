//! `/sign-ins`: sessions of the console, and uses of devices in the hours that a context can last.

use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use crate::agent::console::frame::{Frame, Here};
use crate::agent::console::kept::Session;
use crate::agent::console::page::page;
use crate::agent::console::stop::Stop;
use crate::agent::console::visitor::{Owner, Visitor};
use crate::agent::console::{devices as list, history, kept, leave, state, when};
use crate::agent::operations::sessions;
use crate::device::Device;
use crate::id::SerialNumber;
use crate::session::LONGEST_LIFETIME;

/// The parameters of the page's address: the outcome of the request before.
#[derive(Default, Deserialize)]
pub(super) struct Asked {
    ended: Option<String>,
}

#[derive(Template)]
#[template(path = "sign_ins.html")]
struct Page {
    f: Frame,
    consoles: Vec<Console>,
    uses: Vec<String>,
}

#[derive(Template)]
#[template(path = "everywhere.html")]
struct Everywhere {
    f: Frame,
}

/// A session of the console.
struct Console {
    title: &'static str,
    made: String,
    id: String,
    /// The name of its button.
    end: String,
}

/// `GET /sign-ins`.
pub(super) async fn show(visitor: Visitor, Query(asked): Query<Asked>) -> Result<Response, Stop> {
    let owner = visitor.owner().await?;
    let devices = list::all(&visitor, &owner).await?;
    let sessions = Session::all(visitor.state(), &owner.account).await?;
    let consoles = sessions
        .iter()
        .map(|session| Console::of(&visitor, &devices, session))
        .collect();
    let uses = uses(&visitor, &owner, &devices).await?;
    let mut f = visitor.frame(visitor.words().sign_ins.title, Here::SignIns);
    f.news = asked.ended.map(|_| f.w.sign_ins.ended.to_owned());
    f.back = "/sign-ins".to_owned();
    page(StatusCode::OK, &Page { f, consoles, uses })
}

/// `POST /sign-ins/{id}`: ends one session of the console.
pub(super) async fn end(visitor: Visitor, Path(id): Path<String>) -> Result<Response, Stop> {
    let owner = visitor.owner().await?;
    let sessions = Session::all(visitor.state(), &owner.account).await?;
    let session = sessions.iter().find(|session| session.id == id).ok_or(Stop::Missing)?;
    leave::ended(&visitor, session).await?;
    let is_this = visitor.session.as_ref().is_some_and(|own| own.id == id);
    match is_this {
        true => Ok(kept::forget(Redirect::to("/sign-in?ended=1").into_response())),
        false => Ok(Redirect::to("/sign-ins?ended=1").into_response()),
    }
}

/// `GET /sign-ins/everywhere`.
pub(super) async fn everywhere(visitor: Visitor) -> Result<Response, Stop> {
    visitor.owner().await?;
    let mut f = visitor.frame(visitor.words().sign_ins.everywhere_title, Here::SignIns);
    f.back = "/sign-ins/everywhere".to_owned();
    page(StatusCode::OK, &Everywhere { f })
}

/// `POST /sign-ins/everywhere`: ends every session and context of the account.
pub(super) async fn ended_everywhere(visitor: Visitor) -> Result<Response, Stop> {
    let owner = visitor.owner().await?;
    end_all(&visitor, &owner).await?;
    Ok(kept::forget(Redirect::to("/sign-in?ended=1").into_response()))
}

/// Ends every session of the console and every context of the account.
pub(super) async fn end_all(visitor: &Visitor, owner: &Owner) -> Result<(), Stop> {
    let (state, account) = (visitor.state(), owner.account.as_str());
    for session in Session::all(state, &owner.account).await? {
        session.end(state).await?;
    }
    sessions::revoke_all(state, &owner.caller, account, None, None).await?;
    Ok(())
}

/// The accepted proofs of the last hours: a context leaves no row of its own.
async fn uses(visitor: &Visitor, owner: &Owner, devices: &[Device]) -> Result<Vec<String>, Stop> {
    let words = &visitor.words().sign_ins;
    let since = visitor.now().minus(LONGEST_LIFETIME);
    let rows = history::uses(visitor, owner, since).await?;
    Ok(rows
        .iter()
        .map(|row| {
            let device = row.serial.as_ref().map(|serial| named(visitor, devices, serial));
            words.used(device.unwrap_or_default(), &row.when, &row.through).to_string()
        })
        .collect())
}

fn named(visitor: &Visitor, devices: &[Device], serial: &SerialNumber) -> String {
    let device = devices.iter().find(|device| device.serial == *serial);
    device
        .map_or_else(|| serial.as_str().to_owned(), |device| state::name(visitor.language, device))
}

impl Console {
    fn of(visitor: &Visitor, devices: &[Device], session: &Session) -> Console {
        let words = &visitor.words().sign_ins;
        let is_this = visitor.session.as_ref().is_some_and(|own| own.id == session.id);
        let (now, language) = (visitor.now(), visitor.language);
        let device =
            session.proved().map(|proved| named(visitor, devices, proved.context.serial()));
        let device = device.unwrap_or_else(|| visitor.words().operator.link.to_owned());
        let began = when::moment(language, now, session.began);
        let until = when::until(language, now, session.expires_at);
        Console {
            title: if is_this { words.this } else { words.console },
            made: words.made(&device, &began, until).to_string(),
            id: session.id.clone(),
            end: match is_this {
                true => words.end_this.to_owned(),
                false => words.end_that(device, began).to_string(),
            },
        }
    }
}
