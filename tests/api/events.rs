//! Owners are told what happens to their devices, by a program that the agent runs.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use test_support::agent::Agent;
use test_support::http::Client;
use test_support::people::{add, enrol};
use twostep::session::JwkSet;

use super::{CONSOLE, admin};

/// A folder with a program that appends what it reads to the file `told`, unless there is a file
/// `fail`.
fn folder() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("tell");
    let (told, fail) = (folder.path().join("told"), folder.path().join("fail"));
    let script = format!(
        "#!/bin/sh\nif [ -e {fail} ]; then echo x >> {fail}; exit 1; fi\n\
         {{ cat; printf ' %s\\n' $TWOSTEP_EVENT; }} >> {told}\n",
        fail = fail.display(),
        told = told.display()
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    let config = format!("[events]\nprogram = [\"{}\"]\n", program.display());
    (folder, config)
}

/// The delivered events: name, account and document of each.
fn told(folder: &Path) -> Vec<(String, String, Value)> {
    let text = fs::read_to_string(folder.join("told")).unwrap_or_default();
    let line = |line: &str| {
        let (document, name) = line.rsplit_once(' ').unwrap();
        let document: Value = serde_json::from_str(document).unwrap();
        assert_eq!(document["event"], name, "the variable says the same as the document");
        (name.to_owned(), document["account"].as_str().unwrap().to_owned(), document)
    };
    // The last line may still be written.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().map(line).collect()
}

/// Waits until so many were told.
#[track_caller]
fn told_so_many(folder: &Path, many: usize) -> Vec<(String, String, Value)> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let told = told(folder);
        if told.len() >= many {
            return told;
        }
        assert!(Instant::now() < deadline, "{} of {many} events were told: {told:#?}", told.len());
        sleep(Duration::from_millis(20));
    }
}

/// Waits until events of so many ids were told; their accounts.
#[track_caller]
fn told_apart(folder: &Path, many: usize) -> Vec<String> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let told = told(folder);
        let accounts: BTreeMap<String, &str> = told
            .iter()
            .map(|(_, account, document)| (document["id"].to_string(), account.as_str()))
            .collect();
        if accounts.len() >= many {
            let mut accounts: Vec<String> = accounts.into_values().map(str::to_owned).collect();
            accounts.sort_unstable();
            return accounts;
        }
        assert!(Instant::now() < deadline, "{} of {many} events: {told:#?}", accounts.len());
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn owners_are_told_what_happens_to_their_devices() {
    let (folder, config) = folder();
    let agent = Agent::start_in(folder, &(config + CONSOLE));
    let client = admin(&agent);
    let mut token = enrol(&client, "ann");
    let code = token.code();
    for status in [201, 403] {
        client
            .post("/v1/sessions", json!({"account": "ann", "serial": token.serial, "code": code}))
            .is(status);
    }
    let ahead: Vec<String> = (0..150).map(|_| token.code()).collect();
    client.post(&token.path("/resync"), json!({"codes": ahead[148..]})).is(200);
    let bypass = client.post("/v1/accounts/ann/bypass", json!({})).is(201)["code"]
        .as_str()
        .unwrap()
        .to_owned();
    client.post("/v1/sessions", json!({"account": "ann", "code": bypass})).is(201);
    for recover in [false, true] {
        client
            .post("/v1/console/links", json!({"account": "ann", "recover": recover}))
            .is(201);
    }
    client.delete(&token.path("")).is(204);
    add(&client, "bob");
    client.delete("/v1/accounts/bob").is(204);

    let expected = [
        ("device_added", "ann"),
        ("device_activated", "ann"),
        ("replay", "ann"),
        ("wide_resync", "ann"),
        ("bypass_made", "ann"),
        ("bypass_used", "ann"),
        ("recovery_link_made", "ann"),
        ("device_removed", "ann"),
        ("device_added", "bob"),
        ("account_removed", "bob"),
    ];
    let told = told_so_many(agent.folder.path(), expected.len());
    let names: Vec<(&str, &str)> = told
        .iter()
        .map(|(name, account, _)| (name.as_str(), account.as_str()))
        .collect();
    assert_eq!(names, expected, "each once, in order, and nothing of what is no news");
    assert_eq!(told[2].2["serial"], token.serial.as_str());
    assert_eq!(told[2].2["reason"], "replayed");
    let text = fs::read_to_string(agent.folder.path().join("told")).unwrap();
    assert!(
        !text.contains(&token.secret) && !text.contains(&bypass) && !text.contains(&code),
        "no secret is told"
    );
    counts_told(&client, 10);
}

