//! Reads of the audit log.

use std::collections::{BTreeMap, VecDeque};

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::columns::{column, from_json};
use super::fault::corrupt;
use super::reader::Reader;
use crate::id::{AccountId, SerialNumber};
use crate::store::audit_page::merged;
use crate::store::columns::{stored, unsigned};
use crate::store::{Action, AuditFrom, AuditList, AuditRow, ChainEnd, ChainId, Error};

/// A chain as it is written down.
pub(super) struct Chain {
    pub(super) id: ChainId,
    /// The last row that went with time.
    pub(super) base: ChainEnd,
    /// The number of the last row from before rows were authenticated.
    pub(super) closed: u64,
    pub(super) head: ChainEnd,
}

/// The identity of the store and its chains, as of one moment.
pub(super) struct Log {
    pub(super) store: [u8; 16],
    pub(super) epoch: u64,
    /// In the order of their numbers.
    pub(super) chains: Vec<Chain>,
}

impl Log {
    pub(super) async fn read(reader: &Reader) -> Result<Log, Error> {
        let (mut identity, mut chains) = (None, Vec::new());
        for row in reader.rows(LOG, &[]).await? {
            let store: &[u8] = column(IDENTITY, &row, 0)?;
            let store = <[u8; 16]>::try_from(store).map_err(|error| corrupt(IDENTITY, error))?;
            let epoch = unsigned(column(IDENTITY, &row, 1)?);
            if identity.is_some_and(|seen| seen != (store, epoch)) {
                return Err(corrupt(IDENTITY, "there are several"));
            }
            identity = Some((store, epoch));
            if let Some(id) = column::<Option<i64>>(CHAIN, &row, 2)? {
                let id = chain_id(id)?;
                let end =
                    |number: i64, hash| ChainEnd { chain: id, number: unsigned(number), hash };
                chains.push(Chain {
                    id,
                    base: end(column(CHAIN, &row, 3)?, column(CHAIN, &row, 4)?),
                    closed: unsigned(column(CHAIN, &row, 5)?),
                    head: end(column(CHAIN, &row, 6)?, column(CHAIN, &row, 7)?),
                });
            }
        }
        let (store, epoch) = identity.ok_or_else(|| corrupt(IDENTITY, "it is gone"))?;
        Ok(Log { store, epoch, chains })
    }
}

/// The rows of a list, oldest first.
///
/// Rows of one chain become visible in their order, so a chain's rows after a place in it are all
/// that a reader has not seen.
pub(super) async fn rows(reader: &Reader, list: &AuditList) -> Result<Vec<AuditRow>, Error> {
    let mut after = (Vec::new(), Vec::new());
    let sql = match &list.from {
        AuditFrom::After(cursor) => {
            for (chain, number) in cursor.places() {
                after.0.push(i64::from(chain.0));
                after.1.push(stored(number));
            }
            OLDEST
        }
        AuditFrom::Newest => NEWEST,
    };
    let only = &list.only;
    let values: [&(dyn ToSql + Sync); 8] = [
        &after.0,
        &after.1,
        &i64::from(list.limit),
        &only.account.as_ref().map(AccountId::as_str),
        &only.serial.as_ref().map(SerialNumber::as_str),
        &only.action.as_ref().map(Action::name),
        &only.since.map(|time| stored(time.0)),
        &only.until.map(|time| stored(time.0)),
    ];
    let mut chains: BTreeMap<ChainId, VecDeque<AuditRow>> = BTreeMap::new();
    for row in reader.rows(sql, &values).await? {
        let row = audit_row(&row)?;
        chains.entry(row.chain).or_default().push_back(row);
    }
    Ok(merged(chains.into_values().collect(), list))
}

fn audit_row(row: &Row) -> Result<AuditRow, Error> {
    let (chain, number) = (chain_id(column(ROW, row, 0)?)?, unsigned(column(ROW, row, 1)?));
    let event = from_json(&format!("row {number} of audit chain {chain}"), column(ROW, row, 2)?)?;
    Ok(AuditRow { chain, number, event, hash: column(ROW, row, 3)? })
}

pub(super) fn chain_id(id: i64) -> Result<ChainId, Error> {
    let id = u32::try_from(id).ok().filter(|id| *id > 0);
    id.map(ChainId).ok_or_else(|| corrupt(CHAIN, "its number is out of range"))
}

const IDENTITY: &str = "the store's identity";

const CHAIN: &str = "an audit chain";

const ROW: &str = "an audit row";

const LOG: &str = "SELECT s.id, s.epoch, c.id, c.base, c.base_hash, c.closed, c.head, c.head_hash
    FROM store_identity s LEFT JOIN chains c ON true ORDER BY c.id";

/// Rows of each chain, from its place on or from its end.
macro_rules! rows {
    ($after:literal, $order:literal) => {
        concat!(
            "SELECT a.chain, a.number, a.body, a.hash FROM chains c
            LEFT JOIN unnest($1::bigint[], $2::bigint[]) AS place (chain, number)
                ON place.chain = c.id
            CROSS JOIN LATERAL (SELECT chain, number, body, hash FROM audit
                WHERE audit.chain = c.id AND audit.number > ",
            $after,
            " AND ($4::text IS NULL OR body::json ->> 'account' = $4)
                AND ($5::text IS NULL OR body::json ->> 'serial' = $5)
                AND ($6::text IS NULL OR body::json ->> 'action' = $6)
                AND ($7::bigint IS NULL OR at >= $7) AND ($8::bigint IS NULL OR at <= $8)
                ORDER BY audit.number ",
            $order,
            " LIMIT $3) AS a ORDER BY a.chain, a.number ",
            $order
        )
    };
}

const OLDEST: &str = rows!("coalesce(place.number, 0)", "");
const NEWEST: &str = rows!("0", "DESC");
