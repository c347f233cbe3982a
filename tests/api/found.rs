//! Lists that are searched: by state, kind, use, drift and text; audit rows by what they concern.

use serde_json::{Value, json};
use test_support::agent::Agent;
use test_support::http::{Client, segment};
use test_support::people::{add, app, enrol, now, text};
use twostep::time::UnixTime;

use super::{TCP, admin, caller};

fn names(answer: &Value, list: &str, name: &str) -> Vec<String> {
    let mut names: Vec<String> =
        answer[list].as_array().unwrap().iter().map(|item| text(&item[name])).collect();
    names.sort();
    names
}

fn devices(client: &Client, query: &str) -> Vec<String> {
    names(&client.get(&format!("/v1/devices?{query}")).is(200), "devices", "serial")
}

/// An active token whose clock is `ahead` of the agent's.
fn drifting(admin: &Client, serial: &str, ahead: i64) {
    let secret = format!("{serial}GEZDGNBVGY3TQOJQGEZDGNBVGY3");
    let body = json!({"account": "drifting", "kind": "totp", "serial": serial, "secret": secret});
    admin.post("/v1/devices", body).is(201);
    let codes = [ahead - 30, ahead].map(|ahead| app(&secret).off_by(ahead).text_at(now()));
    let path = format!("/v1/devices/{serial}/activate");
    admin.post(&path, json!({"codes": codes})).is(200);
}

#[test]
fn devices_are_found_by_kind_use_drift_and_text() {
    let agent = Agent::start(TCP);
    let admin = admin(&agent);
    drifting(&admin, "DRIFT2222", 0);
    drifting(&admin, "DRIFT3333", 90);
    drifting(&admin, "DRIFT4444", -300);
    let mut used = enrol(&admin, "Zoë");
    used.session(&admin, "Zoë");
    let pending = add(&admin, "bob");
    let button =
        json!({"account": "bob", "kind": "hotp", "serial": "BUTTON-77", "name": "Red Key"});
    admin.post("/v1/devices", button).is(201);

    let all = devices(&admin, "");
    assert_eq!(all.len(), 6);
    for (query, expected) in [
        ("kind=hotp&search=-77", vec!["BUTTON-77"]),
        ("kind=totp&state=pending", vec![]),
        ("kind=hotp&state=pending&search=hotp-", vec![pending.serial.as_str()]),
        ("kind=security_key", vec![]),
        ("drift_above=0", vec!["DRIFT3333", "DRIFT4444"]),
        ("drift_above=2", vec!["DRIFT3333", "DRIFT4444"]),
        ("drift_above=3", vec!["DRIFT4444"]),
        ("drift_above=1000000", vec![]),
        ("search=drift", vec!["DRIFT2222", "DRIFT3333", "DRIFT4444"]),
        ("search=FT3", vec!["DRIFT3333"]),
        ("search=red%20k", vec!["BUTTON-77"]),
        ("search=ZO%C3%8B", vec![used.serial.as_str()]),
        ("search=%25", vec![]),
        ("search=butt&kind=hotp&state=pending&account=bob", vec!["BUTTON-77"]),
        ("search=bob&kind=hotp&state=active", vec![]),
    ] {
        assert_eq!(devices(&admin, query), expected, "{query}");
    }
    // Each device was used at its activation, or never.
    let since = |seconds: u64| segment(&UnixTime(now().0 - seconds).to_string());
    let unused = devices(&admin, &format!("unused_since={}", since(3_600)));
    assert_eq!(unused.len(), 2, "those that are pending: {unused:?}");
    assert_eq!(devices(&admin, "unused_since=2999-01-01T00:00:00Z"), all);

    // A page of a search may be short, and the pages join.
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let page = admin.get(&format!("/v1/devices?search=drift&limit=1{after}")).is(200);
        found.extend(names(&page, "devices", "serial"));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(found, ["DRIFT2222", "DRIFT3333", "DRIFT4444"]);

    // A verifier is not shown when a device was used, nor its drift, and cannot search by them.
    let verifier = caller(&agent, "verifier");
    assert_eq!(devices(&verifier, "account=bob&kind=hotp&search=red"), ["BUTTON-77"]);
    for query in ["account=drifting&drift_above=3", "account=bob&unused_since=2999-01-01T00:00:00Z"]
    {
        verifier.get(&format!("/v1/devices?{query}")).refused(403, "AccessDenied");
    }
}

#[test]
fn accounts_are_found_by_a_part_of_their_name() {
    let agent = Agent::start("");
    let admin = admin(&agent);
    for account in ["alice", "Alina", "bob", "o'brien & söhne"] {
        add(&admin, account);
    }
    enrol(&admin, "alina@example.com");
    let found = |query: &str| {
        names(&admin.get(&format!("/v1/accounts?{query}")).is(200), "accounts", "account")
    };
    assert_eq!(found("search=ALI"), ["Alina", "alice", "alina@example.com"]);
    assert_eq!(found("search=ali&without_mfa=true"), ["Alina", "alice"]);
    assert_eq!(found("search=S%C3%96HNE"), ["o'brien & söhne"]);
    assert!(found("search=mallory").is_empty());
}

