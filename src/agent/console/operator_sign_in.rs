//! `/operator/sign-in`: an API key made for the operator, then a device of its account.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use crate::agent::console::form::Form;
use crate::agent::console::frame::{Frame, Here, Trouble};
use crate::agent::console::kept::Standing;
use crate::agent::console::page::page;
use crate::agent::console::proof::{Purpose, Tried};
use crate::agent::console::second_step::{KeyForm, SecondStep};
use crate::agent::console::sign_in::signed_in;
use crate::agent::console::stop::Stop;
use crate::agent::console::visitor::{OPERATOR, Visitor};
use crate::agent::console::{kept, proof};
use crate::agent::operations::sessions::Proof;
use crate::id::AccountId;

#[derive(Template)]
#[template(path = "operator_sign_in.html")]
struct Page {
    f: Frame,
    account: String,
}

/// `GET /operator/sign-in`.
pub(super) async fn show(visitor: Visitor) -> Result<Response, Stop> {
    match known(&visitor) {
        Some(account) => {
            let step = step(&visitor, &account, false).await?;
            step.shown(&visitor, StatusCode::OK, Vec::new())
        }
        None => asked(&visitor, "", StatusCode::OK, Vec::new()),
    }
}

/// `GET /operator/sign-in/pair`: the second step by two codes in a row.
pub(super) async fn pair(visitor: Visitor) -> Result<Response, Stop> {
    let account = known(&visitor).ok_or(Stop::Go(OPERATOR.to_owned()))?;
    step(&visitor, &account, true)
        .await?
        .shown(&visitor, StatusCode::OK, Vec::new())
}

/// `POST /operator/sign-in`: the account and the API key.
pub(super) async fn name(visitor: Visitor, form: Form) -> Result<Response, Stop> {
    let failures = &visitor.console.failures;
    if let Some(until) = failures.wait(visitor.address, visitor.now()) {
        return Err(Stop::TooFast(until.since(visitor.now())));
    }
    let _caller = visitor.stranger().await?;
    let account = form.get("account").trim();
    let state = visitor.state();
    let named = state.accounts.existing(account).ok();
    let operator = state.callers.operator(form.get("api_key").trim()).await?;
    let known = operator.filter(|(_, of)| Some(of) == named.as_ref());
    let Some((caller, of)) = known else {
        failures.count(visitor.address, visitor.now());
        let text = visitor.words().sign_in.refused;
        let problems = vec![Trouble { field: "api_key", text }];
        return asked(&visitor, account, StatusCode::FORBIDDEN, problems);
    };
    let key = caller.id.as_str().strip_prefix("key:").map(str::to_owned);
    let new = kept::New { account: &of, proof: None, before: visitor.session.as_ref() };
    let response = Redirect::to(OPERATOR).into_response();
    Ok(kept::keep_as(state, new, key, response).await?)
}

/// `POST /operator/sign-in/code`.
pub(super) async fn code(visitor: Visitor, form: Form) -> Result<Response, Stop> {
    let account = known(&visitor).ok_or(Stop::Go(OPERATOR.to_owned()))?;
    let step = step(&visitor, &account, form.find("first").is_some()).await?;
    match proof::typed(&visitor, account.as_str(), &form).await? {
        Ok(proof) => tried(visitor, step, &account, proof).await,
        Err(problems) => step.shown(&visitor, StatusCode::UNPROCESSABLE_ENTITY, problems),
    }
}

/// `POST /operator/sign-in/key`.
pub(super) async fn key(visitor: Visitor, form: Form) -> Result<Response, Stop> {
    let account = known(&visitor).ok_or(Stop::Go(OPERATOR.to_owned()))?;
    let proof = proof::key(&form)?;
    let step = step(&visitor, &account, false).await?;
    tried(visitor, step, &account, proof).await
}

async fn tried(
    visitor: Visitor,
    step: SecondStep,
    account: &AccountId,
    proof: Proof,
) -> Result<Response, Stop> {
    match proof::attempt(&visitor, account.as_str(), proof, Purpose::Console).await? {
        Tried::Opened(opened) => signed_in(&visitor, &opened, "/operator").await,
        refused => step.refused(&visitor, &refused),
    }
}

/// The account of the operator whose API key was shown.
fn known(visitor: &Visitor) -> Option<AccountId> {
    let session = visitor.session.as_ref()?;
    matches!(session.standing, Standing::Key).then(|| session.account.clone())
}

async fn step(visitor: &Visitor, account: &AccountId, pair: bool) -> Result<SecondStep, Stop> {
    let words = visitor.words();
    let other_way = if pair { OPERATOR.to_owned() } else { format!("{OPERATOR}/pair") };
    Ok(SecondStep {
        title: words.sign_in.operator.to_owned(),
        lead: words.sign_in.as_account(account).strong(),
        asks: None,
        action: OPERATOR,
        go: words.sign_in.go,
        hidden: Vec::new(),
        takes_codes: true,
        pair,
        other_way,
        key: Some(KeyForm::begin(visitor, account.as_str()).await?),
        help: visitor.state().config.console.help.clone(),
        here: Here::Elsewhere,
        news: None,
    })
}

fn asked(
    visitor: &Visitor,
    account: &str,
    status: StatusCode,
    problems: Vec<Trouble>,
) -> Result<Response, Stop> {
    let mut f = visitor.frame(visitor.words().sign_in.operator, Here::Elsewhere).with(problems);
    f.back = OPERATOR.to_owned();
    page(status, &Page { f, account: account.to_owned() })
}
