//! `/devices/{serial}/test`: one code or a touch shows that a device works.

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;

use crate::agent::console::card::address;
use crate::agent::console::form::Form;
use crate::agent::console::frame::{Frame, Here, Trouble};
use crate::agent::console::page::page;
use crate::agent::console::proof::{Purpose, Tried};
use crate::agent::console::second_step::KeyForm;
use crate::agent::console::stop::Stop;
use crate::agent::console::visitor::{Owner, Visitor};
use crate::agent::console::{codes, proof, state};
use crate::agent::operations::devices;
use crate::agent::operations::sessions::Proof;
use crate::device::{Device, MfaKind};
use crate::verifier::Passcode;

#[derive(Template)]
#[template(path = "test.html")]
struct Page {
    f: Frame,
    address: String,
    back: String,
    key: Option<KeyForm>,
}

/// `GET /devices/{serial}/test`.
pub(super) async fn show(visitor: Visitor, Path(serial): Path<String>) -> Result<Response, Stop> {
    let owner = visitor.owner().await?;
    let device = device(&visitor, &owner, &serial).await?;
    shown(&visitor, &owner, &device, (StatusCode::OK, Vec::new())).await
}

/// `POST /devices/{serial}/test`.
pub(super) async fn code(
    visitor: Visitor,
    Path(serial): Path<String>,
    form: Form,
) -> Result<Response, Stop> {
    let owner = visitor.owner().await?;
    let device = device(&visitor, &owner, &serial).await?;
    let Some(code) = codes::code(form.get("code")) else {
        let problems = vec![Trouble { field: "code", text: visitor.words().codes.not_a_code }];
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return shown(&visitor, &owner, &device, (status, problems)).await;
    };
    let proof = Proof::Passcode(Some(device.serial.clone()), Passcode::Otp(code));
    tried(&visitor, &owner, &device, proof).await
}

/// `POST /devices/{serial}/test/key`.
pub(super) async fn key(
    visitor: Visitor,
    Path(serial): Path<String>,
    form: Form,
) -> Result<Response, Stop> {
    let owner = visitor.owner().await?;
    let device = device(&visitor, &owner, &serial).await?;
    tried(&visitor, &owner, &device, proof::key(&form)?).await
}

async fn tried(
    visitor: &Visitor,
    owner: &Owner,
    device: &Device,
    proof: Proof,
) -> Result<Response, Stop> {
    let tried = proof::attempt(visitor, owner.account.as_str(), proof, Purpose::Console).await?;
    let (status, problems) = match tried {
        // The context goes nowhere: the session stays with the device that it began with.
        Tried::Opened(_) => (StatusCode::OK, Vec::new()),
        Tried::Refused | Tried::Wait(_) => {
            let field = if device.kind() == MfaKind::SecurityKey { "key" } else { "code" };
            let text = visitor.words().sign_in.refused;
            (StatusCode::FORBIDDEN, vec![Trouble { field, text }])
        }
    };
    shown(visitor, owner, device, (status, problems)).await
}

async fn device(visitor: &Visitor, owner: &Owner, serial: &str) -> Result<Device, Stop> {
    let device = devices::show(visitor.state(), &owner.caller, serial).await?;
    let testable = device.is_in_use() && device.kind() != MfaKind::Recovery;
    if testable { Ok(device) } else { Err(Stop::Missing) }
}

async fn shown(
    visitor: &Visitor,
    owner: &Owner,
    device: &Device,
    (status, problems): (StatusCode, Vec<Trouble>),
) -> Result<Response, Stop> {
    let words = &visitor.words().device;
    let title = words.test_title(state::name(visitor.language, device));
    let works = status == StatusCode::OK && visitor.path == "/";
    let key = match device.kind() {
        MfaKind::SecurityKey => Some(KeyForm::begin(visitor, owner.account.as_str()).await?),
        _ => None,
    };
    let back = address(device.serial.as_str());
    let address = format!("{back}/test");
    let mut f = visitor.frame(title, Here::Devices).with(problems);
    f.news = works.then(|| words.works.to_owned());
    f.back.clone_from(&address);
    page(status, &Page { f, address, back, key })
}
