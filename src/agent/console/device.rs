//! `/devices/{serial}`: one device, and what its owner may do with it.

use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use crate::agent::console::activate::done;
use crate::agent::console::card::{Card, address};
use crate::agent::console::form::Form;
use crate::agent::console::frame::{Frame, Here, Trouble};
use crate::agent::console::history::Row;
use crate::agent::console::page::page;
use crate::agent::console::stop::Stop;
use crate::agent::console::visitor::{Owner, Visitor};
use crate::agent::console::{devices as list, history, state};
use crate::agent::operations::devices;
use crate::device::{Device, DeviceState, Factor, MfaKind};
use crate::id::DeviceName;
use crate::otp::{Hotp, Totp};

/// The parameters of the page's address: the outcome of the request before.
#[derive(Default, Deserialize)]
pub(super) struct Asked {
    renamed: Option<String>,
}

#[derive(Template)]
#[template(path = "device.html")]
struct Page {
    f: Frame,
    card: Card,
    serial: String,
    /// The shape of its codes.
    codes: Option<String>,
    name: String,
    history: Vec<Row>,
    /// Two codes can be given: the device is in use and shows codes.
    may_resync: bool,
    may_test: bool,
    may_activate: bool,
    may_deactivate: bool,
    is_recovery: bool,
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

/// A change that is asked about once more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Deactivate,
    Remove,
}

