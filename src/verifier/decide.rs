//! The one way to a decision: load the account, judge, commit what was judged, answer.
//!
//! Judging is told what the account was when it was loaded. The commit names those revisions, so a
//! change by another caller in between makes it conflict, and the account is loaded and judged
//! again.

use crate::device::{Refusal, Verdict};
use crate::id::{AccountId, SerialNumber};
use crate::store::{AccountSnapshot, Action, Change, Commit, Committed, Conflict, Event, Write};
use crate::time::UnixTime;
use crate::verifier::looks::{Miss, Place};
use crate::verifier::readings::Reading;
use crate::verifier::refusals::Target;
use crate::verifier::{Error, Verifier};

/// A decision that is not committed yet: what it changes, and the answer once it is.
#[must_use]
pub(crate) struct Judgement<T> {
    pub(crate) writes: Vec<Write>,
    pub(crate) audit: Vec<Event>,
    /// The answer. A refusal in here is written before it is told.
    pub(crate) answer: Result<T, Error>,
    /// The verdict to be counted for metrics, where an input was computed and compared.
    pub(crate) counted: Option<Verdict>,
    /// Evidence about the device, noted in memory once this is committed.
    pub(crate) shown: Option<Shown>,
}

/// Evidence of a code or pair about the clock or counter of its device.
pub(crate) enum Shown {
    /// Right: the device is in sync; with what it said of the device's clock.
    InSync(Place, Option<Reading>),
    /// Right nowhere near: to be looked for further away.
    Missed(Box<Miss>),
}

impl<T> Judgement<T> {
    /// The result of `judge`. A refusal that is not judged writes nothing, and waits for the store
    /// as long as a judged one: neither its time nor a disk that is full tells them apart.
    fn of(judged: Result<Judgement<T>, Error>) -> Result<Judgement<T>, Error> {
        match judged {
            Err(refused @ Error::Refused(_)) => Ok(Judgement {
                writes: Vec::new(),
                audit: Vec::new(),
                answer: Err(refused),
                counted: None,
                shown: None,
            }),
            judged => judged,
        }
    }

    /// A change that is made.
    pub(crate) fn change(writes: Vec<Write>, audit: Vec<Event>, answer: T) -> Judgement<T> {
        Judgement { writes, audit, answer: Ok(answer), counted: None, shown: None }
    }

    /// An input that is accepted.
    pub(crate) fn accepted(writes: Vec<Write>, audit: Vec<Event>, answer: T) -> Judgement<T> {
        let counted = Some(Verdict::Accepted);
        Judgement { counted, ..Judgement::change(writes, audit, answer) }
    }

    /// An input that was computed and compared, and is refused.
    pub(crate) fn refused(writes: Vec<Write>, audit: Vec<Event>, refusal: Refusal) -> Judgement<T> {
        let counted = Some(Verdict::Refused(refusal));
        Judgement { writes, audit, answer: Err(Error::Refused(refusal)), counted, shown: None }
    }

    /// Adds what the input showed of its device.
    pub(crate) fn showing(self, shown: Shown) -> Judgement<T> {
        Judgement { shown: Some(shown), ..self }
    }
}

impl Verifier {
    /// Decides something about an account: loads it, judges it, commits, and tries again if it has
    /// moved meanwhile. Returns the answer, and the store's one: the account's marks and the
    /// control version of the deciding transaction.
    ///
    /// An error of `judge` changes nothing. A refusal among them takes its way through the store's
    /// writer all the same; other errors are answered at once. Decisions about one account queue
    /// inside this process.
    pub(super) async fn decide<T, F>(
        &self,
        account: &AccountId,
        judge: impl Fn(Option<AccountSnapshot>, UnixTime) -> F,
    ) -> Result<(T, Committed), Error>
    where
        F: Future<Output = Result<Judgement<T>, Error>>,
    {
        let now = self.now().await?;
        let _turn = self.core.queue.turn(account).await;
        let attempt = || async {
            let seen = self.core.store.account(account).await?;
            let store_time = seen.as_ref().and_then(|seen| seen.store_time);
            self.core.guard.compare(now, store_time)?;
            if let Some(seen) = &seen
                && let Some(dated) = self.marks_dated_back(seen, now)
            {
                let _ = self.commit(dated).await?;
                return Ok(None);
            }
            self.settle(Some(account), Judgement::of(judge(seen, now).await)?).await
        };
        contend(attempt).await?
    }

