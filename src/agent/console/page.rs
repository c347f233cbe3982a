//! Rendering of templates.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

use crate::agent::console::stop::Stop;

/// The response with a rendered template.
pub(super) fn page(status: StatusCode, template: &impl Template) -> Result<Response, Stop> {
    let html = template.render().map_err(|error| {
        tracing::error!(%error, "a page cannot be rendered");
        Stop::Broken
    })?;
    Ok((status, Html(html)).into_response())
}
