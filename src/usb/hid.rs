//! CTAPHID: one channel to one key (CTAP 2.1 §11.2).
//!
//! The kernel shows every report to every program that has the key open, so what is on other
//! channels is passed over. Each wait ends at the limit it is given, whatever the key sends.

use std::time::{Duration, Instant};

use super::bus::Transport;
use super::fault::Fault;
use super::frame::{
    Assembly, BROADCAST, ChannelId, Frame, LONGEST_REPORT, Part, SHORTEST_REPORT, command, reports,
};
use super::limit::Limit;
use super::traffic::{Hindrance, Traffic};

/// What a key asks for while it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    /// A touch.
    Touch,
    /// The end of what another program does with it.
    Turn,
}

/// A channel that the key has given to us alone.
pub(super) struct Channel {
    transport: Box<dyn Transport>,
    id: ChannelId,
    reports_in: usize,
    reports_out: usize,
    capabilities: u8,
    traffic: Traffic,
    /// The shortest time in which it has answered.
    pace: Option<Duration>,
    /// A command was sent more than once: another answer to it may be on its way.
    repeated: bool,
    /// The version of the device: major, minor, build.
    pub(super) version: [u8; 3],
}

/// Why an exchange did not work out.
enum Trouble {
    /// Another channel has the key: nothing was done.
    Busy,
    /// The key lost the thread: nothing was done, and a new channel may help.
    Lost(&'static str),
    Fault(Fault),
}

impl Channel {
    /// Asks for a channel, as often as it takes while other programs talk to the key.
    pub(super) fn open(
        transport: Box<dyn Transport>,
        limit: &Limit,
        say: &mut dyn FnMut(Waiting),
    ) -> Result<Channel, Fault> {
        let (reports_in, reports_out) = transport.report_lengths();
        let fits = SHORTEST_REPORT..=LONGEST_REPORT;
        if !fits.contains(&reports_in) || !fits.contains(&reports_out) {
            return Err(Fault::Odd("its reports are not 8 to 64 bytes long"));
        }
        let mut channel = Channel {
            transport,
            id: BROADCAST,
            reports_in,
            reports_out,
            capabilities: 0,
            traffic: Traffic::default(),
            pace: None,
            repeated: false,
            version: [0; 3],
        };
        channel.init(limit, say)?;
        Ok(channel)
    }

    pub(super) fn knows_cbor(&self) -> bool {
        self.capabilities & KNOWS_CBOR != 0
    }

    pub(super) fn knows_u2f(&self) -> bool {
        self.capabilities & KNOWS_NO_MSG == 0
    }

    /// Sends a message and receives the answer to it.
    ///
    /// What is cut short by the limit is cancelled at the key, which then stops blinking. A message
    /// that gets lost while the key answers other programs too is sent again, unless it carries a
    /// PIN.
    ///
    /// # Errors
    /// Among others [`Fault::Busy`] and [`Fault::Slow`]: the limit passed, and the key is well as
    /// far as we know.
    pub(super) fn call(
        &mut self,
        command: u8,
        message: &[u8],
        limit: &Limit,
        say: &mut dyn FnMut(Waiting),
    ) -> Result<Vec<u8>, Fault> {
        self.traffic.begin_exchange();
        if self.repeated {
            self.ask_for_another_channel(limit, say)?;
        }
        self.until_answered(command, message, limit, say)
            .map_err(|fault| self.at_deadline(fault))
    }

    fn until_answered(
        &mut self,
        command: u8,
        message: &[u8],
        limit: &Limit,
        say: &mut dyn FnMut(Waiting),
    ) -> Result<Vec<u8>, Fault> {
        let may_repeat = command != command::CBOR || message.first() != Some(&CLIENT_PIN);
        let (mut pause, mut resets, mut lost) = (BACKOFF.0, 0, 0_u32);
        let (mut crowded, mut alone) = (self.patience(ASK_AGAIN.1), SILENCE);
        self.drop_stale(limit)?;
        loop {
            match self.exchange((command, message), (crowded, alone, pause), limit, say) {
                Ok(answer) => return Ok(answer),
                Err(Trouble::Busy) => {
                    pause = (pause * 2).min(BACKOFF.1);
                    self.repeated = true;
                    // A "busy" that is still on its way would send it once more, and cost another
                    // try of the PIN.
                    if !may_repeat {
                        self.ask_for_another_channel(limit, say)?;
                    }
                }
                Err(Trouble::Lost(_)) if resets < MOST_RESETS || self.traffic.excuses() => {
                    resets += 1;
                    self.ask_for_another_channel(limit, say)?;
                }
                Err(Trouble::Lost(why)) => return Err(Fault::Odd(why)),
                Err(Trouble::Fault(Fault::Silent | Fault::Odd(_)))
                    if may_repeat && self.traffic.excuses() =>
                {
                    if self.traffic.is_crowded() {
                        say(Waiting::Turn);
                    }
                    if command == command::CBOR {
                        self.cancel();
                    }
                    lost += 1;
                    if lost.is_multiple_of(2) {
                        crowded = (crowded * 2).min(SILENCE);
                    }
                    alone = (alone * 2).min(LONGEST_WAIT);
                    self.ask_for_another_channel(limit, say)?;
                }
                Err(Trouble::Fault(fault)) => {
                    if command == command::CBOR
                        && matches!(fault, Fault::Stopped | Fault::Late | Fault::Silent)
                    {
                        self.cancel();
                    }
                    return Err(fault);
                }
            }
        }
    }

