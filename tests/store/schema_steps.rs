//! Steps of the schema that later versions may take, on a store whose rows carry tags.

use std::path::PathBuf;

use rusqlite::Connection;
use twostep::store::sqlite::{Further, authenticated};
use twostep::store::{OpenError, SqliteStore};

use super::Folders;
use super::editor::{Editor, edit, edits, keyring, lived_in, strings, verifier};

/// A table, the step that adds a column to it, and the column.
const STEPS: [(&str, &str, &str); 8] = [
    ("devices", "ALTER TABLE devices ADD COLUMN note TEXT", "note"),
    ("accounts", "ALTER TABLE accounts ADD COLUMN kept INTEGER NOT NULL DEFAULT 7", "kept"),
    (
        "devices",
        "ALTER TABLE devices ADD COLUMN label TEXT NOT NULL DEFAULT '';
         UPDATE devices SET label = kind || ' ' || state",
        "label",
    ),
    ("named_values", "ALTER TABLE named_values ADD COLUMN at INTEGER NOT NULL DEFAULT 0", "at"),
    ("signing_keys", "ALTER TABLE signing_keys ADD COLUMN use TEXT DEFAULT 'sig'", "use"),
    (
        "api_keys",
        "ALTER TABLE api_keys ADD COLUMN day INTEGER;
         UPDATE api_keys SET day = created_at / 86400",
        "day",
    ),
    ("control", "ALTER TABLE control ADD COLUMN mode INTEGER NOT NULL DEFAULT 1", "mode"),
    ("device_marks", "ALTER TABLE device_marks ADD COLUMN reason TEXT", "reason"),
];

