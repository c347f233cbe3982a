//! The store's files are replaced, moved or removed while it is open.

use std::fs;
use std::path::Path;

use twostep::store::{AuditCursor, Error, OpenError, SqliteStore, Store, Stray};

use super::strays::{SUFFIXES, begin_anew, beside, more};
use super::*;

type Replace = fn(&Path);

/// Each way in which the path leads elsewhere afterwards.
const WAYS: &[(&str, Replace)] = &[
    ("a copy is renamed over it", |path| {
        fs::copy(path, path.with_extension("copy")).unwrap();
        fs::rename(path.with_extension("copy"), path).unwrap();
    }),
    ("it is removed", |path| fs::remove_file(path).unwrap()),
    ("it is renamed", |path| fs::rename(path, path.with_extension("old")).unwrap()),
    ("a link to a copy is put there", |path| {
        fs::copy(path, path.with_extension("copy")).unwrap();
        fs::remove_file(path).unwrap();
        std::os::unix::fs::symlink(path.with_extension("copy"), path).unwrap();
    }),
    ("its folder is renamed", |path| {
        let folder = path.parent().unwrap();
        fs::rename(folder, folder.with_extension("old")).unwrap();
    }),
    ("its folder is replaced by a copy", |path| {
        let folder = path.parent().unwrap();
        let old = folder.with_extension("old");
        fs::rename(folder, &old).unwrap();
        fs::create_dir(folder).unwrap();
        for suffix in SUFFIXES {
            let name = beside(path, suffix);
            fs::copy(old.join(name.file_name().unwrap()), &name).unwrap();
        }
    }),
    ("it is emptied", |path| fs::write(path, "").unwrap()),
    ("another store is written over it", |path| {
        let other = path.with_extension("other");
        drop(SqliteStore::open(&other).unwrap());
        fs::copy(other, path).unwrap();
    }),
    ("its log is emptied", |path| fs::write(beside(path, "-wal"), "").unwrap()),
    ("its log is removed", |path| fs::remove_file(beside(path, "-wal")).unwrap()),
    ("its log is replaced by a copy", |path| {
        let copy = path.with_extension("copy");
        fs::copy(beside(path, "-wal"), &copy).unwrap();
        fs::rename(copy, beside(path, "-wal")).unwrap();
    }),
];

#[tokio::test]
async fn files_out_of_their_place_answer_no_request() {
    for (way, replace) in WAYS {
        for first in ["a read", "a change", "an expiry"] {
            let above = tempfile::tempdir().unwrap();
            let path = above.path().join("folder/store.db");
            fs::create_dir(path.parent().unwrap()).unwrap();
            let store = with_alice(&path).await;
            replace(&path);
            let change = || Change {
                account: None,
                writes: Vec::new(),
                audit: vec![Event::new(NOW, "test", &caller())],
            };
            let answer = match first {
                "a read" => store.account(&account("alice")).await.map(drop),
                "a change" => store.commit(change()).await.map(drop),
                _ => store.expire(UnixTime(NOW.0 * 2), UnixTime(NOW.0 * 2)).await.map(drop),
            };
            let Err(Error::Unknown(reason)) = answer else { panic!("{way}, {first}: {answer:?}") };
            let said =
                reason.contains(path.to_str().unwrap()) && reason.contains("twostep store restore");
            assert!(said, "{way}, {first}: the file and what to do: {reason}");
            // For good, also when all looks as before.
            assert!(
                store.control_version().await.is_err() && store.commit(change()).await.is_err(),
                "{way}, {first}"
            );
            let there: Vec<_> =
                SUFFIXES.iter().map(|suffix| fs::read(beside(&path, suffix)).ok()).collect();
            drop(store);
            let after: Vec<_> =
                SUFFIXES.iter().map(|suffix| fs::read(beside(&path, suffix)).ok()).collect();
            assert!(
                there == after,
                "{way}, {first}: closing it touches nothing that was put there"
            );
            let _ = fs::remove_dir_all(path.parent().unwrap().with_extension("old"));
        }
    }
}

#[tokio::test]
async fn no_other_program_joins_in_on_another_file() {
    let folders = Folders::default();
    let path = folders.new_path();
    let store = with_alice(&path).await;
    let beside = SqliteStore::open(&path).unwrap();
    drop(beside);
    fs::copy(&path, path.with_extension("copy")).unwrap();
    fs::rename(path.with_extension("copy"), &path).unwrap();
    assert!(matches!(SqliteStore::open(&path), Err(OpenError::Stray(Stray::Replaced { .. }))));
    drop(store);
}

