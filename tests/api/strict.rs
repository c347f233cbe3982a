//! A request has one meaning or none: bodies, queries, serial numbers in paths, pages of lists.

use serde_json::{Value, json};
use test_support::agent::Agent;
use test_support::http::{Client, segment};
use test_support::people::{add, enrol, text};

use super::admin;

const JSON: (&str, &str) = ("Content-Type", "application/json");

fn post(client: &Client, path: &str, body: impl AsRef<[u8]>) -> test_support::http::Answer {
    client.raw("POST", path, &[JSON], body.as_ref())
}

#[test]
fn a_body_other_than_one_object_of_the_route_is_refused() {
    let agent = Agent::start("");
    let admin = admin(&agent);
    let deep = |levels: usize| {
        format!(r#"{{"account":"alice","kind":{}{}}}"#, "[".repeat(levels), "]".repeat(levels))
    };
    for body in [
        "",
        "{",
        "null",
        "[]",
        "\"alice\"",
        r#"{"account":"alice"}"#,
        r#"{"account":"alice","kind":"hotp","admin":true}"#,
        r#"{"account":"alice","kind":"hotp","kind":"hotp"}"#,
        r#"{"account":"alice","account":"bob","kind":"hotp"}"#,
        r#"{"account":"alice","kind":"hotp","name":null}"#,
        r#"{"account":null,"kind":"hotp"}"#,
        r#"{"account":7,"kind":"hotp"}"#,
        r#"{"account":["alice"],"kind":"hotp"}"#,
        r#"{"account":"alice","kind":true}"#,
        r#"{"account":"alice","kind":"hotp","counter":-1}"#,
        r#"{"account":"alice","kind":"hotp","counter":1.5}"#,
        r#"{"account":"alice","kind":"hotp","counter":"1"}"#,
        r#"{"account":"alice","kind":"hotp","counter":18446744073709551616}"#,
        r#"{"account":"alice","kind":"hotp"} {}"#,
        r#"{"account":"alice","kind":"hotp",}"#,
        r#"{'account':'alice','kind':'hotp'}"#,
        r#"{"account":"\ud800","kind":"hotp"}"#,
        "\u{feff}{\"account\":\"alice\",\"kind\":\"hotp\"}",
        &deep(9),
        &deep(30_000),
    ] {
        let problem = post(&admin, "/v1/devices", body).refused(400, "InvalidInput");
        assert!(problem["detail"].as_str().unwrap().len() < 200, "{problem}");
    }
    post(&admin, "/v1/devices", b"{\"account\":\"al\xffice\",\"kind\":\"hotp\"}")
        .refused(400, "InvalidInput");
    post(&admin, "/v1/devices", format!("{{\"account\":\"{}\"}}", "a".repeat(65_536)))
        .refused(400, "InvalidInput");
    let body = br#"{"account":"alice","kind":"hotp"}"#;
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "multipart/form-data",
        "",
    ] {
        admin
            .raw("POST", "/v1/devices", &[("Content-Type", kind)], body)
            .refused(400, "InvalidInput");
    }
    assert!(admin.get("/v1/accounts").is(200)["accounts"].as_array().unwrap().is_empty());
    for kind in ["application/json", "Application/JSON; charset=utf-8"] {
        admin.raw("POST", "/v1/devices", &[("Content-Type", kind)], body).is(201);
    }
    // Exactly as long as a body may be.
    let long = format!("{}{}", " ".repeat(65_536 - body.len()), String::from_utf8_lossy(body));
    post(&admin, "/v1/devices", long).is(201);
}

