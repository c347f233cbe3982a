//! Power cuts and failing disks lose no acknowledged change of a store.
//!
//! `TWOSTEP_POWER_CUTS` says at how many points the power is cut (500), `TWOSTEP_SEED` repeats a
//! run.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

pub(crate) mod disk;
mod load;
pub(crate) mod random;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use tokio::task::JoinSet;
use twostep::store::{Error, SqliteStore};

use self::disk::{Disk, Faults, Files, How, Name};
use self::load::Deed;
use self::random::Random;

/// A prepared store that was closed, and its files.
async fn prepared() -> (TempDir, PathBuf, Files) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    load::prepare(&path).await;
    let witness = fs::read(path.with_file_name("store.db.witness")).unwrap();
    let files = Files::from([(Name::Database, fs::read(&path).unwrap()), (Name::Witness, witness)]);
    assert!(!path.with_file_name("store.db-wal").exists(), "a store that was closed is one file");
    (folder, path, files)
}

/// Acknowledged changes, each with the length of the journal by then.
type Acknowledged = Vec<(usize, String)>;

/// Many tasks at once on a watched store.
async fn run(path: &Path, disk: &Arc<Disk>, each: usize) -> Acknowledged {
    let store = SqliteStore::open(path).unwrap();
    let mut tasks = JoinSet::new();
    for task in 0..8 {
        let (store, disk) = (store.clone(), Arc::clone(disk));
        tasks.spawn(async move {
            let mut acknowledged = Vec::new();
            for turn in 0..each {
                let deed = Deed::ALL[(turn % 10_usize).saturating_sub(6)];
                let name =
                    load::act(&store, deed, (task + turn) % load::ACCOUNTS, task * each + turn)
                        .await
                        .unwrap();
                acknowledged.push((disk.position(), name));
            }
            acknowledged
        });
    }
    let mut acknowledged: Acknowledged = tasks.join_all().await.into_iter().flatten().collect();
    acknowledged.sort();
    // The store is open when the power goes.
    disk.unwatch();
    acknowledged
}

/// So many points in the journal of a disk, in order.
fn points(disk: &Disk, count: usize, random: &mut Random) -> Vec<usize> {
    let mut points: Vec<usize> = (0..count).map(|_| random.below(disk.position() + 1)).collect();
    points.sort_unstable();
    points
}

/// Cuts the power at each of the points, and returns what was wrong with the store afterwards.
async fn cut(
    disk: &Disk,
    before: &Files,
    acknowledged: &Acknowledged,
    points: &[usize],
    random: &mut Random,
) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let mut left = Vec::new();
    disk.after_cuts(before, points, random, |position, cut, files| {
        let path = folder.path().join(format!("{}.db", left.len()));
        fs::write(&path, &files[&Name::Database]).unwrap();
        for (name, suffix) in [(Name::Log, "-wal"), (Name::Witness, ".witness")] {
            if let Some(bytes) = files.get(&name) {
                fs::write(folder.path().join(format!("{}.db{suffix}", left.len())), bytes).unwrap();
            }
        }
        left.push((path, position, cut));
    });
    let mut faults = Vec::new();
    for (path, position, cut) in left {
        let fault = match load::told(&path).await {
            Err(fault) => Some(fault),
            Ok(told) => {
                let missing =
                    acknowledged.iter().find(|(by, name)| *by <= position && !told.contains(name));
                missing.map(|(by, name)| format!("{name:?} was acknowledged at {by} and is gone"))
            }
        };
        faults
            .extend(fault.map(|fault| format!("after a cut at {position} that {cut:?}: {fault}")));
    }
    faults
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_in_a_power_cut() {
    let cuts = std::env::var("TWOSTEP_POWER_CUTS")
        .ok()
        .map_or(500, |cuts| cuts.parse().unwrap());
    let mut random = Random::new(2);
    let (folder, path, before) = prepared().await;
    let disk = Disk::watch(folder.path());
    let acknowledged = run(&path, &disk, 300).await;
    let mut faults = Vec::new();
    // A hundred at a time: the files are as large as the store.
    for start in (0..cuts).step_by(100) {
        let points = points(&disk, (cuts - start).min(100), &mut random);
        faults.extend(cut(&disk, &before, &acknowledged, &points, &mut random).await);
    }
    let (operations, checkpoints) = (disk.position(), disk.checkpoints());
    println!(
        "{} acknowledged, {operations} operations of the disk, {checkpoints} checkpoints, {cuts} \
         cuts",
        acknowledged.len()
    );
    assert!(checkpoints > 0, "cuts fall into checkpoints as well");
    assert!(faults.is_empty(), "{} of {cuts}:\n{}", faults.len(), faults.join("\n"));
}

