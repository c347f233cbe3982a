//! Exports of Google Authenticator: `otpauth-migration://` URIs, as the QR codes hold them.
//!
//! The message is known by analysis; no period is in it. A large export has several parts, with one
//! number for the batch.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use percent_encoding::percent_decode_str;
use prost::Message;
use zeroize::{Zeroize, Zeroizing};

use crate::import::found::Out;
use crate::import::head::Head;
use crate::import::lines::Lines;
use crate::import::{Place, Problem, ProblemCode, Settings, Stop, Token, TokenKind, names};
use crate::otp::Algorithm;
use crate::secret::Secret;

pub(super) fn recognises(head: &Head<'_>) -> bool {
    is_migration(head.first_line())
}

pub(super) fn read(
    input: &mut dyn BufRead,
    _settings: &Settings,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    let mut lines = Lines::of(input);
    let mut batches = Batches::default();
    let mut has_time = false;
    while let Some((place, line)) = lines.next(out)? {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match payload(place, line) {
            Err(problem) => out.problem(problem)?,
            Ok(mut payload) => {
                batches.add(place, &payload);
                for entry in &mut payload.tokens {
                    match entry.token(place) {
                        Ok(token) => {
                            has_time |= token.kind == Some(TokenKind::Totp);
                            out.token(token)?;
                        }
                        Err(problem) => out.problem(problem)?,
                    }
                }
            }
        }
    }
    if has_time {
        let text = "exports of Google Authenticator do not tell the period: a token of 60 seconds \
                    needs --period 60";
        out.note(None, text)?;
    }
    batches.missing().try_for_each(|problem| out.problem(problem))
}

fn is_migration(line: &str) -> bool {
    line.get(..SCHEME.len())
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCHEME))
}

/// The message of a URI.
fn payload(place: Place, uri: &str) -> Result<Payload, Problem> {
    let problem = |detail| Problem::at(place, ProblemCode::Syntax, detail);
    if !is_migration(uri) {
        return Err(problem(
            "this is no otpauth-migration:// URI: keep other ones in another file",
        ));
    }
    let (_, query) = uri.split_once('?').unwrap_or((uri, ""));
    let data = query.split('&').find_map(|pair| pair.strip_prefix("data="));
    let data = data.ok_or_else(|| problem("the URI has no data: it is cut off"))?;
    let text = Zeroizing::new(percent_decode_str(data).collect::<Vec<u8>>());
    let mut plain = Zeroizing::new(Vec::with_capacity(text.len()));
    plain.extend(text.iter().filter_map(|byte| match byte {
        // A plus that was taken for a blank, and the alphabet of file names.
        b' ' | b'-' => Some(b'+'),
        b'_' => Some(b'/'),
        b'=' => None,
        byte => Some(*byte),
    }));
    let message = STANDARD_NO_PAD.decode(&*plain).map(Zeroizing::new);
    let message =
        message.map_err(|_| problem("the data of the URI is no base64: it is cut off"))?;
    Payload::decode(message.as_slice())
        .map_err(|_| problem("the data of the URI is no export of Google Authenticator"))
}

#[derive(Clone, PartialEq, Message)]
struct Payload {
    #[prost(message, repeated, tag = "1")]
    tokens: Vec<Parameters>,
    #[prost(int32, tag = "2")]
    version: i32,
    #[prost(int32, tag = "3")]
    batch_size: i32,
    #[prost(int32, tag = "4")]
    batch_index: i32,
    /// A random number, also a negative one.
    #[prost(int32, tag = "5")]
    batch_id: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Parameters {
    #[prost(bytes = "vec", tag = "1")]
    secret: Vec<u8>,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, tag = "3")]
    issuer: String,
    #[prost(int32, tag = "4")]
    algorithm: i32,
    #[prost(int32, tag = "5")]
    digits: i32,
    #[prost(int32, tag = "6")]
    kind: i32,
    #[prost(int64, tag = "7")]
    counter: i64,
}

impl Parameters {
    /// The token; its secret is taken.
    fn token(&mut self, place: Place) -> Result<Token, Problem> {
        let problem = |code, detail: &str| Problem::at(place, code, detail);
        let secret = Secret::new(std::mem::take(&mut self.secret));
        if secret.expose().is_empty() {
            let detail = "an entry has no secret: export it again";
            return Err(problem(ProblemCode::SecretMissing, detail));
        }
        let algorithm = match self.algorithm {
            0 => None,
            1 => Some(Algorithm::Sha1),
            2 => Some(Algorithm::Sha256),
            3 => Some(Algorithm::Sha512),
            4 => return Err(problem(ProblemCode::Unsupported, "the hash function is MD5")),
            _ => return Err(problem(ProblemCode::Value, "the hash function is not known")),
        };
        let digits = match self.digits {
            0 => None,
            1 => Some(6),
            2 => Some(8),
            _ => return Err(problem(ProblemCode::Value, "the number of digits is not known")),
        };
        let kind = match self.kind {
            0 => None,
            1 => Some(TokenKind::Hotp),
            2 => Some(TokenKind::Totp),
            _ => return Err(problem(ProblemCode::Value, "the kind of token is not known")),
        };
        let malformed = |_| problem(ProblemCode::Value, "the counter is negative");
        let counter = u64::try_from(self.counter).map_err(malformed)?;
        Ok(Token {
            name: names::device(Some(&self.issuer), Some(&self.name)),
            kind,
            algorithm,
            digits,
            counter: Some(counter).filter(|_| kind == Some(TokenKind::Hotp)),
            hardware: Some(false),
            ..Token::new(place, secret)
        })
    }
}

impl Drop for Parameters {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

/// The parts that were there, by the number and the size of their batch.
#[derive(Default)]
struct Batches(BTreeMap<(i32, i32), (Place, BTreeSet<i32>)>);

impl Batches {
    fn add(&mut self, place: Place, payload: &Payload) {
        let parts = self.0.entry((payload.batch_id, payload.batch_size));
        parts.or_insert((place, BTreeSet::new())).1.insert(payload.batch_index);
    }

    /// One problem for each batch that is not complete.
    fn missing(&self) -> impl Iterator<Item = Problem> {
        self.0.iter().filter_map(|((_, size), (place, parts))| {
            let size = (*size).clamp(1, MOST_PARTS);
            let missing: Vec<String> = (0..size)
                .filter(|part| !parts.contains(part))
                .map(|part| (part + 1).to_string())
                .collect();
            let detail = format!(
                "of {size} parts, these are missing: {}; scan all QR codes of the export",
                missing.join(", ")
            );
            (!missing.is_empty()).then(|| Problem::at(*place, ProblemCode::Syntax, detail))
        })
    }
}

const SCHEME: &str = "otpauth-migration://";

/// Parts of the largest batch that is told part by part.
const MOST_PARTS: i32 = 100;
