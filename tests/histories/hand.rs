//! Tokens that all clients hold, and the codes that each shows next.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use test_support::people::now;
use test_support::random::Random;
use twostep::otp::{Counter, Hotp, LOOK_AHEAD, Seed, Totp};
use twostep::testing::SimulatedToken;
use twostep::time::UnixTime;

use super::event::{Event, Kind, Moment, Reason, Said, SeedId, What};

/// A token, as if copied into each client's hand.
pub(crate) struct Hand {
    pub(crate) seed: SeedId,
    pub(crate) kind: Kind,
    pub(crate) account: String,
    pub(crate) serial: String,
    pub(crate) secret: String,
    /// Codes by step, without those that show again: such a code is accepted at its last step.
    codes: BTreeMap<u64, String>,
    state: Mutex<State>,
}

/// A session that was opened: its token, and when it was asked for and opened.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) token: String,
    pub(crate) asked: Moment,
    pub(crate) opened: Moment,
}

struct State {
    /// The step that clients present.
    step: u64,
    /// Times that it is presented yet.
    left: u32,
    /// The highest step known to be consumed.
    consumed: u64,
    /// Codes are refused unjudged until then.
    quiet_until: Option<Instant>,
    switch: Switch,
    sessions: Vec<Session>,
}

/// The state of the device, as far as its holder knows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Switch {
    On,
    Off,
    /// One client is about to change it.
    Changing,
    Removed,
}

impl Hand {
    pub(crate) fn new(seed: SeedId, kind: Kind) -> Hand {
        let bytes = format!("history {seed:012}").into_bytes();
        let secret = Seed::new(bytes).unwrap();
        let (codes, consumed) = match kind {
            Kind::Totp => {
                let step = now().0 / STEP_SIZE;
                (of_totp(&secret, step), step - STEPS_BEHIND)
            }
            Kind::Hotp | Kind::Guessed => (of_hotp(&secret), 1),
        };
        let state = State {
            step: consumed,
            left: 0,
            consumed,
            quiet_until: None,
            switch: Switch::On,
            sessions: Vec::new(),
        };
        Hand {
            seed,
            kind,
            account: format!("person-{seed}"),
            serial: format!("HIST{seed:08}"),
            secret: secret.to_base32().to_string(),
            codes,
            state: Mutex::new(state),
        }
    }

    /// The step of the second code of the pair that activates the device first.
    pub(crate) fn first(&self) -> u64 {
        self.lock().consumed
    }

    /// The next step with a code that can be presented.
    pub(crate) fn after(&self, step: u64) -> u64 {
        *self.codes.range(step + 1..).next().unwrap().0
    }

    pub(crate) fn code(&self, step: u64) -> &str {
        &self.codes[&step]
    }

    pub(crate) fn pair(&self, last: u64) -> [&str; 2] {
        [self.code(last - 1), self.code(last)]
    }

    /// A code that the token shows nowhere near.
    pub(crate) fn wrong(&self) -> String {
        let shown = |code: &String| self.codes.values().any(|shown| shown == code);
        (0..).map(|number| format!("{number:06}")).find(|code| !shown(code)).unwrap()
    }

    /// The next thing to present; none if there is none now.
    pub(crate) fn next(&self, random: &mut Random) -> Option<What> {
        let mut state = self.lock();
        if state.quiet_until.is_some_and(|until| Instant::now() < until) {
            return None;
        }
        match self.kind {
            Kind::Guessed => Some(What::Guess),
            Kind::Hotp => {
                if random.once_in(30) {
                    return Some(What::Code(state.consumed));
                }
                // A code beyond the look-ahead window would be wrong: while nothing is known to
                // be consumed, the last one is presented again.
                let reach = state.consumed + LOOK_AHEAD - 2;
                self.advance(&mut state, reach, random).map(What::Code)
            }
            Kind::Totp => {
                if random.once_in(10) {
                    return Some(What::Pair(state.step));
                }
                self.advance(&mut state, u64::MAX, random).map(What::Pair)
            }
        }
    }

