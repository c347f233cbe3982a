//! Encrypted values as they stand in the file.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use crate::import::ProblemCode;
use crate::import::pskc::refusal::Refusal;
use crate::import::xml::{Fault, Xml};

/// An encrypted value (RFC 6030 §6.1).
#[derive(Clone, Debug, Default)]
pub(super) struct Sealed {
    /// URI of the cipher.
    pub(super) method: String,
    /// The initialisation vector, where it is not in front of the ciphertext.
    pub(super) iv: Option<Vec<u8>>,
    pub(super) bytes: Vec<u8>,
    pub(super) mac: Option<Vec<u8>>,
}

impl Sealed {
    /// Reads an element of type `EncryptedDataType` to its end; `None` if it has no ciphertext.
    pub(super) fn read(xml: &mut Xml<'_>) -> Result<Result<Sealed, Refusal>, Fault> {
        let mut method = String::new();
        let mut bytes = None;
        while let Some(name) = xml.child()? {
            match name {
                "encryptionmethod" => {
                    method = xml.attribute("algorithm").unwrap_or_default().to_owned();
                    xml.skip()?;
                }
                "cipherdata" => {
                    while let Some(name) = xml.child()? {
                        match name {
                            "ciphervalue" if bytes.is_none() => bytes = Some(base64(xml.text()?)),
                            _ => {
                                let detail = "an encrypted value has something else than one \
                                              ciphertext inside the file";
                                return Err(xml.fault(ProblemCode::Encryption, detail));
                            }
                        }
                    }
                }
                _ => xml.skip()?,
            }
        }
        Ok(match bytes {
            None => Err(Refusal::encryption("an encrypted value has no ciphertext")),
            Some(None) => Err(Refusal::encryption("a ciphertext is no base64")),
            Some(Some(bytes)) => {
                let bytes = bytes.to_vec();
                Ok(Sealed { method, iv: None, bytes, mac: None })
            }
        })
    }
}

/// The bytes of a base64 text, white space inside it left out.
pub(super) fn base64(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut plain = Zeroizing::new(Vec::with_capacity(text.len()));
    plain.extend(text.bytes().filter(|byte| !byte.is_ascii_whitespace()));
    let mut bytes = Zeroizing::new(vec![0; plain.len()]);
    let length = ENGINE.decode_slice(&*plain, &mut bytes).ok()?;
    bytes.truncate(length);
    Some(bytes)
}

/// Base64 with its padding or without.
const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
