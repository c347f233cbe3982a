//! What an authenticator app is given, once.

use qrcode::QrCode;
use qrcode::render::svg;
use serde::Serialize;
use utoipa::ToSchema;

use crate::id::AccountId;
use crate::otp::Factor;
use crate::otp::KeyUri;
use crate::otp::Seed;
use crate::verifier::NewFactor;

/// The secret in the three forms that apps take.
#[derive(Serialize, ToSchema)]
pub(super) struct Provisioning {
    /// Base32.
    secret: String,
    /// `otpauth://…`
    uri: String,
    /// The URI as a QR code.
    qr_svg: String,
}

pub(super) fn provisioning(issuer: &str, account: &AccountId, seed: &Seed, factor: &NewFactor) -> Option<Provisioning> {
    let (algorithm, digits, factor) = match factor {
        NewFactor::Totp { parameters, .. } => (parameters.algorithm, parameters.digits, Factor::Time(parameters.step_size)),
        NewFactor::Hotp { parameters, counter, .. } => (parameters.algorithm, parameters.digits, Factor::Counter(*counter)),
        _ => return None,
    };
    // Apps read the issuer up to the first colon.
    let issuer = Some(issuer.replace(':', " "));
    let uri = KeyUri { issuer, account: account.as_str().to_owned(), seed: seed.clone(), algorithm, digits, factor }.to_text();
    let code = QrCode::new(uri.as_bytes()).ok()?;
    let qr_svg = code.render::<svg::Color<'_>>().min_dimensions(240, 240).build();
    Some(Provisioning { secret: seed.to_base32().to_string(), uri: uri.to_string(), qr_svg })
}