    fn advance(&self, state: &mut State, reach: u64, random: &mut Random) -> Option<u64> {
        let stride = if self.kind == Kind::Totp { 2 } else { 1 };
        if state.left == 0 {
            let after = state.step.max(state.consumed) + stride;
            let next = self.codes.range(after..=reach.max(after)).map(|(step, _)| *step);
            let fits = |step: &u64| stride == 1 || self.codes.contains_key(&(step - 1));
            if let Some(next) = next.take_while(|step| *step <= reach).find(fits) {
                state.step = next;
                state.left = u32::try_from(random.in_range(1..4)).unwrap();
            } else if self.kind == Kind::Totp || random.once_in(2) {
                return None;
            }
        }
        state.left = state.left.saturating_sub(1);
        Some(state.step)
    }

    /// Two codes that activate the device, above all that may be consumed.
    pub(crate) fn activating(&self) -> Option<u64> {
        let mut state = self.lock();
        let from = state.step.max(state.consumed) + 2;
        let last = self
            .codes
            .range(from..)
            .map(|(step, _)| *step)
            .find(|step| self.codes.contains_key(&(step - 1)))?;
        // No client presents them as codes.
        (state.step, state.left) = (last, 0);
        Some(last)
    }

    /// Learns from the answer to a client.
    pub(crate) fn learn(&self, event: &Event, token: Option<String>) {
        let mut state = self.lock();
        let consumed = event.is_done() || event.said == Said::No(Reason::Used);
        if let Some((_, last)) = event.steps().filter(|_| consumed) {
            state.consumed = state.consumed.max(last);
        }
        if event.said == Said::No(Reason::Other)
            && matches!(event.what, What::Code(_) | What::Guess)
        {
            state.quiet_until = Some(Instant::now() + Duration::from_secs(10));
        }
        if let Some(token) = token {
            let session = Session { token, asked: event.asked, opened: event.answered };
            state.sessions.push(session);
        }
    }

    pub(crate) fn session(&self, random: &mut Random) -> Option<Session> {
        let state = self.lock();
        // The latest ones live yet, the older ones may not.
        let back = random.below(12).min(state.sessions.len().checked_sub(1)?);
        Some(state.sessions[state.sessions.len() - 1 - back].clone())
    }

    /// Lets one client change the device, and says what it is now.
    pub(crate) fn grasp(&self) -> Option<Switch> {
        let mut state = self.lock();
        match state.switch {
            Switch::Changing | Switch::Removed => None,
            known => {
                state.switch = Switch::Changing;
                Some(known)
            }
        }
    }

    pub(crate) fn release(&self, switch: Switch) {
        self.lock().switch = switch;
    }

    /// Steps whose codes are presented no more.
    pub(crate) fn spent(&self) -> Vec<u64> {
        let consumed = self.lock().consumed;
        self.codes.range(..=consumed).map(|(step, _)| *step).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

fn of_hotp(seed: &Seed) -> BTreeMap<u64, String> {
    let mut token = SimulatedToken::hotp(seed, Hotp::default(), Counter(0));
    without_repetitions((0..COUNTERS).map(|counter| (counter, token.press_text())).collect())
}

fn of_totp(seed: &Seed, step: u64) -> BTreeMap<u64, String> {
    let token = SimulatedToken::totp(seed, Totp::default());
    let steps = step - STEPS_BEHIND - 1..=step + STEPS_AHEAD;
    without_repetitions(
        steps.map(|step| (step, token.text_at(UnixTime(step * STEP_SIZE)))).collect(),
    )
}

fn without_repetitions(codes: BTreeMap<u64, String>) -> BTreeMap<u64, String> {
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for code in codes.values() {
        *times.entry(code.clone()).or_default() += 1;
    }
    // The first two are what a device is activated with.
    codes.into_iter().filter(|(step, code)| *step < 2 || times[code] == 1).collect()
}

const STEP_SIZE: u64 = 30;

/// Counters of one token; no history presents so many.
const COUNTERS: u64 = 1_000;

/// An owner's pair is looked for so far from the present, and a step more.
const STEPS_BEHIND: u64 = 10;
const STEPS_AHEAD: u64 = 18;
