//! Vaults of Aegis, plain and encrypted.
//!
//! The format is described in Aegis's `docs/vault.md`: the entries are encrypted by a master key,
//! and each slot of the header holds that key, encrypted by a passphrase (type 1) or by the phone.

use std::fmt;
use std::io::BufRead;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use zeroize::Zeroizing;

use super::cipher::{self, CipherKey, MOST_WORK, ScryptCosts, malformed, open, passphrase, wrong};
use super::entry::{Entry, places};
use crate::import::found::Out;
use crate::import::head::Head;
use crate::import::names::secret_of_hex;
use crate::import::whole::{self, Whole};
use crate::import::{Problem, Settings, Stop};

pub(in crate::import) fn recognises(head: &Head<'_>) -> bool {
    head.is_object_with(&["header", "slots", "params"])
}

pub(in crate::import) fn read(
    input: &mut dyn BufRead,
    settings: &Settings,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    let mut file = whole::bytes(input, whole::VAULT, out)?;
    let vault: Vault = whole::json(&mut file).map_err(|problem| out.end(problem))?;
    let entries = match vault.db {
        Db::Plain(entries) => entries,
        Db::Sealed(sealed) => {
            let mut text = opened(&sealed, &vault.header, settings).map_err(|p| out.end(p))?;
            whole::json::<Entries>(&mut text).map_err(|_| out.end(wrong()))?
        }
    };
    for (place, entry) in places().zip(entries.entries) {
        // Aegis names the kind of each entry: one of Steam is no token that was read wrongly.
        if entry.kind.eq_ignore_ascii_case("steam") {
            out.note(Some(place), "the codes of Steam are none of OATH: the entry is left out")?;
            continue;
        }
        Entry {
            kind: Some(entry.kind),
            secret: entry.info.secret,
            issuer: entry.issuer,
            label: entry.name,
            algorithm: entry.info.algo,
            digits: entry.info.digits,
            period: entry.info.period,
            counter: entry.info.counter,
        }
        .hand_on(place, out)?;
    }
    Ok(())
}

/// The entries' text.
fn opened(
    sealed: &str,
    header: &Header,
    settings: &Settings,
) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let params = header.params.as_ref().ok_or_else(|| malformed("the vault has no nonce"))?;
    let text = STANDARD.decode(sealed).map_err(|_| malformed("the vault is no base64"))?;
    let key = master_key(header.slots.as_deref().unwrap_or_default(), settings)?;
    params.open(&key, &text)
}

/// The master key by the slot that the passphrase opens.
fn master_key(slots: &[Slot], settings: &Settings) -> Result<CipherKey, Problem> {
    let slots = || slots.iter().filter(|slot| slot.kind == PASSPHRASE_SLOT);
    // The costs of all slots are looked at before the work for the first one.
    let costs: Vec<ScryptCosts> = slots().map(Slot::costs).collect::<Result<_, _>>()?;
    if costs.is_empty() {
        return Err(malformed("no slot of the vault takes a passphrase"));
    }
    if costs.iter().fold(0, |sum: u64, costs| sum.saturating_add(costs.work)) > MOST_WORK {
        return Err(cipher::too_costly());
    }
    let passphrase = passphrase(settings)?;
    for (slot, costs) in slots().zip(&costs) {
        let salt = hex(&slot.salt)?;
        let key = costs.key(passphrase, &salt)?;
        let Ok(master) = slot.key_params.open(&key, &hex(&slot.key)?) else { continue };
        let Ok(master) = <[u8; 32]>::try_from(&master[..]) else {
            return Err(malformed("the master key has another size than 32 bytes"));
        };
        return Ok(Zeroizing::new(master));
    }
    Err(wrong())
}

fn hex(text: &str) -> Result<Vec<u8>, Problem> {
    let bytes = secret_of_hex(text).map_err(|_| malformed("the header is not hexadecimal"))?;
    Ok(bytes.expose().to_vec())
}

#[derive(Deserialize)]
struct Vault {
    header: Header,
    db: Db,
}

#[derive(Deserialize)]
struct Header {
    slots: Option<Vec<Slot>>,
    params: Option<Params>,
}

#[derive(Deserialize)]
struct Slot {
    #[serde(rename = "type")]
    kind: u64,
    key: String,
    key_params: Params,
    n: Option<u64>,
    r: Option<u64>,
    p: Option<u64>,
    #[serde(default)]
    salt: String,
}

impl Slot {
    fn costs(&self) -> Result<ScryptCosts, Problem> {
        let (Some(n), Some(r), Some(p)) = (self.n, self.r, self.p) else {
            return Err(malformed("a slot of the vault has no costs"));
        };
        ScryptCosts::of(n, r, p)
    }
}

#[derive(Deserialize)]
struct Params {
    nonce: String,
    tag: String,
}

impl Params {
    fn open(&self, key: &CipherKey, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Problem> {
        let (nonce, tag) = (hex(&self.nonce)?, hex(&self.tag)?);
        if tag.len() != 16 {
            return Err(malformed("the tag has another size than 16 bytes"));
        }
        let mut text = Zeroizing::new([sealed, &tag].concat());
        open(key, &nonce, &mut text)?;
        Ok(text)
    }
}

enum Db {
    Plain(Entries),
    Sealed(String),
}

impl<'t> Deserialize<'t> for Db {
    fn deserialize<D: Deserializer<'t>>(value: D) -> Result<Db, D::Error> {
        value.deserialize_any(DbVisitor)
    }
}

struct DbVisitor;

impl<'t> Visitor<'t> for DbVisitor {
    type Value = Db;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("entries, or their ciphertext")
    }

    fn visit_str<E: Error>(self, sealed: &str) -> Result<Db, E> {
        Ok(Db::Sealed(sealed.to_owned()))
    }

    fn visit_map<M: MapAccess<'t>>(self, map: M) -> Result<Db, M::Error> {
        Entries::deserialize(MapAccessDeserializer::new(map)).map(Db::Plain)
    }
}

#[derive(Deserialize)]
struct Entries {
    entries: Vec<AegisEntry>,
}

#[derive(Deserialize)]
struct AegisEntry {
    #[serde(rename = "type")]
    kind: String,
    name: Option<String>,
    issuer: Option<String>,
    info: Info,
}

#[derive(Deserialize)]
struct Info {
    secret: Option<Zeroizing<String>>,
    algo: Option<String>,
    digits: Option<Whole>,
    period: Option<Whole>,
    counter: Option<Whole>,
}

const PASSPHRASE_SLOT: u64 = 1;
