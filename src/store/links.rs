//! The links of an audit chain, which anyone with its rows can recompute.
//!
//! Rows up to where a chain was closed are linked as they were before the log was authenticated:
//! SHA-256 over the previous hash in hex, the number and the event's JSON. Later rows are linked by
//! SHA-256 over the store, the chain, the number, the previous hash and the event's JSON, each with
//! its length before it, so that a row fits one place of one store.

use sha2::{Digest, Sha256};

use crate::store::{ChainId, Event};

/// The last row of a chain, or of its part that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainEnd {
    /// The chain.
    pub chain: ChainId,
    /// The row's number; 0 for a chain without rows.
    pub number: u64,
    /// The row's hash in hex.
    pub hash: String,
}

/// The ends of all chains at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEnds {
    /// The store's id.
    pub store: [u8; 16],
    /// The store's epoch, which a restore raises.
    pub epoch: u64,
    /// The chains, in the order of their numbers.
    pub chains: Vec<AuditEnd>,
}

/// The ends of one chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEnd {
    /// The number of the last row that went with time.
    pub base: u64,
    /// The hash of that row in hex; it names the chain if no row went.
    pub base_hash: String,
    /// The number of the last row from before rows were authenticated.
    pub closed: u64,
    /// The last row.
    pub head: ChainEnd,
}

/// Rows of a chain, followed one after the other.
#[derive(Clone, Debug)]
pub struct Links {
    store: [u8; 16],
    /// The number of the last row that is linked the old way; none where all are.
    closed: Option<u64>,
    last: ChainEnd,
}

impl ChainEnd {
    /// The end of a chain without rows. Its hash names the chain, so that no chain passes for
    /// another one.
    pub fn of_empty(chain: ChainId) -> ChainEnd {
        let hash = match chain {
            ChainId::FIRST => String::new(),
            ChainId(number) => sha256_hex(&[b"chain ", &number.to_be_bytes()]),
        };
        ChainEnd { chain, number: 0, hash }
    }
}

impl Links {
    /// The links after this row. `closed` is the number of the last row that is linked the old way,
    /// or none where all rows are.
    pub fn after(last: ChainEnd, store: [u8; 16], closed: Option<u64>) -> Links {
        Links { store, closed, last }
    }

    /// The last row.
    pub fn last(&self) -> &ChainEnd {
        &self.last
    }

    /// True if the row of this number is linked the old way.
    pub fn is_closed(&self, number: u64) -> bool {
        self.closed.is_none_or(|closed| number <= closed)
    }

    /// The hash of the next row, if this is its body.
    pub fn next_hash(&self, body: &str) -> String {
        let ChainEnd { chain, number, hash } = &self.last;
        let number = number.saturating_add(1);
        if self.is_closed(number) {
            return sha256_hex(&[hash.as_bytes(), &number.to_be_bytes(), body.as_bytes()]);
        }
        let (chain, number) = (chain.0.to_be_bytes(), number.to_be_bytes());
        let mut parts = Vec::new();
        for part in [LINK, &self.store, &chain, &number, hash.as_bytes(), body.as_bytes()] {
            parts.extend(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            parts.extend_from_slice(part);
        }
        sha256_hex(&[&parts])
    }

    /// Adds a row with this body, and returns its number and its hash.
    pub fn append(&mut self, body: &str) -> (u64, String) {
        let (number, hash) = (self.last.number.saturating_add(1), self.next_hash(body));
        self.last = ChainEnd { chain: self.last.chain, number, hash: hash.clone() };
        (number, hash)
    }

    /// Goes on to a row if it is the next one, unchanged, and returns its event.
    pub fn follow(&mut self, number: u64, body: &str, hash: &str) -> Option<Event> {
        let next = self.last.number.checked_add(1)?;
        if number != next || hash != self.next_hash(body) {
            return None;
        }
        let event = serde_json::from_str(body).ok()?;
        self.last = ChainEnd { number, hash: hash.to_owned(), ..self.last.clone() };
        Some(event)
    }
}

/// SHA-256 in hex, of the parts one after the other.
pub(super) fn sha256_hex(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hex(&hash.finalize())
}

/// Bytes in hex, in lower case.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Tells this hash from any other one.
const LINK: &[u8] = b"twostep audit row";
