//! An editor of the database who knows the code and everything but the keys: each edit of the audit
//! log is found.

use std::path::Path;

use rusqlite::Connection;
use test_support::world::Held;
use twostep::secret::Secret;
use twostep::session::{Checkpoint, Issuer, JwkSet, SignedContext, Validator};
use twostep::store::sqlite::{alone, check, check_with};
use twostep::store::{AuditReport, ChainEnd, ChainId, Links};
use twostep::verifier::{Authority, Verifier};

use super::*;

/// A row of the log as the file has it.
#[derive(Clone)]
struct Row {
    at: i64,
    body: String,
    hash: String,
    mac: Option<Vec<u8>>,
}

/// A small random number generator (SplitMix64), so that a failure names its seed.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(most).unwrap()).unwrap()
    }
}

/// Rows that an editor may write, and the chain that he writes them to.
struct Editor<'a> {
    conn: &'a Connection,
    store: [u8; 16],
    chain: u32,
}

impl Editor<'_> {
    fn begin(&self) -> i64 {
        i64::from(self.chain - 1) << 48
    }

    fn rows(&self) -> Vec<Row> {
        let sql =
            "SELECT at, body, hash, mac FROM audit WHERE place > ?1 AND place < ?1 + (1 << 40)
            ORDER BY place";
        let mut statement = self.conn.prepare(sql).unwrap();
        let rows = statement.query_map([self.begin()], |row| {
            Ok(Row { at: row.get(0)?, body: row.get(1)?, hash: row.get(2)?, mac: row.get(3)? })
        });
        rows.unwrap().collect::<Result<_, _>>().unwrap()
    }

    /// Writes these rows as the whole chain, with all hashes recomputed and the ends moved.
    fn forge(&self, rows: &[Row], closed: Option<u64>, first: u64) {
        let end = ChainEnd::of_empty(ChainId(self.chain));
        let mut links = Links::after(ChainEnd { number: first, ..end }, self.store, closed);
        let sql = "DELETE FROM audit WHERE place > ?1 AND place < ?1 + (1 << 40)";
        self.conn.execute(sql, [self.begin()]).unwrap();
        for row in rows {
            let (number, hash) = links.append(&row.body);
            let place = self.begin() + i64::try_from(number).unwrap();
            let mac = if hash == row.hash { row.mac.clone() } else { Some(vec![7; 32]) };
            let sql = "INSERT INTO audit (place, at, body, hash, mac) VALUES (?1, ?2, ?3, ?4, ?5)";
            self.conn.execute(sql, (place, row.at, &row.body, hash, mac)).unwrap();
        }
        let ChainEnd { number, hash, .. } = links.last();
        let sql = "UPDATE audit_chain SET head = ?2, head_hash = ?3, base = ?4 WHERE id = ?1";
        let number = i64::try_from(*number).unwrap();
        self.conn
            .execute(sql, (self.chain, number, hash, i64::try_from(first).unwrap()))
            .unwrap();
    }

    /// One edit; returns its description.
    fn edit(&self, random: &mut Random, older: &Path) -> &'static str {
        let mut rows = self.rows();
        let at = random.below(rows.len() - 1);
        let place = self.begin() + i64::try_from(at + 1).unwrap();
        let other = |body: &str| body.replace("uid:0", "uid:9").replace("alice", "mallory");
        match random.below(13) {
            0 => {
                rows[at].body = format!("{} ", other(&rows[at].body));
                self.forge(&rows, Some(0), 0);
                "a row changed, hashes recomputed"
            }
            1 => {
                rows.remove(at);
                self.forge(&rows, Some(0), 0);
                "a row dropped, hashes recomputed"
            }
            2 => {
                rows.swap(at, at + 1);
                rows[at].body += " ";
                self.forge(&rows, Some(0), 0);
                "rows swapped, hashes recomputed"
            }
            3 => {
                rows.truncate(at + 1);
                self.forge(&rows, Some(0), 0);
                "cut at its end"
            }
            4 => {
                let sql = "DELETE FROM audit WHERE place > ?1 AND place <= ?2";
                self.conn.execute(sql, (self.begin(), place)).unwrap();
                let sql = "UPDATE audit_chain SET base = ?2, base_hash = ?3 WHERE id = ?1";
                let base = i64::try_from(at + 1).unwrap();
                self.conn.execute(sql, (self.chain, base, &rows[at].hash)).unwrap();
                "cut at its beginning"
            }
            5 => {
                let count = i64::try_from(rows.len()).unwrap();
                self.forge(&rows, Some(u64::try_from(count).unwrap()), 0);
                let sql = "UPDATE audit_chain SET closed = ?2 WHERE id = ?1";
                self.conn.execute(sql, (self.chain, count)).unwrap();
                "the whole chain forged as one from before the keys"
            }
            6 => {
                rows.push(Row { body: other(&rows[at].body), ..rows[at].clone() });
                self.forge(&rows, Some(0), 0);
                "a row added"
            }
            other => self.edit_tables(other, at, older),
        }
    }

    /// An edit of the tables that recomputes nothing.
    fn edit_tables(&self, which: usize, at: usize, older: &Path) -> &'static str {
        let place = self.begin() + i64::try_from(at + 1).unwrap();
        match which {
            7 => {
                let sql = "UPDATE audit SET at = at - 100000 WHERE place = ?1";
                self.conn.execute(sql, [place]).unwrap();
                "the time that retention goes by"
            }
            8 => {
                let sql = "UPDATE audit SET mac = (SELECT mac FROM audit WHERE place = ?1 + 1)
                    WHERE place = ?1";
                self.conn.execute(sql, [place]).unwrap();
                "the MAC of another row"
            }
            9 => {
                self.conn.execute("UPDATE audit_chain SET seal = NULL", []).unwrap();
                "the seal taken away"
            }
            10 => {
                self.conn
                    .execute_batch(
                        "DELETE FROM audit WHERE place > 1 << 48;
                         DELETE FROM audit_chain WHERE id = 2;",
                    )
                    .unwrap();
                "the last chain removed"
            }
            11 => {
                self.conn
                    .execute_batch(
                        "INSERT INTO audit_chain (id, base, base_hash, head, head_hash)
                            SELECT 3, base, base_hash, head, head_hash FROM audit_chain
                            WHERE id = 2;
                         INSERT INTO audit (place, at, body, hash, mac)
                            SELECT place + (1 << 48), at, body, hash, mac FROM audit
                            WHERE place > 1 << 48;",
                    )
                    .unwrap();
                "a chain moved to another number"
            }
            _ => {
                let sql = format!(
                    "ATTACH '{}' AS older;
                     DELETE FROM audit;
                     INSERT INTO audit SELECT * FROM older.audit;
                     UPDATE audit_chain SET (base, base_hash, head, head_hash, seal) =
                        (SELECT base, base_hash, head, head_hash, seal FROM older.audit_chain AS was
                         WHERE was.id = audit_chain.id);
                     DETACH older;",
                    older.display()
                );
                self.conn.execute_batch(&sql).unwrap();
                "the log of an older copy"
            }
        }
    }
}

