//! Backup, restore and check.

use std::fs;
use std::io::{Seek, SeekFrom, Write as _};
use std::path::Path;

use rusqlite::Connection;
use twostep::device::{DeviceState, HotpState};
use twostep::otp::{Counter, Hotp, TimeStep};
use twostep::store::sqlite::{check, restore};
use twostep::store::{
    AuditCursor, ItemKind, OpenError, Sealed, SigningKeyRecord, SingleUse, SqliteStore, Store,
};

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_of_one_moment_and_is_not_served_from() {
    let folders = Folders::default();
    let (path, copy) = (folders.new_path(), folders.new_path());
    let store = with_alice(&path).await;
    let writing = {
        let store = store.clone();
        tokio::spawn(async move {
            for n in 2..250 {
                made(&store, [insert(totp(&format!("GAHT{n:08}"), "alice", 1), n)]).await;
            }
        })
    };
    store.backup(&copy).await.unwrap();
    writing.await.unwrap();
    assert!(
        matches!(store.backup(&copy).await, Err(OpenError::Exists(_))),
        "a backup overwrites nothing"
    );

    let refused = SqliteStore::open(&copy).err().unwrap();
    assert!(
        matches!(refused, OpenError::Copy(_))
            && refused.to_string().contains("twostep store restore"),
        "{refused}"
    );
    assert!(matches!(SqliteStore::open_exclusive(&copy), Err(OpenError::Copy(_))));
    let report = check(&copy).unwrap();
    assert!(report.copy && report.problems.is_empty(), "{report:?}");
    assert!((1..=249).contains(&report.devices), "{report:?}");
    let names: Vec<_> = fs::read_dir(copy.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().contains("partial")), "{names:?}");
    assert!(
        !names.iter().any(|name| name.to_string_lossy().contains("-wal")),
        "a copy is one file: {names:?}"
    );
}

#[tokio::test]
async fn a_failed_backup_leaves_nothing() {
    let folders = Folders::default();
    let store = with_alice(&folders.new_path()).await;
    let nowhere = folders.new_path().join("is/no/folder");
    assert!(matches!(store.backup(&nowhere).await, Err(OpenError::Io { .. })));
}

#[tokio::test]
async fn a_restored_backup_accepts_nothing_of_before() {
    let folders = Folders::default();
    let (path, copy) = (folders.new_path(), folders.new_path());
    let store = with_alice(&path).await;
    let hotp = Factor::Hotp(HotpState {
        parameters: Hotp::default(),
        next: Some(Counter(5)),
        pair_needed: false,
    });
    let item = SingleUse {
        id: "bypass".to_owned(),
        account: account("alice"),
        kind: ItemKind::Bypass,
        body: vec![],
        expires_at: UnixTime(u64::MAX),
    };
    let hotp = Device::new(serial("GAHT00000002"), account("alice"), None, hotp, NOW);
    let hotp = Device { state: DeviceState::Active, ..hotp };
    let (private, public) = (Sealed::from_bytes(vec![1; 50]), vec!["x".to_owned()]);
    let (kid, algorithm) = ("kid".to_owned(), "EdDSA".to_owned());
    let key =
        SigningKeyRecord { kid, algorithm, private, public, created_at: NOW, retired_at: None };
    made(
        &store,
        [
            insert(hotp, 2),
            Write::AddSingleUse(item),
            Write::NoteTime(NOW),
            Write::PutSigningKey(key),
        ],
    )
    .await;
    store.backup(&copy).await.unwrap();
    let before = store.account(&account("alice")).await.unwrap().unwrap();

    // The old store crashed, and its log is where the copy is put.
    fs::copy(path.with_file_name("store.db-wal"), copy.with_file_name("store.db-wal")).unwrap();
    let later = UnixTime(NOW.0 + 3_600);
    let restored = restore(&copy, later, &caller()).unwrap();
    assert_eq!((restored.devices, restored.accounts), (2, 1));

    let store = SqliteStore::open(&copy).unwrap();
    let after = store.account(&account("alice")).await.unwrap().unwrap();
    // A clock at 0 when the backup was made: an owner could have shown a code 20 steps ahead since,
    // an administrator could have found a token 2,880 steps ahead, which is followed three steps
    // further, and the code after that counts.
    let [clock, counter] = &after.devices[..] else { panic!("{:?}", after.devices) };
    let now = later.0 / 30;
    let Factor::Totp(totp) = &clock.device.factor else { panic!("{clock:?}") };
    assert_eq!(totp.watermark, Some(TimeStep(now + 20 + 1)));
    assert_eq!(totp.doubtful, Some(TimeStep(now + 2_880 + 3 + 1)));
    assert_eq!(clock.device.state, before.devices[0].device.state);
    let Factor::Hotp(hotp) = &counter.device.factor else { panic!("{counter:?}") };
    assert_eq!((hotp.next, hotp.pair_needed), (Some(Counter(5)), true));
    assert_eq!(counter.device.state, DeviceState::Disabled);
    for (was, is) in before.devices.iter().zip(&after.devices) {
        assert_eq!(is.device.revoked_before, Some(later));
        assert!(is.revision > was.revision);
        assert_eq!(is.seed, was.seed);
    }
    assert_eq!(
        (after.account.generation, after.account.revoked_before, after.account.protected),
        (before.account.generation + 1, Some(later), true)
    );
    assert!(store.single_use("bypass", NOW).await.unwrap().is_none());
    assert!(
        store.signing_keys().await.unwrap().is_empty(),
        "a key that was dropped since the backup does not sign again"
    );
    assert_eq!(store.highest_time().await.unwrap(), Some(later));
    assert_eq!(
        store
            .audit(AuditCursor::start(), 100)
            .await
            .unwrap()
            .last()
            .unwrap()
            .event
            .action
            .name(),
        "store.restored"
    );
    assert!(store.verify_audit().await.unwrap().ok);
    assert!(
        matches!(restore(&copy, later, &caller()), Err(OpenError::Held(_))),
        "nothing is restored under an agent"
    );
    drop(store);
    let report = check(&copy).unwrap();
    assert!(report.problems.is_empty() && !report.copy, "{report:?}");
    assert!(
        matches!(restore(copy.with_extension("not"), later, &caller()), Err(OpenError::Io { .. })),
        "nothing is made"
    );
}

