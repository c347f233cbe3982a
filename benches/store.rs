//! Cost of a durable decision: against the bare disk of the same run, and with a thousand times the
//! devices.
//!
//! Everything that is compared takes turns, and the median of all rounds is printed, so that a busy
//! machine slows both.

#![allow(clippy::unwrap_used, reason = "a bench that cannot go on has failed")]

use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use twostep::device::Factor;
use twostep::id::CallerId;
use twostep::otp::TimeStep;
use twostep::store::{Change, Commit, Event, SqliteStore, Store, Write};
use twostep::time::UnixTime;

const ROUNDS: usize = 9;
const TURN: Duration = Duration::from_millis(800);

fn main() {
    // `cargo test --benches` only wants to know that it runs.
    let quick = std::env::args().any(|argument| argument == "--test");
    let (rounds, turn, many) =
        if quick { (1, Duration::from_millis(20), 2_000) } else { (ROUNDS, TURN, 1_000_000) };
    let runtime = Runtime::new().unwrap();
    let few = Filled::new(1_000);
    let many = Filled::new(many);

    let (bare, store) = (Bare::new(few.folder.path()), SqliteStore::open(&few.path).unwrap());
    // The log has its size, and the disk is awake.
    runtime.block_on(verify(&store, 64, turn));
    let mut disk = Vec::new();
    let mut one = Vec::new();
    let mut all = Vec::new();
    for _ in 0..rounds {
        disk.push(bare.per_second(turn));
        one.push(runtime.block_on(verify(&store, 1, turn)));
        all.push(runtime.block_on(verify(&store, 64, turn)));
    }
    println!("bare pwrite and fdatasync of 4 KiB      {:>8.0} /s", median(&disk));
    println!("load and durable commit, 1 caller       {:>8.0} /s", median(&one));
    println!("load and durable commit, 64 callers     {:>8.0} /s", median(&all));
    println!(
        "1 caller against the bare disk          {:>8.2} ×   (goal ≥ 0.6)",
        median(&ratios(&one, &disk))
    );
    println!(
        "64 callers against 1 caller             {:>8.2} ×   (goal ≥ 5)",
        median(&ratios(&all, &one))
    );
    drop(store);

    let (mut ready, mut small, mut large) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        small.push(few.processor_time(&runtime, turn));
        let begin = Instant::now();
        drop(SqliteStore::open(&many.path).unwrap());
        ready.push(begin.elapsed().as_secs_f64());
        large.push(many.processor_time(&runtime, turn));
    }
    println!("processor time each, 10^3 devices       {:>8.1} µs", median(&small) * 1e6);
    println!("processor time each, 10^6 devices       {:>8.1} µs", median(&large) * 1e6);
    println!(
        "10^6 devices against 10^3               {:>8.2} ×   (goal ≤ 1.2)",
        median(&ratios(&large, &small))
    );
    println!(
        "ready with 10^6 devices                 {:>8.1} ms  (goal ≤ 500)",
        median(&ready) * 1e3
    );
}

/// A store with so many devices.
struct Filled {
    folder: TempDir,
    path: PathBuf,
    devices: u32,
}

impl Filled {
    fn new(devices: u32) -> Filled {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        test_support::filled::fill(&path, devices);
        Filled { folder, path, devices }
    }

    /// Seconds of processor for each load and commit, of devices all over the store.
    fn processor_time(&self, runtime: &Runtime, turn: Duration) -> f64 {
        let store = SqliteStore::open(&self.path).unwrap();
        runtime.block_on(spread(&store, self.devices, turn / 4));
        let begin = processor();
        let done = runtime.block_on(spread(&store, self.devices, turn));
        (processor() - begin).as_secs_f64() / done
    }
}

/// The disk without a store: a file that has its size, written and flushed in place.
struct Bare(std::fs::File);

impl Bare {
    fn new(folder: &Path) -> Bare {
        let file = std::fs::File::create_new(folder.join("bare")).unwrap();
        file.write_all_at(&vec![1; PAGE * PAGES], 0).unwrap();
        file.sync_all().unwrap();
        Bare(file)
    }

    fn per_second(&self, turn: Duration) -> f64 {
        let begin = Instant::now();
        let mut done = 0.0;
        for page in (0..PAGES).cycle() {
            self.0.write_all_at(&[2; PAGE], u64::try_from(page * PAGE).unwrap()).unwrap();
            self.0.sync_data().unwrap();
            done += 1.0;
            if begin.elapsed() >= turn {
                break;
            }
        }
        done / begin.elapsed().as_secs_f64()
    }
}

/// So many callers at once, each on its own account; returns how many verifications a second.
async fn verify(store: &SqliteStore, callers: u32, turn: Duration) -> f64 {
    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    for caller in 0..callers {
        let store = store.clone();
        tasks.spawn(async move {
            let mut done = 0.0;
            while begin.elapsed() < turn {
                accept(&store, caller).await;
                done += 1.0;
            }
            done
        });
    }
    let done: f64 = tasks.join_all().await.into_iter().sum();
    done / begin.elapsed().as_secs_f64()
}

/// 64 callers, each going through accounts of its own; returns how many verifications were done.
async fn spread(store: &SqliteStore, devices: u32, turn: Duration) -> f64 {
    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    for caller in 0..64 {
        let store = store.clone();
        tasks.spawn(async move {
            let (mut done, mut n) = (0.0, 0);
            while begin.elapsed() < turn {
                n = (n + 7_919 * 64) % devices;
                accept(&store, (n / 64 * 64 + caller) % devices).await;
                done += 1.0;
            }
            done
        });
    }
    tasks.join_all().await.into_iter().sum()
}

/// Makes the calls of a verification to a store.
async fn accept(store: &SqliteStore, account: u32) {
    let account = test_support::filled::account(account);
    loop {
        let seen = store.account(&account).await.unwrap().unwrap();
        let enrolled = &seen.devices[0];
        let mut device = enrolled.device.clone();
        let Factor::Totp(totp) = &mut device.factor else { panic!("not time-based") };
        totp.watermark = totp.watermark.map(|step| TimeStep(step.0 + 1));
        let event = Event::new(NOW, "code.accepted", &CallerId::new("uid:1000"))
            .account(&account)
            .serial(&device.serial);
        let writes = vec![Write::UpdateDevice { seen: enrolled.revision, device }];
        match store
            .commit(Change { account: Some(account.clone()), writes, audit: vec![event] })
            .await
            .unwrap()
        {
            Commit::Committed(_) => return,
            // Two callers met on one account.
            Commit::Conflict(_) => {}
        }
    }
}

/// Processor time of all threads of this process.
fn processor() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    // Fields 14 and 15, counted after the name in brackets: user and system time in ticks of 10 ms.
    let fields = text.rsplit(')').next().unwrap().split_whitespace().skip(11).take(2);
    let ticks: u64 = fields.map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

fn ratios(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a / b).collect()
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

const NOW: UnixTime = UnixTime(1_800_000_000);
const PAGE: usize = 4_096;
const PAGES: usize = 4_096;
