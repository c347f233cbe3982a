//! The question of a service about a request that it received.

use serde_json::{Value, json};
use test_support::http::Client;
use test_support::people::{api_key, now, text};
use twostep::aws::sigv4::{
    AccessKey, Body, Header, Request, Rules, Scope, SessionToken, Signer, SigningKey,
};
use twostep::secret::Secret;
use twostep::time::UnixTime;

use super::wire::{Ask, Key, Wire};

/// A request to a service before it is signed.
#[derive(Clone, Copy)]
struct Sent<'a> {
    service: &'a str,
    region: &'a str,
    path: &'a str,
    /// The header `x-amz-mfa`, once for each line.
    mfa: Option<&'a str>,
    /// Seconds by which the signer's clock is ahead.
    ahead: i64,
}

const GET: Sent<'static> = Sent {
    service: "s3",
    region: "eu-central-1",
    path: "/backups/2026/november.tar",
    mfa: None,
    ahead: 0,
};

/// The SHA-256 of no body.
const NO_BODY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The question of a service that received what this key signed.
fn question(key: &Key, sent: Sent<'_>) -> Value {
    let at = UnixTime(now().0.checked_add_signed(sent.ahead).unwrap());
    let secret = Secret::from(key.secret.as_bytes());
    let scope = Scope::new(at.into(), sent.region, sent.service).unwrap();
    let access_key = AccessKey::new(key.id.parse().unwrap(), secret).unwrap();
    let signing_key = SigningKey::derive(&access_key, scope);
    let mut headers = vec![
        ("host".to_owned(), "storage.example.com".to_owned()),
        ("x-amz-content-sha256".to_owned(), NO_BODY.to_owned()),
    ];
    let mfa = sent.mfa.into_iter().flat_map(|lines| lines.split('\n'));
    headers.extend(mfa.map(|value| ("x-amz-mfa".to_owned(), value.to_owned())));
    let rules = match sent.service {
        "s3" => Rules::s3(),
        service => Rules::service(service).unwrap(),
    };
    let request = Request {
        method: "GET",
        path: sent.path,
        query: "versionId=3",
        headers: headers.iter().map(|(name, value)| Header::new(name, value)).collect(),
        body: Body::Bytes(b""),
    };
    let token = key.token.clone().map(SessionToken::new);
    let signer = Signer::new(&rules, &signing_key);
    let signer = token.iter().fold(signer, Signer::session_token);
    let added = signer.sign(&request, at).unwrap();
    headers.extend(added.iter().map(|(name, value)| (name.to_string(), value.to_string())));
    json!({
        "service": sent.service, "method": "GET", "path": sent.path, "query": "versionId=3",
        "headers": headers, "payload_sha256": NO_BODY,
    })
}

/// The question about a request that brings this code.
pub(super) fn with_code(key: &Key, serial: &str, code: &str) -> Value {
    question(key, Sent { mfa: Some(&format!("{serial} {code}")), ..GET })
}

impl Wire {
    /// The answer to a question, with more members.
    #[track_caller]
    fn told(&self, question: &Value, more: &Value) -> Value {
        let mut question = question.clone();
        let members = question.as_object_mut().unwrap();
        members.extend(more.as_object().unwrap().clone());
        self.admin.post("/v1/aws/verify", question).is(200)
    }

    /// The value of `x-amz-mfa` with the next code.
    fn mfa_header(&mut self) -> String {
        let code = self.alice.code();
        format!("{} {code}", self.alice.serial)
    }

    #[track_caller]
    fn refused(&self, question: &Value, code: &str, status: u64) {
        let told = self.told(question, &json!({}));
        let error = &told["error"];
        let seen = (&told["valid"], &error["code"], &error["status"]);
        assert_eq!(seen, (&json!(false), &json!(code), &json!(status)), "{told}");
    }
}

/// A policy that asks for MFA of the last five minutes.
const FRESH: &str = r#"{
  "Version": "2012-10-17",
  "Statement": {
    "Sid": "Fresh", "Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::backups/*",
    "Condition": {"NumericLessThan": {"aws:MultiFactorAuthAge": "300"}}
  }
}"#;

