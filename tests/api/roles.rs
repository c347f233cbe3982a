//! Roles, API keys, the accounts that a key is limited to, and the reasons of refusals.

use serde_json::json;
use test_support::agent::Agent;
use test_support::http::Client;
use test_support::people::{add, api_key, enrol, text};

use super::routes::{ROLES, ROUTES, Role, Route};
use super::{TCP, admin, caller};

/// The lowest role that may ask by default.
fn needed(route: &Route) -> Option<Role> {
    if route.path == "/metrics" { Some(Role::Admin) } else { route.role }
}

#[test]
fn each_role_may_ask_for_its_routes_and_for_no_other() {
    let agent = Agent::start(TCP);
    let nobody = Client::tcp(agent.address());
    for (role, name) in ROLES.into_iter().zip(["verifier", "enroller", "admin"]) {
        let caller = caller(&agent, name);
        for route in ROUTES {
            let (path, body) = route.request();
            let answer = caller.send(route.method, &path, body.clone());
            let problem = if answer.status >= 400 { answer.json() } else { json!({}) };
            let detail = problem["detail"].as_str().unwrap_or_default();
            let too_low = detail.starts_with("your role does not allow this");
            assert_eq!(
                too_low,
                needed(route).is_some_and(|needed| role < needed),
                "{name}: {} {} {problem}",
                route.method,
                route.path
            );
            if too_low {
                answer.refused(403, "AccessDenied");
                let needed = ROLES.iter().position(|role| Some(*role) == needed(route)).unwrap();
                let needed = ["verifier", "enroller", "admin"][needed];
                assert!(
                    detail.ends_with(&format!("it takes {needed}, and yours is {name}")),
                    "{detail}"
                );
            } else {
                assert!(
                    answer.status != 401 && answer.status < 500,
                    "{name}: {} {} {problem}",
                    route.method,
                    route.path
                );
            }
            let answer = nobody.send(route.method, &path, body);
            assert_eq!(
                answer.status == 401,
                needed(route).is_some(),
                "{} {}",
                route.method,
                route.path
            );
        }
    }
    // A verifier must say whose devices.
    let verifier = caller(&agent, "verifier");
    verifier.get("/v1/devices").refused(403, "AccessDenied");
    verifier.get("/v1/devices?account=alice").is(200);
}

#[test]
fn only_a_whole_and_living_api_key_is_one() {
    let agent = Agent::start(TCP);
    let admin = admin(&agent);
    let made = admin
        .post("/v1/api-keys", json!({"role": "admin", "name": "a key", "explain": true}))
        .is(201);
    let (key, id) = (text(&made["key"]), text(&made["api_key"]["id"]));
    assert!(key.starts_with(&format!("twostep_{id}_")), "{id}");
    assert_eq!(
        (&made["api_key"]["role"], &made["api_key"]["name"]),
        (&"admin".into(), &"a key".into())
    );
    let listed = admin.get("/v1/api-keys").is(200);
    assert_eq!(listed["api_keys"], json!([made["api_key"]]));
    assert!(!listed.to_string().contains(key.rsplit('_').next().unwrap()));

    let nobody = Client::tcp(agent.address());
    let other = api_key(&admin, json!({"role": "admin"}));
    let swapped = format!("twostep_{id}_{}", &other[other.len() - 43..]);
    let mut flipped = key.clone().into_bytes();
    let last = flipped.len() - 2;
    flipped[last] = if flipped[last] == b'A' { b'B' } else { b'A' };
    let flipped = String::from_utf8(flipped).unwrap();
    for wrong in [
        &swapped,
        &flipped,
        &key[..key.len() - 1],
        &format!("{key}A"),
        &id,
        "",
        "twostep__",
        &format!("twostep_{id}_"),
    ] {
        nobody.bearing(wrong).get("/v1/accounts").refused(401, "Unauthorized");
    }
    for header in [format!("bearer{key}"), format!("Basic {key}"), key.clone()] {
        nobody
            .with("Authorization", &header)
            .get("/v1/accounts")
            .refused(401, "Unauthorized");
    }
    // The Unix socket does not look at keys, nor a key's holder at the socket's rights.
    super::admin(&agent).bearing("wrong").get("/v1/accounts").is(200);

    // Revoked is revoked at the next request, on a connection that is open already.
    let holder = nobody.bearing(&key);
    holder.get("/v1/accounts").is(200);
    admin.delete(&format!("/v1/api-keys/{id}")).is(204);
    holder.get("/v1/accounts").refused(401, "Unauthorized");
    nobody.bearing(&other).get("/v1/accounts").is(200);
    admin.delete(&format!("/v1/api-keys/{id}")).refused(404, "NoSuchEntity");
}

