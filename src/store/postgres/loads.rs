//! Loads of accounts. Those that wait at the same moment share one statement.
//!
//! A caller that finds the connection idle asks for all that wait; while it waits for the answer,
//! others wait for theirs, or for their turn, whichever comes first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tokio_postgres::Row;

use super::columns::{column, from_json};
use super::dial::Dial;
use super::fault::corrupt;
use super::reader::Reader;
use crate::device::Device;
use crate::id::AccountId;
use crate::store::columns::unsigned;
use crate::store::{Account, AccountSnapshot, Enrolled, Error, Revision, Sealed};
use crate::time::UnixTime;

pub(super) type Loaded = Result<Option<AccountSnapshot>, Error>;

/// The loads that wait, and the connection that answers them.
pub(super) struct Loads {
    dial: Arc<Dial>,
    /// The server's clock is told with each account.
    tells_time: bool,
    waiting: Mutex<Vec<Waiting>>,
    reader: tokio::sync::Mutex<Option<Reader>>,
}

struct Waiting {
    account: AccountId,
    answer: oneshot::Sender<Loaded>,
}

/// An account as it is read, row by row.
#[derive(Default)]
struct Found {
    account: Option<(Account, Revision)>,
    devices: Vec<Enrolled>,
    /// The number of devices of published imports, and the time of the first one.
    staged: Option<(u64, i64)>,
}

impl Loads {
    pub(super) fn new(dial: Arc<Dial>, tells_time: bool) -> Loads {
        Loads { dial, tells_time, waiting: Mutex::default(), reader: tokio::sync::Mutex::default() }
    }

    /// The account with its devices, read after this call began.
    pub(super) async fn account(&self, account: &AccountId) -> Loaded {
        let mut answered = self.wait(account);
        loop {
            tokio::select! {
                biased;
                answer = &mut answered => match answer {
                    Ok(loaded) => return loaded,
                    // The caller that read for this one has gone away.
                    Err(_) => answered = self.wait(account),
                },
                mut reader = self.reader.lock() => self.load(&mut reader).await,
            }
        }
    }

    fn wait(&self, account: &AccountId) -> oneshot::Receiver<Loaded> {
        let (answer, answered) = oneshot::channel();
        self.waiting().push(Waiting { account: account.clone(), answer });
        answered
    }

    /// Answers the loads that wait, the oldest first.
    async fn load(&self, reader: &mut Option<Reader>) {
        let batch: Vec<Waiting> = {
            let mut waiting = self.waiting();
            waiting.retain(|waiting| !waiting.answer.is_closed());
            let most = waiting.len().min(MOST);
            waiting.drain(..most).collect()
        };
        let names: BTreeSet<&str> = batch.iter().map(|waiting| waiting.account.as_str()).collect();
        let names: Vec<&str> = names.into_iter().collect();
        if names.is_empty() {
            return;
        }
        let rows = self.rows(reader, &names).await;
        let loaded = rows.and_then(|rows| snapshots(&rows, self.tells_time));
        for Waiting { account, answer } in batch {
            let of = match &loaded {
                Ok(all) => all.get(account.as_str()).cloned().unwrap_or(Ok(None)),
                Err(error) => Err(error.clone()),
            };
            // A caller may have gone away.
            let _ = answer.send(of);
        }
    }

    async fn rows(&self, kept: &mut Option<Reader>, names: &[&str]) -> Result<Vec<Row>, Error> {
        let reader = match kept.take().filter(Reader::is_sound) {
            Some(reader) => reader,
            None => Reader::open(&self.dial).await?,
        };
        let rows = reader.rows(ACCOUNTS, &[&names]).await;
        *kept = Some(reader);
        rows
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The accounts in these rows, by their names.
pub(super) fn snapshots(rows: &[Row], tells_time: bool) -> Result<BTreeMap<String, Loaded>, Error> {
    let mut control = None;
    let mut found: BTreeMap<String, Result<Found, Error>> = BTreeMap::new();
    for row in rows {
        let name: Option<String> = column(LOADED, row, 1)?;
        match name {
            None => {
                let version = unsigned(column("the control version", row, 2)?);
                let time = unsigned(column("the server's time", row, 5)?);
                control = Some((version, tells_time.then_some(UnixTime(time))));
            }
            Some(name) => {
                let of = found.entry(name).or_insert_with(|| Ok(Found::default()));
                let added = match of {
                    Ok(account) => account.add(row),
                    Err(_) => Ok(()),
                };
                if let Err(error) = added {
                    *of = Err(error);
                }
            }
        }
    }
    let control = control.ok_or_else(|| corrupt("the control version", "its row is gone"))?;
    let snapshot = |(name, of): (String, Result<Found, Error>)| {
        let loaded = of.and_then(|found| found.snapshot(&name, control));
        (name, loaded)
    };
    Ok(found.into_iter().map(snapshot).collect())
}

impl Found {
    fn add(&mut self, row: &Row) -> Result<(), Error> {
        let kind: i32 = column(LOADED, row, 0)?;
        let revision = Revision(unsigned(column(LOADED, row, 2)?));
        let body: &str = column(LOADED, row, 3)?;
        if kind == ACCOUNT {
            self.account = Some((from_json("an account", body)?, revision));
            return Ok(());
        }
        let seed: Option<Vec<u8>> = column("a seed", row, 4)?;
        let device: Device = from_json("a device", body)?;
        self.devices
            .push(Enrolled { device, revision, seed: seed.map(Sealed::from_bytes) });
        if let Some(at) = column::<Option<i64>>(LOADED, row, 5)? {
            self.staged.get_or_insert((0, at)).0 += 1;
        }
        Ok(())
    }

    /// The account, with the staged devices of published imports as if they had been inserted.
    fn snapshot(
        mut self,
        name: &str,
        (control_version, store_time): (u64, Option<UnixTime>),
    ) -> Loaded {
        if let Some((count, at)) = self.staged {
            let (account, revision) = match self.account {
                Some(there) => there,
                None => {
                    let id = AccountId::existing(name);
                    let id = id.map_err(|error| corrupt("the name of an account", error))?;
                    (Account::new(id, UnixTime(unsigned(at))), Revision(1))
                }
            };
            self.account = Some((account, Revision(revision.0.saturating_add(count))));
        }
        let Some((account, revision)) = self.account else { return Ok(None) };
        self.devices.sort_by(|one, other| one.device.serial.cmp(&other.device.serial));
        let devices = self.devices;
        Ok(Some(AccountSnapshot { account, revision, devices, control_version, store_time }))
    }
}

/// One statement, so that it sees one moment.
pub(super) const ACCOUNTS: &str = "SELECT 0, id, revision, body, NULL::bytea, NULL::bigint
        FROM accounts WHERE id = ANY($1::text[])
    UNION ALL SELECT 1, account, revision, body, seed, NULL
        FROM devices WHERE account = ANY($1)
    UNION ALL SELECT 1, s.account, s.revision, s.body, s.seed, i.staged_at
        FROM staged s JOIN imports i ON i.number = s.import
        WHERE s.account = ANY($1) AND i.state = 'published'
    UNION ALL SELECT 2, NULL, value, NULL, NULL, extract(epoch FROM clock_timestamp())::bigint
        FROM control WHERE name = 'version'";

/// The first column of an account's own row.
const ACCOUNT: i32 = 0;

const LOADED: &str = "an account";

/// The most accounts of one statement.
const MOST: usize = 256;
