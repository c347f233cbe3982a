//! Exports of Proton Authenticator, plain.
//!
//! The core is public: an entry is a URI and a name.

use std::io::BufRead;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::entry::{hand_on_uri, places};
use crate::import::found::Out;
use crate::import::head::Head;
use crate::import::{Problem, ProblemCode, Settings, Stop, whole};

pub(in crate::import) fn recognises(head: &Head<'_>) -> bool {
    head.is_object_with(&["entries", "entry_type", "uri"])
        || head.is_object_with(&["version", "salt", "content"])
}

pub(in crate::import) fn read(
    input: &mut dyn BufRead,
    _settings: &Settings,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    let mut file = whole::bytes(input, whole::VAULT, out)?;
    let export: Export = whole::json(&mut file).map_err(|problem| out.end(problem))?;
    let Some(entries) = export.entries else {
        let detail = "the export of Proton is encrypted: export one without a password";
        return Err(out.end(Problem::of_file(ProblemCode::Encryption, detail)));
    };
    for (place, entry) in places().zip(entries) {
        hand_on_uri(place, &entry.content.uri, entry.content.name, out)?;
    }
    Ok(())
}

#[derive(Deserialize)]
struct Export {
    entries: Option<Vec<ProtonEntry>>,
}

#[derive(Deserialize)]
struct ProtonEntry {
    content: Content,
}

#[derive(Deserialize)]
struct Content {
    uri: Zeroizing<String>,
    name: Option<String>,
}