#[test]
fn values_out_of_range_are_refused_before_any_look_up() {
    let agent = Agent::start("audiences = [\"payments\"]\n");
    let admin = admin(&agent);
    let refused = |path: &str, bodies: &[Value]| {
        for body in bodies {
            let problem = admin.post(path, body.clone()).refused(400, "InvalidInput");
            // Values may be codes, and are not repeated.
            assert!(!problem.to_string().contains("31415926"), "{problem}");
        }
    };
    let device =
        |member: &str, value: Value| json!({"account": "alice", "kind": "totp", member: value});
    refused(
        "/v1/devices",
        &[
            device("account", json!("")),
            device("account", json!(" alice")),
            device("account", json!("a".repeat(257))),
            device("account", json!("al\u{202e}ice")),
            device("kind", json!("sms")),
            device("name", json!("")),
            device("name", json!("n".repeat(129))),
            device("serial", json!("")),
            device("serial", json!("has a blank")),
            device("serial", json!("S".repeat(257))),
            device("secret", json!("not base32!")),
            device("secret", json!("GEZDGNBV")),
            device("secret", json!("A".repeat(300))),
            device("algorithm", json!("MD5")),
            device("digits", json!(5)),
            device("digits", json!(9)),
            device("digits", json!(300)),
            device("period", json!(9)),
            device("period", json!(121)),
            device("counter", json!(1)),
            json!({"account": "alice", "kind": "hotp", "period": 30}),
            json!({
                "account": "alice", "kind": "recovery",
                "secret": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
            }),
            json!({"account": "alice", "kind": "recovery"}),
        ],
    );
    let serial = "GAHT12345678";
    let session =
        |member: &str, value: Value| json!({"account": "alice", "serial": serial, member: value});
    refused(
        "/v1/sessions",
        &[
            session("code", json!("31415")),
            session("code", json!("314159263")),
            session("code", json!(" 31415926")),
            session("code", json!("+3141592")),
            session("code", json!("３１４１５９")),
            session("code", json!("٣١٤١٥٩")),
            session("code", json!("")),
            session("codes", json!(["314159"])),
            session("codes", json!(["314159", "265358", "979323"])),
            session("codes", json!(["314159", "2653589793"])),
            json!({"account": "alice", "serial": "GAHT12345678"}),
            json!({"account": "alice", "codes": ["314159", "265358"]}),
            json!({
                "account": "alice", "serial": "GAHT12345678", "code": "314159",
                "codes": ["314159", "265358"],
            }),
            json!({"account": "alice", "duration_seconds": 899}),
            json!({"account": "alice", "duration_seconds": 129_601}),
            json!({"account": "alice", "audience": ""}),
            json!({"account": "alice", "audience": "warehouse"}),
        ],
    );
    for audience in ["payments", "twostep"] {
        admin
            .post(
                "/v1/sessions",
                json!({"account": "alice", "audience": audience, "duration_seconds": 129_600}),
            )
            .is(201);
    }
    refused(
        "/v1/accounts/alice/bypass",
        &[json!({"ttl_seconds": 59}), json!({"ttl_seconds": 86_401})],
    );
    let times = [
        "tomorrow",
        "2026-11-22",
        "2026-11-22 09:30:00",
        "1969-12-31T23:59:59Z",
        "2999-01-01T00:00:00Z",
    ];
    refused(
        "/v1/accounts/alice/revoke-sessions",
        &times.map(|time| json!({"issued_before": time})),
    );
    refused(
        "/v1/api-keys",
        &[
            json!({"role": "root"}),
            json!({"role": "verifier", "name": ""}),
            json!({"role": "verifier", "accounts": []}),
            json!({"role": "verifier", "accounts": ["*"]}),
            json!({"role": "verifier", "accounts": ["$user"]}),
            json!({"role": "admin", "accounts": ["alice"]}),
        ],
    );
    refused("/v1/signing-keys", &[json!({"algorithm": "none"}), json!({"algorithm": "HS256"})]);
    refused(
        "/v1/store/backup",
        &[
            json!({"path": "relative.db"}),
            json!({"path": "/"}),
            json!({"path": "/not/there/at/all.db"}),
        ],
    );
    // A code that was none counted nothing.
    assert!(!admin.get("/v1/audit").is(200).to_string().contains("code."));
}

