//! Exports of Raivo: the JSON file inside its archive.
//!
//! Raivo's sources are public: all values are texts.

use std::io::BufRead;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::entry::{Entry, places};
use crate::import::found::Out;
use crate::import::head::Head;
use crate::import::whole::{self, Whole};
use crate::import::{Settings, Stop};

pub(in crate::import) fn recognises(head: &Head<'_>) -> bool {
    head.is_list_with(&["secret", "kind", "timer"])
}

pub(in crate::import) fn read(
    input: &mut dyn BufRead,
    _settings: &Settings,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    let mut file = whole::bytes(input, whole::VAULT, out)?;
    let entries: Vec<RaivoEntry> = whole::json(&mut file).map_err(|problem| out.end(problem))?;
    for (place, entry) in places().zip(entries) {
        Entry {
            kind: entry.kind,
            secret: entry.secret,
            issuer: entry.issuer,
            label: entry.account,
            algorithm: entry.algorithm,
            digits: entry.digits,
            period: entry.timer,
            counter: entry.counter,
        }
        .hand_on(place, out)?;
    }
    Ok(())
}

#[derive(Deserialize)]
struct RaivoEntry {
    kind: Option<String>,
    secret: Option<Zeroizing<String>>,
    issuer: Option<String>,
    account: Option<String>,
    algorithm: Option<String>,
    digits: Option<Whole>,
    timer: Option<Whole>,
    counter: Option<Whole>,
}
