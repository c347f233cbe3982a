//! Files that are not one store as it was left: recognised before anything is served, and cured by
//! a restore.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use twostep::store::sqlite::{check, restore};
use twostep::store::{AuditCursor, OpenError, SqliteStore, Store, Stray};

use super::*;

pub(crate) const SUFFIXES: [&str; 3] = ["", "-wal", ".witness"];

pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The store as a killed program leaves it: its files while it is open, copied.
fn as_killed(path: &Path, to: &Path) {
    for suffix in SUFFIXES {
        let _ = fs::remove_file(beside(to, suffix));
        if beside(path, suffix).exists() {
            fs::copy(beside(path, suffix), beside(to, suffix)).unwrap();
        }
    }
}

fn only(path: &Path, suffixes: &[&str], to: &Path) {
    for suffix in suffixes {
        fs::copy(beside(path, suffix), beside(to, suffix)).unwrap();
    }
}

pub(crate) async fn more(store: &SqliteStore, changes: usize) {
    for _ in 0..changes {
        made(store, []).await;
    }
}

/// Lets the log begin anew, as it does by itself when it has become long.
pub(crate) async fn begin_anew(store: &SqliteStore, path: &Path) {
    let tool = Connection::open(path).unwrap();
    tool.query_row("PRAGMA wal_checkpoint(FULL)", [], |_| Ok(())).unwrap();
    more(store, 3).await;
}

/// Number of rows in the audit log of a store that must open.
async fn rows(path: &Path) -> usize {
    let store = SqliteStore::open(path).unwrap_or_else(|error| panic!("{error}"));
    store.audit(AuditCursor::start(), u32::MAX).await.unwrap().len()
}

#[track_caller]
fn refused(path: &Path) -> Stray {
    let files: Vec<_> = SUFFIXES.iter().map(|suffix| fs::read(beside(path, suffix)).ok()).collect();
    let stray = match SqliteStore::open(path) {
        Err(OpenError::Stray(stray)) => stray,
        other => panic!("{other:?}"),
    };
    assert!(matches!(SqliteStore::open_exclusive(path), Err(OpenError::Stray(_))));
    let after: Vec<_> = SUFFIXES.iter().map(|suffix| fs::read(beside(path, suffix)).ok()).collect();
    assert!(files == after, "{stray}: a refusal changes nothing");
    if path.exists() {
        let report = check(path).unwrap();
        assert!(report.problems.contains(&stray.to_string()), "{stray}: {:?}", report.problems);
    }
    stray
}

#[track_caller]
fn cured(path: &Path) {
    restore(path, UnixTime(NOW.0 + 3_600), &caller()).unwrap_or_else(|error| panic!("{error}"));
    let report = check(path).unwrap();
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    drop(SqliteStore::open(path).unwrap());
}

#[tokio::test]
async fn a_closed_store_is_one_file_after_any_read() {
    let folders = Folders::default();
    for how in ["dropped", "closed", "a clone is left", "another handle closes it", "alone"] {
        let path = folders.new_path();
        let store = if how == "alone" {
            SqliteStore::open_exclusive(&path).unwrap()
        } else {
            with_alice(&path).await
        };
        let reads: Vec<_> = (0..8)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(
                    async move { store.audit(AuditCursor::start(), 10).await.unwrap().len() },
                )
            })
            .collect();
        for read in reads {
            read.await.unwrap();
        }
        let other = if how == "another handle closes it" {
            Some(SqliteStore::open(&path).unwrap())
        } else {
            None
        };
        let clone = if how == "a clone is left" { Some(store.clone()) } else { None };
        match how {
            "closed" | "a clone is left" => store.close().await.unwrap(),
            _ => drop(store),
        }
        if let Some(clone) = &clone {
            assert!(
                clone.audit(AuditCursor::start(), 1).await.is_err()
                    && clone.expire(NOW, NOW).await.is_err(),
                "it is closed for all"
            );
        }
        if let Some(other) = other {
            assert!(beside(&path, "-wal").exists(), "{how}: the other one still has it open");
            more(&other, 3).await;
        }
        for suffix in ["-wal", "-shm"] {
            assert!(!beside(&path, suffix).exists(), "{how}: {suffix}");
        }
        let copy = folders.new_path();
        fs::copy(&path, &copy).unwrap();
        assert_eq!(rows(&copy).await, rows(&path).await, "{how}");
    }
}

