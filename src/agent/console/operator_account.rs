//! `/operator/accounts/{account}`: the devices of an account, and links for its owner.

use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::agent::access::Caller;
use crate::agent::config::Role;
use crate::agent::console::card::Card;
use crate::agent::console::frame::{Frame, Here};
use crate::agent::console::operator_find::{account_address, address};
use crate::agent::console::page::page;
use crate::agent::console::stop::Stop;
use crate::agent::console::visitor::Visitor;
use crate::agent::console::when;
use crate::agent::operations::console::LinkRequest;
use crate::agent::operations::devices::Listing;
use crate::agent::operations::{console, devices, find, sessions};
use crate::id::AccountId;
use crate::verifier::LinkPurpose;

/// The parameters of the page's address: the outcome of the request before.
#[derive(Default, Deserialize)]
pub(super) struct Asked {
    ended: Option<String>,
}

#[derive(Template)]
#[template(path = "operator_account.html")]
struct Page {
    f: Frame,
    cards: Vec<Card>,
    address: String,
    /// A recovery link may be made.
    is_admin: bool,
    link: Option<Link>,
}

/// A link that was made, shown this once.
struct Link {
    url: Zeroizing<String>,
    once: String,
}

/// `GET /operator/accounts/{account}`.
pub(super) async fn show(
    visitor: Visitor,
    Path(account): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Stop> {
    let caller = visitor.operator().await?;
    let account = find::account(visitor.state(), &caller, &account)?;
    let news = asked.ended.map(|_| visitor.words().sign_ins.ended.to_owned());
    shown(&visitor, &caller, &account, (news, None)).await
}

/// `POST /operator/accounts/{account}/link`.
pub(super) async fn link(visitor: Visitor, Path(account): Path<String>) -> Result<Response, Stop> {
    made(visitor, &account, LinkPurpose::Enroll).await
}

/// `POST /operator/accounts/{account}/recovery-link`.
pub(super) async fn recovery_link(
    visitor: Visitor,
    Path(account): Path<String>,
) -> Result<Response, Stop> {
    made(visitor, &account, LinkPurpose::Recover).await
}

/// `POST /operator/accounts/{account}/sign-out`.
pub(super) async fn sign_out(
    visitor: Visitor,
    Path(account): Path<String>,
) -> Result<Response, Stop> {
    let back = account_address(&account);
    let caller = visitor.changing_operator(&back).await?;
    sessions::revoke_all(visitor.state(), &caller, &account, None, None).await?;
    Ok(Redirect::to(&format!("{back}?ended=1")).into_response())
}

async fn made(visitor: Visitor, account: &str, purpose: LinkPurpose) -> Result<Response, Stop> {
    let caller = visitor.changing_operator(&account_address(account)).await?;
    let request = LinkRequest { account, ttl: None, purpose };
    let made = console::make_link(visitor.state(), &caller, request).await?;
    let until = when::until(visitor.language, visitor.now(), made.expires_at);
    let once = visitor.words().operator.link_once(until).to_string();
    let account = find::account(visitor.state(), &caller, account)?;
    shown(&visitor, &caller, &account, (None, Some(Link { url: made.url, once }))).await
}

async fn shown(
    visitor: &Visitor,
    caller: &Caller,
    account: &AccountId,
    (news, link): (Option<String>, Option<Link>),
) -> Result<Response, Stop> {
    let listing =
        Listing { account: Some(account.as_str()), limit: Some(1_000), ..Listing::default() };
    let found = devices::list(visitor.state(), caller, listing).await?.devices;
    let (language, now) = (visitor.language, visitor.now());
    let cards = found.iter().map(|device| Card {
        address: address(device.serial.as_str()),
        ..Card::of(language, device, now, None)
    });
    let cards = cards.collect();
    let own = account_address(account.as_str());
    let mut f = visitor.frame(account, Here::Find);
    f.news = news;
    f.back.clone_from(&own);
    let is_admin = caller.role == Role::Admin;
    page(StatusCode::OK, &Page { f, cards, address: own, is_admin, link })
}