#[test]
fn a_fault_names_its_member_or_its_parameter() {
    let agent = Agent::start("");
    let admin = admin(&agent);
    for (path, body, member) in [
        ("/v1/devices", r#"{"account":7,"kind":"totp"}"#, "`account`"),
        ("/v1/devices", r#"{"account":"alice","kind":"totp","digits":"six"}"#, "`digits`"),
        ("/v1/devices", r#"{"account":"alice","kind":"totp","colour":"red"}"#, "`colour`"),
        ("/v1/devices", r#"{"account":"alice","kind":"totp","name":null}"#, "`name`"),
        ("/v1/sessions", r#"{"account":"alice","code":123456}"#, "`code`"),
        ("/v1/sessions", r#"{"account":"alice","codes":["123456",7]}"#, "`codes[1]`"),
        ("/v1/sessions", r#"{"account":"alice","duration_seconds":-1}"#, "`duration_seconds`"),
        ("/v1/sessions", r#"{"account":"alice","account":"bob"}"#, "`account`"),
        ("/v1/sessions/introspect", r#"{"audience":"payments"}"#, "`token`"),
        ("/v1/api-keys", r#"{"role":"verifier","accounts":"bob"}"#, "`accounts`"),
    ] {
        let problem = post(&admin, path, body).refused(400, "InvalidInput");
        let detail = text(&problem["detail"]);
        assert!(detail.contains(member), "{body}: {detail}");
        assert!(!detail.contains("123456"), "{detail}");
    }
    for (path, parameter) in [
        ("/v1/devices?limit=ten", "limit"),
        ("/v1/devices?colour=red", "colour"),
        ("/v1/accounts?without_mfa=perhaps", "without_mfa"),
        ("/v1/audit?limit=-1", "limit"),
        ("/v1/audit?limit=1&limit=2", "limit"),
    ] {
        let detail = text(&admin.get(path).refused(400, "InvalidInput")["detail"]);
        assert!(detail.contains(parameter), "{path}: {detail}");
    }
}

#[test]
fn a_query_has_one_meaning_or_is_refused() {
    let agent = Agent::start("");
    let admin = admin(&agent);
    for query in [
        "acount=alice",
        "account=alice&account=bob",
        "account=",
        "account=%FF",
        "limit=0",
        "limit=1001",
        "limit=-1",
        "limit=ten",
        "limit=1&limit=2",
        "state=lost",
        "after=a%20b",
        "secret=x",
    ] {
        admin.get(&format!("/v1/devices?{query}")).refused(400, "InvalidInput");
    }
    for path in [
        "/v1/accounts?without_mfa=maybe",
        "/v1/accounts?state=active",
        "/v1/audit?after=x",
        "/v1/audit?limit=1001",
    ] {
        admin.get(path).refused(400, "InvalidInput");
    }
    for path in [
        "/v1/devices?limit=1000&state=active",
        "/v1/accounts?without_mfa=true&limit=1",
        "/v1/audit?after=0&limit=1",
    ] {
        admin.get(path).is(200);
    }
    admin.get("/v1/nothing").refused(404, "NoSuchEntity");
    for (method, path) in [
        ("PUT", "/v1/devices"),
        ("DELETE", "/v1/sessions"),
        ("POST", "/healthz"),
        ("OPTIONS", "/v1/devices"),
    ] {
        let answer = admin.raw(method, path, &[], b"");
        assert!(answer.header("allow").is_some(), "{answer:?}");
        answer.refused(405, "InvalidInput");
    }
}

#[test]
fn every_serial_number_can_be_named_in_a_path() {
    let agent = Agent::start("");
    let admin = admin(&agent);
    let every = "A-Za-z0-9_+=/:,.@-";
    for serial in [
        "arn:aws:iam::123456789012:mfa/alice",
        "a+b=c/d:e,f.g@h-i_",
        every,
        "7",
        "123456",
        "../../../../etc/passwd",
        "/////////",
        ".........",
    ] {
        let body = json!({"account": "alice", "kind": "hotp", "serial": serial});
        assert_eq!(admin.post("/v1/devices", body).is(201)["device"]["serial"], serial);
        let path = format!("/v1/devices/{}", segment(serial));
        assert_eq!(admin.get(&path).is(200)["serial"], serial);
        assert_eq!(admin.patch(&path, json!({"name": serial})).is(200)["name"], serial);
        // Lower case digits, and nothing encoded that need not be, mean the same.
        assert_eq!(
            admin
                .get(&path.replace("%2F", "%2f").replace("%3A", ":").replace("%40", "@"))
                .is(200)["serial"],
            serial
        );
        admin.delete(&path).is(204);
        admin.get(&path).refused(404, "NoSuchEntity");
    }
    // A plus is a plus in a path, and a blank in a query.
    admin.get("/v1/devices/plus%2Bplus0").refused(404, "NoSuchEntity");
    for path in [
        "/v1/devices/has%0Anewline",
        "/v1/devices/has%20a%20blank",
        "/v1/devices/%FFxxxxxxxxx",
        "/v1/devices/percent%25sign",
        "/v1/devices/%00000000000",
    ] {
        admin.get(path).refused(400, "InvalidInput");
    }
    admin.get("/v1/devices/a/b/c").refused(404, "NoSuchEntity");
    let account = "o'brien & söhne/100%";
    let token = enrol(&admin, account);
    let listed = admin.get(&format!("/v1/devices?account={}", segment(account))).is(200);
    assert_eq!(listed["devices"][0]["serial"], token.serial);
    admin.delete(&format!("/v1/accounts/{}", segment(account))).is(204);
}

#[test]
fn lists_come_in_pages_that_miss_nothing() {
    let agent = Agent::start("[limits]\ndevices_per_account = 100\n");
    let admin = admin(&agent);
    let mut names: Vec<String> = (0..25).map(|n| format!("account-{n:02}")).collect();
    let mut serials: Vec<String> =
        names.iter().map(|account| add(&admin, account).serial).collect();
    serials.sort();
    let pages = |path: &str, list: &str, name: &str, limit: usize| {
        let (mut found, mut next) = (Vec::new(), Value::Null);
        loop {
            let after = next
                .as_str()
                .map_or_else(|| next.as_u64().map(|n| n.to_string()), |text| Some(segment(text)));
            let after = after.map_or(String::new(), |after| format!("&after={after}"));
            let page = admin.get(&format!("{path}?limit={limit}{after}")).is(200);
            let items = page[list].as_array().unwrap();
            assert!(items.len() <= limit);
            found.extend(items.iter().map(|item| item[name].clone()));
            next = page["next"].clone();
            if next.is_null() {
                return found;
            }
        }
    };
    for limit in [1, 5, 7, 25, 1_000] {
        let texts = |found: Vec<Value>| found.iter().map(text).collect::<Vec<String>>();
        assert_eq!(texts(pages("/v1/devices", "devices", "serial", limit)), serials);
        assert_eq!(texts(pages("/v1/accounts", "accounts", "account", limit)), names);
        let numbers: Vec<u64> = pages("/v1/audit", "events", "number", limit)
            .iter()
            .map(|number| number.as_u64().unwrap())
            .collect();
        assert!(
            numbers.len() >= 25 && numbers.windows(2).all(|pair| pair[1] == pair[0] + 1),
            "{numbers:?}"
        );
    }
    enrol(&admin, "account-00");
    let without = admin.get("/v1/accounts?without_mfa=true").is(200);
    names.remove(0);
    assert_eq!(
        without["accounts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|account| text(&account["account"]))
            .collect::<Vec<_>>(),
        names
    );
    let active = admin.get("/v1/devices?state=active").is(200);
    assert_eq!(active["devices"].as_array().unwrap().len(), 1);
    assert_eq!(
        admin.get("/v1/devices?account=account-00").is(200)["devices"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(admin.get("/v1/devices?account=account-99").is(200)["devices"], json!([]));
}
