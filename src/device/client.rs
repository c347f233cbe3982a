//! Known clients of an account: browsers and addresses through which it has proved itself. Each
//! has a budget of wrong codes and pairs that strangers cannot spend (OWASP, "Device Cookies").

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::device::Throttle;
use crate::time::UnixTime;

/// Keyed digest of a client's id, made for one account and one caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClientTag(String);

/// The budget that wrong codes and pairs are counted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// The common one of the device and its account, for requests of strangers and requests without
    /// a client.
    Shared,
    /// The own one of a known client.
    Own,
}

/// The known clients of an account: at most [`KnownClients::MOST`], each with at most 15 times.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KnownClients(Vec<KnownClient>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KnownClient {
    tag: ClientTag,
    /// Time of its last success, exact to [`NOTED_EVERY`].
    succeeded_at: UnixTime,
    /// Wrong codes in a row.
    #[serde(default, skip_serializing_if = "is_fresh")]
    throttle: Throttle,
    /// Times of the wrong codes of the last day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    failures: Vec<UnixTime>,
    /// Times of the wrong pairs of the last hour.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pairs: Vec<UnixTime>,
}

impl ClientTag {
    /// The tag of this keyed digest.
    pub fn new(digest: &[u8]) -> ClientTag {
        ClientTag(base32::encode(base32::Alphabet::Crockford, digest))
    }
}

impl KnownClients {
    /// The most clients that an account remembers. One more displaces the one whose success is
    /// oldest.
    pub const MOST: usize = 8;

    /// True if no client is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The budget of a client.
    pub fn budget(&self, tag: Option<&ClientTag>) -> Budget {
        self.find(tag).map_or(Budget::Shared, |_| Budget::Own)
    }

    /// Time until which codes of this client are refused unjudged: a wait after wrong ones in a
    /// row, or until one more fits into the day.
    pub fn throttled_until(&self, tag: Option<&ClientTag>, now: UnixTime) -> Option<UnixTime> {
        let known = self.find(tag)?;
        let day = frees(&known.failures, CODES, DAY);
        known.throttle.until().max(day).filter(|until| *until > now)
    }

    /// Time until which pairs of this client are refused unjudged.
    pub fn pairs_spent_until(&self, tag: Option<&ClientTag>, now: UnixTime) -> Option<UnixTime> {
        frees(&self.find(tag)?.pairs, PAIRS_AN_HOUR, HOUR).filter(|until| *until > now)
    }

    /// The clients after a success of this one, which ends its wrong codes in a row; `None` if
    /// nothing changes that is worth a write.
    pub fn after_success(&self, tag: &ClientTag, now: UnixTime) -> Option<KnownClients> {
        let known = self.find(Some(tag));
        let noted = known.is_some_and(|known| {
            is_fresh(&known.throttle) && known.succeeded_at.plus(NOTED_EVERY) > now
        });
        if noted {
            return None;
        }
        let (failures, pairs) = known
            .map(|known| (known.failures.clone(), known.pairs.clone()))
            .unwrap_or_default();
        let throttle = Throttle::default();
        let known = KnownClient { tag: tag.clone(), succeeded_at: now, throttle, failures, pairs };
        // In the order of their successes, the last one at the end.
        let mut all: Vec<_> = self.0.iter().filter(|known| known.tag != *tag).cloned().collect();
        all.push(known);
        all.drain(..all.len().saturating_sub(KnownClients::MOST));
        Some(KnownClients(all))
    }

    /// The clients after a wrong code of this one. The tenth in a row makes it a stranger.
    #[must_use]
    pub fn after_failure(&self, tag: &ClientTag, now: UnixTime) -> KnownClients {
        self.changed(tag, |known| {
            let throttle = known.throttle.after_failure(now);
            let failures = with(&known.failures, DAY, now);
            let stays = throttle.failures < TURNING_FAILURES;
            stays.then_some(KnownClient { throttle, failures, ..known })
        })
    }

    /// The clients after a wrong pair of this one.
    #[must_use]
    pub fn after_pair(&self, tag: &ClientTag, now: UnixTime) -> KnownClients {
        self.changed(tag, |known| {
            Some(KnownClient { pairs: with(&known.pairs, HOUR, now), ..known })
        })
    }

    fn find(&self, tag: Option<&ClientTag>) -> Option<&KnownClient> {
        self.0.iter().find(|known| Some(&known.tag) == tag)
    }

    fn changed(
        &self,
        tag: &ClientTag,
        change: impl Fn(KnownClient) -> Option<KnownClient>,
    ) -> KnownClients {
        let each = |known: &KnownClient| match known.tag == *tag {
            true => change(known.clone()),
            false => Some(known.clone()),
        };
        KnownClients(self.0.iter().filter_map(each).collect())
    }
}

fn is_fresh(throttle: &Throttle) -> bool {
    *throttle == Throttle::default()
}

