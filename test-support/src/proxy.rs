//! A TCP proxy that does to connections what networks do: it cuts them, delays them, falls silent,
//! and loses answers.
//!
//! Each direction of a connection is a thread that reads, asks for the state of the network, and
//! writes. A change of that state acts on what is open already.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

/// The state of the network between the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// Everything passes.
    Whole,
    /// Everything passes, each piece so much later.
    Slow(Duration),
    /// Connections are closed, and new ones as soon as they are made.
    Cut,
    /// Connections are accepted and stay open, and nothing passes until this is over.
    Silent,
    /// Requests pass, and answers are lost. Connections that lost one are closed afterwards.
    Deaf,
}

/// A proxy in front of one address. It ends when this is dropped, and with it all that pass it.
pub struct Proxy {
    address: SocketAddr,
    wire: Arc<Wire>,
}

struct Wire {
    to: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    network: Network,
    ended: bool,
    open: Vec<Arc<Pair>>,
    accepted: usize,
    lost: usize,
}

/// The two connections that are joined.
struct Pair {
    client: TcpStream,
    server: TcpStream,
    lost_an_answer: AtomicBool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Request,
    Answer,
}

impl Proxy {
    /// Starts a proxy on a port of its own.
    pub fn before(to: SocketAddr) -> Proxy {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let state =
            State { network: Network::Whole, ended: false, open: Vec::new(), accepted: 0, lost: 0 };
        let wire = Arc::new(Wire { to, state: Mutex::new(state), changed: Condvar::new() });
        let accepting = Arc::clone(&wire);
        thread::spawn(move || accepting.accept(&listener));
        Proxy { address, wire }
    }

    /// The address to connect to instead of the one behind.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the network, for open connections too.
    pub fn set(&self, network: Network) {
        let mut state = self.wire.lock();
        let was = std::mem::replace(&mut state.network, network);
        for pair in &state.open {
            let torn = was == Network::Deaf && pair.lost_an_answer.load(SeqCst);
            if network == Network::Cut || torn {
                pair.close();
            }
        }
        self.wire.changed.notify_all();
    }

    /// Connections accepted so far.
    pub fn accepted(&self) -> usize {
        self.wire.lock().accepted
    }

    /// Pieces of answers lost so far.
    pub fn lost(&self) -> usize {
        self.wire.lock().lost
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let mut state = self.wire.lock();
        state.ended = true;
        state.open.iter().for_each(|pair| pair.close());
        self.wire.changed.notify_all();
        drop(state);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

impl Wire {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn accept(self: &Arc<Wire>, listener: &TcpListener) {
        for client in listener.incoming() {
            let mut state = self.lock();
            if state.ended {
                return;
            }
            let Ok(client) = client else { continue };
            state.accepted += 1;
            if state.network == Network::Cut {
                continue;
            }
            drop(state);
            let wire = Arc::clone(self);
            thread::spawn(move || wire.join(client));
        }
    }

    /// Connects to the other end and passes on what comes from either.
    fn join(self: Arc<Wire>, client: TcpStream) {
        if self.passing().is_none() {
            return;
        }
        let Ok(server) = TcpStream::connect(self.to) else { return };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let pair = Arc::new(Pair { client, server, lost_an_answer: AtomicBool::new(false) });
        {
            let mut state = self.lock();
            if state.ended || state.network == Network::Cut {
                return;
            }
            state.open.push(Arc::clone(&pair));
        }
        let (wire, both) = (Arc::clone(&self), Arc::clone(&pair));
        let answers = thread::spawn(move || wire.pass(&both, Direction::Answer));
        self.pass(&pair, Direction::Request);
        let _ = answers.join();
        self.lock().open.retain(|open| !Arc::ptr_eq(open, &pair));
    }

    /// Passes on one direction until it is closed; then the other one is of no use either.
    fn pass(&self, pair: &Pair, direction: Direction) {
        let (mut from, mut to) = match direction {
            Direction::Request => (&pair.client, &pair.server),
            Direction::Answer => (&pair.server, &pair.client),
        };
        let mut piece = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from.read(&mut piece) {
            let Some(network) = self.passing() else { break };
            match network {
                Network::Deaf if direction == Direction::Answer => {
                    let mut state = self.lock();
                    // The network may have changed since it was asked.
                    if state.network != Network::Deaf {
                        break;
                    }
                    pair.lost_an_answer.store(true, SeqCst);
                    state.lost += 1;
                    continue;
                }
                Network::Slow(by) => thread::sleep(by),
                _ => {}
            }
            // A connection that has lost an answer must not go on in the middle of the next one.
            let torn = direction == Direction::Answer && pair.lost_an_answer.load(SeqCst);
            if torn || to.write_all(&piece[..length]).is_err() {
                break;
            }
        }
        pair.close();
    }

    /// The network, once it is not silent; none when nothing passes any more.
    fn passing(&self) -> Option<Network> {
        let state = self
            .changed
            .wait_while(self.lock(), |state| state.network == Network::Silent && !state.ended)
            .unwrap();
        (!state.ended && state.network != Network::Cut).then_some(state.network)
    }
}

impl Pair {
    fn close(&self) {
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }
}
