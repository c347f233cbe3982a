//! Every answer of every route is seen once, and no other; and the agent's own description knows
//! them all.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{fs, thread};

use serde_json::{Value, json};
use test_support::agent::Agent;
use test_support::held_key::{enrol_key, made, register};
use test_support::http::{Answer, Client};
use test_support::people::{add, api_key, enrol, text};
use twostep::testing::SimulatedSecurityKey;

use super::routes::{ROUTES, Role, Route};
use super::{CONSOLE, TCP, access_keys, admin, authz_return, console};
use crate::local::ceremony::Ceremony;
use crate::local::plugged::plug;

/// Method, route, status and code; a success has no code.
type Seen = BTreeSet<(&'static str, &'static str, u16, String)>;

#[test]
fn exactly_the_routes_statuses_and_codes_of_the_contract_are_seen() {
    let seen: Arc<Mutex<Seen>> = Arc::default();
    let watched = |client: Client| {
        let seen = Arc::clone(&seen);
        client.witnessed(move |method, path, answer| {
            if let Some(route) = Route::of(method, path) {
                seen.lock().unwrap().insert((
                    route.method,
                    route.path,
                    answer.status,
                    code_of(answer),
                ));
            }
        })
    };
    let uid = fs::metadata("/proc/self").unwrap().uid();
    let forward = format!(
        "[forward]\nsign_in = \"https://login.example.com/\"\ncookie = \"mfa\"\n\
         [policy.mfa]\npresent = true\n\
         [[peer]]\nuid = {uid}\nrole = \"admin\"\nforward = true\n"
    );
    let related = "[security_keys]\nrelated_origins = [\"https://example.org\"]\n";
    let site = format!(
        "[[console.service]]\nname = \"Site\"\norigin = \"{SITE}\"\nreceive = \"/mfa\"\n\
         audience = \"twostep\"\n"
    );
    let config = format!(
        "{TCP}[limits]\nburst = 100000\n{related}{forward}{CONSOLE}{site}{}",
        access_keys::AWS
    );
    let agent = Agent::start(&config);
    let admin = watched(admin(&agent));
    what_succeeds(&admin);
    what_is_refused_by_its_state(&admin);
    what_anybody_may_be_told(&watched(Client::tcp(agent.address())), &admin);
    what_callers_are_refused(&agent, &watched);
    what_needs_the_store(&agent, &admin);
    drop(agent);
    what_configuration_decides(&watched);

    let seen = seen.lock().unwrap();
    // For root alone.
    let mine = |path: &str| path != "/v1/local/fresh" || nix::unistd::Uid::effective().is_root();
    let seen: Seen = seen.iter().filter(|(_, path, ..)| mine(path)).cloned().collect();
    let expected: Seen = ROUTES
        .iter()
        .filter(|route| mine(route.path))
        .flat_map(|route| {
            route
                .answers()
                .into_iter()
                .map(|(status, code)| (route.method, route.path, status, code))
        })
        .collect();
    let missing: Vec<_> = expected.difference(&seen).collect();
    let surplus: Vec<_> = seen.difference(&expected).collect();
    assert!(
        missing.is_empty() && surplus.is_empty(),
        "never seen: {missing:#?}\nnot in the table: {surplus:#?}"
    );
    let (described, expected) = (
        described(),
        expected
            .iter()
            .map(|(method, path, status, _)| (*method, *path, *status))
            .collect(),
    );
    let unsaid: Vec<_> = BTreeSet::difference(&expected, &described).collect();
    assert!(unsaid.is_empty(), "not in the description: {unsaid:?}");
    // Seen only in a race against another agent, or with a store that takes too long.
    let rare: BTreeSet<u16> =
        described.difference(&expected).map(|(_, _, status)| *status).collect();
    assert_eq!(rare, [409, 503].into());
}

/// A site behind a proxy, which the console's sign-in page serves.
const SITE: &str = "https://site.example.com";

