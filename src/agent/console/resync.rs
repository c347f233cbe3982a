//! `/devices/{serial}/resync`: two codes in a row find a device's clock or counter again.

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;

use crate::agent::access::{Denied, Failure};
use crate::agent::console::activate::shown_for;
use crate::agent::console::card::address;
use crate::agent::console::drift::Reading;
use crate::agent::console::form::Form;
use crate::agent::console::frame::{Frame, Here, Trouble};
use crate::agent::console::page::page;
use crate::agent::console::ruler::ruler;
use crate::agent::console::stop::Stop;
use crate::agent::console::visitor::{Owner, Visitor};
use crate::agent::console::{kept, proof, state, when};
use crate::agent::operations::{devices, proofs};
use crate::device::{Device, Factor};
use crate::otp::CodePair;

#[derive(Template)]
#[template(path = "resync.html")]
struct Page {
    f: Frame,
    address: String,
    /// The drift when it was last used, and the picture of it as HTML.
    seen: Option<(String, String)>,
    is_counter: bool,
    serial: String,
    seconds: u64,
    left: u64,
}

#[derive(Template)]
#[template(path = "resynced.html")]
struct Resynced {
    f: Frame,
    now: String,
    ruler: Option<String>,
    jumped: Option<String>,
}

/// `GET /devices/{serial}/resync`.
pub(super) async fn show(visitor: Visitor, Path(serial): Path<String>) -> Result<Response, Stop> {
    let owner = visitor.owner().await?;
    let device = device(&visitor, &owner, &serial).await?;
    shown(&visitor, &device, StatusCode::OK, Vec::new())
}

/// `POST /devices/{serial}/resync`. The two codes are a proof of the device.
pub(super) async fn finish(
    visitor: Visitor,
    Path(serial): Path<String>,
    form: Form,
) -> Result<Response, Stop> {
    let owner = visitor.owner().await?;
    let before = device(&visitor, &owner, &serial).await?;
    let codes = match proof::pair(&form, visitor.words()) {
        Ok(codes) => codes,
        Err(problems) => {
            return shown(&visitor, &before, StatusCode::UNPROCESSABLE_ENTITY, problems);
        }
    };
    let [first, second] = &codes;
    let pair = CodePair { codes: [first, second], counter: None };
    let lifetime = Visitor::lifetime()?;
    let resynced = proofs::resync(visitor.state(), &owner.caller, &serial, pair, lifetime).await;
    let (resynced, opened) = match resynced {
        Ok(resynced) => resynced,
        Err(Failure::Denied(Denied::Pair(_))) => {
            let problems = vec![Trouble { field: "first", text: visitor.words().codes.refused }];
            return shown(&visitor, &before, StatusCode::FORBIDDEN, problems);
        }
        Err(failure) => return Err(failure.into()),
    };
    let response = done(&visitor, &before, &resynced.device)?;
    let new = kept::New {
        account: &owner.account,
        proof: Some(&opened.signed),
        before: visitor.session.as_ref(),
    };
    Ok(kept::keep(visitor.state(), new, response).await?)
}

/// The owner's device, if it is in use and shows codes.
async fn device(visitor: &Visitor, owner: &Owner, serial: &str) -> Result<Device, Stop> {
    let device = devices::show(visitor.state(), &owner.caller, serial).await?;
    let shows_codes = matches!(device.factor, Factor::Totp(_) | Factor::Hotp(_));
    if device.is_in_use() && shows_codes { Ok(device) } else { Err(Stop::Missing) }
}

fn shown(
    visitor: &Visitor,
    device: &Device,
    status: StatusCode,
    problems: Vec<Trouble>,
) -> Result<Response, Stop> {
    let (language, now, words) = (visitor.language, visitor.now(), visitor.words());
    let name = state::name(language, device);
    let used = device.last_used_at.unwrap_or(device.created_at);
    let seen = Reading::of(device, now).map(|reading| {
        let drift = reading.in_words(language);
        let said = words.resync.seen(drift, when::when(language, now, used)).to_string();
        (said, ruler(language, &reading, None))
    });
    let [seconds, left] = shown_for(device, now);
    let address = format!("{}/resync", address(device.serial.as_str()));
    let mut f = visitor.frame(words.resync.title(name), Here::Devices).with(problems);
    f.back.clone_from(&address);
    let is_counter = matches!(device.factor, Factor::Hotp(_));
    let serial = device.serial.as_str().to_owned();
    page(status, &Page { f, address, seen, is_counter, serial, seconds, left })
}

fn done(visitor: &Visitor, before: &Device, after: &Device) -> Result<Response, Stop> {
    let (language, now, words) = (visitor.language, visitor.now(), &visitor.words().resync);
    let name = state::name(language, after);
    let earlier = Reading::of(before, now);
    let reading = Reading::of(after, now);
    let said = match &reading {
        None => words.now_counter.to_owned(),
        Some(reading) if reading.is_on_time() => words.now_on_time.to_owned(),
        Some(reading) => words.now(reading.in_words(language)).to_string(),
    };
    let jumped = reading.as_ref().zip(earlier.as_ref()).and_then(|(now, earlier)| {
        let jump = now.offset.saturating_sub(earlier.offset).saturating_abs();
        (jump > JUMP).then(|| words.jumped(earlier.in_words(language)).to_string())
    });
    let mut f = visitor.frame(words.done(&name), Here::Devices);
    f.back = address(after.serial.as_str());
    f.news = Some(said.clone());
    let picture = reading
        .map(|reading| ruler(language, &reading, earlier.as_ref().map(|earlier| earlier.offset)));
    page(StatusCode::OK, &Resynced { f, now: words.used.to_owned(), ruler: picture, jumped })
}

/// A jump of so many seconds is no drift.
const JUMP: i64 = 180;
