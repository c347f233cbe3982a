//! Exports of privacyIDEA: `pi-tokenjanitor find export`, a JSON list encrypted as a Fernet token.
//!
//! The sources are public. The counter of an event token is the next one, that of a time token the
//! last step accepted (after a resynchronisation one more: the safe end). `timeShift` is seconds
//! between the beginning of the step shown and the time, half a step too low on average.

use std::io::BufRead;

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::import::found::Out;
use crate::import::head::Head;
use crate::import::names::{self, algorithm, secret_of_hex};
use crate::import::whole::{self, Whole};
use crate::import::{
    Place, Problem, ProblemCode, Settings, Stop, Token, TokenDrift, TokenKind, fernet,
};

pub(super) fn recognises(head: &Head<'_>) -> bool {
    fernet::begins(head.0.as_bytes()) || is_yaml(head.0) || head.is_list_with(&["otpkey", "otplen"])
}

pub(super) fn read(
    input: &mut dyn BufRead,
    settings: &Settings,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    let mut file = whole::bytes(input, whole::SERVER, out)?;
    if std::str::from_utf8(file.get(..4_096).unwrap_or(&file)).is_ok_and(is_yaml) {
        let detail = "exports of privacyIDEA in YAML are not read: export with --format pi, and \
                      give the key that is printed with --key-file";
        return Err(out.end(Problem::of_file(ProblemCode::FormatRefused, detail)));
    }
    let is_json = matches!(file.trim_ascii_start().first(), Some(b'[' | b'{'));
    if !is_json {
        fernet::open(&mut file, settings).map_err(|problem| out.end(problem))?;
    }
    let mut number = 0;
    let read = whole::each(&mut file, &[], &mut |exported: Exported| {
        number += 1;
        match exported.token(Place::Entry(number)) {
            Ok(token) => out.token(token),
            Err(problem) => out.problem(problem),
        }
    });
    read.map_err(|problem| out.end(problem))?
}

/// True for the beginning of a YAML list of tokens.
fn is_yaml(begun: &str) -> bool {
    begun.trim_start_matches('\u{feff}').starts_with("- ") && begun.contains("\n  otpkey:")
}

#[derive(Deserialize)]
struct Exported {
    serial: Option<String>,
    #[serde(default, rename = "type")]
    kind: String,
    otpkey: Option<Zeroizing<String>>,
    otplen: Option<Whole>,
    counter: Option<Whole>,
    active: Option<bool>,
    revoked: Option<bool>,
    locked: Option<bool>,
    #[serde(default)]
    info_list: Info,
    user: Option<Owner>,
}

#[derive(Default, Deserialize)]
struct Info {
    hashlib: Option<String>,
    #[serde(rename = "timeStep")]
    step: Option<Whole>,
    #[serde(rename = "timeShift")]
    shift: Option<Zeroizing<String>>,
    tokenkind: Option<String>,
}

#[derive(Deserialize)]
struct Owner {
    login: Option<String>,
    realm: Option<String>,
}

impl Exported {
    fn token(self, place: Place) -> Result<Token, Problem> {
        let serial = self.serial.clone();
        self.of_entry(place).map_err(|problem| problem.of_serial(serial.as_deref()))
    }

    fn of_entry(self, place: Place) -> Result<Token, Problem> {
        let problem = |code, detail: &str| Problem::at(place, code, detail);
        let kind = kind(&self.kind).map_err(|detail| problem(ProblemCode::Unsupported, &detail))?;
        let missing = "the token has no secret: export it again";
        let secret = self.otpkey.filter(|text| !text.is_empty());
        let secret = secret.ok_or_else(|| problem(ProblemCode::SecretMissing, missing))?;
        let secret = secret_of_hex(&secret)
            .map_err(|detail| problem(ProblemCode::SecretMalformed, detail))?;
        let hash = match self.info_list.hashlib.as_deref() {
            None | Some("") => None,
            Some(name) => Some(algorithm(name).ok_or_else(|| {
                let detail = "the hash function is none of SHA1, SHA256, SHA512";
                problem(ProblemCode::Unsupported, detail)
            })?),
        };
        let token = Token {
            serial: self.serial,
            account: self.user.and_then(Owner::account),
            kind: Some(kind),
            algorithm: hash,
            digits: Whole::of(self.otplen, "otplen", place)?,
            disabled: self.active == Some(false)
                || self.revoked == Some(true)
                || self.locked == Some(true),
            hardware: match self.info_list.tokenkind.as_deref() {
                Some("hardware") => Some(true),
                Some("software" | "virtual") => Some(false),
                _ => None,
            },
            ..Token::new(place, secret)
        };
        let counter = Whole::of(self.counter, "counter", place)?;
        Ok(match kind {
            TokenKind::Hotp => Token { counter, ..token },
            TokenKind::Totp => Token {
                period: Whole::of(self.info_list.step, "timeStep", place)?,
                // A token that was never used has the counter 0.
                watermark: counter.filter(|step| *step > 0),
                drift: drift(self.info_list.shift.as_deref().map(String::as_str), place)?,
                ..token
            },
        })
    }
}

impl Owner {
    /// The owner as privacyIDEA writes it: one login may exist in several realms.
    fn account(self) -> Option<String> {
        let login = self.login.filter(|login| !login.is_empty())?;
        Some(match self.realm.filter(|realm| !realm.is_empty()) {
            Some(realm) => format!("{login}@{realm}"),
            None => login,
        })
    }
}

/// The kind, if its codes are those of OATH. The error names the other ones that are known.
fn kind(name: &str) -> Result<TokenKind, String> {
    let name = name.to_ascii_lowercase();
    match OTHER_KINDS.iter().find(|other| **other == name) {
        Some(other) => Err(format!(
            "tokens of the type {other} show no codes of OATH: leave it out with \
             --skip-unsupported"
        )),
        None => names::kind(&name).map_err(str::to_owned),
    }
}

fn drift(seconds: Option<&str>, place: Place) -> Result<Option<TokenDrift>, Problem> {
    let Some(text) = seconds else { return Ok(None) };
    match text.trim().parse::<f64>() {
        Ok(seconds) if seconds.is_finite() => Ok(Some(TokenDrift::Seconds(seconds))),
        _ => Err(Problem::at(place, ProblemCode::Value, "timeShift is no number of seconds")),
    }
}

const OTHER_KINDS: &[&str] = &[
    "4eyes",
    "applspec",
    "certificate",
    "daplug",
    "daypassword",
    "email",
    "foureyes",
    "indexedsecret",
    "legacypush",
    "ocra",
    "paper",
    "passkey",
    "pin",
    "push",
    "pw",
    "question",
    "radius",
    "registration",
    "remote",
    "sms",
    "spass",
    "sshkey",
    "tan",
    "tiqr",
    "u2f",
    "vasco",
    "webauthn",
    "yubico",
    "yubikey",
];
