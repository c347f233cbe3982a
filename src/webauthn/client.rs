//! The client's side of both ceremonies, for programs that use security keys without a browser:
//! client data for a matching origin and RP ID, and responses in the form of WebAuthn.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::attestation_object::AttestationObject;
use super::authenticator_data::AuthenticatorData;
use super::cbor;
use super::cbor::Item;
use super::fault::Ceremony;
use super::json::{
    AssertionResponse, AttestationResponse, AuthenticationResponse, ExtensionResults, PUBLIC_KEY,
    RegistrationResponse, base64url,
};
use super::origin::Origin;

/// Client data (WebAuthn L3 §5.8.1); a key signs their hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientData {
    json: Vec<u8>,
}

/// An origin and an RP ID that do not match.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the origin {origin} may not use the RP ID {rp_id:?}: its host has to be that name, or one \
     that ends in .{rp_id}"
)]
pub struct ForeignRpId {
    origin: String,
    rp_id: String,
}

/// A key's answer that violates its protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key's answer cannot be read")]
pub struct BadAnswer;

impl ClientData {
    /// The client data of a registration.
    ///
    /// # Errors
    /// [`ForeignRpId`] if the RP ID is neither the origin's domain nor a parent of it.
    pub fn registration(
        challenge: &[u8],
        origin: &Origin,
        rp_id: &str,
    ) -> Result<ClientData, ForeignRpId> {
        ClientData::new(Ceremony::Registration, challenge, origin, rp_id)
    }

    /// The client data of an authentication.
    ///
    /// # Errors
    /// [`ForeignRpId`] if the RP ID is neither the origin's domain nor a parent of it.
    pub fn authentication(
        challenge: &[u8],
        origin: &Origin,
        rp_id: &str,
    ) -> Result<ClientData, ForeignRpId> {
        ClientData::new(Ceremony::Authentication, challenge, origin, rp_id)
    }

    fn new(
        ceremony: Ceremony,
        challenge: &[u8],
        origin: &Origin,
        rp_id: &str,
    ) -> Result<ClientData, ForeignRpId> {
        if !origin.may_use(rp_id) {
            return Err(ForeignRpId { origin: origin.to_string(), rp_id: rp_id.to_owned() });
        }
        let mut json = String::from("{\"type\":");
        quote(&mut json, ceremony.client_data_type());
        json.push_str(",\"challenge\":");
        quote(&mut json, &base64url::text(challenge));
        json.push_str(",\"origin\":");
        quote(&mut json, &origin.to_string());
        json.push_str(",\"crossOrigin\":false}");
        Ok(ClientData { json: json.into_bytes() })
    }

    /// The serialization that keys and relying parties hash (L3 §5.8.1.1).
    pub fn json(&self) -> &[u8] {
        &self.json
    }

    /// The hash of the serialized client data, SHA-256.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(&self.json).into()
    }
}

/// Appends a JSON string, escaped as CCDToString requires (L3 §5.8.1.2).
fn quote(json: &mut String, text: &str) {
    json.push('"');
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\u{20}'.. if c != '\u{7f}' => json.push(c),
            // Writing to a string cannot fail.
            _ => drop(write!(json, "\\u{:04x}", u32::from(c))),
        }
    }
    json.push('"');
}

/// A response from the answer to authenticatorMakeCredential (CTAP 2.1 §6.1.2).
///
/// # Errors
/// [`BadAnswer`] if the authenticator data is malformed or without attested credential data, or the
/// attestation statement is not CBOR of the right type.
pub fn registration_from_ctap2(
    client_data: &ClientData,
    fmt: &str,
    auth_data: &[u8],
    att_stmt_cbor: &[u8],
    transports: &[&str],
) -> Result<RegistrationResponse, BadAnswer> {
    let data = AuthenticatorData::parse(auth_data).map_err(|_| BadAnswer)?;
    let id = data.attested.ok_or(BadAnswer)?.id;
    let statement = cbor::parse(att_stmt_cbor).map_err(|_| BadAnswer)?;
    // Only `compound` statements are lists (L3 §8.9).
    let list = fmt == "compound" && matches!(statement, Item::List(_));
    if !list && !matches!(statement, Item::Map(_)) {
        return Err(BadAnswer);
    }
    Ok(registration(
        client_data,
        id,
        AttestationObject::encode(fmt, att_stmt_cbor, auth_data),
        transports,
    ))
}

