//! `/lost`: what to do without a device; signed in, its report.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use crate::agent::console::form::Form;
use crate::agent::console::frame::{Frame, Here, Trouble};
use crate::agent::console::page::page;
use crate::agent::console::stop::Stop;
use crate::agent::console::visitor::Visitor;
use crate::agent::console::{device, devices as list, kept, sign_ins, state};
use crate::agent::operations::devices;

#[derive(Template)]
#[template(path = "lost.html")]
struct Page {
    f: Frame,
    help: Option<String>,
    /// Serial number and name of each device in use, for a person who is signed in.
    choices: Vec<(String, String)>,
}

/// `GET /lost`.
pub(super) async fn show(visitor: Visitor) -> Result<Response, Stop> {
    shown(&visitor, StatusCode::OK, Vec::new()).await
}

/// `POST /lost`: the device is deactivated, and every sign-in of the account ends.
pub(super) async fn report(visitor: Visitor, form: Form) -> Result<Response, Stop> {
    let owner = visitor.changing_owner("/lost").await?;
    let (state, serial) = (visitor.state(), form.get("serial"));
    if serial.is_empty() {
        let problems = vec![Trouble { field: "which", text: visitor.words().lost.which }];
        return shown(&visitor, StatusCode::UNPROCESSABLE_ENTITY, problems).await;
    }
    let lost = devices::show(state, &owner.caller, serial).await?;
    if device::is_last(&visitor, &owner, &lost).await? {
        let problems = vec![Trouble { field: "which", text: visitor.words().device.last }];
        return shown(&visitor, StatusCode::FORBIDDEN, problems).await;
    }
    let proof = owner.proof.as_ref();
    let deactivated = devices::deactivate(state, &owner.caller, serial, proof).await;
    deactivated.map_err(|failure| visitor.instead(failure, "/lost"))?;
    sign_ins::end_all(&visitor, &owner).await?;
    Ok(kept::forget(Redirect::to("/sign-in?ended=1").into_response()))
}

async fn shown(
    visitor: &Visitor,
    status: StatusCode,
    problems: Vec<Trouble>,
) -> Result<Response, Stop> {
    let mut choices = Vec::new();
    let proved = visitor.session.as_ref().is_some_and(|session| session.proved().is_some());
    if proved {
        let owner = visitor.owner().await?;
        let devices = list::all(visitor, &owner).await?;
        let in_use = devices.iter().filter(|device| device.is_in_use());
        choices.extend(in_use.map(|device| {
            (device.serial.as_str().to_owned(), state::name(visitor.language, device))
        }));
    }
    let mut f = visitor.frame(visitor.words().lost.title, Here::Elsewhere).with(problems);
    f.back = "/lost".to_owned();
    page(status, &Page { f, help: visitor.state().config.console.help.clone(), choices })
}
