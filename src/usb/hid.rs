//! CTAPHID: one channel to one key (CTAP 2.1 §11.2).
//!
//! The kernel shows every report to every program that has the key open, so what is on other channels is passed over. Each
//! wait ends at the limit it is given, whatever the key sends.

use std::time::Duration;
use std::time::Instant;

use super::bus::Transport;
use super::fault::Fault;
use super::frame::Assembly;
use super::frame::BROADCAST;
use super::frame::ChannelId;
use super::frame::Frame;
use super::frame::LONGEST_REPORT;
use super::frame::Part;
use super::frame::SHORTEST_REPORT;
use super::frame::command;
use super::frame::reports;
use super::limit::Limit;

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

/// No key needs longer for a first word, or between two of its keepalives, which are due every 100 ms.
const SILENCE: Duration = Duration::from_secs(3);

/// After so long without an answer a channel is asked for again.
const ASK_AGAIN: Duration = Duration::from_millis(400);

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

impl Channel {
    /// Asks for a channel, as often as it takes while other programs talk to the key.
    pub(super) fn open(transport: Box<dyn Transport>, limit: &Limit, say: &mut dyn FnMut(Waiting)) -> Result<Channel, Fault> {
        let (reports_in, reports_out) = transport.report_lengths();
        let fits = SHORTEST_REPORT..=LONGEST_REPORT;
        if !fits.contains(&reports_in) || !fits.contains(&reports_out) {
            return Err(Fault::Odd("its reports are not 8 to 64 bytes long"));
        }
        let mut channel = Channel { transport, id: BROADCAST, reports_in, reports_out, capabilities: 0, version: [0; 3] };
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
    /// What is cut short by the limit is cancelled at the key, which then stops blinking.
    pub(super) fn call(&mut self, command: u8, message: &[u8], limit: &Limit, say: &mut dyn FnMut(Waiting)) -> Result<Vec<u8>, Fault> {
        let mut pause = BACKOFF.0;
        let mut resets = 0;
        loop {
            self.drop_stale(limit)?;
            match self.exchange(command, message, limit, say) {
                Ok(answer) => return Ok(answer),
                Err(Trouble::Busy) => {
                    say(Waiting::Turn);
                    self.listen_off(limit, pause).map_err(|fault| if fault == Fault::Late { Fault::Busy } else { fault })?;
                    pause = (pause * 2).min(BACKOFF.1);
                }
                Err(Trouble::Lost(_)) if resets < MOST_RESETS => {
                    resets += 1;
                    self.listen_off(limit, BACKOFF.0)?;
                    self.init(limit, say)?;
                }
                Err(Trouble::Lost(why)) => return Err(Fault::Odd(why)),
                Err(Trouble::Fault(fault)) => {
                    if command == command::CBOR && matches!(fault, Fault::Stopped | Fault::Late | Fault::Silent) {
                        self.cancel();
                    }
                    return Err(fault);
                }
            }
        }
    }

    /// Asks for a channel on the broadcast channel, with a nonce that tells our answer from everybody else's.
    fn init(&mut self, limit: &Limit, say: &mut dyn FnMut(Waiting)) -> Result<(), Fault> {
        let mut nonce = [0; 8];
        getrandom::fill(&mut nonce).map_err(|_| Fault::Odd("this machine has no random numbers"))?;
        let begun = Instant::now();
        let mut heard = false;
        let mut pause = BACKOFF.0;
        loop {
            self.send(BROADCAST, command::INIT, &nonce)?;
            match self.channel_answer(&nonce, &limit.within(ASK_AGAIN), &mut heard) {
                Ok(answer) => return self.adopt(&answer),
                Err(Trouble::Busy) => {
                    say(Waiting::Turn);
                    limit.pause(pause).map_err(|fault| if fault == Fault::Late { Fault::Busy } else { fault })?;
                    pause = (pause * 2).min(BACKOFF.1);
                }
                Err(Trouble::Fault(Fault::Late)) => match limit.slice() {
                    Ok(_) if !heard && begun.elapsed() >= SILENCE => return Err(Fault::Silent),
                    Ok(_) if heard => say(Waiting::Turn),
                    Ok(_) => {}
                    Err(Fault::Late) if heard => return Err(Fault::Busy),
                    Err(Fault::Late) => return Err(Fault::Silent),
                    Err(fault) => return Err(fault),
                },
                Err(Trouble::Fault(fault)) => return Err(fault),
                Err(Trouble::Lost(why)) => return Err(Fault::Odd(why)),
            }
        }
    }

    /// Waits for the answer to our INIT; everything else is somebody else's.
    fn channel_answer(&mut self, nonce: &[u8], limit: &Limit, heard: &mut bool) -> Result<Vec<u8>, Trouble> {
        let mut assembly = Assembly::default();
        loop {
            let mut report = [0; LONGEST_REPORT];
            let Some(frame) = self.receive(&mut report, limit)? else { continue };
            *heard = true;
            if frame.channel != BROADCAST {
                continue;
            }
            match frame.part {
                Part::Initial(command::ERROR, _, [BUSY, ..]) => return Err(Trouble::Busy),
                // It may be the answer to another program; if it is ours, there will be no other.
                Part::Initial(command::INIT, ..) => assembly = Assembly::default(),
                Part::Initial(..) => continue,
                Part::Continuation(..) => {}
            }
            if let Ok(Some((_, answer))) = assembly.take(frame.part, self.reports_in)
                && answer.len() >= INIT_ANSWER
                && answer.starts_with(nonce)
            {
                return Ok(answer);
            }
        }
    }

    fn adopt(&mut self, answer: &[u8]) -> Result<(), Fault> {
        let [_, _, _, _, _, _, _, _, c0, c1, c2, c3, _, major, minor, build, capabilities, ..] = *answer else {
            return Err(Fault::Odd("a short answer to INIT"));
        };
        let id = [c0, c1, c2, c3];
        if id == BROADCAST || id == [0; 4] {
            return Err(Fault::Odd("it gave out a reserved channel"));
        }
        self.id = id;
        self.version = [major, minor, build];
        self.capabilities = capabilities;
        Ok(())
    }

    /// One message there, one back.
    fn exchange(&mut self, asked: u8, message: &[u8], limit: &Limit, say: &mut dyn FnMut(Waiting)) -> Result<Vec<u8>, Trouble> {
        self.send(self.id, asked, message)?;
        let mut assembly = Assembly::default();
        let mut silence = limit.within(SILENCE);
        let mut blinking = false;
        loop {
            let mut report = [0; LONGEST_REPORT];
            let frame = match self.receive(&mut report, &silence) {
                Err(Fault::Late) if limit.left() > Duration::ZERO => return Err(Fault::Silent.into()),
                other => other?,
            };
            let Some(frame) = frame.filter(|frame| frame.channel == self.id) else { continue };
            silence = limit.within(SILENCE);
            let reports_in = self.reports_in;
            match assembly.take(frame.part, reports_in).map_err(Fault::Odd)? {
                None => {}
                Some((command::KEEPALIVE, status)) => {
                    if status.first() == Some(&KEEPALIVE_TOUCH) && !blinking {
                        blinking = true;
                        say(Waiting::Touch);
                    }
                    assembly = Assembly::default();
                }
                Some((command::ERROR, code)) => return Err(error(code.first().copied())),
                Some((command, answer)) if command == asked => return Ok(answer),
                Some(_) => return Err(Fault::Odd("it answered another command").into()),
            }
        }
    }

    fn send(&mut self, channel: ChannelId, command: u8, message: &[u8]) -> Result<(), Fault> {
        let reports = reports(channel, command, message, self.reports_out).ok_or(Fault::Odd("a message does not fit its reports"))?;
        for report in reports {
            self.transport.write(&report).map_err(|_| Fault::Gone)?;
        }
        Ok(())
    }

    /// Waits for the next report of any channel; `None` is one that is no frame.
    fn receive<'a>(&mut self, report: &'a mut [u8; LONGEST_REPORT], limit: &Limit) -> Result<Option<Frame<'a>>, Fault> {
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
            let stale = self.transport.read(&mut [0; LONGEST_REPORT], Duration::ZERO).map_err(|_| Fault::Gone)?;
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