fn encoded(text: &str) -> String {
    let escape = |byte: u8| format!("%{byte:02X}");
    text.bytes().map(escape).collect()
}

impl Wire {
    /// Gives alice this policy, as root.
    fn put_policy(&self, document: &str) {
        let root = Key::make(&self.admin, json!({"root": true}));
        let form = format!(
            "Action=PutUserPolicy&UserName=alice&PolicyName=backups&PolicyDocument={}",
            encoded(document)
        );
        assert_eq!(self.iam(&root, &form).status, 200);
        self.admin.delete(&format!("/v1/access-keys/{}", root.id)).is(204);
    }
}

#[test]
fn a_service_learns_who_signed_and_if_mfa_was_present() {
    let mut wire = Wire::start("");
    wire.put_policy(FRESH);
    let ask = json!({
        "action": "s3:GetObject", "resource": "arn:aws:s3:::backups/2026/november.tar",
        "source_ip": "203.0.113.9", "context": {"s3:prefix": ["2026/"]},
    });
    let long_term = wire.told(&question(&wire.key, GET), &ask);
    assert_eq!(long_term["valid"], true);
    let principal = &long_term["principal"];
    assert_eq!(principal["arn"], "arn:aws:iam::100000000000:user/alice");
    assert_eq!(
        (&principal["type"], &principal["access_key_id"]),
        (&json!("User"), &json!(wire.key.id))
    );
    assert_eq!(long_term["context"], Value::Null);
    let keys = &long_term["keys"];
    assert_eq!(keys["aws:username"], json!(["alice"]));
    assert_eq!(keys["aws:SourceIp"], json!(["203.0.113.9"]));
    assert_eq!(keys["aws:RequestedRegion"], json!(["eu-central-1"]));
    assert_eq!(keys["s3:prefix"], json!(["2026/"]));
    assert_eq!(keys["aws:MultiFactorAuthPresent"], Value::Null, "absent, not false");
    assert_eq!(long_term["decision"], "implicitDeny");
    // The policy of all users reads the other one.
    let missing = ["aws:MultiFactorAuthAge", "aws:MultiFactorAuthPresent"];
    assert_eq!(long_term["missing"], json!(missing));

    let session = wire.session();
    let told = wire.told(&question(&session, GET), &ask);
    assert_eq!(told["principal"]["access_key_id"], session.id.as_str());
    assert_eq!(told["context"]["serial"], wire.alice.serial.as_str());
    assert_eq!(told["keys"]["aws:MultiFactorAuthPresent"], json!(["true"]));
    assert_eq!(told["decision"], "allowed");
    let matched = &told["matched"][0];
    assert_eq!((&matched["policy"], &matched["sid"]), (&json!("backups"), &json!("Fresh")));
    assert_eq!(matched["start"], json!({"line": 3, "column": 16}));

    let bare = Key::of_session(&wire.sts(&wire.key, "Action=GetSessionToken"));
    let told = wire.told(&question(&bare, GET), &ask);
    assert_eq!(told["keys"]["aws:MultiFactorAuthPresent"], json!(["false"]));
    assert_eq!(told["context"]["mfa_present"], false);
    assert_eq!(told["decision"], "implicitDeny");
}

