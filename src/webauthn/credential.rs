//! The credential record (WebAuthn L3 §4), which is stored at registration.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A public key credential of one account, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// The authenticator's identifier for the credential.
    pub id: CredentialId,
    /// The public key as the authenticator encoded it, a COSE_Key (RFC 9052 §7).
    #[serde(with = "hex")]
    pub public_key: Vec<u8>,
    /// The `user.id` for which the credential was made; never the account's name.
    #[serde(with = "hex")]
    pub user_handle: Vec<u8>,
    /// The signature counter that was last accepted; 0 while the authenticator has none.
    pub sign_count: u32,
    /// True once the authenticator has verified its user (`uvInitialized`).
    pub user_verified: bool,
    /// True if the credential may be backed up outside the authenticator (BE). It never changes.
    pub backup_eligible: bool,
    /// True if the credential was backed up at its last use (BS).
    pub backed_up: bool,
    /// The authenticator's model by its own claim; proved only with [`Attestation::Trusted`].
    pub aaguid: Option<Aaguid>,
    /// Transports of the authenticator: `usb`, `nfc`, …
    pub transports: Vec<String>,
    /// The result of the attestation at registration.
    pub attestation: Attestation,
    /// The attestation statement format, for example `packed`; `none` if no attestation was asked
    /// for.
    pub attestation_format: String,
    /// True for a U2F registration, which is bound to the AppID instead of the RP ID (L3 §10.1.1).
    pub by_app_id: bool,
    /// True if the authenticator stores the credential, so that a sign-in can begin without an
    /// account; an unsigned claim of the client. `None` if the client made no claim or was not
    /// asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discoverable: Option<bool>,
}

/// The authenticator's identifier for a credential: 1 to 1,023 bytes (WebAuthn L3 §7.1 step 25).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CredentialId(Vec<u8>);

/// A model of authenticators (L3 §6.5.1). All zeros mean "unknown" and are not a value of this
/// type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Aaguid([u8; 16]);

/// The result of an attestation at registration (L3 §6.5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attestation {
    /// No attestation.
    None,
    /// The statement is signed with the credential's own key.
    Own,
    /// The statement could not be verified, or its certificate leads to no configured trust anchor.
    Unverified,
    /// The statement's certificate leads to a configured trust anchor.
    Trusted,
}

/// Bytes or text that are not such an identifier; the message describes the expected form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadId(&'static str);

impl CredentialId {
    /// A credential's id from its bytes.
    ///
    /// # Errors
    /// [`BadId`] if the id is empty or longer than 1,023 bytes (L3 §5.1).
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<CredentialId, BadId> {
        let bytes = bytes.into();
        if (1..=LONGEST_ID).contains(&bytes.len()) {
            Ok(CredentialId(bytes))
        } else {
            Err(BAD_CREDENTIAL_ID)
        }
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Aaguid {
    /// Makes a model from its bytes; `None` for all zeros.
    pub fn new(bytes: [u8; 16]) -> Option<Aaguid> {
        (bytes != [0; 16]).then_some(Aaguid(bytes))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl FromStr for Aaguid {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Aaguid, BadId> {
        let lower = text.to_ascii_lowercase();
        let bytes = hex::bytes(&lower.replace('-', "")).and_then(|bytes| bytes.try_into().ok());
        let aaguid = bytes.and_then(Aaguid::new).ok_or(BAD_AAGUID)?;
        if aaguid.to_string() == lower { Ok(aaguid) } else { Err(BAD_AAGUID) }
    }
}

impl TryFrom<String> for CredentialId {
    type Error = BadId;

    fn try_from(text: String) -> Result<CredentialId, BadId> {
        CredentialId::new(hex::bytes(&text).ok_or(BAD_CREDENTIAL_ID)?)
    }
}

impl TryFrom<String> for Aaguid {
    type Error = BadId;

    fn try_from(text: String) -> Result<Aaguid, BadId> {
        text.parse()
    }
}

impl From<CredentialId> for String {
    fn from(id: CredentialId) -> String {
        id.to_string()
    }
}

impl From<Aaguid> for String {
    fn from(aaguid: Aaguid) -> String {
        aaguid.to_string()
    }
}

impl fmt::Display for CredentialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::text(&self.0))
    }
}

impl fmt::Debug for CredentialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CredentialId({self})")
    }
}

impl fmt::Display for Aaguid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&groups(&self.0))
    }
}

/// `00112233-4455-6677-8899-aabbccddeeff`.
pub(crate) fn groups(bytes: &[u8; 16]) -> String {
    let hyphen = |place| if matches!(place, 4 | 6 | 8 | 10) { "-" } else { "" };
    bytes
        .iter()
        .enumerate()
        .map(|(place, byte)| format!("{}{byte:02x}", hyphen(place)))
        .collect()
}

impl fmt::Debug for Aaguid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Aaguid({self})")
    }
}

impl fmt::Display for BadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for BadId {}

/// Bytes as hexadecimal digits in lower case.
mod hex {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&text(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        bytes(&text)
            .ok_or_else(|| D::Error::custom("expected pairs of hexadecimal digits in lower case"))
    }

    pub(super) fn text(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(super) fn bytes(text: &str) -> Option<Vec<u8>> {
        let digit = |byte: &u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if !rest.is_empty() {
            return None;
        }
        pairs.iter().map(|[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect()
    }
}

const LONGEST_ID: usize = 1_023;

const BAD_CREDENTIAL_ID: BadId =
    BadId("a credential id is 1 to 1023 bytes, written as hexadecimal digits in lower case");

const BAD_AAGUID: BadId =
    BadId("an AAGUID is written like ee882879-721c-4913-9775-3dfcce97072a and is not all zeros");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_id_has_1_to_1023_bytes() {
        assert!(CredentialId::new([]).is_err());
        assert!(CredentialId::new([7]).is_ok());
        assert!(CredentialId::new([7; 1_023]).is_ok());
        assert!(CredentialId::new([7; 1_024]).is_err());
    }

    #[test]
    fn a_credential_id_is_written_in_one_way() {
        let id = CredentialId::new([0, 0xab, 0xff]).unwrap();
        assert_eq!(id.to_string(), "00abff");
        assert_eq!(CredentialId::try_from("00abff".to_owned()), Ok(id));
        for other in ["", "0", "00ABFF", "00abf", "00ab f", "0x00ab"] {
            assert!(CredentialId::try_from(other.to_owned()).is_err(), "{other}");
        }
    }

    #[test]
    fn an_aaguid_is_written_as_a_uuid_and_is_not_zero() {
        let text = "ee882879-721c-4913-9775-3dfcce97072a";
        assert_eq!(text.parse::<Aaguid>().unwrap().to_string(), text);
        assert_eq!(text.to_uppercase().parse::<Aaguid>().unwrap().to_string(), text);
        assert_eq!(Aaguid::new([0; 16]), None);
        for other in [
            "",
            "00000000-0000-0000-0000-000000000000",
            "ee882879721c491397753dfcce97072a",
            "ee882879-721c-4913-9775-3dfcce97072",
        ] {
            assert!(other.parse::<Aaguid>().is_err(), "{other}");
        }
    }
}
