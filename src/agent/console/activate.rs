//! `/devices/{serial}/activate`: an authenticator app, from its secret to its first two codes.

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use crate::agent::access::{Denied, Failure};
use crate::agent::console::card::address;
use crate::agent::console::form::Form;
use crate::agent::console::frame::{Frame, Here, Trouble};
use crate::agent::console::kept::Session;
use crate::agent::console::page::page;
use crate::agent::console::sign_in::signed_in;
use crate::agent::console::stop::Stop;
use crate::agent::console::visitor::{Owner, Visitor};
use crate::agent::console::{devices as list, proof, qr, secrets, state};
use crate::agent::operations::devices::Addition;
use crate::agent::operations::{devices, proofs};
use crate::device::{Device, DeviceState, Factor};
use crate::id::DeviceName;
use crate::otp::{CodePair, KeyUri, MovingFactor, Seed, Totp};
use crate::time::UnixTime;
use crate::verifier::{Error, NewFactor};

#[derive(Template)]
#[template(path = "activate.html")]
struct Page {
    f: Frame,
    /// The page's own path.
    address: String,
    name: String,
    /// The secret, for the session that began the enrolment.
    secret: Option<Secret>,
    go: &'static str,
    /// The display time of a code, and what is left of it.
    seconds: u64,
    left: u64,
}

/// A secret as an app takes it.
struct Secret {
    /// In groups of four.
    text: String,
    uri: String,
    /// The picture, as HTML.
    picture: Option<String>,
    hint: String,
}

/// `POST /devices/add/app`: begins the enrolment, or takes up the one that this session began.
pub(super) async fn begin(visitor: Visitor) -> Result<Response, Stop> {
    let owner = visitor.changing_owner("/devices").await?;
    let Some(session) = &visitor.session else { return Err(Stop::Missing) };
    let pending = list::all(&visitor, &owner).await?;
    let pending = pending.iter().filter(|device| device.state == DeviceState::Pending);
    for device in pending {
        if secrets::find(visitor.state(), session, &device.serial).await?.is_some() {
            return Ok(to_page(device));
        }
    }
    let factor = NewFactor::Totp { parameters: Totp::default(), seed: None };
    let account = owner.account.as_str();
    let addition = Addition { account, serial: None, name: None, factor, clock_set: None };
    let (state, proof) = (visitor.state(), owner.proof.as_ref());
    let added = match devices::add(state, &owner.caller, addition, proof).await {
        Ok(added) => added,
        Err(Failure::Verifier(Error::TooManyDevices(_))) => {
            return Err(Stop::Go("/devices?done=full".to_owned()));
        }
        Err(failure) => return Err(visitor.instead(failure, "/devices")),
    };
    let seed = added.seed.ok_or(Stop::Broken)?;
    secrets::keep(state, session, &added.device.serial, &seed).await?;
    Ok(to_page(&added.device))
}

/// `GET /devices/{serial}/activate`.
pub(super) async fn show(visitor: Visitor, Path(serial): Path<String>) -> Result<Response, Stop> {
    let owner = visitor.owner().await?;
    let device = device(&visitor, &owner, &serial).await?;
    shown(&visitor, &device, StatusCode::OK, (None, Vec::new())).await
}

/// `POST /devices/{serial}/activate`: the first two codes.
pub(super) async fn finish(
    visitor: Visitor,
    Path(serial): Path<String>,
    form: Form,
) -> Result<Response, Stop> {
    let back = format!("{}/activate", address(&serial));
    let owner = visitor.changing_owner(&back).await?;
    let device = device(&visitor, &owner, &serial).await?;
    let typed = form.find("name").map(str::trim).filter(|name| !name.is_empty());
    let name = typed.map(str::parse::<DeviceName>).transpose();
    let (name, codes) = match (name, proof::pair(&form, visitor.words())) {
        (Ok(name), Ok(codes)) => (name, codes),
        (name, codes) => {
            let text = visitor.words().add.name_hint;
            let name = name.err().map(|_| Trouble { field: "name", text });
            let problems = name.into_iter().chain(codes.err().into_iter().flatten()).collect();
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return shown(&visitor, &device, status, (typed, problems)).await;
        }
    };
    let [first, second] = &codes;
    let pair = CodePair { codes: [first, second], counter: None };
    let with = (owner.proof.as_ref(), Visitor::lifetime()?);
    let activated = proofs::activate(visitor.state(), &owner.caller, &serial, pair, with).await;
    let (activated, opened) = match activated {
        Ok(activated) => activated,
        Err(Failure::Denied(Denied::Pair(_))) => {
            let text = visitor.words().codes.refused;
            let problems = vec![Trouble { field: "first", text }];
            return shown(&visitor, &device, StatusCode::FORBIDDEN, (typed, problems)).await;
        }
        Err(failure) => return Err(visitor.instead(failure, &back)),
    };
    let activated = match name {
        Some(name) => devices::rename(visitor.state(), &owner.caller, &serial, name).await?,
        None => activated,
    };
    let name = state::name(visitor.language, &activated);
    signed_in(&visitor, &opened, &done("ready", &name)).await
}

