//! `otpauth://` URIs as tokens: what the URI leaves out stays left out, and what is wrong is told.

use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use crate::import::names::{algorithm, secret_of_base32};
use crate::import::{Place, Problem, ProblemCode, Token, TokenKind};

/// The token of a URI. The label's account is not an account of twostep: it names the device.
pub(super) fn token(place: Place, uri: &str) -> Result<Token, Problem> {
    let problem = |code, detail: &str| Problem::at(place, code, detail);
    let rest = match uri.split_at_checked(SCHEME.len()) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(SCHEME) => rest,
        _ => return Err(problem(ProblemCode::Syntax, "this is no otpauth:// URI")),
    };
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (kind, label) = path.split_once('/').unwrap_or((path, ""));
    let kind = match kind.to_ascii_lowercase().as_str() {
        "totp" => TokenKind::Totp,
        "hotp" => TokenKind::Hotp,
        "steam" | "motp" | "yandex" | "yaotp" => {
            return Err(problem(
                ProblemCode::Unsupported,
                "the codes of this kind of token are none of OATH: leave it out with \
                 --skip-unsupported",
            ));
        }
        _ => {
            return Err(problem(
                ProblemCode::Syntax,
                "the URI is neither otpauth://totp/ nor hotp/",
            ));
        }
    };
    let parameters = Parameters::of(query);
    let secret = parameters.get("secret").ok_or_else(|| {
        problem(ProblemCode::SecretMissing, "the URI has no secret: export it again")
    })?;
    let secret = secret_of_base32(&secret)
        .map_err(|detail| problem(ProblemCode::SecretMalformed, detail))?;
    let number = |name: &str| match parameters.get(name) {
        None => Ok(None),
        Some(text) => text
            .parse()
            .map(Some)
            .map_err(|_| problem(ProblemCode::Value, &format!("{name} of the URI is no number"))),
    };
    let hash = match parameters.get("algorithm") {
        None => None,
        Some(name) => Some(algorithm(&name).ok_or_else(|| {
            problem(ProblemCode::Unsupported, "the hash function is none of SHA1, SHA256, SHA512")
        })?),
    };
    let token = Token {
        name: name(label, parameters.get("issuer").as_deref().map(String::as_str)),
        kind: Some(kind),
        algorithm: hash,
        digits: number("digits")?,
        ..Token::new(place, secret)
    };
    Ok(match kind {
        TokenKind::Totp => Token { period: number("period")?, ..token },
        TokenKind::Hotp => Token { counter: number("counter")?, ..token },
    })
}

/// The name of the device: issuer and label.
fn name(label: &str, issuer: Option<&str>) -> Option<String> {
    let label = percent_decode_str(&label.replace('+', " ")).decode_utf8_lossy().into_owned();
    let label = label.trim();
    let name = match issuer.map(str::trim).filter(|issuer| !issuer.is_empty()) {
        Some(issuer) if !label.starts_with(issuer) => format!("{issuer}: {label}"),
        _ => label.to_owned(),
    };
    Some(name).filter(|name| !name.is_empty())
}

/// The parameters of a query, decoded when they are asked for.
struct Parameters<'a>(&'a str);

impl<'a> Parameters<'a> {
    fn of(query: &'a str) -> Parameters<'a> {
        Parameters(query)
    }

    /// The value of that name; an empty one is none.
    fn get(&self, name: &str) -> Option<Zeroizing<String>> {
        let mut pairs = self.0.split('&').filter_map(|pair| pair.split_once('='));
        let (_, value) = pairs.find(|(other, _)| {
            other.strip_prefix("amp;").unwrap_or(other).eq_ignore_ascii_case(name)
        })?;
        // A blank, in forms.
        let value = Zeroizing::new(value.replace('+', " "));
        let value = Zeroizing::new(percent_decode_str(&value).decode_utf8_lossy().into_owned());
        Some(Zeroizing::new(value.trim().to_owned())).filter(|value| !value.is_empty())
    }
}

const SCHEME: &str = "otpauth://";
