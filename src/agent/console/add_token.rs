//! `/devices/add/token`: a hardware token that an operator made ready for this account.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use crate::agent::access::{Denied, Failure};
use crate::agent::console::activate::done;
use crate::agent::console::form::Form;
use crate::agent::console::frame::{Frame, Here, Trouble};
use crate::agent::console::page::page;
use crate::agent::console::sign_in::signed_in;
use crate::agent::console::stop::Stop;
use crate::agent::console::visitor::Visitor;
use crate::agent::console::{devices as list, proof, state};
use crate::agent::operations::proofs;
use crate::device::{Device, DeviceState};
use crate::otp::CodePair;

#[derive(Template)]
#[template(path = "add_token.html")]
struct Page {
    f: Frame,
    serial: String,
}

/// `GET /devices/add/token`.
pub(super) async fn show(visitor: Visitor) -> Result<Response, Stop> {
    visitor.changing_owner(PATH).await?;
    shown(&visitor, StatusCode::OK, ("", Vec::new()))
}

/// `POST /devices/add/token`.
pub(super) async fn finish(visitor: Visitor, form: Form) -> Result<Response, Stop> {
    let owner = visitor.changing_owner(PATH).await?;
    let (words, typed) = (visitor.words(), form.get("serial").trim());
    let devices = list::all(&visitor, &owner).await?;
    let ready = devices.iter().find(|device| is_ready(device) && is_meant(device, typed));
    let (ready, codes) = match (ready, proof::pair(&form, words)) {
        (Some(ready), Ok(codes)) => (ready, codes),
        (ready, codes) => {
            let text = words.add.no_such_token;
            let serial = ready.is_none().then_some(Trouble { field: "serial", text });
            let problems = serial.into_iter().chain(codes.err().into_iter().flatten()).collect();
            return shown(&visitor, StatusCode::UNPROCESSABLE_ENTITY, (typed, problems));
        }
    };
    let [first, second] = &codes;
    let pair = CodePair { codes: [first, second], counter: None };
    let (state, serial) = (visitor.state(), ready.serial.as_str());
    let with = (owner.proof.as_ref(), Visitor::lifetime()?);
    match proofs::activate(state, &owner.caller, serial, pair, with).await {
        Ok((device, opened)) => {
            let name = state::name(visitor.language, &device);
            signed_in(&visitor, &opened, &done("ready", &name)).await
        }
        Err(Failure::Denied(Denied::Pair(_))) => {
            let problems = vec![Trouble { field: "first", text: words.codes.refused }];
            shown(&visitor, StatusCode::FORBIDDEN, (typed, problems))
        }
        Err(failure) => Err(visitor.instead(failure, PATH)),
    }
}

fn is_ready(device: &Device) -> bool {
    matches!(device.state, DeviceState::Pending | DeviceState::Disabled)
}

/// `true` if the text is the serial number, with or without blanks and in any case.
fn is_meant(device: &Device, typed: &str) -> bool {
    let bare = |text: &str| -> String {
        text.chars()
            .filter(|letter| letter.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect()
    };
    !bare(typed).is_empty() && bare(device.serial.as_str()) == bare(typed)
}

fn shown(
    visitor: &Visitor,
    status: StatusCode,
    (serial, problems): (&str, Vec<Trouble>),
) -> Result<Response, Stop> {
    let mut f = visitor.frame(visitor.words().add.token_title, Here::Devices).with(problems);
    f.back = PATH.to_owned();
    page(status, &Page { f, serial: serial.to_owned() })
}

const PATH: &str = "/devices/add/token";
