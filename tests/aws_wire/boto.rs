//! AWS's own client for Python, unchanged.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use test_support::tools;

use super::wire::{Key, Wire};

/// A process that calls the client as it is asked.
pub(super) struct Boto {
    child: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
    endpoint: String,
}

impl Boto {
    pub(super) fn start(wire: &Wire) -> Boto {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/aws_client.py");
        let mut python = Command::new(tools::python());
        let mut child = python
            .args(["-W", "ignore", script])
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (asks, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let port = wire.agent.address().rsplit_once(':').unwrap().1.to_owned();
        let endpoint = format!("http://localhost:{port}");
        Boto { child, asks, answers: BufReader::new(answers), endpoint }
    }

    pub(super) fn ask(&mut self, key: &Key, service: &str, call: &str, with: &Value) -> Value {
        let ask = json!({
            "service": service, "endpoint": self.endpoint, "call": call, "with": with,
            "key": [key.id, key.secret, key.token],
        });
        writeln!(self.asks, "{ask}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{call}: {error}: {line}"))
    }

    /// The answer, which is as the client's model of the service says.
    #[track_caller]
    pub(super) fn told(&mut self, key: &Key, service: &str, call: &str, with: &Value) -> Value {
        let mut told = self.ask(key, service, call, with);
        assert_eq!(told["faults"], json!([]), "{call}: {told}");
        told["answer"].take()
    }

    /// The class and the code of an error.
    #[track_caller]
    pub(super) fn error(
        &mut self,
        key: &Key,
        service: &str,
        call: &str,
        with: &Value,
    ) -> [String; 2] {
        let told = self.ask(key, service, call, with);
        ["class", "error"]
            .map(|part| told[part].as_str().unwrap_or_else(|| panic!("{call}: {told}")).to_owned())
    }
}

/// An agent, its client, and a key of root; none where the client is not installed.
pub(super) fn rooted() -> Option<(Wire, Boto, Key)> {
    tools::have("python:boto3").then(|| {
        let wire = Wire::start("");
        let boto = Boto::start(&wire);
        let root = Key::make(&wire.admin, json!({"root": true}));
        (wire, boto, root)
    })
}

impl Drop for Boto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn boto3_opens_sessions_and_manages_devices() {
    if !tools::have("python:boto3") {
        return;
    }
    let mut wire = Wire::start("");
    let mut boto = Boto::start(&wire);
    let (none, key) = (json!({}), wire.key.clone());
    let identity = boto.told(&key, "sts", "get_caller_identity", &none);
    assert_eq!(identity["Arn"], "arn:aws:iam::100000000000:user/alice");
    assert_eq!(identity["Account"], "100000000000");
    let info = boto.told(&key, "sts", "get_access_key_info", &json!({"AccessKeyId": key.id}));
    assert_eq!(info["Account"], "100000000000");

    let serial = wire.alice.serial.clone();
    let with = json!({"SerialNumber": serial, "TokenCode": wire.alice.code()});
    let opened = boto.told(&key, "sts", "get_session_token", &with);
    let again = boto.ask(&key, "sts", "get_session_token", &with);
    assert_eq!(
        (again["error"].as_str(), again["message"].as_str()),
        (
            Some("AccessDenied"),
            Some("MultiFactorAuthentication failed with invalid MFA one time pass code. ")
        )
    );
    let part = |name: &str| opened["Credentials"][name].as_str().unwrap().to_owned();
    let session = Key {
        id: part("AccessKeyId"),
        secret: part("SecretAccessKey"),
        token: Some(part("SessionToken")),
    };
    let identity = boto.told(&session, "sts", "get_caller_identity", &none);
    assert_eq!(identity["Arn"], "arn:aws:iam::100000000000:user/alice");

    let listed = boto.told(&session, "iam", "list_mfa_devices", &json!({"UserName": "alice"}));
    assert_eq!(listed["MFADevices"][0]["SerialNumber"], serial.as_str());
    boto.told(&session, "iam", "get_mfa_device", &json!({"SerialNumber": serial}));
    let pair = wire.alice.pair();
    let codes = |pair: [String; 2]| {
        json!({
            "UserName": "alice", "SerialNumber": serial,
            "AuthenticationCode1": pair[0], "AuthenticationCode2": pair[1],
        })
    };
    boto.told(&session, "iam", "resync_mfa_device", &codes(pair.clone()));
    let replayed = boto.error(&session, "iam", "resync_mfa_device", &codes(pair));
    assert_eq!(replayed, ["InvalidAuthenticationCodeException", "InvalidAuthenticationCode"]);
    let absent = json!({"SerialNumber": "NOT-THERE-000"});
    let missing = boto.error(&session, "iam", "get_mfa_device", &absent);
    assert_eq!(missing, ["NoSuchEntityException", "NoSuchEntity"]);
    let not_built = boto.error(&session, "iam", "list_groups", &none);
    assert_eq!(not_built, ["ClientError", "InvalidAction"]);
}
