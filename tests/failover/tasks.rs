//! Tasks that one agent at a time has of all that serve from one database.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use test_support::postgres::Server;
use test_support::proxy::{Network, Proxy};
use test_support::tools;
use twostep::store::postgres::{PostgresOptions, PostgresStore};
use twostep::store::{Store, Task};

/// Waits until the store has the task.
async fn held_by(store: &PostgresStore) {
    let asked = Instant::now();
    while !store.hold(Task::Chores).await.unwrap() {
        assert!(asked.elapsed() < Duration::from_secs(120), "the task is not free");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_task_survives_its_holder() {
    if !tools::have("postgresql") {
        return;
    }
    let server = Server::start();
    server.create("tasks");
    let address: SocketAddr = ([127, 0, 0, 1], server.port()).into();
    let proxy = Proxy::before(address);
    let open = async |address: SocketAddr| {
        let url = format!("postgres://postgres@{address}/tasks");
        PostgresStore::open(url.parse::<PostgresOptions>().unwrap().single(true))
            .await
            .unwrap()
    };
    let (one, other) = (open(address).await, open(address).await);
    assert!(one.hold(Task::Chores).await.unwrap() && one.hold(Task::Chores).await.unwrap());
    assert!(!other.hold(Task::Chores).await.unwrap());
    drop(one);
    held_by(&other).await;
    drop(other);

    // A holder that is cut off without a word: it loses the task before another one has it.
    let cut_off = open(proxy.address()).await;
    held_by(&cut_off).await;
    proxy.set(Network::Silent);
    let silent = Instant::now();
    let next = open(address).await;
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert!(cut_off.hold(Task::Chores).await.is_err(), "it cannot know that it has the task");
    held_by(&next).await;
    println!("free after {:?}", silent.elapsed());
    proxy.set(Network::Whole);
    assert!(!cut_off.hold(Task::Chores).await.unwrap(), "it is another one's now");
}
