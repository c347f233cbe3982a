//! A security key below its USB socket: CTAPHID, CTAP1 and CTAP2 as a key speaks them, and every
//! way to break them.
//!
//! Written apart from what it tests: other CBOR, other assembly of reports, the other side of each
//! PIN protocol.

mod ctap2;
mod u2f;
mod wire;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ciborium::Value;
use twostep::testing::{SimulatedAuthority, SimulatedSecurityKey};

use crate::pin::PinStore;
pub use wire::{bool_of, bytes, get, ids, int, ok, reports, text, text_at};

pub type Report = Vec<u8>;
pub type Channel = [u8; 4];

pub const BROADCAST: Channel = [0xff; 4];
/// The channel that a key gives out first.
pub const FIRST: Channel = [0, 0, 0, 1];
pub const MSG: u8 = 0x03;
pub const INIT: u8 = 0x06;
pub const CBOR: u8 = 0x10;
pub const CANCEL: u8 = 0x11;
pub const KEEPALIVE: u8 = 0x3b;
pub const ERROR: u8 = 0x3f;

/// The moment at which the person touches the key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Touch {
    After(Duration),
    Never,
    /// A touch that means no.
    Deny,
}

/// A whole message that the key has received.
#[derive(Clone, Debug)]
pub struct Request {
    pub channel: Channel,
    pub command: u8,
    pub data: Vec<u8>,
}

/// Answers a request in the key's place; `None` leaves it to the key.
pub type Mischief = Box<dyn FnMut(&Request) -> Option<Vec<Report>> + Send>;

/// Adds reports when a reader finds none.
pub type Flood = Box<dyn FnMut() -> Option<Report> + Send>;

/// The delay of every message of a key.
#[derive(Clone, Copy, Debug)]
pub struct Delay {
    pub by: Duration,
    /// Messages are processed one after the other, and each takes as long.
    pub in_turn: bool,
}

pub struct Device {
    pub key: SimulatedSecurityKey,
    pub authority: SimulatedAuthority,
    pub fido2: bool,
    pub u2f: bool,
    pub versions: Vec<&'static str>,
    pub pin: PinStore,
    /// A fingerprint reader, and how many wrong fingers come first.
    pub finger: Option<u32>,
    pub touch: Touch,
    /// Credentials are hidden until the user is verified.
    pub hides: bool,
    /// Answers leave out the id of the only credential that was asked for.
    pub omits_id: bool,
    pub most_in_list: Option<u64>,
    /// The format and the statement that it makes a credential with; without a statement, it leaves
    /// that out.
    pub statement: (&'static str, Option<Value>),
    /// INIT is answered with "busy" during the wait for a touch.
    pub busy: bool,
    pub report_length: usize,
    /// Time spent on each command of CTAP2, with a keepalive now and then.
    pub works: Option<Duration>,
    pub working: Option<(Request, Instant, Instant)>,
    /// Another program holds the key exclusively until then.
    pub held: Option<Instant>,
    /// One of so many reports is lost on its way, in either direction.
    pub loses: Option<u64>,
    pub carried: u64,
    pub delay: Option<Delay>,
    pub delayed: VecDeque<(Instant, Report)>,
    pub mischief: Option<Mischief>,
    pub flood: Option<Flood>,
    /// Reports in both directions until the key is unplugged.
    pub reports_left: Option<usize>,
    pub unplugged: bool,
    pub cancelled: usize,
    pub blinked: usize,
    /// Every command byte that it was given.
    pub commands: Vec<u8>,
    pub next_channel: u32,
    pub openers: Vec<Arc<Mutex<VecDeque<Report>>>>,
    pub receiving: Option<(Request, usize, u8)>,
    pub received: Instant,
    pub pending: Option<(Request, Instant, Instant)>,
    pub u2f_asked: Option<Instant>,
}

enum Outcome {
    Reply(Vec<u8>),
    NeedsTouch,
}

impl Device {
    pub fn new(name: &str) -> Device {
        Device {
            key: SimulatedSecurityKey::new(name),
            authority: SimulatedAuthority::new("Simulated Keys"),
            fido2: true,
            u2f: true,
            versions: vec!["U2F_V2", "FIDO_2_0", "FIDO_2_1"],
            pin: PinStore::new(),
            finger: None,
            touch: Touch::After(Duration::from_millis(5)),
            hides: false,
            omits_id: false,
            most_in_list: None,
            statement: ("none", Some(Value::Map(Vec::new()))),
            busy: false,
            report_length: 64,
            works: None,
            working: None,
            held: None,
            loses: None,
            carried: 0,
            delay: None,
            delayed: VecDeque::new(),
            mischief: None,
            flood: None,
            reports_left: None,
            unplugged: false,
            cancelled: 0,
            blinked: 0,
            commands: Vec::new(),
            next_channel: 1,
            openers: Vec::new(),
            receiving: None,
            received: Instant::now(),
            pending: None,
            u2f_asked: None,
        }
    }

