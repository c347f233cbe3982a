//! `otpauth://` key URIs, as authenticator apps read them from a QR code (Google's "Key Uri
//! Format").

use std::fmt;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use zeroize::Zeroizing;

use crate::otp::{Algorithm, BadSeed, Counter, Digits, Seed, TimeStepSize};

/// The enrolment data of an authenticator app. `Debug` redacts the seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyUri {
    /// Name of the service, shown above the codes. Contains no colon.
    pub issuer: Option<String>,
    /// Name of the account. Has no leading spaces, and a colon only beside an issuer: readers take
    /// the text before a label's first colon for the issuer.
    pub account: String,
    /// The shared secret.
    pub seed: Seed,
    /// The hash function.
    pub algorithm: Algorithm,
    /// Number of digits of a code.
    pub digits: Digits,
    /// Moving factor, with its parameter.
    pub factor: MovingFactor,
}

/// The moving factor, with the parameter that the app needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MovingFactor {
    /// `otpauth://totp/`, with its time-step size ("period").
    Time(TimeStepSize),
    /// `otpauth://hotp/`, with the counter to begin at.
    Counter(Counter),
}

/// The text is no usable key URI. The message never repeats the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadUri {
    /// Another scheme than `otpauth://totp/` or `otpauth://hotp/`, or more than 2,048 bytes.
    Kind,
    /// The label is not `account` or `issuer:account`, or is not UTF-8.
    Label,
    /// The label's issuer is not the one in the parameters, or has a colon.
    Issuer,
    /// A relevant parameter occurs twice.
    Duplicate,
    /// `algorithm`, `digits`, `period` or `counter` is missing or out of range.
    Parameter,
    /// The secret is missing or unusable.
    Secret(BadSeed),
}

impl KeyUri {
    /// The URI as text. Contains the secret: show it once, never log it.
    pub fn to_text(&self) -> Zeroizing<String> {
        let encoded = |text: &str| utf8_percent_encode(text, RESERVED).to_string();
        let (kind, factor) = match self.factor {
            MovingFactor::Time(size) => ("totp", format!("period={}", size.seconds())),
            MovingFactor::Counter(counter) => ("hotp", format!("counter={}", counter.0)),
        };
        let issuer = self.issuer.as_deref().map(encoded);
        let label = issuer.as_ref().map_or_else(String::new, |issuer| format!("{issuer}:"))
            + &encoded(&self.account);
        let issuer = issuer.map_or_else(String::new, |issuer| format!("&issuer={issuer}"));
        let (secret, algorithm, digits) =
            (self.seed.to_base32(), self.algorithm, self.digits.count());
        Zeroizing::new(format!(
            "otpauth://{kind}/{label}?secret={}{issuer}\
             &algorithm={algorithm}&digits={digits}&{factor}",
            *secret
        ))
    }
}

impl FromStr for KeyUri {
    type Err = BadUri;

    fn from_str(text: &str) -> Result<KeyUri, BadUri> {
        let rest = Some(text)
            .filter(|text| text.len() <= 2_048)
            .and_then(|text| text.strip_prefix("otpauth://"))
            .ok_or(BadUri::Kind)?;
        let (kind, rest) = rest.split_once('/').ok_or(BadUri::Kind)?;
        let (label, query) = rest.split_once('?').unwrap_or((rest, ""));
        let parameters = Parameters::parse(query)?;

        let label = decoded(label).ok_or(BadUri::Label)?;
        let (prefix, account) = match label.split_once(':') {
            Some((issuer, account)) => (Some(issuer.to_owned()), account),
            None => (None, label.as_str()),
        };
        let account = account.trim_start().to_owned();
        if account.is_empty() {
            return Err(BadUri::Label);
        }
        let issuer = match (prefix, parameters.issuer) {
            (Some(prefix), Some(issuer)) if prefix != issuer => return Err(BadUri::Issuer),
            (prefix, issuer) => issuer.or(prefix),
        };
        if issuer.as_ref().is_some_and(|issuer| issuer.contains(':')) {
            return Err(BadUri::Issuer);
        }
        let factor = match kind {
            "totp" => MovingFactor::Time(
                parameters
                    .period
                    .map_or(Ok(TimeStepSize::DEFAULT), TimeStepSize::try_from)
                    .map_err(|_| BadUri::Parameter)?,
            ),
            "hotp" => MovingFactor::Counter(Counter(parameters.counter.ok_or(BadUri::Parameter)?)),
            _ => return Err(BadUri::Kind),
        };
        Ok(KeyUri {
            issuer,
            account,
            seed: parameters.secret.ok_or(BadUri::Secret(BadSeed::Size))?,
            algorithm: parameters.algorithm.unwrap_or_default(),
            digits: parameters.digits.unwrap_or_default(),
            factor,
        })
    }
}

/// The relevant parameters; others are ignored, as apps do.
#[derive(Default)]
struct Parameters {
    secret: Option<Seed>,
    issuer: Option<String>,
    algorithm: Option<Algorithm>,
    digits: Option<Digits>,
    period: Option<u16>,
    counter: Option<u64>,
}

