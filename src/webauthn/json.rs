//! Options and responses in the JSON forms of browsers (WebAuthn L3 §5.1.7 to §5.1.10); binary
//! values are base64url without padding.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// `PublicKeyCredentialCreationOptionsJSON`: the options for making a credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreationOptions {
    /// The relying party.
    pub rp: RpEntity,
    /// The account.
    pub user: UserAccount,
    /// The random challenge, which the client data repeat.
    #[serde(with = "base64url")]
    pub challenge: Vec<u8>,
    /// Accepted algorithms, in order of preference.
    pub pub_key_cred_params: Vec<KeyParameters>,
    /// The client's time limit for the person, in milliseconds.
    pub timeout: u32,
    /// Credentials of the account: an authenticator that holds one is already enrolled.
    #[serde(default)]
    pub exclude_credentials: Vec<Descriptor>,
    /// Demands on the authenticator.
    pub authenticator_selection: AuthenticatorSelection,
    /// Kinds of authenticator that the client shows first.
    #[serde(default)]
    pub hints: Vec<Hint>,
    /// The attestation asked for.
    pub attestation: Conveyance,
    /// Extensions asked for.
    #[serde(default)]
    pub extensions: CreationExtensions,
}

/// `PublicKeyCredentialRequestOptionsJSON`: the options for using a credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestOptions {
    /// The random challenge, which the client data repeat.
    #[serde(with = "base64url")]
    pub challenge: Vec<u8>,
    /// The client's time limit for the person, in milliseconds.
    pub timeout: u32,
    /// The RP ID.
    pub rp_id: String,
    /// The credentials that are accepted.
    pub allow_credentials: Vec<Descriptor>,
    /// The demand on user verification.
    pub user_verification: UserVerification,
    /// Kinds of authenticator that the client shows first.
    #[serde(default)]
    pub hints: Vec<Hint>,
    /// Extensions asked for.
    #[serde(default)]
    pub extensions: RequestExtensions,
}

/// The relying party.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RpEntity {
    /// The RP ID, a domain name.
    pub id: String,
    /// The name for people.
    pub name: String,
}

/// The account, as the authenticator stores and shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserAccount {
    /// The user handle: 1 to 64 bytes that reveal nothing about the person.
    #[serde(with = "base64url")]
    pub id: Vec<u8>,
    /// The account's name.
    pub name: String,
    /// The person's name.
    pub display_name: String,
}

/// A kind of key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyParameters {
    /// `public-key`.
    #[serde(rename = "type")]
    pub kind: String,
    /// A COSE algorithm identifier.
    pub alg: i64,
}

/// A credential by its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descriptor {
    /// `public-key`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The credential's id.
    #[serde(with = "base64url")]
    pub id: Vec<u8>,
    /// Transports of its authenticator; empty if unknown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transports: Vec<String>,
}

/// Demands on the authenticator of a new credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthenticatorSelection {
    /// The demand on discoverability.
    pub resident_key: ResidentKey,
    /// The same demand for clients of WebAuthn Level 1: true exactly if `resident_key` is required.
    pub require_resident_key: bool,
    /// The demand on user verification.
    pub user_verification: UserVerification,
}

/// The demand on user verification by PIN or fingerprint (L3 §5.8.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UserVerification {
    /// Touch alone is preferred.
    Discouraged,
    /// Verification if possible; touch alone is accepted as well.
    #[default]
    Preferred,
    /// Verification is mandatory.
    Required,
}

/// The demand on discoverability: a discoverable credential is stored in the key with its user
/// handle (L3 §5.4.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResidentKey {
    /// Not discoverable if possible: it uses storage of the key, and the person names the account
    /// anyway.
    #[default]
    Discouraged,
    /// Discoverable if the key is capable of it.
    Preferred,
    /// Discoverable, or the registration fails.
    Required,
}

/// The kind of authenticator that a client shows first (L3 §5.8.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hint {
    /// A security key, plugged in or held to the device.
    SecurityKey,
    /// An authenticator built into the device: a fingerprint reader, the platform's passkeys.
    ClientDevice,
    /// A phone that scans a code from the screen.
    Hybrid,
}

/// The demand on an attestation statement (L3 §5.4.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Conveyance {
    /// No statement.
    #[default]
    None,
    /// A statement, which the client may anonymize.
    Indirect,
    /// A statement as the authenticator makes it.
    Direct,
}

/// Extensions asked for when a credential is made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreationExtensions {
    /// Registrations with this AppID count as enrolled (L3 §10.1.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appid_exclude: Option<String>,
    /// Asks the client for the discoverability of the credential (L3 §10.1.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cred_props: Option<bool>,
}

/// Extensions asked for when a credential is used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestExtensions {
    /// Registrations with this AppID are accepted (L3 §10.1.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appid: Option<String>,
}

