//! An exported audit log: holders of a checkpoint and the public keys of then find each edit of it.

use std::path::Path;
use std::time::Duration;

use test_support::scratch;
use twostep::secret::Secret;
use twostep::session::{Checkpoint, Issuer, JwkSet};
use twostep::store::{
    AuditCursor, AuditEnds, AuditRow, ChainEnd, ChainId, Keyring, Links, SqliteStore, Store,
};
use twostep::time::{Clock, SystemClock, UnixTime};
use twostep::verifier::Verifier;

use super::audit_editor::{Random, serve};

/// A log and where it ended.
struct Export {
    rows: Vec<AuditRow>,
    ends: AuditEnds,
}

impl Export {
    async fn of(path: &Path, keyring: &Keyring) -> Export {
        let store = SqliteStore::open(path).unwrap();
        let verifier = Verifier::new(store.clone(), keyring.clone());
        verifier.accept_clock().await.unwrap();
        let issuer = Issuer::new(verifier, "https://mfa.example");
        let jwks = JwkSet::from_json(issuer.jwks().await.unwrap().to_json().as_bytes()).unwrap();
        let (signed, _) = issuer.checkpoint().await.unwrap();
        let ends = Checkpoint::read(&signed, &jwks).unwrap().ends().unwrap();
        let rows = store.audit(AuditCursor::default(), 1_000).await.unwrap();
        drop(issuer);
        store.close().await.unwrap();
        Export { rows, ends }
    }

    fn is_whole(&self, rows: &[AuditRow]) -> bool {
        self.ends.compare_rows(rows.iter().cloned().map(Ok)).unwrap().ok
    }

    /// Links all rows of a chain anew, as who knows everything but the keys can do.
    fn relink(&self, rows: &mut [AuditRow], chain: ChainId) {
        let end = self.ends.chains.iter().find(|end| end.head.chain == chain).unwrap();
        let base = ChainEnd { chain, number: end.base, hash: end.base_hash.clone() };
        let mut links = Links::after(base, self.ends.store, Some(end.closed));
        for row in rows.iter_mut().filter(|row| row.chain == chain) {
            let body = serde_json::to_string(&row.event).unwrap();
            (row.number, row.hash) = links.append(&body);
        }
    }

    fn edit(&self, rows: &mut Vec<AuditRow>, random: &mut Random) -> String {
        let at = random.below(rows.len());
        let chain = rows[at].chain;
        let of_chain = |rows: &[AuditRow]| {
            let places = 0..rows.len();
            places.filter(|at| rows[*at].chain == chain).collect::<Vec<_>>()
        };
        let relinked = random.below(2) == 0;
        let what = match random.below(7) {
            0 => {
                rows[at].event.account = Some("mallory".parse().unwrap());
                "an account"
            }
            1 => {
                rows[at].event.at = UnixTime(rows[at].event.at.0 + 1);
                "a time"
            }
            2 => {
                rows[at].event.count += 1;
                "a count"
            }
            3 => {
                rows.remove(at);
                "a row dropped"
            }
            4 => {
                let last = *of_chain(rows).last().unwrap();
                rows.remove(last);
                "cut at its end"
            }
            5 => {
                let first = of_chain(rows)[0];
                rows.remove(first);
                "cut at its beginning"
            }
            _ => {
                // One behind the last row would be behind the checkpoint.
                let first = of_chain(rows)[0];
                rows.insert(first, rows[first].clone());
                "a row twice"
            }
        };
        if relinked {
            self.relink(rows, chain);
        }
        format!("chain {chain}, row {at}: {what}, relinked: {relinked}")
    }
}

#[tokio::test]
async fn each_edit_of_an_exported_log_is_found() {
    let folder = scratch::folder();
    let (path, keyring) = (folder.path().join("store.db"), Keyring::ephemeral().unwrap());
    serve(&path, &keyring, 6).await;
    let whole = Export::of(&path, &keyring).await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let then = SystemClock.read().wall;
    serve(&path, &keyring, 4).await;
    // Old rows are gone: the log begins behind them.
    let store = SqliteStore::open(&path).unwrap();
    let verifier = Verifier::new(store.clone(), keyring.clone());
    verifier.sealer().await.unwrap();
    assert!(store.expire(then, then).await.unwrap() > 0);
    drop(verifier);
    store.close().await.unwrap();
    let aged = Export::of(&path, &keyring).await;
    assert!(aged.ends.chains.iter().any(|end| end.base > 0), "{:?}", aged.ends);

    for export in [&whole, &aged] {
        assert!(export.is_whole(&export.rows), "{:?}", export.ends);
        for seed in 0..300 {
            let mut rows = export.rows.clone();
            let what = export.edit(&mut rows, &mut Random(seed));
            assert!(!export.is_whole(&rows), "seed {seed}: {what}");
        }
        assert!(!export.is_whole(&[]), "no row at all");
        let mut other = AuditEnds { store: [7; 16], ..export.ends.clone() };
        assert!(!Export { rows: Vec::new(), ends: other.clone() }.is_whole(&export.rows));
        // Rows behind the checkpoint are linked, and a chain begun since is one.
        other = export.ends.clone();
        let gone = other.chains.pop().unwrap();
        if gone.base == 0 {
            assert!(Export { rows: Vec::new(), ends: other }.is_whole(&export.rows));
        }
    }
}

#[tokio::test]
async fn the_export_of_a_store_of_schema_5_is_whole() {
    let folder = scratch::folder();
    let path = folder.path().join("store.db");
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.execute_batch(include_str!("../vectors/store-schema-5.sql")).unwrap();
    drop(conn);
    let keyring = Keyring::new(&Secret::new(vec![5; 32]), &[]).unwrap();
    let export = Export::of(&path, &keyring).await;
    assert!(export.ends.chains[0].closed > 0 && export.is_whole(&export.rows));
    let mut rows = export.rows.clone();
    rows[2].event.count += 1;
    export.relink(&mut rows, ChainId::FIRST);
    assert!(!export.is_whole(&rows), "an edit of the closed part");
}
