//! Names and typed text: an invisible character is named, and folded names are one account on every
//! way in.

use std::path::Path;

use serde_json::{Value, json};
use test_support::agent::Agent;
use test_support::http::{Answer, Client, segment};
use test_support::people::{add, api_key, enrol};

use super::{TCP, admin, edit};

/// Characters that print as nothing, or as a blank that is none, with their code points.
const UNSEEN: &[(char, &str)] = &[
    ('\u{ad}', "U+00AD"),
    ('\u{34f}', "U+034F"),
    ('\u{115f}', "U+115F"),
    ('\u{17b4}', "U+17B4"),
    ('\u{180e}', "U+180E"),
    ('\u{a0}', "U+00A0"),
    ('\u{200b}', "U+200B"),
    ('\u{202e}', "U+202E"),
    ('\u{2060}', "U+2060"),
    ('\u{2800}', "U+2800"),
    ('\u{3164}', "U+3164"),
    ('\u{fe0f}', "U+FE0F"),
    ('\u{feff}', "U+FEFF"),
    ('\u{ffa0}', "U+FFA0"),
    ('\u{e0041}', "U+E0041"),
    ('\u{e0101}', "U+E0101"),
];

#[track_caller]
fn names(answer: Answer, code_point: &str) {
    let problem = answer.refused(400, "InvalidInput");
    assert!(problem["detail"].as_str().unwrap().contains(code_point), "{code_point}: {problem}");
}

#[test]
fn an_invisible_character_in_a_name_is_refused_and_named() {
    let agent = Agent::start("");
    let admin = admin(&agent);
    let token = add(&admin, "alice");
    for (c, code_point) in UNSEEN {
        let name = format!("al{c}ice");
        for (path, body) in [
            ("/v1/devices", json!({"account": name, "kind": "hotp"})),
            ("/v1/devices", json!({"account": "alice", "kind": "hotp", "name": name})),
            (
                "/v1/devices",
                json!({"account": "alice", "kind": "hotp", "serial": format!("{name}12345")}),
            ),
            ("/v1/security-keys/register/begin", json!({"account": name})),
            ("/v1/security-keys/register/begin", json!({"account": "alice", "name": name})),
            ("/v1/security-keys/authenticate/begin", json!({"account": name})),
            ("/v1/sessions", json!({"account": name})),
            ("/v1/sessions", json!({"account": "alice", "audience": name})),
            ("/v1/local/key-ceremonies", json!({"account": name, "service": "login"})),
            ("/v1/api-keys", json!({"role": "verifier", "name": name})),
            ("/v1/api-keys", json!({"role": "verifier", "accounts": [name]})),
            ("/v1/api-keys", json!({"role": "verifier", "accounts": [format!("{name}*")]})),
        ] {
            names(admin.post(path, body), code_point);
        }
        names(admin.patch(&token.path(""), json!({"name": name})), code_point);
    }
}

#[test]
fn an_invisible_character_in_a_code_is_named_and_counts_nothing() {
    let agent = Agent::start("");
    let admin = admin(&agent);
    let mut token = enrol(&admin, "alice");
    for (text, named) in [
        ("123\u{a0}456", "U+00A0 (no-break space)"),
        ("123\u{2013}456", "U+2013 (en dash)"),
        ("\u{200b}123456", "U+200B"),
        ("123456\u{ad}", "U+00AD"),
        ("0123-4567\u{2011}89AB-CDEF", "U+2011"),
        ("１２３４５６", "a digit that is not one of 0 to 9"),
    ] {
        let session = json!({"account": "alice", "code": text});
        let pair = json!({"account": "alice", "serial": token.serial, "codes": [text, "123456"]});
        for answer in [
            admin.post("/v1/sessions", session),
            admin.post("/v1/sessions", pair),
            admin.post(&token.path("/resync"), json!({"codes": ["123456", text]})),
            admin.post(&token.path("/activate"), json!({"codes": [text, "123456"]})),
        ] {
            let problem = answer.refused(400, "InvalidInput");
            let detail = problem["detail"].as_str().unwrap();
            assert!(
                detail.contains(named) && !detail.contains("456") && !detail.contains('１'),
                "{problem}"
            );
        }
    }
    let code = token.code();
    admin.post("/v1/sessions", json!({"account": "alice", "code": code})).is(201);
}

