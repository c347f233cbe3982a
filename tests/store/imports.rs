//! Imports of many devices: beside callers, in little memory, and killed at any point.
//!
//! `TWOSTEP_IMPORT_DEVICES` says how many devices are imported (5,000).

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use twostep::device::DeviceState;
use twostep::store::{DeviceList, ImportId, Revision, Sealed, StagedDevice};

use super::*;

/// The store that a child process works on.
const CHILD: &str = "TWOSTEP_IMPORT_STORE";
/// The child's task: `import` or `measure`.
const TASK: &str = "TWOSTEP_IMPORT_TASK";

fn devices_to_import() -> u32 {
    std::env::var("TWOSTEP_IMPORT_DEVICES").map_or(5_000, |number| number.parse().unwrap())
}

fn child(path: &PathBuf, task: &str) -> Command {
    let mut child = Command::new(std::env::current_exe().unwrap());
    let name = "store::imports::child_that_imports_or_measures";
    child.args(["--exact", "--nocapture", name]).env(CHILD, path).env(TASK, task);
    child
}

fn sealed(device: &Device) -> Sealed {
    static KEYRING: std::sync::LazyLock<Keyring> =
        std::sync::LazyLock::new(|| Keyring::ephemeral().unwrap());
    let place = Sealer::seed_place(&device.serial, device.account.as_ref());
    KEYRING.seal(&place, b"12345678901234567890").unwrap()
}

fn imported(n: u32) -> StagedDevice {
    let device = totp(&format!("IMP-{n:09}"), &format!("imported-{n:07}"), 1);
    let mut fingerprint = [9; 32];
    fingerprint[..4].copy_from_slice(&n.to_be_bytes());
    let seed = Some(sealed(&device));
    StagedDevice { device, seed, fingerprint: Some(Fingerprint(fingerprint)) }
}

async fn write(store: &SqliteStore, write: Write) {
    let change = Change { account: None, writes: vec![write], audit: Vec::new() };
    let commit = store.commit(change).await.unwrap();
    assert!(matches!(commit, Commit::Committed(_)), "{commit:?}");
}

/// Stages so many devices and publishes them; hears of each batch.
async fn import(store: &SqliteStore, count: u32, batch: u32, heard: impl Fn(u32)) {
    let import = ImportId(rand_id());
    for from in (0..count).step_by(usize::try_from(batch).unwrap()) {
        let devices = (from..count.min(from + batch)).map(imported).collect();
        write(store, Write::StageDevices { import, at: NOW, devices }).await;
        heard(from);
    }
    write(store, Write::PublishImport { import, devices: count.into() }).await;
    heard(count);
}

fn rand_id() -> [u8; 16] {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let mut id = [0; 16];
    id.copy_from_slice(&now.as_nanos().to_be_bytes());
    id
}

async fn listed(store: &SqliteStore) -> usize {
    let list = DeviceList {
        account_prefix: Some("imported-".to_owned()),
        limit: 1_000_000,
        ..DeviceList::default()
    };
    store.devices(list).await.unwrap().len()
}

/// The child of the tests below. It does nothing in a run of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_that_imports_or_measures() {
    let Some(path) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    let store = SqliteStore::open(&path).unwrap();
    if std::env::var(TASK).unwrap() == "import" {
        import(&store, KILLED, 40, |from| println!("staged {from}")).await;
        // A later kill comes while its rows are moved.
        let _ = listed(&store).await;
        println!("listed");
        return;
    }
    measure(store).await;
}

/// The number of devices of the import that is killed.
const KILLED: u32 = 800;

#[tokio::test]
async fn a_killed_import_is_there_whole_or_not_at_all() {
    let folders = Folders::default();
    let (mut none, mut all) = (0, 0);
    for point in 0..50_u32 {
        let path = folders.new_path();
        drop(with_alice(&path).await);
        let mut child = child(&path, "import").stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let wanted = format!("staged {}", point / 2 * 40);
        lines
            .by_ref()
            .map(Result::unwrap)
            .take_while(|line| !line.ends_with(&wanted))
            .count();
        // Between two lines, or right behind one.
        std::thread::sleep(Duration::from_micros(u64::from(point % 2) * 700));
        child.kill().unwrap();
        child.wait().unwrap();
        let store = SqliteStore::open(&path).unwrap();
        match u32::try_from(listed(&store).await).unwrap() {
            0 => {
                none += 1;
                // The same import succeeds at once: what was staged is not in its way.
                import(&store, KILLED, 400, |_| ()).await;
                assert_eq!(listed(&store).await, usize::try_from(KILLED).unwrap());
            }
            KILLED => all += 1,
            some => panic!("{some} of {KILLED} devices are there, killed at point {point}"),
        }
        drop(store);
        let report = twostep::store::sqlite::check(&path).unwrap();
        assert_eq!(report.problems, Vec::<String>::new(), "killed at point {point}");
    }
    println!("{none} imports were not there, {all} were");
    assert!(none > 0 && all > 0, "both ends happened: {none} and {all}");
}