#[tokio::test]
async fn a_killed_store_goes_on_where_it_was() {
    let folders = Folders::default();
    let (path, killed) = (folders.new_path(), folders.new_path());
    let store = with_alice(&path).await;
    for (changes, anew) in
        [(0, false), (1, false), (30, false), (0, true), (400, false), (30, true)]
    {
        more(&store, changes).await;
        if anew {
            begin_anew(&store, &path).await;
        }
        as_killed(&path, &killed);
        // Device and inode are another's, as after a move of the whole.
        assert_eq!(
            rows(&killed).await,
            store.audit(AuditCursor::start(), u32::MAX).await.unwrap().len(),
            "after {changes} more, {anew}"
        );
    }
}

#[tokio::test]
async fn a_restored_backup_is_not_undone_by_the_log_of_before() {
    let folders = Folders::default();
    for (later, anew) in [(1, false), (60, false), (60, true)] {
        let (path, copy, killed) = (folders.new_path(), folders.new_path(), folders.new_path());
        let store = with_alice(&path).await;
        store.backup(&copy).await.unwrap();
        more(&store, later).await;
        if anew {
            begin_anew(&store, &path).await;
        }
        as_killed(&path, &killed);
        drop(store);
        restore(&copy, NOW, &caller()).unwrap();
        let once = fs::read(&copy).unwrap();
        fs::rename(&copy, &killed).unwrap();
        let stray = refused(&killed);
        assert!(matches!(stray, Stray::OtherEpoch { .. }), "{later}: {stray}");
        assert!(
            stray.to_string().contains("-wal") && stray.to_string().contains("move the log away"),
            "{stray}"
        );
        fs::remove_file(beside(&killed, "-wal")).unwrap();
        assert_eq!(rows(&killed).await, 5, "{later}: what the backup held, and the restore");
        // After a clean stop there is no log in the way.
        fs::write(&path, once).unwrap();
        assert_eq!(rows(&path).await, 5);
    }
}

#[tokio::test]
async fn two_restores_of_one_backup_differ() {
    let folders = Folders::default();
    let (path, copy) = (folders.new_path(), folders.new_path());
    let store = with_alice(&path).await;
    store.backup(&copy).await.unwrap();
    let second = folders.new_path();
    fs::copy(&copy, &second).unwrap();
    for (copy, now) in [(&copy, NOW), (&second, UnixTime(NOW.0 + 1))] {
        restore(copy, now, &caller()).unwrap();
    }
    // The second one, with the log of the first one.
    let open = SqliteStore::open(&copy).unwrap();
    more(&open, 3).await;
    only(&copy, &["-wal"], &second);
    assert!(matches!(refused(&second), Stray::OtherEpoch { .. }));
}

#[tokio::test]
async fn the_log_of_another_store_is_refused_and_left_alone() {
    let folders = Folders::default();
    let (mine, other) = (folders.new_path(), folders.new_path());
    drop(with_alice(&mine).await);
    let store = with_alice(&other).await;
    for (changes, anew) in [(0, false), (40, false), (0, true)] {
        more(&store, changes).await;
        if anew {
            begin_anew(&store, &other).await;
        }
        only(&other, &["-wal"], &mine);
        assert!(matches!(refused(&mine), Stray::ForeignLog { .. }));
        assert!(
            matches!(
                restore(&mine, NOW, &caller()),
                Err(OpenError::Stray(Stray::ForeignLog { .. }))
            ),
            "a restore does not mix them either"
        );
        assert!(beside(&mine, "-wal").exists());
        fs::remove_file(beside(&mine, "-wal")).unwrap();
        assert_eq!(rows(&mine).await, 4);
    }
    // A database of something else, and its log.
    let foreign = folders.new_path();
    let songs = Connection::open(&foreign).unwrap();
    songs
        .execute_batch(
            "PRAGMA journal_mode = WAL; CREATE TABLE songs (title TEXT); INSERT INTO \
    songs VALUES ('x')",
        )
        .unwrap();
    only(&foreign, &["-wal"], &mine);
    assert!(matches!(refused(&mine), Stray::ForeignLog { .. }));
}

