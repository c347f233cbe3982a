//! Security keys over HTTP: enrolled, used, refused; and a key of another code base.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use test_support::agent::Agent;
use test_support::held_key::{HeldKey, begin, enrol_key, made, register};
use test_support::http::{Answer, Client};
use test_support::people::{alive, api_key, enrol, text};
use test_support::tools;
use twostep::testing::SimulatedSecurityKey;

use super::{TCP, admin, caller};

#[test]
fn a_key_is_enrolled_and_opens_a_session() {
    let agent = Agent::start(TCP);
    let (admin, enroller, verifier) =
        (admin(&agent), caller(&agent, "enroller"), caller(&agent, "verifier"));
    let begun = enroller
        .post("/v1/security-keys/register/begin", json!({"account": "alice", "name": "blue"}))
        .is(200);
    let asked = &begun["public_key"];
    assert_eq!(
        (&asked["rp"]["id"], &asked["user"]["name"]),
        (&"localhost".into(), &"alice".into())
    );
    let mut key = SimulatedSecurityKey::new("alice").verifying();
    let enrolled = enroller
        .post("/v1/security-keys/register/finish", made(&mut key, &begun))
        .is(201);
    let device = &enrolled["device"];
    for (member, value) in [
        ("account", json!("alice")),
        ("kind", json!("security_key")),
        ("name", json!("blue")),
        ("state", json!("active")),
        ("sign_count", json!(1)),
        ("user_verified", json!(true)),
        ("backup_eligible", json!(false)),
        ("transports", json!(["usb"])),
        ("attestation", json!("none")),
    ] {
        assert_eq!(device[member], value, "{member}");
    }
    assert!(
        device["activated_at"].is_string()
            && device.get("algorithm").is_none()
            && device.get("drift_steps").is_none(),
        "{device}"
    );

    let mut held = HeldKey { serial: text(&device["serial"]), key };
    let asked = begin(&verifier, "alice");
    assert_eq!(asked["public_key"]["allowCredentials"][0]["id"], device["credential_id"]);
    let mut body = held.answers("alice", &asked);
    body["duration_seconds"] = 900.into();
    let opened = verifier.post("/v1/sessions", body.clone()).is(201);
    for (member, value) in [
        ("mfa_present", json!(true)),
        ("serial", json!(held.serial)),
        ("kind", json!("security_key")),
        ("amr", json!(["pop", "user", "mfa"])),
        ("user_verified", json!(true)),
        ("phishing_resistant", json!(true)),
        ("hardware_bound", json!(false)),
    ] {
        assert_eq!(opened["context"][member], value, "{member}");
    }
    assert!(alive(&verifier, opened["token"].as_str().unwrap()));
    verifier.post("/v1/sessions", body).refused(403, "AccessDenied");
    let shown = admin.get(&held.path("")).is(200);
    assert_eq!((&shown["sign_count"], &shown["last_used_at"].is_string()), (&2.into(), &true));
    let factors = verifier.get("/v1/devices?account=alice").is(200);
    let members: BTreeSet<&str> =
        factors["devices"][0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        members,
        ["kind", "name", "serial", "state", "throttled_until"].into(),
        "a verifier sees no more of a key than of a token"
    );
    assert!(
        admin
            .get("/metrics")
            .text()
            .contains("twostep_sessions_issued_total{mfa=\"true\",kind=\"security_key\"} 1")
    );

    // Out of use, its sessions are dead; it takes no codes to come back.
    let token = held.session(&verifier, "alice");
    admin.post(&held.path("/deactivate"), json!({})).is(200);
    assert!(!alive(&verifier, &token));
    let codes = json!({"codes": ["123456", "654321"]});
    let told = admin.post(&held.path("/activate"), codes.clone()).refused(400, "InvalidInput");
    assert!(text(&told["detail"]).contains("remove it, and enrol it again"), "{told}");
    admin
        .post(&held.path("/resync"), codes)
        .refused(409, "EntityTemporarilyUnmodifiable");
    admin.delete(&held.path("")).is(204);
    enrol_key(&admin, "alice", "another").session(&verifier, "alice");
}

