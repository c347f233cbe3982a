//! Imports over HTTP: whole or not at all, what was used stays used, tokens in stock.

use serde_json::{Value, json};
use test_support::agent::Agent;
use test_support::http::{Answer, Client};
use test_support::people::{api_key, app, now};
use twostep::time::UnixTime;

use super::{TCP, admin, caller};

fn import(client: &Client, query: &str, file: &str) -> Answer {
    let kind = [("Content-Type", "application/octet-stream")];
    client.raw("POST", &format!("/v1/devices/import{query}"), &kind, file.as_bytes())
}

/// A secret of 32 base32 letters, another one for each number.
fn secret(number: usize) -> String {
    let letter = |place: u32| char::from(b"ABCDEFGHIJ"[number / 10_usize.pow(place) % 10]);
    (0..6).map(letter).chain("GEZDGNBVGY3TQOJQGEZDGNBVGY".chars()).collect()
}

/// A table of tokens for Microsoft Entra: no owner, thirty seconds.
fn table(serials: &[&str]) -> String {
    let heading = "upn,serial number,secret key,time interval,manufacturer,model\n";
    let row =
        |(number, serial): (usize, &&str)| format!(",{serial},{},30,Maker,M1\n", secret(number));
    heading.to_owned() + &serials.iter().enumerate().map(row).collect::<String>()
}

fn serials(client: &Client, query: &str) -> Vec<String> {
    let page = client.get(&format!("/v1/devices?limit=1000{query}")).is(200);
    let devices = page["devices"].as_array().unwrap();
    devices
        .iter()
        .map(|device| device["serial"].as_str().unwrap().to_owned())
        .collect()
}

