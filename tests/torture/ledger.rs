//! The ledger of acknowledged changes: the tokens in people's hands, and the state that the store
//! must have.

use std::collections::BTreeMap;

use test_support::random::Random;
use twostep::otp::{Counter, Digits, Hotp, Seed, TimeStepSize, Totp};
use twostep::testing::SimulatedToken;
use twostep::time::UnixTime;

/// The reason of a failed round.
pub(crate) type Fault = String;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Hotp,
    Totp,
    Recovery,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Pending,
    Active,
    Disabled,
}

/// A device as the store must have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Device {
    pub(crate) account: String,
    pub(crate) kind: Kind,
    pub(crate) name: Option<String>,
    pub(crate) state: State,
    /// Restored since its last pair: a clock's codes are in doubt for hours.
    pub(crate) restored: bool,
}

/// All devices, by serial number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Devices(pub(crate) BTreeMap<String, Device>);

/// A token in a person's hand; it is there also when the store has forgotten it.
pub(crate) struct Token {
    pub(crate) seed: Seed,
    /// The next counter, or the least time step that may still be good.
    pub(crate) next: u64,
    /// Counters pressed since one was accepted.
    pub(crate) lag: u64,
    /// Codes that right nowhere were judged since one was accepted.
    pub(crate) failures: u32,
    /// Codes that were accepted, in their order: never again.
    pub(crate) spent: Vec<String>,
    /// A code that was presented and neither accepted nor refused.
    pub(crate) held: Option<Held>,
    /// Recovery codes of the sheet that are not used.
    pub(crate) sheet: Vec<String>,
}

#[derive(Clone, Debug)]
pub(crate) enum Held {
    /// The answer was not received: the code is spent or it is not.
    Maybe(String),
    /// The agent answered 503 and stayed: the code is not spent.
    Good(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Alive,
    Over,
    /// A revocation was under way, and its answer was lost.
    Doubtful,
}

pub(crate) struct Session {
    pub(crate) token: String,
    pub(crate) account: String,
    pub(crate) serial: Option<String>,
    pub(crate) life: Life,
}

#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) tokens: BTreeMap<String, Token>,
    pub(crate) devices: Devices,
    /// The other state a device may have: its change was not answered.
    pub(crate) doubts: BTreeMap<String, Option<Device>>,
    /// The state after each acknowledged change.
    pub(crate) history: Vec<Devices>,
    pub(crate) sessions: Vec<Session>,
    /// Bypass codes that are good, with their account.
    pub(crate) bypass: Vec<(String, String)>,
    /// Single-use codes that are over: account, serial if there is one, code.
    pub(crate) over: Vec<(String, Option<String>, String)>,
}

impl Token {
    pub(crate) fn new(random: &mut Random) -> Token {
        let seed = Seed::new(random.bytes()).unwrap();
        Token {
            seed,
            next: 0,
            lag: 0,
            failures: 0,
            spent: Vec::new(),
            held: None,
            sheet: Vec::new(),
        }
    }

    pub(crate) fn secret(&self) -> String {
        self.seed.to_base32().to_string()
    }

    /// Codes of eight digits: two that are the same by chance would look like a fault.
    pub(crate) fn code(&self, kind: Kind, at: u64) -> String {
        match kind {
            Kind::Totp => SimulatedToken::totp(&self.seed, by_time()).text_at(UnixTime(at * STEP)),
            _ => {
                let parameters = Hotp { digits: eight(), ..Hotp::default() };
                SimulatedToken::hotp(&self.seed, parameters, Counter(at)).press_text()
            }
        }
    }

    /// The next counter.
    pub(crate) fn press(&mut self) -> u64 {
        self.next += 1;
        self.lag += 1;
        self.next - 1
    }

    /// Two consecutive codes, both of which are used up. Those of a clock end with the code of now,
    /// and are fresh if `next` is in the past.
    pub(crate) fn pair(&mut self, kind: Kind) -> [String; 2] {
        let first = match kind {
            Kind::Totp => {
                let second = self.next.max(step_now());
                self.next = second + 1;
                second - 1
            }
            _ => {
                let first = self.press();
                self.press();
                first
            }
        };
        [self.code(kind, first), self.code(kind, first + 1)]
    }

    pub(crate) fn accepted(&mut self, codes: impl IntoIterator<Item = String>) {
        self.spent.extend(codes);
        (self.lag, self.failures, self.held) = (0, 0, None);
    }
}

impl Ledger {
    /// An acknowledged change of one device; none: it was removed.
    pub(crate) fn changed(&mut self, serial: &str, device: Option<Device>) {
        self.devices.set(serial, device);
        self.history.push(self.devices.clone());
    }

    /// A restore has left these devices, all single-use codes void, and all sessions over.
    pub(crate) fn restored(&mut self, devices: Devices) {
        self.devices = devices;
        self.doubts.clear();
        self.history.push(self.devices.clone());
        self.sessions.iter_mut().for_each(|session| session.life = Life::Over);
        self.over
            .extend(self.bypass.drain(..).map(|(account, code)| (account, None, code)));
        for (serial, token) in &mut self.tokens {
            token.held = None;
            let account = self.devices.0.get(serial).map(|device| device.account.clone());
            if let Some(account) = account {
                self.over.extend(
                    token.sheet.drain(..).map(|code| (account.clone(), Some(serial.clone()), code)),
                );
            }
            token.sheet.clear();
        }
    }

    /// The serial numbers of devices that this holds for and that are in no doubt.
    pub(crate) fn serials(&self, fits: impl Fn(&Device) -> bool) -> Vec<String> {
        let sure = |serial: &String| !self.doubts.contains_key(serial);
        self.devices
            .0
            .iter()
            .filter(|(serial, device)| sure(serial) && fits(device))
            .map(|(serial, _)| serial.clone())
            .collect()
    }

    /// Sessions of an account, or of one device, are over.
    pub(crate) fn end_sessions(&mut self, life: Life, of: impl Fn(&Session) -> bool) {
        for session in self
            .sessions
            .iter_mut()
            .filter(|session| session.life != Life::Over && of(session))
        {
            session.life = life;
        }
    }
}

impl Devices {
    pub(crate) fn set(&mut self, serial: &str, device: Option<Device>) {
        match device {
            Some(device) => self.0.insert(serial.to_owned(), device),
            None => self.0.remove(serial),
        };
    }

    pub(crate) fn restored(&self) -> Devices {
        let mut devices = self.clone();
        devices.0.values_mut().for_each(|device| *device = device.clone().restored());
        devices
    }
}

impl Device {
    /// The device after a restore: a counter waits for an administrator.
    pub(crate) fn restored(self) -> Device {
        let state = match (self.kind, self.state) {
            (Kind::Hotp, State::Active) => State::Disabled,
            (_, state) => state,
        };
        Device { state, restored: true, ..self }
    }
}

/// The step of the time now.
pub(crate) fn step_now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    now.as_secs() / STEP
}

fn by_time() -> Totp {
    let step_size = TimeStepSize::try_from(u16::try_from(STEP).unwrap()).unwrap();
    Totp { digits: eight(), step_size, ..Totp::default() }
}

fn eight() -> Digits {
    Digits::try_from(8).unwrap()
}

/// The shortest step there is, so that fresh codes are plentiful.
pub(crate) const STEP: u64 = 10;
