//! The seal of the audit log: a MAC over the ends of all chains, the store, its epoch and the
//! number of its transactions.
//!
//! Every transaction writes it, so that no chain can be cut, added or put back to an earlier end
//! unless the whole store is put back.

use rusqlite::Connection;

use super::chain::Chain;
use super::fault::Fault;
use super::identity::Identity;
use super::{chain, identity, read, sql};
use crate::store::columns::stored;
use crate::store::{ChainEnd, ChainId, Links, MacKey};

/// The audit log inside a transaction: the store, its chains and the seal over them.
pub(super) struct Log {
    pub(super) identity: Identity,
    pub(super) chains: Vec<Chain>,
    seal: Option<Vec<u8>>,
}

impl Log {
    pub(super) fn read(conn: &Connection) -> Result<Log, Fault> {
        let chains = chain::all(conn)?;
        let seal = read::one::<Option<Vec<u8>>>(conn, sql::AUDIT_SEAL, [])?.flatten();
        let identity = match (identity::read(conn), &seal) {
            // Earlier schemas kept none, and need none for their links.
            (Err(_), None) => Identity::none(),
            (identity, _) => identity?,
        };
        Ok(Log { identity, chains, seal })
    }

    /// True if the log was authenticated once.
    pub(super) fn is_sealed(&self) -> bool {
        self.seal.is_some()
    }

    /// True if the chains end as the last transaction left them.
    pub(super) fn fits(&self, key: &MacKey) -> bool {
        self.seal.as_ref().is_some_and(|seal| {
            let (parts, count) = (self.sealed_parts(), self.count());
            let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
            seal.strip_prefix(&count).is_some_and(|mac| key.verifies(mac, &parts))
        })
    }

    /// The number of chains that the seal names, if there is one. Not authenticated.
    pub(super) fn sealed_chains(&self) -> u32 {
        let count = self.seal.as_ref().and_then(|seal| seal.first_chunk::<4>());
        count.map_or(0, |count| u32::from_be_bytes(*count))
    }

    /// The end of a chain.
    pub(super) fn head(&self, chain: ChainId) -> ChainEnd {
        let found = self.chains.iter().find(|known| known.id == chain);
        found.map_or_else(|| ChainEnd::of_empty(chain), |known| known.head.clone())
    }

    /// The links after this row.
    pub(super) fn links(&self, last: &ChainEnd) -> Links {
        let known = self.chains.iter().find(|known| known.id == last.chain);
        let closed = self.is_sealed().then(|| known.map_or(0, |known| known.closed));
        Links::after(last.clone(), self.identity.store, closed)
    }

    /// The links after a chain that is closed where it ends.
    pub(super) fn links_after_closing(&self, chain: &Chain) -> Links {
        Links::after(chain.head.clone(), self.identity.store, Some(chain.head.number))
    }

    /// Sees the beginnings of the chains where a part of the transaction has moved them.
    pub(super) fn look_again(&mut self, conn: &Connection) -> Result<(), Fault> {
        self.chains = chain::all(conn)?;
        Ok(())
    }

    /// Moves the end of a chain. The end of the first one is written with the rest of its row.
    pub(super) fn move_head(
        &mut self,
        conn: &Connection,
        from: &ChainEnd,
        to: &ChainEnd,
    ) -> Result<(), Fault> {
        if from.number == 0 || to.chain != ChainId::FIRST {
            chain::move_head(conn, from, to)?;
        }
        if from.number == 0 {
            self.look_again(conn)?;
        }
        if let Some(chain) = self.chains.iter_mut().find(|known| known.id == to.chain) {
            chain.head = to.clone();
        }
        Ok(())
    }

    /// Goes on by one transaction.
    pub(super) fn advance(&mut self) -> Result<(), Fault> {
        if self.identity == Identity::none() {
            return Err(identity::missing());
        }
        self.identity = self.identity.next();
        Ok(())
    }

    /// Writes the row that each transaction moves: the identity, the end of the first chain, the
    /// sum of the rows and, with a key, the seal.
    pub(super) fn write(
        &self,
        conn: &Connection,
        sum: Option<Vec<u8>>,
        key: Option<&MacKey>,
    ) -> Result<(), Fault> {
        let (head, seal) = (self.head(ChainId::FIRST), key.map(|key| self.seal(key)));
        let row = (stored(head.number), head.hash, self.identity.encode(), sum, seal);
        conn.prepare_cached(sql::LOG_MOVE)?.execute(row)?;
        Ok(())
    }

    fn seal(&self, key: &MacKey) -> Vec<u8> {
        let parts = self.sealed_parts();
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        [&self.count()[..], &key.mac(&parts)].concat()
    }

    fn count(&self) -> [u8; 4] {
        u32::try_from(self.chains.len()).unwrap_or(u32::MAX).to_be_bytes()
    }

    fn sealed_parts(&self) -> Vec<Vec<u8>> {
        let Identity { store, epoch, commits, .. } = &self.identity;
        let mut parts = vec![SEAL.to_vec(), store.to_vec()];
        parts.extend([epoch, commits].map(|number| number.to_be_bytes().to_vec()));
        for Chain { id, base, closed, head } in &self.chains {
            parts.push(id.0.to_be_bytes().to_vec());
            parts.extend([base.number, *closed, head.number].map(|at| at.to_be_bytes().to_vec()));
            parts.extend([&base.hash, &head.hash].map(|hash| hash.as_bytes().to_vec()));
        }
        parts
    }
}

/// Seals the chains as they are now, at the end of a transaction.
pub(super) fn write(conn: &Connection, key: &MacKey) -> Result<(), Fault> {
    let seal = Log::read(conn)?.seal(key);
    conn.prepare_cached(sql::AUDIT_SEAL_MOVE)?.execute([seal])?;
    Ok(())
}

/// Tells this MAC from that of a row.
const SEAL: &[u8] = b"seal";
