//! The file `users.oath` of `pam_oath`: a token a line, with what was used last.

use std::io::BufRead;

use crate::import::found::Out;
use crate::import::head::Head;
use crate::import::hosts::last::{LastCode, Zone};
use crate::import::lines::Lines;
use crate::import::names::secret_of_hex;
use crate::import::{Place, Problem, ProblemCode, Settings, Stop, Token, TokenKind};
use crate::otp::Algorithm;

pub(in crate::import) fn recognises(head: &Head<'_>) -> bool {
    let mut words = head.first_line().split_whitespace();
    let is_type = words.next().is_some_and(|word| Type::of(word).is_some());
    is_type && words.count() >= 3
}

pub(in crate::import) fn read(
    input: &mut dyn BufRead,
    settings: &Settings,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    let mut lines = Lines::of(input);
    let mut zone = Zone::new(settings.now);
    while let Some((place, line)) = lines.next(out)? {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let row = match Row::of(place, line) {
            Ok(row) => row,
            Err(problem) => {
                out.problem(problem)?;
                continue;
            }
        };
        if row.has_pin && !settings.drop_pins {
            let detail = "the line demands a PIN beside the code, which twostep does not check: \
                          leave it out with --drop-pins";
            out.problem(Problem::at(place, ProblemCode::Policy, detail))?;
        } else {
            if row.has_pin {
                out.note(Some(place), "the PIN is left out: a code alone will do")?;
            }
            out.token(row.token(&mut zone))?;
        }
    }
    Ok(())
}

/// The first word of a line: `HOTP`, `HOTP/E/8`, `HOTP/T30`, `HOTP/T60/7`.
struct Type {
    /// Seconds of a step; `None` of an event token.
    period: Option<u64>,
    digits: u64,
}

impl Type {
    fn of(word: &str) -> Option<Type> {
        let mut parts = word.split('/');
        if parts.next() != Some("HOTP") {
            return None;
        }
        let period = match parts.next() {
            None | Some("E") => None,
            Some(time) => Some(time.strip_prefix('T')?.parse().ok()?),
        };
        let digits = parts.next().map_or(Some(6), |digits| digits.parse().ok())?;
        parts.next().is_none().then_some(Type { period, digits })
    }
}

/// A line.
struct Row<'a> {
    of: Type,
    user: &'a str,
    has_pin: bool,
    /// Counter of an event token.
    factor: Option<u64>,
    last: Option<LastCode<'a>>,
    token: Token,
}

impl<'a> Row<'a> {
    fn of(place: Place, line: &'a str) -> Result<Row<'a>, Problem> {
        let problem = |code, detail: &str| Problem::at(place, code, detail);
        let mut words = line.split_whitespace();
        let of = words.next().and_then(Type::of).ok_or_else(|| {
            let detail = "the first word is no type of pam_oath: write HOTP, HOTP/T30 or HOTP/T60, \
                          with /7 or /8 behind for more digits";
            problem(ProblemCode::Syntax, detail)
        })?;
        let (Some(user), Some(pin), Some(secret)) = (words.next(), words.next(), words.next())
        else {
            let detail = "the line has fewer than four columns: type, user, PIN or -, secret";
            return Err(problem(ProblemCode::Syntax, detail));
        };
        let secret = secret_of_hex(secret)
            .map_err(|detail| problem(ProblemCode::SecretMalformed, detail))?;
        let factor = match words.next() {
            // The position within the window, which may be negative, says little of a time token.
            Some(_) if of.period.is_some() => None,
            Some(word) => Some(word.parse().map_err(|_| {
                let detail = "the fifth column is no counter: write digits, or end the line before";
                problem(ProblemCode::Value, detail)
            })?),
            None => None,
        };
        let last = match (words.next(), words.next()) {
            (None, _) => None,
            (Some(code), stamp) => Some(LastCode::of(code, stamp).ok_or_else(|| {
                let detail = "the last columns are no code and time such as 2026-03-01T12:00:00L: \
                              see what the line should be";
                problem(ProblemCode::Value, detail)
            })?),
        };
        let has_pin = !matches!(pin, "-" | "+");
        Ok(Row { of, user, has_pin, factor, last, token: Token::new(place, secret) })
    }

    fn token(self, zone: &mut Zone) -> Token {
        let token = Token {
            account: Some(self.user.to_owned()),
            algorithm: Some(Algorithm::Sha1),
            digits: Some(self.of.digits),
            ..self.token
        };
        match self.of.period {
            None => {
                // Beside a last code stands the counter of that code. A line without counter is
                // that of a token without use.
                let next = self.factor.unwrap_or(0);
                let next = next.checked_add(u64::from(self.last.is_some()));
                Token { kind: Some(TokenKind::Hotp), counter: next, ..token }
            }
            Some(period) => {
                let last = self.last.as_ref();
                let watermark =
                    last.and_then(|last| zone.step_of(last, &token.secret, period, self.of.digits));
                Token { kind: Some(TokenKind::Totp), period: Some(period), watermark, ..token }
            }
        }
    }
}
