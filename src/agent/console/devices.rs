//! `/devices`: the owner's list, and what can be added to it.

use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use crate::agent::console::card::Card;
use crate::agent::console::frame::{Frame, Here};
use crate::agent::console::page::page;
use crate::agent::console::state;
use crate::agent::console::state::Safety;
use crate::agent::console::stop::Stop;
use crate::agent::console::visitor::{Owner, Visitor};
use crate::agent::operations::devices;
use crate::agent::operations::devices::Listing;
use crate::device::{Device, Factor, MfaKind};

/// The parameters of the page's address: the outcome of the request before.
#[derive(Default, Deserialize)]
pub(super) struct Asked {
    done: Option<Done>,
    #[serde(default)]
    name: String,
}

/// The outcome of a change.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Done {
    Ready,
    Removed,
    Deactivated,
    /// No more devices fit.
    Full,
}

#[derive(Template)]
#[template(path = "devices.html")]
struct Page {
    f: Frame,
    safety: Safety,
    cards: Vec<Card>,
    /// Devices to see to, with links to where they are put right.
    attention: Vec<Attention>,
    has_ruler: bool,
    may_recover: bool,
    is_new: bool,
}

/// A device that the owner should see to.
struct Attention {
    text: String,
    address: String,
    link: String,
}

/// `GET /devices`.
pub(super) async fn show(visitor: Visitor, Query(asked): Query<Asked>) -> Result<Response, Stop> {
    let owner = visitor.owner().await?;
    let devices = all(&visitor, &owner).await?;
    let (language, now, words) = (visitor.language, visitor.now(), visitor.words());
    let cards: Vec<Card> =
        devices.iter().map(|device| Card::of(language, device, now, None)).collect();
    let attention = devices
        .iter()
        .zip(&cards)
        .filter_map(|(device, card)| Attention::of(&visitor, device, card));
    let attention = attention.collect();
    let mut f = visitor.frame(words.devices.title, Here::Devices);
    f.back = "/devices".to_owned();
    f.news = asked.done.map(|done| match done {
        Done::Ready => words.add.ready(&asked.name).to_string(),
        Done::Removed => words.device.removed(&asked.name).to_string(),
        Done::Deactivated => words.device.deactivated(&asked.name).to_string(),
        Done::Full => words.add.full.to_owned(),
    });
    let is_new = !devices.iter().any(Device::is_in_use);
    let may_recover = devices
        .iter()
        .any(|device| device.is_in_use() && device.kind() != MfaKind::Recovery);
    let has_ruler = cards.iter().any(|card| card.ruler.is_some());
    let safety = Safety::of(language, &devices);
    page(StatusCode::OK, &Page { f, safety, cards, attention, has_ruler, may_recover, is_new })
}

/// All devices of the owner's account.
pub(super) async fn all(visitor: &Visitor, owner: &Owner) -> Result<Vec<Device>, Stop> {
    let listing = Listing { account: Some(owner.account.as_str()), ..Listing::default() };
    Ok(devices::list(visitor.state(), &owner.caller, listing).await?.devices)
}

impl Attention {
    fn of(visitor: &Visitor, device: &Device, card: &Card) -> Option<Attention> {
        let (words, name) = (visitor.words(), state::name(visitor.language, device));
        if let Some(drift) = &card.drifted {
            return Some(Attention {
                text: words.devices.drifted(&name, drift).strong(),
                address: format!("{}/resync", card.address),
                link: words.resync.title(&name).to_string(),
            });
        }
        let Factor::Recovery(sheet) = &device.factor else { return None };
        let text = match sheet.unused.len() {
            0 => words.devices.codes_none.to_owned(),
            1 => words.devices.codes_low_one.to_owned(),
            left @ 2..=3 => words.devices.codes_low(left).to_string(),
            _ => return None,
        };
        let (address, link) = ("/recovery".to_owned(), words.recovery.make.to_owned());
        Some(Attention { text, address, link })
    }
}
