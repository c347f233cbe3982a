//! Programs that are killed, or lose power, at any write to the files of a store.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use twostep::device::Leads;
use twostep::store::sqlite::{Further, Restore, check, check_with, foreign_rows, restore_as};
use twostep::store::{OpenError, SqliteStore};

use super::editor::{keyring, lived_in, schema_5, strings};
use super::schema_steps::one_further;
use super::{Folders, NOW, caller};
use crate::power_cut::disk::{Disk, Files, Name};
use crate::power_cut::random::Random;

const NAMES: [(Name, &str); 3] = [
    (Name::Database, "store.db"),
    (Name::Log, "store.db-wal"),
    (Name::Witness, "store.db.witness"),
];

/// The files of a store that are there.
fn files_of(path: &Path) -> Files {
    let read = |(name, file)| Some((name, fs::read(path.with_file_name(file)).ok()?));
    NAMES.into_iter().filter_map(read).collect()
}

/// A store of these files.
fn put_down(folders: &Folders, files: &Files) -> PathBuf {
    let path = folders.new_path();
    for (name, file) in NAMES {
        if let Some(bytes) = files.get(&name) {
            fs::write(path.with_file_name(file), bytes).unwrap();
        }
    }
    path
}

/// The files after a kill at every write and a power cut at every third one, each with the number
/// of operations before it.
fn every_end(disk: &Disk, before: &Files) -> Vec<(usize, Files)> {
    let points: Vec<usize> = (0..=disk.position()).collect();
    let mut ends: Vec<(usize, Files)> =
        points.iter().map(|point| (*point, disk.after_kill(before, *point))).collect();
    let cuts: Vec<usize> = points.into_iter().step_by(3).collect();
    disk.after_cuts(before, &cuts, &mut Random::new(11), |point, _, files| {
        ends.push((point, files.clone()));
    });
    ends
}

