//! `otpauth://` URIs as tokens: what the URI leaves out stays left out, and what is wrong is told.
//!
//! The form is Google's *Key Uri Format*. Parameters of others (`image`, Ente's `codeDisplay`) are
//! ignored.

use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use crate::import::names::{self, algorithm, secret_of_base32};
use crate::import::{Place, Problem, ProblemCode, Token, TokenKind};

/// The token of a URI. The label's account is not an account of twostep: it names the device.
pub(super) fn token(place: Place, uri: &str) -> Result<Token, Problem> {
    let problem = |code, detail: &str| Problem::at(place, code, detail);
    let (kind, label, query) = parts(place, uri)?;
    let parameters = Parameters { query, place };
    let issuer = parameters.get("issuer")?;
    let label = label_text(label);
    let digits = parameters.number("digits")?;
    let is_steam = parameters
        .get("encoder")?
        .is_some_and(|name| name.eq_ignore_ascii_case("steam"))
        || issuer.as_ref().is_some_and(|name| name.eq_ignore_ascii_case("steam"))
            && digits.is_none_or(|digits| digits == 5);
    let kind = names::kind(if is_steam { "steam" } else { kind })
        .map_err(|detail| problem(ProblemCode::Unsupported, detail))?;
    let secret = parameters.get("secret")?.ok_or_else(|| {
        problem(ProblemCode::SecretMissing, "the URI has no secret: export it again")
    })?;
    let secret = secret_of_base32(&secret)
        .map_err(|detail| problem(ProblemCode::SecretMalformed, detail))?;
    let hash = match parameters.get("algorithm")? {
        None => None,
        Some(name) => Some(algorithm(&name).ok_or_else(|| {
            problem(ProblemCode::Unsupported, "the hash function is none of SHA1, SHA256, SHA512")
        })?),
    };
    let token = Token {
        name: names::device(issuer.as_deref().map(String::as_str), Some(&label)),
        kind: Some(kind),
        algorithm: hash,
        digits,
        ..Token::new(place, secret)
    };
    Ok(match kind {
        TokenKind::Totp => Token { period: parameters.number("period")?, ..token },
        TokenKind::Hotp => Token { counter: parameters.number("counter")?, ..token },
    })
}

/// The token of what a password manager keeps for one-time codes: a URI, or nothing but a secret
/// in base32, which is then one of time.
pub(super) fn token_or_secret(place: Place, text: &str) -> Result<Token, Problem> {
    if text.contains("://") {
        return token(place, text);
    }
    let secret = secret_of_base32(text)
        .map_err(|detail| Problem::at(place, ProblemCode::SecretMalformed, detail))?;
    Ok(Token { kind: Some(TokenKind::Totp), ..Token::new(place, secret) })
}

/// Kind, label and query.
fn parts(place: Place, uri: &str) -> Result<(&str, &str, &str), Problem> {
    let syntax = |detail| Err(Problem::at(place, ProblemCode::Syntax, detail));
    let (scheme, rest) = uri.split_once("://").unwrap_or(("", ""));
    match scheme.to_ascii_lowercase().as_str() {
        "otpauth" => {}
        // A secret of Steam, as Bitwarden and Proton keep it.
        "steam" => return Ok(("steam", "", "")),
        "otpauth-migration" => {
            return syntax(
                "this URI is an export of Google Authenticator: keep those in a file of their own",
            );
        }
        _ => return syntax("this is no otpauth:// URI"),
    }
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (kind, label) = path.split_once('/').unwrap_or((path, ""));
    Ok((kind, label, query))
}

/// The label as a text. A plus stays one: it belongs to addresses such as `ann+work@example.com`,
/// unless it stands in the issuer, which no address has before its colon.
fn label_text(label: &str) -> String {
    let decoded = percent_decode_str(label).decode_utf8_lossy();
    match decoded.split_once(':') {
        Some((issuer, account)) => format!("{}:{account}", issuer.replace('+', " ")),
        None => decoded.into_owned(),
    }
}

/// The parameters of a query, decoded when they are asked for.
struct Parameters<'u> {
    query: &'u str,
    place: Place,
}

impl Parameters<'_> {
    /// The value of that name; an empty one is none.
    fn get(&self, name: &str) -> Result<Option<Zeroizing<String>>, Problem> {
        let mut values = self.query.split('&').filter_map(|pair| {
            let (other, value) = pair.split_once('=')?;
            let other = other.strip_prefix("amp;").unwrap_or(other);
            other.eq_ignore_ascii_case(name).then_some(value)
        });
        let Some(value) = values.next() else { return Ok(None) };
        if values.any(|other| other != value) {
            let detail = format!("the URI has {name} twice: export it again");
            return Err(Problem::at(self.place, ProblemCode::Value, detail));
        }
        // A blank, in forms.
        let value = Zeroizing::new(value.replace('+', " "));
        let value = Zeroizing::new(percent_decode_str(&value).decode_utf8_lossy().into_owned());
        let value = Zeroizing::new(value.trim().to_owned());
        Ok(Some(value).filter(|value| !value.is_empty()))
    }

    fn number(&self, name: &str) -> Result<Option<u64>, Problem> {
        let malformed = |_| {
            let detail = format!("{name} of the URI is no number");
            Problem::at(self.place, ProblemCode::Value, detail)
        };
        self.get(name)?.map(|text| text.parse().map_err(malformed)).transpose()
    }
}
