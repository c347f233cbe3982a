//! Spellings that several formats share: names of hash functions, encodings of secrets.

use base32::Alphabet;
use zeroize::Zeroizing;

use crate::import::TokenKind;
use crate::otp::Algorithm;
use crate::secret::Secret;

/// The hash function by any of its names: `SHA1`, `sha-256`, `HMAC_SHA512`, `HmacSHA1`.
pub(super) fn algorithm(name: &str) -> Option<Algorithm> {
    let plain = name.trim().to_ascii_uppercase().replace(['-', '_', ' ', '/'], "");
    plain.strip_prefix("HMAC").unwrap_or(&plain).parse().ok()
}

/// The kind by its name in URIs and vaults, in any case. The error says what is wrong with it.
pub(super) fn kind(name: &str) -> Result<TokenKind, &'static str> {
    match name.trim().to_ascii_lowercase().as_str() {
        "totp" => Ok(TokenKind::Totp),
        "hotp" => Ok(TokenKind::Hotp),
        "steam" => Err("the codes of Steam are none of OATH: leave it out with --skip-unsupported"),
        "motp" | "mobileotp" => {
            Err("Mobile-OTP is none of OATH: leave it out with --skip-unsupported")
        }
        "yandex" | "yaotp" => {
            Err("the codes of Yandex are none of OATH: leave it out with --skip-unsupported")
        }
        _ => Err("the kind is neither TOTP nor HOTP: leave it out with --skip-unsupported"),
    }
}

/// The name of a device by its issuer and its label: `Issuer: label`. An issuer that the label
/// repeats is named once.
pub(super) fn device(issuer: Option<&str>, label: Option<&str>) -> Option<String> {
    let text = |text: Option<&str>| text.map(str::trim).unwrap_or_default().to_owned();
    let (issuer, label) = (text(issuer), text(label));
    let rest = label.strip_prefix(&issuer).unwrap_or(&label);
    let rest = rest.strip_prefix(':').unwrap_or(&label).trim();
    match (issuer.is_empty(), rest.is_empty() || rest == issuer) {
        (true, _) => Some(label).filter(|label| !label.is_empty()),
        (false, true) => Some(issuer),
        (false, false) => Some(format!("{issuer}: {rest}")),
    }
}

/// The bytes of a base32 text: blanks, hyphens, small letters and padding are allowed.
pub(super) fn secret_of_base32(text: &str) -> Result<Secret, &'static str> {
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    plain.extend(text.chars().filter(|c| !c.is_whitespace() && *c != '-'));
    let plain = plain.trim_end_matches('=');
    if !plain
        .bytes()
        .all(|byte| byte.is_ascii_alphabetic() || (b'2'..=b'7').contains(&byte))
    {
        return Err("the secret is no base32: it has other characters than A-Z and 2-7");
    }
    let impossible = matches!(plain.len() % 8, 1 | 3 | 6);
    let upper = Zeroizing::new(plain.to_ascii_uppercase());
    match base32::decode(Alphabet::Rfc4648 { padding: false }, &upper) {
        Some(bytes) if !impossible => Ok(Secret::new(bytes)),
        _ => Err("the secret is no base32: it has a length that no encoder makes"),
    }
}

/// The bytes of a hexadecimal text: blanks and colons are allowed.
pub(super) fn secret_of_hex(text: &str) -> Result<Secret, &'static str> {
    let digit = |c: char| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() / 2));
    let mut high = None;
    for c in text.chars().filter(|c| !c.is_whitespace() && *c != ':') {
        let Some(digit) = digit(c) else {
            return Err("the secret is not hexadecimal: it has other characters than 0-9 and A-F");
        };
        match high.take() {
            None => high = Some(digit),
            Some(high) => bytes.push(high << 4 | digit),
        }
    }
    match high {
        None => Ok(Secret::new(std::mem::take(&mut bytes))),
        Some(_) => Err("the secret is not hexadecimal: it has an odd number of digits"),
    }
}
