//! Exports of Bitwarden and Vaultwarden, plain.
//!
//! The format is described at <https://bitwarden.com/help/export-your-data/>. An item
//! keeps a URI or a bare secret for one-time codes; items without are left out.

use std::io::BufRead;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::entry::{hand_on_uri, places};
use crate::import::found::Out;
use crate::import::head::Head;
use crate::import::{Problem, ProblemCode, Settings, Stop, whole};

pub(in crate::import) fn recognises(head: &Head<'_>) -> bool {
    head.is_object_with(&["encrypted"])
        && ["items", "folders", "collections", "passwordProtected", "encKeyValidation_DO_NOT_EDIT"]
            .iter()
            .any(|name| head.has_member(name))
}

pub(in crate::import) fn read(
    input: &mut dyn BufRead,
    _settings: &Settings,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    let mut file = whole::bytes(input, whole::VAULT, out)?;
    let export: Export = whole::json(&mut file).map_err(|problem| out.end(problem))?;
    if export.encrypted || export.items.is_none() {
        let detail = "the export of Bitwarden is encrypted: export one in the format .json, which \
                      is not";
        return Err(out.end(Problem::of_file(ProblemCode::Encryption, detail)));
    }
    for (place, item) in places().zip(export.items.unwrap_or_default()) {
        let text = item.login.and_then(|login| login.totp);
        if let Some(text) = text.filter(|text| !text.trim().is_empty()) {
            hand_on_uri(place, &text, item.name, out)?;
        }
    }
    Ok(())
}

#[derive(Deserialize)]
struct Export {
    #[serde(default)]
    encrypted: bool,
    items: Option<Vec<Item>>,
}

#[derive(Deserialize)]
struct Item {
    name: Option<String>,
    login: Option<Login>,
}

#[derive(Deserialize)]
struct Login {
    totp: Option<Zeroizing<String>>,
}