/// Adds accounts on each of these, whose audit rows go to chains of their own.
async fn add(verifiers: &[Verifier], number: usize) {
    for verifier in verifiers {
        for _ in 0..number {
            let held = Held::new("alice");
            verifier.add(held.to_add(), &Authority::Admin).await.unwrap();
            verifier.remove(&held.serial, &Authority::Admin).await.unwrap();
        }
    }
}

/// Serves from the store by two handles, and closes it.
pub(super) async fn serve(path: &Path, keyring: &Keyring, number: usize) {
    let store = || SqliteStore::open(path).unwrap();
    let stores = [store(), store()];
    let verifiers = stores.clone().map(|store| Verifier::new(store, keyring.clone()));
    add(&verifiers, number).await;
    drop(verifiers);
    for store in stores {
        store.close().await.unwrap();
    }
}

fn store_id(path: &Path) -> [u8; 16] {
    let conn = Connection::open(path).unwrap();
    let sql = "SELECT identity FROM audit_chain WHERE id = 1";
    let identity: Vec<u8> = conn.query_row(sql, [], |row| row.get(0)).unwrap();
    identity[8..24].try_into().unwrap()
}

fn found(path: &Path, keyring: &Keyring) -> AuditReport {
    check_with(path, keyring).unwrap().audit.unwrap()
}

