//! Provisioning of an authenticator app: secret, URI and QR code, shown once.

use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};

use crate::otp::{KeyUri, MovingFactor, Seed};
use crate::verifier::NewFactor;
use crate::wire::{Provisioning, SecretText};

/// Shown to the holder of a device whose seed was made here. The label is the name of its account,
/// or its serial number if it has none.
pub(super) fn provisioning(
    display_name: &str,
    label: &str,
    seed: &Seed,
    factor: &NewFactor,
) -> Option<Provisioning> {
    let (algorithm, digits, factor) = match factor {
        NewFactor::Totp { parameters, .. } => {
            (parameters.algorithm, parameters.digits, MovingFactor::Time(parameters.step_size))
        }
        NewFactor::Hotp { parameters, counter, .. } => {
            (parameters.algorithm, parameters.digits, MovingFactor::Counter(*counter))
        }
        _ => return None,
    };
    // Apps read the issuer up to the first colon.
    let issuer = Some(display_name.replace(':', " "));
    let uri =
        KeyUri { issuer, account: label.to_owned(), seed: seed.clone(), algorithm, digits, factor }
            .to_text();
    Some(Provisioning {
        secret: seed.to_base32().into(),
        qr_svg: qr_svg(&uri).map(SecretText::from),
        uri: uri.into(),
    })
}

/// The QR code, with the highest error correction that fits.
fn qr_svg(text: &str) -> Option<String> {
    let mut codes = [EcLevel::M, EcLevel::L]
        .into_iter()
        .filter_map(|level| QrCode::with_error_correction_level(text, level).ok());
    codes
        .next()
        .map(|code| code.render::<svg::Color<'_>>().min_dimensions(240, 240).build())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otp::Totp;

    #[test]
    fn a_long_uri_is_given_without_a_qr_code() {
        let seed = Seed::new(vec![7; 20]).unwrap();
        let new = NewFactor::Totp { parameters: Totp::default(), seed: None };
        // The URI holds the issuer twice, and about 100 bytes more. Level M ends at 2,331 bytes, L
        // at 2,953.
        for (issuer, fits) in [(10, true), (1_100, true), (1_250, true), (1_500, false)] {
            let given = provisioning(&"x".repeat(issuer), "alice", &seed, &new).unwrap();
            assert_eq!(given.qr_svg.is_some(), fits, "{issuer}");
            let read: KeyUri =
                given.uri.as_str().replace(&"x".repeat(issuer), "x").parse().unwrap();
            assert_eq!(
                (read.seed, given.secret.as_str()),
                (seed.clone(), seed.to_base32().as_str())
            );
            assert_eq!(
                serde_json::to_value(&given).unwrap().get("qr_svg").is_some(),
                fits,
                "no null"
            );
        }
    }
}
