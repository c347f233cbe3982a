//! Records of SafeWord, as they come with eToken PASS.

use std::io::BufRead;

use crate::import::found::Out;
use crate::import::head::Head;
use crate::import::ldif::entry::{Entries, Entry};
use crate::import::names::{algorithm, secret_of_hex};
use crate::import::{Problem, ProblemCode, Settings, Stop, Token, TokenKind};
use crate::time::UnixTime;

pub(in crate::import) fn recognises(head: &Head<'_>) -> bool {
    head.has("sccAuthenticatorId") || head.has("SafeWord Authenticator Records")
}

pub(in crate::import) fn read(
    input: &mut dyn BufRead,
    _settings: &Settings,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    let mut entries = Entries::of(input);
    while let Some(entry) = entries.next(out)? {
        let serial = entry.text("sccAuthenticatorId");
        if serial.is_none() && entry.text(DATA).is_none() {
            continue;
        }
        match token(&entry) {
            Ok(token) => out.token(token)?,
            Err(problem) => out.problem(problem.of_serial(serial))?,
        }
    }
    Ok(())
}

fn token(entry: &Entry) -> Result<Token, Problem> {
    let problem = |code, detail: &str| Problem::at(entry.place, code, detail);
    let data = Data(entry.text(DATA).unwrap_or(""));
    let key = data.get("sccKey").filter(|key| !key.is_empty()).ok_or_else(|| {
        let detail = "the record has no sccKey in sccTokenData: ask the vendor for the whole file";
        problem(ProblemCode::SecretMissing, detail)
    })?;
    if key.starts_with('(') {
        let detail = "sccKey is encrypted, as a server of SafeWord exports it: ask the vendor for \
                      the file that came with the tokens";
        return Err(problem(ProblemCode::Encryption, detail));
    }
    let secret =
        secret_of_hex(key).map_err(|detail| problem(ProblemCode::SecretMalformed, detail))?;
    let kind = match data.get("sccMode") {
        Some("E") => TokenKind::Hotp,
        Some("T") => TokenKind::Totp,
        _ => {
            let detail = "sccMode is neither E nor T: leave the record out with --skip-unsupported";
            return Err(problem(ProblemCode::Unsupported, detail));
        }
    };
    let number = |name: &str| match data.get(name) {
        None => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| entry.bad(name, "is no number")),
    };
    let hash = match data.get("crypto") {
        None => None,
        Some(name) => Some(algorithm(name).ok_or_else(|| {
            let detail = "the hash function is none of SHA1, SHA256, SHA512";
            problem(ProblemCode::Unsupported, detail)
        })?),
    };
    let token = Token {
        serial: entry.text("sccAuthenticatorId").map(str::to_owned),
        kind: Some(kind),
        algorithm: hash,
        digits: number("sccPwLen")?,
        hardware: Some(true),
        ..Token::new(entry.place, secret)
    };
    Ok(match kind {
        TokenKind::Hotp => token,
        TokenKind::Totp => Token {
            period: number("sccTick")?,
            t0: Some(YEAR_2000),
            clock_set: data.get("sccPrTime").and_then(day),
            ..token
        },
    })
}

/// The pairs `name=value;` of a record.
struct Data<'a>(&'a str);

impl<'a> Data<'a> {
    fn get(&self, name: &str) -> Option<&'a str> {
        let mut pairs = self.0.split(';').filter_map(|pair| pair.split_once('='));
        pairs.find(|(other, _)| other.trim() == name).map(|(_, value)| value.trim())
    }
}

/// The day of a time such as `2013/03/12 00:00:00`.
fn day(text: &str) -> Option<UnixTime> {
    UnixTime::noon(&text.get(..10)?.replace('/', "-")).ok()
}

const DATA: &str = "sccTokenData";

/// 2000-01-01, at which the steps of time tokens begin.
const YEAR_2000: u64 = 946_684_800;