/// A response without attestation: the key's statement is replaced by `none`, unread (L3 §5.1.3).
///
/// # Errors
/// [`BadAnswer`] if the authenticator data is malformed or without attested credential data.
pub fn unattested_from_ctap2(
    client_data: &ClientData,
    auth_data: &[u8],
    transports: &[&str],
) -> Result<RegistrationResponse, BadAnswer> {
    let data = AuthenticatorData::parse(auth_data).map_err(|_| BadAnswer)?;
    let id = data.attested.ok_or(BadAnswer)?.id;
    Ok(registration(client_data, id, AttestationObject::none(auth_data), transports))
}

/// A response of the format `fido-u2f` (L3 §8.6) from the answer to U2F_REGISTER without its status
/// word (FIDO U2F Raw Message Formats v1.2 §4.3). `rp_id_hash` is the application parameter that
/// was sent.
///
/// # Errors
/// [`BadAnswer`] if a part of the reply is missing, or its certificate or signature does not have
/// the length that its DER header states.
pub fn registration_from_u2f(
    client_data: &ClientData,
    reply: &[u8],
    rp_id_hash: &[u8; 32],
) -> Result<RegistrationResponse, BadAnswer> {
    let Registered { handle, auth_data, vouched: rest } = Registered::read(reply, rp_id_hash)?;
    let (certificate, signature) =
        rest.split_at_checked(der_length(rest).ok_or(BadAnswer)?).ok_or(BadAnswer)?;
    if der_length(signature) != Some(signature.len()) {
        return Err(BadAnswer);
    }
    let statement = cbor::written(|writer| {
        writer
            .map(2)
            .text("sig")
            .bytes(signature)
            .text("x5c")
            .list(1)
            .bytes(certificate)
    });
    Ok(registration(
        client_data,
        handle,
        AttestationObject::encode("fido-u2f", &statement, &auth_data),
        &["usb"],
    ))
}

/// A response without attestation: the key's certificate and signature are dropped, unread (L3
/// §5.1.3). No signature then proves the length of the handle; a certificate that begins after the
/// handle and ends within the reply does.
///
/// # Errors
/// [`BadAnswer`] if a part of the reply is missing, or its certificate does not end within it.
pub fn unattested_from_u2f(
    client_data: &ClientData,
    reply: &[u8],
    rp_id_hash: &[u8; 32],
) -> Result<RegistrationResponse, BadAnswer> {
    let Registered { handle, auth_data, vouched } = Registered::read(reply, rp_id_hash)?;
    let _signature = vouched
        .split_at_checked(der_length(vouched).ok_or(BadAnswer)?)
        .ok_or(BadAnswer)?;
    Ok(registration(client_data, handle, AttestationObject::none(&auth_data), &["usb"]))
}

/// The answer to U2F_REGISTER.
struct Registered<'a> {
    handle: &'a [u8],
    auth_data: Vec<u8>,
    /// The certificate and the signature.
    vouched: &'a [u8],
}

