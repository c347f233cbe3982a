//! Large tables: every fault is named, and reading takes no long time.

use std::fmt::Write;
use std::time::Instant;

use twostep::import::{Format, Place, ProblemCode, Settings};

use super::{read_with, recognised, settings};

/// A secret of its own for each number, in hexadecimal digits.
fn secret(number: u64) -> String {
    format!("{:020x}{:020x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15), number)
}

fn table(lines: u64, planted: &dyn Fn(u64) -> Option<String>) -> String {
    let mut file = String::new();
    for number in 1..=lines {
        let sound = || format!("{:010},{},totp,6,30", 26_001_000 + number, secret(number));
        writeln!(file, "{}", planted(number).unwrap_or_else(sound)).unwrap();
    }
    file
}

#[test]
fn thirty_faults_among_ten_thousand_tokens_are_named() {
    let faults: Vec<(u64, ProblemCode)> = (0..30)
        .map(|at| (at * 331 + 17, KINDS[usize::try_from(at).unwrap() % KINDS.len()].0))
        .collect();
    let planted = |number: u64| {
        let at = faults.iter().position(|(line, _)| *line == number)?;
        let (serial, secret) = (format!("{:010}", 26_001_000 + number), secret(number));
        Some(KINDS[at % KINDS.len()].1.replace("SERIAL", &serial).replace("SECRET", &secret))
    };
    let read = recognised(table(10_000, &planted));
    assert_eq!(read.format, Some(Format::OathCsv));
    let mut found = read.codes();
    found.sort_by_key(|(place, _)| *place);
    let expected: Vec<_> =
        faults.iter().map(|(line, code)| (Some(Place::Line(*line)), *code)).collect();
    assert_eq!(found, expected);
    // A serial number that lost its zeros comes as a token too: it may be right.
    let lost = 30 / KINDS.len() + usize::from(30 % KINDS.len() > LOST);
    assert_eq!(read.tokens.len(), 10_000 - 30 + lost);
    let seen = |number: u64| read.problems.iter().any(|p| p.detail.contains(&secret(number)));
    assert!(!faults.iter().any(|(line, _)| seen(*line)));
}

const KINDS: &[(ProblemCode, &str)] = &[
    (ProblemCode::Syntax, "\u{feff}SERIAL,SECRET,totp,6,30"),
    (ProblemCode::Syntax, "SERIAL;SECRET;totp;6;30"),
    (ProblemCode::Syntax, "\"SERIAL,SECRET,totp,6,30"),
    (ProblemCode::Syntax, "\"SERIAL\"7,SECRET,totp,6,30"),
    (ProblemCode::Serial, "2.6E+12,SECRET,totp,6,30"),
    (ProblemCode::Serial, "\"2,6E+12\",SECRET,totp,6,30"),
    (ProblemCode::Serial, "26001017,SECRET,totp,6,30"),
    (ProblemCode::Serial, "cafeSECRET,SERIAL,totp,6,30"),
    (ProblemCode::SecretMissing, "SERIAL,,totp,6,30"),
    (ProblemCode::SecretMalformed, "SERIAL,SECRETx,totp,6,30"),
    (ProblemCode::SecretMalformed, "SERIAL,SECRET0,totp,6,30"),
    (ProblemCode::Value, "SERIAL,SECRET,totp,6,half"),
    (ProblemCode::Value, "SERIAL,SECRET,6,totp,30"),
];

/// Position of the fault after which the token is read all the same.
const LOST: usize = 6;

#[test]
fn twenty_thousand_lines_are_read_in_seconds() {
    let began = Instant::now();
    let file = table(20_000, &|_| None);
    let read = recognised(&file);
    assert_eq!(read.sound().len(), 20_000);
    let wide: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(file.encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    assert_eq!(recognised(&wide).sound().len(), 20_000);
    let columns = Some("serial,secret:hex,kind,digits,period".to_owned());
    let read = read_with(None, &file, &Settings { columns, ..settings() });
    assert_eq!(read.sound().len(), 20_000);
    assert!(began.elapsed().as_secs() < 30, "{:?}", began.elapsed());
}
