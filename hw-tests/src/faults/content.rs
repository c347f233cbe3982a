//! Faults in the CBOR of a CTAP2 reply (CTAP 2.1 §6).

use std::iter;

use sk_cbor::Value;

use super::reply::Reply;
use super::{End, Fault, On, Sent};

const fn refused(name: &'static str, on: On, change: fn(&Reply) -> Sent) -> Fault {
    Fault { name, on, end: End::Refused, change }
}

const fn harmless(name: &'static str, on: On, change: fn(&Reply) -> Sent) -> Fault {
    Fault { name, on, end: End::Harmless, change }
}

const fn either(name: &'static str, on: On, change: fn(&Reply) -> Sent) -> Fault {
    Fault { name, on, end: End::Either, change }
}

/// The member of a successful reply with this key.
pub(super) fn member(reply: &Reply, key: u64) -> Option<Value> {
    let wanted = Value::unsigned(key);
    reply.map()?.into_iter().find(|(key, _)| *key == wanted).map(|(_, value)| value)
}

/// A reply of the success status and these bytes.
fn body(reply: &Reply, bytes: impl IntoIterator<Item = u8>) -> Sent {
    reply.saying(iter::once(0).chain(bytes).collect::<Vec<u8>>()).into()
}

fn replaced_status(reply: &Reply, status: u8) -> Sent {
    let mut payload = reply.payload.clone();
    payload.resize(payload.len().max(2), 0xa0);
    set(&mut payload, 0, status);
    reply.saying(payload).into()
}

/// The reply with a changed map; unchanged if it has no map.
fn members(reply: &Reply, change: impl FnOnce(&mut Vec<(Value, Value)>)) -> Sent {
    let mut members = reply.map().unwrap_or_default();
    change(&mut members);
    let mut bytes = Vec::new();
    match sk_cbor::write(Value::map(members), &mut bytes) {
        Ok(()) => body(reply, bytes),
        Err(_) => body(reply, [0xff]),
    }
}

fn with(reply: &Reply, key: u64, value: Value) -> Sent {
    members(reply, |members| {
        members.retain(|(found, _)| *found != Value::unsigned(key));
        members.push((Value::unsigned(key), value));
    })
}

/// The reply with changed authenticator data, which both commands send under key 2.
fn data(reply: &Reply, change: fn(&mut Vec<u8>)) -> Sent {
    let mut bytes = member(reply, 2).and_then(Value::extract_byte_string).unwrap_or_default();
    change(&mut bytes);
    with(reply, 2, Value::byte_string(bytes))
}

fn each_member(reply: &Reply, change: fn(&Value) -> Value) -> Sent {
    members(reply, |members| {
        members.iter_mut().for_each(|(_, value)| *value = change(value));
        if members.is_empty() {
            members.push((Value::unsigned(1), Value::null_value()));
        }
    })
}

fn other_keys(reply: &Reply) -> Sent {
    members(reply, |members| {
        *members = (100..)
            .zip(members.drain(..))
            .map(|(key, (_, value))| (Value::unsigned(key), value))
            .collect();
        members.push((text("x"), Value::unsigned(1)));
    })
}

/// The map with its first member repeated. The writer refuses repetitions, so the bytes are
/// assembled here.
fn twice(reply: &Reply) -> Sent {
    let mut first = reply.map().unwrap_or_default();
    let (key, value) = if first.is_empty() {
        (Value::unsigned(1), Value::unsigned(1))
    } else {
        first.swap_remove(0)
    };
    let mut pair = Vec::new();
    let written = sk_cbor::write(key, &mut pair).and_then(|()| sk_cbor::write(value, &mut pair));
    let pair = if written.is_ok() { pair } else { vec![1, 1] };
    let rest = reply.payload.get(2..).unwrap_or_default();
    // A map of up to 22 members has its count in the low bits of its first byte.
    let head = reply.payload.get(1).map_or(0xa1, |head| head.saturating_add(1));
    body(reply, iter::once(head).chain(pair).chain(rest.iter().copied()))
}

fn credential(id: Vec<u8>) -> Value {
    Value::map(vec![(text("id"), Value::byte_string(id)), (text("type"), text("public-key"))])
}

fn text(text: &str) -> Value {
    Value::text_string(text.to_owned())
}

fn set(bytes: &mut [u8], at: usize, value: u8) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte = value;
    }
}

fn flip(bytes: &mut [u8], at: usize, bits: u8) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= bits;
    }
}

/// Offsets in authenticator data (WebAuthn L3 §6.1).
const FLAGS: usize = 32;
const CREDENTIAL_ID_LENGTH: usize = 53;

