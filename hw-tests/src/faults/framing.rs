//! Faults in the framing of reports (CTAP 2.1 §11.2).

use std::iter;
use std::time::Duration;

use super::reply::{ERROR, INIT, KEEPALIVE, LONGEST, Reply};
use super::{End, Endless, Fault, On, Sent};

const fn fault(name: &'static str, on: On, end: End, change: fn(&Reply) -> Sent) -> Fault {
    Fault { name, on, end, change }
}

fn first(reply: &Reply, spoil: fn(&mut Vec<u8>)) -> Sent {
    let mut reports = reply.reports();
    reports.iter_mut().take(1).for_each(spoil);
    reports.into()
}

/// Reorders at least three reports; a short reply is lengthened first.
fn rearranged(reply: &Reply, change: fn(&mut Vec<Vec<u8>>)) -> Sent {
    let mut reports = lengthened(reply).reports();
    change(&mut reports);
    reports.into()
}

/// Changes the continuations of at least three reports.
fn from_second(reply: &Reply, change: fn(&mut [Vec<u8>])) -> Sent {
    let mut reports = lengthened(reply).reports();
    if let Some((_, continuations)) = reports.split_first_mut() {
        change(continuations);
    }
    reports.into()
}

fn lengthened(reply: &Reply) -> Reply {
    let mut payload = reply.payload.clone();
    payload.resize(payload.len().max(150), 0);
    reply.saying(payload)
}

fn foreign_between(reply: &Reply) -> Sent {
    let foreign = one(&reply.elsewhere());
    reply
        .reports()
        .into_iter()
        .flat_map(|report| [report, foreign.clone()])
        .collect::<Vec<_>>()
        .into()
}

/// The reply to another program that has just asked for a channel.
fn init(reply: &Reply, nonce: u8) -> Reply {
    let payload = [&[nonce; 8][..], &[0, 0, 0x7a, nonce, 2, 1, 0, 0, 5]].concat();
    Reply { channel: [0xff; 4], command: INIT, payload: reply.saying(payload).payload }
}

fn assigned(reply: &Reply, channel: [u8; 4]) -> Sent {
    let mut payload = reply.payload.clone();
    payload.splice(8..12, channel);
    reply.saying(payload).into()
}

fn keepalive(reply: &Reply, status: &[u8]) -> Reply {
    reply.under(KEEPALIVE).saying(status)
}

/// Endless keep-alives at the pace of the specification.
fn alive(reply: &Reply, status: &[u8]) -> Sent {
    endless(Vec::new(), one(&keepalive(reply, status)), Duration::from_millis(100))
}

fn error(reply: &Reply, code: u8) -> Sent {
    reply.under(ERROR).saying([code]).into()
}

fn endless(reports: Vec<Vec<u8>>, report: Vec<u8>, every: Duration) -> Sent {
    Sent { reports, endless: Some(Endless { report, every }) }
}

/// The first report of a reply.
fn one(reply: &Reply) -> Vec<u8> {
    reply.reports().swap_remove(0)
}

/// Pseudorandom bytes, the same in each run (xorshift32).
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_u32;
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()
    };
    iter::repeat_with(next).flatten().take(length).collect()
}

/// "processing" and "waiting for a touch" (CTAP 2.1 §11.2.9.2.3).
const PROCESSING: u8 = 1;
const TOUCH_NEEDED: u8 = 2;

/// CHANNEL_BUSY (CTAP 2.1 §11.2.9.1.6).
const BUSY: u8 = 6;

