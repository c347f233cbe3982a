//! `/devices/add/key`: a security key or passkey, which the page's script asks.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use crate::agent::access::Failure;
use crate::agent::console::activate::done;
use crate::agent::console::form::Form;
use crate::agent::console::frame::{Frame, Here, Trouble};
use crate::agent::console::page::page;
use crate::agent::console::second_step::KeyForm;
use crate::agent::console::state;
use crate::agent::console::stop::Stop;
use crate::agent::console::visitor::{Owner, Visitor};
use crate::agent::operations::{devices, keys};
use crate::id::DeviceName;
use crate::verifier::{CeremonyId, Error};
use crate::webauthn::RegistrationResponse;

#[derive(Template)]
#[template(path = "add_key.html")]
struct Page {
    f: Frame,
    name: String,
    key: KeyForm,
}

/// `GET /devices/add/key`.
pub(super) async fn show(visitor: Visitor) -> Result<Response, Stop> {
    let owner = visitor.changing_owner(PATH).await?;
    shown(&visitor, &owner, StatusCode::OK, ("", Vec::new())).await
}

/// `POST /devices/add/key`: the key has answered.
pub(super) async fn finish(visitor: Visitor, form: Form) -> Result<Response, Stop> {
    let owner = visitor.changing_owner(PATH).await?;
    let words = visitor.words();
    let typed = form.get("name").trim();
    let name = (!typed.is_empty()).then(|| typed.parse::<DeviceName>()).transpose();
    let Ok(name) = name else {
        let problems = vec![Trouble { field: "name", text: words.add.name_hint }];
        return shown(&visitor, &owner, StatusCode::UNPROCESSABLE_ENTITY, (typed, problems)).await;
    };
    let id: CeremonyId = form.get("ceremony").parse().map_err(|_| Stop::BadInput)?;
    let answer: Result<RegistrationResponse, _> = serde_json::from_str(form.get("credential"));
    let Ok(answer) = answer else {
        let problems = vec![Trouble { field: "start", text: words.frame.needs_script }];
        return shown(&visitor, &owner, StatusCode::UNPROCESSABLE_ENTITY, (typed, problems)).await;
    };
    let (state, proof) = (visitor.state(), owner.proof.as_ref());
    let device = match keys::finish(state, &owner.caller, &id, answer, proof).await {
        Ok(device) => device,
        Err(Failure::Verifier(error @ (Error::AlreadyExists(_) | Error::KeyRefused(_)))) => {
            let text = match error {
                Error::AlreadyExists(_) => words.add.known,
                _ => words.add.not_accepted,
            };
            let problems = vec![Trouble { field: "start", text }];
            return shown(&visitor, &owner, StatusCode::FORBIDDEN, (typed, problems)).await;
        }
        Err(failure) => return Err(visitor.instead(failure, PATH)),
    };
    let device = match name {
        Some(name) => devices::rename(state, &owner.caller, device.serial.as_str(), name).await?,
        None => device,
    };
    let name = state::name(visitor.language, &device);
    // A link alone opens no protected account: its owner touches the new key once more.
    let next = match owner.proof {
        Some(_) => done("ready", &name),
        None => done("ready", &name).replacen("/devices", "/sign-in", 1),
    };
    Ok(Redirect::to(&next).into_response())
}

async fn shown(
    visitor: &Visitor,
    owner: &Owner,
    status: StatusCode,
    (name, problems): (&str, Vec<Trouble>),
) -> Result<Response, Stop> {
    let (state, proof) = (visitor.state(), owner.proof.as_ref());
    let account = owner.account.as_str();
    let begun = keys::begin(state, &owner.caller, account, None, proof).await;
    let begun = begun.map_err(|failure| visitor.instead(failure, PATH))?;
    let options = serde_json::to_string(&begun.options).map_err(|_| Stop::Broken)?;
    let key = KeyForm { ceremony: begun.id.as_str().to_owned(), options };
    let mut f = visitor.frame(visitor.words().add.key_title, Here::Devices).with(problems);
    f.back = PATH.to_owned();
    page(status, &Page { f, name: name.to_owned(), key })
}

const PATH: &str = "/devices/add/key";