#[test]
fn a_code_in_the_request_counts_once_and_for_this_request() {
    let mut wire = Wire::start("");
    wire.put_policy(FRESH);
    let resource = "arn:aws:s3:::backups/2026/november.tar";
    let several = json!({"asks": [
        {"action": "s3:GetObject", "resource": resource},
        {"action": "s3:DeleteObject", "resource": resource},
        {"action": "s3:GetObject", "resource": "arn:aws:s3:::others/a"},
    ]});
    let header = wire.mfa_header();
    let with_code = question(&wire.key, Sent { mfa: Some(&header), ..GET });
    let told = wire.told(&with_code, &several);
    let decisions: Vec<&Value> =
        told["decisions"].as_array().unwrap().iter().map(|it| &it["decision"]).collect();
    assert_eq!(decisions, ["allowed", "implicitDeny", "implicitDeny"]);
    let keys = &told["keys"];
    assert_eq!(keys["aws:MultiFactorAuthPresent"], json!(["true"]));
    assert_eq!(keys["aws:MultiFactorAuthAge"], json!(["0"]));
    assert_eq!(keys["aws:TokenIssueTime"], Value::Null, "there is no session");
    assert_eq!(told["context"]["serial"], wire.alice.serial.as_str());

    // The same request again, and the code on other ways.
    wire.refused(&with_code, "AccessDenied", 403);
    let (serial, code) = header.rsplit_once(' ').unwrap();
    let body = json!({"account": "alice", "serial": serial, "code": code});
    wire.admin.post("/v1/sessions", body).refused(403, "AccessDenied");
    let wrong = format!("{serial} {}", wire.alice.wrong());
    for mfa in [wrong.as_str(), code, serial, "", " ", "NOT-THERE-000 123456"] {
        let sent = Sent { mfa: Some(mfa), ..GET };
        wire.refused(&question(&wire.key, sent), "AccessDenied", 403);
    }
    // Two of them have two meanings.
    let twice = format!("{0}\n{0}", wire.mfa_header());
    let sent = Sent { mfa: Some(&twice), ..GET };
    wire.refused(&question(&wire.key, sent), "AccessDenied", 403);
    // A code of a session on the other way first.
    let code = wire.alice.code();
    let body = json!({"account": "alice", "serial": wire.alice.serial, "code": code});
    wire.admin.post("/v1/sessions", body).is(201);
    let header = format!("{} {code}", wire.alice.serial);
    let sent = Sent { mfa: Some(&header), ..GET };
    wire.refused(&question(&wire.key, sent), "AccessDenied", 403);
    // A header that is added on the way is not signed.
    let mut added = question(&wire.key, GET);
    let header = json!(["x-amz-mfa", wire.mfa_header()]);
    added["headers"].as_array_mut().unwrap().push(header);
    wire.refused(&added, "AccessDenied", 403);
}

#[test]
fn a_refusal_has_the_code_that_clients_of_the_service_know() {
    let mut wire = Wire::start("");
    let key = wire.key.clone();
    let wrong = Key { secret: "x".repeat(40), ..key.clone() };
    let unknown = Key { id: "AKIAAAAAAAAAAAAAAAAA".to_owned(), ..key.clone() };
    let session = wire.session();
    let forged = Key { token: Some("AAAA".repeat(100)), ..session.clone() };
    let api = Sent { service: "execute-api", ..GET };
    let late = Sent { ahead: -1_000, ..GET };
    for (key, sent, code, status) in [
        (&wrong, GET, "SignatureDoesNotMatch", 403),
        (&unknown, GET, "InvalidAccessKeyId", 403),
        (&forged, GET, "InvalidToken", 400),
        (&key, late, "RequestTimeTooSkewed", 403),
        (&wrong, api, "SignatureDoesNotMatch", 403),
        (&unknown, api, "InvalidClientTokenId", 403),
        (&forged, api, "InvalidClientTokenId", 403),
        (&key, Sent { ahead: -400, ..api }, "SignatureDoesNotMatch", 403),
    ] {
        wire.refused(&question(key, sent), code, status);
    }
    for (member, value, code, status) in [
        ("path", json!("/backups/2026/december.tar"), "SignatureDoesNotMatch", 403),
        ("query", json!("versionId=4"), "SignatureDoesNotMatch", 403),
        ("method", json!("DELETE"), "SignatureDoesNotMatch", 403),
        ("payload_sha256", json!("0".repeat(64)), "XAmzContentSHA256Mismatch", 400),
        ("service", json!("execute-api"), "SignatureDoesNotMatch", 403),
    ] {
        let mut changed = question(&key, GET);
        changed[member] = value;
        wire.refused(&changed, code, status);
    }
    wire.admin.post("/v1/accounts/alice/revoke-sessions", json!({})).is(200);
    wire.refused(&question(&session, GET), "InvalidToken", 400);
    let path = format!("/v1/access-keys/{}", key.id);
    wire.admin.patch(&path, json!({"active": false})).is(204);
    wire.refused(&question(&key, GET), "InvalidAccessKeyId", 403);
}