impl<'a> Registered<'a> {
    fn read(reply: &'a [u8], rp_id_hash: &[u8; 32]) -> Result<Registered<'a>, BadAnswer> {
        let (&reserved, rest) = reply.split_first().ok_or(BadAnswer)?;
        let (&point, rest) = rest.split_first_chunk::<65>().ok_or(BadAnswer)?;
        let (&length, rest) = rest.split_first().ok_or(BadAnswer)?;
        let (handle, rest) = rest.split_at_checked(usize::from(length)).ok_or(BadAnswer)?;
        let [4, coordinates @ ..] = point else { return Err(BadAnswer) };
        if reserved != 5 || handle.is_empty() {
            return Err(BadAnswer);
        }
        let (x, y) = coordinates.split_at(32);
        let key = cbor::written(|writer| writer.p256_key(-7, x, y));
        // Flags UP and AT; U2F reports neither counter nor model, so both are zero.
        let auth_data =
            [&rp_id_hash[..], &[0x41], &[0; 4], &[0; 16], &[0, length], handle, &key].concat();
        Ok(Registered { handle, auth_data, vouched: rest })
    }
}

/// A response from the answer to authenticatorGetAssertion (CTAP 2.1 §6.2.2). The answer may omit
/// the id if only one credential was asked for: `credential_id` is then that one.
pub fn authentication_from_ctap2(
    client_data: &ClientData,
    credential_id: &[u8],
    auth_data: &[u8],
    signature: &[u8],
    user_handle: Option<&[u8]>,
) -> AuthenticationResponse {
    let response = AssertionResponse {
        client_data_json: client_data.json.clone(),
        authenticator_data: auth_data.to_vec(),
        signature: signature.to_vec(),
        user_handle: user_handle.map(<[u8]>::to_vec),
    };
    authentication(credential_id, response, None)
}

/// A response from the answer to U2F_AUTHENTICATE without its status word (FIDO U2F Raw Message
/// Formats v1.2 §5.4). `rp_id_hash` is the application parameter that was sent: the hash of the RP
/// ID or of the AppID.
///
/// # Errors
/// [`BadAnswer`] if the reply is shorter than its fixed part, or the signature does not have the
/// length that its DER header states.
pub fn authentication_from_u2f(
    client_data: &ClientData,
    credential_id: &[u8],
    reply: &[u8],
    rp_id_hash: &[u8; 32],
    app_id_used: bool,
) -> Result<AuthenticationResponse, BadAnswer> {
    let (head, signature) = reply.split_first_chunk::<5>().ok_or(BadAnswer)?;
    if der_length(signature) != Some(signature.len()) {
        return Err(BadAnswer);
    }
    // User presence and counter have the same form in both formats, and the key signed them (L3
    // §6.1.2).
    let response = AssertionResponse {
        client_data_json: client_data.json.clone(),
        authenticator_data: [&rp_id_hash[..], head].concat(),
        signature: signature.to_vec(),
        user_handle: None,
    };
    Ok(authentication(credential_id, response, app_id_used.then_some(true)))
}

fn registration(
    client_data: &ClientData,
    id: &[u8],
    attestation_object: Vec<u8>,
    transports: &[&str],
) -> RegistrationResponse {
    RegistrationResponse {
        id: base64url::text(id),
        raw_id: id.to_vec(),
        response: AttestationResponse {
            client_data_json: client_data.json.clone(),
            attestation_object,
            transports: transports.iter().map(|&name| name.to_owned()).collect(),
        },
        kind: PUBLIC_KEY.to_owned(),
        client_extension_results: ExtensionResults::default(),
    }
}

fn authentication(
    id: &[u8],
    response: AssertionResponse,
    appid: Option<bool>,
) -> AuthenticationResponse {
    AuthenticationResponse {
        id: base64url::text(id),
        raw_id: id.to_vec(),
        response,
        kind: PUBLIC_KEY.to_owned(),
        client_extension_results: ExtensionResults { appid, cred_props: None },
    }
}

/// The length of the ASN.1 SEQUENCE at the start of `bytes`, header included (X.690 §8.1.3).
fn der_length(bytes: &[u8]) -> Option<usize> {
    let (&[0x30, first], rest) = bytes.split_first_chunk::<2>()? else { return None };
    if first < 0x80 {
        return Some(2 + usize::from(first));
    }
    let width = usize::from(first & 0x7f);
    let digits = rest.get(..width).filter(|_| (1..=2).contains(&width))?;
    let length = digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit));
    Some(2 + width + length)
}