#[tokio::test]
async fn a_log_of_another_moment_is_refused() {
    let folders = Folders::default();
    let (path, old) = (folders.new_path(), folders.new_path());
    let store = with_alice(&path).await;
    as_killed(&path, &old);
    // Past a checkpoint, so that the log begins anew.
    begin_anew(&store, &path).await;
    begin_anew(&store, &path).await;
    let mixed = folders.new_path();
    only(&old, &[""], &mixed);
    only(&path, &["-wal", ".witness"], &mixed);
    assert!(matches!(refused(&mixed), Stray::Gap { .. }), "an old file, a new log");
    only(&path, &[""], &mixed);
    only(&old, &["-wal"], &mixed);
    assert!(matches!(refused(&mixed), Stray::Gap { .. }), "a new file, an old log");
    fs::remove_file(beside(&mixed, "-wal")).unwrap();
    assert!(matches!(refused(&mixed), Stray::LogMissing { .. }));
    cured(&mixed);
}

#[tokio::test]
async fn a_raw_copy_of_an_open_store_needs_a_restore() {
    let folders = Folders::default();
    let path = folders.new_path();
    let store = with_alice(&path).await;
    for (changes, anew) in [(0, false), (1, false), (50, false), (0, true)] {
        more(&store, changes).await;
        if anew {
            begin_anew(&store, &path).await;
        }
        let (alone, with_log, empty_log) =
            (folders.new_path(), folders.new_path(), folders.new_path());
        only(&path, &[""], &alone);
        only(&path, &["", "-wal"], &with_log);
        only(&path, &[""], &empty_log);
        fs::write(beside(&empty_log, "-wal"), "").unwrap();
        assert!(matches!(refused(&alone), Stray::LogMissing { .. }));
        assert!(matches!(refused(&empty_log), Stray::LogMissing { .. }));
        assert!(matches!(refused(&with_log), Stray::RawCopy { .. }));
        let before = store.audit(AuditCursor::start(), u32::MAX).await.unwrap().len();
        for copy in [&alone, &with_log, &empty_log] {
            cured(copy);
        }
        assert_eq!(rows(&with_log).await, before + 1, "the log was used");
    }
}

#[tokio::test]
async fn an_older_copy_in_the_place_of_a_store_is_refused() {
    let folders = Folders::default();
    let (path, old) = (folders.new_path(), folders.new_path());
    drop(with_alice(&path).await);
    fs::copy(&path, &old).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    more(&store, 1).await;
    drop(store);
    let new = fs::read(&path).unwrap();
    fs::copy(&old, &path).unwrap();
    let stray = refused(&path);
    assert!(
        matches!(stray, Stray::WentBack { .. })
            && stray.to_string().contains("twostep store restore"),
        "{stray}"
    );
    fs::write(&path, new).unwrap();
    assert_eq!(rows(&path).await, 5, "the right file back in its place");
    fs::copy(&old, &path).unwrap();
    refused(&path);
    cured(&path);
    assert!(rows(&old).await == 4, "in a new place nothing tells, and a closed store opens");
}

#[tokio::test]
async fn a_killed_store_without_the_end_of_its_log_is_refused() {
    let folders = Folders::default();
    let (path, killed) = (folders.new_path(), folders.new_path());
    let store = with_alice(&path).await;
    more(&store, 20).await;
    let whole = fs::read(beside(&path, "-wal")).unwrap();
    for lost in [1, 4_000, 20_000, whole.len() - 32, whole.len() - 1] {
        as_killed(&path, &killed);
        fs::write(beside(&killed, "-wal"), &whole[..whole.len() - lost]).unwrap();
        assert!(matches!(refused(&killed), Stray::WentBack { .. }), "{lost} bytes");
        cured(&killed);
    }
}

#[tokio::test]
async fn a_torn_witness_keeps_no_store_from_opening() {
    let folders = Folders::default();
    let (path, killed) = (folders.new_path(), folders.new_path());
    let store = with_alice(&path).await;
    for turn in 0..4 {
        more(&store, 1).await;
        as_killed(&path, &killed);
        let mut witness = fs::read(beside(&killed, ".witness")).unwrap();
        for byte in witness.iter_mut().skip(if turn % 2 == 0 { 0 } else { 512 }).take(20) {
            *byte ^= 0x5a;
        }
        fs::write(beside(&killed, ".witness"), witness).unwrap();
        assert_eq!(rows(&killed).await, 5 + turn);
    }
}

