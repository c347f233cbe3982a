//! Invented values for the schemas of an OpenAPI document.

use serde_json::{Map, Value, json};

/// The schemas of a document.
pub(super) struct Samples<'d>(&'d Value);

impl<'d> Samples<'d> {
    pub(super) fn of(document: &'d Value) -> Samples<'d> {
        Samples(&document["components"]["schemas"])
    }

    /// A value with all members.
    pub(super) fn whole(&self, schema: &Value) -> Value {
        self.sample(schema, "", &|_, _| true, 0)
    }

    /// A value of each form that an answer may have.
    pub(super) fn forms(&self, schema: &Value) -> Vec<Value> {
        let named = schema["$ref"].as_str().and_then(|name| name.rsplit('/').next());
        match named.and_then(|name| self.0[name]["oneOf"].as_array()) {
            Some(forms) => forms.iter().map(|form| self.whole(form)).collect(),
            None => vec![self.whole(schema)],
        }
    }

    /// A value with the members that must be there.
    pub(super) fn required(&self, schema: &Value) -> Value {
        let required = |schema: &Value, member: &str| {
            let names = schema["required"].as_array();
            names.into_iter().flatten().any(|name| name == member)
        };
        self.sample(schema, "", &required, 0)
    }

    fn sample(
        &self,
        schema: &Value,
        name: &str,
        takes: &dyn Fn(&Value, &str) -> bool,
        depth: usize,
    ) -> Value {
        if let Some(reference) = schema["$ref"].as_str() {
            let named = reference.rsplit('/').next().unwrap();
            let of_name = || self.sample(&self.0[named], name, takes, depth);
            return object(named).unwrap_or_else(of_name);
        }
        let choices = ["oneOf", "anyOf", "allOf"].iter().find_map(|key| schema[*key].as_array());
        if let Some(choices) = choices {
            let first = choices.iter().find(|choice| choice["type"] != "null").unwrap();
            return self.sample(first, name, takes, depth);
        }
        if let Some(first) = schema["enum"].get(0) {
            return first.clone();
        }
        let kinds = schema["type"].as_array().into_iter().flatten();
        let kind = kinds
            .chain([&schema["type"]])
            .filter_map(Value::as_str)
            .find(|kind| *kind != "null");
        match kind {
            _ if depth > 6 => Value::Null,
            Some("object") => {
                let members = schema["properties"].as_object();
                let taken = members.into_iter().flatten().filter(|(name, _)| takes(schema, name));
                let values = taken.map(|(name, schema)| {
                    (name.clone(), self.sample(schema, name, takes, depth + 1))
                });
                Value::Object(values.collect::<Map<String, Value>>())
            }
            Some("array") if name == "codes" => json!(["492039", "287082"]),
            Some("array") => json!([self.sample(&schema["items"], name, takes, depth + 1)]),
            Some("string") => string(name).into(),
            Some("boolean") => true.into(),
            Some("number") => json!(0.5),
            Some("integer") => integer(name).into(),
            _ => json!({}),
        }
    }
}

/// The body of a request in which more is said than what must be there.
pub(super) fn request(key: &str) -> Option<Value> {
    Some(match key {
        "POST /v1/sessions" => json!({
            "account": "alice", "serial": "GAHT12345678", "code": "492039", "audience": "orders",
            "duration_seconds": 3600,
        }),
        "POST /v1/devices" => json!({
            "account": "alice", "kind": "totp", "name": "Alice's telephone",
        }),
        "POST /v1/accounts/{account}/revoke-sessions" => json!({"serial": "GAHT12345678"}),
        "POST /v1/accounts/{account}/bypass" => json!({"ttl_seconds": 3600}),
        "POST /v1/api-keys" => json!({
            "role": "verifier", "name": "orders", "accounts": ["alice"],
        }),
        "POST /v1/access-keys" => json!({"account": "alice"}),
        "POST /v1/aws/verify" => json!({
            "service": "s3", "method": "GET", "path": "/backups/november.tar", "query": "",
            "headers": [
                ["Host", "storage.example.com"], ["X-Amz-Date", "20261129T140000Z"],
                ["X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"],
                ["Authorization", "AWS4-HMAC-SHA256 Credential=AKIAQ3XW7M5LZP2RTN4C/…"],
            ],
            "action": "s3:GetObject", "resource": "arn:aws:s3:::backups/november.tar",
            "source_ip": "203.0.113.9",
        }),
        "POST /v1/aws/signing-keys" => json!({
            "access_key_id": "AKIAQ3XW7M5LZP2RTN4C", "date": "20261129", "region": "eu-central-1",
            "service": "s3",
        }),
        "POST /v1/signing-keys" => json!({"algorithm": "EdDSA"}),
        "POST /v1/security-keys/authenticate/begin" => json!({"account": "alice"}),
        "POST /v1/security-keys/register/begin" => json!({"account": "alice", "name": "blue key"}),
        _ => return None,
    })
}

/// Values of schemas whose members depend on each other.
fn object(schema: &str) -> Option<Value> {
    Some(match schema {
        "Timestamp" => json!("2026-11-29T14:00:00Z"),
        "Device" => json!({
            "serial": "GAHT12345678", "account": "alice", "kind": "totp", "state": "active",
            "name": "Alice's telephone", "created_at": "2026-11-02T08:00:00Z",
            "activated_at": "2026-11-02T08:01:30Z", "last_used_at": "2026-11-29T13:12:07Z",
            "throttled_until": null, "algorithm": "SHA1", "digits": 6, "period": 30, "t0": 0,
            "drift_steps": 1, "drift_seconds": 22, "drift_ppm": 11.8, "drift_ppm_doubt": 0.6,
            "window_steps": 1, "guess_odds": 3e-6,
            "expected_to_work_until": "2027-08-01T00:00:00Z", "hardware": false,
        }),
        "Context" => json!({
            "account": "alice", "mfa_present": true, "mfa_time": "2026-11-29T14:00:00Z",
            "mfa_age_seconds": 0, "serial": "GAHT12345678", "kind": "totp", "amr": ["otp"],
            "user_verified": false, "phishing_resistant": false, "hardware_bound": false,
            "session_id": "CVBV9WKdnpKtfVXFy9l9Xw", "issued_at": "2026-11-29T14:00:00Z",
            "expires_at": "2026-11-29T15:00:00Z", "audience": "orders",
        }),
        _ => return None,
    })
}

fn string(name: &str) -> &'static str {
    match name {
        "account" | "accounts" => "alice",
        "serial" => "GAHT12345678",
        "code" => "492039",
        "token" | "checkpoint" => {
            "eyJhbGciOiJFZERTQSIsImtpZCI6ImtRMnZYMWJZIn0.eyJpc3MiOiJ0d29zdGVwIn0.c2ln"
        }
        "audience" => "orders",
        "name" => "orders",
        "return_to" => "https://orders.example.com/cart",
        "role" => "verifier",
        "kind" => "totp",
        "secret" => "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
        "uri" => "otpauth://totp/twostep:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
        "qr_svg" => "<svg …>",
        "recovery_codes" => "9T4Z-MWQH-2XKC-7B5E",
        "algorithm" => "EdDSA",
        "status" => "ok",
        "action" => "session.opened",
        "caller" => "uid:0",
        "path" => "/var/backups/mfa.db",
        "key" => "ts_0123456789abcdef",
        "kid" => "kQ2vX1bY",
        "access_key_id" => "AKIAQ3XW7M5LZP2RTN4C",
        "secret_access_key" => "…40 characters, shown this once…",
        "id" | "rawId" | "userHandle" => "p4Zt9sLw",
        "clientDataJSON" => "eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRlIn0",
        "attestationObject" | "authenticatorData" | "signature" => "o2NmbXRkbm9uZQ",
        "transports" => "usb",
        "client" => "browser-7f3a",
        "origins" => "https://example.co.uk",
        "amr" => "otp",
        "type" => "public-key",
        "pin" => "1234",
        "service" => "sudo",
        "tty" => "/dev/pts/0",
        "boot_id" => "0b0c4c6e-7a2d-4d4e-9c39-6c1f6d1f3a55",
        "ceremony_id" => "jr8Vb1mZ0QxkD4u2sYw9Lg",
        "issued_before" => "2026-11-29T14:00:00Z",
        _ => "…",
    }
}

fn integer(name: &str) -> u64 {
    match name {
        "ttl_seconds" | "duration_seconds" => 3_600,
        "wait_seconds" => 30,
        "uid" => 1_000,
        "leader_pid" => 4_711,
        "leader_started" => 812_345,
        "alg" => 7,
        _ => 1,
    }
}