#[test]
fn a_question_that_has_two_meanings_is_refused() {
    let wire = Wire::start("");
    let good = question(&wire.key, GET);
    let asks = |count: usize| {
        json!(vec![json!({"action": "s3:DeleteObject", "resource": "arn:aws:s3:::b/k"}); count])
    };
    for (member, value) in [
        ("action", json!("s3:GetObject")),
        ("resource", json!("*")),
        ("asks", json!([])),
        ("asks", asks(1_002)),
        ("asks", json!([{"action": "GetObject", "resource": "*"}])),
        ("asks", json!([{"action": "s3:GetObject", "resource": "backups"}])),
        ("service", json!("s3/x")),
        ("payload_sha256", json!("00")),
        ("source_ip", json!("here")),
        ("context", json!({"aws:MultiFactorAuthPresent": ["true"]})),
        ("context", json!({"twostep:MfaKind": ["u2f"]})),
    ] {
        let mut question = good.clone();
        question[member] = value;
        wire.admin.post("/v1/aws/verify", question).refused(400, "InvalidInput");
    }
    // As many objects as one deletion has, with keys of 1,024 characters, and the deletion itself.
    let long = format!("arn:aws:s3:::b/{}", "k".repeat(1_024));
    let asks = vec![json!({"action": "s3:DeleteObject", "resource": long}); 1_001];
    let told = wire.told(&good, &json!({"asks": asks}));
    assert_eq!(told["decisions"].as_array().unwrap().len(), 1_001);
    let mut endless = good.clone();
    endless["context"] = json!({"s3:prefix": ["x".repeat(2 * 1_024 * 1_024)]});
    let answer = wire.admin.post("/v1/aws/verify", endless);
    assert!(answer.text().contains("2097152 bytes"), "{}", answer.text());
    answer.refused(400, "InvalidInput");
}

#[test]
fn a_hidden_account_has_the_answer_of_an_unknown_key() {
    let wire = Wire::start("listen = [\"127.0.0.1:0\"]");
    let made = api_key(&wire.admin, json!({"role": "verifier", "accounts": ["bob"]}));
    let other = Client::tcp(wire.agent.address()).bearing(&made);
    let told = other.post("/v1/aws/verify", question(&wire.key, GET)).is(200);
    assert_eq!(told["error"]["code"], "InvalidAccessKeyId");
    let unknown = Key { id: "AKIAAAAAAAAAAAAAAAAA".to_owned(), ..wire.key.clone() };
    assert_eq!(other.post("/v1/aws/verify", question(&unknown, GET)).is(200), told);
}

const SIGNING_KEYS: &str = "/v1/aws/signing-keys";

/// The question for the signing key of a day and a service.
fn asked(key: &Key, date: &str, service: &str) -> Value {
    let mut body = json!({
        "access_key_id": key.id, "date": date, "region": "eu-central-1", "service": service,
    });
    if let Some(token) = &key.token {
        body["session_token"] = token.as_str().into();
    }
    body
}