/// Waits until so many events are counted. The program writes its line before it ends, and is
/// counted after that.
#[track_caller]
fn counts_told(client: &Client, count: usize) {
    let line = format!("twostep_events_total{{by=\"program\",told=\"true\"}} {count}");
    let deadline = Instant::now() + Duration::from_secs(20);
    while !client.get("/metrics").text().contains(&line) {
        assert!(Instant::now() < deadline, "{}", client.get("/metrics").text());
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_guesser_is_reported() {
    let (folder, config) = folder();
    let agent = Agent::start_in(folder, &(config + "only = [\"account_under_attack\"]\n"));
    let client = admin(&agent);
    for n in 0..60 {
        let body = json!({"account": "ann", "serial": format!("NOBODYS-{n:04}"), "code": "123456"});
        if n == 0 {
            enrol(&client, "ann");
        }
        client.post("/v1/sessions", body).is(403);
    }
    let told = told_so_many(agent.folder.path(), 1);
    assert_eq!((told[0].0.as_str(), told[0].1.as_str()), ("account_under_attack", "ann"));
}

#[test]
fn a_failed_delivery_is_repeated_even_by_the_next_agent() {
    let (folder, config) = folder();
    let fail: PathBuf = folder.path().join("fail");
    fs::write(&fail, "").unwrap();
    let agent = Agent::start_in(folder, &config);
    let client = admin(&agent);
    add(&client, "ann");
    let deadline = Instant::now() + Duration::from_secs(20);
    while fs::read_to_string(&fail).unwrap().lines().count() < 2 {
        assert!(Instant::now() < deadline, "it is tried again");
        sleep(Duration::from_millis(20));
    }
    assert!(told(agent.folder.path()).is_empty());
    add(&client, "bob");
    agent.signal("KILL");
    let folder = agent.into_folder();
    fs::remove_file(&fail).unwrap();
    let agent = Agent::start_in(folder, &config);
    // A program outlives an agent that is killed, and may tell what the next agent tells again,
    // under the same id.
    assert_eq!(told_apart(agent.folder.path(), 2), ["ann", "bob"]);

    // A third agent delivers the new event; an earlier one only again.
    let agent = Agent::start_in(agent.into_folder(), &config);
    add(&admin(&agent), "eve");
    assert_eq!(told_apart(agent.folder.path(), 3), ["ann", "bob", "eve"]);
}

#[test]
fn events_from_before_the_first_listener_are_not_delivered() {
    let (folder, config) = folder();
    let agent = Agent::start_in(folder, "");
    enrol(&admin(&agent), "ann");
    // Audit events are dated in whole seconds.
    sleep(Duration::from_millis(1_100));
    let agent = Agent::start_in(agent.into_folder(), &config);
    let client: Client = admin(&agent);
    add(&client, "bob");
    assert_eq!(told_so_many(agent.folder.path(), 1)[0].1, "bob");
}

/// A receiver of events on loopback: it answers each request with the next of these statuses, and
/// hands on what it was sent.
fn receiver(statuses: &'static [u16]) -> (String, std::sync::mpsc::Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/mfa?from=here", listener.local_addr().unwrap());
    let (sender, requests) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for status in statuses {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut request, mut part) = (Vec::new(), [0; 4_096]);
            let (head, body) = loop {
                let read = stream.read(&mut part).unwrap();
                request.extend(&part[..read]);
                let text = String::from_utf8(request.clone()).unwrap();
                if let Some((head, body)) = text.split_once("\r\n\r\n") {
                    let length: usize = head
                        .to_lowercase()
                        .split_once("content-length: ")
                        .unwrap()
                        .1
                        .lines()
                        .next()
                        .unwrap()
                        .parse()
                        .unwrap();
                    if body.len() == length {
                        break (head.to_owned(), body.to_owned());
                    }
                }
            };
            // A redirect leads back here, and must not be followed.
            let headers = "Location: /elsewhere\r\nContent-Length: 0\r\nConnection: close";
            write!(stream, "HTTP/1.1 {status} X\r\n{headers}\r\n\r\n").unwrap();
            sender.send((head, body)).unwrap();
        }
    });
    (url, requests)
}

