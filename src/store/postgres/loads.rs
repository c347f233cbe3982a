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
use super::table::{ACCOUNTS as TAGGED, DEVICES, IMPORTS, STAGED};
use super::tags::{SeenAccount, SeenDevice, Tags, tag_in};
use super::usual::DeviceColumns;
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
    account: Option<(Account, SeenAccount)>,
    devices: Vec<Enrolled>,
    seen: Vec<(String, SeenDevice)>,
    /// The number of devices of published imports, and the import of the first one.
    staged: Option<(u64, i64)>,
}

/// The rows that are of no account.
#[derive(Default)]
struct Beside {
    control: Option<(u64, UnixTime)>,
    /// Published imports by their numbers, with their times.
    imports: BTreeMap<i64, i64>,
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
        let (rows, tags) = (self.rows(reader, &names).await, self.dial.tags());
        let loaded = rows.and_then(|rows| snapshots(&rows, tags, self.tells_time));
        for Waiting { account, answer } in batch {
            let none = || tags.saw_none(account.as_str()).map(|()| None);
            let of = match &loaded {
                Ok(all) => all.get(account.as_str()).cloned().unwrap_or_else(none),
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
pub(super) fn snapshots(
    rows: &[Row],
    tags: &Tags,
    tells_time: bool,
) -> Result<BTreeMap<String, Loaded>, Error> {
    let (mut beside, mut found) = (Beside::default(), BTreeMap::new());
    for row in rows {
        if column::<i32>(LOADED, row, 0)? >= IMPORT {
            beside.add(row, tags)?;
            continue;
        }
        let name: String = column(LOADED, row, 1)?;
        let of = found.entry(name).or_insert_with(|| Ok(Found::default()));
        let added = match of {
            Ok(account) => account.add(row, tags),
            Err(_) => Ok(()),
        };
        if let Err(error) = added {
            *of = Err(error);
        }
    }
    let control = beside.control;
    let control = control.ok_or_else(|| corrupt("the control version", "its row is gone"))?;
    let told = (control.0, tells_time.then_some(control.1));
    let snapshot = |(name, of): (String, Result<Found, Error>)| {
        let loaded = of.and_then(|found| found.snapshot(&name, (&beside, tags), told));
        (name, loaded)
    };
    Ok(found.into_iter().map(snapshot).collect())
}

impl Beside {
    fn add(&mut self, row: &Row, tags: &Tags) -> Result<(), Error> {
        if column::<i32>(LOADED, row, 0)? == IMPORT {
            tags.see_at(&IMPORTS, row, &[14, 6, 12, 7, 16, 8, 5])?;
            let at = column::<Option<i64>>(LOADED, row, 16)?.unwrap_or_default();
            self.imports.insert(column(LOADED, row, 6)?, at);
            return Ok(());
        }
        let version: i64 = column("the control version", row, 2)?;
        let identity = (column(WHOSE, row, 14)?, column(WHOSE, row, 6)?, column(WHOSE, row, 15)?);
        tags.see_moment((version, column("the control version", row, 5)?), identity)?;
        let time: i64 = column("the server's time", row, 7)?;
        self.control = Some((unsigned(version), UnixTime(unsigned(time))));
        Ok(())
    }
}

impl Found {
    fn add(&mut self, row: &Row, tags: &Tags) -> Result<(), Error> {
        let kind: i32 = column(LOADED, row, 0)?;
        let revision: i64 = column(LOADED, row, 2)?;
        let body: &str = column(LOADED, row, 3)?;
        if kind == ACCOUNT {
            let fixed = tags.see_at(&TAGGED, row, &[1, 2, 6, 7, 10, 3, 8, 9, 11, 5])?;
            let account: Account = from_json("an account", body)?;
            let (tag, marks) = (tag_in(row, 5)?, account.marks());
            let seen = SeenAccount { revision, fixed, tag, marks };
            self.account = Some((account, seen));
            return Ok(());
        }
        let staged = kind == STAGED_DEVICE;
        let fixed = match staged {
            true => tags.see_at(&STAGED, row, &[11, 6, 1, 2, 3, 4, 14, 15, 5])?,
            false => tags.see_at(&DEVICES, row, &[11, 2, 1, 12, 13, 6, 3, 4, 14, 15, 5])?,
        };
        let seed: Option<Vec<u8>> = column("a seed", row, 4)?;
        let device: Device = from_json("a device", body)?;
        if staged {
            self.staged.get_or_insert((0, column(LOADED, row, 6)?)).0 += 1;
        } else {
            let mark = DeviceColumns::mark(&device);
            let seen = SeenDevice { revision, fixed, tag: tag_in(row, 5)?, mark };
            self.seen.push((device.serial.as_str().to_owned(), seen));
        }
        let revision = Revision(unsigned(revision));
        self.devices
            .push(Enrolled { device, revision, seed: seed.map(Sealed::from_bytes) });
        Ok(())
    }

    /// The account, with the staged devices of published imports as if they had been inserted.
    fn snapshot(
        mut self,
        name: &str,
        (beside, tags): (&Beside, &Tags),
        (control_version, store_time): (u64, Option<UnixTime>),
    ) -> Loaded {
        if let Some((_, seen)) = &self.account {
            tags.saw((name, *seen), &self.seen)?;
        }
        let there = self.account.map(|(account, seen)| (account, unsigned(seen.revision)));
        let mut account = there;
        if let Some((count, import)) = self.staged {
            let Some(at) = beside.imports.get(&import) else {
                return Err(corrupt("a staged device", "its import is gone"));
            };
            let (there, revision) = match account {
                Some(there) => there,
                None => {
                    let id = AccountId::existing(name);
                    let id = id.map_err(|error| corrupt("the name of an account", error))?;
                    (Account::new(id, UnixTime(unsigned(*at))), 1)
                }
            };
            account = Some((there, revision.saturating_add(count)));
        }
        let Some((account, revision)) = account else {
            return tags.saw_none(name).map(|()| None);
        };
        let revision = Revision(revision);
        self.devices.sort_by(|one, other| one.device.serial.cmp(&other.device.serial));
        let devices = self.devices;
        Ok(Some(AccountSnapshot { account, revision, devices, control_version, store_time }))
    }
}

/// One statement, so that it sees one moment. The columns of all tables side by side.
pub(super) const ACCOUNTS: &str = "SELECT 0, id, revision, body, NULL::bytea, tag, generation,
        revoked_before, devices, active, removed, (SELECT string_agg(d.serial || ' ' || d.state,
            ' ' ORDER BY d.serial) FROM devices d WHERE d.account = accounts.id), NULL::text,
        NULL::text, NULL::bytea, NULL::bytea, NULL::bigint
        FROM accounts WHERE id = ANY($1::text[])
    UNION ALL SELECT 1, account, revision, body, seed, tag, created_at, NULL, NULL, NULL, NULL,
        serial, state, kind, seed_key, fingerprint, NULL
        FROM devices WHERE account = ANY($1)
    UNION ALL SELECT 2, s.account, s.revision, s.body, s.seed, s.tag, s.import, NULL, NULL, NULL,
        NULL, s.serial, NULL, NULL, s.seed_key, s.fingerprint, NULL
        FROM staged s JOIN imports i ON i.number = s.import
        WHERE s.account = ANY($1) AND i.state = 'published'
    UNION ALL SELECT 3, NULL, NULL, NULL, NULL, i.tag, i.number, i.chain, i.devices, NULL, NULL,
        NULL, i.state, NULL, i.id, NULL, i.staged_at
        FROM imports i WHERE i.state = 'published'
    UNION ALL SELECT 4, NULL, c.value, NULL, NULL, c.tag, i.epoch,
        extract(epoch FROM clock_timestamp())::bigint, NULL, NULL, NULL, NULL, NULL, NULL, i.id,
        i.tag, NULL
        FROM control c, store_identity i WHERE c.name = 'version'";

/// The first column of an account's own row.
const ACCOUNT: i32 = 0;

/// The first column of a device of a published import.
const STAGED_DEVICE: i32 = 2;

/// The first column of a published import; rows of no account follow.
const IMPORT: i32 = 3;

const LOADED: &str = "an account";

const WHOSE: &str = "the store's identity";

/// The most accounts of one statement.
const MOST: usize = 256;