    /// Decides something that no account is loaded for. Otherwise as [`decide`](Verifier::decide).
    pub(crate) async fn decide_alone<T, F>(&self, judge: impl Fn(UnixTime) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<Judgement<T>, Error>>,
    {
        let now = self.now().await?;
        let attempt = || async { self.settle(None, Judgement::of(judge(now).await)?).await };
        Ok(contend(attempt).await??.0)
    }

    /// Writes an audit event that depends on nothing. Returns the answer of the store, with the
    /// account's marks from the same transaction.
    #[cfg(feature = "session")]
    pub(crate) async fn record(
        &self,
        account: &AccountId,
        action: Action,
    ) -> Result<Committed, Error> {
        let recorded = self.decide(account, |_, now| {
            let event = self.event(now, action.clone()).account(account);
            std::future::ready(Ok(Judgement::change(Vec::new(), vec![event], ())))
        });
        Ok(recorded.await?.1)
    }

    /// Commits a change to the store, which has its keys.
    pub(super) async fn write(&self, change: Change) -> Result<Commit, Error> {
        drop(self.present_sealer().await?);
        Ok(self.core.store.commit(change).await?)
    }

    /// Commits a change that was judged. `None` means that it must be judged again.
    pub(super) async fn commit(&self, change: Change) -> Result<Option<Committed>, Error> {
        match self.write(change).await? {
            Commit::Committed(committed) => Ok(Some(committed)),
            Commit::Conflict(Conflict::SerialTaken) => {
                Err(Error::AlreadyExists("another device has this serial number"))
            }
            Commit::Conflict(Conflict::FingerprintTaken) => Err(Error::AlreadyExists(SECRET_TAKEN)),
            Commit::Conflict(Conflict::Removed) => Err(Error::AlreadyExists(WAS_REMOVED)),
            Commit::Conflict(Conflict::Revision | Conflict::Consumed) => Ok(None),
        }
    }

    /// An audit event of this caller.
    pub(crate) fn event(&self, at: UnixTime, action: Action) -> Event {
        Event::new(at, action, &self.caller)
    }

    /// Refuses an input that is not judged. Nothing changes: the refusal is counted, and written to
    /// the audit log once a minute.
    pub(super) fn not_judged<'a>(
        &self,
        account: impl Into<Option<&'a AccountId>>,
        serial: Option<&SerialNumber>,
        now: UnixTime,
        refusal: Refusal,
    ) -> Error {
        self.core.counters.unjudged();
        let target = Target {
            action: Action::CodeNotJudged,
            caller: self.caller.clone(),
            account: account.into().cloned(),
            serial: serial.cloned(),
            reason: refusal.kind(),
        };
        self.core.refusals.count(now, target);
        Error::Refused(refusal)
    }

    /// One try to commit a judgement.
    async fn settle<T>(
        &self,
        account: Option<&AccountId>,
        judgement: Judgement<T>,
    ) -> Result<Option<Result<(T, Committed), Error>>, Error> {
        let Judgement { writes, audit, answer, counted, shown } = judgement;
        let replay = Target::of_replay(&writes, &audit).zip(audit.first().map(|event| event.at));
        let (refusals, replay) = (&self.core.refusals, replay.filter(|_| answer.is_err()));
        // A replay changes nothing. The first of a minute is written before it is told; for others
        // the store still sees that the account is as it was judged.
        let folds = replay.as_ref().is_some_and(|(target, at)| refusals.folds(*at, target));
        let audit = if folds { Vec::new() } else { audit };
        let change = Change { account: account.cloned(), writes, audit };
        let Some(committed) = self.commit(change).await? else { return Ok(None) };
        match replay {
            Some((target, at)) if folds => refusals.count(at, target),
            Some((target, at)) => refusals.wrote(at, target),
            None => {}
        }
        self.core.counters.count(counted);
        match shown {
            Some(Shown::InSync(device, reading)) => {
                self.core.looks.in_sync(&device);
                if let Some(reading) = reading {
                    self.core.readings.keep(reading);
                }
            }
            Some(Shown::Missed(miss)) => self.core.looks.ask(*miss),
            None => {}
        }
        Ok(Some(answer.map(|answer| (answer, committed))))
    }
}

/// Makes an attempt until one is not overtaken by another caller, at most [`TRIES`] times.
pub(super) async fn contend<T, F>(attempt: impl Fn() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<Option<T>, Error>>,
{
    for _ in 0..TRIES {
        if let Some(done) = attempt().await? {
            return Ok(done);
        }
    }
    Err(Error::Contended)
}

pub(super) const SECRET_TAKEN: &str =
    "another device has this secret: a secret belongs to one device";

const WAS_REMOVED: &str = "a removed device had this serial number or secret, and was in use";

/// The most attempts at one decision, while other callers change the same thing.
const TRIES: usize = 5;
