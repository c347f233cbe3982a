//! Messages cut into reports and put together again (CTAP 2.1 §11.2.4). Pure: no channel state, no
//! time.

/// Names a logical connection to a key.
pub(super) type ChannelId = [u8; 4];

/// The commands (CTAP 2.1 §11.2.9).
pub(super) mod command {
    pub(in crate::usb) const MSG: u8 = 0x03;
    pub(in crate::usb) const INIT: u8 = 0x06;
    pub(in crate::usb) const CBOR: u8 = 0x10;
    pub(in crate::usb) const CANCEL: u8 = 0x11;
    pub(in crate::usb) const KEEPALIVE: u8 = 0x3b;
    pub(in crate::usb) const ERROR: u8 = 0x3f;
}

/// The reports of one message, each of the same length and filled up with zeros.
///
/// `None` if it does not fit into 129 of them.
pub(super) fn reports(
    channel: ChannelId,
    command: u8,
    message: &[u8],
    length: usize,
) -> Option<Vec<Vec<u8>>> {
    let claimed = u16::try_from(message.len()).ok()?;
    let (first, rest) = message.split_at(message.len().min(length.checked_sub(INITIAL)?));
    let rest = rest.chunks(length - CONTINUATION);
    if rest.len() > 128 {
        return None;
    }
    let start = [&channel[..], &[command | IS_INITIAL], &claimed.to_be_bytes(), first].concat();
    let continued = (0u8..)
        .zip(rest)
        .map(|(sequence, data)| [&channel[..], &[sequence], data].concat());
    let reports = std::iter::once(start).chain(continued);
    Some(
        reports
            .map(|mut report| {
                report.resize(length, 0);
                report
            })
            .collect(),
    )
}

/// One report, as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) channel: ChannelId,
    pub(super) part: Part<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// Command, claimed length of the whole message, data.
    Initial(u8, usize, &'a [u8]),
    /// Sequence number, data.
    Continuation(u8, &'a [u8]),
}

impl Frame<'_> {
    /// `None` if the report is too short to be one.
    pub(super) fn parse(report: &[u8]) -> Option<Frame<'_>> {
        let (channel, rest) = report.split_first_chunk()?;
        let part = match rest.split_first()? {
            (first, rest) if first & IS_INITIAL != 0 => {
                let (claimed, data) = rest.split_first_chunk()?;
                Part::Initial(first & !IS_INITIAL, usize::from(u16::from_be_bytes(*claimed)), data)
            }
            (sequence, data) => Part::Continuation(*sequence, data),
        };
        Some(Frame { channel: *channel, part })
    }
}

/// A message of which some reports have come. It grows with what has come, never with what was
/// claimed.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    command: u8,
    claimed: usize,
    next: u8,
    data: Vec<u8>,
    begun: bool,
}

impl Assembly {
    /// Takes the next report of the channel; answers command and message once it is whole.
    ///
    /// # Errors
    /// What is wrong with it; the assembly is of no more use then.
    pub(super) fn take(
        &mut self,
        part: Part<'_>,
        report_length: usize,
    ) -> Result<Option<(u8, Vec<u8>)>, &'static str> {
        let (data, room) = match part {
            Part::Initial(..) if self.begun => return Err("a message began inside another one"),
            Part::Initial(_, claimed, _) if claimed > LONGEST_MESSAGE => {
                return Err("a message claimed to be too long");
            }
            Part::Initial(command, claimed, data) => {
                self.begun = true;
                self.command = command;
                self.claimed = claimed;
                (data, report_length.saturating_sub(INITIAL))
            }
            Part::Continuation(..) if !self.begun => {
                return Err("a continuation came without its beginning");
            }
            Part::Continuation(sequence, _) if sequence != self.next => {
                return Err("a report had the wrong sequence number");
            }
            Part::Continuation(_, data) => {
                self.next = self.next.wrapping_add(1);
                (data, report_length.saturating_sub(CONTINUATION))
            }
        };
        let missing = self.claimed.saturating_sub(self.data.len()).min(room);
        self.data.extend(data.get(..missing).ok_or("a report was too short")?);
        let whole = self.data.len() >= self.claimed;
        Ok(whole.then(|| (self.command, std::mem::take(&mut self.data))))
    }
}

/// The channel on which channels are requested.
pub(super) const BROADCAST: ChannelId = [0xff; 4];

/// The longest report (and the usual one), and the shortest that can carry a message.
pub(super) const LONGEST_REPORT: usize = 64;
pub(super) const SHORTEST_REPORT: usize = 8;

/// The longest message: one initial report and 128 continuations of 64 bytes.
pub(super) const LONGEST_MESSAGE: usize = (64 - INITIAL) + 128 * (64 - CONTINUATION);

/// Bytes of a report before its data: channel, command and length; channel and sequence number.
const INITIAL: usize = 7;
const CONTINUATION: usize = 5;

/// The bit that tells an initial report from a continuation.
const IS_INITIAL: u8 = 0x80;

#[cfg(test)]
mod tests {
    use super::*;

    const CHANNEL: ChannelId = [1, 2, 3, 4];

    fn back_and_forth(message: &[u8], length: usize) -> Option<Vec<u8>> {
        let mut assembly = Assembly::default();
        let mut whole = None;
        for report in reports(CHANNEL, command::CBOR, message, length)? {
            assert!(whole.is_none() && report.len() == length);
            let frame = Frame::parse(&report).unwrap();
            assert_eq!(frame.channel, CHANNEL);
            whole = assembly.take(frame.part, length).unwrap();
        }
        whole.map(|(command, message)| {
            assert_eq!(command, command::CBOR);
            message
        })
    }

    #[test]
    fn every_message_that_fits_comes_back_whole() {
        for length in [SHORTEST_REPORT, 9, 20, 63, LONGEST_REPORT] {
            let longest = length - 7 + 128 * (length - 5);
            for size in [0, 1, length - 7, length - 6, length, longest - 1, longest] {
                let message: Vec<u8> = (0..=250).cycle().take(size).collect();
                assert_eq!(
                    back_and_forth(&message, length),
                    Some(message),
                    "{size} bytes in reports of {length}"
                );
            }
            assert_eq!(reports(CHANNEL, command::CBOR, &vec![0; longest + 1], length), None);
        }
        assert_eq!(LONGEST_MESSAGE, 7609);
    }

    #[test]
    fn a_message_is_refused_at_the_first_foreign_report() {
        let start = Part::Initial(command::CBOR, 100, &[0; 57]);
        for (parts, fault) in [
            (vec![Part::Continuation(0, &[0; 59])], "a continuation came without its beginning"),
            (vec![start, start], "a message began inside another one"),
            (
                vec![start, Part::Continuation(1, &[0; 59])],
                "a report had the wrong sequence number",
            ),
            (
                vec![Part::Initial(command::CBOR, 7610, &[0; 57])],
                "a message claimed to be too long",
            ),
            (vec![Part::Initial(command::CBOR, 100, &[0; 56])], "a report was too short"),
        ] {
            let mut assembly = Assembly::default();
            let last = parts.into_iter().map(|part| assembly.take(part, 64)).last();
            assert_eq!(last, Some(Err(fault)));
        }
    }

    #[test]
    fn nothing_is_kept_for_bytes_that_were_only_claimed() {
        let mut assembly = Assembly::default();
        assert_eq!(assembly.take(Part::Initial(command::CBOR, 7609, &[0; 57]), 64), Ok(None));
        assert!(assembly.data.capacity() < 128);
    }
}