/// T-ADD-NEEDS-MFA, and a key's own context as the proof.
#[test]
fn a_protected_account_enrols_a_key_with_a_fresh_context() {
    let agent = Agent::start(TCP);
    let enroller = caller(&agent, "enroller");
    let mut first = enrol_key(&enroller, "alice", "first");
    let required = enroller
        .post("/v1/security-keys/register/begin", json!({"account": "alice"}))
        .refused(403, "AccessDenied");
    assert_eq!(required["reason"], "mfa_required");
    let owner = enroller.with("X-MFA-Context", &first.session(&enroller, "alice"));
    let begun = owner
        .post("/v1/security-keys/register/begin", json!({"account": "alice"}))
        .is(200);
    assert_eq!(begun["public_key"]["excludeCredentials"].as_array().unwrap().len(), 1);
    let mut second = SimulatedSecurityKey::new("second");
    // A registration that began with proof also needs it at its end.
    let required = enroller
        .post("/v1/security-keys/register/finish", made(&mut second, &begun))
        .refused(403, "AccessDenied");
    assert_eq!(required["reason"], "mfa_required");
    owner
        .post("/v1/security-keys/register/finish", made(&mut second, &begun))
        .refused(404, "NoSuchEntity");
    register(&owner, "alice", &mut second).is(201);
    // The answer does not name the account that has the key already.
    let mut copy = SimulatedSecurityKey::new("first");
    register(&enroller, "bob", &mut copy).refused(409, "EntityAlreadyExists");
    owner.delete(&first.path("")).is(204);
    register(&enroller, "bob", &mut copy).is(201);
}

/// Every refusal is one: the same status, the same body, the same headers.
#[test]
fn the_fault_of_a_key_is_told_to_callers_with_explain() {
    let agent = Agent::start(TCP);
    let admin = admin(&agent);
    let verifier = caller(&agent, "verifier");
    let explained = Client::tcp(agent.address())
        .bearing(&api_key(&admin, json!({"role": "verifier", "explain": true})));
    let ours = || [(); 2];
    for (who, explains) in [(&verifier, false), (&explained, true)] {
        let name = |name: &str| format!("{name}-{explains}");
        let (alice, bob) = (name("alice"), name("bob"));
        let (mut hers, mut his) =
            (enrol_key(&admin, &alice, &alice), enrol_key(&admin, &bob, &bob));
        enrol(&admin, &name("carol"));
        let mut copy = HeldKey { serial: hers.serial.clone(), key: hers.key.clone() };
        for () in ours() {
            hers.session(who, &alice);
        }
        let mut cases: Vec<(&str, Answer)> = Vec::new();
        let open = |body: Value| who.post("/v1/sessions", body);
        cases.push(("sign_count", open(copy.answer(who, &alice))));
        let body = hers.answer(who, &alice);
        open(body.clone()).is(201);
        cases.push(("replayed", open(body)));
        let mut body = hers.answer(who, &alice);
        body["credential"]["response"]["signature"] = "AAAA".into();
        cases.push(("signature", open(body)));
        for (reason, old, new) in [
            ("origin", "http://localhost:8000", "http://localhost.example"),
            ("client_data_type", "webauthn.get", "webauthn.create"),
            ("cross_origin", "\"crossOrigin\":false", "\"crossOrigin\":true"),
        ] {
            let mut body = hers.answer(who, &alice);
            let member = &mut body["credential"]["response"]["clientDataJSON"];
            let json = String::from_utf8(URL_SAFE_NO_PAD.decode(member.as_str().unwrap()).unwrap())
                .unwrap();
            assert!(json.contains(old), "{json}");
            *member = URL_SAFE_NO_PAD.encode(json.replace(old, new)).into();
            cases.push((reason, open(body)));
        }
        let (mut stale, other) = (hers.answer(who, &alice), begin(who, &alice));
        stale["ceremony_id"] = other["ceremony_id"].clone();
        cases.push(("challenge", open(stale)));
        let mut body = hers.answer(who, &alice);
        body["credential"]["response"]["userHandle"] = "AAAA".into();
        cases.push(("user_handle", open(body)));
        let (one, two) = (begin(who, &alice), begin(who, &bob));
        let mut foreign = his.answers(&bob, &two);
        foreign["account"] = alice.as_str().into();
        foreign["ceremony_id"] = one["ceremony_id"].clone();
        cases.push(("key_not_registered", open(foreign)));
        let mut foreign = hers.answer(who, &alice);
        foreign["account"] = bob.as_str().into();
        cases.push(("no_ceremony", open(foreign)));
        let mut never = hers.answer(who, &alice);
        never["ceremony_id"] = "AAAAAAAAAAAAAAAAAAAAAA".into();
        cases.push(("no_ceremony", open(never)));
        let mut body = hers.answer(who, &alice);
        body["account"] = name("carol").into();
        body["ceremony_id"] = begin(who, &name("carol"))["ceremony_id"].clone();
        cases.push(("key_not_registered", open(body.clone())));
        body["account"] = name("nobody").into();
        body["ceremony_id"] = begin(who, &name("nobody"))["ceremony_id"].clone();
        cases.push(("unknown_device", open(body)));
        let body = his.answer(who, &bob);
        admin.post(&his.path("/deactivate"), json!({})).is(200);
        cases.push(("not_active", open(body)));
        let code = json!({"account": name("carol"), "serial": "NOT-THERE-000", "code": "123456"});
        cases.push(("unknown_device", open(code)));
        let mut bodies = BTreeSet::new();
        for (reason, answer) in cases {
            let mut problem = answer.refused(403, "AccessDenied");
            assert_eq!(
                problem.get("reason"),
                explains.then_some(&Value::from(reason)),
                "{problem}"
            );
            problem.as_object_mut().unwrap().remove("reason");
            bodies.insert(problem.to_string());
        }
        assert_eq!(bodies.len(), 1, "{bodies:#?}");
    }
}

