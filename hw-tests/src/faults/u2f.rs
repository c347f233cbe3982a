//! Faults in a CTAP1 reply (U2F Raw Message Formats §4, §5).

use std::iter;

use super::reply::Reply;
use super::{End, Fault, On, Sent};

const fn fault(name: &'static str, end: End, change: fn(&Reply) -> Sent) -> Fault {
    Fault { name, on: On::U2f, end, change }
}

fn changed(reply: &Reply, change: impl FnOnce(&mut Vec<u8>)) -> Sent {
    let mut payload = reply.payload.clone();
    change(&mut payload);
    reply.saying(payload).into()
}

/// The reply with another byte at this place. A byte that has the new value by chance, as one of a
/// signature may, becomes its complement.
fn spoiled(reply: &Reply, at: usize, change: fn(u8) -> u8) -> Sent {
    changed(reply, |bytes| {
        if let Some(byte) = bytes.get_mut(at) {
            let new = change(*byte);
            *byte = if new == *byte { !new } else { new };
        }
    })
}

/// The offset of the key handle's length in a registration.
const HANDLE_LENGTH: usize = 66;

pub(super) const FAULTS: &[Fault] = &[
    fault("u2f-empty", End::Refused, |reply| reply.saying([]).into()),
    fault("u2f-one-byte", End::Refused, |reply| reply.saying([0x90]).into()),
    fault("u2f-status-only", End::Refused, |reply| reply.saying([0x90, 0x00]).into()),
    fault("u2f-status-unknown", End::Refused, |reply| reply.saying([0x6f, 0x00]).into()),
    fault("u2f-status-missing", End::Refused, |reply| {
        changed(reply, |bytes| bytes.truncate(bytes.len().saturating_sub(2)))
    }),
    fault("u2f-touch-for-ever", End::Refused, |reply| reply.saying([0x69, 0x85]).into()),
    fault("u2f-wrong-data", End::Refused, |reply| reply.saying([0x6a, 0x80]).into()),
    fault("u2f-success-and-one", End::Refused, |reply| reply.saying([0x05, 0x90, 0x00]).into()),
    fault("u2f-first-byte", End::Refused, |reply| spoiled(reply, 0, |byte| byte ^ 0x0f)),
    fault("u2f-point-not-on-curve", End::Refused, |reply| spoiled(reply, 1, |_| 0x02)),
    fault("u2f-handle-length-zero", End::Refused, |reply| spoiled(reply, HANDLE_LENGTH, |_| 0)),
    fault("u2f-handle-length-255", End::Refused, |reply| spoiled(reply, HANDLE_LENGTH, |_| 255)),
    fault("u2f-cut", End::Refused, |reply| {
        changed(reply, |bytes| {
            drop(
                bytes.drain(
                    bytes.len().min(40)..bytes.len().saturating_sub(2).max(bytes.len().min(40)),
                ),
            )
        })
    }),
    fault("u2f-certificate-length-lies", End::Refused, |reply| {
        changed(reply, |bytes| {
            let at = HANDLE_LENGTH
                + 1
                + bytes.get(HANDLE_LENGTH).map_or(0, |length| usize::from(*length));
            if bytes.len() > at + 4 {
                bytes.splice(at..at + 4, [0x30, 0x84, 0xff, 0xff, 0xff, 0xff]);
            } else {
                bytes.insert(0, 0x30);
            }
        })
    }),
    fault("u2f-signature-wrong", End::Refused, |reply| {
        changed(reply, |bytes| {
            let before_status = bytes.len().saturating_sub(5);
            bytes.iter_mut().skip(before_status).take(3).for_each(|byte| *byte ^= 0xff);
        })
    }),
    fault("u2f-7000", End::Refused, |reply| {
        reply
            .saying(iter::repeat_n(0x05, 7_000).chain([0x90, 0x00]).collect::<Vec<_>>())
            .into()
    }),
];