fn code_of(answer: &Answer) -> String {
    let problem = answer.header("content-type") == Some("application/problem+json");
    if problem { text(&answer.json()["code"]) } else { String::new() }
}

fn what_succeeds(admin: &Client) {
    let mut token = enrol(admin, "alice");
    let spare = add(admin, "alice");
    for path in [
        "/v1/devices",
        "/v1/accounts",
        "/v1/audit",
        "/v1/audit/verify",
        "/v1/audit/checkpoint",
        "/v1/api-keys",
        "/v1/signing-keys",
    ] {
        admin.get(path).is(200);
    }
    what_is_published(admin);
    what_moves_devices(admin);
    console::what_succeeds(admin);
    admin.get(&token.path("")).is(200);
    admin.patch(&token.path(""), json!({"name": "a token"})).is(200);
    let pair = json!({"codes": token.pair()});
    for verb in ["/diagnose", "/resync"] {
        admin.post(&token.path(verb), pair.clone()).is(200);
    }
    let mut key = enrol_key(admin, "alice", "alice");
    key.session(admin, "alice");
    let session = token.session(admin, "alice");
    admin.post("/v1/sessions/introspect", json!({"token": session})).is(200);
    assert_eq!(admin.bearing(&session).get("/v1/authz/mfa").status, 200);
    assert_eq!(admin.with("Accept", "text/html").get("/v1/authz/mfa").status, 302);
    assert_eq!(authz_return::sent(admin, SITE, &session).status, 303);
    authz_return::sent(admin, "https://none.example.com", &session).refused(404, "NoSuchEntity");
    what_succeeds_on_the_spot(admin, &session);
    admin.post("/v1/sessions/revoke", json!({"token": session})).is(204);
    admin.post("/v1/accounts/alice/revoke-sessions", json!({})).is(200);
    admin.post("/v1/accounts/alice/bypass", json!({})).is(201);
    admin
        .post("/v1/accounts/alice/recover", json!({"serial": spare.serial}))
        .is(201);
    let spare = add(admin, "alice");
    admin.post(&token.path("/deactivate"), json!({})).is(200);
    admin.post(&token.path("/unlock"), json!({})).is(200);
    admin.delete(&spare.path("")).is(204);
    access_keys::what_succeeds(admin);
    admin.delete("/v1/accounts/alice").is(204);
    let made = admin.post("/v1/api-keys", json!({"role": "verifier"})).is(201);
    admin.delete(&format!("/v1/api-keys/{}", text(&made["api_key"]["id"]))).is(204);
    let old = admin.get("/v1/signing-keys").is(200);
    admin.post("/v1/signing-keys", json!({"algorithm": "ES256"})).is(201);
    admin
        .delete(&format!("/v1/signing-keys/{}", text(&old["signing_keys"][0]["kid"])))
        .is(204);
    admin.post("/v1/store/backup", json!({})).is(201);
    admin.post("/v1/clock/accept", json!({})).is(200);
    admin.get("/v1/fleet/drift?within_days=90").is(200);
    admin.post("/v1/store/accept", json!({})).is(200);
}

/// A device goes into stock, to its owner, and out in a file.
fn what_moves_devices(admin: &Client) {
    let file = b"otpauth://totp/ann?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJR\n";
    let report = admin.raw("POST", "/v1/devices/import", &[], file).is(200);
    let serial = text(&report["tokens"][0]["serial"]);
    let owner = json!({"account": "grace"});
    admin.post(&format!("/v1/devices/{serial}/assign"), owner).is(200);
    let order = json!({"format": "pskc", "passphrase": "p"});
    assert_eq!(admin.post("/v1/devices/export", order).status, 200);
    admin.delete("/v1/accounts/grace").is(204);
}

