//! The first authentication of a store: all its rows are tagged as they are found.

use super::columns::column;
use super::connection::Connection;
use super::dial::Dial;
use super::fault::corrupt;
use super::outcome::Fault;
use super::pages::Pages;
use super::table::{TABLES, Table};
use super::touched::Touched;
use super::{apply, chain};
use crate::store::{Adoption, Change, Error, StoreKeys};

/// Tags all rows in one transaction, which other changes wait for, and makes the writes of the
/// adoption in it.
pub(super) async fn adopt(dial: &Dial, keys: &StoreKeys, adoption: Adoption) -> Result<(), Error> {
    let conn = Connection::alone(dial.connect().await?, keys.clone());
    adopted(&conn, adoption).await.map_err(|fault| match fault {
        Fault::Conflict(_) => {
            let other = "another agent gave the store its keys at the same time; try again";
            Error::Unavailable(other.to_owned())
        }
        fault => fault.into(),
    })
}

async fn adopted(conn: &Connection, adoption: Adoption) -> Result<(), Fault> {
    let Adoption { writes, audit, .. } = adoption;
    let change = Change { account: None, writes, audit };
    conn.set(SETTINGS).await?;
    let ids = conn.rows("SELECT id FROM store_identity", &[]).await?;
    let what = "the store's identity";
    let id: &[u8] = column(what, ids.first().ok_or_else(|| corrupt(what, "it is gone"))?, 0)?;
    let store = id.try_into().map_err(|error| corrupt(what, error))?;
    // Taken before the transaction: it lasts until the connection ends.
    let links = chain::take(conn, store).await?;
    conn.begin().await?;
    conn.set(ALONE).await?;
    for table in TABLES {
        tag_all(conn, table).await?;
    }
    let touched = Touched::of(&change);
    touched.vet(conn).await?;
    let chain = links.last().chain;
    apply::make(conn, chain, &change, &touched).await?;
    let key = conn.tags().audit_key();
    chain::append(conn, &links, key.as_ref(), &change.audit).await?;
    conn.commit().await
}

/// Gives every row of a table a tag.
async fn tag_all(conn: &Connection, table: &'static Table) -> Result<(), Fault> {
    let blocks: Option<i64> = conn.first(table.size, &[]).await?;
    for (from, to) in Pages::of(blocks.unwrap_or_default()) {
        let (mut places, mut tags): (Vec<String>, Vec<Option<Vec<u8>>>) = Default::default();
        for row in conn.rows(table.untagged, &[&from, &to]).await? {
            tags.push(conn.tags().of_row(table, &row)?);
            places.push(column(table.kind, &row, table.columns + 1)?);
        }
        conn.run(table.retag, &[&places, &tags]).await?;
    }
    Ok(())
}

/// Changes of agents are over long before. The plans look rows up by their places on the disk.
const SETTINGS: &str = "SET lock_timeout = '20s'; SET idle_in_transaction_session_timeout = '1h';
    SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off;
    SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off";

/// Agents read meanwhile, and their changes wait.
const ALONE: &str = "LOCK TABLE store_identity, accounts, devices, tombstones,
    fingerprint_aliases, imports, staged, single_use, revoked_sessions, device_marks,
    signing_keys, api_keys, named_values, times, control IN EXCLUSIVE MODE";