fn actions(client: &Client) -> Vec<String> {
    let events = client.get("/v1/audit?limit=1000").is(200);
    let events = events["events"].as_array().unwrap();
    events
        .iter()
        .map(|event| event["action"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_token_comes_from_a_file_to_its_owner() {
    let agent = Agent::start(TCP);
    let admin = admin(&agent);
    let report = import(&admin, "", &table(&["800001", "GAHT0002"])).is(200);
    assert_eq!((&report["format"], &report["imported"]), (&json!("entra-csv"), &json!(2)));
    assert_eq!(report["states"]["unassigned"], 2);
    assert_eq!(report["tokens"][0]["line"], 2, "{report}");
    assert_eq!(serials(&admin, "&state=unassigned"), ["800001", "GAHT0002"]);
    let device = admin.get("/v1/devices/800001").is(200);
    assert_eq!((&device["state"], &device["account"]), (&json!("unassigned"), &Value::Null));
    admin.get("/v1/accounts").is(200);

    let given = admin.post("/v1/devices/800001/assign", json!({"account": "alice"})).is(200);
    assert_eq!((&given["state"], &given["account"]), (&json!("pending"), &json!("alice")));
    assert_eq!(given["expires_at"], Value::Null, "it waits for its owner");
    admin
        .post("/v1/devices/800001/assign", json!({"account": "bob"}))
        .refused(404, "NoSuchEntity");
    let codes = [-30, 0].map(|ahead| app(&secret(0)).off_by(ahead).text_at(now()));
    let active = admin.post("/v1/devices/800001/activate", json!({"codes": codes})).is(200);
    assert_eq!(active["state"], "active");
    let code = app(&secret(0)).off_by(30).text_at(now());
    let opened = admin.post("/v1/sessions", json!({"account": "alice", "code": code})).is(201);
    let amr = opened["context"]["amr"].to_string();
    assert_eq!(amr, r#"["otp","hwk"]"#, "a hardware token says so");
    let row = "devices.imported";
    assert!(actions(&admin).iter().any(|action| action == row));
    assert!(actions(&admin).iter().any(|action| action == "device.assigned"));

    admin.delete("/v1/devices/GAHT0002").is(204);
    assert_eq!(serials(&admin, "&state=unassigned"), [""; 0]);
    admin.get("/v1/devices/GAHT0002").refused(404, "NoSuchEntity");
}

/// An administrator of all accounts puts devices in stock, and two codes give them to an account.
#[test]
fn codes_give_a_device_in_stock_to_an_account() {
    let agent = Agent::start(TCP);
    let admin = admin(&agent);
    let added = admin.post("/v1/devices", json!({"kind": "totp", "serial": "STOCK-1"})).is(201);
    let device = &added["device"];
    assert_eq!((&device["state"], &device["account"]), (&json!("unassigned"), &Value::Null));
    assert_eq!(device["expires_at"], Value::Null, "it never expires");
    let uri = added["provisioning"]["uri"].as_str().unwrap();
    assert!(uri.contains("STOCK-1"), "{uri}");
    let shown = app(added["provisioning"]["secret"].as_str().unwrap());
    let codes = |steps: i64| {
        [steps - 1, steps].map(|it| shown.text_at(UnixTime(now().0.saturating_add_signed(it * 30))))
    };
    admin
        .post("/v1/devices", json!({"kind": "recovery"}))
        .refused(400, "InvalidInput");
    let again = json!({"kind": "totp", "serial": "STOCK-1"});
    admin.post("/v1/devices", again).refused(409, "EntityAlreadyExists");

    // For enrollers, of some accounts or all, there is no stock.
    for made in [json!({"role": "enroller", "accounts": ["a*"]}), json!({"role": "enroller"})] {
        let key = api_key(&admin, made);
        let other = Client::tcp(agent.address()).bearing(&key);
        let new = json!({"kind": "totp"});
        other.post("/v1/devices", new).refused(403, "AccessDenied");
        let body = json!({"codes": codes(-1), "account": "alice"});
        other.post("/v1/devices/STOCK-1/activate", body).refused(404, "NoSuchEntity");
    }
    let activate = "/v1/devices/STOCK-1/activate";
    admin.post(activate, json!({"codes": codes(-1)})).refused(404, "NoSuchEntity");
    let wrong = json!({"codes": ["000000", "000000"], "account": "alice"});
    admin.post(activate, wrong).refused(403, "InvalidAuthenticationCode");
    let right = json!({"codes": codes(-1), "account": "alice"});
    let active = admin.post(activate, right).is(200);
    assert_eq!((&active["state"], &active["account"]), (&json!("active"), &json!("alice")));
    let taken = json!({"codes": codes(1), "account": "bob"});
    admin.post(activate, taken).refused(404, "NoSuchEntity");
    let body = json!({"account": "alice", "code": shown.text_at(now())});
    admin.post("/v1/sessions", body).is(201);
}

#[test]
fn a_file_is_imported_whole_or_not_at_all() {
    let agent = Agent::start(TCP);
    let admin = admin(&agent);
    admin
        .post(
            "/v1/devices",
            json!({
                "account": "alice", "kind": "totp", "serial": "Taken0001", "secret": secret(900)
            }),
        )
        .is(201);
    let before = (serials(&admin, ""), actions(&admin));
    let mut rows: Vec<String> = (0..1_000).map(|number| format!("T{number:06}")).collect();
    rows[700] = "TAKEN0001".to_owned();
    let twice = rows[20].clone();
    rows[950] = twice;
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let refused = import(&admin, "", &table(&rows));
    let refused = refused.refused(400, "InvalidInput");
    let found: Vec<(u64, &str)> = refused["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| (problem["line"].as_u64().unwrap(), problem["code"].as_str().unwrap()))
        .collect();
    let expected = [(702, "serial_case"), (902, "secret_taken"), (952, "serial_repeated")];
    assert_eq!(found, expected, "{refused}");
    assert_eq!((serials(&admin, ""), actions(&admin)), before, "nothing is left of it");

    let rows: Vec<&str> = rows.into_iter().take(600).collect();
    let dry = import(&admin, "?dry_run=true", &table(&rows)).is(200);
    assert_eq!((&dry["imported"], &dry["states"]["unassigned"]), (&json!(0), &json!(600)));
    assert_eq!(serials(&admin, ""), before.0, "a dry run changes nothing");
    assert_eq!(import(&admin, "", &table(&rows)).is(200)["imported"], 600);
    assert_eq!(serials(&admin, "&state=unassigned").len(), 600);
    let again = import(&admin, "", &table(&rows)).refused(400, "InvalidInput");
    assert_eq!(again["problems"].as_array().unwrap().len(), 100, "the first hundred are told");
}

/// A file of `pam_oath` says which code was used last; another one does not.
#[test]
fn a_code_that_was_used_elsewhere_is_refused_here() {
    let agent = Agent::start(TCP);
    let admin = admin(&agent);
    let used = "HOTP\tcarol\t-\t3132333435363738393031323334353637383930\t4\t338314\t\
                2026-11-01T10:00:00L\n";
    let report = import(&admin, "?activate=true&format=users-oath", used).is(200);
    assert_eq!(report["states"]["active"], 1, "{report}");
    assert_eq!(report["tokens"][0]["counter"], 5, "{report}");
    // Counters 4 and 5 of RFC 4226, Appendix D.
    let open = |account: &str, code: &str| {
        admin.post("/v1/sessions", json!({"account": account, "code": code}))
    };
    open("carol", "338314").refused(403, "AccessDenied");
    open("carol", "254676").is(201);

    let uri = format!("otpauth://totp/Acme:dave?secret={}\n", secret(7));
    let report = import(&admin, "?activate=true&account=dave", &uri).is(200);
    assert_eq!(report["states"]["active"], 1, "{report}");
    let at = now();
    open("dave", &app(&secret(7)).text_at(at)).refused(403, "AccessDenied");
    assert!(report["tokens"][0]["watermark"].as_u64().unwrap() > at.0 / 30 - 1, "{report}");

    let hotp = format!("otpauth://hotp/erin?secret={}\n", secret(8));
    let report = import(&admin, "?activate=true&account=erin", &hotp).is(200);
    assert_eq!(report["tokens"][0]["pair_needed"], true, "{report}");
}

#[test]
fn an_import_is_an_administrators() {
    let agent = Agent::start(TCP);
    let file = table(&["800001"]);
    for role in ["verifier", "enroller"] {
        import(&caller(&agent, role), "", &file).refused(403, "AccessDenied");
    }
    let stranger = Client::tcp(agent.address());
    import(&stranger, "", &file).refused(401, "Unauthorized");
    let admin = admin(&agent);
    assert_eq!(serials(&admin, ""), [""; 0]);
    import(&admin, "", &file).is(200);
    let enroller = caller(&agent, "enroller");
    enroller.get("/v1/devices/800001").refused(404, "NoSuchEntity");
    enroller.delete("/v1/devices/800001").refused(404, "NoSuchEntity");
    let to_himself = json!({"account": "alice"});
    enroller
        .post("/v1/devices/800001/assign", to_himself)
        .refused(403, "AccessDenied");
}

#[test]
fn hostile_files_leave_nothing() {
    let agent = Agent::start(TCP);
    let admin = admin(&agent);
    let before = actions(&admin);
    for file in ["", "\u{1f}\u{8b}\u{8}", "nothing that anybody knows\n", "PK\u{3}\u{4}", "\0\0\0"]
    {
        let refused = import(&admin, "", file).refused(400, "InvalidInput");
        assert_eq!(refused["problems"].as_array().unwrap().len(), 1, "{file:?}: {refused}");
    }
    import(&admin, "?format=vasco", "x").refused(400, "InvalidInput");
    import(&admin, "?dry_run=yes", "x").refused(400, "InvalidInput");
    import(&admin, "?unknown=1", "x").refused(400, "InvalidInput");
    let key = [("X-Twostep-Import-Key", "no base64!")];
    let refused = admin.raw("POST", "/v1/devices/import", &key, b"x");
    let refused = refused.refused(400, "InvalidInput").to_string();
    assert!(!refused.contains("no base64!"), "{refused}");
    assert_eq!(actions(&admin), before);
    assert_eq!(serials(&admin, ""), [""; 0]);
}

/// A token that was in use here and was removed is named. One that never was is imported again.
#[test]
fn a_token_that_was_in_use_and_removed_is_a_problem() {
    let agent = Agent::start(TCP);
    let admin = admin(&agent);
    let file = table(&["800001", "800002"]);
    import(&admin, "", &file).is(200);
    for serial in ["800001", "800002"] {
        admin.delete(&format!("/v1/devices/{serial}")).is(204);
    }
    import(&admin, "", &file).is(200);
    admin.post("/v1/devices/800001/assign", json!({"account": "alice"})).is(200);
    let codes = [-30, 0].map(|ahead| app(&secret(0)).off_by(ahead).text_at(now()));
    admin.post("/v1/devices/800001/activate", json!({"codes": codes})).is(200);
    for serial in ["800001", "800002"] {
        admin.delete(&format!("/v1/devices/{serial}")).is(204);
    }
    let before = (serials(&admin, ""), actions(&admin));
    // The serial number alone, and the secret alone.
    let renamed = table(&["900001", "800002"]);
    let moved = table(&["800002", "800001"]).replace(&secret(0), &secret(5));
    for (file, line) in [(&file, 2), (&renamed, 2), (&moved, 3)] {
        for query in ["", "?dry_run=true"] {
            let answer = import(&admin, query, file).json();
            let problems = answer["problems"].as_array().unwrap();
            assert_eq!(problems.len(), 1, "{answer}");
            assert_eq!(
                (&problems[0]["code"], &problems[0]["line"]),
                (&json!("removed"), &json!(line))
            );
            let detail = problems[0]["detail"].as_str().unwrap();
            assert!(detail.contains("the device 800001"), "{detail}");
        }
    }
    assert_eq!((serials(&admin, ""), actions(&admin)), before);
    // The way back: what was used of it stays used.
    let again = json!({
        "account": "bob", "kind": "totp", "serial": "800001", "secret": secret(0)
    });
    admin.post("/v1/devices", again).is(201);
    let used = json!({"codes": codes});
    admin
        .post("/v1/devices/800001/activate", used)
        .refused(403, "InvalidAuthenticationCode");
}

/// A client that goes away in the middle of its file leaves nothing, and the same file is imported
/// afterwards.
#[test]
fn a_file_that_breaks_off_leaves_nothing() {
    let agent = Agent::start(TCP);
    let admin = admin(&agent);
    let rows: Vec<String> = (0..900).map(|number| format!("T{number:06}")).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let file = table(&rows);
    let half = &file[..file.len() / 2];
    let head = format!(
        "POST /v1/devices/import HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{half}",
        file.len()
    );
    let mut stream = agent.connect();
    std::io::Write::write_all(&mut stream, head.as_bytes()).unwrap();
    drop(stream);
    let imported = || import(&admin, "", &file);
    let limit = std::time::Instant::now() + std::time::Duration::from_secs(20);
    let report = loop {
        let answer = imported();
        match answer.status {
            200 => break answer.is(200),
            _ if std::time::Instant::now() > limit => panic!("{}", answer.text()),
            _ => std::thread::sleep(std::time::Duration::from_millis(100)),
        }
    };
    assert_eq!(report["imported"], 900);
    assert_eq!(serials(&admin, "").len(), 900);
}

/// An export is encrypted, and another agent takes it over as it was.
#[test]
fn an_export_moves_devices_to_another_agent() {
    let (from, to) = (Agent::start(TCP), Agent::start(TCP));
    let (old, new) = (admin(&from), admin(&to));
    import(&old, "", &table(&["800001"])).is(200);
    let uri = format!("otpauth://totp/dave?secret={}\n", secret(7));
    import(&old, "?activate=true&account=dave", &uri).is(200);
    let order = json!({"format": "pskc", "passphrase": "correct horse"});
    let file = old.post("/v1/devices/export", order.clone());
    assert_eq!((file.status, file.header("content-type")), (200, Some("application/octet-stream")));
    let text = file.text();
    let all: Vec<String> = serials(&old, "");
    assert!(all.iter().all(|serial| text.contains(serial)), "{text}");
    assert!(!text.contains("GEZDGNBV") && !text.contains("correct horse"), "{text}");
    assert!(actions(&old).iter().any(|action| action == "devices.exported"));

    let refused = import(&new, "", &text).refused(400, "InvalidInput");
    assert_eq!(refused["problems"][0]["code"], "key_needed", "{refused}");
    // "correct horse" and "wrong horse" in base64.
    let with = |passphrase: &str| {
        let headers = [("X-Twostep-Import-Passphrase", passphrase)];
        new.raw("POST", "/v1/devices/import?activate=true", &headers, text.as_bytes())
    };
    let refused = with("d3JvbmcgaG9yc2U=").refused(400, "InvalidInput");
    assert_eq!(refused["problems"][0]["code"], "key_wrong", "{refused}");
    let report = with("Y29ycmVjdCBob3JzZQ==").is(200);
    assert_eq!(
        report["states"],
        json!({
            "unassigned": 1, "pending": 0, "active": 1, "disabled": 0
        })
    );
    assert_eq!(serials(&new, ""), all);
    let watermark = |client: &Client| {
        let page = client.get("/v1/devices?account=dave").is(200);
        page["devices"][0]["drift_steps"].clone()
    };
    assert_eq!(watermark(&new), watermark(&old));
    let code = app(&secret(7)).text_at(now());
    let replayed = json!({"account": "dave", "code": code});
    new.post("/v1/sessions", replayed).refused(403, "AccessDenied");
    caller(&from, "enroller")
        .post("/v1/devices/export", order)
        .refused(403, "AccessDenied");
}
