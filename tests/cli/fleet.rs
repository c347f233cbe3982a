//! The fleet of tokens, as administrators see it: a shift of all tokens makes the server's clock
//! suspect.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::journey::{Token, away_from_the_end_of_a_step};
use super::program::Agent;

/// The fleet as the program tells it.
fn drift(agent: &Agent) -> Value {
    agent.done(&["--json", "fleet", "drift"], "").json()
}

#[test]
fn tokens_that_all_move_make_the_servers_clock_suspect() {
    let agent = Agent::start("");
    away_from_the_end_of_a_step();
    let serial = |number: usize| format!("AC2600{number:04}");
    let tokens: Vec<Token> = (0..28)
        .map(|number| {
            let (account, serial) = (format!("person{number}"), serial(number));
            let add = ["--json", "device", "add", "--account", &account, "--serial", &serial];
            let token = Token::added(&agent.done(&add, "").json());
            agent.done(&["device", "activate", &serial], &token.pair(-1));
            token
        })
        .collect();
    let before = drift(&agent);
    assert_eq!((&before["tokens"], &before["alarms"]), (&28.into(), &Value::Array(Vec::new())));
    assert_eq!(before["groups"][0]["batch"], "AC2600");

    // Three minutes: no code is accepted any more, and each is found by the look after the answer.
    for (number, token) in tokens.iter().enumerate() {
        let login = ["login", "--account", &format!("person{number}")];
        assert_eq!(agent.run(&login, &token.code_from_now(6)).exit, 1);
    }
    let deadline = Instant::now() + Duration::from_secs(60);
    let alarm = loop {
        let alarm = drift(&agent)["alarms"][0].clone();
        if alarm != Value::Null {
            break alarm;
        }
        assert!(Instant::now() < deadline, "no alarm: {}", drift(&agent));
        std::thread::sleep(Duration::from_millis(500));
    };
    assert_eq!(alarm["event"], "server_clock_suspect");
    assert!((alarm["seconds"].as_f64().unwrap() - 180.0).abs() < 40.0, "{alarm}");
    assert_eq!(alarm["causes"], serde_json::json!(["server_clock"]));

    let told = agent.done(&["fleet", "drift", "--within-days", "90"], "").out;
    assert!(told.contains("check this server's clock"), "{told}");
    let audit = agent.done(&["--json", "audit", "list"], "").json();
    let suspect = |event: &&Value| event["action"] == "server_clock.suspect";
    let rows = audit["events"].as_array().unwrap();
    assert_eq!(rows.iter().filter(suspect).count(), 1, "{audit}");
    let folder = tempfile::tempdir().unwrap();
    let svg = folder.path().join("fleet.svg");
    agent.done(&["fleet", "drift", "--svg", svg.to_str().unwrap()], "");
    assert!(std::fs::read_to_string(svg).unwrap().ends_with("</svg>\n"));
}

#[test]
fn days_beyond_ten_years_are_no_question() {
    let agent = Agent::start("");
    for days in ["0", "3651", "many"] {
        assert_eq!(agent.run(&["fleet", "drift", "--within-days", days], "").exit, 2);
    }
}