pub(super) const FAULTS: &[Fault] = &[
    // Reports of the wrong size.
    fault("report-short", On::Any, End::Refused, |reply| {
        first(reply, |report| report.truncate(20))
    }),
    fault("report-one-byte", On::Any, End::Refused, |reply| {
        first(reply, |report| report.truncate(1))
    }),
    fault("report-80", On::Any, End::Either, |reply| {
        first(reply, |report| report.resize(80, 0xaa))
    }),
    fault("report-4096", On::Any, End::Either, |reply| {
        first(reply, |report| report.resize(4_096, 0xaa))
    }),
    fault("report-zeros", On::Any, End::Refused, |_| vec![vec![0; 64]].into()),
    fault("report-ones", On::Any, End::Refused, |_| vec![vec![0xff; 64]].into()),
    // Channels.
    fault("foreign-channel", On::Any, End::Refused, |reply| reply.elsewhere().into()),
    fault("foreign-first", On::Any, End::Harmless, |reply| {
        [reply.elsewhere().reports(), reply.reports()].concat().into()
    }),
    fault("foreign-between", On::Any, End::Harmless, foreign_between),
    fault("foreign-flood", On::Any, End::Refused, |reply| {
        endless(Vec::new(), one(&reply.elsewhere()), Duration::from_millis(2))
    }),
    fault("channel-zero", On::Any, End::Refused, |reply| {
        Reply { channel: [0; 4], ..reply.clone() }.into()
    }),
    fault("channel-broadcast", On::Any, End::Refused, |reply| {
        Reply { channel: [0xff; 4], ..reply.clone() }.into()
    }),
    // The handshake.
    fault("init-foreign-first", On::Init, End::Harmless, |reply| {
        [init(reply, 0x55).reports(), reply.reports()].concat().into()
    }),
    fault("init-foreign-only", On::Init, End::Refused, |reply| init(reply, 0x55).into()),
    fault("init-foreign-flood", On::Init, End::Refused, |reply| {
        endless(Vec::new(), one(&init(reply, 0x55)), Duration::from_millis(5))
    }),
    fault("init-cut", On::Init, End::Refused, |reply| reply.saying(&reply.payload[..8]).into()),
    fault("init-empty", On::Init, End::Refused, |reply| reply.saying([]).into()),
    fault("init-long", On::Init, End::Either, |reply| {
        reply.saying([reply.payload.as_slice(), &[0; 20]].concat()).into()
    }),
    fault("init-huge", On::Init, End::Refused, |reply| reply.reports_of_length(0xffff).into()),
    fault("init-silent", On::Init, End::Refused, |_| Sent::default()),
    fault("init-busy", On::Init, End::Refused, |reply| error(reply, BUSY)),
    fault("init-gives-broadcast", On::Init, End::Refused, |reply| assigned(reply, [0xff; 4])),
    fault("init-gives-zero", On::Init, End::Refused, |reply| assigned(reply, [0; 4])),
    fault("init-can-nothing", On::Init, End::Refused, |reply| {
        let mut payload = reply.payload.clone();
        payload.pop();
        payload.push(0x08);
        reply.saying(payload).into()
    }),
    fault("init-in-the-middle", On::Any, End::Harmless, |reply| {
        [init(reply, 0x66).reports(), reply.reports()].concat().into()
    }),
    // Sequence numbers.
    fault("sequence-skipped", On::Any, End::Refused, |reply| {
        from_second(reply, |reports| reports.iter_mut().for_each(|r| r[4] += 1))
    }),
    fault("sequence-backwards", On::Any, End::Refused, |reply| {
        from_second(reply, |reports| reports.iter_mut().for_each(|r| r[4] = 0x7f - r[4]))
    }),
    fault("sequence-same", On::Any, End::Refused, |reply| {
        from_second(reply, |reports| reports.iter_mut().for_each(|r| r[4] = 5))
    }),
    fault("continuation-twice", On::Any, End::Refused, |reply| {
        rearranged(reply, |reports| reports.insert(1, reports[1].clone()))
    }),
    fault("continuation-missing", On::Any, End::Refused, |reply| {
        rearranged(reply, |reports| drop(reports.remove(1)))
    }),
    fault("continuation-last-missing", On::Any, End::Refused, |reply| {
        rearranged(reply, |reports| drop(reports.pop()))
    }),
    fault("continuation-first", On::Any, End::Refused, |reply| {
        rearranged(reply, |reports| reports.swap(0, 1))
    }),
    fault("continuation-only", On::Any, End::Refused, |reply| {
        rearranged(reply, |reports| drop(reports.remove(0)))
    }),
    fault("continuation-endless", On::Any, End::Refused, |reply| {
        endless(
            reply.reports_of_length(LONGEST),
            reply.report(&[0x7f], &[0; 59]),
            Duration::from_millis(5),
        )
    }),
    fault("begun-twice", On::Any, End::Either, |reply| {
        rearranged(reply, |reports| reports.insert(1, reports[0].clone()))
    }),
    fault("sent-twice", On::Any, End::Either, |reply| {
        [reply.reports(), reply.reports()].concat().into()
    }),
    // Lengths.
    fault("length-zero", On::Any, End::Refused, |reply| reply.reports_of_length(0).into()),
    fault("length-one", On::Any, End::Refused, |reply| reply.reports_of_length(1).into()),
    fault("length-half", On::Any, End::Refused, |reply| {
        reply.reports_of_length(reply.payload.len() / 2).into()
    }),
    fault("length-too-long", On::Any, End::Refused, |reply| {
        reply.reports_of_length(reply.payload.len() + 200).into()
    }),
    fault("length-longest", On::Any, End::Refused, |reply| reply.reports_of_length(LONGEST).into()),
    fault("length-over", On::Any, End::Refused, |reply| {
        reply.reports_of_length(LONGEST + 1).into()
    }),
    fault("length-65535", On::Any, End::Refused, |reply| reply.reports_of_length(0xffff).into()),
    fault("full-of-noise", On::Any, End::Refused, |reply| reply.saying(noise(LONGEST)).into()),
    // Commands.
    fault("answers-ping", On::Any, End::Refused, |reply| reply.under(0x81).into()),
    fault("answers-unknown", On::Any, End::Refused, |reply| reply.under(0xff).into()),
    fault("answers-init", On::Any, End::Refused, |reply| reply.under(INIT).into()),
    // Silence and keep-alives.
    fault("silent", On::Any, End::Refused, |_| Sent::default()),
    fault("silent-after-first", On::Any, End::Refused, |reply| {
        rearranged(reply, |reports| reports.truncate(1))
    }),
    fault("keepalive-processing-endless", On::Any, End::Refused, |reply| {
        alive(reply, &[PROCESSING])
    }),
    fault("keepalive-touch-endless", On::Any, End::Refused, |reply| alive(reply, &[TOUCH_NEEDED])),
    fault("keepalive-unknown-endless", On::Any, End::Refused, |reply| alive(reply, &[0xee])),
    fault("keepalive-empty-endless", On::Any, End::Refused, |reply| alive(reply, &[])),
    fault("keepalive-burst", On::Any, End::Either, |reply| {
        let burst = iter::repeat_n(one(&keepalive(reply, &[PROCESSING])), 200);
        burst.chain(reply.reports()).collect::<Vec<_>>().into()
    }),
    fault("keepalive-unknown-first", On::Any, End::Harmless, |reply| {
        [keepalive(reply, &[0xee]).reports(), reply.reports()].concat().into()
    }),
    fault("keepalive-huge", On::Any, End::Refused, |reply| {
        keepalive(reply, &[PROCESSING]).reports_of_length(0xffff).into()
    }),
    // Error frames.
    fault("error-zero", On::Any, End::Refused, |reply| error(reply, 0)),
    fault("error-empty", On::Any, End::Refused, |reply| reply.under(ERROR).saying([]).into()),
    fault("error-unknown", On::Any, End::Refused, |reply| error(reply, 0xee)),
    fault("error-other", On::Any, End::Refused, |reply| error(reply, 0x7f)),
    fault("error-invalid-command", On::Any, End::Refused, |reply| error(reply, 0x01)),
    fault("error-channel", On::Any, End::Refused, |reply| error(reply, 0x0b)),
    fault("error-busy", On::Any, End::Refused, |reply| error(reply, BUSY)),
    fault("error-huge", On::Any, End::Refused, |reply| {
        reply.under(ERROR).saying([0x7f]).reports_of_length(0xffff).into()
    }),
];
