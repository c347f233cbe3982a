//! Others build on the same: a service in Python reads contexts, and a client that was generated
//! from the agent's description works.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::json;
use test_support::agent::Agent;
use test_support::http::Client;
use test_support::people::{api_key, enrol, text};
use test_support::tools;

/// A service that ends with the test.
struct Service {
    child: Child,
    address: String,
}

impl Service {
    fn start(jwks: &Path, max_age: u32) -> Service {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/7_python_service.py");
        let mut python = Command::new(tools::python());
        let python = python.args(["-W", "ignore", script]).arg(jwks).arg(max_age.to_string());
        let mut child = python.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Service { child, address: line.trim().trim_start_matches("http://").to_owned() }
    }

    /// The status, and the challenge of a refusal.
    fn asked(&self, authorization: Option<&str>) -> (u16, Option<String>) {
        let client = Client::tcp(self.address.clone());
        let headers: Vec<(&str, &str)> =
            authorization.iter().map(|value| ("Authorization", *value)).collect();
        let answer = client.raw("GET", "/", &headers, b"");
        (answer.status, answer.header("www-authenticate").map(str::to_owned))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_service_in_python_reads_contexts_with_a_jose_library() {
    if !tools::have("python:joserfc") {
        return;
    }
    let agent = Agent::start("audiences = [\"payments\"]\n");
    let admin = Client::unix(agent.socket());
    let mut token = enrol(&admin, "alice");
    let signed = token.session(&admin, "alice");
    let jwks = agent.folder.path().join("jwks.json");
    fs::write(&jwks, admin.get("/.well-known/jwks.json").text()).unwrap();
    let service = Service::start(&jwks, 900);
    assert_eq!(service.asked(Some(&format!("Bearer {signed}"))), (200, None));
    let invalid = (401, Some("Bearer error=\"invalid_token\"".to_owned()));
    let without = text(&admin.post("/v1/sessions", json!({"account": "alice"})).is(201)["token"]);
    let (serial, code) = (token.serial.clone(), token.code());
    let elsewhere = json!({
        "account": "alice", "serial": serial, "code": code, "audience": "payments",
    });
    let elsewhere = text(&admin.post("/v1/sessions", elsewhere).is(201)["token"]);
    for other in [without, elsewhere, format!("{signed}A"), String::new(), "none".to_owned()] {
        assert_eq!(service.asked(Some(&format!("Bearer {other}"))), invalid, "{other}");
    }
    assert_eq!(service.asked(None), invalid);
    // By the name of RFC 9864 too.
    admin.post("/v1/signing-keys", json!({"algorithm": "Ed25519"})).is(201);
    fs::write(&jwks, admin.get("/.well-known/jwks.json").text()).unwrap();
    let renamed = Service::start(&jwks, 900);
    for signed in [&signed, &token.session(&admin, "alice")] {
        assert_eq!(renamed.asked(Some(&format!("Bearer {signed}"))), (200, None));
    }
    assert_eq!(service.asked(Some(&format!("Basic {signed}"))), invalid);
    for bearer in ["bearer ", "BEARER  ", "Bearer\t", "bearer \t "] {
        assert_eq!(service.asked(Some(&format!("{bearer}{signed} "))), (200, None), "{bearer:?}");
    }
    let twice = format!("Bearer {signed}");
    let twice = Client::tcp(service.address.clone()).raw(
        "GET",
        "/",
        &[("Authorization", &twice), ("Authorization", &twice)],
        b"",
    );
    assert_eq!(twice.status, 400);
    // Too old for `max_age=0`.
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let challenge = "Bearer error=\"insufficient_user_authentication\", max_age=0".to_owned();
    assert_eq!(
        Service::start(&jwks, 0).asked(Some(&format!("Bearer {signed}"))),
        (401, Some(challenge))
    );
}

#[test]
fn a_client_generated_from_the_description_opens_a_session() {
    if !tools::have("python:openapi_python_client,python:httpx") {
        return;
    }
    let agent = Agent::start(super::TCP);
    let admin = Client::unix(agent.socket());
    let mut token = enrol(&admin, "alice");
    let key = api_key(&admin, json!({"role": "verifier"}));
    let folder = agent.folder.path();
    fs::write(folder.join("openapi.json"), admin.get("/openapi.json").text()).unwrap();
    let generate = Command::new(tools::python())
        .args([
            "-m",
            "openapi_python_client",
            "generate",
            "--path",
            "openapi.json",
            "--meta",
            "none",
            "--output-path",
            "twostep_client",
        ])
        .arg("--config")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/generator.yaml"))
        .current_dir(folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&generate.stdout).into_owned()
        + &String::from_utf8_lossy(&generate.stderr);
    assert!(generate.status.success() && !said.to_lowercase().contains("warning"), "{said}");
    let run = Command::new(tools::python())
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/generated_client.py"))
        .args([format!("http://{}", agent.address()), "alice".to_owned(), token.serial.clone()])
        .env("PYTHONPATH", folder)
        .env("TWOSTEP_API_KEY", key)
        .env("TWOSTEP_CODE", token.code())
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    assert_eq!(String::from_utf8_lossy(&run.stdout).trim(), "alice True True AccessDenied");
}
