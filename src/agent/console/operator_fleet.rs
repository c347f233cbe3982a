//! `/operator/fleet`: the clocks of all tokens.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use crate::agent::config::Role;
use crate::agent::console::drift::{amount, signed};
use crate::agent::console::frame::{Frame, Here};
use crate::agent::console::histogram::{histogram, sentence, whole};
use crate::agent::console::operator_find::address;
use crate::agent::console::page::page;
use crate::agent::console::stop::Stop;
use crate::agent::console::visitor::Visitor;
use crate::agent::console::when;
use crate::agent::console::words::Words;
use crate::agent::operations::fleet;
use crate::fleet::{Attention, Survey};

#[derive(Template)]
#[template(path = "operator_fleet.html")]
struct Page {
    f: Frame,
    /// The alarm about the server's clock.
    server: Option<String>,
    tokens: String,
    histogram: String,
    sentence: String,
    rows: Vec<Row>,
}

/// A token to look at.
struct Row {
    serial: String,
    address: String,
    why: &'static str,
    offset: String,
    until: String,
}

/// `GET /operator/fleet`.
pub(super) async fn show(visitor: Visitor) -> Result<Response, Stop> {
    let caller = visitor.operator().await?;
    if caller.role != Role::Admin {
        return Err(Stop::Missing);
    }
    let drift = fleet::drift(visitor.state(), &caller, None).await?;
    let (language, now, words) = (visitor.language, visitor.now(), visitor.words());
    let server = drift.suspicion.map(|suspicion| {
        let moved = amount(language, whole(suspicion.shift.seconds));
        words
            .fleet
            .server(moved, when::moment(language, now, suspicion.shift.since))
            .to_string()
    });
    let survey = &drift.survey;
    let mut f = visitor.frame(words.fleet.title, Here::Fleet);
    f.back = "/operator/fleet".to_owned();
    let page_of = Page {
        server,
        tokens: language.number(survey.tokens),
        histogram: histogram(language, survey),
        sentence: sentence(language, survey),
        rows: rows(&visitor, survey),
        f,
    };
    page(StatusCode::OK, &page_of)
}

fn rows(visitor: &Visitor, survey: &Survey) -> Vec<Row> {
    let (language, now) = (visitor.language, visitor.now());
    let listed = survey.attention.iter();
    let tokens =
        listed.flat_map(|(why, listed)| listed.first.iter().map(move |token| (why, token)));
    tokens
        .take(MOST)
        .map(|(why, token)| Row {
            serial: token.serial.as_str().to_owned(),
            address: address(token.serial.as_str()),
            why: reason(visitor.words(), *why),
            offset: signed(language, whole(token.offset)),
            until: token
                .works_until
                .map_or_else(|| "–".to_owned(), |until| when::until(language, now, until)),
        })
        .collect()
}

fn reason(words: &Words, why: Attention) -> &'static str {
    let words = &words.fleet;
    match why {
        Attention::Rate => words.failing_rate,
        Attention::Settings => words.failing_settings,
        Attention::Erratic => words.failing_erratic,
        Attention::Pair => words.needs_pair,
        Attention::Outlier => words.outlier,
        Attention::Battery => words.battery,
        Attention::Silent => words.silent,
    }
}

/// The tokens of the table.
const MOST: usize = 100;
