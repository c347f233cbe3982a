//! Commands to one key, each sent and answered within a deadline (CTAP 2.1 §11.2).

use std::time::{Duration, Instant};

use super::deadline::Deadline;
use super::fault::Fault;
use super::frame::{Assembly, BROADCAST, Frame, LONGEST_REPORT, Part, command};
use super::hid::{Channel, SILENCE};

/// The reason why a command waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// A touch.
    Touch,
    /// The end of what another program does with it.
    Busy,
}

/// Callback for the time in which a key waits.
pub(super) trait OnWait {
    fn on_wait(&mut self, wait: Wait);
}

impl<F: FnMut(Wait)> OnWait for F {
    fn on_wait(&mut self, wait: Wait) {
        self(wait);
    }
}

/// A channel, the deadline for its commands, and the callback for the time it waits.
pub(super) struct Link<'a> {
    pub(super) channel: &'a mut Channel,
    pub(super) deadline: Deadline,
    pub(super) on_wait: &'a mut dyn OnWait,
}

/// Times after which an answer is taken for lost.
#[derive(Clone, Copy)]
struct Patience {
    /// While the key talks to other programs.
    crowded: Duration,
    /// Otherwise.
    alone: Duration,
    /// The shortest pause after "busy".
    after_busy: Duration,
}

