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
    /// Name of the account; may be empty. Has no leading spaces, and a colon only beside an
    /// issuer: readers take the text before a label's first colon for the issuer.
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
    /// A parameter has two values.
    Duplicate(&'static str),
    /// A value of `algorithm`, `digits`, `period` and `counter` is out of range.
    Parameter(&'static str),
    /// The secret is missing or unusable.
    Secret(BadSeed),
}

impl KeyUri {
    /// The URI as text, without parameters that apps assume: a QR code of fewer modules is read
    /// from further away. Contains the secret: show it once, never log it.
    pub fn to_text(&self) -> Zeroizing<String> {
        let encoded = |text: &str| utf8_percent_encode(text, RESERVED).to_string();
        let (kind, factor) = match self.factor {
            MovingFactor::Time(TimeStepSize::DEFAULT) => ("totp", String::new()),
            MovingFactor::Time(size) => ("totp", format!("&period={}", size.seconds())),
            // Apps refuse a URI without it.
            MovingFactor::Counter(counter) => ("hotp", format!("&counter={}", counter.0)),
        };
        let issuer = self.issuer.as_deref().map(encoded);
        let label = issuer.as_ref().map_or_else(String::new, |issuer| format!("{issuer}:"))
            + &encoded(&self.account);
        let issuer = issuer.filter(|issuer| !issuer.is_empty());
        let issuer = issuer.map_or_else(String::new, |issuer| format!("&issuer={issuer}"));
        let algorithm = match self.algorithm {
            Algorithm::Sha1 => String::new(),
            algorithm => format!("&algorithm={algorithm}"),
        };
        let digits = match self.digits {
            Digits::SIX => String::new(),
            digits => format!("&digits={}", digits.count()),
        };
        let secret = self.seed.to_base32();
        Zeroizing::new(format!(
            "otpauth://{kind}/{label}?secret={}{issuer}{algorithm}{digits}{factor}",
            *secret
        ))
    }
}

impl FromStr for KeyUri {
    type Err = BadUri;

    /// Reads a URI as the field writes them: capitals, `SHA-256`, empty parameters, two issuers.
    /// The issuer and the account decide nothing.
    fn from_str(text: &str) -> Result<KeyUri, BadUri> {
        let text = text.trim();
        let rest = Some(text)
            .filter(|text| text.len() <= 2_048)
            .and_then(|text| text.split_at_checked(SCHEME.len()))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case(SCHEME))
            .map(|(_, rest)| rest)
            .ok_or(BadUri::Kind)?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (kind, label) = path.split_once('/').unwrap_or((path, ""));
        let parameters = Parameters::parse(query)?;

        let label = decoded(label);
        let (prefix, account) = match label.split_once(':') {
            Some((issuer, account)) => (Some(issuer.to_owned()), account),
            None => (None, label.as_str()),
        };
        // A label cannot hold an issuer with a colon.
        let issuer = parameters.issuer.or(prefix).map(|issuer| issuer.replace(':', " "));
        let factor = match kind.to_ascii_lowercase().as_str() {
            "totp" => MovingFactor::Time(
                parameters
                    .period
                    .map_or(Ok(TimeStepSize::DEFAULT), TimeStepSize::try_from)
                    .map_err(|_| BadUri::Parameter("period"))?,
            ),
            "hotp" => MovingFactor::Counter(Counter(parameters.counter.unwrap_or(0))),
            _ => return Err(BadUri::Kind),
        };
        let account = account.trim_start().to_owned();
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
        fn number<T: FromStr>(name: &'static str, text: &str) -> Result<T, BadUri> {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|_| digits).ok_or(BadUri::Parameter(name))
        }
        let mut parameters = Parameters::default();
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            // Pages that show a URI as text write `&amp;` between parameters.
            let name = name.strip_prefix("amp;").unwrap_or(name).to_ascii_lowercase();
            // A blank, in forms.
            let value = Zeroizing::new(decoded(&Zeroizing::new(value.replace('+', " "))));
            let (issuer, value) = (value.as_str(), value.trim());
            // An empty parameter is as good as none.
            if value.is_empty() {
                continue;
            }
            match name.as_str() {
                "secret" => {
                    let typed = Seed::typed(value).map_err(BadUri::Secret)?;
                    set("secret", &mut parameters.secret, typed.seed)?;
                }
                "issuer" => parameters.issuer = Some(issuer.to_owned()),
                "algorithm" => set("algorithm", &mut parameters.algorithm, algorithm(value)?)?,
                "digits" => {
                    let digits = Digits::try_from(number::<u8>("digits", value)?);
                    let digits = digits.map_err(|_| BadUri::Parameter("digits"))?;
                    set("digits", &mut parameters.digits, digits)?;
                }
                "period" => set("period", &mut parameters.period, number("period", value)?)?,
                "counter" => set("counter", &mut parameters.counter, number("counter", value)?)?,
                _ => {}
            }
        }
        Ok(parameters)
    }
}

/// Sets a parameter that may be repeated, but not with another value.
fn set<T: PartialEq>(name: &'static str, field: &mut Option<T>, value: T) -> Result<(), BadUri> {
    match field.replace(value) {
        Some(first) if field.as_ref() != Some(&first) => Err(BadUri::Duplicate(name)),
        _ => Ok(()),
    }
}

/// The hash function by any of its names: `SHA1`, `sha-256`, `HMAC_SHA512`, `HmacSHA1`.
fn algorithm(name: &str) -> Result<Algorithm, BadUri> {
    let plain = name.to_ascii_uppercase().replace(['-', '_', ' ', '/'], "");
    let plain = plain.strip_prefix("HMAC").unwrap_or(&plain);
    plain.parse().map_err(|_| BadUri::Parameter("algorithm"))
}