/// The address of the list, with the outcome of a change.
pub(super) fn done(done: &str, name: &str) -> String {
    let name: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
    format!("/devices?done={done}&name={name}")
}

/// The seconds for which a device shows a code, and those that are left by our clock.
pub(super) fn shown_for(device: &Device, now: UnixTime) -> [u64; 2] {
    let seconds = match &device.factor {
        Factor::Totp(totp) => u64::from(totp.parameters.step_size.seconds()),
        _ => 30,
    };
    [seconds, seconds - now.0 % seconds]
}

/// The owner's device, while two codes can make it active.
async fn device(visitor: &Visitor, owner: &Owner, serial: &str) -> Result<Device, Stop> {
    let device = devices::show(visitor.state(), &owner.caller, serial).await?;
    let waits = matches!(device.state, DeviceState::Pending | DeviceState::Disabled);
    let shows_codes = matches!(device.factor, Factor::Totp(_) | Factor::Hotp(_));
    if waits && shows_codes { Ok(device) } else { Err(Stop::Missing) }
}

async fn shown(
    visitor: &Visitor,
    device: &Device,
    status: StatusCode,
    (name, problems): (Option<&str>, Vec<Trouble>),
) -> Result<Response, Stop> {
    let words = visitor.words();
    let session = visitor.session.as_ref().ok_or(Stop::Missing)?;
    let secret = secret(visitor, session, device).await?;
    let named = device.name.as_ref().map(|name| name.as_str());
    let (title, go) = match &secret {
        Some(_) => (words.add.app_title.to_owned(), words.add.go_app),
        None => {
            let name = state::name(visitor.language, device);
            (words.add.activate_title(name).to_string(), words.add.activate)
        }
    };
    let [seconds, left] = shown_for(device, visitor.now());
    let address = format!("{}/activate", address(device.serial.as_str()));
    let mut f = visitor.frame(title, Here::Devices).with(problems);
    f.back.clone_from(&address);
    let name = name.or(named).unwrap_or_default().to_owned();
    page(status, &Page { f, address, name, secret, go, seconds, left })
}

async fn secret(
    visitor: &Visitor,
    session: &Session,
    device: &Device,
) -> Result<Option<Secret>, Stop> {
    let Factor::Totp(totp) = &device.factor else { return Ok(None) };
    if device.state != DeviceState::Pending {
        return Ok(None);
    }
    let seed = secrets::find(visitor.state(), session, &device.serial).await?;
    let Some(seed) = seed else { return Ok(None) };
    let parameters = &totp.parameters;
    let words = &visitor.words().add;
    let hint = words.secret_hint(
        words.time_based,
        u8::from(parameters.digits),
        parameters.step_size.seconds(),
    );
    let uri = uri(visitor, session, &seed, parameters);
    Ok(Some(Secret {
        text: grouped(&seed.to_base32()),
        picture: qr::picture(&uri, words.qr),
        uri,
        hint: hint.to_string(),
    }))
}

fn uri(visitor: &Visitor, session: &Session, seed: &Seed, parameters: &Totp) -> String {
    // Apps read the issuer up to the first colon.
    let issuer = visitor.state().config.display_name().replace(':', " ");
    let uri = KeyUri {
        issuer: Some(issuer),
        account: session.account.as_str().to_owned(),
        seed: seed.clone(),
        algorithm: parameters.algorithm,
        digits: parameters.digits,
        factor: MovingFactor::Time(parameters.step_size),
    };
    uri.to_text().to_string()
}

fn grouped(secret: &str) -> String {
    let letters: Vec<char> = secret.chars().collect();
    let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
    groups.join(" ")
}

fn to_page(device: &Device) -> Response {
    Redirect::to(&format!("{}/activate", address(device.serial.as_str()))).into_response()
}
