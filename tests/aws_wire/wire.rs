//! An agent with AWS's wire, and requests that are signed by hand.

use std::fs;
use std::time::Duration;

use serde_json::json;
use test_support::agent::Agent;
use test_support::http::{Answer, Client};
use test_support::people::{Token, enrol, now, text};
use twostep::aws::sigv4::{
    AccessKey, Body, Header, Request, Rules, Scope, SessionToken, Signer, SigningKey,
};
use twostep::secret::Secret;

/// An agent, its administrator, and a user with a device and an access key.
pub(super) struct Wire {
    pub(super) agent: Agent,
    pub(super) admin: Client,
    pub(super) alice: Token,
    pub(super) key: Key,
    config: String,
}

/// Credentials, long-term or temporary.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) id: String,
    pub(super) secret: String,
    pub(super) token: Option<String>,
}

/// A request before it is signed.
pub(super) struct Ask<'a> {
    pub(super) service: &'a str,
    pub(super) form: &'a str,
    pub(super) region: &'a str,
    /// Seconds by which the signer's clock is ahead.
    pub(super) ahead: i64,
}

/// The rights of every user of these agents: to read devices always, to change them with MFA.
const EVERYONE: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": ["iam:ListMFADevices", "iam:GetMFADevice", "iam:ListVirtualMFADevices"],
      "Resource": "*"
    },
    {
      "Effect": "Allow",
      "Action": ["iam:CreateVirtualMFADevice", "iam:DeleteVirtualMFADevice"],
      "Resource": "arn:aws:iam::*:mfa/${aws:username}*"
    },
    {
      "Effect": "Allow",
      "Action": [
        "iam:EnableMFADevice", "iam:ResyncMFADevice", "iam:DeactivateMFADevice", "iam:GetUser",
        "iam:*AccessKey*"
      ],
      "Resource": "arn:aws:iam::*:user/${aws:username}",
      "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    }
  ]
}"#;

impl Wire {
    pub(super) fn start(more: &str) -> Wire {
        let folder = tempfile::tempdir().unwrap();
        let everyone = folder.path().join("everyone.json");
        fs::write(&everyone, EVERYONE).unwrap();
        let config = format!(
            "{more}\n[limits]\nburst = 100000\n[aws]\nlisten = [\"127.0.0.1:0\"]\n\
             everyone = \"{}\"\n",
            everyone.display()
        );
        let agent = Agent::start_in(folder, &config);
        let admin = Client::unix(agent.socket());
        let alice = enrol(&admin, "alice");
        let key = Key::make(&admin, json!({"account": "alice"}));
        Wire { agent, admin, alice, key, config }
    }

    /// The same agent, ended and started again.
    pub(super) fn restarted(mut self) -> Wire {
        self.agent.signal("TERM");
        self.agent.ended_within(Duration::from_secs(30));
        let agent = Agent::start_in(self.agent.into_folder(), &self.config);
        let admin = Client::unix(agent.socket());
        Wire { agent, admin, ..self }
    }

    /// Sends a signed request to STS.
    pub(super) fn sts(&self, key: &Key, form: &str) -> Answer {
        let form = format!("{form}&Version=2011-06-15");
        self.send(key, &Ask { service: "sts", form: &form, ..Ask::default() })
    }

    /// Sends a signed request to IAM.
    pub(super) fn iam(&self, key: &Key, form: &str) -> Answer {
        let form = format!("{form}&Version=2010-05-08");
        self.send(key, &Ask { service: "iam", form: &form, ..Ask::default() })
    }

    pub(super) fn send(&self, key: &Key, ask: &Ask<'_>) -> Answer {
        let headers = key.signed(ask);
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let addresses = self.agent.addresses();
        let client = Client::tcp(addresses.last().unwrap());
        client.raw("POST", "/", &headers, ask.form.as_bytes())
    }

    /// A session of the user by the next code of the device.
    pub(super) fn session(&mut self) -> Key {
        let code = self.alice.code();
        let form =
            format!("Action=GetSessionToken&SerialNumber={}&TokenCode={code}", self.alice.serial);
        Key::of_session(&self.sts(&self.key, &form))
    }
}

impl Key {
    pub(super) fn make(admin: &Client, owner: serde_json::Value) -> Key {
        let made = admin.post("/v1/access-keys", owner).is(201);
        Key {
            id: text(&made["access_key_id"]),
            secret: text(&made["secret_access_key"]),
            token: None,
        }
    }

    #[track_caller]
    pub(super) fn of_session(answer: &Answer) -> Key {
        assert_eq!(answer.status, 200, "{}", answer.text());
        Key {
            id: element(answer, "AccessKeyId"),
            secret: element(answer, "SecretAccessKey"),
            token: Some(element(answer, "SessionToken")),
        }
    }

    /// The headers of a request that this key signs.
    fn signed(&self, ask: &Ask<'_>) -> Vec<(String, String)> {
        let at = now().0.checked_add_signed(ask.ahead).unwrap();
        let at = twostep::time::UnixTime(at);
        let secret = Secret::from(self.secret.as_bytes());
        let key = AccessKey::new(self.id.parse().unwrap(), secret).unwrap();
        let scope = Scope::new(at.into(), ask.region, ask.service).unwrap();
        let signing_key = SigningKey::derive(&key, scope);
        let mut headers = vec![
            ("host".to_owned(), "localhost".to_owned()),
            ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
        ];
        let request = Request {
            method: "POST",
            path: "/",
            query: "",
            headers: headers.iter().map(|(name, value)| Header::new(name, value)).collect(),
            body: Body::Bytes(ask.form.as_bytes()),
        };
        let rules = Rules::service(ask.service).unwrap();
        let token = self.token.clone().map(SessionToken::new);
        let signer = Signer::new(&rules, &signing_key);
        let signer = token.iter().fold(signer, Signer::session_token);
        let added = signer.sign(&request, at).unwrap();
        let added: Vec<(String, String)> = added
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect();
        drop(request);
        // The client sends the host by itself.
        headers.remove(0);
        headers.extend(added);
        headers
    }
}

impl Default for Ask<'_> {
    fn default() -> Self {
        Ask { service: "sts", form: "", region: "us-east-1", ahead: 0 }
    }
}

/// The text of the first element of this name.
#[track_caller]
pub(super) fn element(answer: &Answer, name: &str) -> String {
    let text = answer.text();
    let (begin, end) = (format!("<{name}>"), format!("</{name}>"));
    let found = text.split_once(&begin).and_then(|(_, rest)| rest.split_once(&end));
    found.unwrap_or_else(|| panic!("no {name} in {text}")).0.to_owned()
}

/// Asserts the status and the code of a refusal.
#[track_caller]
pub(super) fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, element(answer, "Code").as_str()), (status, code));
    assert_eq!(answer.header("content-type"), Some("text/xml"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("x-amzn-requestid"), Some(element(answer, "RequestId").as_str()));
}
