//! The reference of HTTP, from the agent's description of itself. Each example is sent to an agent.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use test_support::http::Client;
use test_support::people::now;

use super::generated::{GENERATED, assert_written};
use super::samples::{Samples, request};
use crate::cli::program::Agent;

const INTRODUCTION: &str = include_str!("http.md");

/// The order of the sections, with their headings.
const SECTIONS: [(&str, &str); 10] = [
    ("sessions", "Sessions"),
    ("devices", "Devices"),
    ("accounts", "Accounts"),
    ("security_keys", "Security keys"),
    ("console", "Links and sign-ins of the console"),
    ("local", "Keys and proofs of this machine"),
    ("aws", "Access keys of AWS's wire"),
    ("fleet", "All tokens together"),
    ("control", "The agent itself"),
    ("health", "Health, keys, metrics"),
];

const FORM: &str = "application/x-www-form-urlencoded";

const POLICY: &str = "[policy.site]\npresent = true\n[aws]\nlisten = [\"127.0.0.1:0\"]\n";

/// One method of one path.
struct Operation<'d> {
    method: String,
    path: &'d str,
    described: &'d Value,
}

impl Operation<'_> {
    fn tag(&self) -> &str {
        self.described["tags"][0].as_str().unwrap()
    }

    fn key(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The schema of a body in JSON.
    fn schema(body: &Value) -> Option<&Value> {
        body["content"].get("application/json").map(|content| &content["schema"])
    }

    fn responses(&self) -> &Map<String, Value> {
        self.described["responses"].as_object().unwrap()
    }

    /// The status and the description of the answer that is no refusal.
    fn success(&self) -> (&str, &Value) {
        let of_class = |class| self.responses().iter().find(|(it, _)| it.starts_with(class));
        let (status, answer) = of_class('2').or_else(|| of_class('3')).unwrap();
        (status, answer)
    }

    /// The fields that must be there of a body that is a form.
    fn form(&self, samples: &Samples<'_>) -> Option<String> {
        let schema = &self.described["requestBody"]["content"].get(FORM)?["schema"];
        let fields = sorted(&samples.required(schema));
        let pairs = fields.as_object()?.iter();
        let pairs = pairs.map(|(name, value)| (name, value.as_str().unwrap()));
        Some(
            url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs(pairs)
                .finish(),
        )
    }

    fn body(&self, samples: &Samples<'_>) -> Option<Value> {
        let schema = Self::schema(&self.described["requestBody"])?;
        Some(request(&self.key()).unwrap_or_else(|| samples.required(schema)))
    }

    fn address(&self) -> String {
        let values = [
            ("{account}", "alice"),
            ("{serial}", "GAHT12345678"),
            ("{policy}", "site"),
            ("{kid}", "kQ2vX1bY"),
            ("{id}", "p4Zt9sLw"),
        ];
        values
            .iter()
            .fold(self.path.to_owned(), |path, (name, value)| path.replace(name, value))
    }
}

fn operations(document: &Value) -> Vec<Operation<'_>> {
    let mut all: Vec<Operation<'_>> = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, described) in methods.as_object().unwrap() {
            all.push(Operation { method: method.to_uppercase(), path, described });
        }
    }
    all.sort_by(|one, other| (one.path, &one.method).cmp(&(other.path, &other.method)));
    all
}

#[test]
fn the_reference_of_http_is_what_the_agent_says_of_itself() {
    let agent = Agent::start(POLICY);
    let document = Client::unix(agent.socket()).get("/openapi.json").json();
    let (operations, samples) = (operations(&document), Samples::of(&document));
    let mut page = format!("{GENERATED}\n{INTRODUCTION}");
    for (tag, heading) in SECTIONS {
        page += &format!("\n## {heading}\n");
        let inside = operations.iter().filter(|operation| operation.tag() == tag);
        page.extend(inside.map(|operation| section(operation, &samples)));
    }
    let told = page.matches("\n### `").count();
    assert_eq!(told, operations.len(), "a tag is in no section");
    assert_written("docs/src/reference/http.md", &page);
}