/// Time at which one more fits: the oldest of the last `most` has left the span.
fn frees(times: &[UnixTime], most: usize, span: Duration) -> Option<UnixTime> {
    let oldest = times.len().checked_sub(most)?;
    Some(times.get(oldest)?.plus(span))
}

/// A time ahead of ours counts as recent: a clock set back gives nothing away.
fn with(times: &[UnixTime], within: Duration, now: UnixTime) -> Vec<UnixTime> {
    let recent = times.iter().copied().filter(|time| time.plus(within) > now);
    recent.chain(std::iter::once(now)).collect()
}

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// A success is noted this often: a write for each would cost every sign-in one more row.
const NOTED_EVERY: Duration = HOUR;

/// Wrong codes in a row that make a known client a stranger: half of those that lock a device.
const TURNING_FAILURES: u32 = 10;

/// Wrong codes of a known client in a day, right ones between them or not.
const CODES: usize = 10;

/// Wrong pairs of a known client in an hour, as of a caller.
const PAIRS_AN_HOUR: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(name: u8) -> ClientTag {
        ClientTag::new(&[name])
    }

    fn after(clients: &KnownClients, name: u8, at: u64) -> KnownClients {
        clients.after_success(&tag(name), UnixTime(at)).unwrap()
    }

    #[test]
    fn the_client_with_the_oldest_success_gives_way() {
        let mut clients = KnownClients::default();
        for name in 0..8 {
            clients = after(&clients, name, 1_000_000 + u64::from(name));
        }
        clients = after(&clients, 0, 1_100_000);
        clients = after(&clients, 8, 1_100_001);
        let known = |name| clients.budget(Some(&tag(name))) == Budget::Own;
        assert_eq!(
            (0..9).filter(|name| known(*name)).collect::<Vec<_>>(),
            [0, 2, 3, 4, 5, 6, 7, 8]
        );
        assert_eq!(clients.budget(None), Budget::Shared);
    }

    #[test]
    fn strangers_failures_leave_no_trace() {
        let clients = after(&KnownClients::default(), 0, 1_000_000);
        let mut attacked = clients.clone();
        for name in 1..100 {
            attacked = attacked.after_failure(&tag(name), UnixTime(1_000_001));
            attacked = attacked.after_pair(&tag(name), UnixTime(1_000_001));
        }
        assert_eq!(attacked, clients);
    }

    #[test]
    fn a_success_is_written_once_an_hour_or_after_a_failure() {
        let clients = after(&KnownClients::default(), 0, 1_000_000);
        assert_eq!(clients.after_success(&tag(0), UnixTime(1_003_599)), None);
        assert!(clients.after_success(&tag(0), UnixTime(1_003_600)).is_some());
        let failed = clients.after_failure(&tag(0), UnixTime(1_000_001));
        let cleared = after(&failed, 0, 1_000_002);
        assert_eq!(cleared.throttled_until(Some(&tag(0)), UnixTime(1_000_002)), None);
    }

    #[test]
    fn ten_wrong_codes_in_a_row_make_a_stranger() {
        let mut clients = after(&KnownClients::default(), 0, 1_000_000);
        for at in 1_000_001..1_000_010 {
            clients = clients.after_failure(&tag(0), UnixTime(at));
            assert_eq!(clients.budget(Some(&tag(0))), Budget::Own, "{at}");
        }
        assert_eq!(clients.after_failure(&tag(0), UnixTime(1_000_010)), KnownClients::default());
    }

    #[test]
    fn ten_wrong_codes_a_day_are_judged_with_right_ones_between() {
        let mut clients = after(&KnownClients::default(), 0, 1_000_000);
        let until =
            |clients: &KnownClients, at| clients.throttled_until(Some(&tag(0)), UnixTime(at));
        for at in 1_000_001..1_000_011 {
            assert_eq!(until(&clients, at), None, "{at}");
            clients = after(&clients.after_failure(&tag(0), UnixTime(at)), 0, at);
        }
        assert_eq!(until(&clients, 1_000_011), Some(UnixTime(1_086_401)));
        assert_eq!(until(&clients, 1_086_401), None, "a day after the first of them");
    }

    #[test]
    fn five_wrong_pairs_an_hour_are_a_clients_own() {
        let mut clients = after(&KnownClients::default(), 0, 1_000_000);
        let until =
            |clients: &KnownClients, at| clients.pairs_spent_until(Some(&tag(0)), UnixTime(at));
        for at in 1_000_000..1_000_005 {
            assert_eq!(until(&clients, at), None, "{at}");
            clients = clients.after_pair(&tag(0), UnixTime(at));
        }
        assert_eq!(until(&clients, 1_000_005), Some(UnixTime(1_003_600)));
        assert_eq!(until(&clients, 1_003_600), None);
    }
}
