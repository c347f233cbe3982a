//! A running agent whose clock is set back: it vouches for nothing until the clock is right again.

use serde_json::json;
use test_support::agent::Agent;
use test_support::http::Client;
use test_support::people::{alive, enrol, text};

use super::{admin, caller};

/// Sets the clock of this agent so many seconds off.
fn set_clock(agent: &Agent, seconds: i64) {
    std::fs::write(agent.folder.path().join("clock"), seconds.to_string()).unwrap();
}

const CONFIG: &str = "listen = [\"127.0.0.1:0\"]\n[local]\nreuse = { sudo = 60 }\n\
                      [policy.open]\nif_exists = { present = true }\nallow_absent = true\n\
                      [policy.fresh]\nmax_age = 7200\n";

/// An hour back, no route judges by the clock, reads a context as valid, or makes a new one.
#[test]
fn a_clock_that_was_set_back_vouches_for_nothing() {
    let agent = Agent::start(CONFIG);
    let (admin, enroller) = (admin(&agent), caller(&agent, "enroller"));
    let proxy = test_support::people::api_key(&admin, json!({"role": "verifier"}));
    let proxy = Client::tcp(agent.address()).with("X-Twostep-Key", &proxy);
    let mut token = enrol(&admin, "alice");
    let mut body = json!({"account": "alice", "serial": token.serial, "duration_seconds": 900});
    body["code"] = json!(token.code());
    let context = text(&admin.post("/v1/sessions", body).is(201)["token"]);
    assert!(alive(&admin, &context));
    assert_eq!(proxy.bearing(&context).get("/v1/authz/fresh").status, 200);

    // The context expires.
    set_clock(&agent, 1_000);
    assert!(!alive(&admin, &context));
    assert_eq!(proxy.bearing(&context).get("/v1/authz/fresh").status, 401);

    // By a clock that is set back it would be fresh again.
    set_clock(&agent, 0);
    let clock = |answer: test_support::http::Answer| {
        assert_eq!(answer.refused(503, "ServiceUnavailable")["reason"], "clock");
    };
    let introspect = json!({"token": context});
    clock(admin.post("/v1/sessions/introspect", introspect.clone()));
    clock(proxy.bearing(&context).get("/v1/authz/fresh"));
    clock(proxy.bearing(&context).get("/v1/authz/open"));
    clock(proxy.get("/v1/authz/open"));
    clock(admin.post("/v1/sessions/revoke", introspect.clone()));
    clock(admin.post("/v1/sessions", json!({"account": "alice"})));
    clock(admin.post("/v1/accounts/alice/revoke-sessions", json!({})));
    clock(admin.post("/v1/accounts/alice/bypass", json!({})));
    clock(admin.post("/v1/security-keys/register/begin", json!({"account": "bob"})));
    clock(admin.post("/v1/security-keys/authenticate/begin", json!({"account": "bob"})));
    clock(admin.post("/v1/signing-keys", json!({})));
    clock(admin.get("/.well-known/mfa-revocations"));
    // An owner's proof that is over.
    clock(
        enroller
            .with("X-MFA-Context", &context)
            .post("/v1/devices", json!({"account": "alice", "kind": "hotp"})),
    );
    let place = json!({
        "account": "alice", "uid": 0, "service": "sudo", "tty": "pts/1", "token": context,
        "leader_pid": std::process::id(), "leader_started": 1,
        "boot_id": "01234567-89ab-cdef-0123-456789abcdef",
    });
    clock(admin.put("/v1/local/fresh", place));
    // Answers that depend on no clock.
    admin.get("/.well-known/jwks.json").is(200);
    admin.get("/v1/devices?account=alice").is(200);

    // The clock is right again.
    set_clock(&agent, 1_001);
    assert!(!alive(&admin, &context));
    let next = token.session(&admin, "alice");
    assert!(alive(&admin, &next));
}

/// A step that NTP tolerates is no fault.
#[test]
fn a_small_step_back_is_tolerated() {
    let agent = Agent::start(CONFIG);
    let admin = admin(&agent);
    let mut token = enrol(&admin, "alice");
    set_clock(&agent, 50);
    let context = token.session(&admin, "alice");
    set_clock(&agent, 49);
    assert!(alive(&admin, &context));
}
