//! `/prove`: a new proof before something is changed.

use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use crate::agent::console::form::Form;
use crate::agent::console::frame::Here;
use crate::agent::console::next::path_of;
use crate::agent::console::proof;
use crate::agent::console::proof::{Purpose, Tried};
use crate::agent::console::second_step::{KeyForm, SecondStep};
use crate::agent::console::sign_in::signed_in;
use crate::agent::console::stop::Stop;
use crate::agent::console::visitor::{Visitor, prove_before};
use crate::agent::console::words::escaped;
use crate::agent::operations::sessions::Proof;

/// The parameters of the page's address.
#[derive(Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    next: String,
    pair: Option<String>,
}

/// `GET /prove`.
pub(super) async fn show(visitor: Visitor, Query(asked): Query<Asked>) -> Result<Response, Stop> {
    let step = step(&visitor, &asked.next, asked.pair.is_some()).await?;
    step.shown(&visitor, StatusCode::OK, Vec::new())
}

/// `POST /prove/code`.
pub(super) async fn code(visitor: Visitor, form: Form) -> Result<Response, Stop> {
    let next = form.get("next");
    let step = step(&visitor, next, form.find("first").is_some()).await?;
    let account = visitor.owner().await?.account;
    match proof::typed(&visitor, account.as_str(), &form).await? {
        Ok(proof) => tried(visitor, step, next, proof).await,
        Err(problems) => step.shown(&visitor, StatusCode::UNPROCESSABLE_ENTITY, problems),
    }
}

/// `POST /prove/key`.
pub(super) async fn key(visitor: Visitor, form: Form) -> Result<Response, Stop> {
    let next = form.get("next");
    let proof = proof::key(&form)?;
    let step = step(&visitor, next, false).await?;
    tried(visitor, step, next, proof).await
}

async fn tried(
    visitor: Visitor,
    step: SecondStep,
    next: &str,
    proof: Proof,
) -> Result<Response, Stop> {
    let account = visitor.owner().await?.account;
    match proof::attempt(&visitor, account.as_str(), proof, Purpose::Console).await? {
        Tried::Opened(opened) => {
            let next = path_of(&visitor.console.origin, next);
            signed_in(&visitor, &opened, &next).await
        }
        refused => step.refused(&visitor, &refused),
    }
}

async fn step(visitor: &Visitor, next: &str, pair: bool) -> Result<SecondStep, Stop> {
    let words = visitor.words();
    let owner = visitor.owner().await?;
    let next = path_of(&visitor.console.origin, next);
    let other_way = format!("{}{}", prove_before(&next), if pair { "" } else { "&pair=1" });
    Ok(SecondStep {
        title: words.sign_in.prove.to_owned(),
        lead: escaped(words.sign_in.prove_lead),
        asks: None,
        action: "/prove",
        go: words.sign_in.confirm,
        hidden: vec![("next", next)],
        takes_codes: true,
        pair,
        other_way,
        key: Some(KeyForm::begin(visitor, owner.account.as_str()).await?),
        help: None,
        here: Here::Elsewhere,
        news: None,
    })
}