/// `GET /devices/{serial}`.
pub(super) async fn show(
    visitor: Visitor,
    Path(serial): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Stop> {
    let owner = visitor.owner().await?;
    let device = devices::show(visitor.state(), &owner.caller, &serial).await?;
    let news = asked.renamed.map(|_| visitor.words().device.renamed.to_owned());
    shown(&visitor, &owner, &device, (StatusCode::OK, news)).await
}

/// `POST /devices/{serial}`: another name.
pub(super) async fn rename(
    visitor: Visitor,
    Path(serial): Path<String>,
    form: Form,
) -> Result<Response, Stop> {
    let own = address(&serial);
    let owner = visitor.changing_owner(&own).await?;
    let Ok(name) = form.get("name").trim().parse::<DeviceName>() else {
        let device = devices::show(visitor.state(), &owner.caller, &serial).await?;
        return shown(&visitor, &owner, &device, (StatusCode::UNPROCESSABLE_ENTITY, None)).await;
    };
    devices::rename(visitor.state(), &owner.caller, &serial, name).await?;
    Ok(Redirect::to(&format!("{own}?renamed=1")).into_response())
}

/// `GET /devices/{serial}/deactivate`.
pub(super) async fn deactivate(
    visitor: Visitor,
    Path(serial): Path<String>,
) -> Result<Response, Stop> {
    confirm(&visitor, &serial, Change::Deactivate, StatusCode::OK).await
}

/// `POST /devices/{serial}/deactivate`.
pub(super) async fn deactivated(
    visitor: Visitor,
    Path(serial): Path<String>,
) -> Result<Response, Stop> {
    change(&visitor, &serial, Change::Deactivate).await
}

/// `GET /devices/{serial}/remove`.
pub(super) async fn remove(visitor: Visitor, Path(serial): Path<String>) -> Result<Response, Stop> {
    confirm(&visitor, &serial, Change::Remove, StatusCode::OK).await
}

/// `POST /devices/{serial}/remove`.
pub(super) async fn removed(
    visitor: Visitor,
    Path(serial): Path<String>,
) -> Result<Response, Stop> {
    change(&visitor, &serial, Change::Remove).await
}

async fn change(visitor: &Visitor, serial: &str, change: Change) -> Result<Response, Stop> {
    let back = format!("{}/{}", address(serial), change.path());
    let owner = visitor.changing_owner(&back).await?;
    let (state, proof) = (visitor.state(), owner.proof.as_ref());
    let device = devices::show(state, &owner.caller, serial).await?;
    if is_last(visitor, &owner, &device).await? {
        return confirm(visitor, serial, change, StatusCode::FORBIDDEN).await;
    }
    let name = state::name(visitor.language, &device);
    let (changed, word) = match change {
        Change::Deactivate => {
            let changed = devices::deactivate(state, &owner.caller, serial, proof).await;
            (changed.map(drop), "deactivated")
        }
        Change::Remove => (devices::remove(state, &owner.caller, serial, proof).await, "removed"),
    };
    changed.map_err(|failure| visitor.instead(failure, &back))?;
    Ok(Redirect::to(&done(word, &name)).into_response())
}

async fn confirm(
    visitor: &Visitor,
    serial: &str,
    change: Change,
    status: StatusCode,
) -> Result<Response, Stop> {
    let owner = visitor.owner().await?;
    let device = devices::show(visitor.state(), &owner.caller, serial).await?;
    let words = &visitor.words().device;
    let name = state::name(visitor.language, &device);
    let is_last = is_last(visitor, &owner, &device).await?;
    let (title, why, go) = match change {
        Change::Deactivate => {
            (words.deactivate_title(&name), words.deactivate_why, words.deactivate)
        }
        Change::Remove => (words.remove_title(&name), words.remove_why, words.remove),
    };
    let back = address(serial);
    let mut f = visitor.frame(title, Here::Devices);
    f.back = format!("{back}/{}", change.path());
    let page_of = Confirm {
        f,
        why: if is_last { words.last } else { why },
        action: format!("{back}/{}", change.path()),
        go: format!("{go} {name}"),
        back,
        may: !is_last,
    };
    page(status, &page_of)
}

/// `true` if the account would be left without a device in use.
pub(super) async fn is_last(
    visitor: &Visitor,
    owner: &Owner,
    device: &Device,
) -> Result<bool, Stop> {
    if !state::can_sign_in(device) {
        return Ok(false);
    }
    let devices = list::all(visitor, owner).await?;
    Ok(!devices
        .iter()
        .any(|other| other.serial != device.serial && state::can_sign_in(other)))
}

async fn shown(
    visitor: &Visitor,
    owner: &Owner,
    device: &Device,
    (status, news): (StatusCode, Option<String>),
) -> Result<Response, Stop> {
    let words = visitor.words();
    let card = Card::of(visitor.language, device, visitor.now(), None);
    let history = history::of(visitor, owner, Some(&device.serial)).await?;
    let mut f = visitor.frame(&card.name, Here::Devices);
    f.news = news;
    f.back.clone_from(&card.address);
    if status == StatusCode::UNPROCESSABLE_ENTITY {
        f = f.with(vec![Trouble { field: "name", text: words.add.name_hint }]);
    }
    let shows_codes = matches!(device.factor, Factor::Totp(_) | Factor::Hotp(_));
    let waits = matches!(device.state, DeviceState::Pending | DeviceState::Disabled);
    let is_recovery = device.kind() == MfaKind::Recovery;
    page(
        status,
        &Page {
            f,
            serial: device.serial.as_str().to_owned(),
            codes: codes(visitor, device),
            name: device.name.as_ref().map_or("", |name| name.as_str()).to_owned(),
            history,
            may_resync: shows_codes && device.is_in_use(),
            may_test: device.is_in_use() && !is_recovery,
            may_activate: shows_codes && waits,
            may_deactivate: device.is_in_use(),
            is_recovery,
            card,
        },
    )
}

/// The shape of the codes that a device shows.
fn codes(visitor: &Visitor, device: &Device) -> Option<String> {
    let words = &visitor.words().device;
    match &device.factor {
        Factor::Totp(totp) => {
            let Totp { digits, step_size, algorithm, .. } = totp.parameters;
            let told = words.codes_of(u8::from(digits), step_size.seconds(), algorithm);
            Some(told.to_string())
        }
        Factor::Hotp(hotp) => {
            let Hotp { digits, algorithm, .. } = hotp.parameters;
            Some(words.counter_codes_of(u8::from(digits), algorithm).to_string())
        }
        Factor::SecurityKey(_) | Factor::Recovery(_) => None,
    }
}

impl Change {
    fn path(self) -> &'static str {
        match self {
            Change::Deactivate => "deactivate",
            Change::Remove => "remove",
        }
    }
}