/// `RegistrationResponseJSON`: a client's response to creation options.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistrationResponse {
    /// The credential's id in base64url.
    pub id: String,
    /// The credential's id.
    #[serde(with = "base64url")]
    pub raw_id: Vec<u8>,
    /// The new credential.
    pub response: AttestationResponse,
    /// `public-key`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Extension outputs.
    #[serde(default, deserialize_with = "absent_if_null")]
    pub client_extension_results: ExtensionResults,
}

/// `AuthenticatorAttestationResponseJSON`. Members that repeat the attestation object are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttestationResponse {
    /// The client's description of the ceremony.
    #[serde(rename = "clientDataJSON", with = "base64url")]
    pub client_data_json: Vec<u8>,
    /// The authenticator's data and its attestation statement.
    #[serde(with = "base64url")]
    pub attestation_object: Vec<u8>,
    /// Transports of the authenticator, as hints; entries that are not text are ignored.
    #[serde(default, deserialize_with = "texts")]
    pub transports: Vec<String>,
}

/// `AuthenticationResponseJSON`: a client's response to request options.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthenticationResponse {
    /// The credential's id in base64url.
    pub id: String,
    /// The credential's id.
    #[serde(with = "base64url")]
    pub raw_id: Vec<u8>,
    /// The assertion.
    pub response: AssertionResponse,
    /// `public-key`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Extension outputs.
    #[serde(default, deserialize_with = "absent_if_null")]
    pub client_extension_results: ExtensionResults,
}

/// `AuthenticatorAssertionResponseJSON`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssertionResponse {
    /// The client's description of the ceremony.
    #[serde(rename = "clientDataJSON", with = "base64url")]
    pub client_data_json: Vec<u8>,
    /// The authenticator data.
    #[serde(with = "base64url")]
    pub authenticator_data: Vec<u8>,
    /// The signature over both.
    #[serde(with = "base64url")]
    pub signature: Vec<u8>,
    /// The user handle, if the authenticator stores it. `null` and an empty value both mean absent:
    /// libraries send either for a key that stores no credentials.
    #[serde(default, with = "optional_base64url", skip_serializing_if = "Option::is_none")]
    pub user_handle: Option<Vec<u8>>,
}

/// Extension outputs; those that were not asked for are ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtensionResults {
    /// True if the credential is bound to the AppID; values other than a boolean are ignored.
    #[serde(default, deserialize_with = "flag", skip_serializing_if = "Option::is_none")]
    pub appid: Option<bool>,
    /// Properties of the new credential (L3 §10.1.3), unsigned; a malformed value counts as absent.
    #[serde(
        default,
        rename = "credProps",
        skip_serializing_if = "Option::is_none",
        deserialize_with = "credential_properties"
    )]
    pub cred_props: Option<CredentialProperties>,
}

/// Properties of a new credential, as the client claims them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CredentialProperties {
    /// True if discoverable; absent from clients that do not know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rk: Option<bool>,
}

fn credential_properties<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<CredentialProperties>, D::Error> {
    let said = serde_json::Value::deserialize(deserializer)?;
    Ok(said
        .is_object()
        .then(|| CredentialProperties { rk: said.get("rk").and_then(serde_json::Value::as_bool) }))
}

impl Descriptor {
    /// A public key credential without transports.
    pub fn new(id: &[u8]) -> Descriptor {
        Descriptor { kind: PUBLIC_KEY.to_owned(), id: id.to_owned(), transports: Vec::new() }
    }
}

/// Reads `null` as absent: JavaScript clients write either for a missing value.
fn absent_if_null<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let items: Vec<Value> = absent_if_null(deserializer)?;
    Ok(items.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    Value::deserialize(deserializer).map(|value| value.as_bool())
}

/// Bytes as base64url without padding (RFC 4648 §5).
pub(super) mod base64url {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn text(bytes: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(bytes)
    }

    pub(crate) fn bytes(text: &str) -> Option<Vec<u8>> {
        URL_SAFE_NO_PAD.decode(text).ok()
    }

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&text(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_| D::Error::custom("expected base64url without padding"))
    }
}

mod optional_base64url {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        bytes: &Option<Vec<u8>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match bytes {
            Some(bytes) => super::base64url::serialize(bytes, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Vec<u8>>, D::Error> {
        #[derive(Deserialize)]
        struct Present(#[serde(with = "super::base64url")] Vec<u8>);

        Ok(Option::<Present>::deserialize(deserializer)?
            .map(|Present(bytes)| bytes)
            .filter(|bytes| !bytes.is_empty()))
    }
}

/// The only type of credential (L3 §5.8.2).
pub(crate) const PUBLIC_KEY: &str = "public-key";
