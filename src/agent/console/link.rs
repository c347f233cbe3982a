//! `/link`: a one-time link, opened by a press of a button. Programs that look at mail for viruses
//! follow links and run scripts.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use crate::agent::access::Failure;
use crate::agent::console::form::Form;
use crate::agent::console::frame::{Frame, Here, Trouble};
use crate::agent::console::kept;
use crate::agent::console::page::page;
use crate::agent::console::sign_in::signed_in;
use crate::agent::console::stop::Stop;
use crate::agent::console::visitor::Visitor;
use crate::agent::operations::proofs;
use crate::verifier::{Error, LinkCode};

#[derive(Template)]
#[template(path = "link.html")]
struct Page {
    f: Frame,
}

/// `GET /link`.
pub(super) async fn show(visitor: Visitor) -> Result<Response, Stop> {
    shown(&visitor, StatusCode::OK, Vec::new())
}

/// `POST /link`.
pub(super) async fn open(visitor: Visitor, form: Form) -> Result<Response, Stop> {
    let refused = || {
        let problems = vec![Trouble { field: "code", text: visitor.words().link.refused }];
        shown(&visitor, StatusCode::FORBIDDEN, problems)
    };
    let caller = visitor.stranger().await?;
    let opened = match form.get("code").parse::<LinkCode>() {
        Ok(code) => proofs::open_link(visitor.state(), &caller, &code).await,
        Err(_) => return refused(),
    };
    let opened = match opened {
        Ok(opened) => opened,
        // A guess at 130 bits is hopeless, so no address waits for one.
        Err(Failure::Verifier(Error::Refused(_))) => return refused(),
        Err(failure) => return Err(failure.into()),
    };
    if let Some(verified) = opened.recovery {
        let lifetime = Visitor::lifetime()?;
        let session = proofs::open(visitor.state(), &caller, verified, lifetime).await?;
        return signed_in(&visitor, &session, "/devices").await;
    }
    let new = kept::New { account: &opened.account, proof: None, before: visitor.session.as_ref() };
    let response = Redirect::to("/devices").into_response();
    Ok(kept::keep(visitor.state(), new, response).await?)
}

fn shown(visitor: &Visitor, status: StatusCode, problems: Vec<Trouble>) -> Result<Response, Stop> {
    let mut f = visitor.frame(visitor.words().link.title, Here::Elsewhere).with(problems);
    f.back = "/link".to_owned();
    page(status, &Page { f })
}
