//! Servers of PostgreSQL that tests may hurt: one alone, and three that Patroni keeps.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod served;
mod tasks;

use std::time::Duration;

use test_support::patroni::Cluster;
use test_support::postgres::Server;
use test_support::tools;

#[test]
fn a_server_that_was_killed_starts_with_what_it_had() {
    if !tools::have("postgresql") {
        return;
    }
    let mut server = Server::start();
    server.create("one");
    server.sql("one", "CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)");
    for end in [Server::kill, Server::quit] {
        end(&mut server);
        server.start_again();
        assert_eq!(server.sql("one", "SELECT n FROM kept"), "1");
    }
    server.freeze();
    server.kill();
    server.start_again();
    server.copy("one", "two");
    assert_eq!(server.sql("two", "SELECT n FROM kept"), "1");
    let folder = server.data();
    drop(server);
    wait(|| !folder.exists());
}

#[test]
fn a_cluster_elects_another_leader_when_the_first_one_crashes() {
    if !tools::have("postgresql,etcd,patroni") {
        return;
    }
    let cluster = Cluster::start();
    let first = cluster.leader().unwrap();
    cluster.end_postgres(first, "KILL");
    wait(|| cluster.leader().is_some_and(|leader| leader != first));
    cluster.healthy();
}

fn wait(holds: impl Fn() -> bool) {
    for _ in 0..600 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("it does not come to pass in 30 s");
}