fn further((table, sql, column): (&str, &'static str, &str)) -> Further {
    let covers = authenticated().find(|(name, _)| *name == table).unwrap().1;
    Further::step(sql, table, format!("{covers}, {column}").leak())
}

/// A step that adds a column to a table with rows.
pub(super) fn one_further() -> Further {
    further(STEPS[0])
}

fn further_steps() -> Vec<Further> {
    STEPS.map(further).into()
}

/// All rows of a table, in the columns that it has before a step.
fn content(conn: &Connection, table: &str, columns: &[String]) -> Vec<String> {
    let values: Vec<String> = columns.iter().map(|name| format!("quote({name})")).collect();
    strings(conn, &format!("SELECT {} FROM {table} ORDER BY 1", values.join(" || ")))
}

#[tokio::test]
async fn a_step_tags_all_rows_anew() {
    let folders = Folders::default();
    let (path, older) = (folders.new_path(), folders.new_path());
    lived_in(&path, &older).await;
    let conn = Connection::open(&path).unwrap();
    for (at, step @ (table, sql, column)) in STEPS.into_iter().enumerate() {
        let further = further(step);
        let columns = format!("SELECT name FROM pragma_table_info('{table}') WHERE name <> 'tag'");
        let columns = strings(&conn, &columns);
        let before = content(&conn, table, &columns);
        conn.execute_batch("SAVEPOINT step").unwrap();
        assert!(matches!(further.take(&conn, None), Err(OpenError::Locked(_))), "{sql}");
        conn.execute_batch("ROLLBACK TO step").unwrap();
        further
            .take(&conn, Some(&keyring()))
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
        let rows = further.problems(&conn, &keyring()).unwrap();
        assert_eq!(rows, Vec::<String>::new(), "{sql}");
        assert_eq!(content(&conn, table, &columns), before, "{sql}");
        assert!(!before.is_empty() || at > 3, "{table} has rows");
        let edited = format!("UPDATE {table} SET {column} = 4");
        if conn.execute(&edited, []).unwrap() > 0 {
            let rows = further.problems(&conn, &keyring()).unwrap();
            assert!(!rows.is_empty(), "{edited}");
        }
        conn.execute_batch("ROLLBACK TO step; RELEASE step").unwrap();
    }
}

/// An audit log that was edited before a step is not sealed by it.
#[tokio::test]
async fn a_step_leaves_an_edited_audit_log_unsealed() {
    let (_folders, path) = stored().await;
    edit(&path, "UPDATE audit_chain SET base = base + 1");
    let conn = Connection::open(&path).unwrap();
    let step = one_further();
    step.take(&conn, Some(&keyring())).unwrap();
    let problems = step.problems(&conn, &keyring()).unwrap();
    assert_eq!(problems, ["the seal of the audit log does not fit"]);
}

/// A row that was edited before a step is not tagged by it.
#[tokio::test]
async fn no_edit_is_tagged_by_a_step() {
    let folders = Folders::default();
    let (path, older) = (folders.new_path(), folders.new_path());
    lived_in(&path, &older).await;
    let steps = further_steps();
    let mut editor = Editor::at(&path, &older, 23);
    let mut made = 0;
    while made < edits() / 20 {
        editor.conn.execute_batch("SAVEPOINT edit").unwrap();
        if let Some(edit) = editor.edit() {
            let step = usize::try_from(made).unwrap() % steps.len();
            let taken = steps[step].take(&editor.conn, Some(&keyring()));
            let refused = matches!(taken, Err(OpenError::Damaged { .. } | OpenError::WrongKeys(_)));
            assert!(refused, "{made}, {:?}: {edit:?}: {taken:?}", STEPS[step]);
            made += 1;
        }
        editor.conn.execute_batch("ROLLBACK TO edit; RELEASE edit").unwrap();
    }
    let named = "UPDATE devices SET created_at = 1 WHERE serial = 'GAHT00000002'";
    editor.conn.execute_batch(named).unwrap();
    let refused = steps[0].take(&editor.conn, Some(&keyring())).unwrap_err().to_string();
    assert!(refused.contains("GAHT00000002"), "{refused}");
}

/// A store that was closed, and the folder for its copies.
async fn stored() -> (Folders, PathBuf) {
    let folders = Folders::default();
    let (path, older) = (folders.new_path(), folders.new_path());
    lived_in(&path, &older).await;
    (folders, path)
}

/// The schema cannot be set back, so that the step is taken again over rows of an editor.
#[tokio::test]
async fn a_step_is_taken_once() {
    let back = "DELETE FROM schema_version WHERE version = 12;";
    let drop = format!("{back} ALTER TABLE devices DROP COLUMN note;");
    let mine = "UPDATE devices SET state = 'active', body = replace(body, 'disabled', 'active');";
    let old_rows: String = authenticated()
        .map(|(table, _)| {
            format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM older.{table};")
        })
        .collect();
    let chain = |columns: &str| {
        format!(
            "UPDATE audit_chain SET ({columns}) = (SELECT {columns} FROM older.audit_chain AS was \
             WHERE was.id = audit_chain.id);"
        )
    };
    let (sum, all) = (chain("rows_sum"), chain("rows_sum, seal, identity, head, head_hash"));
    let unsealed = "UPDATE audit_chain SET seal = NULL, rows_sum = NULL;";
    let (folders, older) = stored().await;
    for (trick, sql) in [
        ("the number", back.to_owned()),
        ("the column", drop.clone()),
        ("an edit", format!("{drop} {mine}")),
        ("rows of before", format!("{drop} {old_rows}")),
        ("rows and sum of before", format!("{drop} {old_rows} {sum}")),
        ("the sum of before", format!("{drop} {sum}")),
        ("all of before, and an edit", format!("{drop} {old_rows} {all} {mine}")),
        ("no seal", format!("{drop} {unsealed}")),
        ("no seal and an edit", format!("{drop} {unsealed} {mine}")),
    ] {
        let path = folders.new_path();
        std::fs::copy(&older, &path).unwrap();
        let further = further(STEPS[0]);
        let conn = Connection::open(&path).unwrap();
        conn.execute_batch("PRAGMA foreign_keys = OFF; BEGIN").unwrap();
        further.take(&conn, Some(&keyring())).unwrap();
        let setup = format!("COMMIT; ATTACH '{}' AS older; BEGIN", older.display());
        conn.execute_batch(&setup).unwrap();
        conn.execute_batch(&sql).unwrap_or_else(|error| panic!("{trick}: {error}"));
        let taken = further.take(&conn, Some(&keyring()));
        let refused = matches!(taken, Err(OpenError::Damaged { .. }));
        assert!(refused, "{trick}: {taken:?}");
    }
}

/// A step that leaves all tags as they were is told by the sum alone.
#[tokio::test]
async fn the_number_of_the_schema_cannot_be_set_back() {
    let (folders, older) = stored().await;
    let covers = |table| authenticated().find(|(name, _)| *name == table).unwrap().1;
    let rise = "UPDATE accounts SET generation = generation + 1";
    for (further, drop) in [
        (Further::step(rise, "accounts", covers("accounts")), ""),
        (
            further(("imports", "ALTER TABLE imports ADD COLUMN note TEXT", "note")),
            "ALTER TABLE imports DROP COLUMN note",
        ),
    ] {
        let path = folders.new_path();
        std::fs::copy(&older, &path).unwrap();
        let conn = Connection::open(&path).unwrap();
        conn.execute_batch("PRAGMA foreign_keys = OFF; BEGIN").unwrap();
        further.take(&conn, Some(&keyring())).unwrap();
        let back = format!("DELETE FROM schema_version WHERE version = 12; {drop}");
        conn.execute_batch(&back).unwrap();
        let taken = further.take(&conn, Some(&keyring()));
        assert!(matches!(taken, Err(OpenError::Damaged { .. })), "{drop}: {taken:?}");
    }
}

/// A store that another program serves from is not changed under it.
#[tokio::test]
async fn no_step_is_taken_under_a_program_that_serves() {
    let folders = Folders::default();
    let (path, older) = (folders.new_path(), folders.new_path());
    lived_in(&path, &older).await;
    let serving = SqliteStore::open(&path).unwrap();
    edit(&path, "DELETE FROM schema_version WHERE version = 11");
    let second = SqliteStore::open_with(&path, &keyring()).map(drop);
    assert!(matches!(second, Err(OpenError::Held(_))), "{second:?}");
    drop(serving);
}

/// The released schema is protected in the same way.
#[tokio::test]
async fn the_schema_that_brought_tags_is_taken_once() {
    let back = "DELETE FROM schema_version WHERE version >= 9;";
    let columns: String = authenticated()
        .map(|(table, _)| format!("ALTER TABLE {table} DROP COLUMN tag;"))
        .collect();
    let sets = "ALTER TABLE control DROP COLUMN signing_keys;
        ALTER TABLE control DROP COLUMN api_keys; ALTER TABLE audit_chain DROP COLUMN rows_sum;";
    let mine = "UPDATE devices SET state = 'active', body = replace(body, 'disabled', 'active');";
    let unsealed = "UPDATE audit_chain SET seal = NULL;";
    let (folders, older) = stored().await;
    for trick in [
        back.to_owned(),
        format!("{back} {columns} {sets}"),
        format!("{back} {columns} {sets} {mine}"),
        format!("{back} {columns} {sets} {mine} {unsealed}"),
    ] {
        let path = folders.new_path();
        std::fs::copy(&older, &path).unwrap();
        edit(&path, &trick);
        if SqliteStore::open(&path).is_ok() {
            assert!(verifier(&path).ready().await.is_err(), "{trick}");
        }
    }
}