/// Changes that come right behind the publication of an import find its devices, whose rows are
/// moved only later.
#[tokio::test]
async fn devices_of_an_import_are_changed_before_their_rows_are_moved() {
    let folders = Folders::default();
    let path = folders.new_path();
    let store = SqliteStore::open(&path).unwrap();
    let import = ImportId([7; 16]);
    let count = 1_000_u32;
    for from in (0..count).step_by(250) {
        let devices = (from..from + 250).map(imported).collect();
        write(&store, Write::StageDevices { import, at: NOW, devices }).await;
    }
    let staged = rusqlite::Connection::open(&path).unwrap();
    // The last rows are the last to be moved, 50 at a time.
    let revision: i64 = staged
        .query_row("SELECT revision FROM staged ORDER BY number DESC LIMIT 1", [], |row| row.get(0))
        .unwrap();
    let last = |behind: u32| imported(count - behind).device;
    let commit =
        |writes: Vec<Write>| store.commit(Change { account: None, writes, audit: Vec::new() });
    let seen = Revision(u64::try_from(revision).unwrap());
    let used = Device { state: DeviceState::Active, ..last(1) };
    let gone = last(2);
    let tombstone = gone.tombstone(NOW);
    let (published, changed, removed, taken, expected) = tokio::join!(
        commit(vec![Write::PublishImport { import, devices: count.into() }]),
        commit(vec![Write::UpdateDevice { seen, device: used.clone() }]),
        commit(vec![Write::RemoveDevice { seen, tombstone }]),
        commit(vec![Write::CreateAccount(Account::new(last(3).account.unwrap(), NOW))]),
        commit(vec![Write::ExpectDevice { serial: last(4).serial, seen }]),
    );
    for commit in [published, changed, removed, expected] {
        assert!(matches!(commit, Ok(Commit::Committed(_))), "{commit:?}");
    }
    assert!(matches!(taken, Ok(Commit::Conflict(_))), "{taken:?}");
    let moved =
        enrolled(&store, used.account.as_ref().unwrap().as_str(), used.serial.as_str()).await;
    assert_eq!(moved.device, used);
    let left = store.account(gone.account.as_ref().unwrap()).await.unwrap().unwrap();
    assert!(left.device(&gone.serial).is_none(), "{left:?}");
}

#[tokio::test]
async fn an_import_leaves_memory_and_callers_alone() {
    let folders = Folders::default();
    let path = folders.new_path();
    drop(SqliteStore::open(&path).unwrap());
    let output = child(&path, "measure").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    println!("{text}");
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

/// 64 callers, each with a device of its own that is used again and again: alone, then beside an
/// import.
async fn measure(store: SqliteStore) {
    let (done, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let mut callers = tokio::task::JoinSet::new();
    for n in 0..64_u8 {
        let name = format!("caller-{n:02}");
        let device =
            Device { state: DeviceState::Active, ..totp(&format!("GAHT000000{n:02}"), &name, 1) };
        made(&store, [Write::CreateAccount(Account::new(account(&name), NOW)), insert(device, n)])
            .await;
        let (store, done, stop) = (store.clone(), Arc::clone(&done), Arc::clone(&stop));
        callers.spawn(async move {
            let mut step = 2;
            while !stop.load(Ordering::Relaxed) {
                let seen = store.account(&account(&name)).await.unwrap().unwrap().devices.remove(0);
                let device = Device {
                    state: DeviceState::Active,
                    ..totp(seen.device.serial.as_str(), &name, step)
                };
                made(&store, [Write::UpdateDevice { seen: seen.revision, device }]).await;
                step += 1;
                done.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let rate = async |work: &mut dyn FnMut() -> bool| {
        let (begin, before) = (Instant::now(), done.load(Ordering::Relaxed));
        while work() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let done = done.load(Ordering::Relaxed) - before;
        f64::from(u32::try_from(done).unwrap()) / begin.elapsed().as_secs_f64()
    };
    tokio::time::sleep(Duration::from_millis(300)).await;
    let until = Instant::now() + Duration::from_secs(2);
    let alone = rate(&mut || Instant::now() < until).await;
    let idle = status("VmRSS:");
    let count = devices_to_import();
    let importing = tokio::spawn({
        let store = store.clone();
        async move {
            let begin = Instant::now();
            import(&store, count, 50, |_| ()).await;
            begin.elapsed()
        }
    });
    let staging = rate(&mut || !importing.is_finished()).await;
    let took = importing.await.unwrap();
    // A device of the last batch is there at once, also while rows are still moved.
    let last = imported(count - 1).device;
    let found = store.account(last.account.as_ref().unwrap()).await.unwrap().unwrap();
    assert_eq!(found.device(&last.serial).map(|found| &found.device), Some(&last));
    assert_eq!(store.owner(&last.serial).await.unwrap(), last.account);
    let begin = Instant::now();
    let moving =
        rate(&mut || begin.elapsed() < Duration::from_millis(200) || begin.elapsed() < took / 2)
            .await;
    let peak = status("VmHWM:");
    stop.store(true, Ordering::Relaxed);
    while callers.join_next().await.is_some() {}
    let listing = Instant::now();
    // In pages, as a person lists them: the whole list is no part of the import's memory.
    let (mut seen, mut after) = (0, None);
    loop {
        let list = DeviceList { limit: 1_000, after, ..DeviceList::default() };
        let page = store.devices(list).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.serial.clone());
        seen += page.len();
    }
    assert_eq!(seen, usize::try_from(count).unwrap() + 64);
    println!(
        "{count} devices staged in {took:?}, the rest moved and listed in {:?}; {alone:.0} \
         changes a second alone, {staging:.0} beside staging ({:.2}), {moving:.0} beside moving \
         ({:.2}); {idle} KiB resident before, at most {peak} KiB",
        listing.elapsed(),
        staging / alone,
        moving / alone,
    );
    assert!(peak - idle <= 64 * 1_024, "{idle} KiB before, {peak} KiB at most");
}

/// A figure of this process's memory, in KiB.
fn status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
