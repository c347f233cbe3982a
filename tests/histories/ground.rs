//! The store below the agents, and its misfortunes: one file, one server of PostgreSQL that each
//! agent reaches through a proxy of its own, or a cluster that Patroni keeps.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use test_support::patroni::Cluster;
use test_support::postgres::Server;
use test_support::proxy::{Network, Proxy};
use test_support::random::Random;
use test_support::scratch;

/// The store of one history, which begins empty.
pub(crate) struct Ground<'a> {
    /// Sealing keys, and the file.
    folder: TempDir,
    below: Below<'a>,
    /// The moments at which a leader was lost.
    pub(crate) lost: Mutex<Vec<Instant>>,
}

enum Below<'a> {
    File,
    Server { server: &'a Mutex<Server>, database: String, proxies: Vec<Proxy> },
    Cluster { cluster: &'a Mutex<Cluster>, url: String },
}

/// The number of times that each misfortune came.
pub(crate) type Suffered = BTreeMap<&'static str, usize>;

impl<'a> Ground<'a> {
    pub(crate) fn file() -> Ground<'a> {
        Ground::over(Below::File)
    }

    /// A new database of a server, and the way to it for so many agents.
    pub(crate) fn server(server: &'a Mutex<Server>, number: u64, agents: usize) -> Ground<'a> {
        let database = format!("history_{number}");
        let locked = server.lock().unwrap();
        locked.create(&database);
        let address = (Ipv4Addr::LOCALHOST, locked.port()).into();
        let proxies = (0..agents).map(|_| Proxy::before(address)).collect();
        drop(locked);
        Ground::over(Below::Server { server, database, proxies })
    }

    /// A new database of a cluster.
    pub(crate) fn cluster(cluster: &'a Mutex<Cluster>, number: u64) -> Ground<'a> {
        let locked = cluster.lock().unwrap();
        let database = format!("history_{number}");
        locked.sql("postgres", &format!("CREATE DATABASE {database}"));
        let url = locked.url(&database);
        drop(locked);
        Ground::over(Below::Cluster { cluster, url })
    }

    fn over(below: Below<'a>) -> Ground<'a> {
        Ground { folder: scratch::folder(), below, lost: Mutex::default() }
    }

    /// The address of the store, for one of the agents.
    pub(crate) fn store(&self, agent: usize) -> String {
        match &self.below {
            Below::File => format!("sqlite:{}", self.folder.path().join("store.db").display()),
            Below::Server { proxies, database, .. } => {
                format!("postgres://postgres@{}/{database}", proxies[agent].address())
            }
            Below::Cluster { url, .. } => url.clone(),
        }
    }

    /// The configuration of that agent.
    pub(crate) fn config(&self, agent: usize) -> String {
        let single = if self.is_single() { "single = true\n" } else { "" };
        format!(
            "[store]\nurl = \"{}\"\n{single}key_file = \"{}\"\n\
             [sessions]\nrefusal_interval_ms = 1\n\
             [limits]\nrequests_per_second = 100000\nburst = 100000\n",
            self.store(agent),
            self.folder.path().join("sealing.key").display()
        )
    }

    /// True if no standby is promised.
    pub(crate) fn is_single(&self) -> bool {
        matches!(self.below, Below::Server { .. })
    }

    /// True if nothing befalls the store.
    pub(crate) fn is_file(&self) -> bool {
        matches!(self.below, Below::File)
    }

    /// One misfortune from its beginning to its end; none befalls a file.
    pub(crate) fn hurt(&self, random: &mut Random) -> &'static str {
        match &self.below {
            Below::File => "nothing",
            Below::Server { server, proxies, .. } => match random.below(10) {
                0..3 => hurt_server(&mut server.lock().unwrap(), random),
                _ => hurt_network(proxies, random),
            },
            Below::Cluster { cluster, .. } => {
                let cluster = cluster.lock().unwrap();
                let Some(leader) = cluster.leader() else { return "no leader" };
                let (how, told) = match random.once_in(2) {
                    true => ("KILL", "leader killed"),
                    false => ("QUIT", "leader stopped at once"),
                };
                cluster.end_postgres(leader, how);
                self.lost.lock().unwrap().push(Instant::now());
                cluster.healthy();
                told
            }
        }
    }
}

fn hurt_server(server: &mut Server, random: &mut Random) -> &'static str {
    match random.below(3) {
        0 => {
            server.kill();
            wait(300, random);
            server.start_again();
            "server killed"
        }
        1 => {
            server.quit();
            wait(300, random);
            server.start_again();
            "server stopped at once"
        }
        _ => {
            server.freeze();
            wait(2_500, random);
            server.thaw();
            "server frozen"
        }
    }
}

/// Hurts the way of one agent, or of all.
fn hurt_network(proxies: &[Proxy], random: &mut Random) -> &'static str {
    let slow = Network::Slow(Duration::from_millis(30));
    let (network, most, told) = match random.below(7) {
        0 => (Network::Silent, 2_500, "network silent"),
        1 => (Network::Cut, 800, "network cut"),
        2 => (slow, 800, "network slow"),
        _ => (Network::Deaf, 250, "answers lost"),
    };
    let one = random.below(proxies.len() * 2);
    let hurt = || {
        let chosen = |agent: usize| one >= proxies.len() || one == agent;
        proxies.iter().enumerate().filter(move |(agent, _)| chosen(*agent))
    };
    hurt().for_each(|(_, proxy)| proxy.set(network));
    wait(most, random);
    hurt().for_each(|(_, proxy)| proxy.set(Network::Whole));
    told
}

fn wait(most: u64, random: &mut Random) {
    sleep(Duration::from_millis(random.in_range(50..most)));
}