#[test]
fn a_service_verifies_by_itself_with_the_key_of_its_scope() {
    let mut wire = Wire::start("listen = [\"127.0.0.1:0\"]");
    let session = wire.session();
    let (url, today) = (SIGNING_KEYS, text_of_today(0));
    let service =
        |made: Value| Client::tcp(wire.agent.address()).bearing(&api_key(&wire.admin, made));
    let s3 = service(json!({"role": "verifier", "signing_keys": ["s3"]}));
    for key in [&wire.key, &session] {
        let told = s3.post(url, asked(key, &today, "s3")).is(200);
        let bytes = hex(&text(&told["signing_key"]));
        let scope = Scope::new(today.parse().unwrap(), "eu-central-1", "s3").unwrap();
        let derived = SigningKey::from_bytes(key.id.parse().unwrap(), scope, bytes);
        let question = question(key, GET);
        let headers: Vec<[String; 2]> =
            serde_json::from_value(question["headers"].clone()).unwrap();
        let request = Request {
            method: "GET",
            path: GET.path,
            query: "versionId=3",
            headers: headers.iter().map(|[name, value]| Header::new(name, value)).collect(),
            body: Body::Bytes(b""),
        };
        let claimed = Rules::s3().parse(&request, now()).unwrap();
        assert_eq!(claimed.verify(&derived).unwrap().access_key_id().as_str(), key.id);
        assert_eq!(told["context"].is_null(), key.token.is_none());
        let ends: UnixTime = text(&told["expires_at"]).parse().unwrap();
        assert!((250..=301).contains(&(ends.0 - now().0)), "{ends}");
        assert!(!told.to_string().contains(&key.secret));
    }
}

#[test]
fn an_api_key_is_made_for_the_signing_keys_of_services() {
    let mut wire = Wire::start("listen = [\"127.0.0.1:0\"]");
    let session = wire.session();
    let (url, today) = (SIGNING_KEYS, text_of_today(0));
    let service =
        |made: Value| Client::tcp(wire.agent.address()).bearing(&api_key(&wire.admin, made));
    let s3 = service(json!({"role": "verifier", "signing_keys": ["s3"]}));
    let key = &wire.key;
    s3.post(url, asked(key, &today, "dynamodb")).refused(403, "AccessDenied");
    service(json!({"role": "verifier"}))
        .post(url, asked(key, &today, "s3"))
        .refused(403, "AccessDenied");
    service(json!({"role": "admin"}))
        .post(url, asked(key, &today, "s3"))
        .refused(403, "AccessDenied");
    for day in [-1, 1] {
        s3.post(url, asked(key, &text_of_today(day), "s3")).is(200);
    }
    for day in [-2, 2] {
        s3.post(url, asked(key, &text_of_today(day), "s3")).refused(400, "InvalidInput");
    }
    s3.post(url, asked(key, "2026-11-30", "s3")).refused(400, "InvalidInput");
    wire.admin.post(url, asked(key, &today, "any")).is(200);
    let hidden = json!({"role": "verifier", "accounts": ["bob"], "signing_keys": ["s3"]});
    service(hidden).post(url, asked(key, &today, "s3")).refused(404, "NoSuchEntity");
    let bare = Key { token: None, ..session.clone() };
    s3.post(url, asked(&bare, &today, "s3")).refused(404, "NoSuchEntity");
    wire.admin.post("/v1/accounts/alice/revoke-sessions", json!({})).is(200);
    s3.post(url, asked(&session, &today, "s3")).refused(404, "NoSuchEntity");
    let listed = wire.admin.get("/v1/api-keys").is(200);
    assert!(listed.to_string().contains(r#""signing_keys":["s3"]"#), "{listed}");
    let wrong = json!({"role": "verifier", "signing_keys": ["s3/eu"]});
    wire.admin.post("/v1/api-keys", wrong).refused(400, "InvalidInput");
}

/// A day in UTC, so many days from now.
fn text_of_today(days: i64) -> String {
    let time = UnixTime(now().0.saturating_add_signed(days * 86_400)).to_string();
    time.split('T').next().unwrap().replace('-', "")
}

fn hex(digits: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap();
    }
    bytes
}

#[test]
fn a_request_to_the_agent_itself_is_verified_like_any_other() {
    let wire = Wire::start("");
    let sent = Sent { service: "sts", region: Ask::default().region, path: "/", ..GET };
    let told = wire.told(&question(&wire.key, sent), &json!({}));
    assert_eq!((&told["valid"], &told["decision"]), (&json!(true), &Value::Null));
}