    pub fn u2f_only(name: &str) -> Device {
        Device { fido2: false, ..Device::new(name) }
    }

    pub fn with_pin(name: &str, pin: &str) -> Device {
        let mut device = Device::new(name);
        device.pin.set(pin);
        device
    }

    pub fn open(&mut self) -> Arc<Mutex<VecDeque<Report>>> {
        let queue = Arc::default();
        self.openers.retain(|opener| Arc::strong_count(opener) > 1);
        self.openers.push(Arc::clone(&queue));
        queue
    }

    /// Number of programs that have the key open.
    pub fn open_count(&self) -> usize {
        self.openers.iter().filter(|opener| Arc::strong_count(opener) > 1).count()
    }

    /// Counts a report on the wire; `false` once the key is gone.
    pub fn count_report(&mut self) -> bool {
        if let Some(left) = &mut self.reports_left {
            match left.checked_sub(1) {
                Some(fewer) => *left = fewer,
                None => self.unplugged = true,
            }
        }
        !self.unplugged
    }

    /// True if the next report is lost.
    fn loses(&mut self) -> bool {
        // In step with no loop of a program: Knuth's generator, MMIX.
        self.carried = self
            .carried
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.loses.is_some_and(|one_of| (self.carried >> 33).is_multiple_of(one_of))
    }

    /// Puts a report before every program that has the key open. The kernel keeps 64 for each.
    pub fn push(&mut self, mut report: Report) {
        if self.loses() {
            return;
        }
        report.truncate(64);
        for opener in &self.openers {
            let mut queue = opener.lock().unwrap();
            if queue.len() < 64 {
                queue.push_back(report.clone());
            }
        }
    }

    pub fn reply(&mut self, channel: Channel, command: u8, data: &[u8]) {
        self.send(reports(channel, command, data, self.report_length));
    }

    /// Says a whole message, now or later.
    fn send(&mut self, message: Vec<Report>) {
        let Some(Delay { by, in_turn }) = self.delay else {
            return message.into_iter().for_each(|report| self.push(report));
        };
        let last = self.delayed.back().filter(|_| in_turn).map(|(due, _)| *due);
        let due = last.map_or_else(Instant::now, |last| last.max(Instant::now())) + by;
        self.delayed.extend(message.into_iter().map(|report| (due, report)));
    }

    fn error(&mut self, channel: Channel, code: u8) {
        self.reply(channel, ERROR, &[code]);
    }

    /// A report from the host.
    pub fn take(&mut self, report: &[u8]) {
        if self.loses() {
            return;
        }
        let channel: Channel = report[..4].try_into().unwrap();
        // The rest of a message may take half a second (CTAP 2.1 §11.2.5.2).
        if self.received.elapsed() > Duration::from_millis(500)
            && let Some((request, ..)) = self.receiving.take()
        {
            self.error(request.channel, 0x05);
        }
        let busy = self.pending.as_ref().is_some_and(|(request, ..)| request.channel != channel);
        if report[4] & 0x80 != 0 {
            let (command, length) =
                (report[4] & 0x7f, usize::from(u16::from_be_bytes([report[5], report[6]])));
            if command == CANCEL {
                return self.cancel(channel);
            }
            let receiving =
                self.receiving.as_ref().is_some_and(|(request, ..)| request.channel != channel);
            if receiving || busy && (command != INIT || self.busy) {
                return self.error(channel, 0x06);
            }
            let data = report[7..report.len().min(7 + length)].to_vec();
            self.receiving = Some((Request { channel, command, data }, length, 0));
            self.received = Instant::now();
        } else {
            match &mut self.receiving {
                Some((request, length, next)) if request.channel == channel => {
                    if *next != report[4] {
                        self.receiving = None;
                        return self.error(channel, 0x04);
                    }
                    *next += 1;
                    self.received = Instant::now();
                    let missing = *length - request.data.len();
                    request.data.extend(&report[5..report.len().min(5 + missing)]);
                }
                _ => return,
            }
        }
        if self
            .receiving
            .as_ref()
            .is_some_and(|(request, length, _)| request.data.len() == *length)
        {
            let (request, ..) = self.receiving.take().unwrap();
            self.answer(request);
        }
    }

