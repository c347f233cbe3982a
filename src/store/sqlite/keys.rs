//! Sealing keys in use.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::fault::Fault;
use super::{read, sql};
use crate::store::columns::unsigned;
use crate::store::{KeyNeed, SealingKeyId};

/// The number of secrets that each key seals, without the one to leave out: counting the seeds of
/// the key that seals most of them would walk its whole part of the index.
pub(super) fn secrets_by_key(
    conn: &Connection,
    except: Option<SealingKeyId>,
) -> Result<Vec<KeyNeed>, Fault> {
    let snapshot = conn.unchecked_transaction()?;
    let mut secrets: BTreeMap<SealingKeyId, u64> = BTreeMap::new();
    for secret in read::sealed_beside_seeds(&snapshot)? {
        if let Some(key) = secret.sealed.key_id().map(SealingKeyId) {
            *secrets.entry(key).or_default() += 1;
        }
    }
    for (key_after, under_key) in [
        (sql::SEED_KEY_AFTER, sql::SEEDS_UNDER_KEY),
        (sql::STAGED_SEED_KEY_AFTER, sql::STAGED_SEEDS_UNDER_KEY),
    ] {
        let mut after = Vec::new();
        while let Some(Some(key)) = read::one::<Option<Vec<u8>>>(&snapshot, key_after, [&after])? {
            let id = <[u8; 8]>::try_from(key.as_slice())
                .map_err(|error| Fault::body("the key of a seed", error))?;
            if Some(SealingKeyId(id)) != except {
                let seeds: Option<i64> = read::one(&snapshot, under_key, [&key])?;
                *secrets.entry(SealingKeyId(id)).or_default() += seeds.map_or(0, unsigned);
            }
            after = key;
        }
    }
    Ok(secrets
        .into_iter()
        .filter(|(key, _)| Some(*key) != except)
        .map(|(key, secrets)| KeyNeed { key, secrets })
        .collect())
}
