//! `/login`: the second step of another service. It ends in a form that the browser posts there.

use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use url::form_urlencoded;
use zeroize::Zeroizing;

use crate::agent::config::ConsoleService;
use crate::agent::console::browser::HandsOverTo;
use crate::agent::console::form::Form;
use crate::agent::console::frame::{Frame, Here, Trouble};
use crate::agent::console::page::page;
use crate::agent::console::proof;
use crate::agent::console::proof::{Purpose, Tried};
use crate::agent::console::second_step::{KeyForm, SecondStep};
use crate::agent::console::stop::Stop;
use crate::agent::console::visitor::Visitor;
use crate::agent::operations::return_to;
use crate::agent::operations::sessions::{Opened, Proof};
use crate::id::AccountId;
use crate::policy::Presented;
use crate::verifier::LinkCode;

/// The parameters of the page's address.
#[derive(Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    return_to: String,
    state: Option<String>,
    login_hint: Option<String>,
    acr_values: Option<String>,
    pair: Option<String>,
}

/// A sign-in for a service, as its address or the service itself began it.
struct SignIn<'a> {
    service: &'a ConsoleService,
    return_to: String,
    state: Option<String>,
    account: Option<String>,
    /// The secret of a sign-in that the service has started: it has proved a first factor.
    started: Option<String>,
    /// The methods that are asked for.
    acr_values: Option<String>,
}

