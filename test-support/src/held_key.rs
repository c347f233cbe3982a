//! A security key and its owner, in front of an agent on `localhost`.

use serde_json::{Value, json};
use twostep::testing::SimulatedSecurityKey;
use twostep::webauthn::Origin;

use crate::http::{Answer, Client, segment};
use crate::people::text;

/// A key that is active.
pub struct HeldKey {
    pub serial: String,
    pub key: SimulatedSecurityKey,
}

/// Enrols the key of this name for an account.
#[track_caller]
pub fn enrol_key(client: &Client, account: &str, name: &str) -> HeldKey {
    let mut key = SimulatedSecurityKey::new(name);
    let enrolled = register(client, account, &mut key).is(201);
    HeldKey { serial: text(&enrolled["device"]["serial"]), key }
}

/// Tries to.
#[track_caller]
pub fn register(client: &Client, account: &str, key: &mut SimulatedSecurityKey) -> Answer {
    let begun = client
        .post("/v1/security-keys/register/begin", json!({"account": account}))
        .is(200);
    client.post("/v1/security-keys/register/finish", made(key, &begun))
}

/// The body that finishes a registration that began.
pub fn made(key: &mut SimulatedSecurityKey, begun: &Value) -> Value {
    let options = serde_json::from_value(begun["public_key"].clone()).unwrap();
    let credential = key.create(&options, &origin()).response();
    json!({"ceremony_id": begun["ceremony_id"], "credential": credential})
}

impl HeldKey {
    /// The device's path in the API, with this behind it.
    pub fn path(&self, verb: &str) -> String {
        format!("/v1/devices/{}{verb}", segment(&self.serial))
    }

    /// The body that opens a session, after a ceremony began.
    #[track_caller]
    pub fn answer(&mut self, client: &Client, account: &str) -> Value {
        self.answers(account, &begin(client, account))
    }

    /// The assertion of the key, for any list of credentials.
    pub fn answers(&mut self, account: &str, begun: &Value) -> Value {
        let options = serde_json::from_value(begun["public_key"].clone()).unwrap();
        let used = self.key.get(&options, &origin()).expect("it is asked for this key").response();
        json!({"account": account, "ceremony_id": begun["ceremony_id"], "credential": used})
    }

    /// Opens a session, and returns its token.
    #[track_caller]
    pub fn session(&mut self, client: &Client, account: &str) -> String {
        text(&client.post("/v1/sessions", self.answer(client, account)).is(201)["token"])
    }
}

#[track_caller]
pub fn begin(client: &Client, account: &str) -> Value {
    client
        .post("/v1/security-keys/authenticate/begin", json!({"account": account}))
        .is(200)
}

pub fn origin() -> Origin {
    "http://localhost:8000".parse().unwrap()
}
