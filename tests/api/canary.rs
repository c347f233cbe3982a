//! Search for leaked secrets: after a journey with marked secrets, all that the agent wrote or
//! showed is searched for each of them, in every encoding that careless code could give it.

use std::collections::BTreeMap;
use std::fs;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use test_support::agent::Agent;
use test_support::canaries::Canaries;
use test_support::http::{Answer, Client};
use test_support::people::{api_key, text};
use twostep::otp::{Algorithm, Counter, Digits, Hotp, Seed};
use twostep::testing::SimulatedToken;

use super::{TCP, admin};

/// Answers that must hold no secret: refusals, lists, metrics.
#[derive(Default)]
struct Told(Vec<u8>);

impl Told {
    fn keep(&mut self, answer: &Answer) {
        self.0
            .extend(format!("{:?}", answer.headers).bytes().chain(answer.body.iter().copied()));
    }
}

#[test]
fn no_secret_leaks_and_a_planted_one_is_found() {
    let agent = Agent::start(&format!("{TCP}[log]\nlevel = \"debug\"\n"));
    let (mut canaries, mut told) = (Canaries::default(), Told::default());
    journey(&agent, &mut canaries, &mut told);

    let admin = admin(&agent);
    let audit = admin.get("/v1/audit?limit=1000");
    assert!(audit.text().contains("code.accepted") && audit.text().contains("api_key.made"));
    for path in [
        "/metrics",
        "/v1/devices",
        "/v1/accounts",
        "/v1/api-keys",
        "/v1/signing-keys",
        "/openapi.json",
    ] {
        told.keep(&admin.get(path));
    }
    let backup = agent.folder.path().join("copy.db");
    admin.post("/v1/store/backup", json!({"path": backup})).is(201);
    let mut places =
        BTreeMap::from([("answers".to_owned(), told.0), ("audit".to_owned(), audit.body)]);
    for name in ["cmdline", "environ"] {
        places.insert(name.to_owned(), fs::read(format!("/proc/{}/{name}", agent.pid())).unwrap());
    }
    for entry in fs::read_dir(agent.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        // The one file that keeps a secret. Sockets hold nothing.
        if path.is_file() && !path.ends_with("sealing.key") {
            places.insert(
                path.file_name().unwrap().to_string_lossy().into_owned(),
                fs::read(&path).unwrap(),
            );
        }
    }
    for place in ["log", "store.db", "store.db-wal", "copy.db", "cmdline", "environ"] {
        assert!(places[place].len() > 20, "{place} is there, and is searched");
    }
    assert!(String::from_utf8_lossy(&places["log"]).contains("\"level\":\"DEBUG\""));
    canaries.keep("the sealing key", {
        let text = fs::read_to_string(agent.folder.path().join("sealing.key")).unwrap();
        base64::engine::general_purpose::STANDARD.decode(text.trim()).unwrap()
    });
    assert_eq!(canaries.found_in(&places), Vec::<String>::new());

    // The search would have found them: each, in each form.
    canaries.are_found_where_planted();
}

