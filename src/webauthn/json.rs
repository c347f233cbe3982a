//! Options and responses in the shapes that browsers have for them (WebAuthn L3 §5.1.7 to §5.1.10);
//! binary values are base64url without padding.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// `PublicKeyCredentialCreationOptionsJSON`: what a client needs to make a credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreationOptions {
    /// For whom.
    pub rp: RpEntity,
    /// For which account.
    pub user: UserAccount,
    /// Random bytes that the client data repeat.
    #[serde(with = "base64url")]
    pub challenge: Vec<u8>,
    /// Which kinds of key are taken, the best first.
    pub pub_key_cred_params: Vec<KeyParameters>,
    /// How long the client may wait for the person, in milliseconds.
    pub timeout: u32,
    /// Authenticators that hold one of these are already enrolled.
    #[serde(default)]
    pub exclude_credentials: Vec<Descriptor>,
    /// What the authenticator has to do.
    pub authenticator_selection: AuthenticatorSelection,
    /// Which kind of authenticator is meant.
    #[serde(default)]
    pub hints: Vec<Hint>,
    /// Whether to ask for an attestation statement.
    pub attestation: Conveyance,
    /// What else is asked for.
    #[serde(default)]
    pub extensions: CreationExtensions,
}

/// `PublicKeyCredentialRequestOptionsJSON`: what a client needs to use a credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestOptions {
    /// Random bytes that the client data repeat.
    #[serde(with = "base64url")]
    pub challenge: Vec<u8>,
    /// How long the client may wait for the person, in milliseconds.
    pub timeout: u32,
    /// For which RP ID.
    pub rp_id: String,
    /// Which credentials will do.
    pub allow_credentials: Vec<Descriptor>,
    /// Whether the authenticator has to verify its user.
    pub user_verification: UserVerification,
    /// Which kind of authenticator is meant.
    #[serde(default)]
    pub hints: Vec<Hint>,
    /// What else is asked for.
    #[serde(default)]
    pub extensions: RequestExtensions,
}

/// The relying party.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RpEntity {
    /// Its RP ID, a domain name.
    pub id: String,
    /// What people call it.
    pub name: String,
}

/// The account, as the authenticator stores and shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserAccount {
    /// The user handle: 1 to 64 bytes that say nothing about the person.
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
    /// Its id.
    #[serde(with = "base64url")]
    pub id: Vec<u8>,
    /// How its authenticator can be reached; empty where that is not said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transports: Vec<String>,
}

/// What the authenticator of a new credential has to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthenticatorSelection {
    /// Whether the key has to store the credential, so that a sign-in can begin without an account.
    pub resident_key: ResidentKey,
    /// The same for clients of WebAuthn Level 1: true exactly where it is required.
    pub require_resident_key: bool,
    /// Whether it has to verify its user.
    pub user_verification: UserVerification,
}

/// Whether an authenticator has to verify its user, by PIN or fingerprint (L3 §5.8.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UserVerification {
    /// Preferably not; touching it is enough.
    Discouraged,
    /// If it can. Touching it is enough all the same.
    #[default]
    Preferred,
    /// Nothing else is accepted.
    Required,
}

/// Whether a credential has to be discoverable: stored by the key together with its user handle (L3
/// §5.4.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResidentKey {
    /// Preferably not: it takes room in the key, and who signs in names the account.
    #[default]
    Discouraged,
    /// If the key can.
    Preferred,
    /// Nothing else is made.
    Required,
}

/// The authenticator that a person will most likely use: what a client shows first (L3 §5.8.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hint {
    /// A security key that is plugged in or held to the device.
    SecurityKey,
    /// What the device has itself: a fingerprint reader, a platform's passkeys.
    ClientDevice,
    /// A phone, by a code that it reads from the screen.
    Hybrid,
}

/// Whether an attestation statement is asked for (L3 §5.4.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Conveyance {
    /// No.
    #[default]
    None,
    /// Yes; the client may make it anonymous.
    Indirect,
    /// Yes, as the authenticator makes it.
    Direct,
}

