//! The agent's own description, and what a fuzzer that reads it finds.

use std::process::{Command, Output};
use std::thread;

use serde_json::{Value, json};
use test_support::agent::Agent;
use test_support::people::{add, api_key, enrol};
use test_support::tools;

use super::{TCP, admin};

#[test]
fn the_description_is_valid_openapi() {
    if !tools::have("python:openapi_spec_validator") {
        return;
    }
    let agent = Agent::start("");
    let document = admin(&agent).get("/openapi.json").is(200);
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    let file = agent.folder.path().join("openapi.json");
    std::fs::write(&file, document.to_string()).unwrap();
    let read = Command::new(tools::python())
        .args(["-m", "openapi_spec_validator"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(
        read.status.success(),
        "{}{}",
        String::from_utf8_lossy(&read.stdout),
        String::from_utf8_lossy(&read.stderr)
    );
    // Every object that is sent or answered says whether it may hold anything else.
    let text = document.to_string();
    let references: Vec<&str> = text
        .split("\"$ref\":\"#/components/")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    for reference in references {
        let pointer = format!("/components/{reference}");
        assert!(document.pointer(&pointer).is_some_and(Value::is_object), "{pointer}");
    }
}

#[test]
fn a_fuzzer_finds_described_answers_alone() {
    if !tools::have("python:schemathesis") {
        return;
    }
    // Limits that a fuzzer would spend its time waiting for.
    let agent = Agent::start(&format!(
        "{TCP}[limits]\nrequests_per_second = 100000\nburst = 100000\n\
         [sessions]\nrefusal_interval_ms = 1\n"
    ));
    enrol(&admin(&agent), "alice");
    add(&admin(&agent), "bob");
    // One thread each: the parser of Python 3.11 that Hypothesis asks fails now and then where two
    // threads share it.
    thread::scope(|scope| {
        let agent = &agent;
        let fuzzers = ["verifier", "enroller", "admin"]
            .map(|role| (role, scope.spawn(move || fuzz(agent, role))));
        for (role, fuzzer) in fuzzers {
            let told = fuzzer.join().unwrap();
            let text = String::from_utf8_lossy(&told.stdout);
            assert!(
                told.status.success(),
                "as {role}:\n{text}{}",
                String::from_utf8_lossy(&told.stderr)
            );
            eprintln!(
                "as {role}: {}",
                text.lines()
                    .rev()
                    .take(12)
                    .collect::<Vec<_>>()
                    .into_iter()
                    .rev()
                    .collect::<Vec<_>>()
                    .join("\n")
            );
        }
    });
    let admin = admin(&agent);
    admin.get("/readyz").is(200);
    assert!(admin.get("/metrics").text().contains("twostep_panics_total 0"));
    assert_eq!(admin.get("/v1/audit/verify").is(200)["ok"], true);
}

/// Sends requests that the description allows, and others, with this role.
fn fuzz(agent: &Agent, role: &str) -> Output {
    let key = api_key(&admin(agent), json!({"role": role, "explain": role == "enroller"}));
    // Neither a cache nor a report is left behind.
    let folder = tempfile::tempdir().unwrap();
    let mut fuzzer = Command::new(tools::python());
    fuzzer
        .args(["-m", "schemathesis.cli", "run"])
        .arg(format!("http://{}/openapi.json", agent.address()));
    fuzzer.args([
        "--header",
        &format!("Authorization: Bearer {key}"),
        "--checks",
        CHECKS,
        "--phases",
        "examples,coverage,fuzzing",
    ]);
    fuzzer.args([
        "--seed",
        "20261122",
        "--max-examples",
        &examples(),
        "--generation-database",
        "none",
        "--no-color",
        "--workers",
        "1",
    ]);
    fuzzer.args(["--warnings", "off"]);
    if role == "admin" {
        // Backups write to a path of the request: leave them out.
        fuzzer.args(["--exclude-path", "/v1/store/backup"]);
    }
    fuzzer.current_dir(folder.path()).output().unwrap()
}

/// Requests for each operation, 20 unless `TWOSTEP_FUZZED` says otherwise.
fn examples() -> String {
    std::env::var("TWOSTEP_FUZZED").unwrap_or_else(|_| "20".to_owned())
}

/// Checks of every answer. Those that would have to know rules beyond the schemas are left out:
/// that well-formed data is accepted, for example.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_schema_conformance,response_headers_conformance,\
                      negative_data_rejection,unsupported_method,allow_header_conformance,\
                      ignored_auth";