/// Percent-decoded text. What is not UTF-8 belongs to names, which decide nothing.
fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

const SCHEME: &str = "otpauth://";

/// All characters except the unreserved ones of RFC 3986 §2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl fmt::Display for BadUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadUri::Kind => f.write_str(
                "a key URI begins with otpauth://totp/ or otpauth://hotp/ \
                 and is at most 2048 bytes long",
            ),
            BadUri::Duplicate(name) => write!(f, "the key URI gives two values for {name}"),
            BadUri::Parameter(name) => {
                write!(f, "the key URI's {name} cannot be used: {}", expected(name))
            }
            BadUri::Secret(reason) => write!(f, "the key URI's secret cannot be used: {reason}"),
        }
    }
}

/// The values of a parameter that can be used.
fn expected(parameter: &str) -> &'static str {
    match parameter {
        "algorithm" => "it is SHA1, SHA256 or SHA512",
        "digits" => "6 to 8",
        "period" => "10 to 120 seconds",
        _ => "it is a number",
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
    fn parameters_that_apps_assume_are_left_out() {
        let uri = KeyUri {
            issuer: Some("Example".to_owned()),
            account: "alice".to_owned(),
            algorithm: Algorithm::Sha1,
            digits: Digits::SIX,
            factor: MovingFactor::Time(TimeStepSize::DEFAULT),
            ..example()
        };
        let secret = "secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Example";
        assert_eq!(*uri.to_text(), format!("otpauth://totp/Example:alice?{secret}"));
        let uri = KeyUri { factor: MovingFactor::Counter(Counter(0)), ..uri };
        assert_eq!(*uri.to_text(), format!("otpauth://hotp/Example:alice?{secret}&counter=0"));
    }

    #[test]
    fn uris_are_read_as_the_field_writes_them() {
        let plain: KeyUri =
            "otpauth://totp/a?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ".parse().unwrap();
        let secret = "secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        for uri in [
            format!("OTPAUTH://TOTP/a?{}", secret.to_uppercase()),
            format!("otpauth://totp?{secret}"),
            format!("otpauth://totp/?{secret}"),
            format!("  otpauth://totp/a?{secret}\r\n"),
            format!("otpauth://totp/%ff?{secret}"),
            format!("otpauth://totp/A:b?{secret}&issuer=B"),
            format!("otpauth://totp/A%3Ab%3Ac?{secret}&issuer=B%3AC"),
            format!("otpauth://totp/ACME+Inc:b?{secret}&issuer=acme+inc."),
            format!("otpauth://totp/a?issuer=&algorithm=&digits=&period=&counter=&{secret}"),
            format!("otpauth://totp/a?{secret}&{secret}&issuer=A&issuer=B"),
            format!("otpauth://totp/a?{secret}&amp;algorithm=SHA1&amp;digits=6"),
            format!("otpauth://totp/a?{secret}&Algorithm=SHA-1&Digits=6&Period=30&image=x"),
            format!("otpauth://totp/a?{secret}&algorithm=HmacSHA1"),
            "otpauth://totp/a?secret=gezd+gnbv%20gy3t-qojq+gezd+gnbv+gy3t+qojq".to_owned(),
        ] {
            let read: KeyUri = uri.parse().unwrap_or_else(|error| panic!("{uri}: {error}"));
            let facts = |uri: KeyUri| (uri.seed, uri.algorithm, uri.digits, uri.factor);
            assert_eq!(facts(read.clone()), facts(plain.clone()), "{uri}");
            assert_eq!(read.to_text().parse(), Ok(read), "{uri}");
        }
        for (name, algorithm) in [
            ("SHA-256", Algorithm::Sha256),
            ("sha_512", Algorithm::Sha512),
            ("HMAC-SHA-256", Algorithm::Sha256),
            ("hmacsha512", Algorithm::Sha512),
        ] {
            let uri: KeyUri =
                format!("otpauth://totp/a?{secret}&algorithm={name}").parse().unwrap();
            assert_eq!(uri.algorithm, algorithm, "{name}");
        }
        let uri: KeyUri = format!("otpauth://HOTP/a?{secret}&counter=").parse().unwrap();
        assert_eq!(uri.factor, MovingFactor::Counter(Counter(0)));
    }

    #[test]
    fn unusable_uris_are_refused() {
        let secret = "secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        for (uri, error) in [
            ("https://example.com/".to_owned(), BadUri::Kind),
            ("otpauth-migration://offline?data=x".to_owned(), BadUri::Kind),
            (format!("otpauth://steam/a?{secret}"), BadUri::Kind),
            (format!("otpauth://totp/a?{secret}&secret=MZXW6YTBOI"), BadUri::Secret(BadSeed::Size)),
            (
                format!("otpauth://totp/a?{secret}&secret=MZXW6YTBMZXW6YTBMZXW6YTB"),
                BadUri::Duplicate("secret"),
            ),
            (format!("otpauth://totp/a?{secret}&digits=6&digits=8"), BadUri::Duplicate("digits")),
            (format!("otpauth://totp/a?{secret}&digits=9"), BadUri::Parameter("digits")),
            (format!("otpauth://totp/a?{secret}&digits=-6"), BadUri::Parameter("digits")),
            (format!("otpauth://totp/a?{secret}&period=0"), BadUri::Parameter("period")),
            (format!("otpauth://totp/a?{secret}&algorithm=MD5"), BadUri::Parameter("algorithm")),
            (format!("otpauth://hotp/a?{secret}&counter=x"), BadUri::Parameter("counter")),
            ("otpauth://totp/a".to_owned(), BadUri::Secret(BadSeed::Size)),
            ("otpauth://totp/a?secret=".to_owned(), BadUri::Secret(BadSeed::Size)),
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