    /// At least this, and twice as long as this key needs when it is quick.
    fn patience(&self, least: Duration) -> Duration {
        self.pace.map_or(least, |pace| least.max(pace * 2)).min(SILENCE)
    }

    fn note_pace(&mut self, took: Duration) {
        self.pace = Some(self.pace.map_or(took, |pace| pace.min(took)));
    }

    /// Puts the end of the time into words of what was heard.
    fn at_deadline(&self, fault: Fault) -> Fault {
        match (fault, self.traffic.hindrance()) {
            (Fault::Late, Some(Hindrance::Busy)) => Fault::Busy,
            (Fault::Late, Some(Hindrance::Slow)) => Fault::Slow,
            (fault, _) => fault,
        }
    }

    /// Leaves what is still on its way on the old channel behind.
    pub(super) fn ask_for_another_channel(
        &mut self,
        limit: &Limit,
        say: &mut dyn FnMut(Waiting),
    ) -> Result<(), Fault> {
        self.listen_off(limit, BACKOFF.0)?;
        self.init(limit, say)
    }

    /// Asks for a channel on the broadcast channel, with a nonce that tells our answer from
    /// everybody else's.
    fn init(&mut self, limit: &Limit, say: &mut dyn FnMut(Waiting)) -> Result<(), Fault> {
        let mut nonce = [0; 8];
        getrandom::fill(&mut nonce)
            .map_err(|_| Fault::Odd("this machine has no random numbers"))?;
        self.traffic.give_up(self.id);
        let (mut pause, mut again) = (BACKOFF.0, self.patience(ASK_AGAIN.0));
        let asked = Instant::now();
        loop {
            self.traffic.begin_exchange();
            self.send(BROADCAST, command::INIT, &nonce)?;
            let trouble = match self.channel_answer(&nonce, (again, pause), limit, say) {
                Ok(answer) => {
                    self.note_pace(asked.elapsed());
                    return self.adopt(&answer, nonce);
                }
                Err(trouble) => trouble,
            };
            match trouble {
                Trouble::Busy => pause = (pause * 2).min(BACKOFF.1),
                Trouble::Fault(Fault::Late) => match limit.slice() {
                    Ok(_) if !self.traffic.excuses() => return Err(Fault::Silent),
                    Ok(_) => {
                        if self.traffic.is_crowded() {
                            say(Waiting::Turn);
                        }
                        again = (again * 2).min(SILENCE);
                    }
                    Err(fault) => {
                        return Err(if self.at_deadline(fault.clone()) == Fault::Late {
                            Fault::Silent
                        } else {
                            self.at_deadline(fault)
                        });
                    }
                },
                Trouble::Fault(fault) => return Err(fault),
                Trouble::Lost(why) => return Err(Fault::Odd(why)),
            }
        }
    }

    /// Waits for the answer to our INIT; everything else is somebody else's. A key that says
    /// nothing at all gets all the time that a key may take: it would answer a second INIT after
    /// the first one.
    fn channel_answer(
        &mut self,
        nonce: &[u8],
        (again, pause): (Duration, Duration),
        limit: &Limit,
        say: &mut dyn FnMut(Waiting),
    ) -> Result<Vec<u8>, Trouble> {
        let mut assembly = Assembly::default();
        let asked = Instant::now();
        let mut busy: Option<Duration> = None;
        loop {
            let mut report = [0; LONGEST_REPORT];
            let patience = busy.unwrap_or(if self.traffic.excuses() { again } else { SILENCE });
            let wait = limit.within(patience.saturating_sub(asked.elapsed()));
            let frame = match self.receive(&mut report, &wait) {
                Err(Fault::Late) if busy.is_some() && !limit.left().is_zero() => {
                    return Err(Trouble::Busy);
                }
                other => other?,
            };
            let Some(frame) = frame else { continue };
            if frame.channel != BROADCAST {
                self.traffic.note(&frame);
                continue;
            }
            match frame.part {
                // It may be another program that was told so, and ours may still be answered.
                Part::Initial(command::ERROR, _, [BUSY, ..]) => {
                    self.traffic.note_others();
                    say(Waiting::Turn);
                    busy = busy.or(Some(again_after(asked.elapsed(), pause)));
                    continue;
                }
                // It may be the answer to another program; if it is ours, there will be no other.
                Part::Initial(command::INIT, ..) => assembly = Assembly::default(),
                Part::Initial(..) => {
                    self.traffic.note(&frame);
                    continue;
                }
                Part::Continuation(..) => {}
            }
            if let Ok(Some((_, answer))) = assembly.take(frame.part, self.reports_in)
                && answer.len() >= INIT_ANSWER
                && answer.starts_with(nonce)
            {
                return Ok(answer);
            }
            self.traffic.note(&frame);
        }
    }