#[test]
fn a_hidden_account_has_no_ceremonies() {
    let agent = Agent::start(TCP);
    let admin = admin(&agent);
    let limited = |role: &str| {
        Client::tcp(agent.address())
            .bearing(&api_key(&admin, json!({"role": role, "accounts": ["dave"]})))
    };
    let (enroller, verifier) = (limited("enroller"), limited("verifier"));
    let mut hers = enrol_key(&admin, "alice", "alice");
    enroller
        .post("/v1/security-keys/register/begin", json!({"account": "alice"}))
        .refused(404, "NoSuchEntity");
    let begun = admin
        .post("/v1/security-keys/register/begin", json!({"account": "alice"}))
        .is(200);
    let body = made(&mut SimulatedSecurityKey::new("second"), &begun);
    enroller
        .post("/v1/security-keys/register/finish", body.clone())
        .refused(404, "NoSuchEntity");
    // The ceremony was hidden from that caller, and is still open for others.
    admin.post("/v1/security-keys/register/finish", body).is(201);

    let ids = |begun: &Value| begun["public_key"]["allowCredentials"].clone();
    let hidden = ids(&begin(&verifier, "alice"));
    assert_eq!(hidden, ids(&begin(&verifier, "alice")));
    assert!(
        ids(&begin(&admin, "alice"))
            .as_array()
            .unwrap()
            .iter()
            .all(|id| !hidden.as_array().unwrap().contains(id))
    );
    let body = hers.answer(&admin, "alice");
    verifier.post("/v1/sessions", body.clone()).refused(403, "AccessDenied");
    admin.post("/v1/sessions", body).is(201);
    let other = Client::tcp(agent.address()).bearing(&api_key(&admin, json!({"role": "verifier"})));
    assert_eq!(ids(&begin(&other, "nobody")), ids(&begin(&verifier, "nobody")));
}