/// The reason why one exchange failed.
enum ExchangeError {
    /// Another channel has the key: nothing was done.
    Busy,
    /// The key lost the thread: nothing was done, and a new channel may help.
    Lost(&'static str),
    Fault(Fault),
}

impl Link<'_> {
    /// The same link, whose commands end no later than this deadline.
    pub(super) fn until(&mut self, deadline: Deadline) -> Link<'_> {
        Link { channel: self.channel, deadline, on_wait: self.on_wait }
    }

    pub(super) fn tell(&mut self, wait: Wait) {
        self.on_wait.on_wait(wait);
    }

    /// Sends a message and receives the answer to it.
    ///
    /// An exchange cut short by the deadline is cancelled at the key, which then stops blinking. A
    /// message that gets lost while the key answers other programs too is sent again, unless it
    /// carries a PIN.
    ///
    /// # Errors
    /// Among others [`Fault::Busy`] and [`Fault::Slow`]: the limit passed, and the key is well as
    /// far as we know.
    pub(super) fn call(&mut self, command: u8, message: &[u8]) -> Result<Vec<u8>, Fault> {
        self.channel.traffic.begin_exchange();
        if self.channel.repeated {
            self.reconnect()?;
        }
        self.until_answered(command, message)
            .map_err(|fault| self.channel.at_deadline(fault))
    }

    fn until_answered(&mut self, command: u8, message: &[u8]) -> Result<Vec<u8>, Fault> {
        let may_repeat = command != command::CBOR || message.first() != Some(&CLIENT_PIN);
        let (mut pause, mut resets, mut lost) = (BACKOFF.0, 0, 0_u32);
        let (mut crowded, mut alone) = (self.channel.patience(ASK_AGAIN.1), SILENCE);
        self.channel.drop_stale(&self.deadline)?;
        loop {
            let patience = Patience { crowded, alone, after_busy: pause };
            match self.exchange((command, message), patience) {
                Ok(answer) => return Ok(answer),
                Err(ExchangeError::Busy) => {
                    pause = (pause * 2).min(BACKOFF.1);
                    self.channel.repeated = true;
                    // A "busy" that is still on its way would send it once more, and cost another
                    // try of the PIN.
                    if !may_repeat {
                        self.reconnect()?;
                    }
                }
                Err(ExchangeError::Lost(_))
                    if resets < MOST_RESETS || self.channel.traffic.excuses() =>
                {
                    resets += 1;
                    self.reconnect()?;
                }
                Err(ExchangeError::Lost(why)) => return Err(Fault::Odd(why)),
                Err(ExchangeError::Fault(Fault::Silent | Fault::Odd(_)))
                    if may_repeat && self.channel.traffic.excuses() =>
                {
                    if self.channel.traffic.is_crowded() {
                        self.tell(Wait::Busy);
                    }
                    if command == command::CBOR {
                        self.channel.cancel();
                    }
                    lost += 1;
                    if lost.is_multiple_of(2) {
                        crowded = (crowded * 2).min(SILENCE);
                    }
                    alone = (alone * 2).min(LONGEST_WAIT);
                    self.reconnect()?;
                }
                Err(ExchangeError::Fault(fault)) => {
                    if command == command::CBOR
                        && matches!(fault, Fault::Stopped | Fault::Late | Fault::Silent)
                    {
                        self.channel.cancel();
                    }
                    return Err(fault);
                }
            }
        }
    }

    /// Leaves what is still on its way on the old channel behind.
    pub(super) fn reconnect(&mut self) -> Result<(), Fault> {
        self.channel.listen_off(&self.deadline, BACKOFF.0)?;
        self.connect()
    }

    /// Requests a channel on the broadcast channel. A nonce tells the answer from those to other
    /// programs.
    pub(super) fn connect(&mut self) -> Result<(), Fault> {
        let mut nonce = [0; 8];
        getrandom::fill(&mut nonce)
            .map_err(|_| Fault::Odd("this machine has no random numbers"))?;
        self.channel.traffic.give_up(self.channel.id);
        let (mut pause, mut again) = (BACKOFF.0, self.channel.patience(ASK_AGAIN.0));
        let asked = Instant::now();
        loop {
            self.channel.traffic.begin_exchange();
            self.channel.send(BROADCAST, command::INIT, &nonce)?;
            let trouble = match self.channel_answer(&nonce, (again, pause)) {
                Ok(answer) => {
                    self.channel.note_pace(asked.elapsed());
                    return self.channel.adopt(&answer, nonce);
                }
                Err(trouble) => trouble,
            };
            match trouble {
                ExchangeError::Busy => pause = (pause * 2).min(BACKOFF.1),
                ExchangeError::Fault(Fault::Late) => match self.deadline.slice() {
                    Ok(_) if !self.channel.traffic.excuses() => return Err(Fault::Silent),
                    Ok(_) => {
                        if self.channel.traffic.is_crowded() {
                            self.tell(Wait::Busy);
                        }
                        again = (again * 2).min(SILENCE);
                    }
                    Err(fault) => {
                        return Err(if self.channel.at_deadline(fault.clone()) == Fault::Late {
                            Fault::Silent
                        } else {
                            self.channel.at_deadline(fault)
                        });
                    }
                },
                ExchangeError::Fault(fault) => return Err(fault),
                ExchangeError::Lost(why) => return Err(Fault::Odd(why)),
            }
        }
    }

    /// Waits for the answer to this INIT, and skips the answers to others. A key that is completely
    /// silent gets the longest time CTAPHID allows: it would answer a second INIT only after the
    /// first.
    fn channel_answer(
        &mut self,
        nonce: &[u8],
        (again, pause): (Duration, Duration),
    ) -> Result<Vec<u8>, ExchangeError> {
        let mut assembly = Assembly::default();
        let asked = Instant::now();
        let mut busy: Option<Duration> = None;
        loop {
            let mut report = [0; LONGEST_REPORT];
            let patience =
                busy.unwrap_or(if self.channel.traffic.excuses() { again } else { SILENCE });
            let wait = self.deadline.within(patience.saturating_sub(asked.elapsed()));
            let frame = match self.channel.receive(&mut report, &wait) {
                Err(Fault::Late) if busy.is_some() && !self.deadline.left().is_zero() => {
                    return Err(ExchangeError::Busy);
                }
                other => other?,
            };
            let Some(frame) = frame else { continue };
            if frame.channel != BROADCAST {
                self.channel.traffic.note(&frame);
                continue;
            }
            match frame.part {
                // The error may answer another program, and this INIT may still be answered.
                Part::Initial(command::ERROR, _, [BUSY, ..]) => {
                    self.channel.traffic.note_others();
                    self.tell(Wait::Busy);
                    busy = busy.or(Some(again_after(asked.elapsed(), pause)));
                    continue;
                }
                // The answer may be another program's; if it is ours, no other will come.
                Part::Initial(command::INIT, ..) => assembly = Assembly::default(),
                Part::Initial(..) => {
                    self.channel.traffic.note(&frame);
                    continue;
                }
                Part::Continuation(..) => {}
            }
            if let Ok(Some((_, answer))) = assembly.take(frame.part, self.channel.reports_in)
                && answer.len() >= INIT_ANSWER
                && answer.starts_with(nonce)
            {
                return Ok(answer);
            }
            self.channel.traffic.note(&frame);
        }
    }

    /// Sends one message and receives the answer.
    fn exchange(
        &mut self,
        (asked, message): (u8, &[u8]),
        patience: Patience,
    ) -> Result<Vec<u8>, ExchangeError> {
        self.channel.traffic.begin_exchange();
        self.channel.send(self.channel.id, asked, message)?;
        let mut assembly = Assembly::default();
        let asked_at = Instant::now();
        let (mut heard, mut blinking) = (asked_at, false);
        let mut busy: Option<Duration> = None;
        loop {
            let mut report = [0; LONGEST_REPORT];
            let wait = match (busy, self.channel.traffic.is_crowded()) {
                (Some(busy), _) => busy.saturating_sub(asked_at.elapsed()),
                (None, true) => patience.crowded.saturating_sub(heard.elapsed()),
                (None, false) => patience.alone.saturating_sub(heard.elapsed()),
            };
            let Some(frame) = self.frame(&mut report, wait, busy.is_some())? else { continue };
            heard = Instant::now();
            let reports_in = self.channel.reports_in;
            match assembly.take(frame.part, reports_in).map_err(Fault::Odd)? {
                None => {}
                Some((command::KEEPALIVE, status)) => {
                    // The key has taken the message after all.
                    busy = None;
                    self.note_keepalive(&status, &mut blinking);
                    assembly = Assembly::default();
                }
                Some((command::ERROR, code)) => match error(code.first().copied()) {
                    // Each report of a message can be rejected, and one that was sent before may
                    // have been taken.
                    ExchangeError::Busy => {
                        self.channel.traffic.note_others();
                        self.tell(Wait::Busy);
                        let again = again_after(asked_at.elapsed(), patience.after_busy);
                        busy = busy.or(Some(again));
                        assembly = Assembly::default();
                    }
                    error => return Err(error),
                },
                Some((command, answer)) if command == asked => {
                    self.channel.note_pace(asked_at.elapsed());
                    return Ok(answer);
                }
                Some(_) => return Err(Fault::Odd("it answered another command").into()),
            }
        }
    }

    /// Waits for a report; `None` unless it is a frame of this channel.
    fn frame<'a>(
        &mut self,
        report: &'a mut [u8; LONGEST_REPORT],
        wait: Duration,
        busy: bool,
    ) -> Result<Option<Frame<'a>>, ExchangeError> {
        let frame = match self.channel.receive(report, &self.deadline.within(wait)) {
            Err(Fault::Late) if !self.deadline.left().is_zero() => {
                return Err(if busy { ExchangeError::Busy } else { Fault::Silent.into() });
            }
            other => other?,
        };
        let others = frame.filter(|frame| frame.channel != self.channel.id);
        others.iter().for_each(|frame| self.channel.traffic.note(frame));
        Ok(frame.filter(|_| others.is_none()))
    }

    fn note_keepalive(&mut self, status: &[u8], blinking: &mut bool) {
        match status.first() {
            Some(&KEEPALIVE_TOUCH) => {
                self.channel.traffic.note_touch();
                if !std::mem::replace(blinking, true) {
                    self.tell(Wait::Touch);
                }
            }
            Some(_) => self.channel.traffic.note_work(),
            None => {}
        }
    }
}