    fn adopt(&mut self, answer: &[u8], nonce: [u8; 8]) -> Result<(), Fault> {
        let [_, _, _, _, _, _, _, _, c0, c1, c2, c3, _, major, minor, build, capabilities, ..] =
            *answer
        else {
            return Err(Fault::Odd("a short answer to INIT"));
        };
        let id = [c0, c1, c2, c3];
        if id == BROADCAST || id == [0; 4] {
            return Err(Fault::Odd("it gave out a reserved channel"));
        }
        self.id = id;
        self.repeated = false;
        self.traffic.adopted(nonce);
        self.version = [major, minor, build];
        self.capabilities = capabilities;
        Ok(())
    }

    /// One message there, one back. After so long without a word from the key the answer is lost:
    /// the first while it speaks to others, else the second. The third is the least pause after
    /// "busy".
    fn exchange(
        &mut self,
        (asked, message): (u8, &[u8]),
        (crowded, alone, pause): (Duration, Duration, Duration),
        limit: &Limit,
        say: &mut dyn FnMut(Waiting),
    ) -> Result<Vec<u8>, Trouble> {
        self.traffic.begin_exchange();
        self.send(self.id, asked, message)?;
        let mut assembly = Assembly::default();
        let asked_at = Instant::now();
        let mut heard = asked_at;
        let mut blinking = false;
        let mut busy: Option<Duration> = None;
        loop {
            let mut report = [0; LONGEST_REPORT];
            let wait = match busy {
                Some(busy) => busy.saturating_sub(asked_at.elapsed()),
                None => (if self.traffic.is_crowded() { crowded } else { alone })
                    .saturating_sub(heard.elapsed()),
            };
            let frame = match self.receive(&mut report, &limit.within(wait)) {
                Err(Fault::Late) if busy.is_some() && !limit.left().is_zero() => {
                    return Err(Trouble::Busy);
                }
                Err(Fault::Late) if limit.left() > Duration::ZERO => {
                    return Err(Fault::Silent.into());
                }
                other => other?,
            };
            let Some(frame) = frame else { continue };
            if frame.channel != self.id {
                self.traffic.note(&frame);
                continue;
            }
            heard = Instant::now();
            let reports_in = self.reports_in;
            match assembly.take(frame.part, reports_in).map_err(Fault::Odd)? {
                None => {}
                Some((command::KEEPALIVE, status)) => {
                    // It has taken the message after all.
                    busy = None;
                    match status.first() {
                        Some(&KEEPALIVE_TOUCH) => {
                            self.traffic.note_touch();
                            if !blinking {
                                blinking = true;
                                say(Waiting::Touch);
                            }
                        }
                        Some(_) => self.traffic.note_work(),
                        None => {}
                    }
                    assembly = Assembly::default();
                }
                Some((command::ERROR, code)) => match error(code.first().copied()) {
                    // Each report of a message can be turned away, and one that was sent before may
                    // have been taken.
                    Trouble::Busy => {
                        self.traffic.note_others();
                        say(Waiting::Turn);
                        busy = busy.or(Some(again_after(asked_at.elapsed(), pause)));
                        assembly = Assembly::default();
                    }
                    trouble => return Err(trouble),
                },
                Some((command, answer)) if command == asked => {
                    self.note_pace(asked_at.elapsed());
                    return Ok(answer);
                }
                Some(_) => return Err(Fault::Odd("it answered another command").into()),
            }
        }
    }

    fn send(&mut self, channel: ChannelId, command: u8, message: &[u8]) -> Result<(), Fault> {
        let reports = reports(channel, command, message, self.reports_out)
            .ok_or(Fault::Odd("a message does not fit its reports"))?;
        for report in reports {
            self.transport.write(&report).map_err(|_| Fault::Gone)?;
        }
        Ok(())
    }

