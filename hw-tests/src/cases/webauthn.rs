//! Ceremonies over the JSON of WebAuthn, with Debian's programs instead of a browser.

use std::fs;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::guest::{Agent, Ran, run};

/// Registers the key at `node` with fido2-cred and returns the body for `register/finish`.
pub(super) fn made_by_fido2_cred(
    begun: &Value,
    node: &str,
    flags: &[&str],
) -> Result<Value, String> {
    let options = &begun["public_key"];
    let client_data = client_data("webauthn.create", text(options, "challenge")?);
    let input = format!(
        "{}\n{}\nann\n{}\n",
        hash(&client_data),
        text(&options["rp"], "id")?,
        STANDARD.encode(b"ann")
    );
    let made = tool("fido2-cred", &[&["-M"], flags].concat(), node, &input)?;
    let lines: Vec<&str> = made.stdout.lines().collect();
    let [_, _, format, data, id, signature, certificates @ ..] = lines.as_slice() else {
        return Err(format!("fido2-cred said {made:?}"));
    };
    let data = unwrapped(data)?;
    let mut statement = Cbor::default();
    let u2f = *format == "fido-u2f";
    statement.head(5, 1 + usize::from(!u2f) + usize::from(!certificates.is_empty()));
    if !u2f {
        statement.text("alg");
        statement.head(1, 6);
    }
    statement.text("sig");
    statement.bytes(&decoded(signature)?);
    if let [certificate, ..] = certificates {
        statement.text("x5c");
        statement.head(4, 1);
        statement.bytes(&decoded(certificate)?);
    }
    let mut object = Cbor::default();
    object.head(5, 3);
    object.text("fmt");
    object.text(format);
    object.text("attStmt");
    object.0.extend(statement.0);
    object.text("authData");
    object.bytes(&data);
    let id = URL_SAFE_NO_PAD.encode(decoded(id)?);
    let response = json!({
        "clientDataJSON": URL_SAFE_NO_PAD.encode(client_data),
        "attestationObject": URL_SAFE_NO_PAD.encode(object.0),
        "transports": ["usb"],
    });
    let credential = json!({
        "id": id, "rawId": id, "type": "public-key", "response": response,
        "clientExtensionResults": {},
    });
    Ok(json!({"ceremony_id": begun["ceremony_id"], "credential": credential}))
}

/// Signs for the ceremony with fido2-assert and returns the body for `/v1/sessions`.
pub(super) fn signed_by_fido2_assert(
    begun: &Value,
    account: &str,
    credential_id: &str,
    node: &str,
    flags: &[&str],
) -> Result<Value, String> {
    let options = &begun["public_key"];
    let client_data = client_data("webauthn.get", text(options, "challenge")?);
    let id = URL_SAFE_NO_PAD.decode(credential_id).map_err(|error| error.to_string())?;
    let input =
        format!("{}\n{}\n{}\n", hash(&client_data), text(options, "rpId")?, STANDARD.encode(id));
    let asserted = tool("fido2-assert", &[&["-G"], flags].concat(), node, &input)?;
    let lines: Vec<&str> = asserted.stdout.lines().collect();
    let [_, _, data, signature, ..] = lines.as_slice() else {
        return Err(format!("fido2-assert said {asserted:?}"));
    };
    let response = json!({
        "clientDataJSON": URL_SAFE_NO_PAD.encode(client_data),
        "authenticatorData": URL_SAFE_NO_PAD.encode(unwrapped(data)?),
        "signature": URL_SAFE_NO_PAD.encode(decoded(signature)?),
    });
    let credential = json!({
        "id": credential_id, "rawId": credential_id, "type": "public-key",
        "response": response, "clientExtensionResults": {},
    });
    Ok(json!({"account": account, "ceremony_id": begun["ceremony_id"], "credential": credential}))
}

/// Begins an authentication of an account.
pub(super) fn begin_login(agent: &Agent, account: &str) -> Result<Value, String> {
    agent.post("/v1/security-keys/authenticate/begin", &json!({"account": account}), 200)
}

/// Begins the enrolment of a key.
pub(super) fn begin_enrolment(agent: &Agent, account: &str) -> Result<Value, String> {
    agent.post("/v1/security-keys/register/begin", &json!({"account": account}), 200)
}

/// The id of the one credential that a login may use.
pub(super) fn only_credential(begun: &Value) -> Result<String, String> {
    let ids = begun["public_key"]["allowCredentials"].as_array().cloned().unwrap_or_default();
    match ids.as_slice() {
        [one] => text(one, "id").map(str::to_owned),
        several => Err(format!("{} credentials instead of one", several.len())),
    }
}

fn tool(name: &str, flags: &[&str], node: &str, input: &str) -> Result<Ran, String> {
    let file = format!("/tmp/{name}.in");
    fs::write(&file, input).map_err(|error| error.to_string())?;
    run(&[&[name], flags, &["-i", &file, node]].concat(), "", LIMIT)?.done()
}

fn client_data(kind: &str, challenge: &str) -> String {
    json!({"type": kind, "challenge": challenge, "origin": ORIGIN, "crossOrigin": false})
        .to_string()
}

fn hash(client_data: &str) -> String {
    STANDARD.encode(Sha256::digest(client_data))
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, String> {
    value[name].as_str().ok_or_else(|| format!("no {name} in {value}"))
}

fn decoded(line: &str) -> Result<Vec<u8>, String> {
    STANDARD.decode(line).map_err(|error| format!("{line}: {error}"))
}

/// Unwraps authenticator data from the CBOR byte string that the programs print.
fn unwrapped(line: &str) -> Result<Vec<u8>, String> {
    let bytes = decoded(line)?;
    sk_cbor::read(&bytes)
        .ok()
        .and_then(sk_cbor::Value::extract_byte_string)
        .ok_or_else(|| format!("{line} is no byte string"))
}

/// CBOR in the key order of WebAuthn (L3 §6.5.4), which the codec used elsewhere does not preserve.
#[derive(Default)]
struct Cbor(Vec<u8>);

impl Cbor {
    fn head(&mut self, major: u8, count: usize) {
        let [.., high, low] = count.to_be_bytes();
        match (high, low) {
            (0, 0..24) => self.0.push(major << 5 | low),
            (0, _) => self.0.extend([major << 5 | 24, low]),
            _ => self.0.extend([major << 5 | 25, high, low]),
        }
    }

    fn text(&mut self, text: &str) {
        self.head(3, text.len());
        self.0.extend(text.bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.head(2, bytes.len());
        self.0.extend(bytes);
    }
}

/// The origin in which these ceremonies take place.
const ORIGIN: &str = "http://localhost";

const LIMIT: Duration = Duration::from_secs(30);
