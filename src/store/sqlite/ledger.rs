//! The ledger of an open store: the tags of its rows, the sum of all tags, and the versions that
//! were seen.
//!
//! A tag shows that a row was written by a holder of the store's keys. The sum shows that no row is
//! missing, added or older: it is kept sealed beside the store's identity, moved by every
//! transaction, and compared with all rows when the store is unlocked. Between two such
//! comparisons, a row that is older than one that was seen before is refused from memory.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};
use subtle::ConstantTimeEq;

use super::fault::Fault;
use super::identity::Identity;
use super::row::{BEHIND, CHANGED, INTACT};
use super::rows::{ADOPT_SETS, CONTROL};
use super::schema::{Encoding, Schema, TAGGED};
use super::seen::Seen;
use super::sum::Sum;
use super::{read, sql, sum};
use crate::store::columns::unsigned;
use crate::store::tag::{Cell, tag_of};
use crate::store::{MacKey, OpenError};

/// The tags, the sum and the versions of one open store, for all its connections.
pub(super) struct Ledger {
    encoding: Encoding,
    /// Absent while the store is locked.
    key: RwLock<Option<MacKey>>,
    places: RandomState,
    moving: Mutex<Moving>,
    seen: Mutex<Seen>,
}

/// The part of the ledger that the transaction under way has moved.
#[derive(Default)]
struct Moving {
    sum: Sum,
    /// Versions of rows, and rows that are gone, in the order of their writes.
    versions: Vec<(u64, Option<u64>)>,
}

/// The moment from which on a version that a connection reads is remembered.
#[derive(Clone, Copy)]
pub(super) enum Notes {
    AtOnce,
    /// With the commit of the transaction that writes and has read it.
    AtCommit,
}

/// A state of a transaction.
pub(super) struct Mark {
    sum: Sum,
    versions: usize,
}

impl Default for Ledger {
    /// The ledger of a store whose schema is up to date.
    fn default() -> Ledger {
        Ledger::of(Schema::released().current())
    }
}

impl Ledger {
    /// The ledger of a store whose rows are tagged so.
    pub(super) fn of(encoding: Encoding) -> Ledger {
        Ledger {
            encoding,
            key: RwLock::default(),
            places: RandomState::new(),
            moving: Mutex::default(),
            seen: Mutex::default(),
        }
    }

    /// Takes the key of the store's rows, or none for one that is locked.
    pub(super) fn take(&self, key: Option<&MacKey>) {
        *self.key.write().unwrap_or_else(PoisonError::into_inner) = key.cloned();
    }

    /// Gives a connection the functions that its statements use:
    ///
    /// * `row_keyed()` is 1 once the store is unlocked: rows of another one have no tags;
    /// * `row_moved(tag, kind, place, version, columns…)` is the new tag of a row, whose old one
    ///   leaves the sum;
    /// * `row_gone(tag, kind, place)` takes the tag of a deleted row out of the sum;
    /// * `row_intact(tag, kind, place, version, columns…)` is a verdict: 1 intact, 0 changed, 2
    ///   older than one that was seen;
    /// * `row_seen(kind, place)` is 1 if a row of this place was seen and did not go since;
    /// * `set_mark(table, tags)` is the mark of a set, and `set_intact(mark, table, tags)` 1 if the
    ///   mark is its own.
    pub(super) fn functions(
        self: &Arc<Ledger>,
        conn: &Connection,
        notes: Notes,
    ) -> rusqlite::Result<()> {
        let define = |name: &str, function: fn(&Ledger, &Context<'_>) -> Answer| {
            let ledger = Arc::clone(self);
            let flags = FunctionFlags::SQLITE_UTF8;
            conn.create_scalar_function(name, -1, flags, move |context| function(&ledger, context))
        };
        define("row_keyed", |ledger, _| Ok(Value::Integer(i64::from(ledger.key().is_some()))))?;
        define("row_moved", Ledger::row_moved)?;
        define("row_gone", Ledger::row_gone)?;
        define(
            "row_intact",
            match notes {
                Notes::AtOnce => Ledger::row_intact,
                Notes::AtCommit => Ledger::row_intact_here,
            },
        )?;
        define("row_seen", Ledger::row_seen)?;
        define("set_mark", Ledger::set_mark)?;
        define("set_intact", Ledger::set_intact)
    }

    /// Gives a connection that writes the functions, and the triggers that keep the tags. Its
    /// schema is up to date.
    pub(super) fn keep(self: &Arc<Ledger>, conn: Connection) -> Result<Connection, OpenError> {
        self.functions(&conn, Notes::AtCommit)?;
        let mut tables = self.encoding.tables.iter();
        tables.try_for_each(|table| conn.execute_batch(table.triggers))?;
        Ok(conn)
    }