#[test]
fn a_body_that_cannot_be_meant_ends_no_ceremony() {
    let agent = Agent::start("");
    let admin = admin(&agent);
    let mut held = enrol_key(&admin, "alice", "alice");
    let body = held.answer(&admin, "alice");
    let with = |member: &str, value: Value| {
        let mut body = body.clone();
        body[member] = value;
        body
    };
    let without = |member: &str| {
        let mut body = body.clone();
        body.as_object_mut().unwrap().remove(member);
        body
    };
    let inside = |pointer: &str, value: Value| {
        let mut body = body.clone();
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    for wrong in [
        without("credential"),
        without("ceremony_id"),
        with("serial", held.serial.as_str().into()),
        with("code", "123456".into()),
        with("codes", json!(["123456", "654321"])),
        with("ceremony_id", "short".into()),
        with("ceremony_id", "AAAAAAAAAAAAAAAAAAAAA=".into()),
        with("credential", json!({})),
        inside("/credential/rawId", "not base64url".into()),
        inside("/credential/response/signature", "AA==".into()),
        inside("/credential/response", json!([])),
        inside("/credential/type", Value::Null),
    ] {
        let problem = admin.post("/v1/sessions", wrong.clone()).refused(400, "InvalidInput");
        assert!(!problem.to_string().contains("not base64url"), "{problem}");
    }
    // Members that browsers add are ignored.
    let mut body = body.clone();
    body["credential"]["authenticatorAttachment"] = "cross-platform".into();
    body["credential"]["response"]["later"] = json!({"level": 4});
    admin.post("/v1/sessions", body).is(201);
    for wrong in [
        json!({"account": "alice", "name": ""}),
        json!({}),
        json!({"account": "alice", "user": "alice"}),
    ] {
        admin
            .post("/v1/security-keys/register/begin", wrong.clone())
            .refused(400, "InvalidInput");
        admin
            .post("/v1/security-keys/authenticate/begin", wrong)
            .refused(400, "InvalidInput");
    }
}

/// Libraries in front of browsers write `null` for absent members. A malformed answer spends no
/// ceremony.
#[test]
fn null_in_a_credential_is_absent() {
    let agent = Agent::start("");
    let admin = admin(&agent);
    let begun = admin
        .post("/v1/security-keys/register/begin", json!({"account": "alice"}))
        .is(200);
    let mut key = SimulatedSecurityKey::new("alice");
    let mut body = made(&mut key, &begun);
    let credential = &mut body["credential"];
    for member in ["authenticatorAttachment", "clientExtensionResults"] {
        credential[member] = Value::Null;
    }
    for member in ["transports", "publicKey", "authenticatorData"] {
        credential["response"][member] = Value::Null;
    }
    let mut outside = body.clone();
    outside["name"] = Value::Null;
    admin
        .post("/v1/security-keys/register/finish", outside)
        .refused(400, "InvalidInput");
    let device = admin.post("/v1/security-keys/register/finish", body).is(201);
    assert_eq!(device["device"]["transports"], json!([]));

    let mut held = HeldKey { serial: text(&device["device"]["serial"]), key };
    for (handle, results) in [
        (Value::Null, Value::Null),
        ("".into(), json!({"appid": null, "credProps": null})),
        (Value::Null, json!({"prf": {"results": {"first": "AAAA"}}, "largeBlob": {"blob": null}})),
    ] {
        let mut body = held.answer(&admin, "alice");
        body["credential"]["authenticatorAttachment"] = Value::Null;
        body["credential"]["clientExtensionResults"] = results;
        body["credential"]["response"]["userHandle"] = handle;
        for pointer in ["/credential/rawId", "/credential/response", "/credential", "/ceremony_id"]
        {
            let mut wrong = body.clone();
            *wrong.pointer_mut(pointer).unwrap() = Value::Null;
            admin.post("/v1/sessions", wrong).refused(400, "InvalidInput");
        }
        admin.post("/v1/sessions", body).is(201);
    }
}

/// At the default no attestation is asked for, and what a key's maker says decides nothing.
#[test]
fn a_key_enrols_with_any_statement_by_default() {
    let agent = Agent::start("");
    let admin = admin(&agent);
    for (name, format) in [
        ("bare", "packed"),
        ("old", "android-safetynet"),
        ("many", "compound"),
        ("new", "vendor-format"),
    ] {
        let begun =
            admin.post("/v1/security-keys/register/begin", json!({"account": name})).is(200);
        let options = serde_json::from_value(begun["public_key"].clone()).unwrap();
        let mut creation =
            SimulatedSecurityKey::new(name).create(&options, &test_support::held_key::origin());
        (creation.format, creation.certificates) =
            (format.to_owned(), Some(vec![b"no certificate".to_vec()]));
        let body = json!({"ceremony_id": begun["ceremony_id"], "credential": creation.response()});
        let enrolled = admin.post("/v1/security-keys/register/finish", body).is(201);
        assert_eq!(enrolled["device"]["attestation"], "none", "{format}");
    }
}

/// The schemas written by hand agree with the JSON that is written and read.
#[test]
fn the_description_has_the_members_that_are_sent() {
    let agent = Agent::start("[security_keys]\napp_id = \"https://localhost/app-id\"\n");
    let admin = admin(&agent);
    let document = admin.get("/openapi.json").is(200);
    enrol_key(&admin, "alice", "first");
    let creation = admin
        .post("/v1/security-keys/register/begin", json!({"account": "alice"}))
        .is(200);
    let mut held = enrol_key(&admin, "bob", "bob");
    let request = begin(&admin, "bob");
    let (made, used) =
        (made(&mut SimulatedSecurityKey::new("second"), &creation), held.answers("bob", &request));
    let named = |name: &str| format!("/components/schemas/{name}");
    for (name, value, optional) in [
        ("PublicKeyCredentialCreationOptionsJSON", &creation["public_key"], &[][..]),
        ("PublicKeyCredentialRpEntity", &creation["public_key"]["rp"], &[]),
        ("PublicKeyCredentialUserEntityJSON", &creation["public_key"]["user"], &[]),
        ("PublicKeyCredentialParameters", &creation["public_key"]["pubKeyCredParams"][0], &[]),
        (
            "PublicKeyCredentialDescriptorJSON",
            &creation["public_key"]["excludeCredentials"][0],
            &["transports"],
        ),
        ("AuthenticatorSelectionCriteria", &creation["public_key"]["authenticatorSelection"], &[]),
        ("PublicKeyCredentialRequestOptionsJSON", &request["public_key"], &[]),
        ("RegistrationResponseJSON", &made["credential"], &["clientExtensionResults"]),
        ("AuthenticatorAttestationResponseJSON", &made["credential"]["response"], &["transports"]),
        ("AuthenticationResponseJSON", &used["credential"], &["clientExtensionResults"]),
        ("AuthenticatorAssertionResponseJSON", &used["credential"]["response"], &["userHandle"]),
    ] {
        let schema = document
            .pointer(&named(name))
            .unwrap_or_else(|| panic!("{name} is not described"));
        let described: BTreeSet<&str> =
            schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        let sent: BTreeSet<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
        let missing: BTreeSet<&str> = described.difference(&sent).copied().collect();
        assert!(
            sent.is_subset(&described) && missing.iter().all(|member| optional.contains(member)),
            "{name}: {described:?} {sent:?}"
        );
        let required: BTreeSet<&str> = schema["required"]
            .as_array()
            .unwrap()
            .iter()
            .map(|member| member.as_str().unwrap())
            .collect();
        assert_eq!(
            required,
            described.iter().copied().filter(|member| !optional.contains(member)).collect(),
            "{name}"
        );
        for property in schema["properties"].as_object().unwrap().values() {
            assert!(!property["type"].is_array(), "{name}: no member is null: {property}");
        }
    }
}

#[test]
fn a_key_of_another_code_base_enrols_and_opens_a_session() {
    if !tools::have("python:soft_webauthn") {
        return;
    }
    let agent = Agent::start(TCP);
    let key = api_key(&admin(&agent), json!({"role": "enroller"}));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/soft_key.py");
    let mut python = Command::new(tools::python());
    let mut python = python
        .args(["-W", "ignore", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let url = format!("http://{}", agent.address());
    let question =
        json!({"url": url, "api_key": key, "account": "alice", "origin": "http://localhost:5000"});
    python.stdin.take().unwrap().write_all(question.to_string().as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let (device, context) = (&told["device"], &told["context"]);
    assert_eq!(
        (&device["kind"], &device["name"], &device["attestation"]),
        (&"security_key".into(), &"soft".into(), &"none".into())
    );
    assert_eq!(
        (&context["serial"], &context["phishing_resistant"]),
        (&device["serial"], &true.into())
    );
    assert_eq!(
        [&told["replayed"], &told["elsewhere"], &told["unknown"], &told["again"]],
        [403, 403, 403, 201]
    );
}
