//! The secret of a device that exists already: typed, pasted or read from standard input, alone or
//! in a whole `otpauth://` URI.

use zeroize::Zeroizing;

use crate::cli::output::Failure;
use crate::cli::{output, prompt};
use crate::otp::{KeyUri, MovingFactor, Seed, SpareBits};

/// A secret, and the parameters that came with it.
pub(super) struct Given {
    /// In base32.
    pub(super) secret: Zeroizing<String>,
    /// The parameters of a URI.
    pub(super) parameters: Parameters,
}

/// Parameters of a device, as far as they were told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parameters {
    pub(super) kind: Option<String>,
    pub(super) algorithm: Option<String>,
    pub(super) digits: Option<u8>,
    pub(super) period: Option<u16>,
    pub(super) counter: Option<u64>,
}

/// Asks for the secret.
pub(super) fn typed() -> Result<Given, Failure> {
    read(&prompt::secret("Secret of the device (base32, hexadecimal or an otpauth:// URI)")?)
}

fn read(text: &str) -> Result<Given, Failure> {
    if text.contains("://") {
        let uri: KeyUri = text.parse().map_err(bad_input)?;
        return Ok(Given { secret: uri.seed.to_base32(), parameters: Parameters::of(&uri) });
    }
    let typed = Seed::typed_in_any_base(text).map_err(bad_input)?;
    if typed.spare == SpareBits::Dropped {
        output::note(
            "The last character of the secret holds bits that fill no byte. They are dropped, as \
             authenticator apps do. If the codes do not fit, compare the secret with the original: \
             its end may be missing.",
        );
    }
    Ok(Given { secret: typed.seed.to_base32(), parameters: Parameters::default() })
}

fn bad_input(error: impl ToString) -> Failure {
    Failure::bad_input(error.to_string())
}

impl Parameters {
    fn of(uri: &KeyUri) -> Parameters {
        let (kind, period, counter) = match uri.factor {
            MovingFactor::Time(size) => ("totp", Some(size.seconds()), None),
            MovingFactor::Counter(counter) => ("hotp", None, Some(counter.0)),
        };
        Parameters {
            kind: Some(kind.to_owned()),
            algorithm: Some(uri.algorithm.to_string()),
            digits: Some(uri.digits.count()),
            period,
            counter,
        }
    }

    /// Adds what the URI tells beside them.
    ///
    /// # Errors
    /// The two say different things: one of them is about another device.
    pub(super) fn agreed(self, uri: Parameters) -> Result<Parameters, Failure> {
        Ok(Parameters {
            kind: agreed("--kind", self.kind, uri.kind)?,
            algorithm: agreed("--algorithm", self.algorithm, uri.algorithm)?,
            digits: agreed("--digits", self.digits, uri.digits)?,
            period: agreed("--period", self.period, uri.period)?,
            counter: agreed("--counter", self.counter, uri.counter)?,
        })
    }
}

fn agreed<T: PartialEq + ToString>(
    option: &str,
    said: Option<T>,
    in_uri: Option<T>,
) -> Result<Option<T>, Failure> {
    match (said, in_uri) {
        (Some(said), Some(in_uri)) if said != in_uri => {
            let (said, in_uri) = (said.to_string(), in_uri.to_string());
            Err(Failure::bad_input(format!("{option} {said}, but the URI says {in_uri}"))
                .hint(format!("Leave out {option}, or compare the URI with the device")))
        }
        (said, in_uri) => Ok(said.or(in_uri)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_of_a_uri_are_taken_and_not_contradicted() {
        let uri = "OTPAUTH://hotp/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&digits=8&counter=7";
        let given = read(uri).unwrap();
        assert_eq!(*given.secret, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        let said = Parameters { digits: Some(8), ..Parameters::default() };
        let agreed = said.agreed(given.parameters.clone()).unwrap();
        assert_eq!((agreed.kind.as_deref(), agreed.counter), (Some("hotp"), Some(7)));
        let said = Parameters { kind: Some("totp".to_owned()), ..Parameters::default() };
        let refused = said.agreed(given.parameters).unwrap_err().to_string();
        assert_eq!(refused, "--kind totp, but the URI says hotp");
    }
}