    /// Begins a transaction of a store that is unlocked.
    pub(super) fn begin(&self, conn: &Connection, identity: &Identity) -> Result<(), Fault> {
        let Some(key) = &*self.key() else { return Ok(()) };
        let sealed = read::one::<Option<Vec<u8>>>(conn, sql::ROWS_SUM, [])?.flatten();
        let sum = sealed.and_then(|sealed| sum::open(key, &self.bound_to(identity), &sealed));
        let sum =
            sum.ok_or_else(|| Fault::Corrupt("the sum of its rows was changed".to_owned()))?;
        *self.moving() = Moving { sum, versions: Vec::new() };
        Ok(())
    }

    /// The state to go back to when a part of the transaction is taken back.
    pub(super) fn mark(&self) -> Mark {
        let moving = self.moving();
        Mark { sum: moving.sum, versions: moving.versions.len() }
    }

    /// Goes back to a state of this transaction.
    pub(super) fn take_back(&self, mark: &Mark) {
        let mut moving = self.moving();
        moving.sum = mark.sum;
        moving.versions.truncate(mark.versions);
    }

    /// The sum, sealed for the identity that the transaction reaches; none of a store that is
    /// locked.
    pub(super) fn sealed(&self, identity: &Identity) -> Result<Option<Vec<u8>>, Fault> {
        let (key, state) = (self.key(), self.bound_to(identity));
        key.as_ref().map(|key| sum::seal(key, &state, &self.moving().sum)).transpose()
    }

    /// Writes the sum, at the end of a transaction that moved the identity.
    pub(super) fn write(&self, conn: &Connection, identity: &Identity) -> Result<(), Fault> {
        let Some(sealed) = self.sealed(identity)? else { return Ok(()) };
        conn.prepare_cached(sql::ROWS_SUM_MOVE)?.execute([sealed])?;
        Ok(())
    }

    /// Remembers the versions of a transaction that was committed.
    pub(super) fn committed(&self) {
        let versions = std::mem::take(&mut self.moving().versions);
        let mut seen = self.seen();
        for (place, version) in versions {
            match version {
                Some(version) => {
                    let _ = seen.note(place, version);
                }
                None => seen.forget(place),
            }
        }
    }

    /// Tags all rows of a store as they are found.
    pub(super) fn adopt(&self, conn: &Connection) -> Result<(), Fault> {
        *self.moving() = Moving::default();
        for table in &self.encoding.tables {
            conn.execute(&table.adopt(), [])?;
        }
        conn.execute_batch(ADOPT_SETS)?;
        for table in self.encoding.tables.iter().filter(|table| table.name == CONTROL) {
            conn.execute(&table.follow(), [])?;
        }
        Ok(())
    }

