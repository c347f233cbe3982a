//! Exports of Bitwarden and Vaultwarden, plain: JSON and CSV.
//!
//! The format is described at <https://bitwarden.com/help/export-your-data/>. An item
//! keeps a URI or a bare secret for one-time codes; items without are left out.

use std::io::BufRead;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::entry::{hand_on_uri, places};
use super::records::Records;
use crate::import::found::Out;
use crate::import::head::Head;
use crate::import::{Problem, ProblemCode, Settings, Stop, whole};

pub(in crate::import) fn recognises(head: &Head<'_>) -> bool {
    let is_json = head.is_object_with(&["encrypted"]) && SIGNS.iter().any(|n| head.has_member(n));
    is_json || head.first_line().split(',').any(|name| name.trim_matches('"') == CODE)
}

pub(in crate::import) fn read(
    input: &mut dyn BufRead,
    _settings: &Settings,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    let mut file = whole::bytes(input, whole::VAULT, out)?;
    let text = whole::json_text(&file).map_err(|problem| out.end(problem))?;
    if !text.trim_ascii_start().starts_with(b"{") {
        return table(text, out);
    }
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

/// Reads an export in CSV.
fn table(text: &[u8], out: &mut Out<'_>) -> Result<(), Stop> {
    let syntax = |detail| Problem::of_file(ProblemCode::Syntax, detail);
    let Ok(text) = std::str::from_utf8(text) else {
        return Err(out.end(syntax("the file is no UTF-8 text: export it again")));
    };
    let mut records = Records::of(text);
    let header = records.next().map(|(_, header)| header).unwrap_or_default();
    let at = |name: &str| header.iter().position(|cell| cell.trim() == name);
    let Some(code) = at(CODE) else {
        let detail = "the file is neither JSON nor a table with the column login_totp: export it \
                      again";
        return Err(out.end(syntax(detail)));
    };
    let name = at("name");
    for (place, cells) in records {
        let name = name.and_then(|name| cells.get(name)).map(|name| name.as_str().to_owned());
        match cells.get(code).filter(|text| !text.trim().is_empty()) {
            Some(text) => hand_on_uri(place, text, name, out)?,
            None if cells.len() < header.len() => {
                let detail = "the line has fewer columns than the first one: export it again";
                out.problem(Problem::at(place, ProblemCode::Syntax, detail))?;
            }
            None => {}
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

/// The column of one-time codes.
const CODE: &str = "login_totp";

/// Members that are there beside `encrypted`.
const SIGNS: &[&str] =
    &["items", "folders", "collections", "passwordProtected", "encKeyValidation_DO_NOT_EDIT"];