/// `TWOSTEP_AUDIT_EDITS` makes more of them.
#[tokio::test]
async fn each_edit_by_an_editor_without_the_keys_is_found() {
    let edits = std::env::var("TWOSTEP_AUDIT_EDITS").ok();
    let edits: u64 = edits.map_or(1_000, |edits| edits.parse().unwrap());
    let folder = test_support::scratch::folder();
    let (path, keyring) = (folder.path().join("store.db"), Keyring::ephemeral().unwrap());
    serve(&path, &keyring, 8).await;
    let older = path.with_extension("older");
    std::fs::copy(&path, &older).unwrap();
    serve(&path, &keyring, 3).await;
    let report = found(&path, &keyring);
    assert!(report.ok && report.authenticated && report.chains.len() == 2, "{report:?}");
    let (store, edited) = (store_id(&path), path.with_extension("edited"));
    let mut seen = std::collections::BTreeMap::<&str, u64>::new();
    for seed in 0..edits {
        std::fs::copy(&path, &edited).unwrap();
        let conn = Connection::open(&edited).unwrap();
        conn.execute_batch("PRAGMA synchronous = OFF").unwrap();
        let mut random = Random(seed);
        let chain = u32::try_from(1 + random.below(2)).unwrap();
        let what = Editor { conn: &conn, store, chain }.edit(&mut random, &older);
        drop(conn);
        let report = found(&edited, &keyring);
        let named = report.broken_at().is_some();
        assert!(!report.ok && named, "seed {seed}, chain {chain}: {what}: {report:?}");
        *seen.entry(what).or_default() += 1;
        // The store goes on, and the edit is not covered up by what it writes.
        if seed < 40 {
            let store = SqliteStore::open(&edited).unwrap();
            let verifier = Verifier::new(store.clone(), keyring.clone());
            if let Ok(()) = verifier.accept_clock().await.map(drop) {
                let report = store.verify_audit().await.unwrap();
                assert!(!report.ok, "seed {seed}: {what}: then a row: {report:?}");
            }
            drop(verifier);
            store.close().await.unwrap();
            for suffix in ["witness", "lock", "turn", "chain-1"] {
                let _ = std::fs::remove_file(format!("{}.{suffix}", edited.display()));
            }
        }
    }
    assert!(edits < 1_000 || seen.len() == 13, "{seen:?}");
}

/// Holders of a checkpoint and the public keys of then, without a sealing key, find each edit of
/// rows that the checkpoint covers.
#[tokio::test]
async fn a_checkpoint_and_public_keys_alone_find_each_edit() {
    let folder = test_support::scratch::folder();
    let (path, keyring) = (folder.path().join("store.db"), Keyring::ephemeral().unwrap());
    serve(&path, &keyring, 6).await;
    let older = path.with_extension("older");
    std::fs::copy(&path, &older).unwrap();
    serve(&path, &keyring, 2).await;
    let store = SqliteStore::open(&path).unwrap();
    let issuer = Issuer::new(Verifier::new(store.clone(), keyring.clone()), "https://mfa.example");
    let jwks = issuer.jwks().await.unwrap().to_json();
    let (signed, _) = issuer.checkpoint().await.unwrap();
    drop(issuer);
    store.close().await.unwrap();
    drop(store);

    let then = JwkSet::from_json(jwks.as_bytes()).unwrap();
    let checkpoint = Checkpoint::read(&signed, &then).unwrap();
    let validator = Validator::new(then, "https://mfa.example", "payments");
    assert!(validator.validate(&SignedContext::new(signed)).is_err(), "a checkpoint is no context");
    let ends = checkpoint.ends().unwrap();
    let compare = |path: &Path| alone(path).unwrap().compare_audit(&ends).unwrap();
    assert!(compare(&path).ok, "{:?}", compare(&path));
    let (store, edited) = (store_id(&path), path.with_extension("edited"));
    for seed in 0..200 {
        std::fs::copy(&path, &edited).unwrap();
        let conn = Connection::open(&edited).unwrap();
        conn.execute_batch("PRAGMA synchronous = OFF").unwrap();
        let mut random = Random(seed);
        let chain = u32::try_from(1 + random.below(2)).unwrap();
        let what = Editor { conn: &conn, store, chain }.edit(&mut random, &older);
        drop(conn);
        // A row behind the checkpoint, and a MAC, are for the holder of the keys.
        let covered = !["the MAC of another row", "a row added"].contains(&what);
        let report = compare(&edited);
        assert!(!covered || !report.ok, "seed {seed}, chain {chain}: {what}: {report:?}");
    }
    // Rows of one second in two chains have no order, so that the checkpoint gets its own second.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    // A checkpoint is a row of the log, once; a log that was edited gets none.
    let store = SqliteStore::open(&path).unwrap();
    let issuer = Issuer::new(Verifier::new(store.clone(), keyring.clone()), "https://mfa.example");
    assert!(issuer.write_checkpoint().await.unwrap().is_some());
    assert_eq!(issuer.write_checkpoint().await.unwrap(), None);
    assert!(issuer.checkpoint().await.is_ok());
    let cut = "UPDATE audit_chain SET head = head - 1 WHERE id = 1";
    Connection::open(&path).unwrap().execute(cut, []).unwrap();
    assert!(issuer.checkpoint().await.is_err(), "an edit is not signed");
}