    /// Waits for the next report of any channel; `None` is one that is no frame.
    fn receive<'a>(
        &mut self,
        report: &'a mut [u8; LONGEST_REPORT],
        limit: &Limit,
    ) -> Result<Option<Frame<'a>>, Fault> {
        loop {
            let slice = limit.slice()?;
            let length = self.transport.read(report, slice).map_err(|_| Fault::Gone)?;
            if let Some(length) = length {
                return Ok(report.get(..length).and_then(Frame::parse));
            }
        }
    }

    /// Forgets reports that came before we asked anything.
    fn drop_stale(&mut self, limit: &Limit) -> Result<(), Fault> {
        for _ in 0..MOST_STALE {
            limit.slice()?;
            let stale = self
                .transport
                .read(&mut [0; LONGEST_REPORT], Duration::ZERO)
                .map_err(|_| Fault::Gone)?;
            if stale.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// Waits and forgets what comes meanwhile.
    fn listen_off(&mut self, limit: &Limit, pause: Duration) -> Result<(), Fault> {
        let pause = limit.within(pause);
        loop {
            match self.receive(&mut [0; LONGEST_REPORT], &pause) {
                Err(Fault::Late) => return limit.slice().map(|_| ()),
                other => other?,
            };
        }
    }

    /// Makes the key end what it does, and takes its last word (CTAP 2.1 §11.2.9.1.5). What goes
    /// wrong here changes nothing.
    fn cancel(&mut self) {
        let limit = Limit::new(DRAIN, super::limit::Cancel::default());
        if self.send(self.id, command::CANCEL, &[]).is_err() {
            return;
        }
        while let Ok(frame) = self.receive(&mut [0; LONGEST_REPORT], &limit) {
            let ours = frame.filter(|frame| frame.channel == self.id);
            if ours
                .is_some_and(|frame| !matches!(frame.part, Part::Initial(command::KEEPALIVE, ..)))
            {
                return;
            }
        }
    }
}

/// When a message that was turned away is sent again, counted from when it was sent: once all that
/// the key says to it can be here.
fn again_after(took: Duration, pause: Duration) -> Duration {
    took + took.max(pause)
}

/// What a CTAPHID_ERROR means (CTAP 2.1 §11.2.9.1.6).
fn error(code: Option<u8>) -> Trouble {
    match code {
        Some(BUSY) => Trouble::Busy,
        Some(0x04) => Trouble::Lost("it saw a wrong sequence number"),
        Some(0x05) => Trouble::Lost("it waited too long for the rest of a message"),
        Some(0x0b) => Trouble::Lost("it forgot our channel"),
        Some(0x01) => Fault::Content("it does not know a command of its protocol").into(),
        Some(0x02) => Fault::Content("it did not like a parameter").into(),
        Some(0x03) => Fault::Content("it did not like a length").into(),
        Some(0x0a) => Fault::Content("it wants a locked channel").into(),
        Some(_) => Fault::Content("it failed for an unknown reason").into(),
        None => Fault::Content("it sent an empty error").into(),
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Trouble {
        Trouble::Fault(fault)
    }
}

/// No key needs longer for a first word, or between two of its keepalives, which are due every 100
/// ms. Clients of U2F give it 3 s for a message; the rest is for machines that are late themselves.
const SILENCE: Duration = Duration::from_secs(4);

/// After so long without an answer, while it answers other programs, a key is asked again: the
/// kernel's queues drop what does not fit. First for a channel, then for anything else; the pauses
/// grow, because the key may be slow too.
const ASK_AGAIN: (Duration, Duration) = (Duration::from_millis(400), Duration::from_secs(1));

/// The longest pause for a key that answers later than any key may.
const LONGEST_WAIT: Duration = Duration::from_secs(16);

/// How long a key may take to end what was cancelled.
const DRAIN: Duration = Duration::from_millis(150);

/// The first pause after "busy", and the longest.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(160));

/// How often a channel is opened anew before the key is given up.
const MOST_RESETS: u32 = 3;

/// More reports than the kernel keeps for one program (64), so that what is stale is gone.
const MOST_STALE: usize = 256;

/// The answer to INIT: nonce, channel, protocol version, device version, capabilities.
const INIT_ANSWER: usize = 17;

const KEEPALIVE_TOUCH: u8 = 2;

/// The bits of the capabilities: it knows CBOR; it does not know MSG.
const KNOWS_CBOR: u8 = 0x04;
const KNOWS_NO_MSG: u8 = 0x08;

const BUSY: u8 = 0x06;

/// The command of CTAP2 that carries a PIN (CTAP 2.1 §6.5).
const CLIENT_PIN: u8 = 0x06;
