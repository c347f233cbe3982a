//! Exports of Google Authenticator.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::process::Command;

use test_support::tools;
use twostep::import::{Format, Place, ProblemCode, TokenKind};
use twostep::otp::Algorithm;

use super::recognised;

/// A field of a protobuf message: its number, and a varint or bytes.
fn varint(field: u8, number: i64) -> Vec<u8> {
    let mut bytes = vec![field << 3];
    let mut rest = number.cast_unsigned();
    while rest > 0x7f {
        bytes.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
        rest >>= 7;
    }
    bytes.push(u8::try_from(rest).unwrap());
    bytes
}

fn bytes(field: u8, content: &[u8]) -> Vec<u8> {
    [&[field << 3 | 2, u8::try_from(content.len()).unwrap()], content].concat()
}

/// Secret, hash, digits, kind and counter, as the numbers of the message.
fn entry(secret: &[u8], [hash, digits, kind, counter]: [i64; 4]) -> Vec<u8> {
    let fields = [
        bytes(1, secret),
        bytes(2, b"Hafen:ina+work@example.net"),
        bytes(3, b"Hafen"),
        varint(4, hash),
        varint(5, digits),
        varint(6, kind),
        varint(7, counter),
        // A field of later versions.
        bytes(8, b"unknown"),
    ];
    bytes(1, &fields.concat())
}

/// The message of a part: entries, then size, index and number of the batch.
fn part(entries: &[Vec<u8>], [size, index, id]: [i64; 3]) -> Vec<u8> {
    [entries.concat(), varint(2, 1), varint(3, size), varint(4, index), varint(5, id)].concat()
}

fn uri(message: &[u8]) -> String {
    let data = STANDARD
        .encode(message)
        .replace('+', "%2B")
        .replace('/', "%2F")
        .replace('=', "%3D");
    format!("otpauth-migration://offline?data={data}\n")
}

const SECRET: &[u8] = b"a phone's secret 1";

pub(super) fn plain_file() -> Vec<u8> {
    let entries = [entry(SECRET, [2, 2, 2, 0]), entry(b"a phone's secret 2", [1, 1, 1, 17])];
    uri(&part(&entries, [1, 0, -7])).into_bytes()
}

#[test]
fn all_parts_of_a_batch_are_read() {
    let time = entry(SECRET, [2, 2, 2, 0]);
    let event = entry(b"a phone's secret 2", [1, 1, 1, 17]);
    let open = entry(b"a phone's secret 3", [0, 0, 0, 0]);
    let first = uri(&part(&[time, event], [2, 0, -1_234_567]));
    let second = uri(&part(&[open], [2, 1, -1_234_567]));
    let read = recognised(format!("{second}\r\n{first}"));
    assert_eq!(read.format, Some(Format::OtpauthMigration));
    let [(None, note)] = read.notes.as_slice() else { panic!("{:?}", read.notes) };
    assert!(note.contains("period"), "{note}");
    let [open, time, event] = <[_; 3]>::try_from(read.sound()).unwrap();
    assert_eq!((open.kind, open.algorithm, open.digits, open.counter), (None, None, None, None));
    assert_eq!(time.secret.expose(), SECRET);
    assert_eq!((time.place, time.period), (Place::Line(3), None));
    assert_eq!((time.kind, time.digits), (Some(TokenKind::Totp), Some(8)));
    assert_eq!(time.algorithm, Some(Algorithm::Sha256));
    assert_eq!(time.name.as_deref(), Some("Hafen: ina+work@example.net"));
    assert_eq!((event.kind, event.counter), (Some(TokenKind::Hotp), Some(17)));
}

#[test]
fn missing_parts_are_named() {
    let entry = entry(SECRET, [1, 1, 2, 0]);
    let read = recognised(uri(&part(&[entry], [4, 1, -9])));
    assert_eq!(read.codes(), [(Some(Place::Line(1)), ProblemCode::Syntax)]);
    assert!(read.problems[0].detail.contains("1, 3, 4"), "{}", read.problems[0]);
    assert_eq!(read.tokens.len(), 1);
    for size in [i64::from(i32::MAX), i64::from(i32::MIN), -1, 0] {
        let read = recognised(uri(&part(&[], [size, 0, 1])));
        assert_eq!(read.problems.len(), usize::from(size > 1), "{size}");
        assert!(read.problems.iter().all(|problem| problem.detail.len() < 1_000));
    }
}

#[test]
fn each_bad_entry_is_named() {
    for (numbers, code) in [
        ([4, 1, 2, 0], ProblemCode::Unsupported),
        ([5, 1, 2, 0], ProblemCode::Value),
        ([1, 3, 2, 0], ProblemCode::Value),
        ([1, 1, 3, 0], ProblemCode::Value),
        ([1, 1, 1, -1], ProblemCode::Value),
    ] {
        let entries = [entry(SECRET, numbers), entry(b"a phone's secret 2", [1, 1, 2, 0])];
        let read = recognised(uri(&part(&entries, [1, 0, 1])));
        assert_eq!(read.codes(), [(Some(Place::Line(1)), code)], "{numbers:?}");
        assert_eq!(read.tokens.len(), 1);
    }
    let empty = recognised(uri(&part(&[entry(b"", [1, 1, 2, 0])], [1, 0, 1])));
    assert_eq!(empty.codes()[0].1, ProblemCode::SecretMissing);
    let scheme = "otpauth-migration://offline";
    for uri in [
        format!("{scheme}?data=%%%"),
        format!("{scheme}?data=Cg"),
        format!("{scheme}?date=Cg=="),
        format!("{scheme}?data=////"),
        scheme.to_owned(),
        format!("{scheme}?data=\notpauth://totp/x?secret=GEZDGNBVGY3TQOJQ"),
    ] {
        let read = recognised(&uri);
        assert_eq!(read.codes().last().unwrap().1, ProblemCode::Syntax, "{uri}");
        assert!(read.tokens.is_empty());
    }
}

#[test]
fn exports_of_otpa_are_read() {
    if !tools::have("python:otpa") {
        return;
    }
    let script = "
from otpa.migration import payload_to_migration_link
from otpa.models import Algorithm, DigitCount, MigrationPayload, OtpParameters, OtpType
for index in range(3):
    entries = [OtpParameters(secret=bytes(range(n, n + 20 + n % 3)), name='Hafen:ina %d' % n,
        issuer='Hafen', algorithm=list(Algorithm)[1 + n % 3], digits=list(DigitCount)[1 + n % 2],
        type=list(OtpType)[1 + n % 2], counter=n * 1000 if n % 2 == 0 else 0)
        for n in range(index * 10, index * 10 + 10)]
    print(payload_to_migration_link(MigrationPayload(otp_parameters=entries, version=1,
        batch_size=3, batch_index=index, batch_id=2147483647)))
";
    let output = Command::new(tools::python()).args(["-c", script]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tokens = recognised(&output.stdout).sound();
    assert_eq!(tokens.len(), 30);
    for (n, token) in (0_u8..).zip(&tokens) {
        let secret: Vec<u8> = (n..n + 20 + n % 3).collect();
        assert_eq!(token.secret.expose(), secret, "entry {n}");
        let hash = [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512][usize::from(n % 3)];
        assert_eq!((token.algorithm, token.digits), (Some(hash), Some(6 + u64::from(n % 2) * 2)));
        assert_eq!(token.counter, (n % 2 == 0).then(|| u64::from(n) * 1_000));
    }
}
