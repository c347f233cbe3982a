//! Tokens of FreeIPA, as `ldapsearch` prints them.

use std::io::BufRead;

use crate::import::found::Out;
use crate::import::head::Head;
use crate::import::ldif::entry::{Entries, Entry};
use crate::import::names::algorithm;
use crate::import::{Problem, ProblemCode, Settings, Stop, Token, TokenDrift, TokenKind};
use crate::secret::Secret;
use crate::time::UnixTime;

pub(in crate::import) fn recognises(head: &Head<'_>) -> bool {
    head.0.lines().any(|line| line.starts_with("dn:")) && head.has("ipatoken")
}

pub(in crate::import) fn read(
    input: &mut dyn BufRead,
    settings: &Settings,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    let mut entries = Entries::of(input);
    while let Some(entry) = entries.next(out)? {
        // The container of the tokens, and what `ldapsearch` says at the end.
        if !entry.has("objectClass", "ipatoken") && entry.bytes(KEY).is_none() {
            continue;
        }
        match token(&entry, settings) {
            Ok(token) => out.token(token)?,
            Err(problem) => {
                out.problem(problem.of_serial(entry.text("ipatokenUniqueID")))?;
            }
        }
    }
    Ok(())
}

fn token(entry: &Entry, settings: &Settings) -> Result<Token, Problem> {
    let problem = |code, detail: &str| Problem::at(entry.place, code, detail);
    let kind = match (entry.has(CLASS, "ipatokentotp"), entry.has(CLASS, "ipatokenhotp")) {
        (true, false) => TokenKind::Totp,
        (false, true) => TokenKind::Hotp,
        _ => {
            let detail = "the token is neither of class ipatokenTOTP nor of ipatokenHOTP: leave \
                          it out with --skip-unsupported";
            return Err(problem(ProblemCode::Unsupported, detail));
        }
    };
    let secret = entry.bytes(KEY).filter(|bytes| !bytes.is_empty()).ok_or_else(|| {
        let detail = "the entry has no ipatokenOTPkey: export it as the directory manager";
        problem(ProblemCode::SecretMissing, detail)
    })?;
    let hash = match entry.text("ipatokenOTPalgorithm") {
        None => None,
        Some(name) => Some(algorithm(name).ok_or_else(|| {
            let detail = "the hash function is none of SHA1, SHA256, SHA512";
            problem(ProblemCode::Unsupported, detail)
        })?),
    };
    judge_dates(entry, settings)?;
    let token = Token {
        serial: entry.text("ipatokenUniqueID").map(str::to_owned),
        account: entry.text("ipatokenOwner").and_then(user),
        name: entry.text("description").map(str::to_owned),
        kind: Some(kind),
        algorithm: hash,
        digits: entry.number("ipatokenOTPdigits")?,
        disabled: entry.has("ipatokenDisabled", "TRUE"),
        ..Token::new(entry.place, Secret::from(secret))
    };
    Ok(match kind {
        TokenKind::Hotp => Token { counter: entry.number("ipatokenHOTPcounter")?, ..token },
        TokenKind::Totp => Token {
            period: entry.number("ipatokenTOTPtimeStep")?,
            // The attribute names the next step that is allowed. Zero: no code was accepted.
            watermark: entry.number("ipatokenTOTPwatermark")?.and_then(|next| next.checked_sub(1)),
            drift: offset(entry)?,
            ..token
        },
    })
}

/// The offset of the token's clock in seconds.
fn offset(entry: &Entry) -> Result<Option<TokenDrift>, Problem> {
    let name = "ipatokenTOTPclockOffset";
    let Some(text) = entry.text(name) else { return Ok(None) };
    let seconds: i32 = text.parse().map_err(|_| entry.bad(name, "is no number of seconds"))?;
    Ok(Some(TokenDrift::Seconds(f64::from(seconds))))
}

/// The user of a name such as `uid=alice,cn=users,cn=accounts,dc=example,dc=com`.
fn user(owner: &str) -> Option<String> {
    let first = owner.split(',').next()?;
    let (name, value) = first.split_once('=')?;
    name.trim().eq_ignore_ascii_case("uid").then(|| value.trim().to_owned())
}

/// Refuses a token that is no longer, or not yet, to be used.
fn judge_dates(entry: &Entry, settings: &Settings) -> Result<(), Problem> {
    let expired = |detail: String| Err(Problem::at(entry.place, ProblemCode::Expired, detail));
    let hint = "leave the entry out, or import it with --expired import";
    if settings.expired {
        return Ok(());
    }
    if let Some(end) = date(entry, "ipatokenNotAfter")?
        && end < settings.now
    {
        return expired(format!("the token expired at {end}: {hint}"));
    }
    match date(entry, "ipatokenNotBefore")? {
        Some(begin) if begin > settings.now => {
            expired(format!("the token is not to be used before {begin}: {hint}"))
        }
        _ => Ok(()),
    }
}

/// A date such as `20261128120000Z`.
fn date(entry: &Entry, name: &str) -> Result<Option<UnixTime>, Problem> {
    let Some(text) = entry.text(name) else { return Ok(None) };
    let part = |range| text.get(range).unwrap_or("");
    let written = format!(
        "{}-{}-{}T{}:{}:{}{}",
        part(0..4),
        part(4..6),
        part(6..8),
        part(8..10),
        part(10..12),
        part(12..14),
        part(14..text.len().max(14)),
    );
    written
        .parse()
        .map(Some)
        .map_err(|_| entry.bad(name, "is no date such as 20261128120000Z"))
}

const CLASS: &str = "objectClass";
const KEY: &str = "ipatokenOTPkey";