#[tokio::test]
async fn check_finds_changes_made_by_hand() {
    let folders = Folders::default();
    for (sql, found) in [
        ("UPDATE devices SET account = 'bob'", "refers to a missing row of accounts"),
        (
            "UPDATE devices SET state = 'locked'",
            "the device GAHT00000001 does not agree with its columns",
        ),
        (
            "UPDATE devices SET seed_key = NULL",
            "the device GAHT00000001 does not agree with its columns",
        ),
        ("UPDATE devices SET body = '{'", "the device GAHT00000001 cannot be read"),
        ("UPDATE accounts SET generation = 0", "the account alice does not agree with its columns"),
        ("UPDATE accounts SET devices = 2", "the account alice does not agree with its columns"),
        (
            "UPDATE audit SET body = replace(body, 'uid:0', 'uid:1') WHERE place = 2",
            "the audit log is broken at row 2",
        ),
        ("DELETE FROM audit WHERE place = 1", "the audit log is broken at row 1"),
        ("DELETE FROM audit WHERE place = 2", "the audit log is broken at row 2"),
        ("DELETE FROM audit WHERE place = 4", "the audit log is broken at row 4"),
        ("DELETE FROM audit", "the audit log is broken at row 1"),
        (
            "INSERT INTO audit SELECT 5, at, body, hash, mac FROM audit WHERE place = 4",
            "the audit log is broken at row 5",
        ),
        ("DELETE FROM control", "the table control has not exactly one first row"),
        ("DELETE FROM audit_chain", "the table audit_chain has not exactly one first row"),
    ] {
        let path = folders.new_path();
        drop(with_alice(&path).await);
        assert_eq!(check(&path).unwrap().problems, Vec::<String>::new());
        let conn = Connection::open(&path).unwrap();
        conn.execute_batch(&format!("PRAGMA foreign_keys = OFF; {sql}")).unwrap();
        drop(conn);
        let report = check(&path).unwrap();
        assert!(
            report.problems.iter().any(|problem| problem.contains(found)),
            "{sql}: {:?}",
            report.problems
        );
    }
}

#[tokio::test]
async fn check_finds_a_damaged_file() {
    let folders = Folders::default();
    let path = folders.new_path();
    drop(with_alice(&path).await);
    // Damage of a free page harms nothing.
    Connection::open(&path).unwrap().execute_batch("VACUUM").unwrap();
    let whole = fs::read(&path).unwrap();
    let pages = whole.len() / 4_096;
    let mut found = 0;
    // The first bytes of each page say what it is.
    for page in 1..pages {
        let at = u64::try_from(page * 4_096).unwrap();
        write_at(&path, at, &[whole[page * 4_096] ^ 0x55]);
        let report = check(&path);
        let sound = report.as_ref().is_ok_and(|report| report.problems.is_empty());
        assert!(!sound, "page {page} of {pages}: {report:?}");
        found += 1;
        write_at(&path, at, &whole[page * 4_096..][..1]);
    }
    assert!(found > 20, "{found}");
    assert!(check(&path).unwrap().problems.is_empty());
}

/// A byte of any audit row.
#[tokio::test]
async fn check_finds_a_changed_byte_in_the_audit_log() {
    let folders = Folders::default();
    let path = folders.new_path();
    drop(with_alice(&path).await);
    let whole = fs::read(&path).unwrap();
    let needle = b"\"action\":\"test\"";
    let places: Vec<usize> = whole
        .windows(needle.len())
        .enumerate()
        .filter(|(_, window)| window == needle)
        .map(|(at, _)| at)
        .collect();
    assert!(places.len() >= 4);
    for at in places {
        let at = u64::try_from(at + 12).unwrap();
        write_at(&path, at, b"b");
        let report = check(&path).unwrap();
        assert!(
            report.problems.iter().any(|problem| problem.contains("audit log is broken")),
            "{:?}",
            report.problems
        );
        write_at(&path, at, b"e");
    }
}

fn write_at(path: &Path, at: u64, bytes: &[u8]) {
    let mut file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(bytes).unwrap();
}
