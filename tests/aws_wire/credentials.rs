//! Temporary credentials for a context: with its MFA, and dead with it.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use test_support::people::{now, text};
use test_support::tools;
use twostep::time::UnixTime;

use super::wire::{Key, Wire, element, refused};

const ROUTE: &str = "/v1/aws/credentials";
const IDENTITY: &str = "Action=GetCallerIdentity";

impl Wire {
    /// A context of alice for this audience.
    fn context(&mut self, audience: &str) -> String {
        let body = json!({
            "account": "alice", "serial": self.alice.serial, "code": self.alice.code(),
            "audience": audience,
        });
        text(&self.admin.post("/v1/sessions", body).is(201)["token"])
    }

    fn credentials(&self, token: &str) -> Key {
        let made = self.admin.post(ROUTE, json!({"token": token})).is(201);
        key_of(&made, ["access_key_id", "secret_access_key", "session_token"])
    }
}

fn key_of(made: &Value, [id, secret, token]: [&str; 3]) -> Key {
    Key { id: text(&made[id]), secret: text(&made[secret]), token: Some(text(&made[token])) }
}

#[test]
fn a_context_becomes_credentials_that_end_with_it() {
    let mut wire = Wire::start("");
    let token = wire.context("sts.amazonaws.com");
    let key = wire.credentials(&token);
    let arn = "arn:aws:iam::100000000000:user/alice";
    assert_eq!(element(&wire.sts(&key, IDENTITY), "Arn"), arn);
    // MFA is present, so that IAM answers; and it is that of the context.
    assert_eq!(wire.iam(&key, "Action=GetUser").status, 200);
    refused(&wire.sts(&key, "Action=GetSessionToken"), 403, "AccessDenied");
    let body = json!({"token": token, "audience": "sts.amazonaws.com"});
    wire.admin.post("/v1/sessions/revoke", body).is(204);
    refused(&wire.sts(&key, IDENTITY), 403, "InvalidClientTokenId");
    wire.admin.post(ROUTE, json!({"token": token})).refused(403, "AccessDenied");

    for path in ["/v1/accounts/alice/revoke-sessions".to_owned(), wire.alice.path("/deactivate")] {
        let token = wire.context("sts.amazonaws.com");
        let key = wire.credentials(&token);
        assert_eq!(wire.sts(&key, IDENTITY).status, 200);
        wire.admin.post(&path, json!({})).is(200);
        refused(&wire.sts(&key, IDENTITY), 403, "InvalidClientTokenId");
    }
}

#[test]
fn credentials_die_with_the_account_of_their_user() {
    let mut wire = Wire::start("");
    let token = wire.context("sts.amazonaws.com");
    let key = wire.credentials(&token);
    wire.admin.delete("/v1/accounts/alice").is(204);
    refused(&wire.sts(&key, IDENTITY), 403, "InvalidClientTokenId");
    wire.alice = test_support::people::enrol(&wire.admin, "alice");
    refused(&wire.sts(&key, IDENTITY), 403, "InvalidClientTokenId");
}

#[test]
fn only_a_context_with_mfa_for_the_audience_becomes_credentials() {
    let mut wire = Wire::start("");
    let other = wire.context("twostep");
    let bare = json!({"account": "alice", "audience": "sts.amazonaws.com"});
    let bare = text(&wire.admin.post("/v1/sessions", bare).is(201)["token"]);
    for token in [other.as_str(), &bare, "e30.e30.e30", ""] {
        wire.admin.post(ROUTE, json!({"token": token})).refused(403, "AccessDenied");
    }
    let token = wire.context("sts.amazonaws.com");
    for seconds in [899, 129_601] {
        let body = json!({"token": token, "duration_seconds": seconds});
        wire.admin.post(ROUTE, body).refused(400, "InvalidInput");
    }
    // The end is that of the context at the latest.
    for (seconds, lasts) in [(900, 900), (129_600, 3_600)] {
        let body = json!({"token": token, "duration_seconds": seconds});
        let ends: UnixTime =
            text(&wire.admin.post(ROUTE, body).is(201)["expires_at"]).parse().unwrap();
        let left = ends.0 - now().0;
        assert!((lasts - 60..=lasts + 1).contains(&left), "{left} of {lasts}");
    }
}

#[test]
fn a_profile_with_a_credential_process_asks_for_one_code() {
    if !tools::have("python:boto3") {
        return;
    }
    let mut wire = Wire::start("");
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config");
    let program = env!("CARGO_BIN_EXE_twostep");
    let profile = format!(
        "[default]\nregion = us-east-1\ncredential_process = {program} --socket {} aws credentials \
         --account alice\n",
        wire.agent.socket().display()
    );
    fs::write(&config, profile).unwrap();
    let port = wire.agent.addresses().last().unwrap().rsplit_once(':').unwrap().1.to_owned();
    let script = format!(
        "import boto3; print(boto3.client('sts', endpoint_url='http://localhost:{port}')\
         .get_caller_identity()['Arn'])"
    );
    let ask = |typed: &str| {
        use std::io::Write;
        let mut python = Command::new(tools::python())
            .args(["-W", "ignore", "-c", &script])
            .env("AWS_CONFIG_FILE", &config)
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("XDG_RUNTIME_DIR", folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        python.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
        let ended = python.wait_with_output().unwrap();
        (String::from_utf8_lossy(&ended.stdout).trim().to_owned(), ended)
    };
    let arn = "arn:aws:iam::100000000000:user/alice";
    let (said, ended) = ask(&format!("{}\n", wire.alice.code()));
    assert_eq!(said, arn, "{ended:?}");
    // The second time there is nothing to read.
    let (said, ended) = ask("");
    assert_eq!(said, arn, "{ended:?}");
    wire.admin.post("/v1/accounts/alice/revoke-sessions", json!({})).is(200);
    let (said, _) = ask("");
    assert_eq!(said, "");
}
