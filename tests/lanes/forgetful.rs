//! Servers that have lost what they acknowledged.

use std::time::Duration;

use test_support::postgres::Server;
use test_support::tools;
use twostep::device::{DeviceState, Factor, Leads};
use twostep::id::CallerId;
use twostep::otp::TimeStep;
use twostep::store::{
    AuditCursor, AuditRow, Commit, ConnectError, Error, ExportedRows, PostgresOptions, Restore,
    RestoreMark, Restored, Store, postgres,
};

use super::one::{self, One, options};

/// Takes the last audit row of each chain away, as if it had never been kept, and breaks all
/// connections.
fn forget(server: &Server) {
    server.sql(
        "postgres",
        "DELETE FROM audit a USING chains c WHERE a.chain = c.id AND a.number = c.head;
         UPDATE chains SET head = head - 1, head_hash = 'of the row before' WHERE head > 0;
         UPDATE devices SET revision = revision - 1;
         SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()
             AND backend_type = 'client backend'",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_forgot_decides_nothing_until_it_is_restored() {
    if !tools::have("postgresql") {
        return;
    }
    let server = Server::start();
    let [first, second] = [options(&server.url("postgres")), options(&server.url("postgres"))];
    let first = first.open().await.unwrap();
    let one = One::add(&first).await;
    assert!(matches!(one.accept(&first).await, Ok(Commit::Committed(_))));
    forget(&server);

    // The connection is lost first; its lane then looks at what it knows.
    let mut refused = one.accept_from(&first, 1).await;
    for _ in 0..10 {
        if matches!(refused, Err(Error::WentBack(_))) {
            break;
        }
        assert!(refused.is_err(), "{refused:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
        refused = one.accept_from(&first, 1).await;
    }
    assert!(matches!(refused, Err(Error::WentBack(_))), "{refused:?}");

    let second = second.open().await.unwrap();
    let told = one.accept_from(&second, 1).await;
    assert!(matches!(told, Err(Error::WentBack(_))), "{told:?}");
    assert!(matches!(second.writable().await, Err(Error::WentBack(_))));

    let before = first.account(&one.account()).await.unwrap().unwrap();
    let restored = restore(&server, "postgres", &CallerId::new("test"), None).await;
    assert_eq!((restored.accounts, restored.devices), (1, 1));
    tokio::time::sleep(Duration::from_millis(150)).await;
    let after = first.account(&one.account()).await.unwrap().unwrap();
    assert!(after.account.generation > before.account.generation, "contexts of before are dead");
    let Factor::Totp(totp) = &after.devices[0].device.factor else { panic!("{after:?}") };
    assert!(totp.watermark >= Some(TimeStep(one::NOW.0 / 30)), "codes up to now are spent");
    assert!(first.value(RestoreMark::NAME).await.unwrap().is_some());
    for store in [&first, &second] {
        assert!(matches!(one.accept(store).await, Ok(Commit::Committed(_))));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_rows_are_remembered_across_restarts() {
    if !tools::have("postgresql") {
        return;
    }
    let (server, folder) = (Server::start(), tempfile::tempdir().unwrap());
    let open = || options(&server.url("postgres")).state(folder.path()).open();
    let store = open().await.unwrap();
    let one = One::add(&store).await;
    assert!(matches!(one.accept(&store).await, Ok(Commit::Committed(_))));
    drop(store);

    let store = open().await.unwrap();
    assert!(matches!(one.accept(&store).await, Ok(Commit::Committed(_))), "nothing is lost");
    drop(store);
    forget(&server);

    let store = open().await.unwrap();
    let refused = one.accept_from(&store, 2).await;
    assert!(matches!(refused, Err(Error::WentBack(_))), "{refused:?}");
}

/// A token that was taken out of use after the backup stays out of use.
#[tokio::test(flavor = "multi_thread")]
async fn a_restore_repeats_the_losses_of_an_exported_log() {
    if !tools::have("postgresql") {
        return;
    }
    let server = Server::start();
    server.create("lost");
    let store = options(&server.url("lost")).open().await.unwrap();
    let one = One::add(&store).await;
    one.put(&store, DeviceState::Active, "device.activated").await;
    drop(store);
    wait_for_no_client(&server);
    server.copy("lost", "backup");

    let store = options(&server.url("lost")).open().await.unwrap();
    one.put(&store, DeviceState::Disabled, "device.deactivated").await;
    let rows = store.audit(AuditCursor::start(), 100).await.unwrap();
    assert_eq!(rows.len(), 3);
    drop(store);

    let changed = AuditRow { hash: "0".repeat(64), ..rows[2].clone() };
    let caller = CallerId::new("test");
    let mut forged = [rows[0].clone(), rows[1].clone(), changed].into_iter().map(Ok);
    let forged = wanted(&caller, Some(&mut forged));
    let refused = postgres::restore(at(&server, "backup"), forged).await;
    assert!(matches!(refused, Err(ConnectError::Unrestored { .. })), "{refused:?}");

    let mut rows = rows.into_iter().map(Ok);
    let restored = restore(&server, "backup", &caller, Some(&mut rows)).await;
    assert_eq!(restored.repeated.disabled, 1);
    assert_eq!(restored.log.map(|log| log.rows), Some(1), "the backup has the others");
    let store = options(&server.url("backup")).open().await.unwrap();
    let seen = store.account(&one.account()).await.unwrap().unwrap();
    assert_eq!(seen.devices[0].device.state, DeviceState::Disabled);
    assert!(store.verify_audit().await.unwrap().ok);
}

/// Waits until connections that were dropped are closed.
fn wait_for_no_client(server: &Server) {
    let clients = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'lost'";
    while server.sql("postgres", clients) != "0" {
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn at(server: &Server, database: &str) -> PostgresOptions {
    server.url(database).parse::<PostgresOptions>().unwrap().single(true)
}

fn wanted<'a>(caller: &'a CallerId, log: Option<ExportedRows<'a>>) -> Restore<'a> {
    Restore { now: one::NOW, caller, leads: Leads::Unknown, keyring: None, log }
}

async fn restore<'a>(
    server: &Server,
    database: &str,
    caller: &'a CallerId,
    log: Option<ExportedRows<'a>>,
) -> Restored {
    postgres::restore(at(server, database), wanted(caller, log)).await.unwrap()
}