#[test]
fn a_secret_of_any_whole_length_is_taken_as_typed() {
    let agent = Agent::start("");
    let admin = admin(&agent);
    let create = |secret: &str| {
        admin.post("/v1/devices", json!({"account": "alice", "kind": "hotp", "secret": secret}))
    };
    // The same bytes twice are one secret: what was dropped makes no other of it.
    create("GEZDGNBVGY3TQOJQGF").is(201);
    for same in [
        "GEZDGNBVGY3TQOJQGE",
        "gezd gnbv gy3t qojq gh",
        "GEZD\u{a0}GNBV–GY3T\u{200b}QOJQ\u{ad}GE======\u{feff}",
    ] {
        create(same).refused(409, "EntityAlreadyExists");
    }
    for length in [18, 20, 21, 23, 26, 28, 29, 31] {
        let secret: String = "QWERTYUIOPASDFGHJKLZXCVBNM234567"
            .chars()
            .cycle()
            .skip(length)
            .take(length)
            .collect();
        let taken = create(&secret);
        assert_eq!(
            taken.status,
            if matches!(length % 8, 1 | 3 | 6) { 400 } else { 201 },
            "{secret}"
        );
    }
    for length in [17, 19, 22, 25] {
        create(&"A".repeat(length)).refused(400, "InvalidInput");
    }
}

