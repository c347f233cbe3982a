//! The file `.google_authenticator` of a user: a secret, options, emergency codes.

use std::io::BufRead;

use crate::import::found::Out;
use crate::import::head::Head;
use crate::import::lines::Lines;
use crate::import::names::secret_of_base32;
use crate::import::{Place, Problem, ProblemCode, Settings, Stop, Token, TokenDrift, TokenKind};

pub(in crate::import) fn recognises(head: &Head<'_>) -> bool {
    let mut lines = head.0.lines();
    let is_secret = |line: &str| {
        let line = line.trim_end();
        line.len() >= 16 && line.bytes().all(|b| matches!(b, b'A'..=b'Z' | b'2'..=b'7' | b'='))
    };
    lines.next().is_some_and(is_secret) && lines.next().is_some_and(|line| line.starts_with("\" "))
}

pub(in crate::import) fn read(
    input: &mut dyn BufRead,
    _settings: &Settings,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    let mut lines = Lines::of(input);
    let Some((place, line)) = lines.next(out)? else { return Ok(()) };
    if line.trim().is_empty() {
        let detail = "the first line, which is the secret, is empty: copy the whole file";
        return Err(out.end(Problem::at(place, ProblemCode::SecretMissing, detail)));
    }
    let secret = match secret_of_base32(line) {
        Ok(secret) => secret,
        Err(detail) => {
            let detail = format!("{detail}; the first line of the file is the secret");
            return Err(out.end(Problem::at(place, ProblemCode::SecretMalformed, detail)));
        }
    };
    let mut options = Options::default();
    let mut emergency_codes = 0_u32;
    while let Some((place, line)) = lines.next(out)? {
        let found = match line.strip_prefix('"') {
            Some(option) => options.take(place, option.trim()),
            None if line.trim().is_empty() => Ok(()),
            None if line.trim().bytes().all(|byte| byte.is_ascii_digit()) => {
                emergency_codes = emergency_codes.saturating_add(1);
                Ok(())
            }
            None => {
                let detail = "the line is neither an option nor an emergency code: remove it";
                Err(Problem::at(place, ProblemCode::Syntax, detail))
            }
        };
        if let Err(problem) = found {
            out.problem(problem)?;
        }
    }
    if emergency_codes > 0 {
        let text = format!(
            "{emergency_codes} emergency codes are left out: issue recovery codes of twostep"
        );
        out.note(None, &text)?;
    }
    if options.is_time && options.counter.is_some() {
        let detail = "the file has both TOTP_AUTH and HOTP_COUNTER: remove the line that the \
                      device does not need";
        return out.problem(Problem::of_file(ProblemCode::Value, detail));
    }
    if options.is_watermark_unsure() {
        let text = "the module records no code by which it learned the skew of a clock: codes up \
                    to the present count as used";
        out.note(None, text)?;
    }
    out.token(options.token(Token::new(place, secret)))
}

/// The options of a file.
#[derive(Default)]
struct Options {
    is_time: bool,
    counter: Option<u64>,
    period: Option<u64>,
    skew: Option<i64>,
    /// Skews were learned, or were about to be.
    was_learning: bool,
    /// Used steps of the token's clock; `None` if reuse is allowed.
    used: Option<Vec<u64>>,
    window: Option<u64>,
    /// The time of the last attempt.
    attempted: Option<u64>,
}

impl Options {
    fn take(&mut self, place: Place, option: &str) -> Result<(), Problem> {
        let (name, value) = option.split_once(char::is_whitespace).unwrap_or((option, ""));
        let mut words = value.split_whitespace();
        let bad = |_| {
            let detail = format!("the value of {name} is no number: see what the line should be");
            Problem::at(place, ProblemCode::Value, detail)
        };
        let mut number = || words.next().map(str::parse::<u64>).transpose().map_err(bad);
        match name {
            "TOTP_AUTH" => self.is_time = true,
            "HOTP_COUNTER" => self.counter = number()?,
            "STEP_SIZE" => self.period = number()?,
            "WINDOW_SIZE" => self.window = number()?,
            "DISALLOW_REUSE" => {
                let steps: Result<Vec<u64>, _> = words.map(str::parse).collect();
                self.used = Some(steps.map_err(bad)?);
            }
            "TIME_SKEW" => self.skew = words.next().map(str::parse).transpose().map_err(bad)?,
            "RESETTING_TIME_SKEW" => self.was_learning = true,
            // Attempts per seconds, then the times of attempts.
            "RATE_LIMIT" => self.attempted = words.skip(2).filter_map(|t| t.parse().ok()).max(),
            _ => {}
        }
        Ok(())
    }

    /// True if a step may have been used that is not among the used ones: the module does not
    /// record the code by which it learns a skew.
    fn is_watermark_unsure(&self) -> bool {
        let Some(highest) = self.used.iter().flatten().max() else { return false };
        if !self.is_time || self.skew.is_none() || !self.was_learning {
            return false;
        }
        // The last attempt was a code of the skewed clock that the module recorded.
        let last = self.attempted.and_then(|at| at.checked_div(self.period.unwrap_or(STEP)));
        let skewed = last.and_then(|step| step.checked_add_signed(self.skew.unwrap_or(0)));
        let window = self.window.unwrap_or(WINDOW);
        skewed.is_none_or(|skewed| skewed.abs_diff(*highest) >= window)
    }

    fn token(self, token: Token) -> Token {
        let watermark = match self.is_watermark_unsure() {
            true => None,
            false => self.used.iter().flatten().max().copied(),
        };
        if self.is_time {
            Token {
                kind: Some(TokenKind::Totp),
                period: self.period.or(Some(STEP)),
                watermark,
                drift: self.skew.map(TokenDrift::Steps),
                digits: Some(DIGITS),
                ..token
            }
        } else {
            let kind = self.counter.map(|_| TokenKind::Hotp);
            Token { kind, counter: self.counter, digits: Some(DIGITS), ..token }
        }
    }
}

/// Seconds of a step if the file names none.
const STEP: u64 = 30;

/// Steps around the present in which codes are accepted, if the file names none.
const WINDOW: u64 = 3;

/// The module knows codes of six digits only.
const DIGITS: u64 = 6;
