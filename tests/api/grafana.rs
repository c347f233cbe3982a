//! The dashboard and the alerts in `examples/grafana`, asked of a Prometheus that scrapes an agent.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_support::agent::Agent;
use test_support::http::{Client, segment};
use test_support::people::{api_key, enrol, text};
use test_support::tools;

use super::admin;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/grafana");

/// Metrics of an agent with TLS, with several sealing keys, with tokens that need attention.
const BY_CONFIGURATION: [&str; 3] = [
    "twostep_tls_certificate_not_after_timestamp_seconds",
    "twostep_secrets_under_older_keys",
    "twostep_fleet_attention",
];

/// A Prometheus, ended with this.
struct Prometheus(Child, String);

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.0.kill().and_then(|()| self.0.wait());
    }
}

impl Prometheus {
    /// Starts one that scrapes this agent four times a second.
    fn start(folder: &Path, agent: &Agent, key: &str) -> Prometheus {
        let config = format!(
            "scrape_configs:\n  - job_name: twostep\n    scrape_interval: 250ms\n    \
             scrape_timeout: 250ms\n    authorization: {{ credentials: {key} }}\n    \
             static_configs: [{{ targets: [\"{}\"] }}]\n",
            agent.address()
        );
        std::fs::write(folder.join("prometheus.yml"), config).unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", folder.join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address={free}"))
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.join("log")).unwrap())
            .spawn()
            .unwrap();
        Prometheus(child, free)
    }

    /// The series that answer a query; none while it does not answer.
    fn ask(&self, query: &str) -> Vec<Value> {
        if std::net::TcpStream::connect(&self.1).is_err() {
            return Vec::new();
        }
        let path = format!("/api/v1/query?query={}", segment(query));
        let answer = Client::tcp(&self.1).get(&path);
        // While it starts it answers in words.
        let Ok(answer) = serde_json::from_str::<Value>(&answer.text()) else { return Vec::new() };
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        answer["data"]["result"].as_array().unwrap().clone()
    }
}

/// All texts under this key.
fn texts(value: &Value, key: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, member)| match member {
            Value::String(text) if name == key => found.push(text.clone()),
            member => texts(member, key, found),
        }),
        Value::Array(items) => items.iter().for_each(|item| texts(item, key, found)),
        _ => {}
    }
}

fn queries_of_the_dashboard() -> Vec<String> {
    let text = std::fs::read_to_string(format!("{EXAMPLES}/dashboard.json")).unwrap();
    let mut found = Vec::new();
    texts(&serde_json::from_str(&text).unwrap(), "expr", &mut found);
    found.iter().map(|query| query.replace("$__rate_interval", "1m")).collect()
}

/// The names of the agent's metrics in a text.
fn metrics(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|word| word.starts_with("twostep_"))
        .map(|word| word.strip_suffix("_bucket").unwrap_or(word).to_owned())
        .collect()
}

/// Makes happen once all that the panels show.
fn live(admin: &Client) {
    let mut token = enrol(admin, "alice");
    token.session(admin, "alice");
    let wrong = json!({"account": "alice", "serial": token.serial, "code": token.wrong()});
    for _ in 0..40 {
        admin.post("/v1/sessions", wrong.clone()).refused(403, "AccessDenied");
    }
    let totp = json!({"account": "bob", "kind": "totp"});
    admin.post("/v1/devices", totp).is(201);
    admin.post("/v1/store/backup", json!({"keep": 1})).is(201);
    admin.get("/v1/fleet/drift").is(200);
}

