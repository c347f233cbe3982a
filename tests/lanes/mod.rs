//! The lanes of a PostgreSQL store when the server and the network fail.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod forgetful;
mod one;

use std::net::TcpListener;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use test_support::postgres::{Server, programs};
use test_support::proxy::{Network, Proxy};
use test_support::tools;
use twostep::store::{AfterUnknown, Commit, Error, Store};

use self::one::{One, options};

/// A refusal takes three seconds at most on a machine that does nothing else.
const REFUSED_WITHIN: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_never_answers_keeps_no_other_from_being_tried() {
    if !tools::have("postgresql") {
        return;
    }
    let server = Server::start();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let hosts = format!("127.0.0.1:{},127.0.0.1:{}", port(&silent), server.port());
    let begun = Instant::now();
    let store = options(&format!("postgres://postgres@{hosts}/postgres")).open().await.unwrap();
    assert!(begun.elapsed() < REFUSED_WITHIN, "{:?}", begun.elapsed());
    let one = One::add(&store).await;
    assert!(matches!(one.accept(&store).await, Ok(Commit::Committed(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_may_forget_is_not_used() {
    if !tools::have("postgresql") {
        return;
    }
    let server = Server::start_with(&["fsync = off"]);
    let refused = options(&server.url("postgres")).open().await.unwrap_err().to_string();
    assert!(refused.contains("fsync is off"), "{refused}");

    let server = Server::start();
    let text = server.url("postgres");
    let demanding = text.parse::<twostep::store::PostgresOptions>().unwrap();
    let opened = twostep::store::PostgresStore::open(demanding).await;
    let refused = opened.unwrap_err().to_string();
    assert!(refused.contains("synchronous_standby_names"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_unknown() {
    if !tools::have("postgresql") {
        return;
    }
    let server = Server::start();
    let proxy = Proxy::before(([127, 0, 0, 1], server.port()).into());
    let through = format!("postgres://postgres@{}/postgres", proxy.address());
    let store = options(&through).open().await.unwrap();
    let one = One::add(&store).await;
    assert!(matches!(one.accept(&store).await, Ok(Commit::Committed(_))));
    // A change is one statement, that decides, where what it replaces was read.
    store.account(&one.account()).await.unwrap();

    proxy.set(Network::Deaf);
    let begun = Instant::now();
    let lost = one.accept_from(&store, 2).await;
    assert!(matches!(lost, Err(Error::Unknown(_))), "{lost:?}");
    assert!(begun.elapsed() < REFUSED_WITHIN, "{:?}", begun.elapsed());
    assert_eq!(store.after_unknown(), AfterUnknown::GoOn);
    assert_eq!(one.revision(&server), 3, "the server has made the change");

    proxy.set(Network::Whole);
    let again = one.accept_from(&store, 2).await;
    assert!(matches!(again, Ok(Commit::Conflict(_))), "{again:?}");
    assert!(matches!(one.accept_from(&store, 3).await, Ok(Commit::Committed(_))));
    assert!(store.verify_audit().await.unwrap().ok);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_never_reached_the_server_is_unavailable() {
    if !tools::have("postgresql") {
        return;
    }
    let mut server = Server::start();
    let store = options(&server.url("postgres")).open().await.unwrap();
    let one = One::add(&store).await;
    server.kill();
    let begun = Instant::now();
    let mut refusals = Vec::new();
    for _ in 0..5 {
        refusals.push(one.accept_from(&store, 1).await.unwrap_err());
    }
    assert!(begun.elapsed() < REFUSED_WITHIN, "{:?}", begun.elapsed());
    let unavailable = |error: &Error| matches!(error, Error::Unavailable(_));
    assert!(refusals[1..].iter().all(unavailable), "{refusals:?}");
    server.start_again();
    let begun = Instant::now();
    while !matches!(one.accept_from(&store, 1).await, Ok(Commit::Committed(_))) {
        assert!(begun.elapsed() < Duration::from_secs(30), "the store is not back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_server_refuses_in_time() {
    if !tools::have("postgresql") {
        return;
    }
    let server = Server::start();
    let store = options(&server.url("postgres")).open().await.unwrap();
    let one = One::add(&store).await;
    server.freeze();
    let begun = Instant::now();
    let accept = || one.accept_from(&store, 1);
    let all = tokio::join!(accept(), accept(), accept());
    assert!(begun.elapsed() < REFUSED_WITHIN, "{:?}", begun.elapsed());
    for refused in [all.0, all.1, all.2] {
        assert!(matches!(refused, Err(Error::Unknown(_) | Error::Unavailable(_))), "{refused:?}");
    }
    server.thaw();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_another_transaction_holds_refuses_and_decides_nothing() {
    if !tools::have("postgresql") {
        return;
    }
    let server = Server::start();
    let store = options(&server.url("postgres")).open().await.unwrap();
    let one = One::add(&store).await;
    let mut holder = psql(&server, "BEGIN; SELECT * FROM devices FOR UPDATE; SELECT pg_sleep(2)");
    let held = "SELECT count(*) FROM pg_locks WHERE mode = 'RowShareLock'";
    while server.sql("postgres", held) == "0" {}
    let begun = Instant::now();
    let refused = one.accept_from(&store, 1).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    assert!(begun.elapsed() < REFUSED_WITHIN, "{:?}", begun.elapsed());
    assert!(holder.wait().unwrap().success());
    assert!(matches!(one.accept(&store).await, Ok(Commit::Committed(_))), "nothing was decided");
}

/// The server answers a commit that stopped waiting for its standby as if it were kept.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_a_warning_precedes_is_unknown() {
    if !tools::have("postgresql") {
        return;
    }
    let server = Server::start();
    let store = options(&server.url("postgres")).open().await.unwrap();
    let one = One::add(&store).await;
    server.sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = 'gone'");
    server.sql("postgres", "SELECT pg_reload_conf()");
    tokio::time::sleep(Duration::from_millis(200)).await;
    let committing = one.accept_from(&store, 1);
    let cancelling = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        server.sql(
            "postgres",
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'",
        )
    };
    let (unknown, cancelled) = tokio::join!(committing, cancelling);
    assert_eq!(cancelled, "t", "a commit waits for a standby");
    let Err(Error::Unknown(reason)) = unknown else { panic!("{unknown:?}") };
    assert!(reason.contains("warned"), "{reason}");
}

fn port(listener: &TcpListener) -> u16 {
    listener.local_addr().unwrap().port()
}

/// A client of the server that goes on by itself.
fn psql(server: &Server, sql: &str) -> Child {
    Command::new(programs().unwrap().join("psql"))
        .args(["-X", "-q", "-o", "/dev/null", "-c", sql])
        .arg(server.url("postgres"))
        .spawn()
        .unwrap()
}