/// Public documents, and the metrics.
fn what_is_published(admin: &Client) {
    for path in
        ["/.well-known/jwks.json", "/.well-known/webauthn", "/healthz", "/readyz", "/openapi.json"]
    {
        admin.get(path).is(200);
    }
    assert_eq!(admin.get("/metrics").status, 200);
    let list = admin.get("/.well-known/mfa-revocations");
    assert_eq!(
        (list.status, list.header("content-type"), list.header("cache-control")),
        (200, Some("application/mfa-revocations+jwt"), Some("public, max-age=1"))
    );
    let etag = list.header("etag").unwrap();
    let again = admin.raw(
        "GET",
        "/.well-known/mfa-revocations",
        &[("If-None-Match", &format!("\"other\", {etag}"))],
        b"",
    );
    assert_eq!((again.status, again.header("etag"), again.body.len()), (304, Some(etag), 0));
}

/// Without a person at the terminal, and without a key.
fn what_succeeds_on_the_spot(admin: &Client, session: &str) {
    let request = |method: &str, path: &str| {
        let route = ROUTES.iter().find(|route| route.method == method && route.path == path);
        route.unwrap().request().1.unwrap()
    };
    let ceremony = "/v1/local/key-ceremonies";
    let answer = admin.post(ceremony, request("POST", ceremony));
    assert!(answer.status == 200 && answer.text().contains("\"no_key\""), "{}", answer.text());
    let fresh = "/v1/local/fresh";
    admin.post(fresh, request("POST", fresh));
    let mut kept = request("PUT", fresh);
    (kept["account"], kept["token"]) = ("alice".into(), session.into());
    admin.put(fresh, kept);
}

fn what_is_refused_by_its_state(admin: &Client) {
    // Well-formed requests that name missing things.
    for route in ROUTES
        .iter()
        .filter(|route| route.path.contains('{') && !route.path.ends_with("/revoke-sessions"))
    {
        let (path, body) = route.request();
        admin.send(route.method, &path, body).refused(404, "NoSuchEntity");
    }
    admin
        .post("/v1/accounts/carol/revoke-sessions", json!({"serial": "NOT-THERE-000"}))
        .refused(404, "NoSuchEntity");
    let finish = ROUTES
        .iter()
        .find(|route| route.path == "/v1/security-keys/register/finish")
        .unwrap();
    admin
        .send(finish.method, finish.path, finish.request().1)
        .refused(404, "NoSuchEntity");
    let (mut token, pending) = (enrol(admin, "carol"), add(admin, "carol"));
    let create = |extra: Value| {
        let mut body = json!({"account": "carol", "kind": "hotp"});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        admin.post("/v1/devices", body)
    };
    create(json!({"serial": token.serial})).refused(409, "EntityAlreadyExists");
    create(json!({"secret": token.secret})).refused(409, "EntityAlreadyExists");
    for _ in 0..5 {
        enrol(admin, "carol");
    }
    let spare = enrol(admin, "carol");
    what_is_refused_of_a_key(admin, || {
        enrol(admin, "carol");
    });
    create(json!({})).refused(409, "LimitExceeded");
    let pair = json!({"codes": token.pair()});
    admin
        .post(&token.path("/activate"), pair.clone())
        .refused(409, "EntityAlreadyExists");
    admin
        .post(&pending.path("/resync"), pair.clone())
        .refused(409, "EntityTemporarilyUnmodifiable");
    let wrong = json!({"codes": [token.wrong(), token.wrong()]});
    admin
        .post(&pending.path("/activate"), wrong.clone())
        .refused(403, "InvalidAuthenticationCode");
    for _ in 0..5 {
        admin
            .post(&token.path("/resync"), wrong.clone())
            .refused(403, "InvalidAuthenticationCode");
    }
    // The allowance of pairs is spent, for the right one too.
    let problem = admin.post(&token.path("/resync"), pair).refused(429, "Throttled");
    assert!(
        (3_500..=3_600).contains(&problem["retry_after_seconds"].as_u64().unwrap()),
        "{problem}"
    );
    admin.delete(&pending.path("")).is(204);
    admin.delete(&spare.path("")).is(204);
    let sheet = create(json!({"kind": "recovery"})).is(201);
    let sheet = format!("/v1/devices/{}", text(&sheet["device"]["serial"]));
    admin.post(&format!("{sheet}/deactivate"), json!({})).is(200);
    admin
        .post(&format!("{sheet}/activate"), wrong)
        .refused(409, "EntityTemporarilyUnmodifiable");
    let unknown = json!({"account": "nobody", "serial": "NOT-THERE-000", "code": "123456"});
    admin.post("/v1/sessions", unknown).refused(403, "AccessDenied");
}