#[tokio::test]
async fn another_store_at_the_same_path_needs_the_operators_permission() {
    let folders = Folders::default();
    let (path, other) = (folders.new_path(), folders.new_path());
    drop(with_alice(&path).await);
    drop(with_alice(&other).await);
    fs::copy(&other, &path).unwrap();
    let stray = refused(&path);
    let Stray::AnotherStore { witness, .. } = &stray else { panic!("{stray}") };
    fs::remove_file(witness).unwrap();
    assert_eq!(rows(&path).await, 4);
}

#[tokio::test]
async fn a_store_that_is_gone_is_not_begun_anew() {
    let folders = Folders::default();
    for left in ["", "0 bytes", "a header", "a log", "0 bytes and a log"] {
        let path = folders.new_path();
        let store = with_alice(&path).await;
        let log = fs::read(beside(&path, "-wal")).unwrap();
        drop(store);
        fs::remove_file(&path).unwrap();
        match left {
            "0 bytes" | "0 bytes and a log" => fs::write(&path, "").unwrap(),
            "a header" => Connection::open(&path)
                .unwrap()
                .execute_batch("PRAGMA journal_mode = WAL")
                .unwrap(),
            _ => {}
        }
        if left.contains("log") {
            fs::remove_file(beside(&path, ".witness")).unwrap();
            fs::write(beside(&path, "-wal"), &log).unwrap();
        }
        let stray = match SqliteStore::open(&path) {
            Err(OpenError::Stray(stray)) => stray,
            other => panic!("{left}: {other:?}"),
        };
        assert!(
            matches!(stray, Stray::FileMissing { .. } | Stray::Blank { .. }),
            "{left}: {stray}"
        );
        assert!(
            matches!(SqliteStore::open(&path), Err(OpenError::Stray(_))),
            "{left}: nor the second time"
        );
        for suffix in [".witness", "-wal", ""] {
            let _ = fs::remove_file(beside(&path, suffix));
        }
        assert_eq!(rows(&path).await, 0, "{left}: a new one is begun where nothing is left");
    }
}

#[tokio::test]
async fn a_renamed_or_linked_store_is_the_same_store() {
    let folders = Folders::default();
    let path = folders.new_path();
    drop(with_alice(&path).await);
    let (renamed, link) = (path.with_extension("renamed"), path.with_extension("link"));
    fs::rename(&path, &renamed).unwrap();
    std::os::unix::fs::symlink(&renamed, &link).unwrap();
    let store = SqliteStore::open(&link).unwrap();
    more(&store, 1).await;
    assert!(
        matches!(SqliteStore::open_exclusive(&renamed), Err(OpenError::Held(_))),
        "its lock is that of the file"
    );
    drop(store);
    assert_eq!(rows(&renamed).await, 5);
}

/// A program of before left everything in the log when it ended, and its store opens; the file that
/// it left is no store without it.
#[tokio::test]
async fn a_store_of_an_earlier_schema_opens_with_its_log() {
    let folders = Folders::default();
    for carried in [false, true] {
        let path = folders.new_path();
        let earlier = Connection::open(&path).unwrap();
        earlier
            .execute_batch("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0")
            .unwrap();
        earlier.execute_batch(include_str!("../vectors/store-schema-1.sql")).unwrap();
        if carried {
            earlier.query_row("PRAGMA wal_checkpoint(FULL)", [], |_| Ok(())).unwrap();
            earlier
                .execute_batch("UPDATE control SET highest_time = highest_time + 1")
                .unwrap();
        }
        let (left, alone) = (folders.new_path(), folders.new_path());
        only(&path, &["", "-wal"], &left);
        only(&path, &[""], &alone);
        assert!(check(&left).unwrap().problems.is_empty());
        let store = SqliteStore::open(&left).unwrap();
        assert_eq!(store.account(&account("alice")).await.unwrap().unwrap().devices.len(), 2);
        assert_eq!(store.highest_time().await.unwrap(), Some(UnixTime(NOW.0 + u64::from(carried))));
        drop(store);
        assert!(check(&left).unwrap().problems.is_empty());
        assert_eq!(
            SqliteStore::open(&alone).is_ok(),
            carried,
            "the header alone is not begun anew"
        );
        // The database has an identity now, and the earlier log is not its own.
        only(&path, &["-wal"], &left);
        assert!(matches!(refused(&left), Stray::ForeignLog { .. }));
    }
}

