//! Meanings of cells that several tables share.

use crate::import::names::{algorithm, secret_of_base32, secret_of_hex};
use crate::import::tables::rows::Row;
use crate::import::{Problem, ProblemCode, TokenKind};
use crate::otp::Algorithm;
use crate::secret::Secret;

/// The kind that a cell names.
#[derive(Debug, PartialEq)]
pub(super) enum KindCell {
    /// A kind of OATH.
    Oath(TokenKind),
    /// A kind of token that others have.
    Foreign,
    /// No kind at all.
    Unknown,
}

/// The kind by its usual names. No copy is made: a cell in the wrong column may be a secret.
pub(super) fn kind(text: &str) -> KindCell {
    let is_among = |names: &[&str]| names.iter().any(|name| text.eq_ignore_ascii_case(name));
    if is_among(&["totp"]) {
        KindCell::Oath(TokenKind::Totp)
    } else if is_among(&["hotp", "hmac"]) {
        KindCell::Oath(TokenKind::Hotp)
    } else if is_among(FOREIGN) {
        KindCell::Foreign
    } else {
        KindCell::Unknown
    }
}

/// Kinds of tokens that show no codes of OATH.
const FOREIGN: &[&str] = &[
    "motp",
    "ocra",
    "ocra2",
    "yubikey",
    "yubico",
    "yubicootp",
    "steam",
    "daypassword",
    "spass",
    "pw",
    "sms",
    "email",
    "radius",
    "u2f",
    "webauthn",
    "vasco",
    "indexedsecret",
    "without2fa",
];

/// The hash function that the length of a secret tells in tables of OATH tokens.
pub(super) fn algorithm_by_length(secret: &Secret) -> Option<Algorithm> {
    match secret.expose().len() {
        20 => Some(Algorithm::Sha1),
        32 => Some(Algorithm::Sha256),
        64 => Some(Algorithm::Sha512),
        _ => None,
    }
}

impl Row<'_> {
    /// The number in a cell; `None` if the cell is empty.
    pub(super) fn number(&self, at: usize, what: &str) -> Result<Option<u64>, Problem> {
        let Some(cell) = self.filled(at) else { return Ok(None) };
        cell.parse().map(Some).map_err(|_| {
            let detail = format!("{what} is no number: write digits, or leave the column empty");
            self.problem(ProblemCode::Value, detail)
        })
    }

    /// The kind that a cell names, of the column with that name; another one is a problem.
    pub(super) fn oath_kind(&self, text: &str, column: &str) -> Result<TokenKind, Problem> {
        match kind(text) {
            KindCell::Oath(kind) => Ok(kind),
            KindCell::Foreign => Err(self.foreign()),
            KindCell::Unknown => Err(self.unknown_kind(column)),
        }
    }

    /// The problem of a token that shows no codes of OATH.
    fn foreign(&self) -> Problem {
        let detail = "the codes of this kind of token are none of OATH: leave it out with \
                      --skip-unsupported";
        self.problem(ProblemCode::Unsupported, detail)
    }

    /// The problem of a kind without meaning, in the column of that number.
    fn unknown_kind(&self, column: &str) -> Problem {
        let detail = format!("the {column} column is no kind of token: write TOTP or HOTP");
        self.problem(ProblemCode::Value, detail)
    }

    /// The hash function in a cell; `None` if the cell is empty.
    pub(super) fn algorithm(&self, at: usize) -> Result<Option<Algorithm>, Problem> {
        let Some(cell) = self.filled(at) else { return Ok(None) };
        algorithm(cell).map(Some).ok_or_else(|| {
            let detail = "the hash function is none of SHA1, SHA256, SHA512";
            self.problem(ProblemCode::Unsupported, detail)
        })
    }

    /// The secret in hexadecimal digits in a cell.
    pub(super) fn secret_of_hex(&self, at: usize) -> Result<Secret, Problem> {
        self.secret(at, secret_of_hex)
    }

    /// The secret in base32 in a cell.
    pub(super) fn secret_of_base32(&self, at: usize) -> Result<Secret, Problem> {
        self.secret(at, secret_of_base32)
    }

    /// The secret in a cell.
    pub(super) fn secret(
        &self,
        at: usize,
        decoded: fn(&str) -> Result<Secret, &'static str>,
    ) -> Result<Secret, Problem> {
        let Some(cell) = self.filled(at) else {
            let detail = "the line has no secret: ask the vendor for the whole file";
            return Err(self.problem(ProblemCode::SecretMissing, detail));
        };
        decoded(cell).map_err(|detail| {
            let detail = format!("{detail}; see that no spreadsheet changed it");
            self.problem(ProblemCode::SecretMalformed, detail)
        })
    }
}
