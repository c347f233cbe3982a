//! From a key of the file to a token, or to what is wrong with it.

use crate::import::found::Out;
use crate::import::names::algorithm;
use crate::import::pskc::key::Key;
use crate::import::pskc::keys::Keys;
use crate::import::pskc::policy::Policy;
use crate::import::pskc::refusal::{Refusal, algorithm_name};
use crate::import::pskc::value::Value;
use crate::import::xml::Fault;
use crate::import::{Place, Problem, ProblemCode, Settings, Token, TokenDrift, TokenKind};

/// The device of a package, and where it stands.
pub(super) struct Package {
    pub(super) place: Place,
    pub(super) serial: Option<String>,
    /// The policy of the device.
    pub(super) policy: Policy,
    /// The names are privacyIDEA's: seconds of drift, and watermarks as counters.
    pub(super) is_of_privacyidea: bool,
}

/// The kind of a key, by its algorithm.
enum Profile {
    Token(Option<TokenKind>),
    Pin,
    Other(String),
}

impl Package {
    /// Hands on what a key is.
    pub(super) fn judge(
        &self,
        mut key: Key,
        settings: &Settings,
        keys: &mut Keys<'_>,
        out: &mut Out<'_>,
    ) -> Result<(), Fault> {
        let serial = self.serial.clone().or_else(|| key.id.clone());
        let kind = match profile(key.algorithm.as_deref()) {
            Profile::Token(kind) => kind,
            Profile::Pin => {
                let note = "a key is the PIN of a token: it is left out";
                return Ok(out.note(Some(self.place), note)?);
            }
            Profile::Other(what) => {
                let what = format!("{what}, and no code of OATH: {LEAVE_OUT}");
                return Ok(out.unsupported(self.place, serial.as_deref(), &what)?);
            }
        };
        if let Some(what) = foreign_codes(&key) {
            let what = format!("{what}: {LEAVE_OUT}");
            return Ok(out.unsupported(self.place, serial.as_deref(), &what)?);
        }
        let mut refusals = std::mem::take(&mut key.refusals);
        let is_malformed = !refusals.is_empty();
        refusals.extend(std::mem::take(&mut key.policy).judge(&self.policy, settings));
        let token = if is_malformed { None } else { self.token(&key, kind, keys, &mut refusals) };
        for Refusal { code, detail } in refusals {
            let is_final = Refusal::new(code, "").is_final();
            let problem = Problem::at(self.place, code, detail).of_serial(serial.as_deref());
            if is_final {
                return Err(Fault::End(problem));
            }
            out.problem(problem)?;
        }
        // A key that its policy forbids is shown all the same.
        if let Some(token) = token {
            out.token(Token { serial, ..token })?;
        }
        Ok(())
    }

    /// The token; `None` if a refusal was added.
    fn token(
        &self,
        key: &Key,
        kind: Option<TokenKind>,
        keys: &mut Keys<'_>,
        refusals: &mut Vec<Refusal>,
    ) -> Option<Token> {
        let mut refused = |refusal| refusals.push(refusal);
        let secret = match &key.secret {
            None => {
                refused(Refusal::new(ProblemCode::SecretMissing, missing(key)));
                return None;
            }
            Some(value) => value.secret(keys).map_err(&mut refused).ok()?,
        };
        let numbers = self.numbers(key, kind, keys).map_err(&mut refused).ok()?;
        let extension = &key.extension;
        Some(Token {
            name: key.name.clone(),
            account: extension.account.clone(),
            kind,
            algorithm: key.suite.as_deref().and_then(algorithm),
            digits: key.digits,
            period: numbers.period,
            counter: numbers.counter,
            t0: extension.t0,
            watermark: extension.watermark.or(numbers.watermark),
            drift: numbers.drift,
            clock: extension.clock.clone(),
            disabled: extension.is_disabled,
            hardware: extension.is_hardware.or((!self.is_of_privacyidea).then_some(true)),
            ..Token::new(self.place, secret)
        })
    }

    fn numbers(
        &self,
        key: &Key,
        kind: Option<TokenKind>,
        keys: &mut Keys<'_>,
    ) -> Result<Numbers, Refusal> {
        let mut numbers = Numbers::default();
        let counter = unsigned(key.counter.as_ref(), "Counter", keys)?;
        if kind == Some(TokenKind::Totp) {
            // privacyIDEA's counter of a time-based token is the last step accepted.
            numbers.watermark = counter.filter(|_| self.is_of_privacyidea);
        } else {
            // A counter that is not told is that of a new token.
            numbers.counter = Some(counter.unwrap_or(0)).filter(|_| !key.extension.pair_needed);
        }
        if kind != Some(TokenKind::Hotp) {
            numbers.period = unsigned(key.interval.as_ref(), "TimeInterval", keys)?;
            numbers.drift = match &key.drift {
                Some(Value::Plain(text)) if self.is_of_privacyidea => {
                    let seconds: Option<f64> = text.parse().ok();
                    let seconds = seconds.filter(|seconds| seconds.is_finite());
                    Some(TokenDrift::Seconds(seconds.ok_or_else(|| {
                        Refusal::new(ProblemCode::Value, "TimeDrift is no number of seconds")
                    })?))
                }
                Some(value) => Some(TokenDrift::Steps(value.number("TimeDrift", keys)?)),
                None => None,
            };
        }
        Ok(numbers)
    }
}

#[derive(Default)]
struct Numbers {
    period: Option<u64>,
    counter: Option<u64>,
    watermark: Option<u64>,
    drift: Option<TokenDrift>,
}

fn unsigned(
    value: Option<&Value>,
    name: &str,
    keys: &mut Keys<'_>,
) -> Result<Option<u64>, Refusal> {
    let Some(value) = value else {
        return Ok(None);
    };
    let number = u64::try_from(value.number(name, keys)?);
    number
        .map(Some)
        .map_err(|_| Refusal::new(ProblemCode::Value, format!("{name} is negative")))
}

fn profile(algorithm: Option<&str>) -> Profile {
    let Some(uri) = algorithm else {
        return Profile::Token(None);
    };
    let name = algorithm_name(uri);
    let is_of_pskc = uri.to_ascii_lowercase().contains("keyprov");
    match name.as_str() {
        "hotp" if is_of_pskc => Profile::Token(Some(TokenKind::Hotp)),
        "totp" if is_of_pskc => Profile::Token(Some(TokenKind::Totp)),
        "pin" if is_of_pskc => Profile::Pin,
        other if other.starts_with("ocra") => Profile::Other("the key is for OCRA".to_owned()),
        "yubikey-aes" => Profile::Other("the key is for Yubico OTP (AES)".to_owned()),
        other => Profile::Other(format!("the key is for `{other}`")),
    }
}

/// A word on codes that are not those of OATH.
fn foreign_codes(key: &Key) -> Option<&'static str> {
    if key.has_check_digit {
        return Some("the codes have a check digit");
    }
    if key
        .encoding
        .as_deref()
        .is_some_and(|other| !other.eq_ignore_ascii_case("decimal"))
    {
        return Some("the codes are not decimal");
    }
    key.suite
        .as_deref()
        .is_some_and(|suite| algorithm(suite).is_none())
        .then_some("the hash function is none of SHA1, SHA256, SHA512")
}

fn missing(key: &Key) -> &'static str {
    if key.is_reference {
        "no secret is in the file: it is to be derived elsewhere, from the key that KeyReference \
         names; ask for a file with secrets"
    } else {
        "no secret is in the file: ask for a file with secrets"
    }
}

const LEAVE_OUT: &str = "leave it out with --skip-unsupported";