#[test]
fn a_webhook_is_told_in_signed_events_until_it_has_heard() {
    let (url, requests) = receiver(&[503, 307, 202, 400, 202]);
    let agent = Agent::start(&format!("[events]\nwebhook = \"{url}\"\n"));
    let client = admin(&agent);
    add(&client, "ann");
    add(&client, "bob");
    add(&client, "eve");
    let mut sent = Vec::new();
    for _ in 0..5 {
        sent.push(requests.recv_timeout(Duration::from_secs(20)).unwrap());
    }
    let keys = JwkSet::from_json(client.get("/.well-known/jwks.json").text().as_bytes()).unwrap();
    let claims: Vec<Value> = sent
        .iter()
        .map(|(head, body)| {
            assert!(head.starts_with("POST /mfa?from=here HTTP/1.1\r\n"), "{head}");
            assert!(
                head.to_lowercase().contains("content-type: application/secevent+jwt"),
                "{head}"
            );
            let (message, signature) = body.rsplit_once('.').unwrap();
            let (header, payload) = message.split_once('.').unwrap();
            let part = |part: &str| {
                serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
            };
            let header = part(header);
            assert_eq!(header["typ"], "secevent+jwt");
            let key = keys.find(header["kid"].as_str().unwrap()).unwrap();
            assert!(key.verifies(message.as_bytes(), signature), "anybody can verify it");
            part(payload)
        })
        .collect();
    let account = |n: usize| claims[n]["sub_id"]["id"].as_str().unwrap();
    // Neither a 503 nor a redirect is a hearing; a 400 is the end of that event.
    assert_eq!([0, 1, 2, 3, 4].map(account), ["ann", "ann", "ann", "bob", "eve"]);
    assert_eq!(claims[0]["jti"], claims[2]["jti"]);
    assert_ne!(claims[2]["jti"], claims[3]["jti"]);
    let first = &claims[0];
    assert_eq!((&first["iss"], &first["aud"]), (&json!("twostep"), &json!(url)));
    assert!(first["events"]["urn:twostep:event:device_added"]["serial"].is_string(), "{first}");
    // No context is made of it.
    let introspected = client
        .post("/v1/sessions/introspect", json!({"token": sent[0].1, "audience": url}))
        .is(200);
    assert_eq!(introspected["active"], false);
}

#[test]
fn a_stuck_listener_delays_neither_the_other_nor_decisions() {
    let (folder, _) = folder();
    let (url, requests) = receiver(&[202, 202]);
    let program = folder.path().join("tell");
    // The program never reads its input, and never ends by itself.
    fs::write(&program, "#!/bin/sh\nexec sleep 600\n").unwrap();
    let agent = Agent::start_in(
        folder,
        &format!("[events]\nprogram = [\"{}\"]\nwebhook = \"{url}\"\n", program.display()),
    );
    let client = admin(&agent);
    for account in ["ann", "bob"] {
        add(&client, account);
        let (_, body) = requests.recv_timeout(Duration::from_secs(20)).unwrap();
        let payload = URL_SAFE_NO_PAD.decode(body.split('.').nth(1).unwrap()).unwrap();
        let payload: Value = serde_json::from_slice(&payload).unwrap();
        assert_eq!(payload["sub_id"]["id"], account);
    }
}