/// One device more, and Carol has as many as she may have.
fn what_is_refused_of_a_key(admin: &Client, one_more: impl Fn()) {
    let begin = || admin.post("/v1/security-keys/register/begin", json!({"account": "carol"}));
    let finish = |body| admin.post("/v1/security-keys/register/finish", body);
    let (begun, mut key) = (begin().is(200), SimulatedSecurityKey::new("carol"));
    let mut wrong = made(&mut key, &begun);
    wrong["credential"]["response"]["clientDataJSON"] = "e30".into();
    finish(wrong).refused(403, "InvalidAuthenticationCode");
    enrol_key(admin, "frank", "frank");
    let taken = made(&mut SimulatedSecurityKey::new("frank"), &begin().is(200));
    finish(taken).refused(409, "EntityAlreadyExists");
    let late = made(&mut key, &begin().is(200));
    one_more();
    finish(late).refused(409, "LimitExceeded");
    begin().refused(409, "LimitExceeded");
}

fn what_anybody_may_be_told(nobody: &Client, admin: &Client) {
    let long = "x".repeat(65_537);
    for route in ROUTES {
        let (path, body) = route.request();
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let json = ("Content-Type", "application/json");
        admin
            .raw(route.method, &path, &[json], long.as_bytes())
            .refused(400, "InvalidInput");
        nobody
            .raw(route.method, &path, &[json, ("Origin", "http://localhost")], body.as_bytes())
            .refused(403, "AccessDenied");
        if route.role.is_some() {
            nobody
                .raw(route.method, &path, &[json], body.as_bytes())
                .refused(401, "Unauthorized");
        }
    }
}

fn what_callers_are_refused(agent: &Agent, watched: &impl Fn(Client) -> Client) {
    let limited = api_key(&admin(agent), json!({"role": "enroller", "accounts": ["dave"]}));
    let limited = watched(Client::tcp(agent.address()).bearing(&limited));
    limited
        .post("/v1/devices", json!({"account": "carol", "kind": "hotp"}))
        .refused(404, "NoSuchEntity");
    for path in ["/v1/security-keys/register/begin", "/v1/console/links"] {
        limited.post(path, json!({"account": "carol"})).refused(404, "NoSuchEntity");
    }
    let sign_in = json!({"account": "carol", "return_to": "https://orders.example.com/"});
    limited.post("/v1/console/sign-ins", sign_in).refused(404, "NoSuchEntity");
    for role in ["verifier", "enroller"] {
        let caller = watched(super::caller(agent, role));
        for route in ROUTES.iter().filter(|route| {
            route.role.is_some_and(|needed| {
                needed > if role == "verifier" { Role::Verifier } else { Role::Enroller }
            })
        }) {
            let (path, body) = route.request();
            caller.send(route.method, &path, body).refused(403, "AccessDenied");
        }
    }
}