impl Parameters {
    fn parse(query: &str) -> Result<Parameters, BadUri> {
        fn set<T>(field: &mut Option<T>, value: T) -> Result<(), BadUri> {
            if field.replace(value).is_some() { Err(BadUri::Duplicate) } else { Ok(()) }
        }
        fn number<T: FromStr>(text: &str) -> Result<T, BadUri> {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|_| digits).ok_or(BadUri::Parameter)
        }
        let mut parameters = Parameters::default();
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let value = Zeroizing::new(decoded(value).ok_or(BadUri::Parameter)?);
            match name {
                "secret" => {
                    set(&mut parameters.secret, Seed::from_base32(&value).map_err(BadUri::Secret)?)?
                }
                "issuer" => set(&mut parameters.issuer, value.to_string())?,
                "algorithm" => {
                    set(&mut parameters.algorithm, value.parse().map_err(|_| BadUri::Parameter)?)?
                }
                "digits" => set(
                    &mut parameters.digits,
                    Digits::try_from(number::<u8>(&value)?).map_err(|_| BadUri::Parameter)?,
                )?,
                "period" => set(&mut parameters.period, number(&value)?)?,
                "counter" => set(&mut parameters.counter, number(&value)?)?,
                _ => {}
            }
        }
        Ok(parameters)
    }
}

fn decoded(text: &str) -> Option<String> {
    Some(percent_decode_str(text).decode_utf8().ok()?.into_owned())
}

/// All characters except the unreserved ones of RFC 3986 §2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl fmt::Display for BadUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadUri::Kind => f.write_str(
                "a key URI begins with otpauth://totp/ or otpauth://hotp/ \
                 and is at most 2048 bytes long",
            ),
            BadUri::Label => f.write_str(
                "the label of the key URI is not an account, \
                 or an issuer, a colon and an account",
            ),
            BadUri::Issuer => f.write_str("the key URI names two issuers, or one with a colon"),
            BadUri::Duplicate => f.write_str("the key URI gives a parameter twice"),
            BadUri::Parameter => f.write_str(
                "algorithm, digits, period or counter of the key URI \
                 is missing or out of range",
            ),
            BadUri::Secret(reason) => write!(f, "the key URI's secret cannot be used: {reason}"),
        }
    }
}

impl std::error::Error for BadUri {}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> KeyUri {
        KeyUri {
            issuer: Some("Café & Söhne".to_owned()),
            account: "zoë@example.com: work".to_owned(),
            seed: Seed::new(b"12345678901234567890".to_vec()).unwrap(),
            algorithm: Algorithm::Sha256,
            digits: Digits::try_from(8).unwrap(),
            factor: MovingFactor::Time(TimeStepSize::try_from(60).unwrap()),
        }
    }

    #[test]
    fn a_written_uri_is_read_back() {
        let uri = example();
        assert_eq!(uri.to_text().parse(), Ok(uri.clone()));
        let uri = KeyUri {
            issuer: None,
            account: "alice".to_owned(),
            factor: MovingFactor::Counter(Counter(u64::MAX)),
            ..uri
        };
        assert_eq!(uri.to_text().parse(), Ok(uri));
    }

    #[test]
    fn defaults_are_what_apps_take() {
        let uri = "otpauth://totp/Example:%20alice\
                   ?secret=gezdgnbvgy3tqojqgezdgnbvgy3tqojq&issuer=Example&image=x";
        let uri: KeyUri = uri.parse().unwrap();
        assert_eq!((uri.account.as_str(), uri.issuer.as_deref()), ("alice", Some("Example")));
        assert_eq!((uri.algorithm, uri.digits), (Algorithm::Sha1, Digits::SIX));
        assert_eq!(uri.factor, MovingFactor::Time(TimeStepSize::DEFAULT));
    }

    #[test]
    fn unusable_uris_are_refused() {
        let secret = "secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        for (uri, error) in [
            ("https://example.com/".to_owned(), BadUri::Kind),
            (format!("otpauth://steam/a?{secret}"), BadUri::Kind),
            (format!("otpauth://totp/?{secret}"), BadUri::Label),
            (format!("otpauth://totp/%ff?{secret}"), BadUri::Label),
            (format!("otpauth://totp/%20?{secret}&issuer=A"), BadUri::Label),
            (format!("otpauth://totp/A:b?{secret}&issuer=B"), BadUri::Issuer),
            (format!("otpauth://totp/a?{secret}&{secret}"), BadUri::Duplicate),
            (format!("otpauth://hotp/a?{secret}"), BadUri::Parameter),
            (format!("otpauth://totp/a?{secret}&digits=9"), BadUri::Parameter),
            (format!("otpauth://totp/a?{secret}&digits=+6"), BadUri::Parameter),
            (format!("otpauth://totp/a?{secret}&period=0"), BadUri::Parameter),
            (format!("otpauth://totp/a?{secret}&algorithm=MD5"), BadUri::Parameter),
            ("otpauth://totp/a".to_owned(), BadUri::Secret(BadSeed::Size)),
            ("otpauth://totp/a?secret=MZXW6YTBOI".to_owned(), BadUri::Secret(BadSeed::Size)),
        ] {
            assert_eq!(uri.parse::<KeyUri>(), Err(error), "{uri}");
        }
    }

    #[test]
    fn debug_hides_the_seed() {
        assert!(!format!("{:?}", example()).contains("12345678901234567890"));
    }
}