/// Use of every kind of secret, rightly and wrongly.
fn journey(agent: &Agent, canaries: &mut Canaries, told: &mut Told) {
    let admin = admin(agent);
    let key = api_key(&admin, json!({"role": "enroller", "explain": true}));
    // In `twostep_ID_SECRET` the id is public. The secret is base64url and may hold underscores.
    canaries.keep("an API key", key.splitn(3, '_').nth(2).unwrap());
    let caller = Client::tcp(agent.address()).bearing(&key);
    let seed: Vec<u8> = (0..20u8).map(|n| n.wrapping_mul(73).wrapping_add(41)).collect();
    canaries.keep("a given seed", &seed);
    let secret = base32::encode(base32::Alphabet::Rfc4648 { padding: false }, &seed);
    canaries.keep("a given seed's text", &secret);
    let device = |extra: Value| {
        let mut body =
            json!({"account": "alice", "kind": "hotp", "digits": 8, "algorithm": "SHA256"});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        body
    };
    let given = caller.post("/v1/devices", device(json!({"secret": secret})));
    told.keep(&given);
    let serial = text(&given.is(201)["device"]["serial"]);
    let parameters = Hotp { algorithm: Algorithm::Sha256, digits: Digits::try_from(8).unwrap() };
    let mut token = SimulatedToken::hotp(&Seed::new(seed).unwrap(), parameters, Counter(0));
    let mut code = || token.press_text();
    for bad in [&secret, &secret[..8], "not base32, this-is-somebodys-password"] {
        told.keep(&caller.post("/v1/devices", device(json!({"account": "bob", "secret": bad}))));
    }
    canaries.keep("what is no seed", "this-is-somebodys-password");

    // Codes of every kind of fate, eight digits long: shorter ones stand in any long text of digits
    // by chance.
    let path = format!("/v1/devices/{serial}");
    let pair = |canaries: &mut Canaries, codes: [String; 2]| {
        codes.iter().for_each(|code| canaries.keep("a code of a pair", code));
        json!({"codes": codes})
    };
    let body = pair(canaries, [code(), code()]);
    caller.post(&format!("{path}/activate"), body.clone()).is(200);
    told.keep(&caller.post(&format!("{path}/activate"), body));
    let body = pair(canaries, [code(), code()]);
    caller.post(&format!("{path}/resync"), body).is(200);
    told.keep(&caller.post(
        &format!("{path}/resync"),
        pair(canaries, ["27182818".to_owned(), "28459045".to_owned()]),
    ));
    let fresh = code();
    canaries.keep("a code", &fresh);
    let open =
        |code: &Value| caller.post("/v1/sessions", json!({"account": "alice", "code": code}));
    let opened = open(&json!(fresh)).is(201);
    keep_token(canaries, &text(&opened["token"]));
    for (what, code) in [
        ("a used code", json!(fresh)),
        ("a wrong code", json!("31415926")),
        ("a code and a word", json!("53589793 hunter2-hunter2")),
        ("a code that is a number", json!(23_846_264_338_u64)),
        ("a long code", json!("3832795028841971")),
    ] {
        canaries.keep(what, code.as_str().map_or_else(|| code.to_string(), str::to_owned));
        let answer = open(&code);
        assert!(answer.status >= 400, "{what}");
        told.keep(&answer);
    }
    let owner = caller.with("X-MFA-Context", opened["token"].as_str().unwrap());
    let sheet = owner
        .post("/v1/devices", json!({"account": "alice", "kind": "recovery"}))
        .is(201);
    for code in sheet["recovery_codes"].as_array().unwrap() {
        keep_code(canaries, "a recovery code", &text(code));
    }
    let recovery = &sheet["recovery_codes"][0];
    keep_token(canaries, &text(&open(recovery).is(201)["token"]));
    told.keep(&open(recovery));
    let bypass = admin.post("/v1/accounts/alice/bypass", json!({})).is(201);
    keep_code(canaries, "a bypass code", &text(&bypass["code"]));
    keep_token(canaries, &text(&open(&bypass["code"]).is(201)["token"]));
    told.keep(&open(&bypass["code"]));
    keep_token(
        canaries,
        &text(&caller.post("/v1/sessions", json!({"account": "alice"})).is(201)["token"]),
    );

    let made = owner.post("/v1/devices", json!({"account": "alice", "kind": "totp"})).is(201);
    let secret = text(&made["provisioning"]["secret"]);
    canaries.keep("a made seed's text", &secret);
    canaries.keep("a made seed", Seed::from_base32(&secret).unwrap().expose());
    // Secrets in places where none belongs.
    for path in [
        "/v1/devices?secret=hunter2-hunter2",
        "/v1/hunter2-hunter2",
        "/v1/devices/hunter2-hunter2",
        "/hunter2-hunter2",
    ] {
        told.keep(&Answer { body: Vec::new(), ..caller.get(path) });
    }
    canaries.keep("a password in a path", "hunter2-hunter2");
    let wrong = format!("twostep_AAAA_{}", "wrong-key-wrong-key-wrong-key-wrong-key-wro");
    canaries.keep("a wrong API key", &wrong);
    told.keep(&Client::tcp(agent.address()).bearing(&wrong).get("/v1/devices"));
    told.keep(&caller.with("X-MFA-Context", "forged-context-forged-context").delete(&path));
    canaries.keep("a forged context", "forged-context-forged-context");
    told.keep(&caller.post("/v1/sessions/introspect", json!({"token": opened["token"]})));
    told.keep(&caller.post("/v1/sessions/revoke", json!({"token": opened["token"]})));
    told.keep(&admin.post("/v1/signing-keys", json!({})));
}

/// A token, and its signature alone.
fn keep_token(canaries: &mut Canaries, token: &str) {
    canaries.keep("a token", token);
    canaries.keep(
        "a token's signature",
        URL_SAFE_NO_PAD.decode(token.rsplit('.').next().unwrap()).unwrap(),
    );
}

/// A code as it is shown, and as it is without its hyphens.
fn keep_code(canaries: &mut Canaries, what: &'static str, code: &str) {
    canaries.keep(what, code);
    canaries.keep(what, code.replace('-', ""));
}