#[test]
fn accounts_beyond_a_keys_scope_do_not_exist_for_it() {
    let agent = Agent::start(TCP);
    let admin = admin(&agent);
    let key = api_key(&admin, json!({"role": "enroller", "accounts": ["team-*", "carol"]}));
    let limited = Client::tcp(agent.address()).bearing(&key);
    let (mut inside, mut outside) = (enrol(&limited, "team-a"), enrol(&admin, "alice"));
    let pending = add(&admin, "bob");

    // Hidden accounts and devices look like missing ones.
    let same = |there: test_support::http::Answer, not_there: test_support::http::Answer| {
        assert_eq!((there.status, there.json()), (not_there.status, not_there.json()));
    };
    let pair = || json!({"codes": ["123456", "654321"]});
    for verb in ["/activate", "/resync"] {
        for token in [&outside, &pending] {
            same(
                limited.post(&token.path(verb), pair()),
                limited.post(&format!("/v1/devices/NOT-THERE-000{verb}"), pair()),
            );
        }
    }
    same(limited.get(&outside.path("")), limited.get("/v1/devices/NOT-THERE-000"));
    same(limited.delete(&outside.path("")), limited.delete("/v1/devices/NOT-THERE-000"));
    same(
        limited.post(&outside.path("/deactivate"), json!({})),
        limited.post("/v1/devices/NOT-THERE-000/deactivate", json!({})),
    );
    same(
        limited.patch(&outside.path(""), json!({"name": "x"})),
        limited.patch("/v1/devices/NOT-THERE-000", json!({"name": "x"})),
    );
    same(limited.get("/v1/devices?account=alice"), limited.get("/v1/devices?account=nobody"));
    let create =
        |account: &str| limited.post("/v1/devices", json!({"account": account, "kind": "hotp"}));
    same(create("alice"), create("nobody"));
    let revoke =
        |account: &str| limited.post(&format!("/v1/accounts/{account}/revoke-sessions"), json!({}));
    same(revoke("alice"), revoke("nobody"));

    let code = outside.code();
    let open = |account: &str, serial: &str| {
        limited.post("/v1/sessions", json!({"account": account, "serial": serial, "code": code}))
    };
    same(open("alice", &outside.serial), open("nobody", &outside.serial));
    // The refused caller did not spend the right code.
    let opened = admin
        .post("/v1/sessions", json!({"account": "alice", "serial": outside.serial, "code": code}))
        .is(201);
    same(
        limited.post("/v1/sessions/introspect", json!({"token": opened["token"]})),
        limited.post("/v1/sessions/introspect", json!({"token": "none"})),
    );
    limited.post("/v1/sessions/revoke", json!({"token": opened["token"]})).is(204);
    assert!(test_support::people::alive(&admin, opened["token"].as_str().unwrap()));
    // Nor does a context without MFA come out for an account that does not exist.
    limited
        .post("/v1/sessions", json!({"account": "alice"}))
        .refused(403, "AccessDenied");

    inside.session(&limited, "team-a");
    enrol(&limited, "carol");
    limited.get("/v1/devices").refused(400, "InvalidInput");
    assert_eq!(
        limited.get("/v1/devices?account=carol").is(200)["devices"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let team = Client::tcp(agent.address())
        .bearing(&api_key(&admin, json!({"role": "enroller", "accounts": ["team-*"]})));
    let listed = team.get("/v1/devices").is(200);
    assert_eq!(listed["devices"].as_array().unwrap().len(), 1);
    assert_eq!(listed["devices"][0]["account"], "team-a");
}

#[test]
fn why_is_told_to_those_who_may_know() {
    let agent = Agent::start(TCP);
    let admin = admin(&agent);
    let told = Client::tcp(agent.address())
        .bearing(&api_key(&admin, json!({"role": "verifier", "explain": true})));
    let untold = caller(&agent, "verifier");
    let mut token = enrol(&admin, "alice");
    let (pending, mut spare) = (add(&admin, "alice"), enrol(&admin, "alice"));
    let used = token.code();
    let body =
        |serial: &str, code: &str| json!({"account": "alice", "serial": serial, "code": code});
    told.post("/v1/sessions", body(&token.serial, &used)).is(201);
    let wrong = token.wrong();
    let mut bodies = Vec::new();
    for (serial, code, reason) in [
        (token.serial.as_str(), used.as_str(), "replayed"),
        (&token.serial, wrong, "no_match"),
        ("NOT-THERE-000", wrong, "unknown_device"),
        (&pending.serial, wrong, "not_active"),
    ] {
        let why = told.post("/v1/sessions", body(serial, code)).refused(403, "AccessDenied");
        assert_eq!(why["reason"], reason);
        bodies.push(untold.post("/v1/sessions", body(serial, code)).refused(403, "AccessDenied"));
    }
    told.post("/v1/sessions", body(&token.serial, wrong))
        .refused(403, "AccessDenied");
    let code = token.code();
    let why = told
        .post("/v1/sessions", body(&token.serial, &code))
        .refused(403, "AccessDenied");
    assert_eq!(why["reason"], "throttled");
    assert!((25..=30).contains(&why["retry_after_seconds"].as_u64().unwrap()), "{why}");
    bodies.push(
        untold
            .post("/v1/sessions", body(&token.serial, &code))
            .refused(403, "AccessDenied"),
    );
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert!(bodies[0].get("reason").is_none() && bodies[0].get("retry_after_seconds").is_none());

    // A pair too: told to the administrator, and not to an enroller who may not know.
    let pair = json!({"codes": [spare.wrong(), spare.wrong()]});
    assert_eq!(
        admin
            .post(&spare.path("/resync"), pair.clone())
            .refused(403, "InvalidAuthenticationCode")["reason"],
        "no_match"
    );
    let untold = caller(&agent, "enroller");
    assert!(
        untold
            .post(&spare.path("/resync"), pair)
            .refused(403, "InvalidAuthenticationCode")
            .get("reason")
            .is_none()
    );
    let denied = untold.post(&spare.path("/deactivate"), json!({})).refused(403, "AccessDenied");
    assert_eq!(denied["reason"], "mfa_required", "what to do about it is no secret");
    spare.session(&admin, "alice");
}

#[test]
fn metrics_tell_outcomes_to_administrators_alone() {
    let agent = Agent::start(TCP);
    Client::tcp(agent.address()).get("/metrics").refused(401, "Unauthorized");
    caller(&agent, "verifier").get("/metrics").refused(403, "AccessDenied");
    let outcomes = ["twostep_judged", "twostep_accepted", "twostep_refusals", "twostep_events"];
    for access in ["open", "verifier"] {
        let agent = Agent::start(&format!("metrics = \"{access}\"\n{TCP}"));
        let admin = admin(&agent);
        let token = enrol(&admin, "alice");
        let guess = json!({"account": "alice", "serial": token.serial, "code": token.wrong()});
        for _ in 0..3 {
            admin.post("/v1/sessions", guess.clone()).is(403);
        }
        let told = match access {
            "open" => Client::tcp(agent.address()).get("/metrics").text(),
            _ => caller(&agent, access).get("/metrics").text(),
        };
        assert!(told.contains("twostep_store_ok 1"), "{told}");
        assert!(outcomes.iter().all(|outcome| !told.contains(outcome)), "{told}");
        let told = admin.get("/metrics").text();
        assert!(told.contains("twostep_judged_total"), "{told}");
        assert!(!told.contains("_total 3\n") && !told.contains("} 3\n# HELP twostep_j"), "{told}");
    }
}

#[test]
fn taken_serials_and_secrets_look_alike_outside_of_ones_accounts() {
    let agent = Agent::start(TCP);
    let admin = admin(&agent);
    let key = api_key(&admin, json!({"role": "enroller", "accounts": ["team-*"]}));
    let limited = Client::tcp(agent.address()).bearing(&key);
    let secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
    let device = |account: &str, serial: &str, secret: &str| -> serde_json::Value {
        json!({"account": account, "kind": "hotp", "serial": serial, "secret": secret})
    };
    let add = |caller: &Client, device| caller.post("/v1/devices", device);
    add(&admin, device("alice", "ALICES-0001", secret)).is(201);
    let other = "KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU";
    let answers = [
        add(&limited, device("team-a", "ALICES-0001", other)),
        add(&limited, device("team-a", "TEAMS-0001", secret)),
        add(&limited, device("team-a", "ALICES-0001", secret)),
    ];
    for answer in &answers {
        assert_eq!(answer.body, answers[0].body);
        answer.clone().refused(400, "InvalidInput");
    }
    // Of its own accounts it hears what is taken, and an administrator of all.
    add(&limited, device("team-a", "TEAMS-0001", other)).is(201);
    add(&limited, device("team-b", "TEAMS-0001", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"))
        .refused(409, "EntityAlreadyExists");
    add(&admin, device("bob", "BOBS-0001", secret)).refused(409, "EntityAlreadyExists");
}