/// Text that would affect a terminal or a shell if it were passed on unescaped.
const ESCAPES: &str =
    "\u{1b}[2J\u{1b}]0;owned\u{7}\r\n\0$(touch /tmp/owned)`touch /tmp/owned`%s%n'\";--\u{202e}";

pub(super) const FAULTS: &[Fault] = &[
    // The status byte.
    refused("status-only", On::Cbor, |reply| reply.saying([0]).into()),
    refused("status-unknown", On::Cbor, |reply| reply.saying([0xdf]).into()),
    // A key without getInfo counts as a U2F key.
    either("status-error-and-data", On::Cbor, |reply| replaced_status(reply, 0x01)),
    refused("status-nothing", On::Cbor, |reply| reply.saying([]).into()),
    refused("status-pin-blocked", On::Cbor, |reply| reply.saying([0x32]).into()),
    // Bytes that are not CBOR, not canonical, or not the expected item.
    refused("cbor-garbage", On::Cbor, |reply| body(reply, (0..200).map(|n| n ^ 0xa5))),
    refused("cbor-cut", On::Cbor, |reply| {
        reply.saying(&reply.payload[..reply.payload.len() / 2]).into()
    }),
    Fault {
        name: "cbor-trailing",
        on: On::Cbor,
        end: End::Either,
        change: |reply| reply.saying([reply.payload.as_slice(), &[1, 2, 3]].concat()).into(),
    },
    refused("cbor-not-a-map", On::Cbor, |reply| body(reply, [0x01])),
    refused("cbor-empty-map", On::Cbor, |reply| body(reply, [0xa0])),
    refused("cbor-deep-arrays", On::Cbor, |reply| {
        body(reply, iter::repeat_n(0x81, 7_000).chain([0]))
    }),
    refused("cbor-deep-maps", On::Cbor, |reply| {
        body(reply, iter::repeat_n([0xa1, 0x00], 3_500).flatten().chain([0]))
    }),
    refused("cbor-deep-tags", On::Cbor, |reply| {
        body(reply, iter::repeat_n(0xc1, 7_000).chain([0]))
    }),
    refused("cbor-deep-indefinite", On::Cbor, |reply| body(reply, iter::repeat_n(0x9f, 7_000))),
    refused("cbor-huge-array", On::Cbor, |reply| {
        body(reply, [0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0])
    }),
    refused("cbor-huge-map", On::Cbor, |reply| {
        body(reply, [0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1])
    }),
    refused("cbor-huge-bytes", On::Cbor, |reply| {
        body(reply, [0xa1, 0x02, 0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0])
    }),
    refused("cbor-huge-text", On::Cbor, |reply| {
        body(reply, [0xa1, 0x01, 0x7a, 0xff, 0xff, 0xff, 0xff, 0x41])
    }),
    refused("cbor-reserved-length", On::Cbor, |reply| body(reply, [0xa1, 0x1c, 0x1d, 0x1e])),
    refused("cbor-break-alone", On::Cbor, |reply| body(reply, [0xff])),
    refused("cbor-bad-utf8", On::Cbor, |reply| body(reply, [0xa1, 0x01, 0x63, 0xff, 0xfe, 0xfd])),
    refused("cbor-same-key-twice", On::Cbor, twice),
    refused("cbor-wrong-types", On::Cbor, |reply| each_member(reply, |_| Value::unsigned(7))),
    refused("cbor-all-null", On::Cbor, |reply| each_member(reply, |_| Value::null_value())),
    refused("cbor-other-keys", On::Cbor, other_keys),
    // authenticatorGetInfo.
    // A key that supports U2F as well is used over U2F.
    either("info-no-versions", On::Info, |reply| with(reply, 1, Value::array(Vec::new()))),
    either("info-unknown-versions", On::Info, |reply| {
        with(reply, 1, Value::array(vec![text("FIDO_9_9"), text("")]))
    }),
    either("info-strings-escapes", On::Info, |reply| {
        with(reply, 1, Value::array(vec![text("FIDO_2_0"), text(ESCAPES)]))
    }),
    either("info-strings-4096", On::Info, |reply| {
        with(reply, 1, Value::array(vec![text("FIDO_2_0"), text(&"A".repeat(4_096))]))
    }),
    either("info-strings-many", On::Info, |reply| {
        with(reply, 1, Value::array(iter::repeat_n(text("FIDO_2_0"), 700).collect()))
    }),
    either("info-message-size-zero", On::Info, |reply| with(reply, 5, Value::unsigned(0))),
    either("info-message-size-huge", On::Info, |reply| with(reply, 5, Value::unsigned(u64::MAX))),
    either("info-protocols-unknown", On::Info, |reply| {
        with(reply, 6, Value::array(vec![Value::unsigned(200)]))
    }),
    either("info-protocols-empty", On::Info, |reply| with(reply, 6, Value::array(Vec::new()))),
    either("info-lists-of-none", On::Info, |reply| with(reply, 7, Value::unsigned(0))),
    either("info-ids-of-nothing", On::Info, |reply| with(reply, 8, Value::unsigned(0))),
    either("info-ids-huge", On::Info, |reply| with(reply, 8, Value::unsigned(u64::MAX))),
    either("info-options-not-bool", On::Info, |reply| {
        with(reply, 4, Value::map(vec![(text("rk"), Value::unsigned(3))]))
    }),
    either("info-aaguid-cut", On::Info, |reply| with(reply, 3, Value::byte_string(vec![1; 3]))),
    // authenticatorMakeCredential.
    refused("made-data-empty", On::Made, |reply| data(reply, Vec::clear)),
    refused("made-data-cut", On::Made, |reply| data(reply, |bytes| bytes.truncate(40))),
    refused("made-data-no-credential", On::Made, |reply| data(reply, |bytes| bytes.truncate(37))),
    refused("made-id-length-lies", On::Made, |reply| {
        data(reply, |bytes| set(bytes, CREDENTIAL_ID_LENGTH, 0xff))
    }),
    refused("made-for-another-site", On::Made, |reply| data(reply, |bytes| flip(bytes, 0, 0xff))),
    refused("made-without-touch", On::Made, |reply| data(reply, |bytes| flip(bytes, FLAGS, 0x01))),
    refused("made-flags-reserved", On::Made, |reply| data(reply, |bytes| set(bytes, FLAGS, 0xff))),
    refused("made-format-escapes", On::Made, |reply| with(reply, 1, text(ESCAPES))),
    refused("made-format-4096", On::Made, |reply| with(reply, 1, text(&"f".repeat(4_096)))),
    // No attestation was asked for, so the statement is ignored.
    harmless("made-signature-wrong", On::Made, |reply| {
        let statement = vec![
            (text("alg"), Value::integer(-7)),
            (text("sig"), Value::byte_string(vec![0x30; 71])),
        ];
        with(reply, 3, Value::map(statement))
    }),
    harmless("made-algorithm-unknown", On::Made, |reply| {
        let statement = vec![
            (text("alg"), Value::integer(i64::MIN)),
            (text("sig"), Value::byte_string(vec![0x30; 71])),
        ];
        with(reply, 3, Value::map(statement))
    }),
    // authenticatorGetAssertion.
    refused("asserted-data-empty", On::Asserted, |reply| data(reply, Vec::clear)),
    refused("asserted-data-cut", On::Asserted, |reply| data(reply, |bytes| bytes.truncate(20))),
    refused("asserted-for-another-site", On::Asserted, |reply| {
        data(reply, |bytes| flip(bytes, 0, 0xff))
    }),
    refused("asserted-without-touch", On::Asserted, |reply| {
        data(reply, |bytes| flip(bytes, FLAGS, 0x01))
    }),
    refused("asserted-signature-empty", On::Asserted, |reply| {
        with(reply, 3, Value::byte_string(Vec::new()))
    }),
    refused("asserted-signature-wrong", On::Asserted, |reply| {
        with(reply, 3, Value::byte_string(vec![0x30; 71]))
    }),
    refused("asserted-signature-7000", On::Asserted, |reply| {
        with(reply, 3, Value::byte_string(vec![0x30; 7_000]))
    }),
    refused("asserted-id-unknown", On::Asserted, |reply| {
        with(reply, 1, credential(vec![0xee; 64]))
    }),
    refused("asserted-id-empty", On::Asserted, |reply| with(reply, 1, credential(Vec::new()))),
    refused("asserted-id-4096", On::Asserted, |reply| {
        with(reply, 1, credential(vec![0xee; 4_096]))
    }),
    either("asserted-many-more", On::Asserted, |reply| {
        with(reply, 5, Value::unsigned(u64::from(u32::MAX)))
    }),
    either("asserted-user-huge", On::Asserted, |reply| {
        with(
            reply,
            4,
            Value::map(vec![
                (text("id"), Value::byte_string(vec![1; 4_096])),
                (text("name"), text(ESCAPES)),
            ]),
        )
    }),
];
