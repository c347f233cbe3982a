//! The identity of a store's file: which store it is, and how far it has come.
//!
//! The identity is kept in the row whose page every transaction writes. So a write-ahead log that
//! holds a transaction holds the identity as well, and the file alone can be compared with its log
//! before SQLite joins the two.

use rusqlite::{Connection, OptionalExtension};
use sha2::{Digest, Sha256};

use super::fault::Fault;
use super::sql;
use crate::store::{OpenError, random};

/// An identity as a file, a log or a witness holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// Random, made with the store; a backup keeps it.
    pub(super) store: [u8; 16],
    /// Raised by each restore.
    pub(super) epoch: u64,
    /// Transactions that have changed what is served since the store was made.
    pub(super) commits: u64,
    pub(super) usage: Usage,
}

/// The way the store was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usage {
    /// Closed: the file alone is the whole store.
    Closed,
    /// Open, or ended without being closed: the file is the store only together with its log.
    InUse,
}

impl Identity {
    pub(super) fn new() -> Result<Identity, OpenError> {
        let store = random::<16>().map_err(|error| OpenError::unusable(error.to_string()))?;
        Ok(Identity { store: *store, epoch: 1, commits: 0, usage: Usage::Closed })
    }

    /// The identity of a store that keeps none.
    pub(super) fn none() -> Identity {
        Identity { store: [0; 16], epoch: 0, commits: 0, usage: Usage::Closed }
    }

    /// One transaction later.
    pub(super) fn next(self) -> Identity {
        Identity { commits: self.commits.saturating_add(1), ..self }
    }

    /// Orders the states of one store.
    pub(super) fn place(&self) -> (u64, u64) {
        (self.epoch, self.commits)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(self.store);
        bytes.extend(self.epoch.to_be_bytes());
        bytes.extend(self.commits.to_be_bytes());
        bytes.push(u8::from(self.usage == Usage::InUse));
        sealed(bytes)
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Identity> {
        let body = unsealed(bytes)?.strip_prefix(&MAGIC)?;
        let (store, body) = body.split_first_chunk::<16>()?;
        let (epoch, body) = body.split_first_chunk::<8>()?;
        let (commits, usage) = body.split_first_chunk::<8>()?;
        let usage = match usage {
            [0] => Usage::Closed,
            [1] => Usage::InUse,
            _ => return None,
        };
        Some(Identity {
            store: *store,
            epoch: u64::from_be_bytes(*epoch),
            commits: u64::from_be_bytes(*commits),
            usage,
        })
    }

    /// The identity in a page of the file, if it is the page of its row: a leaf of a table (SQLite
    /// file format §1.6) with a row 1 that holds it.
    pub(super) fn in_page(page: &[u8]) -> Option<Identity> {
        if *page.first()? != LEAF_OF_A_TABLE {
            return None;
        }
        let cells = usize::from(u16::from_be_bytes(page.get(3..5)?.try_into().ok()?));
        let pointers = page.get(8..8 + 2 * cells)?.as_chunks::<2>().0;
        pointers.iter().find_map(|at| {
            let cell = page.get(usize::from(u16::from_be_bytes(*at))..)?;
            let (size, rest) = varint(cell)?;
            let (row, rest) = varint(rest)?;
            let row = rest.get(..usize::try_from(size).ok()?).filter(|_| row == 1)?;
            let at = row.windows(MAGIC.len()).position(|window| window == MAGIC)?;
            Identity::decode(row.get(at..at + LENGTH)?)
        })
    }
}

/// A number of SQLite's variable length (file format §1.6), and what follows it; none for those of
/// nine bytes.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let length = bytes.iter().take(8).position(|byte| byte & 0x80 == 0)? + 1;
    let (number, rest) = bytes.split_at(length);
    let number = number.iter().fold(0, |number, byte| number << 7 | u64::from(byte & 0x7f));
    Some((number, rest))
}

/// Reads the identity inside a transaction, or as of one moment.
pub(super) fn read(conn: &Connection) -> Result<Identity, Fault> {
    let bytes: Option<Option<Vec<u8>>> =
        conn.prepare_cached(sql::IDENTITY)?.query_row([], |row| row.get(0)).optional()?;
    let identity = bytes.flatten().and_then(|bytes| Identity::decode(&bytes));
    identity.ok_or_else(missing)
}

/// The fault of a store that must have an identity.
pub(super) fn missing() -> Fault {
    Fault::Corrupt("the store's identity is missing or damaged".to_owned())
}

pub(super) fn write(conn: &Connection, identity: &Identity) -> rusqlite::Result<()> {
    conn.prepare_cached(sql::IDENTITY_MOVE)?.execute([identity.encode()])?;
    Ok(())
}

/// Counts the transaction that is open. Each one that changes anything does it once, before its
/// commit.
pub(super) fn advance(conn: &Connection) -> Result<Identity, Fault> {
    let next = read(conn)?.next();
    write(conn, &next)?;
    Ok(next)
}

/// Writes down that the store is open, or closed, in a transaction of its own. It is not counted:
/// it changes nothing that is served, and a start that fails must leave a copy of the file from
/// before it as good as the file.
pub(super) fn mark(conn: &Connection, usage: Usage) -> Result<Identity, Fault> {
    conn.execute_batch("BEGIN IMMEDIATE")?;
    let marked = read(conn).and_then(|was| {
        let next = Identity { usage, ..was };
        write(conn, &next)?;
        conn.execute_batch("COMMIT")?;
        Ok(next)
    });
    if marked.is_err() {
        let _ = conn.execute_batch("ROLLBACK");
    }
    marked
}

/// Bytes with a checksum behind them, so that a torn write is seen.
pub(super) fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let sum = Sha256::digest(&bytes);
    bytes.extend(sum.iter().take(CHECKSUM));
    bytes
}

/// The bytes before a checksum that holds.
pub(super) fn unsealed(bytes: &[u8]) -> Option<&[u8]> {
    let (body, sum) = bytes.split_at_checked(bytes.len().checked_sub(CHECKSUM)?)?;
    Sha256::digest(body).starts_with(sum).then_some(body)
}

/// The first byte occurs in no text.
const MAGIC: [u8; 8] = *b"\xfftwstid\x01";

const CHECKSUM: usize = 8;

const LENGTH: usize = 8 + 16 + 8 + 8 + 1 + CHECKSUM;

/// Table B-tree leaf page (SQLite file format §1.6).
const LEAF_OF_A_TABLE: u8 = 0x0d;