#[derive(Template)]
#[template(path = "login.html")]
struct AccountPage {
    f: Frame,
    asks: String,
    hidden: Vec<(&'static str, String)>,
    account: String,
}

#[derive(Template)]
#[template(path = "handed_over.html")]
struct HandedOver {
    f: Frame,
    /// The address that receives the token.
    action: String,
    token: Zeroizing<String>,
    return_to: String,
    state: Option<String>,
    go: String,
}

/// `GET /login`.
pub(super) async fn show(visitor: Visitor, Query(asked): Query<Asked>) -> Result<Response, Stop> {
    let pair = asked.pair.is_some();
    let sign_in = SignIn::asked(&visitor, asked)?;
    match &sign_in.account {
        Some(_) => sign_in.step(&visitor, pair).await?.shown(&visitor, StatusCode::OK, Vec::new()),
        None => sign_in.asks_account(&visitor, StatusCode::OK, ""),
    }
}

/// `POST /login`: the account was named.
pub(super) async fn name(visitor: Visitor, form: Form) -> Result<Response, Stop> {
    let sign_in = SignIn::of_form(&visitor, &form).await?;
    let typed = form.get("account").trim();
    if typed.parse::<AccountId>().is_err() {
        return sign_in.asks_account(&visitor, StatusCode::UNPROCESSABLE_ENTITY, typed);
    }
    let sign_in = SignIn { account: Some(typed.to_owned()), ..sign_in };
    Ok(Redirect::to(&sign_in.address(false)).into_response())
}

/// `GET /login/{started}`: a sign-in that a service has started.
pub(super) async fn started(
    visitor: Visitor,
    Path(code): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Stop> {
    let sign_in = SignIn::started(&visitor, &code).await?;
    let step = sign_in.step(&visitor, asked.pair.is_some()).await?;
    step.shown(&visitor, StatusCode::OK, Vec::new())
}

/// `POST /login/code`.
pub(super) async fn code(visitor: Visitor, form: Form) -> Result<Response, Stop> {
    let sign_in = SignIn::of_form(&visitor, &form).await?;
    let step = sign_in.step(&visitor, form.find("first").is_some()).await?;
    if !step.takes_codes {
        return step.shown(&visitor, StatusCode::FORBIDDEN, Vec::new());
    }
    let account = sign_in.account.clone().ok_or(Stop::SignIn)?;
    match proof::typed(&visitor, &account, &form).await? {
        Ok(proof) => sign_in.tried(&visitor, step, proof).await,
        Err(problems) => step.shown(&visitor, StatusCode::UNPROCESSABLE_ENTITY, problems),
    }
}

/// `POST /login/key`.
pub(super) async fn key(visitor: Visitor, form: Form) -> Result<Response, Stop> {
    let sign_in = SignIn::of_form(&visitor, &form).await?;
    let proof = proof::key(&form)?;
    let step = sign_in.step(&visitor, false).await?;
    sign_in.tried(&visitor, step, proof).await
}

impl<'a> SignIn<'a> {
    fn asked(visitor: &'a Visitor, asked: Asked) -> Result<SignIn<'a>, Stop> {
        let console = &visitor.state().config.console;
        let (service, return_to) =
            return_to::service(console, &asked.return_to).ok_or(Stop::SignIn)?;
        let account = asked.login_hint.filter(|account| !account.is_empty());
        let Asked { state, acr_values, .. } = asked;
        Ok(SignIn { service, return_to, state, account, started: None, acr_values })
    }

    async fn started(visitor: &'a Visitor, code: &str) -> Result<SignIn<'a>, Stop> {
        let parsed: LinkCode = code.parse().map_err(|_| Stop::SignIn)?;
        let found = visitor.state().verifier.sign_in(&parsed).await?.ok_or(Stop::SignIn)?;
        let console = &visitor.state().config.console;
        let (service, return_to) =
            return_to::service(console, &found.return_to).ok_or(Stop::SignIn)?;
        Ok(SignIn {
            service,
            return_to,
            state: found.state,
            account: Some(found.account.as_str().to_owned()),
            started: Some(code.to_owned()),
            acr_values: None,
        })
    }

    async fn of_form(visitor: &'a Visitor, form: &Form) -> Result<SignIn<'a>, Stop> {
        if let Some(code) = form.find("started") {
            return SignIn::started(visitor, code).await;
        }
        let text = |name: &str| form.find(name).map(str::to_owned);
        let asked = Asked {
            return_to: form.get("return_to").to_owned(),
            state: text("state"),
            login_hint: text("account"),
            acr_values: text("acr_values"),
            pair: None,
        };
        SignIn::asked(visitor, asked)
    }

    async fn step(&self, visitor: &Visitor, pair: bool) -> Result<SecondStep, Stop> {
        let (words, account) = (visitor.words(), self.account.as_deref().ok_or(Stop::SignIn)?);
        let stood_before = visitor.state().config.console.open_codes || self.started.is_some();
        Ok(SecondStep {
            title: words.sign_in.to(&self.service.name).to_string(),
            lead: words.sign_in.as_account(account).strong(),
            asks: Some(words.sign_in.asks(&self.service.name).to_string()),
            action: "/login",
            go: words.sign_in.go,
            hidden: self.hidden(),
            takes_codes: stood_before && !self.needs_key(visitor),
            pair,
            other_way: self.address(!pair),
            key: Some(KeyForm::begin(visitor, account).await?),
            help: visitor.state().config.console.help.clone(),
            here: Here::Elsewhere,
            news: None,
        })
    }

    /// `true` if the service, or its policy, takes keys alone.
    fn needs_key(&self, visitor: &Visitor) -> bool {
        let by_policy = self.service.policy.as_deref().and_then(|name| {
            visitor
                .state()
                .config
                .policies
                .get(name)
                .map(|policy| policy.step_up().acr_values)
        });
        let asked = self.acr_values.iter().flat_map(|values| values.split(' '));
        let only_keys = |values: &[&str]| {
            !values.contains(&"mfa") && values.iter().any(|value| ["phr", "phrh"].contains(value))
        };
        let by_policy = by_policy.unwrap_or_default();
        let by_policy: Vec<&str> = by_policy.iter().map(String::as_str).collect();
        only_keys(&asked.collect::<Vec<_>>()) || only_keys(&by_policy)
    }

    async fn tried(
        self,
        visitor: &Visitor,
        step: SecondStep,
        proof: Proof,
    ) -> Result<Response, Stop> {
        let account = self.account.as_deref().ok_or(Stop::SignIn)?;
        let purpose = Purpose::Service(&self.service.audience);
        let opened = match proof::attempt(visitor, account, proof, purpose).await? {
            Tried::Opened(opened) => opened,
            refused => return step.refused(visitor, &refused),
        };
        if !self.meets_policy(visitor, &opened) {
            return step.refused(visitor, &Tried::Refused);
        }
        if let Some(code) = &self.started {
            let code: LinkCode = code.parse().map_err(|_| Stop::SignIn)?;
            let ended = visitor.state().verifier.end_sign_in(&code).await;
            ended.map_err(|_| Stop::SignIn)?;
        }
        self.hand_over(visitor, &opened)
    }

    fn meets_policy(&self, visitor: &Visitor, opened: &Opened) -> bool {
        let policies = &visitor.state().config.policies;
        let Some(name) = self.service.policy.as_deref() else { return true };
        let Some(policy) = policies.get(name) else { return false };
        policy.decide(Presented::from(&opened.context), opened.now).is_allowed()
    }

    fn hand_over(&self, visitor: &Visitor, opened: &Opened) -> Result<Response, Stop> {
        let words = &visitor.words().sign_in;
        let mut f = visitor.frame(words.done, Here::Elsewhere);
        f.back = "/".to_owned();
        let service = self.service;
        let handed_over = HandedOver {
            f,
            action: format!("{}{}", service.origin, service.receive),
            token: Zeroizing::new(opened.signed.as_str().to_owned()),
            return_to: self.return_to.clone(),
            state: self.state.clone(),
            go: words.on(&service.name).to_string(),
        };
        let mut response = page(StatusCode::OK, &handed_over)?;
        response.extensions_mut().insert(HandsOverTo(service.origin.clone()));
        Ok(response)
    }

    fn asks_account(
        &self,
        visitor: &Visitor,
        status: StatusCode,
        account: &str,
    ) -> Result<Response, Stop> {
        let words = &visitor.words().sign_in;
        let problem = Trouble { field: "account", text: words.account_hint };
        let wrong = status == StatusCode::UNPROCESSABLE_ENTITY;
        let f = visitor.frame(words.to(&self.service.name), Here::Elsewhere);
        let mut f = f.with(wrong.then_some(problem).into_iter().collect());
        f.back = self.address(false);
        let asks = words.asks(&self.service.name).to_string();
        let (hidden, account) = (self.hidden(), account.to_owned());
        page(status, &AccountPage { f, asks, hidden, account })
    }

    /// The fields that the forms carry from page to page.
    fn hidden(&self) -> Vec<(&'static str, String)> {
        if let Some(code) = &self.started {
            return vec![("started", code.clone())];
        }
        let fields = [
            ("return_to", Some(&self.return_to)),
            ("state", self.state.as_ref()),
            ("acr_values", self.acr_values.as_ref()),
            ("account", self.account.as_ref()),
        ];
        fields
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?.clone())))
            .collect()
    }

    /// The address of the page, with one code or two.
    fn address(&self, pair: bool) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if self.started.is_none() {
            for (name, value) in self.hidden() {
                query.append_pair(if name == "account" { "login_hint" } else { name }, &value);
            }
        }
        if pair {
            query.append_pair("pair", "1");
        }
        let path = self
            .started
            .as_ref()
            .map_or("/login".to_owned(), |code| format!("/login/{code}"));
        match query.finish() {
            query if query.is_empty() => path,
            query => format!("{path}?{query}"),
        }
    }
}
