//! Security keys that the browser itself plays (WebAuthn's virtual authenticators).

use serde_json::{Value, json};

use crate::chromium::{Browser, text};

/// Protocol of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// FIDO U2F.
    U2f,
    /// CTAP 2.1.
    Ctap2,
}

/// A key in the browser. It touches itself.
#[derive(Clone, Debug)]
pub struct Authenticator {
    id: String,
}

impl Browser {
    /// Plugs in a key that verifies no user and stores no credentials.
    pub fn plug_in(&mut self, protocol: Protocol) -> Authenticator {
        self.add(protocol, json!({ "transport": "usb" }))
    }

    /// Adds a platform's authenticator: it stores passkeys and verifies its user.
    pub fn add_platform(&mut self) -> Authenticator {
        let options = json!({
            "transport": "internal", "hasResidentKey": true, "hasUserVerification": true,
            "isUserVerified": true, "defaultBackupEligibility": true, "defaultBackupState": true,
        });
        self.add(Protocol::Ctap2, options)
    }

    /// Adds a key with these members of `VirtualAuthenticatorOptions`.
    pub fn add(&mut self, protocol: Protocol, mut options: Value) -> Authenticator {
        self.call("WebAuthn.enable", &json!({ "enableUI": false }));
        options["automaticPresenceSimulation"] = true.into();
        match protocol {
            Protocol::U2f => options["protocol"] = "u2f".into(),
            Protocol::Ctap2 => {
                options["protocol"] = "ctap2".into();
                options["ctap2Version"] = "ctap2_1".into();
            }
        }
        let options = json!({ "options": options });
        let added = self.call("WebAuthn.addVirtualAuthenticator", &options);
        Authenticator { id: text(&added["authenticatorId"]) }
    }

    /// Takes a key away.
    pub fn unplug(&mut self, key: &Authenticator) {
        self.call("WebAuthn.removeVirtualAuthenticator", &json!({ "authenticatorId": key.id }));
    }

    /// Sets if the key touches itself; otherwise it waits for ever, like one that is left alone.
    pub fn touches(&mut self, key: &Authenticator, by_itself: bool) {
        let presence = json!({ "authenticatorId": key.id, "enabled": by_itself });
        self.call("WebAuthn.setAutomaticPresenceSimulation", &presence);
    }

    /// The credentials of a key, as the protocol tells them, private keys included.
    pub fn credentials(&mut self, key: &Authenticator) -> Vec<Value> {
        let key = json!({ "authenticatorId": key.id });
        let answer = self.call("WebAuthn.getCredentials", &key);
        answer["credentials"].as_array().cloned().unwrap_or_default()
    }

    /// Puts a credential for this RP ID into a key: a copy, as a cloned key has.
    pub fn put(&mut self, key: &Authenticator, credential: &Value, rp_id: &str) {
        let mut credential = credential.clone();
        // The protocol wants what it does not tell of credentials that are not stored in a key.
        credential["rpId"] = rp_id.into();
        let added = json!({ "authenticatorId": key.id, "credential": credential });
        self.call("WebAuthn.addCredential", &added);
    }
}
