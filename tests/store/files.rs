//! The file: who may have it, what it may be, and what it was before.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rusqlite::Connection;
use twostep::store::sqlite::check;
use twostep::store::{ItemKind, OpenError, SqliteStore, Store};

use super::*;

fn refusal(path: &Path) -> String {
    SqliteStore::open(path).err().unwrap().to_string()
}

/// Changes a closed store.
fn tamper(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

#[tokio::test]
async fn only_its_owner_reads_it_with_any_umask() {
    let folders = Folders::default();
    let path = folders.new_path();
    // The umask affects no other file in this process.
    let umask = nix_umask(0o000);
    let store = with_alice(&path).await;
    store.backup(path.with_extension("copy")).await.unwrap();
    nix_umask(umask);
    let mut seen = 0;
    for entry in fs::read_dir(path.parent().unwrap()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(
            entry.metadata().unwrap().permissions().mode() & 0o777,
            0o600,
            "{:?}",
            entry.path()
        );
        seen += 1;
    }
    assert_eq!(seen, 8, "store.db, -wal, -shm, .lock, .turn, .witness, .chain-1 and the copy");
}

#[allow(unsafe_code)]
fn nix_umask(mask: libc::mode_t) -> libc::mode_t {
    // SAFETY: umask takes and returns a number, and cannot fail.
    unsafe { libc::umask(mask) }
}

#[tokio::test]
async fn an_exclusive_tool_refuses_at_once() {
    let folders = Folders::default();
    let path = folders.new_path();
    let (agent, second) = (with_alice(&path).await, SqliteStore::open(&path).unwrap());
    let refused = SqliteStore::open_exclusive(&path).err().unwrap();
    assert!(
        matches!(refused, OpenError::Held(_)) && refused.to_string().contains("stop it first"),
        "{refused}"
    );
    drop(agent);
    assert!(
        matches!(SqliteStore::open_exclusive(&path), Err(OpenError::Held(_))),
        "the second handle still holds it"
    );
    drop(second.clone());
    drop(second);
    let tool = SqliteStore::open_exclusive(&path).unwrap();
    assert!(matches!(SqliteStore::open(&path), Err(OpenError::Offline(_))));
    drop(tool);
    assert!(SqliteStore::open(&path).is_ok());
}

#[test]
fn a_file_that_is_no_store_is_refused_and_left_alone() {
    let folders = Folders::default();
    let text = folders.new_path();
    fs::write(
        &text,
        "not a database, but a text that is long enough to look at as if it were one\n".repeat(50),
    )
    .unwrap();
    let database = folders.new_path();
    tamper(&database, "CREATE TABLE songs (title TEXT)");
    for path in [text, database] {
        let before = fs::read(&path).unwrap();
        assert!(
            matches!(SqliteStore::open(&path), Err(OpenError::Foreign(_))),
            "{}",
            refusal(&path)
        );
        assert_eq!(fs::read(&path).unwrap(), before);
    }
}

#[tokio::test]
async fn a_store_of_another_version_is_refused_with_advice() {
    let folders = Folders::default();
    let path = folders.new_path();
    drop(with_alice(&path).await);
    let known: u32 = Connection::open(&path)
        .unwrap()
        .query_row("SELECT max(version) FROM schema_version", [], |row| row.get(0))
        .unwrap();
    tamper(
        &path,
        "INSERT INTO schema_version (version, checksum) SELECT max(version) + 1, 'x' FROM \
         schema_version",
    );
    assert_eq!(
        refusal(&path),
        format!(
            "a later twostep has written the store {}; run that one (this one knows schema \
             {known}), or restore a backup from before",
            path.display()
        )
    );
    tamper(
        &path,
        "DELETE FROM schema_version WHERE checksum = 'x'; UPDATE schema_version SET checksum = 'x' \
         WHERE version = 1",
    );
    let changed = format!(
        "schema 1 of the store {} is not the released one; run the twostep that made it, or \
         restore a backup",
        path.display()
    );
    assert_eq!(refusal(&path), changed);
}

/// Every schema that was released opens, with what was in it.
#[tokio::test]
async fn a_store_of_schema_1_opens() {
    let folders = Folders::default();
    let path = folders.new_path();
    tamper(&path, include_str!("../vectors/store-schema-1.sql"));
    let store = SqliteStore::open(&path).unwrap();
    let alice = store.account(&account("alice")).await.unwrap().unwrap();
    assert_eq!(
        alice
            .devices
            .iter()
            .map(|enrolled| enrolled.device.serial.as_str())
            .collect::<Vec<_>>(),
        ["GAHT00000001", "GAHT00000002"]
    );
    assert_eq!(watermark(&alice.devices[0].device), 60_000_007);
    assert!(alice.account.protected && alice.devices[0].seed.is_some());
    assert_eq!(store.signing_keys().await.unwrap().len(), 1);
    assert_eq!(store.api_keys().await.unwrap().len(), 1);
    assert!(store.value("pepper").await.unwrap().is_some());
    assert_eq!(store.highest_time().await.unwrap(), Some(NOW));
    assert!(store.session_revoked("session-1").await.unwrap());
    let item = store.single_use("bypass-1", NOW).await.unwrap().unwrap();
    assert_eq!((item.kind, item.body), (ItemKind::Bypass, vec![1, 2, 3]));
    assert!(store.verify_audit().await.unwrap().ok);
    made(&store, [insert(totp("GAHT00000003", "alice", 1), 3)]).await;
    let again = enrolled(&store, "alice", "GAHT00000003").await;
    assert_eq!(watermark(&again.device), 59_999_999, "the tombstone in the file counts");
    drop(store);
    let report = check(&path).unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
}
