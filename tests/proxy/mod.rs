//! The proxy that hurts connections in other tests does what it says.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use test_support::proxy::{Network, Proxy};

/// A server that answers each line with the same line.
struct Echo {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
    connected: Arc<AtomicUsize>,
}

impl Echo {
    fn start() -> Echo {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (heard, connected) = (Arc::<Mutex<Vec<String>>>::default(), Arc::default());
        let echo = Echo { address, heard: Arc::clone(&heard), connected: Arc::clone(&connected) };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, heard) = (stream.unwrap(), Arc::clone(&heard));
                connected.fetch_add(1, SeqCst);
                std::thread::spawn(move || {
                    let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                    for line in lines.map_while(Result::ok) {
                        heard.lock().unwrap().push(line.clone());
                        if stream.write_all(format!("{line}\n").as_bytes()).is_err() {
                            break;
                        }
                    }
                });
            }
        });
        echo
    }

    /// Waits until the server has this line.
    fn has(&self, line: &str) -> bool {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !self.heard.lock().unwrap().iter().any(|heard| heard == line) {
            if Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        true
    }
}

struct Caller(BufReader<TcpStream>);

impl Caller {
    fn of(proxy: &Proxy) -> Caller {
        let stream = TcpStream::connect(proxy.address()).unwrap();
        stream.set_read_timeout(Some(SHORT)).unwrap();
        Caller(BufReader::new(stream))
    }

    fn says(&mut self, line: &str) {
        let _ = self.0.get_mut().write_all(format!("{line}\n").as_bytes());
    }

    fn hears(&mut self) -> Heard {
        let mut line = String::new();
        match self.0.read_line(&mut line) {
            Ok(1..) => Heard::Line(line.trim_end().to_owned()),
            Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => {
                Heard::Nothing
            }
            Ok(_) | Err(_) => Heard::End,
        }
    }

    /// Waits as long as it takes on a busy machine.
    fn hears_late(&mut self) -> Heard {
        self.0.get_ref().set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let heard = self.hears();
        self.0.get_ref().set_read_timeout(Some(SHORT)).unwrap();
        heard
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Heard {
    Line(String),
    Nothing,
    End,
}

fn line(text: &str) -> Heard {
    Heard::Line(text.to_owned())
}

/// Long enough to be sure that nothing comes.
const SHORT: Duration = Duration::from_millis(200);

fn proxied() -> (Echo, Proxy, Caller) {
    let echo = Echo::start();
    let proxy = Proxy::before(echo.address);
    let mut caller = Caller::of(&proxy);
    caller.says("hello");
    assert_eq!(caller.hears_late(), line("hello"));
    (echo, proxy, caller)
}

#[test]
fn a_cut_network_closes_open_and_new_connections_until_it_heals() {
    let (_echo, proxy, mut caller) = proxied();
    proxy.set(Network::Cut);
    assert_eq!(caller.hears_late(), Heard::End);
    assert_eq!(Caller::of(&proxy).hears_late(), Heard::End);
    proxy.set(Network::Whole);
    let mut caller = Caller::of(&proxy);
    caller.says("again");
    assert_eq!(caller.hears_late(), line("again"));
    assert_eq!(proxy.accepted(), 3);
}

#[test]
fn a_silent_network_holds_everything_and_delivers_it_afterwards() {
    let (echo, proxy, mut caller) = proxied();
    proxy.set(Network::Silent);
    caller.says("held");
    let mut second = Caller::of(&proxy);
    second.says("held too");
    assert_eq!((caller.hears(), second.hears()), (Heard::Nothing, Heard::Nothing));
    assert_eq!(echo.connected.load(SeqCst), 1, "the second one was not put through");
    assert_eq!(*echo.heard.lock().unwrap(), ["hello"]);
    proxy.set(Network::Whole);
    assert_eq!(caller.hears_late(), line("held"));
    assert_eq!(second.hears_late(), line("held too"));
}

#[test]
fn a_deaf_network_passes_requests_and_loses_their_answers_for_good() {
    let (echo, proxy, mut caller) = proxied();
    proxy.set(Network::Deaf);
    caller.says("lost");
    assert!(echo.has("lost"));
    assert_eq!(caller.hears(), Heard::Nothing);
    assert_eq!(proxy.lost(), 1);
    proxy.set(Network::Whole);
    assert_eq!(caller.hears_late(), Heard::End, "no later answer takes the lost one's place");
    let mut caller = Caller::of(&proxy);
    caller.says("new");
    assert_eq!(caller.hears_late(), line("new"));
}

#[test]
fn a_slow_network_delivers_late_and_in_order() {
    let (_echo, proxy, mut caller) = proxied();
    proxy.set(Network::Slow(Duration::from_millis(60)));
    let began = Instant::now();
    caller.says("one");
    assert_eq!(caller.hears_late(), line("one"));
    assert!(began.elapsed() >= Duration::from_millis(120), "{:?}", began.elapsed());
    caller.says("two\nthree");
    assert_eq!((caller.hears_late(), caller.hears_late()), (line("two"), line("three")));
}

#[test]
fn a_proxy_ends_with_its_connections() {
    let (_echo, proxy, mut caller) = proxied();
    proxy.set(Network::Silent);
    let mut second = Caller::of(&proxy);
    drop(proxy);
    assert_eq!((caller.hears_late(), second.hears_late()), (Heard::End, Heard::End));
}