    /// Looks at all rows, and names those that are not as twostep left them.
    pub(super) fn look(
        &self,
        conn: &Connection,
        identity: &Identity,
    ) -> Result<Vec<String>, Fault> {
        let Some(key) = &*self.key() else { return Ok(Vec::new()) };
        let (mut sum, mut foreign) = (Sum::default(), Vec::new());
        for table in &self.encoding.tables {
            let mut statement = conn.prepare(&table.all())?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                if row.get_ref(1)? != ValueRef::Integer(INTACT) {
                    foreign.push(format!(
                        "the {} {} was changed",
                        table.kind,
                        named(row.get_ref(0)?)
                    ));
                }
                if let Ok(tag) = row.get_ref(2)?.as_blob() {
                    sum.add(term(key, tag));
                }
            }
        }
        for (name, set) in [("signing", sql::SIGNING_KEYS_MARKED), ("API", sql::API_KEYS_MARKED)] {
            if read::one::<i64>(conn, set, [])? != Some(INTACT) {
                foreign.push(format!("a row of the {name} keys is missing, added or older"));
            }
        }
        let sealed = read::one::<Option<Vec<u8>>>(conn, sql::ROWS_SUM, [])?.flatten();
        if sealed.and_then(|sealed| sum::open(key, &self.bound_to(identity), &sealed)) != Some(sum)
        {
            foreign.push(if foreign.is_empty() { MISSING } else { AND_MISSING }.to_owned());
        }
        Ok(foreign)
    }

    /// The state of the store that its sum is of. The first schema with a sum did not name itself
    /// in it; later ones do, so that no file can be set back to an earlier one.
    fn bound_to(&self, identity: &Identity) -> Vec<u8> {
        let Identity { store, epoch, commits, .. } = identity;
        let mut state = [&store[..], &epoch.to_be_bytes(), &commits.to_be_bytes()].concat();
        let version = u64::try_from(self.encoding.version).unwrap_or(u64::MAX);
        if self.encoding.version > TAGGED {
            state.extend(version.to_be_bytes());
        }
        state
    }

    fn row_moved(&self, context: &Context<'_>) -> Answer {
        let Some(key) = &*self.key() else { return Ok(Value::Null) };
        let tag = row_mac(key, context);
        let mut moving = self.moving();
        if let Ok(old) = context.get_raw(0).as_blob() {
            moving.sum.subtract(term(key, old));
        }
        moving.sum.add(term(key, &tag));
        if let ValueRef::Integer(version) = context.get_raw(3) {
            moving.versions.push((self.place(context, 1), Some(unsigned(version))));
        }
        Ok(Value::Blob(tag.to_vec()))
    }

    fn row_gone(&self, context: &Context<'_>) -> Answer {
        let Some(key) = &*self.key() else { return Ok(Value::Null) };
        let mut moving = self.moving();
        if let Ok(old) = context.get_raw(0).as_blob() {
            moving.sum.subtract(term(key, old));
        }
        moving.versions.push((self.place(context, 1), None));
        Ok(Value::Null)
    }

    fn row_intact(&self, context: &Context<'_>) -> Answer {
        self.verdict(context, |place, version| self.seen().note(place, version))
    }

    /// `row_intact` inside a transaction that writes: what it sees may be taken back.
    fn row_intact_here(&self, context: &Context<'_>) -> Answer {
        self.verdict(context, |place, version| {
            self.moving().versions.push((place, Some(version)));
            true
        })
    }

    fn verdict(&self, context: &Context<'_>, note: impl Fn(u64, u64) -> bool) -> Answer {
        let Some(key) = &*self.key() else { return Ok(Value::Integer(INTACT)) };
        let tag = context.get_raw(0).as_blob().unwrap_or_default();
        if !bool::from(row_mac(key, context).ct_eq(tag)) {
            return Ok(Value::Integer(CHANGED));
        }
        let kept = match context.get_raw(3) {
            ValueRef::Integer(version) => note(self.place(context, 1), unsigned(version)),
            _ => true,
        };
        Ok(Value::Integer(if kept { INTACT } else { BEHIND }))
    }

    fn row_seen(&self, context: &Context<'_>) -> Answer {
        let place = self.place(context, 0);
        Ok(Value::Integer(i64::from(self.seen().has(place))))
    }

    fn set_mark(&self, context: &Context<'_>) -> Answer {
        let mark = self.key().as_ref().map(|key| key.mac(&[b"set", &set(context, 0)]));
        Ok(mark.map_or(Value::Null, |mark| Value::Blob(mark.to_vec())))
    }

    fn set_intact(&self, context: &Context<'_>) -> Answer {
        let mark = context.get_raw(0).as_blob().unwrap_or_default();
        let fits = |key: &MacKey| key.verifies(mark, &[b"set", &set(context, 1)]);
        let intact = self.key().as_ref().is_none_or(fits);
        Ok(Value::Integer(if intact { INTACT } else { CHANGED }))
    }

    /// The number under which the versions of a row are remembered: of its kind and its place,
    /// which are the arguments from `first` on.
    fn place(&self, context: &Context<'_>, first: usize) -> u64 {
        let mut hasher = self.places.build_hasher();
        for at in [first, first + 1] {
            cell(context.get_raw(at)).pieces(|piece| hasher.write(piece));
        }
        hasher.finish()
    }

    fn key(&self) -> RwLockReadGuard<'_, Option<MacKey>> {
        self.key.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn moving(&self) -> MutexGuard<'_, Moving> {
        self.moving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The share of a tag in the sum, which the tag does not tell.
fn term(key: &MacKey, tag: &[u8]) -> [u8; 32] {
    key.mac(&[b"sum", tag])
}

/// The MAC of all arguments behind the tag.
fn row_mac(key: &MacKey, context: &Context<'_>) -> [u8; 32] {
    tag_of(key, (1..context.len()).map(|at| cell(context.get_raw(at))))
}

fn set(context: &Context<'_>, first: usize) -> Vec<u8> {
    let mut set = Vec::new();
    for at in [first, first + 1] {
        cell(context.get_raw(at)).pieces(|piece| set.extend_from_slice(piece));
    }
    set
}

/// A value of SQLite as it is authenticated.
fn cell(value: ValueRef<'_>) -> Cell<'_> {
    match value {
        ValueRef::Null => Cell::NULL,
        ValueRef::Integer(integer) => Cell::integer(integer),
        ValueRef::Real(real) => Cell::real(real),
        ValueRef::Text(text) => Cell::text(text),
        ValueRef::Blob(blob) => Cell::blob(blob),
    }
}

/// The place of a row in a message.
fn named(place: ValueRef<'_>) -> String {
    match place {
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        _ => "without a name".to_owned(),
    }
}

type Answer = rusqlite::Result<Value>;

const MISSING: &str = "a row was removed, or put back as it was before";

const AND_MISSING: &str = "rows were added, removed or changed";