/// Extensions asked for when a credential is made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreationExtensions {
    /// Registrations with this AppID count as enrolled (L3 §10.1.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appid_exclude: Option<String>,
    /// The client is to say whether the credential is discoverable (L3 §10.1.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cred_props: Option<bool>,
}

/// Extensions asked for when a credential is used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestExtensions {
    /// Registrations with this AppID will do (L3 §10.1.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appid: Option<String>,
}

/// `RegistrationResponseJSON`: what a client made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistrationResponse {
    /// The credential's id in base64url.
    pub id: String,
    /// The credential's id.
    #[serde(with = "base64url")]
    pub raw_id: Vec<u8>,
    /// What was made.
    pub response: AttestationResponse,
    /// `public-key`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What came of the extensions.
    #[serde(default, deserialize_with = "absent_if_null")]
    pub client_extension_results: ExtensionResults,
}

/// `AuthenticatorAttestationResponseJSON`. What it repeats of the attestation object is not read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttestationResponse {
    /// What the client says of the ceremony.
    #[serde(rename = "clientDataJSON", with = "base64url")]
    pub client_data_json: Vec<u8>,
    /// What the authenticator says, and who vouches for it.
    #[serde(with = "base64url")]
    pub attestation_object: Vec<u8>,
    /// How the authenticator can be reached: hints, of which those that are no text are not read.
    #[serde(default, deserialize_with = "texts")]
    pub transports: Vec<String>,
}

/// `AuthenticationResponseJSON`: what a client signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthenticationResponse {
    /// The credential's id in base64url.
    pub id: String,
    /// The credential's id.
    #[serde(with = "base64url")]
    pub raw_id: Vec<u8>,
    /// What was signed.
    pub response: AssertionResponse,
    /// `public-key`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What came of the extensions.
    #[serde(default, deserialize_with = "absent_if_null")]
    pub client_extension_results: ExtensionResults,
}

/// `AuthenticatorAssertionResponseJSON`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssertionResponse {
    /// What the client says of the ceremony.
    #[serde(rename = "clientDataJSON", with = "base64url")]
    pub client_data_json: Vec<u8>,
    /// What the authenticator says.
    #[serde(with = "base64url")]
    pub authenticator_data: Vec<u8>,
    /// Its signature over both.
    #[serde(with = "base64url")]
    pub signature: Vec<u8>,
    /// Whose credential it is, if the authenticator stores that. `null` and an empty one say
    /// nothing: libraries send either for a key that stores no credentials.
    #[serde(default, with = "optional_base64url", skip_serializing_if = "Option::is_none")]
    pub user_handle: Option<Vec<u8>>,
}

/// What came of the extensions; those nobody asked for are not read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtensionResults {
    /// Whether the credential is bound to the AppID; what is neither true nor false is not read.
    #[serde(default, deserialize_with = "flag", skip_serializing_if = "Option::is_none")]
    pub appid: Option<bool>,
    /// The kind of credential that was made (L3 §10.1.3), unsigned; any other form than the
    /// specified one counts as absent.
    #[serde(
        default,
        rename = "credProps",
        skip_serializing_if = "Option::is_none",
        deserialize_with = "credential_properties"
    )]
    pub cred_props: Option<CredentialProperties>,
}

/// Properties of a new credential, as the client says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CredentialProperties {
    /// Whether it is discoverable; not said by clients that do not know.
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
    /// A public key credential; how it can be reached is not said.
    pub fn new(id: &[u8]) -> Descriptor {
        Descriptor { kind: PUBLIC_KEY.to_owned(), id: id.to_owned(), transports: Vec::new() }
    }
}

/// A member that is `null` is one that is not there: JavaScript writes both for what it does not
/// have.
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
            .map_err(|_| D::Error::custom("this is not base64url without padding"))
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

/// The one type of credential there is (L3 §5.8.2).
pub(crate) const PUBLIC_KEY: &str = "public-key";
