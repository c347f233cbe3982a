//! No statement walks a table: what a look-up costs does not depend on how many devices there are.

use rusqlite::{Connection, StatementStatus};
use twostep::store::SqliteStore;
use twostep::store::sqlite::{functions, statements};

use super::Folders;

/// All rows of these are asked for, and there are few; of single-use items, those that are not
/// consumed, by an index of them.
const WHOLE_TABLES: [&str; 8] = [
    "ALL_SIGNING_KEYS",
    "ALL_API_KEYS",
    "ALL_VALUES",
    "SIGNING_KEYS_SET",
    "SIGNING_KEYS_MARKED",
    "API_KEYS_MARKED",
    "API_KEYS_SET",
    "SINGLE_USES",
];

/// The rows of these are sorted: the index gives another order.
const SORTED: [&str; 2] = ["DEVICES_UNDER_PREFIX", "SINGLE_USES_OF_ACCOUNT"];

/// A row without a table.
const CONSTANT: &str = "SCAN CONSTANT ROW";

#[test]
fn every_statement_finds_its_rows_by_an_index() {
    let folders = Folders::default();
    let path = folders.new_path();
    drop(SqliteStore::open(&path).unwrap());
    let conn = Connection::open(path).unwrap();
    functions(&conn).unwrap();
    let mut seen = 0;
    for (name, sql) in statements() {
        let plan = plan(&conn, sql);
        // The rows of a subquery are found by steps of their own.
        let of_found = |step: &str| step == CONSTANT || step.starts_with("SCAN (subquery");
        let walks = plan.iter().any(|step| step.starts_with("SCAN") && !of_found(step));
        assert_eq!(walks, WHOLE_TABLES.contains(name), "{name}: {plan:#?}");
        // Sorting is for pages: the index gives every other order.
        let sorts = plan.iter().any(|step| step.contains("TEMP B-TREE FOR ORDER BY"));
        let may_sort = WHOLE_TABLES.contains(name) || SORTED.contains(name);
        assert!(!sorts || may_sort, "{name}: {plan:#?}");
        seen += 1;
    }
    assert!(seen > 50, "{seen} statements");
}

/// No trigger runs where the body of a device alone changes.
#[test]
fn a_statement_that_changes_a_device_brings_its_tag() {
    let changes: Vec<_> = statements()
        .iter()
        .filter(|(_, sql)| sql.starts_with("UPDATE devices SET"))
        .collect();
    assert!(changes.len() >= 3, "{changes:?}");
    for (name, sql) in changes {
        let sets = sql.split(" WHERE ").next().unwrap();
        let triggers = ["state =", "kind =", "created_at =", "seed ="];
        let tagged = sets.contains("tag = row_moved(tag");
        assert!(tagged || triggers.iter().any(|column| sets.contains(column)), "{name}: {sql}");
    }
}

#[test]
fn no_statement_is_compiled_anew_when_it_is_used_again() {
    let folders = Folders::default();
    let path = folders.new_path();
    drop(SqliteStore::open(&path).unwrap());
    let conn = Connection::open(path).unwrap();
    functions(&conn).unwrap();
    // The number of rows of a page may change its plan.
    for (name, sql) in statements().iter().filter(|(_, sql)| !sql.contains("LIMIT")) {
        for _ in 0..5 {
            let mut statement = conn.prepare_cached(sql).unwrap();
            for parameter in 1..=statement.parameter_count() {
                statement.raw_bind_parameter(parameter, 7).unwrap();
            }
            // `EXPLAIN` does not run the statement, so parameters may stay unbound.
            let mut rows = statement.raw_query();
            while let Ok(Some(_)) = rows.next() {}
            drop(rows);
            assert_eq!(statement.get_status(StatementStatus::RePrepare), 0, "{name}");
        }
    }
}

#[test]
fn the_list_of_statements_is_all_there_are() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/sqlite");
    // Statements in these files scan a store once: at its opening, or on a person's request.
    let offline =
        ["sql.rs", "check.rs", "backup.rs", "migrations.rs", "vet.rs", "rows.rs", "edit.rs"];
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() || offline.contains(&name) {
            continue;
        }
        let source = std::fs::read_to_string(&path).unwrap();
        for verb in ["\"SELECT ", "\"INSERT ", "\"UPDATE ", "\"DELETE ", "\"WITH "] {
            assert!(!source.contains(verb), "{name} has a statement of its own: {verb}");
        }
    }
}

fn plan(conn: &Connection, sql: &str) -> Vec<String> {
    let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let nulls = vec![rusqlite::types::Null; statement.parameter_count()];
    let rows = statement
        .query_map(rusqlite::params_from_iter(nulls), |row| row.get(3))
        .unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}
