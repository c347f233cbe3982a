//! Sealed secrets, by the keys that seal them.

use std::collections::BTreeMap;

use super::columns::{column, from_json};
use super::fault::corrupt;
use super::read::{account_id, serial_number};
use super::reader::Reader;
use crate::store::columns::unsigned;
use crate::store::{
    Error, KeyNeed, Resealable, Sealed, SealedPlace, SealingKeyId, SigningKeyRecord,
};

/// The secrets that are not sealed under this key, as of one moment.
pub(super) async fn under_other_keys(
    reader: &Reader,
    current: [u8; 8],
    limit: u32,
) -> Result<Vec<Resealable>, Error> {
    reader.begin_snapshot().await?;
    let mut found = beside_seeds(reader).await?;
    found.retain(|secret| secret.sealed.key_id() != Some(current));
    // "Not equal" is no search: the seeds below the key in the index, then those above it.
    for sql in [BELOW, ABOVE, STAGED_BELOW, STAGED_ABOVE] {
        for row in reader.rows(sql, &[&current.as_slice(), &i64::from(limit)]).await? {
            let serial = serial_number(column(SEED, &row, 0)?)?;
            let account = match column::<&str>(SEED, &row, 1)? {
                "" => None,
                name => Some(account_id(SEED, name)?),
            };
            let sealed = Sealed::from_bytes(column(SEED, &row, 2)?);
            found.push(Resealable { place: SealedPlace::Seed { serial, account }, sealed });
        }
    }
    reader.end_snapshot().await?;
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(found)
}

/// The number of secrets that each key seals, without the one to leave out: counting the seeds of
/// the key that seals most of them would walk its whole part of the index.
pub(super) async fn by_key(
    reader: &Reader,
    except: Option<SealingKeyId>,
) -> Result<Vec<KeyNeed>, Error> {
    reader.begin_snapshot().await?;
    let mut secrets: BTreeMap<SealingKeyId, u64> = BTreeMap::new();
    for secret in beside_seeds(reader).await? {
        if let Some(key) = secret.sealed.key_id().map(SealingKeyId) {
            *secrets.entry(key).or_default() += 1;
        }
    }
    for (key_after, under_key) in [(KEY_AFTER, COUNT), (STAGED_KEY_AFTER, STAGED_COUNT)] {
        let mut after = Vec::new();
        while let Some(row) = reader.first(key_after, &[&after]).await? {
            let key: Vec<u8> = column(SEED, &row, 0)?;
            let id = <[u8; 8]>::try_from(key.as_slice());
            let id = SealingKeyId(id.map_err(|error| corrupt("the key of a seed", error))?);
            if Some(id) != except
                && let Some(row) = reader.first(under_key, &[&key]).await?
            {
                *secrets.entry(id).or_default() += unsigned(column(SEED, &row, 0)?);
            }
            after = key;
        }
    }
    reader.end_snapshot().await?;
    let others = secrets.into_iter().filter(|(key, _)| Some(*key) != except);
    Ok(others.map(|(key, secrets)| KeyNeed { key, secrets }).collect())
}

/// Signing keys and named values, which are few.
async fn beside_seeds(reader: &Reader) -> Result<Vec<Resealable>, Error> {
    let mut found = Vec::new();
    for row in reader.rows(SIGNING_KEYS, &[]).await? {
        let key: SigningKeyRecord = from_json("a signing key", column("a signing key", &row, 0)?)?;
        let place = SealedPlace::SigningKey { kid: key.kid };
        found.push(Resealable { place, sealed: key.private });
    }
    for row in reader.rows(VALUES, &[]).await? {
        if let Some(sealed) = Sealed::recognised(column("a value", &row, 1)?) {
            let place = SealedPlace::Value { name: column("a value", &row, 0)? };
            found.push(Resealable { place, sealed });
        }
    }
    Ok(found)
}

const SEED: &str = "a seed";

const SIGNING_KEYS: &str = "SELECT body FROM signing_keys ORDER BY created_at DESC, number DESC";

const VALUES: &str = "SELECT name, value FROM named_values ORDER BY name";

/// Statements over the seeds of a table.
macro_rules! seeds {
    ($table:literal, $than:literal) => {
        concat!(
            "SELECT serial, account, seed FROM ",
            $table,
            " WHERE seed_key IS NOT NULL AND seed_key ",
            $than,
            " $1 LIMIT $2"
        )
    };
    (after $table:literal) => {
        concat!(
            "SELECT seed_key FROM ",
            $table,
            " WHERE seed_key IS NOT NULL AND seed_key > $1 ORDER BY seed_key LIMIT 1"
        )
    };
    (count $table:literal) => {
        concat!("SELECT count(*) FROM ", $table, " WHERE seed_key IS NOT NULL AND seed_key = $1")
    };
}

const BELOW: &str = seeds!("devices", "<");
const ABOVE: &str = seeds!("devices", ">");
const STAGED_BELOW: &str = seeds!("staged", "<");
const STAGED_ABOVE: &str = seeds!("staged", ">");
const KEY_AFTER: &str = seeds!(after "devices");
const STAGED_KEY_AFTER: &str = seeds!(after "staged");
const COUNT: &str = seeds!(count "devices");
const STAGED_COUNT: &str = seeds!(count "staged");