/// A row that a changed time would let retention remove, with the traces of the change, stays.
#[tokio::test]
async fn retention_removes_no_row_that_was_changed() {
    let folder = test_support::scratch::folder();
    let (path, keyring) = (folder.path().join("store.db"), Keyring::ephemeral().unwrap());
    serve(&path, &keyring, 4).await;
    let conn = Connection::open(&path).unwrap();
    conn.execute("UPDATE audit SET at = 1 WHERE place <= 5", []).unwrap();
    drop(conn);
    let store = SqliteStore::open(&path).unwrap();
    let verifier = Verifier::new(store.clone(), keyring);
    verifier.sealer().await.unwrap();
    let gone = store.expire(UnixTime(2), UnixTime(2)).await.unwrap();
    let report = store.verify_audit().await.unwrap();
    assert_eq!((gone, report.broken_at()), (0, Some((ChainId(1), 1))));
}

/// The history of a store from before is closed by a row, and is authenticated by it.
#[tokio::test]
async fn a_store_of_schema_5_keeps_its_history_closed() {
    let folder = test_support::scratch::folder();
    let path = folder.path().join("store.db");
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch(include_str!("../vectors/store-schema-5.sql")).unwrap();
    let sql = "SELECT head, head_hash FROM audit_chain WHERE id = 1";
    let (rows, head): (u64, String) = conn
        .query_row(sql, [], |row| Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get(1)?)))
        .unwrap();
    drop(conn);
    let keyring = Keyring::new(&Secret::new(vec![5; 32]), &[]).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    let verifier = Verifier::new(store.clone(), keyring.clone());
    verifier.accept_clock().await.unwrap();
    let report = store.verify_audit().await.unwrap();
    let chain = &report.chains[0];
    assert!(report.ok && report.authenticated, "{report:?}");
    assert!(chain.closed == rows && chain.rows > rows + 1, "a row closes it: {chain:?}");
    let closing = store.audit(rows.to_string().parse().unwrap(), 1).await.unwrap();
    assert_eq!(closing[0].event.action.name(), "audit.closed");
    assert_eq!(closing[0].event.reason.as_ref().unwrap().name(), format!("{rows} {head}"));
    drop(verifier);
    store.close().await.unwrap();
    drop(store);
    // An edit of the closed part, with its links recomputed as they were.
    let conn = Connection::open(&path).unwrap();
    let editor = Editor { conn: &conn, store: store_id(&path), chain: 1 };
    let mut rows_then = editor.rows();
    rows_then[3].body += " ";
    editor.forge(&rows_then, Some(rows), 0);
    drop(conn);
    assert!(check(&path).unwrap().audit.unwrap().ok, "hashes alone are whole");
    let report = found(&path, &keyring);
    assert_eq!(report.broken_at(), Some((ChainId(1), rows + 1)), "{report:?}");
}