    /// Makes the key end what it does, and takes its last word (CTAP 2.1 §11.2.9.1.5). What goes wrong here changes nothing.
    fn cancel(&mut self) {
        let limit = Limit::new(DRAIN, super::limit::Cancel::default());
        if self.send(self.id, command::CANCEL, &[]).is_err() {
            return;
        }
        while let Ok(frame) = self.receive(&mut [0; LONGEST_REPORT], &limit) {
            let ours = frame.filter(|frame| frame.channel == self.id);
            if ours.is_some_and(|frame| !matches!(frame.part, Part::Initial(command::KEEPALIVE, ..))) {
                return;
            }
        }
    }
}

const BUSY: u8 = 0x06;

/// What a CTAPHID_ERROR means (CTAP 2.1 §11.2.9.1.6).
fn error(code: Option<u8>) -> Trouble {
    match code {
        Some(BUSY) => Trouble::Busy,
        Some(0x04) => Trouble::Lost("it saw a wrong sequence number"),
        Some(0x05) => Trouble::Lost("it waited too long for the rest of a message"),
        Some(0x0b) => Trouble::Lost("it forgot our channel"),
        Some(0x01) => Fault::Odd("it does not know a command of its protocol").into(),
        Some(0x02) => Fault::Odd("it did not like a parameter").into(),
        Some(0x03) => Fault::Odd("it did not like a length").into(),
        Some(0x0a) => Fault::Odd("it wants a locked channel").into(),
        Some(_) => Fault::Odd("it failed for an unknown reason").into(),
        None => Fault::Odd("it sent an empty error").into(),
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Trouble {
        Trouble::Fault(fault)
    }
}
