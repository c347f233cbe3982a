//! The console: pages of a real agent, asked for as browsers do.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod attacks;
mod budgets;
mod canaries;
mod operators;
mod owners;
mod services;
mod visitor;

use serde_json::json;
use test_support::people::{self, Token};
use visitor::{Site, Visitor};

/// A visitor who came with a new one-time link for this account.
fn linked(site: &Site, account: &str) -> Visitor {
    let mut visitor = site.visitor();
    visitor.post("/link", &[("code", &site.link(account))]).leads_to("/devices");
    visitor
}

/// An account with a token in use, and its owner, who is signed in by a code.
fn owner(site: &Site, account: &str) -> (Visitor, Token) {
    let mut token = people::enrol(&site.admin(), account);
    let mut visitor = linked(site, account);
    visitor.post("/sign-in/code", &[("code", &token.code())]).leads_to("/devices");
    (visitor, token)
}

/// A bypass code of the account, which signs in once.
fn bypass(site: &Site, account: &str) -> String {
    let path = format!("/v1/accounts/{account}/bypass");
    people::text(&site.admin().post(&path, json!({})).is(201)["code"])
}