/// A killed start, at any moment, is finished by the next one.
#[tokio::test]
async fn a_start_that_was_killed_half_way_is_no_obstacle() {
    let folders = Folders::default();
    let path = folders.new_path();
    fs::write(beside(&path, ".new"), "half of a new store").unwrap();
    fs::write(beside(&path, ".witness"), "").unwrap();
    drop(with_alice(&path).await);
    assert!(!beside(&path, ".new").exists());
    // Marked in the log, and the file does not say so yet.
    let before = fs::read(&path).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    let killed = folders.new_path();
    as_killed(&path, &killed);
    drop(store);
    fs::write(&killed, before).unwrap();
    assert_eq!(rows(&killed).await, 4);
}

/// A start that changes nothing, or that fails, does not make the file from before it an old one.
#[tokio::test]
async fn a_start_without_changes_makes_no_file_older() {
    let folders = Folders::default();
    let path = folders.new_path();
    drop(with_alice(&path).await);
    let right = fs::read(&path).unwrap();
    for _ in 0..3 {
        let store = SqliteStore::open(&path).unwrap();
        assert!(store.value("pepper").await.unwrap().is_none());
        drop(store);
    }
    fs::write(&path, &right).unwrap();
    assert_eq!(rows(&path).await, 4);
    // One that changes something does.
    let store = SqliteStore::open(&path).unwrap();
    more(&store, 1).await;
    drop(store);
    fs::write(&path, &right).unwrap();
    assert!(matches!(refused(&path), Stray::WentBack { .. }));
}

#[tokio::test]
async fn the_later_of_two_restores_is_the_newer_state() {
    let folders = Folders::default();
    for _ in 0..5 {
        let (path, copy) = (folders.new_path(), folders.new_path());
        let store = with_alice(&path).await;
        store.backup(&copy).await.unwrap();
        more(&store, 3).await;
        drop(store);
        restore(&path, NOW, &caller()).unwrap();
        restore(&copy, NOW, &caller()).unwrap();
        fs::rename(&copy, &path).unwrap();
        assert_eq!(rows(&path).await, 5, "the restored backup is no older state");
    }
}

/// The words of every refusal, in the file's own name.
#[tokio::test]
async fn every_refusal_names_the_file_and_the_next_step() {
    let folders = Folders::default();
    let made = |with: fn(&Path)| {
        let path = folders.new_path();
        with(&path);
        path
    };
    let sound = folders.new_path();
    drop(with_alice(&sound).await);
    let written = |bytes: Vec<u8>| {
        let path = folders.new_path();
        fs::write(&path, bytes).unwrap();
        path
    };
    let bytes = fs::read(&sound).unwrap();
    let copy = folders.new_path();
    SqliteStore::open(&sound).unwrap().backup(&copy).await.unwrap();
    let held = folders.new_path();
    let _holder = with_alice(&held).await;
    let cases = [
        ("a copy", copy),
        ("garbage", written(vec![0xaa; bytes.len()])),
        ("its header is garbage", written([vec![0xaa; 4_096], bytes[4_096..].to_vec()].concat())),
        ("cut to its header", written(bytes[..4_096].to_vec())),
        ("cut in the middle", written(bytes[..bytes.len() / 2 / 4_096 * 4_096].to_vec())),
        (
            "all but its header is garbage",
            written([bytes[..4_096].to_vec(), vec![0xaa; bytes.len() - 4_096]].concat()),
        ),
        (
            "another program's",
            made(|path| {
                Connection::open(path)
                    .unwrap()
                    .execute_batch("CREATE TABLE songs (title TEXT)")
                    .unwrap()
            }),
        ),
        ("held", held),
    ];
    for (case, path) in cases {
        let opened = SqliteStore::open_exclusive(&path);
        let Err(refused) = opened else { panic!("{case}: it opens") };
        let (words, file) = (refused.to_string(), path.to_str().unwrap());
        let step = ["twostep store restore", "stop it first"]
            .iter()
            .any(|step| words.contains(step));
        assert!(words.contains(file) && step, "{case}: {words}");
        if case != "held" {
            let checked =
                check(&path).map_or_else(|error| error.to_string(), |report| format!("{report:?}"));
            assert!(
                checked.contains(file) || checked.contains("copy: true"),
                "{case}: store check: {checked}"
            );
        }
    }
}
