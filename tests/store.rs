//! The SQLite store: the contract that every store keeps, and what is its own.

use std::sync::Mutex;

use tempfile::TempDir;
use twostep::store::SqliteStore;
use twostep::store::contract;

/// Folders for stores; each goes when the test is over.
#[derive(Default)]
struct Folders(Mutex<Vec<TempDir>>);

impl Folders {
    fn new_path(&self) -> std::path::PathBuf {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        self.0.lock().unwrap().push(folder);
        path
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds() {
    let folders = Folders::default();
    contract::holds(async || SqliteStore::open(folders.new_path()).unwrap()).await;
}
