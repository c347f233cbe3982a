//! One reply of a security key, parsed and reassembled (CTAP 2.1 §11.2.4).

/// A key's reply to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) channel: [u8; 4],
    pub(super) command: u8,
    pub(super) payload: Vec<u8>,
}

impl Reply {
    /// Parses the reports of one whole reply; `None` if they are incomplete or malformed.
    pub(super) fn read(reports: &[[u8; REPORT]]) -> Option<Reply> {
        let (first, rest) = reports.split_first()?;
        let [a, b, c, d, command, high, low, body @ ..] = first;
        let mut payload = body.to_vec();
        for report in rest {
            payload.extend_from_slice(&report[5..]);
        }
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        payload.truncate(length);
        (payload.len() == length && command & 0x80 != 0).then_some(Reply {
            channel: [*a, *b, *c, *d],
            command: *command,
            payload,
        })
    }

    /// The reports of this reply, as an honest key sends them.
    pub(super) fn reports(&self) -> Vec<Vec<u8>> {
        self.reports_of_length(self.payload.len())
    }

    /// The reports of this reply, with a false length in the first.
    pub(super) fn reports_of_length(&self, claimed: usize) -> Vec<Vec<u8>> {
        let (first, rest) = self.payload.split_at(self.payload.len().min(FIRST));
        let [.., high, low] = claimed.to_be_bytes();
        let mut reports = vec![self.report(&[self.command, high, low], first)];
        for (sequence, chunk) in (0..0x80).zip(rest.chunks(NEXT)) {
            reports.push(self.report(&[sequence], chunk));
        }
        reports
    }

    /// One report on this channel, padded with zeros.
    pub(super) fn report(&self, head: &[u8], body: &[u8]) -> Vec<u8> {
        let mut report = self.channel.to_vec();
        report.extend_from_slice(head);
        report.extend_from_slice(body);
        report.resize(REPORT, 0);
        report
    }

    /// The reply with another payload.
    pub(super) fn saying(&self, payload: impl Into<Vec<u8>>) -> Reply {
        Reply { payload: payload.into(), ..self.clone() }
    }

    /// The reply with another command.
    pub(super) fn under(&self, command: u8) -> Reply {
        Reply { command, ..self.clone() }
    }

    /// The reply on another channel.
    pub(super) fn elsewhere(&self) -> Reply {
        let [a, b, c, d] = self.channel;
        Reply { channel: [a ^ 0x5a, b, c, d ^ 0x01], ..self.clone() }
    }

    /// The map of a CTAP2 reply with the success status.
    pub(super) fn map(&self) -> Option<Vec<(sk_cbor::Value, sk_cbor::Value)>> {
        let (status, body) = self.payload.split_first()?;
        let whole = self.command == CBOR && *status == 0;
        whole.then(|| sk_cbor::read(body).ok()).flatten()?.extract_map()
    }
}

/// Bytes in a report.
pub(super) const REPORT: usize = 64;

/// Payload bytes in an initialization packet and in a continuation packet.
const FIRST: usize = REPORT - 7;
const NEXT: usize = REPORT - 5;

/// The longest payload: one initialization packet and 128 continuations.
pub(super) const LONGEST: usize = FIRST + 128 * NEXT;

/// CTAPHID commands as encoded in an initialization packet.
pub(super) const MSG: u8 = 0x83;
pub(super) const INIT: u8 = 0x86;
pub(super) const CBOR: u8 = 0x90;
pub(super) const KEEPALIVE: u8 = 0xbb;
pub(super) const ERROR: u8 = 0xbf;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_split_into_reports_are_parsed_back() {
        for length in [0, 1, 57, 58, 116, 117, 1_000, LONGEST] {
            let reply = Reply { channel: [1, 2, 3, 4], command: CBOR, payload: vec![7; length] };
            let reports: Vec<[u8; REPORT]> = reply
                .reports()
                .into_iter()
                .filter_map(|report| report.try_into().ok())
                .collect();
            assert_eq!(Reply::read(&reports), Some(reply));
        }
    }

    #[test]
    fn an_incomplete_reply_is_refused() {
        let reply = Reply { channel: [1, 2, 3, 4], command: CBOR, payload: vec![7; 100] };
        let first: Vec<[u8; REPORT]> = reply
            .reports()
            .into_iter()
            .take(1)
            .filter_map(|report| report.try_into().ok())
            .collect();
        assert_eq!(Reply::read(&first), None);
    }
}
