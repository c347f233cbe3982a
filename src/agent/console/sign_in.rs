//! `/sign-in`: the account, then a security key or, where something stood before it, a code.

use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use crate::agent::console::form::Form;
use crate::agent::console::frame::{Frame, Here, Trouble};
use crate::agent::console::page::page;
use crate::agent::console::proof::{Purpose, Tried};
use crate::agent::console::second_step::{KeyForm, SecondStep};
use crate::agent::console::stop::Stop;
use crate::agent::console::visitor::Visitor;
use crate::agent::console::{kept, proof};
use crate::agent::operations::sessions::{Opened, Proof};
use crate::id::AccountId;
use crate::session::AnyContext;

/// The parameters of the page's address.
#[derive(Default, Deserialize)]
pub(super) struct Asked {
    account: Option<String>,
    pair: Option<String>,
    ended: Option<String>,
    /// The device that was added a moment ago.
    name: Option<String>,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct AccountPage {
    f: Frame,
    account: String,
}

/// `GET /`: the page that fits who is there.
pub(super) async fn start(visitor: Visitor) -> Redirect {
    let proved = visitor.session.as_ref().is_some_and(|session| session.proved().is_some());
    match visitor.session {
        Some(session) if session.operator.is_some() => Redirect::to("/operator"),
        Some(_) if proved => Redirect::to("/devices"),
        // An account without a device goes on to its first one.
        Some(_) => Redirect::to("/devices"),
        None => Redirect::to("/sign-in"),
    }
}

/// `GET /sign-in`.
pub(super) async fn show(visitor: Visitor, Query(asked): Query<Asked>) -> Result<Response, Stop> {
    let account = linked(&visitor).or(asked.account);
    let Some(account) = account.filter(|account| !account.is_empty()) else {
        let mut f = visitor.frame(visitor.words().sign_in.title, Here::Elsewhere);
        f.news = asked.ended.map(|_| f.w.sign_in.ended.to_owned());
        return page(StatusCode::OK, &AccountPage { f, account: String::new() });
    };
    let mut step = step(&visitor, &account, asked.pair.is_some()).await?;
    step.news = asked.name.map(|name| visitor.words().add.ready(name).to_string());
    step.shown(&visitor, StatusCode::OK, Vec::new())
}

/// `POST /sign-in`: the account was named.
pub(super) async fn name(visitor: Visitor, form: Form) -> Result<Response, Stop> {
    let typed = form.get("account").trim();
    let named: Result<AccountId, _> = typed.parse();
    if named.is_err() {
        let f = visitor.frame(visitor.words().sign_in.title, Here::Elsewhere);
        let text = f.w.sign_in.account_hint;
        let f = f.with(vec![Trouble { field: "account", text }]);
        return page(
            StatusCode::UNPROCESSABLE_ENTITY,
            &AccountPage { f, account: typed.to_owned() },
        );
    }
    let account: String = url::form_urlencoded::byte_serialize(typed.as_bytes()).collect();
    Ok(Redirect::to(&format!("/sign-in?account={account}")).into_response())
}

/// `POST /sign-in/code`.
pub(super) async fn code(visitor: Visitor, form: Form) -> Result<Response, Stop> {
    let account = linked(&visitor).unwrap_or_else(|| form.get("account").to_owned());
    let step = step(&visitor, &account, form.find("first").is_some()).await?;
    if !step.takes_codes {
        return step.shown(&visitor, StatusCode::FORBIDDEN, Vec::new());
    }
    match proof::typed(&visitor, &account, &form).await? {
        Ok(proof) => tried(visitor, step, &account, proof).await,
        Err(problems) => step.shown(&visitor, StatusCode::UNPROCESSABLE_ENTITY, problems),
    }
}

/// `POST /sign-in/key`.
pub(super) async fn key(visitor: Visitor, form: Form) -> Result<Response, Stop> {
    let account = linked(&visitor).unwrap_or_else(|| form.get("account").to_owned());
    let proof = proof::key(&form)?;
    let step = step(&visitor, &account, false).await?;
    tried(visitor, step, &account, proof).await
}

async fn tried(
    visitor: Visitor,
    step: SecondStep,
    account: &str,
    proof: Proof,
) -> Result<Response, Stop> {
    match proof::attempt(&visitor, account, proof, Purpose::Console).await? {
        Tried::Opened(opened) => signed_in(&visitor, &opened, "/devices").await,
        refused => step.refused(&visitor, &refused),
    }
}

/// Keeps the session of a proof, in place of the one before.
pub(super) async fn signed_in(
    visitor: &Visitor,
    opened: &Opened,
    next: &str,
) -> Result<Response, Stop> {
    let AnyContext::Mfa(context) = &opened.context else { return Err(Stop::Broken) };
    let new = kept::New {
        account: context.account(),
        proof: Some(&opened.signed),
        before: visitor.session.as_ref(),
    };
    let response = Redirect::to(next).into_response();
    Ok(kept::keep(visitor.state(), new, response).await?)
}

/// The account that a one-time link was for.
fn linked(visitor: &Visitor) -> Option<String> {
    let session = visitor.session.as_ref().filter(|session| session.proved().is_none())?;
    Some(session.account.as_str().to_owned())
}

async fn step(visitor: &Visitor, account: &str, pair: bool) -> Result<SecondStep, Stop> {
    let words = visitor.words();
    let takes_codes = visitor.state().config.console.open_codes || linked(visitor).is_some();
    Ok(SecondStep {
        title: words.sign_in.title.to_owned(),
        lead: words.sign_in.as_account(account).strong(),
        asks: None,
        action: "/sign-in",
        go: words.sign_in.go,
        hidden: vec![("account", account.to_owned())],
        takes_codes,
        pair,
        other_way: other_way(account, pair),
        key: Some(KeyForm::begin(visitor, account).await?),
        help: visitor.state().config.console.help.clone(),
        here: Here::Elsewhere,
        news: None,
    })
}

fn other_way(account: &str, pair: bool) -> String {
    let account: String = url::form_urlencoded::byte_serialize(account.as_bytes()).collect();
    let pair = if pair { "" } else { "&pair=1" };
    format!("/sign-in?account={account}{pair}")
}
