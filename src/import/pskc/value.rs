//! Values of a key: its secret, its counter and its times, plain or encrypted (RFC 6030 §4.2).

use zeroize::Zeroizing;

use crate::import::ProblemCode;
use crate::import::pskc::keys::Keys;
use crate::import::pskc::protection::FileCipher;
use crate::import::pskc::refusal::Refusal;
use crate::import::pskc::sealed::{Sealed, base64};
use crate::import::xml::{Fault, Xml};
use crate::secret::Secret;

/// A value as it stands in the file.
pub(super) enum Value {
    Plain(Zeroizing<String>),
    Sealed(Sealed),
}

/// The meaning of a value's bytes.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Content {
    Secret,
    Number,
}

impl Value {
    /// Reads an element with a value to its end; `None` if the element is empty.
    pub(super) fn read(
        xml: &mut Xml<'_>,
        content: Content,
        file: Option<&FileCipher>,
    ) -> Result<Result<Option<Value>, Refusal>, Fault> {
        let (mut plain, mut sealed, mut code, mut old) = (None, None, None, None);
        let mut twice = false;
        while let Some(name) = xml.child()? {
            match name {
                "plainvalue" => {
                    let value = Zeroizing::new(xml.text()?.to_owned());
                    twice |= plain.replace(value).is_some();
                }
                "encryptedvalue" => twice |= sealed.replace(Sealed::read(xml)?).is_some(),
                "valuemac" | "valuedigest" => {
                    twice |= code.replace(base64(xml.text()?)).is_some();
                }
                "value" => {
                    let value = Zeroizing::new(xml.text()?.to_owned());
                    twice |= old.replace(value).is_some();
                }
                _ => xml.skip()?,
            }
        }
        if twice
            || [plain.is_some(), sealed.is_some(), old.is_some()]
                .map(usize::from)
                .iter()
                .sum::<usize>()
                > 1
        {
            let detail = "a value is there twice, and which one holds is unknown";
            return Ok(Err(Refusal::new(ProblemCode::Syntax, detail)));
        }
        let code = match code {
            Some(None) => return Ok(Err(Refusal::encryption("a ValueMAC is no base64"))),
            Some(Some(code)) => Some(code.to_vec()),
            None => None,
        };
        if let Some(value) = old {
            return Ok(of_draft(value, content, code, file).map(Some));
        }
        Ok(match (plain, sealed) {
            (_, Some(Ok(sealed))) => Ok(Some(Value::Sealed(Sealed { mac: code, ..sealed }))),
            (_, Some(Err(refusal))) => Err(refusal),
            (Some(plain), None) => Ok(Some(Value::Plain(plain))),
            (None, None) => Ok(None),
        })
    }

    /// The bytes of a secret.
    pub(super) fn secret(&self, keys: &mut Keys<'_>) -> Result<Secret, Refusal> {
        match self {
            Value::Sealed(sealed) => keys.open(sealed),
            Value::Plain(text) => match base64(text) {
                Some(mut bytes) => Ok(Secret::new(std::mem::take(&mut bytes))),
                None => {
                    let detail = "the secret is no base64";
                    Err(Refusal::new(ProblemCode::SecretMalformed, detail))
                }
            },
        }
    }

    /// A whole number.
    pub(super) fn number(&self, name: &str, keys: &mut Keys<'_>) -> Result<i64, Refusal> {
        let number = match self {
            Value::Plain(text) => text.parse().ok(),
            Value::Sealed(sealed) => number_of_bytes(keys.open(sealed)?.expose()),
        };
        number.ok_or_else(|| {
            Refusal::new(ProblemCode::Value, format!("{name} is no whole number of 64 bits"))
        })
    }
}

/// A value of drafts: encrypted if it has a code, and a secret if the file is encrypted. A number
/// is its digits, or the base64 of its bytes.
fn of_draft(
    value: Zeroizing<String>,
    content: Content,
    code: Option<Vec<u8>>,
    file: Option<&FileCipher>,
) -> Result<Value, Refusal> {
    match (file, content) {
        (Some(file), _) if content == Content::Secret || code.is_some() => {
            let bytes = base64(&value)
                .ok_or_else(|| Refusal::encryption("a ciphertext is no base64"))?
                .to_vec();
            let FileCipher { method, iv } = file;
            Ok(Value::Sealed(Sealed { method: method.clone(), iv: iv.clone(), bytes, mac: code }))
        }
        (_, Content::Number) if value.parse::<i64>().is_err() => {
            let number = base64(&value).and_then(|bytes| number_of_bytes(&bytes));
            let text = number.map_or_else(String::new, |number| number.to_string());
            Ok(Value::Plain(Zeroizing::new(text)))
        }
        _ => Ok(Value::Plain(value)),
    }
}

/// The number of decrypted bytes: 4 or 8 are one in network byte order (RFC 6030 §4.2). Others are
/// of writers that encrypt digits, or that leave out leading zeros.
fn number_of_bytes(bytes: &[u8]) -> Option<i64> {
    match bytes {
        [a, b, c, d] => Some(i64::from(i32::from_be_bytes([*a, *b, *c, *d]))),
        _ if bytes.len() == 8 => Some(i64::from_be_bytes(bytes.try_into().ok()?)),
        _ => match std::str::from_utf8(bytes).ok().and_then(|text| text.trim().parse().ok()) {
            Some(number) => Some(number),
            None if !bytes.is_empty() && bytes.len() < 8 => {
                Some(bytes.iter().fold(0, |number, byte| number << 8 | i64::from(*byte)))
            }
            None => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encrypted_number_is_bytes_or_digits() {
        let rows: [(&[u8], Option<i64>); 9] = [
            (&[0, 0, 1, 2], Some(258)),
            (&[0xff; 4], Some(-1)),
            (&[0, 0, 0, 0, 0, 0, 1, 2], Some(258)),
            (&[0xff; 8], Some(-1)),
            (b"21", Some(21)),
            (b"-3", Some(-3)),
            (&[21], Some(21)),
            (b"", None),
            (&[0; 9], None),
        ];
        for (bytes, number) in rows {
            assert_eq!(number_of_bytes(bytes), number, "{bytes:?}");
        }
    }
}
