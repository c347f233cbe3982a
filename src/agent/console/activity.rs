//! `/activity`: what happened to the account's devices, newest first.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use crate::agent::console::frame::{Frame, Here};
use crate::agent::console::history;
use crate::agent::console::history::Row;
use crate::agent::console::page::page;
use crate::agent::console::stop::Stop;
use crate::agent::console::visitor::Visitor;

#[derive(Template)]
#[template(path = "activity.html")]
struct Page {
    f: Frame,
    rows: Vec<Row>,
}

/// `GET /activity`.
pub(super) async fn show(visitor: Visitor) -> Result<Response, Stop> {
    let owner = visitor.owner().await?;
    let rows = history::of(&visitor, &owner, None).await?;
    let f = visitor.frame(visitor.words().activity.title, Here::Activity);
    page(StatusCode::OK, &Page { f, rows })
}
