//! Jobs that are done together: usual changes in one statement, others alone.

use std::collections::BTreeSet;

use super::columns::{column, from_json};
use super::connection::Connection;
use super::optimistic::{self, Answer};
use super::outcome::Fault;
use super::session::Session;
use super::table::ACCOUNTS;
use super::usual::Rows;
use super::work::{Done, Job, Work};
use super::{chain, sql};
use crate::id::AccountId;
use crate::store::{Account, Change, Commit, Committed, Conflict, Error, Marks, Write};

/// Jobs, of which some are answered.
pub(super) struct Batch {
    open: Vec<Job>,
    moved: Rows,
}

/// A usual change, as a statement that wrote nothing tells of it.
enum Verdict {
    Stands,
    Moved,
    /// Only a transaction can judge it.
    Unusual,
}

impl Batch {
    pub(super) fn new(jobs: Vec<Job>) -> Batch {
        Batch { open: jobs, moved: Rows::default() }
    }

    /// Does the jobs. Those that are not answered when it fails share the fault.
    pub(super) async fn run(&mut self, session: &mut Session) -> Result<(), Fault> {
        let usual = self.open.iter().all(|job| matches!(job.work, Work::Usual(..)));
        if !usual {
            return self.alone(session).await;
        }
        while !self.open.is_empty() {
            self.together(session).await?;
        }
        Ok(())
    }

    /// Answers what is left with this error, and returns the rows that moved.
    pub(super) fn end(self, error: Error) -> Rows {
        for job in self.open {
            job.answer(Err(error.clone()));
        }
        self.moved
    }

    /// Makes all open changes, or tells which of them conflict: at least one fewer is open then.
    async fn together(&mut self, session: &mut Session) -> Result<(), Fault> {
        let answer = self.write(session).await?;
        if answer.made {
            self.answer_made(&session.conn, &answer).await;
            return Ok(());
        }
        if answer.went_back {
            let reason = "another agent found that the store has forgotten changes";
            return Err(Fault::Broken(Error::WentBack(reason.to_owned())));
        }
        if !answer.chain_stands {
            return Err(chain::written_by_another(session.links.last().chain));
        }
        let (mut standing, mut unusual) = (Vec::new(), Vec::new());
        for job in std::mem::take(&mut self.open) {
            match verdict(&job.work, &answer) {
                Verdict::Stands => standing.push(job),
                Verdict::Unusual => unusual.push(job),
                Verdict::Moved => {
                    let conflict = Commit::Conflict(Conflict::Revision);
                    job.answer(Ok(Done::Change(conflict)));
                }
            }
        }
        // Everything stands, and yet nothing was written.
        if unusual.is_empty() && standing.len() == answer.changes {
            std::mem::swap(&mut standing, &mut unusual);
        }
        self.open = unusual;
        let judged = self.alone(session).await;
        self.open.append(&mut standing);
        judged
    }

    /// Does each open job in a transaction of its own.
    async fn alone(&mut self, session: &mut Session) -> Result<(), Fault> {
        while let Some(job) = self.open.first() {
            let done = match session.alone(&job.work).await {
                Err(Fault::Undecided(error)) => Err(error),
                done => Ok(done?),
            };
            let job = self.open.remove(0);
            let made = matches!(&done, Ok(Done::Change(Commit::Committed(_))));
            if let Work::Usual(_, rows) = &job.work
                && made
            {
                self.moved.add(rows);
            }
            job.answer(done);
        }
        Ok(())
    }

    /// Runs the statement for all open changes.
    async fn write(&self, session: &mut Session) -> Result<Answer, Fault> {
        let (mut rows, mut named) = (Rows::default(), BTreeSet::new());
        let (mut links, mut audit) = (session.links.clone(), chain::Rows::default());
        let key = session.audit_key();
        for (change, usual) in self.changes() {
            rows.add(usual);
            named.extend(usual.owners());
            named.extend(change.account.as_ref().map(|account| account.as_str()));
            audit.add(&mut links, key.as_ref(), &change.audit)?;
        }
        let named: Vec<&str> = named.into_iter().collect();
        let chain = (&session.links, &links, &audit);
        let mut answer = optimistic::write(&session.conn, &rows, &named, chain).await?;
        answer.changes = self.open.len();
        if answer.made {
            session.kept(links);
        }
        Ok(answer)
    }

    async fn answer_made(&mut self, conn: &Connection, answer: &Answer) {
        for job in std::mem::take(&mut self.open) {
            if let Work::Usual(change, rows) = &job.work {
                self.moved.add(rows);
                let committed = Committed {
                    marks: marks(conn, change, rows, answer).await,
                    control_version: answer.control_version,
                };
                job.answer(Ok(Done::Change(Commit::Committed(committed))));
            }
        }
    }

    fn changes(&self) -> impl Iterator<Item = (&Change, &Rows)> {
        self.open.iter().filter_map(|job| match &job.work {
            Work::Usual(change, rows) => Some((change, rows)),
            _ => None,
        })
    }
}

/// The marks of the change's account after its writes. Where they cannot be told, because another
/// change has moved them since, they are those of no account: what is issued with them is dead.
async fn marks(conn: &Connection, change: &Change, rows: &Rows, answer: &Answer) -> Marks {
    let Some(account) = &change.account else { return Marks::default() };
    let written = change.writes.iter().find_map(|write| match write {
        Write::UpdateAccount { account: after, .. } if after.id == *account => Some(after.marks()),
        _ => None,
    });
    let stood = rows.accounts.get(account.as_str()).map(|row| row.seen);
    let Some(revision) = stood.or(answer.named.get(account.as_str()).copied()) else {
        return Marks::default();
    };
    let known = || conn.tags().account(account.as_str(), revision).map(|seen| seen.marks);
    match written.or_else(known) {
        Some(marks) => marks,
        None => read(conn, account, revision).await.unwrap_or_default(),
    }
}

/// The marks of an account that is still at this revision.
async fn read(conn: &Connection, account: &AccountId, revision: i64) -> Option<Marks> {
    let rows = conn.rows(sql::ACCOUNT_TAGGED, &[&account.as_str()]).await.ok()?;
    let row = rows.first()?;
    conn.tags().see(&ACCOUNTS, row).ok()?;
    let what = "an account";
    (column::<i64>(what, row, 1).ok()? == revision).then_some(())?;
    let account: Account = from_json(what, column(what, row, 5).ok()?).ok()?;
    Some(account.marks())
}

fn verdict(work: &Work, answer: &Answer) -> Verdict {
    let Work::Usual(_, rows) = work else { return Verdict::Unusual };
    // Revisions only rise: one that was passed never comes back.
    let accounts = rows.accounts.iter().map(|(id, row)| (answer.accounts.get(id), row.seen));
    let devices = rows
        .devices
        .iter()
        .map(|(serial, row)| (answer.devices.get(serial).map(|(revision, _)| revision), row.seen));
    let mut revisions = accounts.chain(devices).collect::<Vec<_>>().into_iter();
    if revisions.clone().any(|(is, seen)| is.is_some_and(|is| *is > seen)) {
        return Verdict::Moved;
    }
    let elsewhere = |serial: &String| !answer.devices.get(serial).is_some_and(|(_, same)| *same);
    let staged = |owner: &str| answer.staged.iter().any(|account| account == owner);
    if revisions.any(|(is, seen)| is != Some(&seen))
        || rows.devices.keys().any(elsewhere)
        || rows.owners().any(staged)
    {
        return Verdict::Unusual;
    }
    Verdict::Stands
}
