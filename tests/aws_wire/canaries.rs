//! Search for leaked secrets of AWS's wire: all that the agent wrote, and all that it told where no
//! secret is to be shown, is searched for each of them in every encoding.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};
use test_support::canaries::Canaries;
use test_support::http::Answer;
use test_support::people::{now, text};

use super::verify::with_code;
use super::wire::{Key, Wire, refused};

/// Secrets that were told, and answers that may hold none.
#[derive(Default)]
struct Search {
    canaries: Canaries,
    told: Vec<u8>,
}

impl Search {
    fn key(&mut self, key: &Key) {
        self.canaries.keep("the secret of an access key", &key.secret);
        if let Some(token) = &key.token {
            self.canaries.keep("a session token", token);
        }
    }

    fn answer(&mut self, answer: &Answer) {
        self.told.extend(format!("{:?}\n", answer.headers).bytes());
        self.told.extend(&answer.body);
    }

    fn value(&mut self, told: &Value) {
        self.told.extend(told.to_string().bytes());
    }
}

/// Requests that are answered and refused, with secrets and codes in them.
fn asks(wire: &mut Wire, search: &mut Search) {
    let session = wire.session();
    search.key(&wire.key);
    search.key(&session);
    for form in ["Action=GetCallerIdentity", "Action=GetSessionToken", "Action=None"] {
        for key in [&wire.key, &session] {
            let answer = wire.sts(key, form);
            if form != "Action=GetSessionToken" || key.token.is_some() {
                search.answer(&answer);
            }
        }
    }
    let lists = ["Action=ListAccessKeys", "Action=ListMFADevices", "Action=ListUsers"];
    for answer in lists.map(|form| wire.iam(&session, form)) {
        search.answer(&answer);
    }
    let forged = Key { secret: "k".repeat(40), ..session.clone() };
    let answer = wire.sts(&forged, "Action=GetCallerIdentity");
    refused(&answer, 403, "SignatureDoesNotMatch");
    search.answer(&answer);

    // A code, right and again.
    let (serial, code) = (wire.alice.serial.clone(), wire.alice.code());
    search
        .canaries
        .keep("a code with its serial number", format!("{serial} {code}"));
    for key in [&session, &session] {
        let told = wire.admin.post("/v1/aws/verify", with_code(key, &serial, &code)).is(200);
        search.value(&told);
    }
    let today = now().to_string().split('T').next().unwrap().replace('-', "");
    let key = json!({
        "access_key_id": wire.key.id, "date": today, "region": "eu-central-1", "service": "s3",
    });
    let derived = wire.admin.post("/v1/aws/signing-keys", key).is(200);
    search.canaries.keep("a derived key", text(&derived["signing_key"]));
    let body = json!({
        "account": "alice", "serial": serial, "code": wire.alice.code(),
        "audience": "sts.amazonaws.com",
    });
    let token = text(&wire.admin.post("/v1/sessions", body).is(201)["token"]);
    search.canaries.keep("a context", &token);
    let made = wire.admin.post("/v1/aws/credentials", json!({"token": token})).is(201);
    let part = |name: &str| text(&made[name]);
    search.key(&Key {
        id: part("access_key_id"),
        secret: part("secret_access_key"),
        token: Some(part("session_token")),
    });
}

#[test]
fn no_secret_of_a_signature_leaks() {
    let (mut wire, mut search) = (Wire::start("[log]\nlevel = \"debug\""), Search::default());
    asks(&mut wire, &mut search);
    let audit = wire.admin.get("/v1/audit?limit=1000");
    assert!(audit.text().contains("access_key.made"), "{}", audit.text());
    let mut places = BTreeMap::from([
        ("answers".to_owned(), search.told),
        ("audit".to_owned(), audit.body),
        ("log".to_owned(), wire.agent.log().into_bytes()),
        ("metrics".to_owned(), wire.admin.get("/metrics").body),
        ("access keys".to_owned(), wire.admin.get("/v1/access-keys").body),
    ]);
    // The last use of a key is in the store once the agent has ended.
    let wire = wire.restarted();
    for entry in fs::read_dir(wire.agent.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        // The one file that keeps a secret. Sockets hold nothing.
        if path.is_file() && !path.ends_with("sealing.key") {
            places.insert(path.display().to_string(), fs::read(&path).unwrap());
        }
    }
    assert!(places["log"].len() > 1_000, "the log is there, and is searched");
    search.canaries.are_found_where_planted();
    let found = search.canaries.found_in(&places);
    assert!(found.is_empty(), "{found:#?}");
}
