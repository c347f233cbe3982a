//! `/operator`: search by account or serial number, and what needs attention.

use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use percent_encoding::utf8_percent_encode;
use serde::Deserialize;

use crate::agent::console::card::RESERVED;
use crate::agent::console::frame::{Frame, Here};
use crate::agent::console::page::page;
use crate::agent::console::state;
use crate::agent::console::state::StateLine;
use crate::agent::console::stop::Stop;
use crate::agent::console::visitor::Visitor;
use crate::agent::operations::find;
use crate::device::Device;

/// The parameters of the page's address.
#[derive(Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    q: String,
}

#[derive(Template)]
#[template(path = "operator_find.html")]
struct Page {
    f: Frame,
    query: String,
    results: Vec<Entry>,
    attention: Vec<Entry>,
    /// The sentence for a search that found nothing.
    nothing: Option<String>,
}

/// An account or a device in a list.
pub(super) struct Entry {
    pub(super) text: String,
    pub(super) address: String,
    pub(super) more: Option<String>,
}

/// `GET /operator`.
pub(super) async fn show(visitor: Visitor, Query(asked): Query<Asked>) -> Result<Response, Stop> {
    let caller = visitor.operator().await?;
    let query = asked.q.trim();
    let mut results = Vec::new();
    if (1..=256).contains(&query.len()) {
        let found = find::find(visitor.state(), &caller, query).await?;
        results.extend(found.accounts.iter().map(|account| Entry {
            text: account.as_str().to_owned(),
            address: account_address(account.as_str()),
            more: None,
        }));
        results.extend(found.devices.iter().map(|device| entry(&visitor, device)));
    }
    let attention = find::attention(visitor.state(), &caller).await?;
    let attention = attention.iter().map(|device| entry(&visitor, device)).collect();
    let words = &visitor.words().operator;
    let nothing = !query.is_empty() && results.is_empty();
    let nothing = nothing.then(|| words.no_results(query).to_string());
    let f = visitor.frame(words.find, Here::Find);
    page(StatusCode::OK, &Page { f, query: query.to_owned(), results, attention, nothing })
}

/// A device in a list, with its account and its state.
pub(super) fn entry(visitor: &Visitor, device: &Device) -> Entry {
    let (language, now) = (visitor.language, visitor.now());
    let (name, serial) = (state::name(language, device), device.serial.as_str());
    let line = StateLine::of(language, device, now, None).text;
    Entry {
        text: if name.ends_with(serial) { name } else { format!("{name} {serial}") },
        address: address(serial),
        more: Some(format!("{} · {line}", device.owner())),
    }
}

/// The path of an account's page for operators.
pub(super) fn account_address(account: &str) -> String {
    format!("/operator/accounts/{}", utf8_percent_encode(account, RESERVED))
}

/// The path of a device's page for operators.
pub(super) fn address(serial: &str) -> String {
    format!("/operator/devices/{}", utf8_percent_encode(serial, RESERVED))
}
