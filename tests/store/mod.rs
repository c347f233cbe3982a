//! The SQLite store: the contract that every store keeps, and what is its own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod audit_editor;
mod backups;
mod chains;
mod editor;
mod exported_log;
mod files;
mod imports;
mod killed;
mod objects;
mod plans;
mod postgres;
mod replaced;
mod retagged;
mod schema_steps;
mod strays;
mod tables;
mod tables_editor;

use std::path::PathBuf;
use std::sync::Mutex;

use tempfile::TempDir;
use twostep::device::{Device, Factor, TotpState};
use twostep::id::{AccountId, CallerId, SerialNumber};
use twostep::otp::TimeStep;
use twostep::store::{
    Account, Change, Commit, Enrolled, Event, Fingerprint, Keyring, Sealer, SqliteStore, Store,
    Write, contract,
};
use twostep::time::UnixTime;

const NOW: UnixTime = UnixTime(1_800_000_000);

/// Folders for stores; each goes when the test is over.
#[derive(Default)]
struct Folders(Mutex<Vec<TempDir>>);

impl Folders {
    fn new_path(&self) -> PathBuf {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        self.0.lock().unwrap().push(folder);
        path
    }
}

fn account(name: &str) -> AccountId {
    name.parse().unwrap()
}

fn serial(name: &str) -> SerialNumber {
    name.parse().unwrap()
}

fn caller() -> CallerId {
    CallerId::new("uid:0")
}

fn totp(name: &str, of: &str, watermark: u64) -> Device {
    let factor =
        Factor::Totp(TotpState { watermark: Some(TimeStep(watermark)), ..TotpState::default() });
    Device::new(serial(name), account(of), None, factor, NOW)
}

fn watermark(device: &Device) -> u64 {
    match &device.factor {
        Factor::Totp(totp) => totp.watermark.unwrap().0,
        factor => panic!("{factor:?}"),
    }
}

fn insert(device: Device, seed: u8) -> Write {
    let place = Sealer::seed_place(&device.serial, device.account.as_ref());
    let sealed = Keyring::ephemeral().unwrap().seal(&place, b"12345678901234567890").unwrap();
    Write::InsertDevice { device, seed: Some(sealed), fingerprint: Some(Fingerprint([seed; 32])) }
}

/// Makes a change with an audit row.
async fn made(store: &SqliteStore, writes: impl IntoIterator<Item = Write>) {
    let change = Change {
        account: None,
        writes: writes.into_iter().collect(),
        audit: vec![Event::new(NOW, "test", &caller())],
    };
    let commit = store.commit(change).await.unwrap();
    assert!(matches!(commit, Commit::Committed(_)), "{commit:?}");
}

async fn enrolled(store: &SqliteStore, of: &str, name: &str) -> Enrolled {
    store
        .account(&account(of))
        .await
        .unwrap()
        .unwrap()
        .device(&serial(name))
        .unwrap()
        .clone()
}

/// A store with the account alice, her device GAHT00000001 at step 100, and a few audit rows.
async fn with_alice(path: &PathBuf) -> SqliteStore {
    let store = SqliteStore::open(path).unwrap();
    made(
        &store,
        [
            Write::CreateAccount(Account::new(account("alice"), NOW)),
            insert(totp("GAHT00000001", "alice", 100), 1),
        ],
    )
    .await;
    for _ in 0..3 {
        made(&store, []).await;
    }
    store
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds() {
    let folders = Folders::default();
    contract::holds(async || SqliteStore::open(folders.new_path()).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_on_one_thread_beside_another_handle() {
    let folders = Folders::default();
    let others = Mutex::new(Vec::new());
    contract::holds(async || {
        let path = folders.new_path();
        others.lock().unwrap().push(SqliteStore::open(&path).unwrap());
        SqliteStore::open(&path).unwrap()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_between_two_handles() {
    let folders = Folders::default();
    contract::holds_between(async || {
        let path = folders.new_path();
        [SqliteStore::open(&path).unwrap(), SqliteStore::open(&path).unwrap()]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_handles_on_one_file_decide_as_one() {
    let folders = Folders::default();
    let path = folders.new_path();
    let stores = [with_alice(&path).await, SqliteStore::open(&path).unwrap()];
    for round in 0..100 {
        let seen = enrolled(&stores[0], "alice", "GAHT00000001").await;
        let change = |step| Change {
            account: None,
            writes: vec![Write::UpdateDevice {
                seen: seen.revision,
                device: totp("GAHT00000001", "alice", step),
            }],
            audit: vec![Event::new(NOW, "code.accepted", &caller())],
        };
        let (a, b) = tokio::join!(
            stores[0].commit(change(200 + round)),
            stores[1].commit(change(200 + round))
        );
        let made = [a.unwrap(), b.unwrap()]
            .iter()
            .filter(|commit| matches!(commit, Commit::Committed(_)))
            .count();
        assert_eq!(made, 1, "of two processes that judged the same, exactly one writes");
        let here = enrolled(&stores[0], "alice", "GAHT00000001").await;
        let there = enrolled(&stores[1], "alice", "GAHT00000001").await;
        assert_eq!(
            (here.revision, here.device),
            (there.revision, there.device),
            "both see what either decided"
        );
    }
    let report = stores[1].verify_audit().await.unwrap();
    assert!(report.ok && report.rows() == 104, "each handle appends to its chain: {report:?}");
}

#[tokio::test]
async fn committed_changes_are_there_after_a_new_start() {
    let folders = Folders::default();
    let path = folders.new_path();
    for start in 1..=5 {
        let store =
            if start == 1 { with_alice(&path).await } else { SqliteStore::open(&path).unwrap() };
        let seen = enrolled(&store, "alice", "GAHT00000001").await;
        assert_eq!(watermark(&seen.device), 99 + start);
        made(
            &store,
            [Write::UpdateDevice {
                seen: seen.revision,
                device: totp("GAHT00000001", "alice", 100 + start),
            }],
        )
        .await;
    }
}

/// Two processes share one lock on the file; one that is always busy must not keep the other out.
#[tokio::test(flavor = "multi_thread")]
async fn a_busy_writer_lets_another_one_write() {
    let folders = Folders::default();
    let path = folders.new_path();
    let stores = [with_alice(&path).await, SqliteStore::open(&path).unwrap()];
    let begin = std::time::Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for (which, store) in stores.iter().enumerate().flat_map(|store| std::iter::repeat_n(store, 32))
    {
        let store = store.clone();
        tasks.spawn(async move {
            let (mut done, mut longest) = (0_u32, std::time::Duration::ZERO);
            while begin.elapsed().as_secs() < 3 {
                let asked = std::time::Instant::now();
                made(&store, []).await;
                (done, longest) = (done + 1, longest.max(asked.elapsed()));
            }
            (which, done, longest)
        });
    }
    let done = tasks.join_all().await;
    let of = |which| done.iter().filter(|of| of.0 == which).map(|of| of.1).sum::<u32>();
    let longest = done.iter().map(|of| of.2).max().unwrap();
    println!("{} and {} changes, the longest waited {longest:?}", of(0), of(1));
    assert!(longest.as_millis() < 1_000, "{longest:?}");
    assert!(of(0).min(of(1)) * 4 > of(0).max(of(1)), "{} and {}", of(0), of(1));
}