/// The test can fail: it does when syncs do nothing.
#[tokio::test(flavor = "multi_thread")]
async fn without_syncs_something_acknowledged_is_lost_within_20_cuts() {
    let mut random = Random::new(3);
    let (folder, path, before) = prepared().await;
    let disk = Disk::watch(folder.path());
    disk.swallow_syncs();
    let acknowledged = run(&path, &disk, 30).await;
    let points = points(&disk, 20, &mut random);
    let faults = cut(&disk, &before, &acknowledged, &points, &mut random).await;
    assert!(
        faults.iter().any(|fault| fault.contains("was acknowledged")),
        "20 cuts, and nothing is missing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_failing_write_or_sync_is_answered_as_durable() {
    let mut random = Random::new(4);
    let mut runs = 0;
    for (how, count) in [(How::Eio, 1), (How::Full, 1), (How::Eio, u64::MAX), (How::Full, u64::MAX)]
    {
        let (_folder, prepared, before) = prepared().await;
        for from in 1.. {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("store.db");
            fs::copy(&prepared, &path).unwrap();
            let faults = Faults { from, count, how };
            if !with_faults(&path, faults, &before, &mut random).await {
                assert!(from > 20, "{faults:?} never fired");
                break;
            }
            runs += 1;
        }
    }
    println!("{runs} runs with a fault each");
}

/// One run; returns whether a fault was met.
async fn with_faults(path: &Path, faults: Faults, before: &Files, random: &mut Random) -> bool {
    let disk = Disk::watch(path.parent().unwrap());
    disk.fail(Some(faults));
    let (mut made, mut unknown, mut undecided) = (Vec::new(), Vec::new(), Vec::new());
    if let Ok(store) = SqliteStore::open(path) {
        for turn in 0..3 {
            let deeds = (0..4).map(|task| {
                load::act(
                    &store,
                    Deed::ALL[(task + turn) % 4],
                    task % load::ACCOUNTS,
                    10 * turn + task,
                )
            });
            for done in join_all(deeds).await {
                match done {
                    Ok(name) => made.push(name),
                    Err((name, Error::Unknown(_))) => unknown.push(name),
                    // An undecided change must not appear later.
                    Err((name, _)) => undecided.push(name),
                }
            }
        }
        if disk.fired() {
            // The disk is well again, and so is the store, without a new start.
            disk.fail(None);
            made.push(load::act(&store, Deed::Accept, 0, 1).await.unwrap());
            disk.fail(Some(faults));
        }
        drop(store);
    }
    let fired = disk.fired();
    disk.fail(None);
    disk.unwatch();
    let told = load::told(path).await.unwrap_or_else(|fault| panic!("{faults:?}: {fault}"));
    let lost = made.iter().find(|name| !told.contains(*name));
    assert_eq!(lost, None, "{faults:?}: acknowledged, and not there");
    let surprise = undecided
        .iter()
        .find(|name| told.contains(*name) && !made.contains(name) && !unknown.contains(name));
    assert_eq!(surprise, None, "{faults:?}: nothing was decided, and it is there");
    // And if the power goes at the end as well: what a failed sync had to write is on no disk.
    let acknowledged: Acknowledged = made.into_iter().map(|name| (0, name)).collect();
    let wrong = cut(&disk, before, &acknowledged, &[disk.position()], random).await;
    assert!(wrong.is_empty(), "{faults:?}: {wrong:?}");
    fired
}

async fn join_all<T>(futures: impl IntoIterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut futures: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut done: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, done) in futures.iter_mut().zip(&mut done) {
            if done.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                *done = Some(value);
            }
        }
        if done.iter().all(Option::is_some) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    done.into_iter().flatten().collect()
}