    fn cancel(&mut self, channel: Channel) {
        self.working = None;
        if self.pending.as_ref().is_some_and(|(request, ..)| request.channel == channel) {
            self.pending = None;
            self.cancelled += 1;
            self.reply(channel, CBOR, &[0x2d]);
        }
    }

    fn answer(&mut self, request: Request) {
        if let Some(mut mischief) = self.mischief.take() {
            let reports = mischief(&request);
            self.mischief = Some(mischief);
            if let Some(reports) = reports {
                return self.send(reports);
            }
        }
        match request.command {
            INIT => self.init(&request),
            CBOR if self.fido2 => {
                self.commands.extend(request.data.first());
                match self.works {
                    Some(works) => {
                        self.working = Some((request, Instant::now() + works, Instant::now()))
                    }
                    None => self.run(request),
                }
            }
            MSG if self.u2f => {
                let answer = self.u2f(&request.data);
                self.reply(request.channel, MSG, &answer);
            }
            _ => self.error(request.channel, 0x01),
        }
    }

    fn init(&mut self, request: &Request) {
        let channel = self.next_channel.to_be_bytes();
        self.next_channel += 1;
        let capabilities = if self.fido2 { 0x04 } else { 0 } | if self.u2f { 0 } else { 0x08 };
        let data = [&request.data[..8], &channel, &[2, 5, 7, 1, capabilities]].concat();
        self.reply(request.channel, INIT, &data);
    }

    fn run(&mut self, request: Request) {
        match self.execute(&request.data, None) {
            Outcome::Reply(reply) => self.reply(request.channel, CBOR, &reply),
            Outcome::NeedsTouch => {
                self.blinked += 1;
                self.pending = Some((request, Instant::now(), Instant::now()));
            }
        }
    }

    /// Time passes: keepalives, touches, floods.
    pub fn tick(&mut self) {
        let now = Instant::now();
        while self.delayed.front().is_some_and(|(due, _)| *due <= now) {
            let (_, report) = self.delayed.pop_front().unwrap();
            self.push(report);
        }
        if let Some((request, end, next)) = self.working.take() {
            match now {
                now if now >= end => self.run(request),
                now if now >= next => {
                    self.reply(request.channel, KEEPALIVE, &[1]);
                    self.working = Some((request, end, now + Duration::from_millis(20)));
                }
                _ => self.working = Some((request, end, next)),
            }
        }
        if let Some((request, since, next)) = self.pending.take() {
            let touched = match self.touch {
                Touch::After(delay) if now.duration_since(since) >= delay => Some(true),
                Touch::Deny => Some(false),
                _ => None,
            };
            match touched {
                Some(touched) => {
                    let Outcome::Reply(reply) = self.execute(&request.data, Some(touched)) else {
                        unreachable!("it was touched")
                    };
                    self.reply(request.channel, CBOR, &reply);
                }
                None if now >= next => {
                    self.reply(request.channel, KEEPALIVE, &[2]);
                    self.pending = Some((request, since, now + Duration::from_millis(20)));
                }
                None => self.pending = Some((request, since, next)),
            }
        }
        if let Some(mut flood) = self.flood.take() {
            if let Some(report) = flood() {
                self.push(report);
            }
            self.flood = Some(flood);
        }
    }
}
