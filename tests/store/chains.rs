//! Audit chains: each handle of a store writes its own, and each is verified by itself.

use std::process::{Command, Stdio};

use rusqlite::Connection;
use twostep::store::{AuditCursor, AuditReport, ChainId, Store, Task};

use super::*;

/// The store that the child process writes to.
const CHILD: &str = "TWOSTEP_CHAINS_STORE";

fn report(path: &PathBuf) -> AuditReport {
    twostep::store::sqlite::check(path).unwrap().audit.unwrap()
}

fn rows(report: &AuditReport) -> Vec<(u32, bool, u64)> {
    report
        .chains
        .iter()
        .map(|chain| (chain.chain.0, chain.ok, chain.rows))
        .collect()
}

/// The child of the test below. It does nothing in a run of its own.
#[tokio::test(flavor = "multi_thread")]
async fn child_that_writes_fifty_rows() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let store = SqliteStore::open(PathBuf::from(path)).unwrap();
    for _ in 0..50 {
        made(&store, []).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_write_two_chains() {
    let folders = Folders::default();
    let path = folders.new_path();
    let store = with_alice(&path).await;
    let name = "store::chains::child_that_writes_fifty_rows";
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", name])
        .env(CHILD, &path)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut here = 4;
    while child.try_wait().unwrap().is_none() {
        made(&store, []).await;
        here += 1;
    }
    assert!(child.wait().unwrap().success());
    let found = store.verify_audit().await.unwrap();
    assert!(found.ok, "{found:?}");
    assert_eq!(rows(&found), [(1, true, here), (2, true, 50)]);
    let listed = store.audit(AuditCursor::start(), 10_000).await.unwrap();
    let of = |chain| listed.iter().filter(|row| row.chain == ChainId(chain)).count();
    assert_eq!((of(1), of(2)), (usize::try_from(here).unwrap(), 50));
}

#[tokio::test]
async fn a_chain_goes_on_when_it_is_free() {
    let folders = Folders::default();
    let path = folders.new_path();
    let first = with_alice(&path).await;
    for start in 1..=3 {
        let second = SqliteStore::open(&path).unwrap();
        made(&second, []).await;
        drop(second);
        let found = first.verify_audit().await.unwrap();
        assert_eq!(rows(&found), [(1, true, 4), (2, true, start)]);
    }
    drop(first);
    made(&SqliteStore::open(&path).unwrap(), []).await;
    assert_eq!(rows(&report(&path)), [(1, true, 5), (2, true, 3)]);
}

/// Chains begin in the order of their numbers, also where one was claimed and never written.
#[tokio::test]
async fn an_empty_chain_is_whole() {
    let folders = Folders::default();
    let path = folders.new_path();
    let _first = SqliteStore::open(&path).unwrap();
    let _second = SqliteStore::open(&path).unwrap();
    let third = SqliteStore::open(&path).unwrap();
    made(&third, []).await;
    let found = third.verify_audit().await.unwrap();
    assert_eq!(rows(&found), [(1, true, 0), (2, true, 0), (3, true, 1)]);
}

#[tokio::test]
async fn a_page_loses_no_row_that_comes_late() {
    let folders = Folders::default();
    let path = folders.new_path();
    let stores = [with_alice(&path).await, SqliteStore::open(&path).unwrap()];
    let (mut place, mut seen) = (AuditCursor::start(), 0);
    for round in 0..20 {
        made(&stores[round % 2], []).await;
        // The text of the place is what a caller keeps.
        place = place.to_string().parse().unwrap();
        let page = stores[0].audit(place.clone(), 3).await.unwrap();
        page.iter().for_each(|row| place.pass(row));
        seen += page.len();
    }
    loop {
        let page = stores[1].audit(place.clone(), 3).await.unwrap();
        if page.is_empty() {
            break;
        }
        page.iter().for_each(|row| place.pass(row));
        seen += page.len();
    }
    assert_eq!((seen, place.to_string().as_str()), (24, "1.14-2.10"));
    let newest = stores[0].newest_audit(24).await.unwrap();
    assert_eq!(newest, stores[0].audit(AuditCursor::start(), 24).await.unwrap());
}

/// Every way to take something out of a chain, for each of two chains.
#[tokio::test]
async fn missing_and_changed_rows_are_found_in_each_chain() {
    let folders = Folders::default();
    let path = folders.new_path();
    let stores = [with_alice(&path).await, SqliteStore::open(&path).unwrap()];
    for _ in 0..4 {
        made(&stores[1], []).await;
    }
    drop(stores);
    assert_eq!(rows(&report(&path)), [(1, true, 4), (2, true, 4)]);
    for chain in 1..=2_u32 {
        let begin = i64::from(chain - 1) << 48;
        for (what, sql, broken) in [
            ("a row removed", "DELETE FROM audit WHERE place = ?1 + 2", 2),
            ("cut at its beginning", "DELETE FROM audit WHERE place = ?1 + 1", 1),
            ("cut at its end", "DELETE FROM audit WHERE place = ?1 + 4", 4),
            ("a row changed", "UPDATE audit SET body = body || ' ' WHERE place = ?1 + 3", 3),
            ("a row moved", "UPDATE audit SET place = place + 1 WHERE place = ?1 + 4", 4),
            (
                "a row before it",
                "INSERT INTO audit SELECT ?1, at, body, hash, mac FROM audit LIMIT 1",
                1,
            ),
        ] {
            let copy = path.with_extension(format!("{chain}-{broken}"));
            std::fs::copy(&path, &copy).unwrap();
            let conn = Connection::open(&copy).unwrap();
            assert_eq!(conn.execute(sql, [begin]).unwrap(), 1, "{what}");
            drop(conn);
            let found = report(&copy);
            let expected = Some((ChainId(chain), broken));
            assert!(!found.ok && found.broken_at() == expected, "{what}: {found:?}");
            assert_eq!(found.chains.iter().filter(|chain| !chain.ok).count(), 1, "{what}");
            std::fs::remove_file(copy).unwrap();
        }
    }
    let forgotten = "DELETE FROM audit_chain WHERE id = 2";
    Connection::open(&path).unwrap().execute(forgotten, []).unwrap();
    assert_eq!(report(&path).broken_at(), Some((ChainId(2), 1)), "rows without their chain");
}

#[test]
fn a_store_of_schema_4_keeps_its_chain() {
    let folders = Folders::default();
    let path = folders.new_path();
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch(include_str!("../vectors/store-schema-4.sql")).unwrap();
    let head = "SELECT head_hash FROM audit_chain";
    let head: String = conn.query_row(head, [], |row| row.get(0)).unwrap();
    drop(conn);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let store = SqliteStore::open(&path).unwrap();
        let found = store.verify_audit().await.unwrap();
        assert_eq!(found.head(), Some(&*head), "{found:?}");
        let place = "4".parse::<AuditCursor>().unwrap();
        let rows = store.audit(place, 100).await.unwrap();
        let numbers: Vec<u64> = rows.iter().map(|row| row.number).collect();
        assert_eq!(numbers, (5..=11).collect::<Vec<u64>>(), "a place of that time still holds");
        made(&store, []).await;
        let found = store.verify_audit().await.unwrap();
        assert!(found.ok && found.rows() == 12, "{found:?}");
    });
    let report = twostep::store::sqlite::check(&path).unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
}

#[tokio::test]
async fn a_task_of_a_file_goes_to_the_next_handle() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let (one, other) = (SqliteStore::open(&path).unwrap(), SqliteStore::open(&path).unwrap());
    assert!(one.hold(Task::Chores).await.unwrap());
    assert!(!other.hold(Task::Chores).await.unwrap());
    assert!(other.hold(Task::Program).await.unwrap(), "each task goes its own way");
    drop(one);
    assert!(other.hold(Task::Chores).await.unwrap());
}
