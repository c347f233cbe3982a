//! Exports of 1Password: the file `export.data` inside a 1PUX archive.
//!
//! The format is described at <https://support.1password.com/1pux-format/>. One-time codes are
//! fields of an item's sections; items without one are left out.

use std::io::BufRead;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::entry::{hand_on_uri, places};
use crate::import::found::Out;
use crate::import::head::Head;
use crate::import::{Settings, Stop, whole};

pub(in crate::import) fn recognises(head: &Head<'_>) -> bool {
    head.is_object_with(&["accounts", "attrs", "vaults"])
}

pub(in crate::import) fn read(
    input: &mut dyn BufRead,
    _settings: &Settings,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    let mut file = whole::bytes(input, whole::VAULT, out)?;
    let export: Export = whole::json(&mut file).map_err(|problem| out.end(problem))?;
    let vaults = export.accounts.into_iter().flat_map(|account| account.vaults);
    let items = vaults.flat_map(|vault| vault.items);
    for (place, item) in places().zip(items) {
        let item = item.item.map_or(Item { item: None, ..item }, |item| *item);
        let title = item.overview.and_then(|overview| overview.title);
        let sections = item.details.and_then(|details| details.sections).unwrap_or_default();
        for field in sections.into_iter().flat_map(|section| section.fields.unwrap_or_default()) {
            if let Some(text) = field.value.and_then(|value| value.totp) {
                hand_on_uri(place, &text, title.clone(), out)?;
            }
        }
    }
    Ok(())
}

#[derive(Deserialize)]
struct Export {
    accounts: Vec<Account>,
}

#[derive(Deserialize)]
struct Account {
    vaults: Vec<Vault>,
}

#[derive(Deserialize)]
struct Vault {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    /// The item itself, in the first versions of the format.
    item: Option<Box<Item>>,
    overview: Option<Overview>,
    details: Option<Details>,
}

#[derive(Deserialize)]
struct Overview {
    title: Option<String>,
}

#[derive(Deserialize)]
struct Details {
    sections: Option<Vec<Section>>,
}

#[derive(Deserialize)]
struct Section {
    fields: Option<Vec<Field>>,
}

#[derive(Deserialize)]
struct Field {
    value: Option<FieldValue>,
}

#[derive(Deserialize)]
struct FieldValue {
    totp: Option<Zeroizing<String>>,
}
