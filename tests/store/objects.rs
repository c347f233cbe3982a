//! Objects that an editor adds to the file, which would change rows in twostep's own transactions.

use rusqlite::Connection;
use twostep::store::SqliteStore;
use twostep::store::sqlite::check_with;

use super::Folders;
use super::editor::{edit, keyring, lived_in, verifier};

/// Puts disabled devices back in use.
const UNLOCK: &str =
    "UPDATE devices SET state = 'active', body = replace(body, 'disabled', 'active');";

async fn assert_refused(objects: &str) {
    let folders = Folders::default();
    let (path, older) = (folders.new_path(), folders.new_path());
    lived_in(&path, &older).await;
    edit(&path, objects);
    let refused = SqliteStore::open(&path).err().map(|error| error.to_string());
    let named = refused.as_ref().is_some_and(|error| error.contains("by another program"));
    assert!(named, "{objects}: {refused:?}");
    let problems = check_with(&path, &keyring()).unwrap().problems;
    assert!(problems.iter().any(|problem| problem.contains("mine")), "{objects}: {problems:?}");
}

#[tokio::test]
async fn triggers_of_the_file_change_no_row_of_an_open_store() {
    for on in ["INSERT ON audit", "UPDATE ON audit_chain", "UPDATE ON accounts"] {
        let folders = Folders::default();
        let (path, older) = (folders.new_path(), folders.new_path());
        lived_in(&path, &older).await;
        let conn = Connection::open(&path).unwrap();
        let disabled = || -> i64 {
            let count = "SELECT count(*) FROM devices WHERE state = 'disabled'";
            conn.query_row(count, [], |row| row.get(0)).unwrap()
        };
        let before = disabled();
        assert!(before > 0, "the store has a disabled device");
        let running = verifier(&path);
        running.ready().await.unwrap();
        edit(&path, &format!("CREATE TRIGGER mine AFTER {on} BEGIN {UNLOCK} END;"));
        let revoked = running.revoke_sessions(&"bob".parse().unwrap(), None, None).await;
        assert_eq!(disabled(), before, "{on}: {revoked:?}");
    }
}

#[tokio::test]
async fn a_file_with_triggers_and_views_is_refused_and_named() {
    assert_refused(&format!("CREATE TRIGGER mine AFTER INSERT ON audit BEGIN {UNLOCK} END;")).await;
    assert_refused("CREATE VIEW mine AS SELECT * FROM devices;").await;
}

#[tokio::test]
async fn a_file_with_computed_columns_and_actions_is_refused_and_named() {
    assert_refused("ALTER TABLE devices ADD COLUMN mine TEXT AS (body);").await;
    assert_refused(
        "ALTER TABLE devices ADD COLUMN mine TEXT DEFAULT NULL REFERENCES named_values (name)
         ON DELETE CASCADE;",
    )
    .await;
}
