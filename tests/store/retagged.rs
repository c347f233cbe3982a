//! Rows that are tagged anew: the tag is of the new row, and no edit goes along with it.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use twostep::device::DeviceState;
use twostep::store::sqlite::foreign_rows;
use twostep::store::{AccountSnapshot, Change, Commit, Write};

use super::Folders;
use super::editor::{LEFT, edit, keyring, lived_in, strings, verifier};

/// A device that keeps its state is written by a statement that brings the new tag itself.
#[tokio::test]
async fn a_tag_that_a_statement_brings_is_of_the_new_row() {
    let folders = Folders::default();
    let (path, older) = (folders.new_path(), folders.new_path());
    lived_in(&path, &older).await;
    let verifier = verifier(&path);
    verifier.ready().await.unwrap();
    let store = verifier.store();
    let look = Connection::open(&path).unwrap();
    let tags = || strings(&look, "SELECT hex(tag) FROM devices ORDER BY serial");
    let mut written = 0;
    for name in ["alice", "bob", "dave", "erin", "mallory"].repeat(2) {
        let account = name.parse().unwrap();
        for enrolled in store.account(&account).await.unwrap().unwrap().devices {
            let (before, mut device) = (tags(), enrolled.device);
            device.last_used_at = Some(LEFT.plus(Duration::from_secs(written)));
            let (wanted, writes) =
                (device.clone(), vec![Write::UpdateDevice { seen: enrolled.revision, device }]);
            let change = Change { account: None, writes, audit: Vec::new() };
            assert!(matches!(store.commit(change).await.unwrap(), Commit::Committed(_)));
            let moved = tags().iter().zip(&before).filter(|(is, was)| is != was).count();
            assert_eq!(moved, 1, "{name}");
            assert_eq!(foreign_rows(&look, &keyring()).unwrap(), Vec::<String>::new());
            let seen = store.account(&account).await.unwrap().unwrap();
            assert_eq!(seen.device(&wanted.serial).unwrap().device, wanted);
            written += 1;
        }
    }
    assert!(written >= 6, "{written} devices");
}

/// A write of a decision that was judged by this account.
type Decision = fn(&AccountSnapshot) -> Write;

fn used(seen: &AccountSnapshot) -> Write {
    let mut device = seen.devices[0].device.clone();
    device.last_used_at = Some(LEFT);
    Write::UpdateDevice { seen: seen.devices[0].revision, device }
}

fn disabled(seen: &AccountSnapshot) -> Write {
    let mut device = seen.devices[0].device.clone();
    device.state = DeviceState::Disabled;
    Write::UpdateDevice { seen: seen.devices[0].revision, device }
}

fn kept(seen: &AccountSnapshot) -> Write {
    Write::UpdateAccount { seen: seen.revision, account: seen.account.clone() }
}

fn time(_: &AccountSnapshot) -> Write {
    Write::NoteTime(LEFT.plus(Duration::from_secs(60)))
}

/// Adds a published import with a device of alice's.
const IMPORTED: &str = "
    INSERT INTO imports (id, state, chain, staged_at, devices)
        VALUES (x'01020304050607080910111213141516', 'published', 1, 0, 1);
    INSERT INTO staged (import, serial, account, revision, body)
        SELECT last_insert_rowid(), 'GAHT00009999', account, 1,
            replace(body, serial, 'GAHT00009999') FROM devices WHERE account = 'alice' LIMIT 1";

/// The editor comes between the look of a decision and its commit, when all seemed well.
#[tokio::test]
async fn no_write_takes_an_edit_over() {
    let folders = Folders::default();
    let (path, older) = (folders.new_path(), folders.new_path());
    lived_in(&path, &older).await;
    let cases: [(&str, Decision); 8] = [
        ("UPDATE devices SET created_at = created_at + 1 WHERE account = 'alice'", used),
        ("UPDATE devices SET created_at = created_at + 1 WHERE account = 'alice'", disabled),
        ("UPDATE devices SET tag = NULL WHERE account = 'alice'", used),
        ("UPDATE accounts SET generation = generation + 7 WHERE id = 'alice'", disabled),
        ("UPDATE accounts SET active = active + 1 WHERE id = 'alice'", kept),
        ("UPDATE control SET signing_keys = api_keys", time),
        ("UPDATE control SET version = version + 7", time),
        (IMPORTED, used),
    ];
    for (sql, decision) in cases {
        let copy = folders.new_path();
        std::fs::copy(&path, &copy).unwrap();
        taken_over(&copy, sql, decision).await;
    }
}

async fn taken_over(path: &Path, sql: &str, decision: Decision) {
    let verifier = verifier(path);
    verifier.ready().await.unwrap();
    let (store, alice) = (verifier.store(), "alice".parse().unwrap());
    let seen = store.account(&alice).await.unwrap().unwrap();
    edit(path, sql);
    let change =
        Change { account: Some(alice.clone()), writes: vec![decision(&seen)], audit: Vec::new() };
    let committed = store.commit(change).await;
    assert!(committed.is_err(), "{sql}: {committed:?}");
    let look = Connection::open(path).unwrap();
    assert_ne!(foreign_rows(&look, &keyring()).unwrap(), Vec::<String>::new(), "{sql}");
    assert!(store.account(&alice).await.is_err(), "{sql}");
}
