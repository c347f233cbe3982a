//! `/operator/links`: the links that can be opened.

use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use crate::agent::console::frame::{Frame, Here};
use crate::agent::console::operator_find::account_address;
use crate::agent::console::page::page;
use crate::agent::console::stop::Stop;
use crate::agent::console::visitor::Visitor;
use crate::agent::console::when;
use crate::agent::operations::console;
use crate::verifier::LinkPurpose;

/// The parameters of the page's address.
#[derive(Default, Deserialize)]
pub(super) struct Asked {
    withdrawn: Option<String>,
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "operator_links.html")]
struct Page {
    f: Frame,
    links: Vec<Row>,
    next: Option<String>,
}

/// A link in the list.
struct Row {
    account: String,
    address: String,
    is_recovery: bool,
    made_by: String,
    until: String,
    withdraw: String,
}

/// `GET /operator/links`.
pub(super) async fn show(visitor: Visitor, Query(asked): Query<Asked>) -> Result<Response, Stop> {
    let caller = visitor.operator().await?;
    let found = console::links(visitor.state(), &caller, asked.after.as_deref(), None).await?;
    let names = visitor
        .state()
        .callers
        .names(found.links.iter().map(|link| &link.made_by))
        .await;
    let (language, now) = (visitor.language, visitor.now());
    let links = found.links.iter().map(|link| Row {
        account: link.account.as_str().to_owned(),
        address: account_address(link.account.as_str()),
        is_recovery: link.purpose == LinkPurpose::Recover,
        made_by: names
            .get(&link.made_by)
            .cloned()
            .unwrap_or_else(|| link.made_by.as_str().to_owned()),
        until: when::until(language, now, link.expires_at),
        withdraw: format!("/operator/links/{}", link.id),
    });
    let links = links.collect();
    let mut f = visitor.frame(visitor.words().operator.links, Here::Links);
    f.news = asked.withdrawn.map(|_| f.w.operator.withdrawn.to_owned());
    f.back = "/operator/links".to_owned();
    page(StatusCode::OK, &Page { f, links, next: found.next })
}

/// `POST /operator/links/{id}`: withdraws a link.
pub(super) async fn withdraw(visitor: Visitor, Path(id): Path<String>) -> Result<Response, Stop> {
    let caller = visitor.changing_operator("/operator/links").await?;
    console::withdraw_link(visitor.state(), &caller, &id).await?;
    Ok(Redirect::to("/operator/links?withdrawn=1").into_response())
}
