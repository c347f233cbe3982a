//! Backups of FreeOTP+.
//!
//! The sources are public: a secret is a list of signed bytes, and the counter is the one that was
//! used last.

use std::fmt;
use std::io::BufRead;

use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use zeroize::Zeroizing;

use super::entry::places;
use crate::import::found::Out;
use crate::import::head::Head;
use crate::import::names::{self, algorithm};
use crate::import::whole::{self, Whole};
use crate::import::{Place, Problem, ProblemCode, Settings, Stop, Token, TokenKind};
use crate::secret::Secret;

pub(in crate::import) fn recognises(head: &Head<'_>) -> bool {
    head.is_object_with(&["tokenOrder"]) || head.is_object_with(&["tokens", "issuerExt"])
}

pub(in crate::import) fn read(
    input: &mut dyn BufRead,
    _settings: &Settings,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    let mut file = whole::bytes(input, whole::VAULT, out)?;
    let backup: Backup = whole::json(&mut file).map_err(|problem| out.end(problem))?;
    for (place, token) in places().zip(backup.tokens) {
        match token.token(place) {
            Ok(token) => out.token(token)?,
            Err(problem) => out.problem(problem)?,
        }
    }
    Ok(())
}

#[derive(Deserialize)]
struct Backup {
    tokens: Vec<FreeOtpToken>,
}

#[derive(Deserialize)]
struct FreeOtpToken {
    #[serde(rename = "type")]
    kind: Option<String>,
    secret: Option<SignedBytes>,
    #[serde(rename = "issuerExt")]
    issuer: Option<String>,
    label: Option<String>,
    algo: Option<String>,
    digits: Option<Whole>,
    period: Option<Whole>,
    counter: Option<Whole>,
}

impl FreeOtpToken {
    fn token(self, place: Place) -> Result<Token, Problem> {
        let problem = |code, detail: &str| Problem::at(place, code, detail);
        let kind = self.kind.as_deref().map(names::kind).transpose();
        let kind = kind.map_err(|detail| problem(ProblemCode::Unsupported, detail))?;
        let missing = "the entry has no secret: export the vault again";
        let secret = self.secret.ok_or_else(|| problem(ProblemCode::SecretMissing, missing))?;
        let hash = match self.algo.as_deref() {
            None => None,
            Some(name) => Some(algorithm(name).ok_or_else(|| {
                let detail = "the hash function is none of SHA1, SHA256, SHA512";
                problem(ProblemCode::Unsupported, detail)
            })?),
        };
        let used = Whole::of(self.counter, "the counter", place)?;
        let next = used.map(|used| {
            let detail = "no counter follows the one that was used last";
            used.checked_add(1).ok_or_else(|| problem(ProblemCode::Value, detail))
        });
        let next = next.transpose()?;
        let period = Whole::of(self.period, "the period", place)?;
        let is_event = kind == Some(TokenKind::Hotp);
        Ok(Token {
            name: names::device(self.issuer.as_deref(), self.label.as_deref()),
            kind,
            algorithm: hash,
            digits: Whole::of(self.digits, "the number of digits", place)?,
            period: period.filter(|_| !is_event),
            counter: next.filter(|_| is_event),
            hardware: Some(false),
            ..Token::new(place, secret.0)
        })
    }
}

/// A secret as Java's bytes, which have signs.
struct SignedBytes(Secret);

impl<'t> Deserialize<'t> for SignedBytes {
    fn deserialize<D: Deserializer<'t>>(value: D) -> Result<SignedBytes, D::Error> {
        value.deserialize_seq(SignedBytesVisitor)
    }
}

struct SignedBytesVisitor;

impl<'t> Visitor<'t> for SignedBytesVisitor {
    type Value = SignedBytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("signed bytes")
    }

    fn visit_seq<S: SeqAccess<'t>>(self, mut list: S) -> Result<SignedBytes, S::Error> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(128));
        while let Some(number) = list.next_element::<i16>()? {
            let byte = i8::try_from(number).map(i8::cast_unsigned);
            let byte = byte.or_else(|_| u8::try_from(number));
            whole::grow(&mut bytes, whole::VAULT);
            bytes.push(byte.map_err(|_| S::Error::custom("no byte"))?);
        }
        Ok(SignedBytes(Secret::new(std::mem::take(&mut bytes))))
    }
}
