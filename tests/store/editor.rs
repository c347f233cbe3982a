//! An editor of the database who has no sealing key and knows the code.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use test_support::world::{Held, both};
use twostep::otp::Window;
use twostep::secret::Secret;
use twostep::store::sqlite::{authenticated, check_with, foreign_rows};
use twostep::store::{Keyring, SqliteStore, Store};
use twostep::verifier::{Authority, Error, Limits, Verifier};

use super::Folders;

/// Tables without tags: the log of migrations, whose wrong content is no store; the audit log,
/// whose rows and chains have MACs of their own.
const OTHERWISE: [&str; 3] = ["schema_version", "audit", "audit_chain"];

/// Columns that no tag covers, beside the tags: the number of a row that has a name, and the mark
/// of a copy, which only refuses.
const UNCOVERED: [(&str, &str); 3] =
    [("devices", "number"), ("staged", "number"), ("control", "copy")];

pub(super) fn strings(conn: &Connection, sql: &str) -> Vec<String> {
    let mut statement = conn.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

#[test]
fn every_column_of_every_table_is_authenticated() {
    let folders = Folders::default();
    let path = folders.new_path();
    drop(SqliteStore::open(&path).unwrap());
    let conn = Connection::open(path).unwrap();
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    for table in strings(&conn, tables) {
        let covers = authenticated().find(|(name, _)| *name == table).map(|(_, covers)| covers);
        assert_eq!(covers.is_none(), OTHERWISE.contains(&&*table), "{table} has tags");
        let Some(covers) = covers else { continue };
        let words: BTreeSet<&str> =
            covers.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        for column in strings(&conn, &format!("SELECT name FROM pragma_table_info('{table}')")) {
            let uncovered = column == "tag" || UNCOVERED.contains(&(&*table, &*column));
            assert_eq!(!words.contains(&*column), uncovered, "{table}.{column}");
        }
    }
}

/// The keyring of the fixtures.
pub(super) fn keyring() -> Keyring {
    Keyring::new(&Secret::new(vec![5; 32]), &[]).unwrap()
}

/// The time at which the store of schema 5 was left.
pub(super) const LEFT: twostep::time::UnixTime = twostep::time::UnixTime(1_800_072_190);

pub(super) fn schema_5(path: &Path) {
    let conn = Connection::open(path).unwrap();
    conn.execute_batch(include_str!("../vectors/store-schema-5.sql")).unwrap();
}

pub(super) fn verifier(path: &Path) -> Verifier {
    let clock = twostep::testing::FixedClock::at(LEFT);
    let store = std::sync::Arc::new(SqliteStore::open(path).unwrap());
    Verifier::with(store, keyring(), std::sync::Arc::new(clock), Limits::default())
}

pub(super) fn edit(path: &Path, sql: &str) {
    let conn = Connection::open(path).unwrap();
    conn.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON")
        .unwrap();
    conn.execute_batch(sql).unwrap();
}

#[tokio::test]
async fn a_store_of_schema_5_is_adopted_with_new_fingerprints() {
    let folders = Folders::default();
    let path = folders.new_path();
    schema_5(&path);
    for start in 0..2 {
        let verifier = verifier(&path);
        verifier
            .ready()
            .await
            .unwrap_or_else(|error| panic!("start {start}: {error:?}"));
        let store = verifier.store();
        let state = async |account: &str, serial: &str| {
            let seen = store.account(&account.parse().unwrap()).await.unwrap().unwrap();
            seen.device(&serial.parse().unwrap()).unwrap().device.state.name()
        };
        assert_eq!(state("alice", "GAHT00000001").await, "active");
        assert_eq!(state("mallory", "GAHT00000002").await, "disabled", "its key is alice's");
        assert_eq!(state("bob", "GAHT00000004").await, "locked");
        assert!(store.session_revoked("session-1").await.unwrap());
        assert_eq!(store.signing_keys().await.unwrap().len(), 2);
        assert_eq!(store.api_keys().await.unwrap().len(), 1);
        let deactivated: Vec<_> = store
            .audit(twostep::store::AuditCursor::start(), 1_000)
            .await
            .unwrap()
            .into_iter()
            .filter(|row| row.event.action.name() == "device.deactivated")
            .map(|row| row.event.serial.unwrap().to_string())
            .collect();
        assert_eq!(deactivated, ["GAHT00000005", "GAHT00000002"]);

        let twin = Held::numbered("mallory", 2);
        let mut seed = Held::numbered("alice", 1).seed.expose().to_vec();
        seed.extend([0; 4]);
        let seed = twostep::otp::Seed::new(seed).unwrap();
        let twin = Held { seed, ..twin };
        let pair = twin.pair(LEFT);
        let again = verifier
            .activate(&twin.serial, both(&pair), Window::Owner, &Authority::Admin)
            .await;
        assert!(matches!(again, Err(Error::AlreadyExists(_))), "{again:?}");
        for name in ["GAHT00000098", "GAHT00000099"] {
            let mut other = twin.to_add();
            other.serial = Some(name.parse().unwrap());
            let added = verifier.add(other, &Authority::Admin).await;
            assert!(matches!(added, Err(Error::AlreadyExists(_))), "{added:?}");
        }
        drop(verifier);
        assert_eq!(check_with(&path, &keyring()).unwrap().problems, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_store_is_adopted_once() {
    let untag: String = authenticated()
        .map(|(table, _)| format!("UPDATE {table} SET tag = NULL;"))
        .collect();
    let unseal = "UPDATE audit_chain SET seal = NULL, rows_sum = NULL;";
    let mine = "UPDATE devices SET body = replace(body, 'disabled', 'active'), state = 'active';";
    let name = "name = 'pepper of authenticated rows'";
    for (trick, sql) in [
        ("no seal", unseal.to_owned()),
        ("neither seal nor tags", format!("{unseal}{untag}{mine}")),
        (
            "the pepper under its earlier name",
            format!("{unseal}{untag}{mine} UPDATE named_values SET name = 'pepper' WHERE {name};"),
        ),
        ("no pepper", format!("{unseal}{untag}{mine} DELETE FROM named_values WHERE {name};")),
        ("no sum", "UPDATE audit_chain SET rows_sum = NULL;".to_owned()),
    ] {
        let folders = Folders::default();
        let path = folders.new_path();
        schema_5(&path);
        let first = verifier(&path);
        first.ready().await.unwrap();
        drop(first);
        edit(&path, &sql);
        let ready = verifier(&path).ready().await;
        assert!(matches!(ready, Err(Error::Store(_) | Error::Key(_))), "{trick}: {ready:?}");
    }
}

/// A number of edits, from the environment or small enough for every run.
pub(super) fn edits() -> u64 {
    let given = std::env::var("TWOSTEP_EDITS").ok();
    given.map_or(10_000, |number| number.parse().unwrap())
}

/// A small generator of numbers (splitmix64).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(end.max(1)).unwrap()).unwrap()
    }
}

/// An editor with the file, and an older copy of it attached as `older`.
pub(super) struct Editor {
    pub(super) conn: Connection,
    random: Random,
    tables: Vec<(String, Vec<String>)>,
}

impl Editor {
    pub(super) fn at(path: &Path, older: &Path, seed: u64) -> Editor {
        let conn = Connection::open(path).unwrap();
        conn.execute_batch(&format!(
            "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON;
             ATTACH '{}' AS older; BEGIN",
            older.display()
        ))
        .unwrap();
        let tables = authenticated().map(|(table, _)| {
            let columns = format!("SELECT name FROM pragma_table_info('{table}')");
            let mut columns = strings(&conn, &columns);
            columns.retain(|column| !UNCOVERED.contains(&(table, &**column)));
            (table.to_owned(), columns)
        });
        let tables = tables.collect();
        Editor { conn, random: Random(seed), tables }
    }

    /// All rows of a table, without what no tag covers.
    fn content(&self, table: usize) -> Vec<Vec<Value>> {
        let (name, columns) = &self.tables[table];
        let sql = format!("SELECT {} FROM main.{name} ORDER BY 1, 2", columns.join(", "));
        let mut statement = self.conn.prepare_cached(&sql).unwrap();
        let rows = statement
            .query_map([], |row| (0..columns.len()).map(|at| row.get(at)).collect())
            .unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    }

    fn other_value(&mut self, value: &Value) -> Value {
        match (value, self.random.below(8)) {
            (_, 0) => Value::Null,
            (Value::Integer(number), way) => {
                Value::Integer(number.wrapping_add([1, -1, 3_600, -3_600][way % 4]))
            }
            (Value::Text(text), _) => {
                let digits = text.replacen('1', "2", 1);
                let words = text.replacen("active", "locked", 1).replacen("true", "false", 1);
                let ways = [digits, words, format!("{text} "), text.replacen(':', ": ", 1)];
                Value::Text(ways[self.random.below(4)].clone())
            }
            (Value::Blob(blob), _) if !blob.is_empty() => {
                let mut blob = blob.clone();
                let at = self.random.below(blob.len());
                blob[at] ^= 1 << self.random.below(8);
                Value::Blob(blob)
            }
            _ => Value::Integer(1),
        }
    }

    fn insert(&self, table: usize, row: &[Value]) -> bool {
        let (name, columns) = &self.tables[table];
        let marks: Vec<String> = (1..=row.len()).map(|number| format!("?{number}")).collect();
        let (columns, marks) = (columns.join(", "), marks.join(", "));
        let sql = format!("INSERT INTO main.{name} ({columns}) VALUES ({marks})");
        self.conn.execute(&sql, params_from_iter(row)).is_ok()
    }

    fn delete(&self, table: usize, row: &[Value]) -> bool {
        let (name, equal) = (&self.tables[table].0, self.equal(table));
        let sql = format!("DELETE FROM main.{name} WHERE {equal}");
        self.conn.execute(&sql, params_from_iter(row)).is_ok()
    }

    fn update(&self, table: usize, row: &[Value], column: usize, value: &Value) -> bool {
        let ((name, columns), equal) = (&self.tables[table], self.equal(table));
        let (set, at) = (&columns[column], row.len() + 1);
        let sql = format!("UPDATE main.{name} SET {set} = ?{at} WHERE {equal}");
        self.conn.execute(&sql, params_from_iter(row.iter().chain([value]))).is_ok()
    }

    /// The condition of the row with these values.
    fn equal(&self, table: usize) -> String {
        let columns = self.tables[table].1.iter().enumerate();
        let equal: Vec<String> =
            columns.map(|(at, name)| format!("{name} IS ?{}", at + 1)).collect();
        equal.join(" AND ")
    }

    /// Edits a table at random: says which and how, unless the table stays as it is.
    pub(super) fn edit(&mut self) -> Option<(String, String)> {
        let table = self.random.below(self.tables.len());
        let (name, columns) = self.tables[table].clone();
        let before = self.content(table);
        let (one, other) = (self.random.below(before.len()), self.random.below(before.len()));
        let (column, way) = (self.random.below(columns.len()), self.random.below(7));
        let older = format!("INTO main.{name} SELECT * FROM older.{name}");
        let done = match (way, before.get(one).cloned()) {
            (0 | 1, Some(row)) => {
                let value = self.other_value(&row[column]);
                self.update(table, &row, column, &value)
            }
            (2, Some(row)) => self.delete(table, &row),
            (3, Some(mut row)) => {
                for value in row.iter_mut().take(3) {
                    *value = self.other_value(&value.clone());
                }
                self.insert(table, &row)
            }
            (4, Some(row)) if one != other => {
                let (mut first, mut second) = (row.clone(), before[other].clone());
                std::mem::swap(&mut first[column], &mut second[column]);
                self.delete(table, &row)
                    && self.delete(table, &before[other])
                    && self.insert(table, &first)
                    && self.insert(table, &second)
            }
            (5, _) => {
                let whole = format!("DELETE FROM main.{name}; INSERT {older}");
                self.conn.execute_batch(&whole).is_ok()
            }
            (6, _) => {
                let one_row = format!("REPLACE {older} LIMIT 1 OFFSET {one}");
                self.conn.execute_batch(&one_row).is_ok()
            }
            _ => false,
        };
        let edit = format!("way {way}, {}", columns[column]);
        (done && self.content(table) != before).then_some((name, edit))
    }

    /// Puts all rows back as they are in the copy `p`.
    fn undo(&self) {
        self.conn.execute_batch("BEGIN").unwrap();
        for (name, _) in &self.tables {
            let sql =
                format!("DELETE FROM main.{name}; INSERT INTO main.{name} SELECT * FROM p.{name}");
            self.conn.execute_batch(&sql).unwrap();
        }
        self.conn.execute_batch("COMMIT").unwrap();
    }
}

/// A store of schema 5 that was adopted and used since, and a copy of it from in between.
pub(super) async fn lived_in(path: &Path, older: &Path) {
    schema_5(path);
    let first = verifier(path);
    first.ready().await.unwrap();
    drop(first);
    std::fs::copy(path, older).unwrap();
    let second = verifier(path);
    let bob = "bob".parse().unwrap();
    second.revoke_sessions(&bob, None, None).await.unwrap();
    second.revoke_session(&bob, "session-2", LEFT.plus(HOUR)).await.unwrap();
    second.unlock(&"GAHT00000004".parse().unwrap()).await.unwrap();
    second
        .add(Held::numbered("erin", 77).to_add(), &Authority::Admin)
        .await
        .unwrap();
    second
        .remove(&"GAHT00000003".parse().unwrap(), &Authority::Admin)
        .await
        .unwrap();
    second.bypass(&bob, HOUR).await.unwrap();
}

const HOUR: Duration = Duration::from_secs(3_600);

/// `store check` sees every change, addition, removal, exchange and return of rows.
#[tokio::test]
async fn no_edit_without_the_sealing_key_goes_unseen() {
    let folders = Folders::default();
    let (path, older) = (folders.new_path(), folders.new_path());
    lived_in(&path, &older).await;
    let seed = std::env::var("TWOSTEP_SEED").map_or(7, |seed| seed.parse().unwrap());
    let mut editor = Editor::at(&path, &older, seed);
    assert_eq!(foreign_rows(&editor.conn, &keyring()).unwrap(), Vec::<String>::new());
    let mut made = 0;
    while made < edits() {
        editor.conn.execute_batch("SAVEPOINT edit").unwrap();
        if let Some(edit) = editor.edit() {
            // A store whose pepper is gone does not open at all.
            let foreign = foreign_rows(&editor.conn, &keyring());
            assert!(foreign.is_err() || !foreign.unwrap().is_empty(), "{made}: {edit:?}");
            made += 1;
        }
        editor.conn.execute_batch("ROLLBACK TO edit; RELEASE edit").unwrap();
    }
}

/// Answers of a store that decisions stand on, of all accounts, items, keys and values of the
/// fixture; what cannot be read is an error.
async fn answers(store: &dyn Store) -> Vec<(String, Result<String, ()>)> {
    let mut all = Vec::new();
    let mut add = |name: &str, answer: Result<String, twostep::store::Error>| {
        all.push((name.to_owned(), answer.map_err(|_| ())));
    };
    for name in ["alice", "bob", "carol", "dave", "erin", "mallory"] {
        let account = store.account(&name.parse().unwrap()).await;
        add(name, account.map(|account| format!("{account:?}")));
    }
    for id in ["session-1", "session-2"] {
        let revoked = store.session_revoked(id).await;
        add(id, revoked.map(|revoked| revoked.to_string()));
    }
    let signing = store.signing_keys().await;
    add("signing keys", signing.map(|keys| format!("{keys:?}")));
    add("API keys", store.api_keys().await.map(|keys| format!("{keys:?}")));
    let version = store.control_version().await;
    add("control version", version.map(|version| version.to_string()));
    add("time", store.highest_time().await.map(|time| format!("{time:?}")));
    all
}

/// A running store answers as before, or not at all.
#[tokio::test]
async fn no_edit_changes_an_answer_of_a_running_store() {
    let folders = Folders::default();
    let (path, older) = (folders.new_path(), folders.new_path());
    lived_in(&path, &older).await;
    let pristine = folders.new_path();
    std::fs::copy(&path, &pristine).unwrap();
    let verifier = verifier(&path);
    verifier.ready().await.unwrap();
    let store = &**verifier.store();
    let before = answers(store).await;
    assert!(before.iter().all(|(_, answer)| answer.is_ok()), "{before:?}");

    let mut editor = Editor::at(&path, &older, 11);
    let setup = format!("COMMIT; PRAGMA synchronous = OFF; ATTACH '{}' AS p", pristine.display());
    editor.conn.execute_batch(&setup).unwrap();
    let (mut made, mut refused, mut effects) = (0, 0, BTreeSet::new());
    while made < edits() / 20 {
        let Some((table, edit)) = editor.edit() else {
            editor.undo();
            continue;
        };
        made += 1;
        for ((what, was), (_, is)) in before.iter().zip(answers(store).await) {
            refused += u64::from(is.is_err());
            if is.is_ok() && is != *was {
                effects.insert(format!("{edit} in {table}: {what}"));
            }
        }
        editor.undo();
    }
    assert_eq!(effects, BTreeSet::new());
    assert!(refused > made / 4, "{refused} answers refused after {made} edits");
    assert_eq!(answers(store).await, before);
}