#[test]
fn a_scrape_answers_each_query_of_the_dashboard() {
    if !tools::have("prometheus") {
        return;
    }
    let agent = Agent::start("listen = [\"127.0.0.1:0\"]\n[limits]\nburst = 100000\n");
    let admin = admin(&agent);
    live(&admin);
    let folder = tempfile::tempdir().unwrap();
    let key = api_key(&admin, json!({"role": "admin"}));
    let prometheus = Prometheus::start(folder.path(), &agent, &key);
    let deadline = Instant::now() + Duration::from_secs(30);
    for query in queries_of_the_dashboard() {
        let by_configuration = BY_CONFIGURATION.iter().any(|name| query.contains(name));
        while prometheus.ask(&query).is_empty() && !by_configuration {
            let log = std::fs::read_to_string(folder.path().join("log"));
            assert!(Instant::now() < deadline, "no answer to {query}: {log:?}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    let healthy = prometheus.ask("twostep_devices{state=\"active\"}");
    assert_eq!(healthy[0]["value"][1], "1", "one device is in use: {healthy:?}");
}

#[test]
fn alerts_are_rules_over_metrics_that_there_are() {
    let agent = Agent::start("");
    let admin = admin(&agent);
    live(&admin);
    let scraped = metrics(&admin.get("/metrics").text());
    let alerts = std::fs::read_to_string(format!("{EXAMPLES}/alerts.yml")).unwrap();
    let asked = [alerts, queries_of_the_dashboard().join(" ")].map(|text| metrics(&text));
    for name in asked.iter().flatten().filter(|name| !BY_CONFIGURATION.contains(&name.as_str())) {
        let known = scraped.contains(name) || scraped.contains(&format!("{name}_count"));
        assert!(known, "{name} is not in {scraped:?}");
    }
    if !tools::have("promtool") {
        return;
    }
    for arguments in [["check", "rules", "alerts.yml"], ["test", "rules", "alerts.test.yml"]] {
        let checked =
            Command::new("promtool").args(arguments).current_dir(EXAMPLES).output().unwrap();
        assert!(checked.status.success(), "{arguments:?}: {checked:?}");
    }
}

#[test]
fn the_end_of_the_certificate_is_in_the_metrics() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-days", "30", "-subj", "/CN=localhost", "-keyout", &at("key"), "-out", &at("cert")])
        .output();
    if !tools::have("openssl") || !made.unwrap().status.success() {
        return;
    }
    let tls = format!("[tls]\ncert = \"{}\"\nkey = \"{}\"\n", at("cert"), at("key"));
    let agent = Agent::start(&format!("listen = [\"127.0.0.1:0\"]\n{tls}"));
    let text = admin(&agent).get("/metrics").text();
    let value = |name: &str| -> i64 {
        let line = text.lines().find(|line| line.starts_with(name));
        let line = line.unwrap_or_else(|| panic!("no {name} in {text}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    let [from, to] = ["before", "after"]
        .map(|end| value(&format!("twostep_tls_certificate_not_{end}_timestamp_seconds ")));
    let now = i64::try_from(test_support::people::now().0).unwrap();
    assert_eq!(to - from, 30 * 86_400);
    assert!((from - now).abs() < 120, "{from} {now}");
    assert_eq!(value("twostep_last_backup_timestamp_seconds "), 0, "there was none");
}

#[test]
fn backups_are_kept_in_number_and_noted() {
    let agent = Agent::start("");
    let admin = admin(&agent);
    let make = |body: Value| admin.post("/v1/store/backup", body);
    let mut made = Vec::new();
    for _ in 0..3 {
        let backup = make(json!({"keep": 2})).is(201);
        made.push(text(&backup["path"]));
        // Backups are named by the second.
        std::thread::sleep(Duration::from_millis(1_100));
    }
    let left: Vec<bool> = made.iter().map(|path| Path::new(path).exists()).collect();
    assert_eq!(left, [false, true, true], "{made:?}");
    for refused in [json!({"keep": 0}), json!({"keep": 1_001}), json!({"keep": 2, "path": "/x"})] {
        let detail = text(&make(refused).refused(400, "InvalidInput")["detail"]);
        assert!(detail.contains("keep"), "{detail}");
    }
    let rows = admin.get("/v1/audit?action=store.backed_up").is(200);
    assert_eq!(rows["events"].as_array().unwrap().len(), 3);
    let metrics = admin.get("/metrics").text();
    let line = metrics.lines().find(|line| line.starts_with("twostep_last_backup_timestamp"));
    let noted: u64 = line.unwrap().rsplit(' ').next().unwrap().parse().unwrap();
    assert!(noted.abs_diff(test_support::people::now().0) < 60, "{noted}");
}