#[test]
fn audit_rows_are_found_by_what_they_concern() {
    let agent = Agent::start(TCP);
    let admin = admin(&agent);
    let mut token = enrol(&admin, "alice");
    token.session(&admin, "alice");
    add(&admin, "bob");
    let mut keyed = admin.post("/v1/api-keys", json!({"role": "enroller", "name": "desk"})).is(201);
    let key = text(&keyed["key"].take());
    add(&Client::tcp(agent.address()).bearing(&key), "carol");

    let rows = |query: &str| {
        let page = admin.get(&format!("/v1/audit?{query}")).is(200);
        page["events"].as_array().unwrap().clone()
    };
    let actions =
        |query: &str| rows(query).iter().map(|row| text(&row["action"])).collect::<Vec<String>>();
    for from in ["newest=true&", "after=0&"] {
        let of_alice = rows(&format!("{from}account=alice"));
        assert!(of_alice.len() >= 3 && of_alice.iter().all(|row| row["account"] == "alice"));
        let of_device = rows(&format!("{from}serial={}", token.serial));
        assert!(!of_device.is_empty() && of_device.iter().all(|row| row["serial"] == token.serial));
        assert_eq!(actions(&format!("{from}action=device.added")).len(), 3);
        assert_eq!(actions(&format!("{from}action=device.added&account=bob")), ["device.added"]);
        assert_eq!(actions(&format!("{from}account=bob&until=2020-01-01T00:00:00Z")).len(), 0);
        assert_eq!(actions(&format!("{from}account=bob&since=2020-01-01T00:00:00Z")).len(), 1);
        assert_eq!(actions(&format!("{from}account=bob&since=2999-01-01T00:00:00Z")).len(), 0);
    }
    // The newest that fit, not those that fit among the newest.
    assert_eq!(actions("newest=true&limit=1&account=bob"), ["device.added"]);

    // Callers have the names that the system knows.
    let by_key = rows("account=carol");
    assert_eq!(by_key[0]["caller_name"], "desk", "{by_key:?}");
    let uid = nix::unistd::Uid::effective();
    let me = nix::unistd::User::from_uid(uid).unwrap().unwrap().name;
    let by_me = rows("account=bob");
    assert_eq!(by_me[0]["caller_name"], me, "{by_me:?}");
    assert_eq!(by_me[0]["caller"], format!("uid:{uid}"));

    // The end of the last page is where later rows are found.
    let page = admin.get("/v1/audit?newest=true&account=bob").is(200);
    let end = text(&page["end"]);
    assert!(rows(&format!("after={end}")).is_empty());
    add(&admin, "dave");
    assert!(rows(&format!("after={end}&account=dave")).len() == 1);
}

#[test]
fn a_refused_parameter_is_named() {
    let agent = Agent::start("");
    let admin = admin(&agent);
    for (path, name) in [
        ("/v1/devices?state=lost", "state"),
        ("/v1/devices?kind=sms", "kind"),
        ("/v1/devices?kind=bypass", "kind"),
        ("/v1/devices?unused_since=yesterday", "unused_since"),
        ("/v1/devices?drift_above=-1", "drift_above"),
        ("/v1/devices?drift_above=1000001", "drift_above"),
        ("/v1/devices?drift_above=many", "drift_above"),
        ("/v1/devices?search=", "search"),
        ("/v1/devices?limit=ten", "limit"),
        ("/v1/devices?stat=active", "stat"),
        ("/v1/devices?state=active&state=active", "state"),
        ("/v1/accounts?search=", "search"),
        ("/v1/accounts?without_mfa=maybe", "without_mfa"),
        ("/v1/audit?action=code.eaten", "action"),
        ("/v1/audit?since=today", "since"),
        ("/v1/audit?until=1", "until"),
        ("/v1/audit?serial=has%20a%20blank", "serial"),
        ("/v1/audit?after=x", "after"),
    ] {
        let problem = admin.get(path).refused(400, "InvalidInput");
        let detail = text(&problem["detail"]);
        assert!(detail.contains(name), "{path}: {detail}");
        assert!(!detail.contains("lost") && !detail.contains("eaten"), "{path}: {detail}");
    }
}

#[test]
fn a_lost_device_of_several_is_named() {
    let agent = Agent::start(TCP);
    let admin = admin(&agent);
    let (mut lost, kept) = (enrol(&admin, "alice"), enrol(&admin, "alice"));
    let recover = |body: Value| admin.post("/v1/accounts/alice/recover", body);
    let detail = text(&recover(json!({})).refused(400, "InvalidInput")["detail"]);
    assert!(detail.contains(&lost.serial) && detail.contains(&kept.serial), "{detail}");
    recover(json!({"serial": "a b"})).refused(400, "InvalidInput");
    recover(json!({"ttl_seconds": 59})).refused(400, "InvalidInput");
    recover(json!({"serial": "NOBODYS01"})).refused(404, "NoSuchEntity");
    admin.post("/v1/accounts/bob/recover", json!({})).refused(404, "NoSuchEntity");
    let session = lost.session(&admin, "alice");
    let recovered = recover(json!({"serial": lost.serial, "ttl_seconds": 60})).is(201);
    assert_eq!(recovered["removed"], lost.serial);
    admin.get(&lost.path("")).refused(404, "NoSuchEntity");
    let seen = admin.post("/v1/sessions/introspect", json!({"token": session})).is(200);
    assert_eq!(seen["active"], false, "sessions of the lost device are over");
    let open = json!({"account": "alice", "code": recovered["code"]});
    assert_eq!(admin.post("/v1/sessions", open.clone()).is(201)["context"]["kind"], "bypass");
    admin.post("/v1/sessions", open).refused(403, "AccessDenied");
    let enroller = caller(&agent, "enroller");
    enroller
        .post("/v1/accounts/alice/recover", json!({}))
        .refused(403, "AccessDenied");
    assert_eq!(recover(json!({})).is(201)["removed"], kept.serial, "the only one is meant");
}