/// An old copy is put there while it is served from; after a new start nothing of that is served.
#[tokio::test]
async fn acceptances_before_a_file_replacement_survive_a_new_start() {
    let folders = Folders::default();
    for (changes, anew) in [(1, false), (50, false), (50, true)] {
        let path = folders.new_path();
        let store = with_alice(&path).await;
        let old = path.with_extension("old");
        fs::copy(&path, &old).unwrap();
        more(&store, changes).await;
        if anew {
            begin_anew(&store, &path).await;
        }
        fs::rename(&old, &path).unwrap();
        assert!(store.control_version().await.is_err());
        drop(store);
        match SqliteStore::open(&path) {
            Err(OpenError::Stray(_)) => assert!(anew),
            // The log that was left goes on from that copy.
            Ok(store) => assert_eq!(
                store.audit(AuditCursor::start(), u32::MAX).await.unwrap().len(),
                4 + changes
            ),
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn an_old_copy_over_the_file_is_detected_unlike_a_checkpoint() {
    let folders = Folders::default();
    let path = folders.new_path();
    let store = with_alice(&path).await;
    let old = fs::read(&path).unwrap();
    more(&store, 30).await;
    begin_anew(&store, &path).await;
    assert!(fs::read(&path).unwrap() != old, "it was carried over from the log");
    // As a tool that replicates a store does it.
    let tool = rusqlite::Connection::open(&path).unwrap();
    tool.query_row("PRAGMA wal_checkpoint(FULL)", [], |_| Ok(())).unwrap();
    made(&store, []).await;
    drop(tool);
    made(&store, []).await;
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &old, 0).unwrap();
    assert!(matches!(store.control_version().await, Err(Error::Unknown(_))));
    drop(store);
    assert!(matches!(SqliteStore::open(&path), Err(OpenError::Stray(_))));
}

/// A tool that looks at a store in the moment of a start does not make the program believe that
/// another one serves from it.
#[tokio::test(flavor = "multi_thread")]
async fn a_look_from_outside_is_no_program_that_serves() {
    let folders = Folders::default();
    let path = folders.new_path();
    drop(with_alice(&path).await);
    let done = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let looking = {
        let (path, done) = (path.clone(), done.clone());
        std::thread::spawn(move || {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                let _ = twostep::store::sqlite::standing(&path);
            }
        })
    };
    for round in 0..60 {
        let store = SqliteStore::open(&path).unwrap_or_else(|error| panic!("{round}: {error}"));
        assert!(
            beside(&path, "-wal").metadata().unwrap().len() > 0,
            "{round}: it is marked, and its log is kept"
        );
        drop(store);
        assert!(!beside(&path, "-wal").exists(), "{round}: it is closed");
    }
    done.store(true, std::sync::atomic::Ordering::Relaxed);
    looking.join().unwrap();
}

/// Bytes that are no store, or are another one, over the open file: the log is all that is left of
/// the last changes.
#[tokio::test]
async fn a_log_is_applied_to_its_own_database_only() {
    let folders = Folders::default();
    let other = folders.new_path();
    drop(with_alice(&other).await);
    let stranger = fs::read(other).unwrap();
    type Overwrite<'a> = &'a dyn Fn(&[u8]) -> Vec<u8>;
    let ways: [(&str, Overwrite<'_>); 4] = [
        ("garbage", &|was| vec![0xaa; was.len()]),
        ("zeros", &|was| vec![0; was.len()]),
        ("a header of garbage", &|was| [vec![0xaa; 4_096], was[4_096..].to_vec()].concat()),
        ("another store", &|was| {
            [stranger.clone(), vec![0; was.len().saturating_sub(stranger.len())]].concat()
        }),
    ];
    for (way, bytes) in ways {
        for (changes, after) in [(0, 0), (5, 0), (5, 1_500)] {
            let path = folders.new_path();
            let store = with_alice(&path).await;
            more(&store, changes).await;
            let right = fs::read(&path).unwrap();
            let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
            std::os::unix::fs::FileExt::write_all_at(&file, &bytes(&right), 0).unwrap();
            // Long enough for the log to be carried over more than once.
            let mut kept = 0;
            for _ in 0..after {
                let change = Change {
                    account: None,
                    writes: Vec::new(),
                    audit: vec![Event::new(NOW, "test", &caller())],
                };
                kept += usize::from(store.commit(change).await.is_ok());
            }
            let closed = store.close().await;
            let words = closed
                .err()
                .map(|error| error.to_string())
                .unwrap_or_else(|| panic!("{way}, {changes}: it is closed"));
            assert!(
                words.contains(path.to_str().unwrap()) && words.contains("twostep store restore"),
                "{way}: {words}"
            );
            drop(store);
            assert!(SqliteStore::open(&path).is_err(), "{way}, {changes}");
            fs::write(&path, &right).unwrap();
            let store = SqliteStore::open(&path)
                .unwrap_or_else(|error| panic!("{way}, {changes}, {after}: {error}"));
            let rows = store.audit(AuditCursor::start(), u32::MAX).await.unwrap().len();
            // Of a commit that was answered as unknown the row may be there.
            assert!(
                (kept..=kept + 1).contains(&(rows - 4 - changes)),
                "{way}, {changes}, {after}: {rows} rows, {kept} were kept"
            );
        }
    }
}

/// Without anything that is written, a file of garbage is noticed by two looks at it.
#[tokio::test]
async fn a_file_that_stays_unreadable_ends_the_answers() {
    let folders = Folders::default();
    let path = folders.new_path();
    let store = with_alice(&path).await;
    let length = usize::try_from(fs::metadata(&path).unwrap().len()).unwrap();
    fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .and_then(|mut file| std::io::Write::write_all(&mut file, &vec![0xaa; length]))
        .unwrap();
    let began = std::time::Instant::now();
    loop {
        match store.control_version().await {
            Err(Error::Unknown(reason)) => {
                break assert!(reason.contains(path.to_str().unwrap()), "{reason}");
            }
            answer if began.elapsed().as_secs() > 20 => panic!("{answer:?}"),
            _ => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
        }
    }
}
