//! A dry run of a large file with faults of every kind: each is named by line, and nothing else.

use std::collections::BTreeMap;

use test_support::agent::Agent;
use test_support::http::Client;

use super::{admin, hex, import, secret};

const TOKENS: u32 = 10_000;

/// A fault: its code, its line, and a word of the sentence. In the line, `SERIAL` and `SECRET`
/// stand for those that a sound one has.
type Fault = (&'static str, String, &'static str);

fn serial(line: u32) -> String {
    format!("{:010}", 26_001_000 + line)
}

/// Devices in stock, one of them by another spelling, and one that was in use and is removed.
fn lived_in(agent: &Agent) -> Client {
    let admin = admin(agent);
    let line = |serial: &str, number| format!("{serial},{},totp,6,30\n", hex(&secret(number)));
    let stock = [line("0000000001", 900_001), line("STOCK2", 900_002)].concat();
    import(&admin, "", &[], stock.as_bytes()).is(200);
    let used = line("0000000003", 900_003);
    import(&admin, "?activate=true&account=ina", &[], used.as_bytes()).is(200);
    admin.delete("/v1/devices/0000000003").is(204);
    admin
}

fn faults() -> Vec<Fault> {
    let known = |number| hex(&secret(number));
    let line = |text: &str| text.to_owned();
    let of = |serial: &str, secret: &str| format!("{serial},{secret},totp,6,30");
    let ours = [
        ("serial_repeated", of(&serial(5), "SECRET"), "line 5"),
        ("secret_repeated", of("SERIAL", &known(6)), "line 6"),
        ("serial_case", of("table-One", "SECRET"), "line 7"),
        ("serial_taken", of("0000000001", "SECRET"), "remove that device"),
        ("secret_taken", of("SERIAL", &known(900_001)), "0000000001"),
        ("serial_case", of("stock2", "SECRET"), "STOCK2"),
        ("removed", of("0000000003", "SECRET"), "0000000003"),
        ("removed", of("SERIAL", &known(900_003)), "0000000003"),
    ];
    let damaged = [
        ("syntax", line("\u{feff}SERIAL,SECRET,totp,6,30"), ""),
        ("syntax", line("SERIAL;SECRET;totp;6;30"), ""),
        ("syntax", line("\"SERIAL,SECRET,totp,6,30"), ""),
        ("syntax", line("\"SERIAL\"7,SECRET,totp,6,30"), ""),
        ("serial_malformed", line("2.6E+12,SECRET,totp,6,30"), ""),
        ("serial_malformed", line("\"2,6E+12\",SECRET,totp,6,30"), ""),
        ("serial_malformed", line("26991017,SECRET,totp,6,30"), ""),
        ("serial_malformed", line("cafeSECRET,SERIAL,totp,6,30"), ""),
        ("secret_missing", line("SERIAL,,totp,6,30"), ""),
        ("secret_malformed", line("SERIAL,SECRETx,totp,6,30"), ""),
        ("secret_malformed", line("SERIAL,SECRET0,totp,6,30"), ""),
        ("value_malformed", line("SERIAL,SECRET,totp,6,half"), ""),
        ("value_malformed", line("SERIAL,SECRET,6,totp,30"), ""),
    ];
    // Damage of the same kind is named each time.
    let again = damaged
        .clone()
        .into_iter()
        .take(9)
        .filter(|(_, text, _)| !text.starts_with("2699"));
    let last = [("value_malformed", line("SERIAL,SECRET,totp,six,30"), "")];
    ours.into_iter().chain(damaged).chain(again).chain(last).collect()
}

#[test]
fn a_dry_run_names_thirty_faults_and_nothing_else() {
    let agent = Agent::start("");
    let admin = lived_in(&agent);
    let faults: BTreeMap<u32, Fault> = (0..).map(|at| at * 331 + 17).zip(faults()).collect();
    assert_eq!(faults.len(), 30);
    let mut file = "\u{feff}".to_owned();
    for number in 1..=TOKENS {
        let sound = match number {
            7 => ("TABLE-ONE".to_owned(), hex(&secret(number))),
            _ => (serial(number), hex(&secret(number))),
        };
        let line = faults.get(&number).map_or("SERIAL,SECRET,totp,6,30", |(_, line, _)| line);
        file += &line.replace("SERIAL", &sound.0).replace("SECRET", &sound.1);
        // Ends of lines of either kind are no fault.
        file += if number % 2 == 0 { "\r\n" } else { "\n" };
    }
    let answer = import(&admin, "?dry_run=true", &[], file.as_bytes()).is(200);
    let problems = answer["problems"].as_array().unwrap();
    let told: Vec<(u64, &str)> = problems
        .iter()
        .map(|problem| (problem["line"].as_u64().unwrap(), problem["code"].as_str().unwrap()))
        .collect();
    let planted: Vec<(u64, &str)> =
        faults.iter().map(|(line, (code, ..))| (u64::from(*line), *code)).collect();
    assert_eq!(told, planted);
    for (problem, (_, (_, _, word))) in problems.iter().zip(&faults) {
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(word), "{word}: {problem}");
    }
    assert_eq!(admin.get("/v1/devices").is(200)["devices"].as_array().unwrap().len(), 2);
    import(&admin, "", &[], file.as_bytes()).refused(400, "InvalidInput");
    assert_eq!(admin.get("/v1/devices").is(200)["devices"].as_array().unwrap().len(), 2);
}
