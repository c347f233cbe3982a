//! Other local users on the Unix socket, as the kernel reports them. They are curl, run as another
//! user: only root can.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use test_support::agent::Agent;
use test_support::others::NOBODY;
use test_support::people::{add, enrol};
use test_support::tools;

use super::admin;

/// An agent whose socket all users can reach.
fn start(config: &str) -> Agent {
    let agent =
        Agent::start(&format!("{config}\n[socket]\npath = \"agent.sock\"\nmode = \"0666\"\n"));
    set_permissions(agent.folder.path(), Permissions::from_mode(0o755)).unwrap();
    agent
}

fn ask(agent: &Agent, uid: u32, method: &str, path: &str, body: &Value) -> (u16, Value) {
    test_support::others::ask(&agent.socket(), uid, method, path, body)
}

#[test]
fn a_user_without_a_rule_is_refused() {
    if !tools::have("curl,root") {
        return;
    }
    let agent = start("");
    for uid in [NOBODY, 12_345] {
        for (method, path) in
            [("GET", "/v1/devices?account=nobody"), ("POST", "/v1/sessions"), ("GET", "/v1/audit")]
        {
            let (status, problem) = ask(&agent, uid, method, path, &json!({}));
            assert_eq!((status, &problem["code"]), (403, &"AccessDenied".into()), "{problem}");
        }
        // The kernel names the user; an API key does not change that.
        assert_eq!(ask(&agent, uid, "GET", "/healthz", &json!({})).0, 200);
    }
}

#[test]
fn a_rule_gives_a_user_its_role_and_its_accounts() {
    if !tools::have("curl,root") {
        return;
    }
    let rules = format!(
        "[[peer]]\nuid = {NOBODY}\nrole = \"enroller\"\naccounts = [\"$user\", \"team-*\"]\n\
         explain = true\n\
         [[peer]]\nuid = 12345\nrole = \"verifier\"\n[[peer]]\ngid = 12346\nrole = \"admin\"\n"
    );
    let agent = start(&rules);
    let root = admin(&agent);
    let mut token = enrol(&root, "alice");
    let create = |account: &str| {
        ask(&agent, NOBODY, "POST", "/v1/devices", &json!({"account": account, "kind": "hotp"}))
    };
    assert_eq!((create("nobody").0, create("team-a").0), (201, 201));
    let (status, problem) = create("alice");
    assert_eq!((status, &problem["code"]), (404, &"NoSuchEntity".into()));
    assert_eq!(ask(&agent, NOBODY, "GET", "/v1/accounts", &json!({})).0, 403);
    assert_eq!(ask(&agent, NOBODY, "GET", &token.path(""), &json!({})).0, 404);
    let (wrong, code) = (token.wrong(), token.code());
    let open = |uid, code: &str| {
        ask(
            &agent,
            uid,
            "POST",
            "/v1/sessions",
            &json!({"account": "alice", "serial": token.serial, "code": code}),
        )
    };
    // `explain` is set in this rule, and not in the other one.
    let own = json!({"account": "nobody", "code": "123456"});
    assert_eq!(ask(&agent, NOBODY, "POST", "/v1/sessions", &own).1["reason"], "not_active");
    assert!(ask(&agent, 12_345, "POST", "/v1/sessions", &own).1.get("reason").is_none());
    assert_eq!(open(NOBODY, &code).1["reason"], "unknown_device");
    assert!(open(12_345, wrong).1.get("reason").is_none());
    assert_eq!(open(12_345, &code).0, 201);
    assert_eq!(
        ask(&agent, 12_345, "POST", "/v1/devices", &json!({"account": "carol", "kind": "hotp"})).0,
        403
    );
    // A user whose group has a rule, and no name in the user database.
    assert_eq!(ask(&agent, 12_346, "GET", "/v1/accounts", &json!({})).0, 200);
    assert_eq!(ask(&agent, 12_347, "GET", "/v1/accounts", &json!({})).0, 403);
}

#[test]
fn local_users_enrol_for_the_account_of_their_login_name() {
    if !tools::have("curl,root") {
        return;
    }
    let agent = start("local_users = true\n");
    let root = admin(&agent);
    let other = add(&root, "alice");
    let create = |uid, account: &str| {
        ask(&agent, uid, "POST", "/v1/devices", &json!({"account": account, "kind": "totp"})).0
    };
    assert_eq!(create(NOBODY, "nobody"), 201);
    assert_eq!(create(NOBODY, "root"), 404);
    assert_eq!(create(NOBODY, "alice"), 404);
    let (status, list) = ask(&agent, NOBODY, "GET", "/v1/devices", &json!({}));
    assert_eq!(
        (status, list["devices"].as_array().unwrap().len(), &list["devices"][0]["account"]),
        (200, 1, &"nobody".into())
    );
    assert_eq!(ask(&agent, NOBODY, "DELETE", &other.path(""), &json!({})).0, 404);
    // A user without a login name has no account.
    assert_eq!(create(12_345, "12345"), 403);
}

/// A sign-in without an account would be for anybody's.
#[test]
fn users_limited_to_their_own_account_must_name_it() {
    if !tools::have("curl,root") {
        return;
    }
    let begin = |agent: &Agent, uid, body: Value| {
        ask(agent, uid, "POST", "/v1/security-keys/authenticate/begin", &body)
    };
    let rules = format!(
        "[[peer]]\nuid = {NOBODY}\nrole = \"enroller\"\naccounts = [\"$user\"]\n\
         [[peer]]\nuid = 12345\nrole = \"verifier\"\naccounts = [\"$user\", \"team-*\"]\n\
         [[peer]]\nuid = 12346\nrole = \"verifier\"\naccounts = [\"alice\"]\n\
         [[peer]]\nuid = 12347\nrole = \"verifier\"\n"
    );
    let agent = start(&format!("{rules}[security_keys]\nusernameless = true\n"));
    for (uid, status) in [(NOBODY, 403), (12_345, 200), (12_346, 200), (12_347, 200), (12_348, 403)]
    {
        let (answered, told) = begin(&agent, uid, json!({}));
        assert_eq!((answered, told["code"].is_string()), (status, status != 200), "{uid}: {told}");
    }
    assert_eq!(begin(&agent, NOBODY, json!({"account": "nobody"})).0, 200);
    let agent = start("local_users = true\n[security_keys]\nusernameless = true\n");
    assert_eq!(begin(&agent, NOBODY, json!({})).0, 403);
    assert_eq!(begin(&agent, NOBODY, json!({"account": "nobody"})).0, 200);
}
