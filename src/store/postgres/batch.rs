//! Jobs that are done together: usual changes in one statement, others alone.

use std::collections::BTreeSet;

use super::chain;
use super::optimistic::{self, Answer};
use super::outcome::Fault;
use super::session::Session;
use super::usual::Rows;
use super::work::{Done, Job, Work};
use crate::store::{Change, Commit, Committed, Conflict, Error, Write};

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
            self.answer_made(&answer);
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

    fn answer_made(&mut self, answer: &Answer) {
        for job in std::mem::take(&mut self.open) {
            if let Work::Usual(change, rows) = &job.work {
                self.moved.add(rows);
                let committed = Committed {
                    marks: marks(change, answer),
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

/// The marks of the change's account after its writes.
fn marks(change: &Change, answer: &Answer) -> crate::store::Marks {
    let Some(account) = &change.account else { return crate::store::Marks::default() };
    let written = change.writes.iter().find_map(|write| match write {
        Write::UpdateAccount { account: after, .. } if after.id == *account => Some(after.marks()),
        _ => None,
    });
    written.or(answer.marks.get(account.as_str()).copied()).unwrap_or_default()
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