/// Every table of the store gets another name, and its own again.
fn what_needs_the_store(agent: &Agent, admin: &Client) {
    let file = agent.folder.path().join("store.db");
    let tables = tables(&file);
    // The backup that was made before is not of this second.
    thread::sleep(Duration::from_secs(1));
    rename(&file, tables.iter().map(|table| (table.clone(), format!("{table}_away"))));
    for route in ROUTES {
        let (path, body) = route.request();
        // The store holds no policies, and does hold the state of tokens.
        let admin =
            if path.starts_with("/v1/authz/") { &admin.bearing("e30.e30.e30") } else { admin };
        let answer = match route.path {
            "/v1/authz-return" => authz_return::sent(admin, SITE, "e30.e30.e30"),
            _ => admin.send(
                route.method,
                &path.replace("/v1/authz/not-there", "/v1/authz/mfa"),
                body,
            ),
        };
        if route.answers().iter().any(|(status, _)| *status == 503) {
            answer.refused(503, "ServiceUnavailable");
        } else {
            assert!(
                answer.status == 200 || route.path.ends_with("/pin") && answer.status == 404,
                "{}",
                route.path
            );
        }
    }
    rename(&file, tables.iter().map(|table| (format!("{table}_away"), table.clone())));
    admin.get("/readyz").is(200);
    enrol(admin, "erin").session(admin, "erin");
}

fn tables(file: &Path) -> Vec<String> {
    let store = rusqlite::Connection::open(file).unwrap();
    let mut names = store
        .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        .unwrap();
    names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn rename(file: &Path, names: impl Iterator<Item = (String, String)>) {
    let store = rusqlite::Connection::open(file).unwrap();
    let text: String =
        names.map(|(old, new)| format!("ALTER TABLE {old} RENAME TO {new};")).collect();
    store.execute_batch(&format!("BEGIN IMMEDIATE; {text} COMMIT;")).unwrap();
}

fn what_configuration_decides(watched: &impl Fn(Client) -> Client) {
    let agent = Agent::start(&format!(
        "metrics = \"admin\"\n{TCP}[limits]\nrequests_per_second = 1\nburst = 1\n"
    ));
    watched(Client::tcp(agent.address()))
        .get("/metrics")
        .refused(401, "Unauthorized");
    let admin = watched(admin(&agent));
    // A key of no account: no ceremony waits for another one.
    plug(&agent, "x", "");
    for route in ROUTES.iter().filter(|route| route.role.is_some() || route.path == "/metrics") {
        let (path, body) = route.request();
        let twice = [(); 2].map(|()| admin.send(route.method, &path, body.clone()));
        let refused = twice.into_iter().find(|answer| answer.status == 429);
        assert_eq!(refused.unwrap().refused(429, "Throttled")["retry_after_seconds"], 1);
    }
    let agent = Agent::start("[security_keys]\nuser_verification = \"required\"\n");
    let admin = watched(super::admin(&agent));
    register(&admin, "alice", &mut SimulatedSecurityKey::new("a").verifying()).is(201);
    plug(&agent, "a", "pin=123456");
    let mut ceremony =
        Ceremony::begin(&agent.socket(), &json!({"account": "alice", "service": "sudo"}));
    ceremony.hears("need_pin");
    ceremony.type_pin(&admin, "123456");
    ceremony.hears("need_touch");
    ceremony.ends("done");
    let agent = Agent::start("metrics = \"off\"\n");
    for path in ["/metrics", "/.well-known/webauthn", "/v1/console/links"] {
        watched(super::admin(&agent)).get(path).refused(404, "NoSuchEntity");
    }
    access_keys::what_is_not_there(&watched(super::admin(&agent)));
}

/// The description of the agent: method, route and status.
fn described() -> BTreeSet<(&'static str, &'static str, u16)> {
    let agent = Agent::start("");
    let document = admin(&agent).get("/openapi.json").is(200);
    let mut described = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let route = ROUTES
                .iter()
                .find(|route| route.path == path && route.method.eq_ignore_ascii_case(method));
            let route = route
                .unwrap_or_else(|| panic!("{method} {path} is described, and is not in the table"));
            for status in operation["responses"].as_object().unwrap().keys() {
                described.insert((route.method, route.path, status.parse().unwrap()));
            }
        }
    }
    described
}
