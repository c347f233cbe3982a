//! Exports of Keycloak: a realm, or a file of its users.
//!
//! `kc.sh export` is described in Keycloak's server guides, the members in the sources of its
//! `OTPCredentialModel`: secret and parameters are JSON texts inside the JSON, and the secret is
//! the text itself unless `secretEncoding` says otherwise. The counter is the next one; the last
//! time step is not kept.

use std::io::BufRead;

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::import::found::Out;
use crate::import::head::Head;
use crate::import::names::{self, algorithm, secret_of_base32};
use crate::import::whole::{self, Whole};
use crate::import::{Place, Problem, ProblemCode, Settings, Stop, Token, TokenKind};
use crate::secret::Secret;

pub(super) fn recognises(head: &Head<'_>) -> bool {
    head.is_object_with(&["realm"])
        || head.is_object_with(&["users", "credentials"])
        || head.is_list_with(&["username", "credentials"])
}

pub(super) fn read(
    input: &mut dyn BufRead,
    _settings: &Settings,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    let mut file = whole::bytes(input, whole::SERVER, out)?;
    let is_marked = mark_quotes(&mut file);
    let (mut number, mut security_keys) = (0, 0_u64);
    let read = whole::each(&mut file, &["users", "federatedUsers"], &mut |user: User| {
        for credential in user.credentials.iter().flatten() {
            match credential.kind.as_str() {
                "otp" | "totp" | "hotp" => {
                    number += 1;
                    let place = Place::Entry(number);
                    match token(place, &user, credential, is_marked) {
                        Ok(token) => out.token(token)?,
                        Err(problem) => out.problem(problem)?,
                    }
                }
                "webauthn" | "webauthn-passwordless" => security_keys += 1,
                _ => {}
            }
        }
        Ok(())
    });
    read.map_err(|problem| out.end(problem))??;
    if security_keys > 0 {
        let text = format!(
            "{security_keys} security keys are bound to the address of Keycloak: their owners \
             enrol them again"
        );
        out.note(None, &text)?;
    }
    Ok(())
}

/// The token of a credential.
fn token(
    place: Place,
    user: &User,
    credential: &Credential,
    is_marked: bool,
) -> Result<Token, Problem> {
    let problem = |code, detail: &str| Problem::at(place, code, detail);
    let inner = |text: &Option<Zeroizing<String>>, missing: &str| match text {
        None => Err(problem(ProblemCode::SecretMissing, missing)),
        Some(text) => Ok(unmarked(text, is_marked)),
    };
    let missing = "the credential has no secretData: export with a Keycloak of version 8 or later";
    let secret_data = inner(&credential.secret_data, missing)?;
    let missing = "the credential has no credentialData: export with Keycloak 8 or later";
    let data = inner(&credential.credential_data, missing)?;
    let secret: SecretData = nested(place, &secret_data)?;
    let data: CredentialData = nested(place, &data)?;
    let kind = data.sub_type.as_deref().map(names::kind).transpose();
    let kind = kind.map_err(|detail| problem(ProblemCode::Unsupported, detail))?;
    let missing = "the credential has no secret: export the realm again";
    let text = secret.value.filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| problem(ProblemCode::SecretMissing, missing))?;
    let secret = match data.secret_encoding.as_deref() {
        None | Some("") => Secret::from(text.as_bytes()),
        Some(name) if name.eq_ignore_ascii_case("BASE32") => secret_of_base32(&text)
            .map_err(|detail| problem(ProblemCode::SecretMalformed, detail))?,
        Some(_) => {
            let detail = "secretEncoding is not BASE32: this encoding is not known";
            return Err(problem(ProblemCode::SecretMalformed, detail));
        }
    };
    let hash = match data.algorithm.as_deref() {
        None => None,
        Some(name) => Some(algorithm(name).ok_or_else(|| {
            let detail = "the hash function is none of HmacSHA1, HmacSHA256, HmacSHA512";
            problem(ProblemCode::Unsupported, detail)
        })?),
    };
    let visible = |text: &Option<String>| {
        let text = text.as_ref().map(|text| unmarked(text, is_marked).as_str().to_owned());
        text.filter(|text| !text.trim().is_empty())
    };
    let token = Token {
        account: visible(&user.username),
        name: visible(&credential.label),
        kind,
        algorithm: hash,
        digits: Whole::of(data.digits, "the number of digits", place)?,
        disabled: user.enabled == Some(false),
        ..Token::new(place, secret)
    };
    Ok(match kind {
        Some(TokenKind::Hotp) => {
            Token { counter: Whole::of(data.counter, "the counter", place)?, ..token }
        }
        _ => Token { period: Whole::of(data.period, "the period", place)?, ..token },
    })
}

/// The value of JSON inside a text of JSON.
fn nested<T: serde::de::DeserializeOwned>(place: Place, text: &str) -> Result<T, Problem> {
    let mut bytes = Zeroizing::new(text.as_bytes().to_vec());
    let malformed = |problem: Problem| Problem { place: Some(place), ..problem };
    whole::json(&mut bytes).map_err(malformed)
}

/// Puts one character in the place of each escaped quote, so that the parser copies no text with a
/// secret to a buffer that is not wiped. A file that has this character is left as it is.
fn mark_quotes(text: &mut Zeroizing<Vec<u8>>) -> bool {
    let mark = MARK.as_bytes();
    if text.windows(mark.len()).any(|bytes| bytes == mark) {
        return false;
    }
    let mut from = 0;
    while let Some(pair) = text.get_mut(from..from + mark.len()) {
        if pair == b"\\\"" {
            pair.copy_from_slice(mark);
        }
        from += if matches!(pair, [b'\\', _]) || pair == mark { mark.len() } else { 1 };
    }
    true
}

fn unmarked(text: &str, is_marked: bool) -> Zeroizing<String> {
    Zeroizing::new(if is_marked { text.replace(MARK, "\"") } else { text.to_owned() })
}

/// A control character that no text needs, of as many bytes as an escaped quote.
const MARK: &str = "\u{91}";

#[derive(Deserialize)]
struct User {
    username: Option<String>,
    enabled: Option<bool>,
    credentials: Option<Vec<Credential>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Credential {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(rename = "userLabel")]
    label: Option<String>,
    secret_data: Option<Zeroizing<String>>,
    credential_data: Option<Zeroizing<String>>,
}

#[derive(Deserialize)]
struct SecretData {
    value: Option<Zeroizing<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CredentialData {
    sub_type: Option<String>,
    digits: Option<Whole>,
    counter: Option<Whole>,
    period: Option<Whole>,
    algorithm: Option<String>,
    secret_encoding: Option<String>,
}
