//! A million devices cost a store no more memory, and no more time to start, than a few do.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::time::{Duration, Instant};

use test_support::filled::{account, fill};
use test_support::process::alone;
use twostep::id::AccountId;
use twostep::store::{SqliteStore, Store};

const DEVICES: u32 = 1_000_000;

/// The store that the child process opens.
const CHILD: &str = "TWOSTEP_SCALE_STORE";

#[test]
fn a_million_devices_cost_a_store_neither_time_nor_memory() {
    if let Some(path) = std::env::var_os(CHILD) {
        return child(Path::new(&path));
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    fill(&path, DEVICES);
    // A new process: this one has touched much memory already.
    let text = alone(
        "scale::a_million_devices_cost_a_store_neither_time_nor_memory",
        (CHILD, path.as_os_str()),
    );
    println!("{} MiB in the file\n{text}", std::fs::metadata(&path).unwrap().len() >> 20);
}

fn child(path: &Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let begin = Instant::now();
    let store = SqliteStore::open(path).unwrap();
    let opened = begin.elapsed();
    runtime.block_on(async {
        let begin = Instant::now();
        for n in 0..1_000 {
            let account: AccountId = account(n * 7_919 % DEVICES);
            let found = store.account(&account).await.unwrap().unwrap();
            assert_eq!(found.devices.len(), 1);
            let serial = &found.devices[0].device.serial;
            assert_eq!(store.owner(serial).await.unwrap(), Some(account));
        }
        println!("opened in {opened:?}; a look-up takes {:?}", begin.elapsed() / 2_000);
    });
    let resident = resident();
    println!("{resident} KiB resident");
    assert!(
        opened < Duration::from_secs(2),
        "half a second is the goal, and {opened:?} is far from it"
    );
    assert!(resident <= 30 * 1_024, "{resident} KiB");
}

/// Resident memory of this process, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