fn section(operation: &Operation<'_>, samples: &Samples<'_>) -> String {
    let described = operation.described;
    let text = |key: &str| described[key].as_str().unwrap_or_default();
    let mut section = format!("\n### `{}`\n\n{}\n", operation.key(), text("summary"));
    if !text("description").is_empty() {
        section += &format!("\n{}\n", text("description"));
    }
    let parameters = described["parameters"].as_array();
    for parameter in parameters.into_iter().flatten().filter(|named| named["in"] != "path") {
        let said = parameter["description"].as_str().unwrap_or("the header of that name");
        section += &format!("- `{}`: {said}\n", parameter["name"].as_str().unwrap());
    }
    section = section.replace("\n- `", "\n\n- `").replace("\n\n\n", "\n\n");
    section += &format!("\n```http\n{} {} HTTP/1.1\n", operation.method, operation.address());
    if let Some(body) = operation.body(samples) {
        section += &format!("Content-Type: application/json\n\n{}\n", pretty(&body));
    }
    if let Some(form) = operation.form(samples) {
        section += &format!("Content-Type: {FORM}\n\n{form}\n");
    }
    let (status, answer) = operation.success();
    section += &format!("```\n\n`{status}`: {}\n", answer["description"].as_str().unwrap());
    if let Some(schema) = Operation::schema(answer).filter(|schema| *schema != &json!({})) {
        section += &format!("\n```json\n{}\n```\n", pretty(&samples.whole(schema)));
    }
    let refusals: Vec<String> = operation
        .responses()
        .iter()
        .filter(|(other, _)| other.as_str() != status)
        .map(|(status, answer)| {
            let said = answer["description"].as_str().unwrap();
            format!("- `{status}`: {said}\n")
        })
        .collect();
    format!("{section}\n{}", refusals.concat())
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(&sorted(value)).unwrap()
}

/// The same value, its members by name, with and without serde_json's feature for their order.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let by_name: BTreeMap<&String, &Value> = members.iter().collect();
            by_name.into_iter().map(|(name, value)| (name.clone(), sorted(value))).collect()
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        value => value.clone(),
    }
}

/// A file that is imported.
const TOKEN_FILE: &str = "otpauth://totp/ann?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJR\n";

/// A wrong code, a device that is not there: any answer that is described will do, except that the
/// request is malformed.
#[test]
fn every_example_of_the_reference_is_understood_by_an_agent() {
    let agent = Agent::start(POLICY);
    let client = Client::unix(agent.socket());
    let document = client.get("/openapi.json").json();
    let samples = Samples::of(&document);
    // A device that was given its secret does not expire, like the one in the examples.
    let add = ["device", "add", "--account", "alice", "--serial", "GAHT12345678", "--secret-stdin"];
    agent.done(&add, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    let mut operations = operations(&document);
    // Keys of this machine are not asked; what removes comes last.
    operations.retain(|operation| operation.tag() != "local");
    operations.sort_by_key(|operation| operation.method == "DELETE");
    for operation in operations {
        let mut body = operation.body(&samples);
        if operation.path == "/v1/store/backup" {
            body = Some(json!({"path": agent.folder.path().join("backup.db")}));
        }
        if let ("/v1/aws/signing-keys", Some(body)) = (operation.path, &mut body) {
            let today = now().to_string().split('T').next().unwrap().replace('-', "");
            body["date"] = today.into();
        }
        let (method, address) = (&operation.method, &operation.address());
        let answer = match operation.path {
            "/v1/devices/import" => client.raw(method, address, &[], TOKEN_FILE.as_bytes()),
            _ => match operation.form(&samples) {
                Some(form) => {
                    client.raw(method, address, &[("Content-Type", FORM)], form.as_bytes())
                }
                None => client.send(method, address, body),
            },
        };
        let (key, status, text) = (operation.key(), answer.status.to_string(), answer.text());
        let described = operation.responses().get(&status);
        assert!(described.is_some() && status != "400", "{key}: {status} {text}");
        let Some(schema) = described.and_then(Operation::schema) else { continue };
        if operation.path == "/v1/devices/export" {
            assert!(text.starts_with("<?xml"), "{key}: {text}");
            continue;
        }
        let told = answer.json();
        let Some(told) = told.as_object() else { continue };
        let untold: Vec<Vec<&String>> = samples
            .forms(schema)
            .iter()
            .filter_map(Value::as_object)
            .filter(|example| !example.is_empty())
            .map(|example| told.keys().filter(|it| !example.contains_key(*it)).collect())
            .collect();
        let is_told = untold.is_empty() || untold.iter().any(Vec::is_empty);
        assert!(is_told, "{key}: {untold:?} not in the example");
    }
}
