//! An entry of a vault as a token.

use zeroize::Zeroizing;

use crate::import::found::Out;
use crate::import::names::{self, algorithm, secret_of_base32};
use crate::import::whole::Whole;
use crate::import::{Place, Problem, ProblemCode, Stop, Token, TokenKind, uri};

/// Members of an entry, as vaults have them. `None`: the vault does not say it.
#[derive(Default)]
pub(super) struct Entry {
    pub(super) kind: Option<String>,
    /// In base32.
    pub(super) secret: Option<Zeroizing<String>>,
    pub(super) issuer: Option<String>,
    pub(super) label: Option<String>,
    pub(super) algorithm: Option<String>,
    pub(super) digits: Option<Whole>,
    pub(super) period: Option<Whole>,
    pub(super) counter: Option<Whole>,
}

impl Entry {
    /// Hands the entry on, or what is wrong with it.
    pub(super) fn hand_on(self, place: Place, out: &mut Out<'_>) -> Result<(), Stop> {
        match self.token(place) {
            Ok(token) => out.token(token),
            Err(problem) => out.problem(problem),
        }
    }

    fn token(self, place: Place) -> Result<Token, Problem> {
        let problem = |code, detail: &str| Problem::at(place, code, detail);
        let kind = self.kind.as_deref().map(names::kind).transpose();
        let kind = kind.map_err(|detail| problem(ProblemCode::Unsupported, detail))?;
        let missing = "the entry has no secret: export the vault again";
        let secret = self.secret.filter(|secret| !secret.trim().is_empty());
        let secret = secret.ok_or_else(|| problem(ProblemCode::SecretMissing, missing))?;
        let secret = secret_of_base32(&secret)
            .map_err(|detail| problem(ProblemCode::SecretMalformed, detail))?;
        let hash = match self.algorithm.as_deref().filter(|name| !name.is_empty()) {
            None => None,
            Some(name) => Some(algorithm(name).ok_or_else(|| {
                let detail = "the hash function is none of SHA1, SHA256, SHA512";
                problem(ProblemCode::Unsupported, detail)
            })?),
        };
        let token = Token {
            name: names::device(self.issuer.as_deref(), self.label.as_deref()),
            kind,
            algorithm: hash,
            digits: Whole::of(self.digits, "the number of digits", place)?,
            hardware: Some(false),
            ..Token::new(place, secret)
        };
        Ok(match kind {
            Some(TokenKind::Hotp) => {
                Token { counter: Whole::of(self.counter, "the counter", place)?, ..token }
            }
            _ => Token { period: Whole::of(self.period, "the period", place)?, ..token },
        })
    }
}

/// The places of entries, from 1.
pub(super) fn places() -> impl Iterator<Item = Place> {
    (1..).map(Place::Entry)
}

/// Hands on the token of a URI or of a bare secret. The vault's name for it serves where the URI
/// has none.
pub(super) fn hand_on_uri(
    place: Place,
    text: &str,
    name: Option<String>,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    match uri::token_or_secret(place, text.trim()) {
        Ok(token) => {
            let name = token.name.or(name).filter(|name| !name.trim().is_empty());
            out.token(Token { name, hardware: Some(false), ..token })
        }
        Err(problem) => out.problem(problem),
    }
}
