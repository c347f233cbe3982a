//! An exported audit log, compared with where the log ended once.

use std::collections::BTreeMap;

use crate::store::{
    Action, AuditEnd, AuditEnds, AuditReport, AuditRow, ChainEnd, ChainId, ChainReport, Links,
};

/// A chain as far as its rows were read.
struct Followed {
    links: Links,
    report: ChainReport,
    /// The row where the log ended then was passed, and is still that one.
    led: bool,
}

impl AuditEnds {
    /// Recomputes an exported log, each chain in its order, and compares it with these ends. Rows
    /// of all chains may be mixed. The first row of each chain must be there: the first one ever,
    /// or the one after those that went with time.
    ///
    /// An edit of rows up to the ends, a cut at either side and a forged chain are found. Rows
    /// behind the ends are linked, though their writer is not known.
    ///
    /// # Errors
    /// The reason why a row could not be read, as the iterator gives it; or that the ends are those
    /// of a version that did not write down where a chain begins.
    pub fn compare_rows(
        &self,
        rows: impl IntoIterator<Item = Result<AuditRow, String>>,
    ) -> Result<AuditReport, String> {
        let unknown = |end: &&AuditEnd| end.base > 0 && end.base_hash.is_empty();
        if let Some(end) = self.chains.iter().find(unknown) {
            return Err(format!(
                "the checkpoint does not say where chain {} begins: take one of this version",
                end.head.chain
            ));
        }
        let known = self.chains.iter().map(|end| (end.head.chain, self.begin(end)));
        let mut chains: BTreeMap<ChainId, Followed> = known.collect();
        let ends: BTreeMap<ChainId, &ChainEnd> =
            self.chains.iter().map(|end| (end.head.chain, &end.head)).collect();
        for row in rows {
            let row = row?;
            let begun_since = || Followed::new(ChainEnd::of_empty(row.chain), self.store, 0);
            let chain = chains.entry(row.chain).or_insert_with(begun_since);
            chain.follow(&row, ends.get(&row.chain).copied());
        }
        let finished = |(id, chain): (ChainId, Followed)| chain.finished(ends.get(&id).copied());
        let chains: Vec<ChainReport> = chains.into_iter().map(finished).collect();
        let ok = chains.iter().all(|chain| chain.ok);
        Ok(AuditReport { ok, authenticated: false, chains })
    }

    fn begin(&self, end: &AuditEnd) -> Followed {
        let base = match end.base {
            0 => ChainEnd::of_empty(end.head.chain),
            number => ChainEnd { chain: end.head.chain, number, hash: end.base_hash.clone() },
        };
        let led = base == end.head;
        Followed { led, ..Followed::new(base, self.store, end.closed) }
    }
}

impl Followed {
    fn new(base: ChainEnd, store: [u8; 16], closed: u64) -> Followed {
        let report = ChainReport {
            chain: base.chain,
            ok: true,
            rows: 0,
            closed,
            head: None,
            broken_at: None,
        };
        Followed { links: Links::after(base, store, Some(closed)), report, led: false }
    }

    /// Goes on to a row, unless the chain is broken before it.
    fn follow(&mut self, row: &AuditRow, end: Option<&ChainEnd>) {
        if !self.report.ok {
            return;
        }
        let next = self.links.last().number.saturating_add(1);
        let body = serde_json::to_string(&row.event).unwrap_or_default();
        let event = self.links.follow(row.number, &body, &row.hash);
        let other = end.is_some_and(|end| end.number == next && end.hash != row.hash);
        if other || event.is_none_or(|event| event.action == Action::AuditBroken) {
            self.break_at(next);
            return;
        }
        self.led |= end.is_some_and(|end| end.number == next);
        self.report.rows += 1;
    }

    fn finished(mut self, end: Option<&ChainEnd>) -> ChainReport {
        let last = self.links.last().clone();
        if self.report.ok && end.is_some() && !self.led {
            self.break_at(last.number.saturating_add(1));
        }
        let whole = self.report.ok && last.number > 0;
        ChainReport { head: whole.then_some(last.hash), ..self.report }
    }

    fn break_at(&mut self, number: u64) {
        self.report = ChainReport { ok: false, broken_at: Some(number), ..self.report.clone() };
    }
}
