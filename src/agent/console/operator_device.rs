//! `/operator/devices/{serial}`: one device, its drift and history, and what an operator may do.

use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use crate::agent::config::Role;
use crate::agent::console::card::Card;
use crate::agent::console::course::Course;
use crate::agent::console::frame::{Frame, Here};
use crate::agent::console::history::Row;
use crate::agent::console::operator_find::{account_address, address};
use crate::agent::console::page::page;
use crate::agent::console::stop::Stop;
use crate::agent::console::visitor::Visitor;
use crate::agent::console::{history, state, when};
use crate::agent::operations::devices;
use crate::device::{Device, DeviceState, Factor};

/// The parameters of the page's address: the outcome of the request before.
#[derive(Default, Deserialize)]
pub(super) struct Asked {
    done: Option<Done>,
}

/// The outcome of a change.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Done {
    Unlocked,
    Resynced,
    Ready,
    Deactivated,
}

#[derive(Template)]
#[template(path = "operator_device.html")]
struct Page {
    f: Frame,
    card: Card,
    serial: String,
    account: String,
    account_address: String,
    /// The drift over time as SVG, the name of its region, and its sentence.
    course: Option<(String, String, String)>,
    history: Vec<Row>,
    /// The sentence about a wait or a lock.
    stuck: Option<String>,
    may_unlock: bool,
    may_resync: bool,
    may_activate: bool,
    may_deactivate: bool,
    may_remove: bool,
}

/// A page that asks once more.
#[derive(Template)]
#[template(path = "confirm.html")]
struct Confirm {
    f: Frame,
    why: &'static str,
    action: String,
    go: String,
    back: String,
    may: bool,
}

/// `GET /operator/devices/{serial}`.
pub(super) async fn show(
    visitor: Visitor,
    Path(serial): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Stop> {
    let caller = visitor.operator().await?;
    let device = devices::show(visitor.state(), &caller, &serial).await?;
    let history = match &device.account {
        Some(account) => history::of_device(&visitor, &caller, (account, &device.serial)).await?,
        None => Vec::new(),
    };
    let (language, now, words) = (visitor.language, visitor.now(), visitor.words());
    let card = Card { address: address(&serial), ..Card::of(language, &device, now, None) };
    let mut f = visitor.frame(&card.name, Here::Find);
    f.back.clone_from(&card.address);
    f.news = asked.done.map(|done| match done {
        Done::Unlocked => words.operator.unlocked.to_owned(),
        Done::Resynced => words.resync.done(&card.name).to_string(),
        Done::Ready => words.add.ready(&card.name).to_string(),
        Done::Deactivated => words.device.deactivated(&card.name).to_string(),
    });
    let course = Course::of(&device, now).map(|course| {
        let region = Course::region(language, &card.name);
        (course.svg(language), region, course.sentence(language))
    });
    let waits = device.throttle.until().filter(|until| *until > now);
    let stuck = match (device.state, waits) {
        (DeviceState::Locked, _) => Some(words.operator.locked.to_owned()),
        (_, Some(until)) => Some(words.operator.refused_until(when::clock(until)).to_string()),
        (_, None) => None,
    };
    let is_admin = caller.role == Role::Admin;
    let page_of = Page {
        f,
        serial: device.serial.as_str().to_owned(),
        account: device.owner().to_owned(),
        account_address: account_address(device.owner()),
        course,
        history,
        may_unlock: is_admin && stuck.is_some(),
        stuck,
        may_resync: shows_codes(&device) && device.is_in_use(),
        may_activate: is_admin && shows_codes(&device) && device.state == DeviceState::Disabled,
        may_deactivate: is_admin && device.is_in_use(),
        may_remove: is_admin,
        card,
    };
    page(StatusCode::OK, &page_of)
}

/// `POST /operator/devices/{serial}/unlock`.
pub(super) async fn unlock(visitor: Visitor, Path(serial): Path<String>) -> Result<Response, Stop> {
    let back = address(&serial);
    let caller = visitor.changing_operator(&back).await?;
    devices::unlock(visitor.state(), &caller, &serial).await?;
    Ok(Redirect::to(&format!("{back}?done=unlocked")).into_response())
}

/// `GET /operator/devices/{serial}/deactivate`.
pub(super) async fn deactivate(
    visitor: Visitor,
    Path(serial): Path<String>,
) -> Result<Response, Stop> {
    let device = device(&visitor, &serial).await?;
    let (name, words) = (state::name(visitor.language, &device), &visitor.words().device);
    let f = visitor.frame(words.deactivate_title(&name), Here::Find);
    let go = format!("{} {name}", words.deactivate);
    confirm(f, (&serial, "deactivate"), words.deactivate_why, go)
}

/// `POST /operator/devices/{serial}/deactivate`.
pub(super) async fn deactivated(
    visitor: Visitor,
    Path(serial): Path<String>,
) -> Result<Response, Stop> {
    let back = address(&serial);
    let caller = visitor.changing_operator(&back).await?;
    devices::deactivate(visitor.state(), &caller, &serial, None).await?;
    Ok(Redirect::to(&format!("{back}?done=deactivated")).into_response())
}

/// `GET /operator/devices/{serial}/remove`.
pub(super) async fn remove(visitor: Visitor, Path(serial): Path<String>) -> Result<Response, Stop> {
    let device = device(&visitor, &serial).await?;
    let (name, words) = (state::name(visitor.language, &device), &visitor.words().device);
    let f = visitor.frame(words.remove_title(&name), Here::Find);
    let go = format!("{} {name}", words.remove);
    confirm(f, (&serial, "remove"), words.remove_why, go)
}

/// `POST /operator/devices/{serial}/remove`.
pub(super) async fn removed(
    visitor: Visitor,
    Path(serial): Path<String>,
) -> Result<Response, Stop> {
    let caller = visitor.changing_operator(&address(&serial)).await?;
    let device = devices::show(visitor.state(), &caller, &serial).await?;
    devices::remove(visitor.state(), &caller, &serial, None).await?;
    let next = match &device.account {
        Some(account) => account_address(account.as_str()),
        None => "/operator".to_owned(),
    };
    Ok(Redirect::to(&next).into_response())
}

async fn device(visitor: &Visitor, serial: &str) -> Result<Device, Stop> {
    let caller = visitor.operator().await?;
    Ok(devices::show(visitor.state(), &caller, serial).await?)
}

fn confirm(
    mut f: Frame,
    (serial, change): (&str, &str),
    why: &'static str,
    go: String,
) -> Result<Response, Stop> {
    let back = address(serial);
    let action = format!("{back}/{change}");
    f.back.clone_from(&action);
    page(StatusCode::OK, &Confirm { f, why, action, go, back, may: true })
}

/// True for a device that shows codes.
pub(super) fn shows_codes(device: &Device) -> bool {
    matches!(device.factor, Factor::Totp(_) | Factor::Hotp(_))
}
