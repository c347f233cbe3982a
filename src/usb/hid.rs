//! CTAPHID: one channel to one key (CTAP 2.1 §11.2).
//!
//! The kernel shows every report to every program that has the key open, so reports of other
//! channels are skipped. Each wait ends at its deadline, whether or not the key answers.

use std::time::Duration;

use super::bus::Transport;
use super::deadline::Deadline;
use super::fault::Fault;
use super::frame::{
    BROADCAST, ChannelId, Frame, LONGEST_REPORT, Part, SHORTEST_REPORT, command, reports,
};
use super::traffic::{Hindrance, Traffic};

/// A channel that the key has given to us alone.
pub(super) struct Channel {
    pub(super) transport: Box<dyn Transport>,
    pub(super) id: ChannelId,
    pub(super) reports_in: usize,
    pub(super) reports_out: usize,
    pub(super) capabilities: u8,
    pub(super) traffic: Traffic,
    /// The shortest time in which it has answered.
    pub(super) pace: Option<Duration>,
    /// A command was sent more than once: another answer to it may be on its way.
    pub(super) repeated: bool,
    /// The version of the device: major, minor, build.
    pub(super) version: [u8; 3],
}

impl Channel {
    /// A channel that is still to be asked for.
    pub(super) fn new(transport: Box<dyn Transport>) -> Result<Channel, Fault> {
        let (reports_in, reports_out) = transport.report_lengths();
        let fits = SHORTEST_REPORT..=LONGEST_REPORT;
        if !fits.contains(&reports_in) || !fits.contains(&reports_out) {
            return Err(Fault::Odd("its reports are not 8 to 64 bytes long"));
        }
        Ok(Channel {
            transport,
            id: BROADCAST,
            reports_in,
            reports_out,
            capabilities: 0,
            traffic: Traffic::default(),
            pace: None,
            repeated: false,
            version: [0; 3],
        })
    }

    pub(super) fn knows_cbor(&self) -> bool {
        self.capabilities & KNOWS_CBOR != 0
    }

    pub(super) fn knows_u2f(&self) -> bool {
        self.capabilities & KNOWS_NO_MSG == 0
    }

    /// At least this, and twice as long as this key needs when it is quick.
    pub(super) fn patience(&self, least: Duration) -> Duration {
        self.pace.map_or(least, |pace| least.max(pace * 2)).min(SILENCE)
    }

    pub(super) fn note_pace(&mut self, took: Duration) {
        self.pace = Some(self.pace.map_or(took, |pace| pace.min(took)));
    }

    /// Puts the end of the time into words of what was heard.
    pub(super) fn at_deadline(&self, fault: Fault) -> Fault {
        match (fault, self.traffic.hindrance()) {
            (Fault::Late, Some(Hindrance::Busy)) => Fault::Busy,
            (Fault::Late, Some(Hindrance::Slow)) => Fault::Slow,
            (fault, _) => fault,
        }
    }

    pub(super) fn adopt(&mut self, answer: &[u8], nonce: [u8; 8]) -> Result<(), Fault> {
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

    pub(super) fn send(
        &mut self,
        channel: ChannelId,
        command: u8,
        message: &[u8],
    ) -> Result<(), Fault> {
        let reports = reports(channel, command, message, self.reports_out)
            .ok_or(Fault::Odd("a message does not fit its reports"))?;
        for report in reports {
            self.transport.write(&report).map_err(|_| Fault::Gone)?;
        }
        Ok(())
    }

    /// Waits for the next report of any channel; `None` is one that is no frame.
    pub(super) fn receive<'a>(
        &mut self,
        report: &'a mut [u8; LONGEST_REPORT],
        deadline: &Deadline,
    ) -> Result<Option<Frame<'a>>, Fault> {
        loop {
            let slice = deadline.slice()?;
            let length = self.transport.read(report, slice).map_err(|_| Fault::Gone)?;
            if let Some(length) = length {
                return Ok(report.get(..length).and_then(Frame::parse));
            }
        }
    }

    /// Forgets reports that came before we asked anything.
    pub(super) fn drop_stale(&mut self, deadline: &Deadline) -> Result<(), Fault> {
        for _ in 0..MOST_STALE {
            deadline.slice()?;
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
    pub(super) fn listen_off(&mut self, deadline: &Deadline, pause: Duration) -> Result<(), Fault> {
        let pause = deadline.within(pause);
        loop {
            match self.receive(&mut [0; LONGEST_REPORT], &pause) {
                Err(Fault::Late) => return deadline.slice().map(|_| ()),
                other => other?,
            };
        }
    }

    /// Makes the key end what it does, and takes its last word (CTAP 2.1 §11.2.9.1.5). What goes
    /// wrong here changes nothing.
    pub(super) fn cancel(&mut self) {
        let deadline = Deadline::new(DRAIN, super::deadline::Cancel::default());
        if self.send(self.id, command::CANCEL, &[]).is_err() {
            return;
        }
        while let Ok(frame) = self.receive(&mut [0; LONGEST_REPORT], &deadline) {
            let ours = frame.filter(|frame| frame.channel == self.id);
            if ours
                .is_some_and(|frame| !matches!(frame.part, Part::Initial(command::KEEPALIVE, ..)))
            {
                return;
            }
        }
    }
}

/// No key needs longer for a first word, or between two of its keepalives, which are due every 100
/// ms. Clients of U2F give it 3 s for a message; the rest is for machines that are late themselves.
pub(super) const SILENCE: Duration = Duration::from_secs(4);

/// Time for a key to end a cancelled command.
const DRAIN: Duration = Duration::from_millis(150);

/// More reports than the kernel keeps for one program (64), so that what is stale is gone.
const MOST_STALE: usize = 256;

/// The bits of the capabilities: it knows CBOR; it does not know MSG.
const KNOWS_CBOR: u8 = 0x04;
const KNOWS_NO_MSG: u8 = 0x08;
