//! `/operator/devices/{serial}/resync` and `/activate`: two codes that the owner reads out.

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use crate::agent::access::{Denied, Failure};
use crate::agent::config::Role;
use crate::agent::console::form::Form;
use crate::agent::console::frame::{Frame, Here, Trouble};
use crate::agent::console::operator_device::shows_codes;
use crate::agent::console::operator_find::address;
use crate::agent::console::page::page;
use crate::agent::console::stop::Stop;
use crate::agent::console::visitor::Visitor;
use crate::agent::console::{proof, state};
use crate::agent::operations::devices;
use crate::device::{Device, Factor};
use crate::otp::CodePair;

#[derive(Template)]
#[template(path = "operator_pair.html")]
struct Page {
    f: Frame,
    lead: &'static str,
    action: String,
    back: String,
    go: &'static str,
    seconds: u64,
}

/// The change that two codes make.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Resync,
    Activate,
}

/// `GET /operator/devices/{serial}/resync`.
pub(super) async fn resync(visitor: Visitor, Path(serial): Path<String>) -> Result<Response, Stop> {
    asked(&visitor, &serial, Change::Resync).await
}

/// `POST /operator/devices/{serial}/resync`.
pub(super) async fn resynced(
    visitor: Visitor,
    Path(serial): Path<String>,
    form: Form,
) -> Result<Response, Stop> {
    changed(&visitor, &serial, &form, Change::Resync).await
}

/// `GET /operator/devices/{serial}/activate`.
pub(super) async fn activate(
    visitor: Visitor,
    Path(serial): Path<String>,
) -> Result<Response, Stop> {
    asked(&visitor, &serial, Change::Activate).await
}

/// `POST /operator/devices/{serial}/activate`.
pub(super) async fn activated(
    visitor: Visitor,
    Path(serial): Path<String>,
    form: Form,
) -> Result<Response, Stop> {
    changed(&visitor, &serial, &form, Change::Activate).await
}

async fn asked(visitor: &Visitor, serial: &str, change: Change) -> Result<Response, Stop> {
    let caller = visitor.operator().await?;
    let device = devices::show(visitor.state(), &caller, serial).await?;
    if !shows_codes(&device) {
        return Err(Stop::Missing);
    }
    let is_wide = caller.role == Role::Admin;
    shown(visitor, &device, (change, is_wide), (StatusCode::OK, Vec::new()))
}

async fn changed(
    visitor: &Visitor,
    serial: &str,
    form: &Form,
    change: Change,
) -> Result<Response, Stop> {
    let own = format!("{}/{}", address(serial), change.path());
    let caller = visitor.changing_operator(&own).await?;
    let state = visitor.state();
    let device = devices::show(state, &caller, serial).await?;
    let change_of = (change, caller.role == Role::Admin);
    let codes = match proof::pair(form, visitor.words()) {
        Ok(codes) => codes,
        Err(problems) => {
            let refused = (StatusCode::UNPROCESSABLE_ENTITY, problems);
            return shown(visitor, &device, change_of, refused);
        }
    };
    let [first, second] = &codes;
    let pair = CodePair { codes: [first, second], counter: None };
    let result = match change {
        Change::Resync => devices::resync(state, &caller, serial, pair).await.map(drop),
        Change::Activate => devices::activate(state, &caller, serial, pair, None).await.map(drop),
    };
    match result {
        Ok(()) => {
            let next = format!("{}?done={}", address(serial), change.done());
            Ok(Redirect::to(&next).into_response())
        }
        Err(Failure::Denied(Denied::Pair(_))) => {
            let problems = vec![Trouble { field: "first", text: visitor.words().codes.refused }];
            shown(visitor, &device, change_of, (StatusCode::FORBIDDEN, problems))
        }
        Err(failure) => Err(failure.into()),
    }
}

fn shown(
    visitor: &Visitor,
    device: &Device,
    (change, is_wide): (Change, bool),
    (status, problems): (StatusCode, Vec<Trouble>),
) -> Result<Response, Stop> {
    let words = visitor.words();
    let name = state::name(visitor.language, device);
    let (title, lead, go) = match change {
        Change::Resync => {
            let lead = if is_wide { words.operator.resync_wide } else { words.resync.lead };
            (words.resync.title(name), lead, words.devices.resync)
        }
        Change::Activate => (words.add.activate_title(name), words.add.two_why, words.add.activate),
    };
    let back = address(device.serial.as_str());
    let action = format!("{back}/{}", change.path());
    let mut f = visitor.frame(title, Here::Find).with(problems);
    f.back.clone_from(&action);
    let seconds = match &device.factor {
        Factor::Totp(totp) => u64::from(totp.parameters.step_size.seconds()),
        _ => 30,
    };
    page(status, &Page { f, lead, action, back, go, seconds })
}

impl Change {
    fn path(self) -> &'static str {
        match self {
            Change::Resync => "resync",
            Change::Activate => "activate",
        }
    }

    fn done(self) -> &'static str {
        match self {
            Change::Resync => "resynced",
            Change::Activate => "ready",
        }
    }
}