#[test]
fn an_account_with_an_older_name_is_listed_revoked_and_removed() {
    let agent = Agent::start("");
    enrol(&admin(&agent), "jdXoe");
    let old = "jd\u{ad}oe\u{2800}";
    let folder = agent.into_folder();
    rename(folder.path(), "jdXoe", old);

    let agent = Agent::start_in(folder, "");
    let admin = admin(&agent);
    let account = |list: Value| {
        list["accounts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["account"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(account(admin.get("/v1/accounts?limit=1").is(200)), [old]);
    assert_eq!(
        admin.get(&format!("/v1/accounts?limit=1&after={}", segment(old))).is(200)["accounts"],
        json!([])
    );
    let listed = admin.get(&format!("/v1/devices?account={}", segment(old))).is(200);
    let serial = listed["devices"][0]["serial"].as_str().unwrap().to_owned();
    assert_eq!(admin.get(&format!("/v1/devices/{serial}")).is(200)["account"], old);
    admin
        .post(&format!("/v1/accounts/{}/revoke-sessions", segment(old)), json!({}))
        .is(200);
    assert_eq!(admin.get("/.well-known/mfa-revocations").status, 200);
    names(admin.post("/v1/devices", json!({"account": old, "kind": "hotp"})), "U+00AD");
    admin.delete(&format!("/v1/accounts/{}", segment(old))).is(204);
    assert_eq!(account(admin.get("/v1/accounts").is(200)), Vec::<Value>::new());
}

#[test]
fn names_that_are_folded_are_one_account_on_every_way_in() {
    for (fold, kept, spellings) in [
        ("case", "jdoe@example.com", ["JDoe@Example.COM", "jdoe@example.com", "JDOE@EXAMPLE.COM"]),
        ("case", "strasse", ["STRASSE", "straße", "Strasse"]),
        ("nfc", "zo\u{eb}", ["zoe\u{308}", "zo\u{eb}", "zoe\u{308}"]),
        ("both", "zo\u{eb}", ["ZOE\u{308}", "zo\u{cb}", "Zoe\u{308}"]),
    ] {
        let agent = Agent::start(&format!("{TCP}[accounts]\nfold = \"{fold}\"\n"));
        let admin = admin(&agent);
        let mut token = enrol(&admin, spellings[0]);
        for name in spellings {
            let session = json!({"account": name, "code": token.code()});
            let context = admin.post("/v1/sessions", session).is(201)["context"].clone();
            let asked_as = if name == kept { Value::Null } else { json!(name) };
            assert_eq!((&context["account"], &context["asked_as"]), (&json!(kept), &asked_as));
            let listed = admin.get(&format!("/v1/devices?account={}", segment(name))).is(200);
            assert_eq!(
                (&listed["devices"][0]["serial"], &listed["devices"][0]["account"]),
                (&json!(token.serial), &json!(kept))
            );
            let begun =
                admin.post("/v1/security-keys/register/begin", json!({"account": name})).is(200);
            assert_eq!(begun["public_key"]["user"]["name"], kept);

            // The account of a key, by name and by the beginning of it.
            for accounts in
                [json!([name]), json!([format!("{}*", name.chars().take(2).collect::<String>())])]
            {
                let key = api_key(&admin, json!({"role": "enroller", "accounts": accounts}));
                let client = Client::tcp(agent.address()).bearing(&key);
                assert_eq!(
                    client.get("/v1/devices").is(200)["devices"].as_array().unwrap().len(),
                    1,
                    "{accounts}"
                );
                for name in spellings {
                    client
                        .post("/v1/sessions", json!({"account": name, "code": token.code()}))
                        .is(201);
                    client.get(&token.path("")).is(200);
                }
                client
                    .post("/v1/sessions", json!({"account": "someone-else", "code": "123456"}))
                    .refused(403, "AccessDenied");
            }
            // An account that is protected under one name is protected under all.
            let key = api_key(&admin, json!({"role": "enroller"}));
            let client = Client::tcp(agent.address()).bearing(&key);
            let problem = client
                .post("/v1/devices", json!({"account": name, "kind": "hotp"}))
                .refused(403, "AccessDenied");
            assert_eq!(problem["reason"], "mfa_required");
            admin
                .post(&format!("/v1/accounts/{}/revoke-sessions", segment(name)), json!({}))
                .is(200);
            admin.post(&format!("/v1/accounts/{}/bypass", segment(name)), json!({})).is(201);
        }
        let accounts = admin.get("/v1/accounts").is(200);
        assert_eq!(accounts["accounts"].as_array().unwrap().len(), 1, "{accounts}");
        admin.delete(&format!("/v1/accounts/{}", segment(spellings[2]))).is(204);
    }
}

#[test]
fn an_account_from_before_folding_is_found_by_any_spelling() {
    let agent = Agent::start("");
    let mut token = enrol(&admin(&agent), "Jdoe");
    let folder = agent.into_folder();
    let fold = format!("{TCP}[accounts]\nfold = \"case\"\n");
    let agent = Agent::start_in(folder, &fold);
    let client = admin(&agent);
    for name in ["jdoe", "Jdoe", "JDOE"] {
        let opened = client
            .post("/v1/sessions", json!({"account": name, "code": token.code()}))
            .is(201);
        assert_eq!(opened["context"]["account"], "Jdoe");
        assert_eq!(
            client.get(&format!("/v1/devices?account={name}")).is(200)["devices"]
                .as_array()
                .unwrap()
                .len(),
            1
        );
    }
    enrol(&client, "JDOE");
    let scoped = Client::tcp(agent.address())
        .bearing(&api_key(&client, json!({"role": "enroller", "accounts": ["jd*"]})));
    scoped.get(&token.path("")).is(200);
    scoped.get("/v1/devices").refused(400, "InvalidInput");
    assert_eq!(
        scoped.get("/v1/devices?account=jdoe").is(200)["devices"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(client.get("/v1/accounts").is(200)["accounts"].as_array().unwrap().len(), 1);

    // Without folding a second account comes into being, and with it again the agent does not
    // start.
    let agent = Agent::start_in(agent.into_folder(), "");
    for name in ["jdoe", "Zoe", "zoe", "ZOE", "bob"] {
        add(&admin(&agent), name);
    }
    let (folder, log) = Agent::fails(agent.into_folder(), &fold);
    for named in [
        "accounts.fold",
        "\"Jdoe\"",
        "\"jdoe\"",
        "\"Zoe\"",
        "\"ZOE\"",
        "\"zoe\"",
        "twostep account remove",
    ] {
        assert!(log.contains(named), "{named}: {log}");
    }
    assert!(!log.contains("bob"), "{log}");
    let agent = Agent::start_in(folder, "");
    for name in ["jdoe", "Zoe", "ZOE"] {
        admin(&agent).delete(&format!("/v1/accounts/{name}")).is(204);
    }
    drop(Agent::start_in(agent.into_folder(), &fold));
}

#[test]
fn a_device_says_until_when_its_codes_are_used() {
    let agent = Agent::start("");
    let client = admin(&agent);
    let added = client.post("/v1/devices", json!({"account": "alice", "kind": "totp"})).is(201);
    let serial = added["device"]["serial"].as_str().unwrap().to_owned();
    let folder = agent.into_folder();
    // A code was accepted while the clock was a day ahead.
    let ahead = |seconds: u64| {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let step = (now + seconds) / 30;
        let set = format!(
            "UPDATE devices SET state = 'active', body = json_set(\
             body, '$.state', 'active', '$.factor.totp.watermark', {step});
             UPDATE accounts SET active = 1"
        );
        edit(folder.path(), &set);
        (now + seconds) / 30 * 30 + 30
    };
    let until = ahead(86_400);
    let agent = Agent::start_in(folder, "");
    let shown = admin(&agent).get(&format!("/v1/devices/{serial}")).is(200);
    assert_eq!(shown["codes_used_until"], twostep::time::UnixTime(until).to_string(), "{shown}");
}

/// Gives an account another name behind the agent's back, as an earlier version may have taken it.
fn rename(folder: &Path, from: &str, to: &str) {
    edit(
        folder,
        &format!(
            "UPDATE accounts SET id = replace(id, '{from}', '{to}'),
                 body = replace(body, '{from}', '{to}');
             UPDATE devices SET account = replace(account, '{from}', '{to}'),
                 body = replace(body, '{from}', '{to}')"
        ),
    );
}