/// Looks at stores of these files, four at a time; the real disk is not waited for.
fn look_at_each<T: Send>(
    ends: &[(usize, Files)],
    look: impl Fn(usize, &Path) -> T + Sync,
) -> Vec<T> {
    let one = |(point, files): &(usize, Files)| {
        let folders = Folders::default();
        let path = put_down(&folders, files);
        let disk = Disk::watch(path.parent().unwrap());
        let seen = look(*point, &path);
        disk.unwatch();
        seen
    };
    std::thread::scope(|scope| {
        let chunks = ends.chunks(ends.len().div_ceil(4));
        let threads = chunks.map(|ends| scope.spawn(|| ends.iter().map(one).collect::<Vec<T>>()));
        let threads: Vec<_> = threads.collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

/// Takes a step on a watched store, and says after how many operations it was answered.
fn take_watched(disk: &Arc<Disk>, path: &Path, step: &Further) -> usize {
    let conn = Connection::open(path).unwrap();
    // Pages go to the log before the commit, as in a store that is larger than the cache.
    conn.execute_batch("PRAGMA synchronous = FULL; PRAGMA cache_size = 4; BEGIN EXCLUSIVE")
        .unwrap();
    step.take(&conn, Some(&keyring())).unwrap();
    assert!(disk.position() > 4, "a step writes before it commits");
    conn.execute_batch("COMMIT").unwrap();
    let answered = disk.position();
    drop(conn);
    disk.unwatch();
    answered
}

/// The number of steps that a store has taken; all its rows have the tags of these.
fn steps_taken(path: &Path, step: &Further) -> i64 {
    let opened = SqliteStore::open(path).map(drop);
    let conn = Connection::open(path).unwrap();
    let taken = conn.query_row("SELECT max(version) FROM schema_version", [], |row| row.get(0));
    let taken: i64 = taken.unwrap();
    let column = "SELECT name FROM pragma_table_info('devices') WHERE name = 'note'";
    let foreign = if strings(&conn, column).is_empty() {
        opened.unwrap();
        foreign_rows(&conn, &keyring())
    } else {
        assert!(matches!(opened, Err(OpenError::Newer { .. })), "{opened:?}");
        step.problems(&conn, &keyring())
    };
    assert_eq!(foreign.unwrap(), Vec::<String>::new());
    assert_eq!(strings(&conn, "PRAGMA integrity_check"), ["ok"]);
    taken
}

#[tokio::test]
async fn a_step_cut_off_anywhere_is_taken_or_not() {
    let folders = Folders::default();
    let (path, older) = (folders.new_path(), folders.new_path());
    lived_in(&path, &older).await;
    let (before, step) = (files_of(&path), one_further());
    let disk = Disk::watch(path.parent().unwrap());
    let answered = take_watched(&disk, &path, &step);
    let taken = look_at_each(&every_end(&disk, &before), |point, path| {
        let taken = steps_taken(path, &step);
        assert!(taken == 12 || taken == 11 && point < answered, "{taken} after {point}");
        taken
    });
    let new = taken.iter().filter(|taken| **taken == 12).count();
    let old = taken.len() - new;
    println!("{old} stores as before, {new} with the step");
    assert!(old > 0 && new > 0, "both ends happened: {old} and {new}");
}

/// A backup, and beside it the log of the store that was at its path before.
async fn backup_in_place_of_another(folders: &Folders) -> Files {
    let (path, older, copy) = (folders.new_path(), folders.new_path(), folders.new_path());
    lived_in(&path, &older).await;
    let store = SqliteStore::open(&path).unwrap();
    store.backup(&copy).await.unwrap();
    let log = fs::read(path.with_file_name("store.db-wal")).unwrap();
    assert!(!log.is_empty(), "the store before was in use");
    Files::from([(Name::Database, fs::read(&copy).unwrap()), (Name::Log, log)])
}

fn restored(path: &Path) -> Result<(), OpenError> {
    let (caller, keyring) = (caller(), keyring());
    let leads = Leads::Unknown;
    let wanted = Restore { now: NOW, caller: &caller, leads, keyring: Some(&keyring), log: None };
    restore_as(path, wanted).map(drop)
}

#[tokio::test]
async fn a_restore_cut_off_anywhere_is_done_by_the_next_one() {
    let folders = Folders::default();
    let before = backup_in_place_of_another(&folders).await;
    let path = put_down(&folders, &before);
    let disk = Disk::watch(path.parent().unwrap());
    restored(&path).unwrap();
    disk.unwatch();
    let whole = check_with(&path, &keyring()).unwrap();
    let ends = every_end(&disk, &before);
    println!("{} ends of a restore, {} checkpoints", ends.len(), disk.checkpoints());
    look_at_each(&ends, |point, path| {
        restored(path).unwrap_or_else(|error| panic!("after {point} operations: {error}"));
        let found = check_with(path, &keyring()).unwrap();
        assert_eq!(found.problems, Vec::<String>::new(), "after {point} operations");
        assert_eq!((found.copy, found.devices), (false, whole.devices), "after {point} operations");
    });
}

#[tokio::test]
async fn a_migration_cut_off_anywhere_is_done_by_the_next_start() {
    let folders = Folders::default();
    let path = folders.new_path();
    schema_5(&path);
    let conn = Connection::open(&path).unwrap();
    assert_eq!(strings(&conn, "PRAGMA journal_mode = WAL"), ["wal"]);
    drop(conn);
    let before = files_of(&path);
    let whole = check(&path).unwrap();
    let disk = Disk::watch(path.parent().unwrap());
    drop(SqliteStore::open(&path).unwrap());
    disk.unwatch();
    let ends = every_end(&disk, &before);
    println!("{} ends of a migration", ends.len());
    look_at_each(&ends, |point, path| {
        let opened = SqliteStore::open(path).map(drop);
        assert!(opened.is_ok(), "after {point} operations: {opened:?}");
        let found = check(path).unwrap();
        assert_eq!(found.problems, Vec::<String>::new(), "after {point} operations");
        assert_eq!(found.devices, whole.devices, "after {point} operations");
    });
}
