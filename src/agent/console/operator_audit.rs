//! `/operator/audit`: the newest events, and the state of their chain.

use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use crate::agent::config::Role;
use crate::agent::console::frame::{Frame, Here};
use crate::agent::console::page::page;
use crate::agent::console::stop::Stop;
use crate::agent::console::visitor::Visitor;
use crate::agent::console::{happened, when};
use crate::agent::operations::control;
use crate::agent::operations::control::AuditListing;
use crate::store::{AuditFilter, AuditFrom};

/// The parameters of the page's address.
#[derive(Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    account: String,
}

#[derive(Template)]
#[template(path = "operator_audit.html")]
struct Page {
    f: Frame,
    state: String,
    is_whole: bool,
    rows: Vec<Row>,
}

/// An event in the table.
struct Row {
    number: String,
    when: String,
    what: String,
    why: Option<&'static str>,
    account: String,
    serial: String,
    through: String,
}

/// `GET /operator/audit`.
pub(super) async fn show(visitor: Visitor, Query(asked): Query<Asked>) -> Result<Response, Stop> {
    let caller = visitor.operator().await?;
    if caller.role != Role::Admin {
        return Err(Stop::Missing);
    }
    let account = Some(asked.account.as_str()).filter(|account| !account.is_empty());
    let listing = AuditListing {
        from: AuditFrom::Newest,
        limit: None,
        account,
        only: AuditFilter::default(),
    };
    let found = control::audit(visitor.state(), &caller, listing).await?;
    let report = control::verify_audit(visitor.state(), &caller).await?;
    let (language, now, words) = (visitor.language, visitor.now(), &visitor.words().audit);
    let broken = report.chains.iter().find_map(|chain| chain.broken_at);
    let state = match broken {
        Some(number) => words.broken(language.number(number)).to_string(),
        None => words.whole(language.number(report.rows())).to_string(),
    };
    let rows = found.rows.iter().rev().map(|row| {
        let event = &row.event;
        let name = found.names.get(&event.caller).cloned();
        Row {
            number: language.number(row.number),
            when: when::moment(language, now, event.at),
            what: happened::action(language, &event.action).to_owned(),
            why: event.reason.as_ref().and_then(|reason| happened::reason(language, reason)),
            account: event.account.as_ref().map_or(String::new(), ToString::to_string),
            serial: event.serial.as_ref().map_or(String::new(), ToString::to_string),
            through: name.unwrap_or_else(|| event.caller.as_str().to_owned()),
        }
    });
    let rows = rows.collect();
    let mut f = visitor.frame(words.title, Here::Audit);
    f.back = "/operator/audit".to_owned();
    page(StatusCode::OK, &Page { f, state, is_whole: report.ok, rows })
}