/// Time after which a rejected message is sent again, counted from when it was sent: by then all
/// the key's reports about it have arrived.
fn again_after(took: Duration, pause: Duration) -> Duration {
    took + took.max(pause)
}

/// Translates a CTAPHID_ERROR (CTAP 2.1 §11.2.9.1.6).
fn error(code: Option<u8>) -> ExchangeError {
    match code {
        Some(BUSY) => ExchangeError::Busy,
        Some(0x04) => ExchangeError::Lost("it saw a wrong sequence number"),
        Some(0x05) => ExchangeError::Lost("it waited too long for the rest of a message"),
        Some(0x0b) => ExchangeError::Lost("it forgot our channel"),
        Some(0x01) => Fault::Content("it does not know a command of its protocol").into(),
        Some(0x02) => Fault::Content("it did not like a parameter").into(),
        Some(0x03) => Fault::Content("it did not like a length").into(),
        Some(0x0a) => Fault::Content("it wants a locked channel").into(),
        Some(_) => Fault::Content("it failed for an unknown reason").into(),
        None => Fault::Content("it sent an empty error").into(),
    }
}

impl From<Fault> for ExchangeError {
    fn from(fault: Fault) -> ExchangeError {
        ExchangeError::Fault(fault)
    }
}

/// After so long without an answer, while it answers other programs, a key is asked again: the
/// kernel's queues drop what does not fit. First for a channel, then for anything else; the pauses
/// grow, because the key may be slow too.
const ASK_AGAIN: (Duration, Duration) = (Duration::from_millis(400), Duration::from_secs(1));

/// The longest pause for a key that answers later than any key may.
const LONGEST_WAIT: Duration = Duration::from_secs(16);

/// The first pause after "busy", and the longest.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(160));

/// The most channels requested for one command before the key is given up.
const MOST_RESETS: u32 = 3;

/// The answer to INIT: nonce, channel, protocol version, device version, capabilities.
const INIT_ANSWER: usize = 17;

const KEEPALIVE_TOUCH: u8 = 2;

const BUSY: u8 = 0x06;

/// The command of CTAP2 that carries a PIN (CTAP 2.1 §6.5).
const CLIENT_PIN: u8 = 0x06;
