//! An editor of the database who has no sealing key and knows the code.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use test_support::world::{Held, both};
use twostep::otp::Window;
use twostep::secret::Secret;
use twostep::store::sqlite::{authenticated, check_with, foreign_rows};
use twostep::store::{Keyring, SqliteStore};
use twostep::verifier::{Authority, Error, Limits, Verifier};

use super::Folders;

/// Tables without tags: the log of migrations, whose wrong content is no store; the audit log,
/// whose rows and chains have MACs of their own.
const OTHERWISE: [&str; 3] = ["schema_version", "audit", "audit_chain"];

/// Columns that no tag covers: the tag itself; the number of a row, where the row has a name;
/// the mark of a copy, which only refuses.
const UNCOVERED: [(&str, &str); 3] =
    [("accounts", "tag"), ("devices", "number"), ("control", "copy")];

fn strings(conn: &Connection, sql: &str) -> Vec<String> {
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
            let uncovered = column == "tag"
                || UNCOVERED.contains(&(&*table, &*column))
                || table == "staged" && column == "number";
            assert_eq!(!words.contains(&*column), uncovered, "{table}.{column}");
        }
    }
}

/// The keyring of the fixtures.
fn keyring() -> Keyring {
    Keyring::new(&Secret::new(vec![5; 32]), &[]).unwrap()
}

/// The time at which the store of schema 5 was left.
const LEFT: twostep::time::UnixTime = twostep::time::UnixTime(1_800_072_190);

fn schema_5(path: &Path) {
    let conn = Connection::open(path).unwrap();
    conn.execute_batch(include_str!("../vectors/store-schema-5.sql")).unwrap();
}

fn verifier(path: &Path) -> Verifier {
    let clock = twostep::testing::FixedClock::at(LEFT);
    let store = std::sync::Arc::new(SqliteStore::open(path).unwrap());
    Verifier::with(store, keyring(), std::sync::Arc::new(clock), Limits::default())
}

fn edit(path: &Path, sql: &str) {
    let conn = Connection::open(path).unwrap();
    conn.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON")
        .unwrap();
    conn.execute_batch(sql).unwrap();
}

#[tokio::test]
async fn a_store_of_schema_5_is_adopted_with_its_rows_and_new_fingerprints() {
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
fn edits() -> u64 {
    let given = std::env::var("TWOSTEP_EDITS").ok();
    given.map_or(10_000, |number| number.parse().unwrap())
}

/// A small generator of numbers (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(end.max(1)).unwrap()).unwrap()
    }
}

/// An editor with the file, and an older copy of it attached as `older`.
struct Editor {
    conn: Connection,
    random: Random,
    tables: Vec<(String, Vec<String>)>,
}

impl Editor {
    fn at(path: &Path, older: &Path, seed: u64) -> Editor {
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
            columns.retain(|column| {
                let named = (table, &**column);
                !UNCOVERED.contains(&named) && named != ("staged", "number")
                    || named == ("accounts", "tag")
            });
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

    /// Edits at random; false if nothing came of it.
    fn edit(&mut self) -> Option<String> {
        let table = self.random.below(self.tables.len());
        let (name, columns) = self.tables[table].clone();
        let before = self.content(table);
        let (one, other) = (self.random.below(before.len()), self.random.below(before.len()));
        let column = self.random.below(columns.len());
        let way = self.random.below(7);
        let all = columns.join(", ");
        let insert = |conn: &Connection, row: &[Value]| {
            let marks: Vec<String> = (1..=row.len()).map(|number| format!("?{number}")).collect();
            let sql = format!("INSERT INTO main.{name} ({all}) VALUES ({})", marks.join(", "));
            conn.execute(&sql, params_from_iter(row)).is_ok()
        };
        let delete = |conn: &Connection, row: &[Value]| {
            let equal: Vec<String> = columns
                .iter()
                .enumerate()
                .map(|(at, name)| format!("{name} IS ?{}", at + 1))
                .collect();
            let sql = format!("DELETE FROM main.{name} WHERE {}", equal.join(" AND "));
            conn.execute(&sql, params_from_iter(row)).is_ok()
        };
        let whole =
            format!("DELETE FROM main.{name}; INSERT INTO main.{name} SELECT * FROM older.{name}");
        let row = before.get(one).cloned();
        let done = match (way, row) {
            (0 | 1, Some(row)) => {
                let mut changed = row.clone();
                changed[column] = self.other_value(&row[column]);
                delete(&self.conn, &row) && insert(&self.conn, &changed)
            }
            (2, Some(row)) => delete(&self.conn, &row),
            (3, Some(mut row)) => {
                for column in 0..columns.len().min(3) {
                    row[column] = self.other_value(&row[column].clone());
                }
                insert(&self.conn, &row)
            }
            (4, Some(row)) => {
                let (mut first, mut second) = (row.clone(), before[other].clone());
                std::mem::swap(&mut first[column], &mut second[column]);
                one != other
                    && delete(&self.conn, &row)
                    && delete(&self.conn, &before[other])
                    && insert(&self.conn, &first)
                    && insert(&self.conn, &second)
            }
            (5, _) => self.conn.execute_batch(&whole).is_ok(),
            (6, _) => {
                let older = format!(
                    "REPLACE INTO main.{name} SELECT * FROM older.{name} LIMIT 1 OFFSET {one}"
                );
                self.conn.execute_batch(&older).is_ok()
            }
            _ => false,
        };
        (done && self.content(table) != before)
            .then(|| format!("way {way} in {name}.{}", columns[column]))
    }
}

/// `store check` sees every change, addition, removal, exchange and return of rows.
#[tokio::test]
async fn no_edit_without_the_sealing_key_goes_unseen() {
    let folders = Folders::default();
    let (path, older) = (folders.new_path(), folders.new_path());
    schema_5(&path);
    let first = verifier(&path);
    first.ready().await.unwrap();
    drop(first);
    std::fs::copy(&path, &older).unwrap();
    let second = verifier(&path);
    let bob = "bob".parse().unwrap();
    second.revoke_sessions(&bob, None, None).await.unwrap();
    second.revoke_session(&bob, "session-2", LEFT).await.unwrap();
    second.unlock(&"GAHT00000004".parse().unwrap()).await.unwrap();
    second
        .add(Held::numbered("erin", 77).to_add(), &Authority::Admin)
        .await
        .unwrap();
    second
        .remove(&"GAHT00000003".parse().unwrap(), &Authority::Admin)
        .await
        .unwrap();
    second.bypass(&bob, std::time::Duration::from_secs(3_600)).await.unwrap();
    drop(second);

    let seed = std::env::var("TWOSTEP_SEED").map_or(7, |seed| seed.parse().unwrap());
    let mut editor = Editor::at(&path, &older, seed);
    assert_eq!(foreign_rows(&editor.conn, &keyring()).unwrap(), Vec::<String>::new());
    let mut made = 0;
    while made < edits() {
        editor.conn.execute_batch("SAVEPOINT edit").unwrap();
        if let Some(edit) = editor.edit() {
            // A store whose pepper is gone does not open at all.
            let foreign = foreign_rows(&editor.conn, &keyring());
            assert!(foreign.is_err() || !foreign.unwrap().is_empty(), "{made}: {edit}");
            made += 1;
        }
        editor.conn.execute_batch("ROLLBACK TO edit; RELEASE edit").unwrap();
    }
}
