//! One-time links to the console and started sign-ins, as programs and operators ask for them.

use std::fs;

use serde_json::{Value, json};
use test_support::agent::Agent;
use test_support::http::Client;
use test_support::people::{api_key, enrol, text};

use super::{CONSOLE, TCP, admin, caller};

const LINKS: &str = "/v1/console/links";
const SIGN_INS: &str = "/v1/console/sign-ins";

/// Each of the routes once.
pub(super) fn what_succeeds(admin: &Client) {
    let made = admin.post(LINKS, json!({"account": "grace"})).is(201);
    admin.get(LINKS).is(200);
    admin.delete(&format!("{LINKS}/{}", text(&made["id"]))).is(204);
    admin.post(SIGN_INS, sign_in("grace", "https://orders.example.com/")).is(201);
}

fn sign_in(account: &str, return_to: &str) -> Value {
    json!({"account": account, "return_to": return_to, "state": "CSRF-9"})
}

fn listed(client: &Client) -> Vec<(String, String)> {
    let page = client.get(LINKS).is(200);
    let links = page["links"].as_array().unwrap();
    links.iter().map(|link| (text(&link["id"]), text(&link["account"]))).collect()
}

#[test]
fn a_link_is_made_listed_and_withdrawn() {
    let agent = Agent::start(&format!("{TCP}{CONSOLE}"));
    let (admin, operator) = (admin(&agent), caller(&agent, "enroller"));
    let mut links = Vec::new();
    for extra in [json!({}), json!({"ttl_seconds": 60}), json!({"recover": false})] {
        let mut body = json!({"account": "grace"});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        links.push(operator.post(LINKS, body).is(201));
    }
    let codes: Vec<String> = links
        .iter()
        .map(|link| {
            let url = text(&link["url"]);
            url.strip_prefix("http://localhost:7443/link#").unwrap().to_owned()
        })
        .collect();
    for code in &codes {
        assert!(code.len() == 26 && code.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }
    let id = text(&links[2]["id"]);
    let page = admin.get(LINKS).is(200);
    let [link] = &page["links"].as_array().unwrap()[..] else {
        panic!("a new link voids the older ones: {page}")
    };
    assert_eq!((&link["id"], &link["account"]), (&links[2]["id"], &"grace".into()));
    assert_eq!((&link["recover"], &link["expires_at"]), (&false.into(), &links[2]["expires_at"]));
    assert!(text(&link["made_by"]).starts_with("key:"), "{link}");
    assert_eq!(page["next"], Value::Null);

    operator.delete(&format!("{LINKS}/{id}")).is(204);
    operator.delete(&format!("{LINKS}/{id}")).refused(404, "NoSuchEntity");
    assert_eq!(listed(&operator), []);
    let rows = admin.get("/v1/audit").is(200).to_string();
    assert!(rows.contains("link.made") && rows.contains("link.withdrawn"), "{rows}");
    let log = agent.log();
    for code in codes {
        assert!(!rows.contains(&code) && !log.contains(&code), "{code} is kept");
    }
    for seconds in [59, 604_801] {
        let body = json!({"account": "grace", "ttl_seconds": seconds});
        operator.post(LINKS, body).refused(400, "InvalidInput");
    }
}

#[test]
fn links_are_listed_by_pages() {
    let agent = Agent::start(CONSOLE);
    let admin = admin(&agent);
    for number in 0..5 {
        admin.post(LINKS, json!({"account": format!("person {number}")})).is(201);
    }
    let whole = listed(&admin);
    assert_eq!(whole.len(), 5);
    let (mut pages, mut after) = (Vec::new(), String::new());
    loop {
        let page = admin.get(&format!("{LINKS}?limit=2{after}")).is(200);
        pages.extend(page["links"].as_array().unwrap().iter().map(|link| text(&link["id"])));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(pages, whole.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>());
}

#[test]
fn a_recovery_link_is_for_administrators() {
    let agent = Agent::start(&format!("{TCP}{CONSOLE}"));
    let (admin, operator) = (admin(&agent), caller(&agent, "enroller"));
    let body = json!({"account": "grace", "recover": true});
    admin.post(LINKS, body.clone()).refused(404, "NoSuchEntity");
    enrol(&admin, "grace");
    operator.post(LINKS, body.clone()).refused(403, "AccessDenied");
    admin.post(LINKS, body).is(201);
    let page = operator.get(LINKS).is(200);
    assert_eq!(page["links"][0]["recover"], true);
    let rows = admin.get("/v1/audit?action=recovery_link.made").is(200);
    assert_eq!(rows["events"].as_array().unwrap().len(), 1, "{rows}");
}

#[test]
fn links_of_hidden_accounts_do_not_exist() {
    let agent = Agent::start(&format!("{TCP}{CONSOLE}"));
    let admin = admin(&agent);
    let key = api_key(&admin, json!({"role": "enroller", "accounts": ["dave"]}));
    let limited = Client::tcp(agent.address()).bearing(&key);
    let hidden = admin.post(LINKS, json!({"account": "grace"})).is(201);
    limited.post(LINKS, json!({"account": "dave"})).is(201);
    limited.post(LINKS, json!({"account": "grace"})).refused(404, "NoSuchEntity");
    let [(_, account)] = &listed(&limited)[..] else { panic!("one link") };
    assert_eq!(account, "dave");
    let answers = [text(&hidden["id"]), "0".repeat(12)]
        .map(|id| limited.delete(&format!("{LINKS}/{id}")).refused(404, "NoSuchEntity"));
    assert_eq!(answers[0], answers[1], "answered like one that was never made");
    assert_eq!(listed(&admin).len(), 2, "the hidden link stays");
}

#[test]
fn a_sign_in_returns_to_a_configured_service_only() {
    let agent = Agent::start(&format!("{TCP}{CONSOLE}"));
    let service = caller(&agent, "verifier");
    let home = "https://orders.example.com/cart?x=1";
    let started = service.post(SIGN_INS, sign_in("grace", home)).is(201);
    let url = text(&started["url"]);
    let code = url.strip_prefix("http://localhost:7443/login/").unwrap();
    assert_eq!(code.len(), 26, "{url}");
    for foreign in ["https://evil.example/", "http://orders.example.com/", "/cart", ""] {
        service.post(SIGN_INS, sign_in("grace", foreign)).refused(400, "InvalidInput");
    }
    let mut long = sign_in("grace", home);
    long["state"] = "x".repeat(1_025).into();
    service.post(SIGN_INS, long).refused(400, "InvalidInput");
    let kept = fs::read(agent.folder.path().join("store.db-wal")).unwrap();
    let kept = String::from_utf8_lossy(&kept).into_owned();
    assert!(!kept.contains("CSRF-9") && !kept.contains(code), "the store keeps it sealed");
}

#[test]
fn without_a_console_the_routes_say_what_to_set() {
    let agent = Agent::start("");
    let admin = admin(&agent);
    for answer in [
        admin.get(LINKS),
        admin.post(LINKS, json!({"account": "grace"})),
        admin.delete(&format!("{LINKS}/000000000000")),
        admin.post(SIGN_INS, sign_in("grace", "https://orders.example.com/")),
    ] {
        let detail = text(&answer.refused(404, "NoSuchEntity")["detail"]);
        assert!(detail.contains("origin in [console]"), "{detail}");
    }
}
