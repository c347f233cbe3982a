//! Token files at a terminal: what is left of them in the program, and what the person sees.

use std::fs;
use std::io::{Read, Write};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use test_support::canaries::{Canaries, plain_forms};
use test_support::{memory, sealed_vaults, tools};

use super::program::{Agent, TWOSTEP, command};

/// An import that was answered, and asks what to do with its file.
struct Asking {
    terminal: Child,
    screen: String,
}

impl Asking {
    fn about(agent: &Agent, arguments: &str, typed: &str) -> Asking {
        let line = format!(
            "stty cols 80; exec {TWOSTEP} --socket {} device import {arguments}",
            agent.socket().display()
        );
        let mut terminal = command("script");
        terminal.args(["-qefc", &line, "/dev/null"]);
        let (from, to) = (Stdio::piped(), Stdio::piped());
        let mut terminal = terminal.stdin(from).stdout(to).spawn().unwrap();
        terminal.stdin.as_mut().unwrap().write_all(typed.as_bytes()).unwrap();
        let (mut screen, mut byte) = (Vec::new(), [0]);
        while !screen.ends_with(b"Type yes: ") {
            let read = terminal.stdout.as_mut().unwrap().read(&mut byte).unwrap();
            assert!(read == 1, "{}", String::from_utf8_lossy(&screen));
            screen.push(byte[0]);
        }
        Asking { terminal, screen: String::from_utf8(screen).unwrap() }
    }

    /// The process of the program.
    fn process(&self) -> u32 {
        let began = Instant::now();
        loop {
            let id = self.terminal.id();
            let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
            if let Ok(process) = children.trim().parse() {
                return process;
            }
            assert!(began.elapsed() < Duration::from_secs(10), "{children:?}");
        }
    }

    /// Answers, and returns all that was on the screen.
    fn answered(mut self, answer: &str) -> String {
        self.terminal.stdin.as_mut().unwrap().write_all(answer.as_bytes()).unwrap();
        let mut rest = String::new();
        self.terminal.stdout.as_mut().unwrap().read_to_string(&mut rest).unwrap();
        assert!(self.terminal.wait().unwrap().success(), "{}{rest}", self.screen);
        self.screen + &rest
    }
}

const SEEDS: [&str; 2] =
    ["8fb1c93e27d45a60719e3b8d2c4f6a5e01927384", "5a01e7d39b4c8f2610d7e3a4b5968778695a4b3c"];

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    digits
        .map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn no_secret_of_a_file_stays_in_the_program() {
    if !tools::have("script") {
        return;
    }
    let agent = Agent::start("");
    let folder = tempfile::tempdir().unwrap();
    let secrets = SEEDS.map(bytes);
    let base32 =
        |secret: &Vec<u8>| base32::encode(base32::Alphabet::Rfc4648 { padding: false }, secret);
    let entry = |secret: &Vec<u8>| {
        serde_json::json!({"type": "totp", "uuid": "x", "name": "ina", "issuer": "Harbour", "info":
            {"secret": base32(secret), "algo": "SHA1", "digits": 6, "period": 30}})
    };
    let vault = serde_json::json!({"version": 3, "entries": [entry(&secrets[1])]});
    let vault = sealed_vaults::aegis(&vault.to_string(), sealed_vaults::COSTS);
    let table = format!("t1,{},totp,6,30\n", SEEDS[0]);
    // The last file is opened by a passphrase that is typed.
    for (name, file, typed) in [
        ("table.csv", table, String::new()),
        ("vault.json", vault, format!("{}\n", sealed_vaults::PASSPHRASE)),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, file).unwrap();
        let asking = Asking::about(&agent, &format!("{} --account ina", path.display()), &typed);
        let mut canaries = Canaries::default();
        secrets.iter().for_each(|secret| canaries.keep("a seed", secret));
        canaries.keep("a passphrase", sealed_vaults::PASSPHRASE);
        let search = canaries.search(plain_forms);
        let (mut searched, mut found) = (0, Vec::new());
        for (region, bytes) in memory::of(asking.process()) {
            if region.ends_with("[stack]") {
                continue;
            }
            searched += bytes.len();
            let places = search.all_of(&bytes).into_iter();
            // The head of the request stays in a buffer of the HTTP client.
            let places = places.filter(|(_, at)| !bytes[..*at].ends_with(b"-passphrase: "));
            found.extend(places.map(|(what, at)| format!("{what} at {at} of {region}")));
        }
        assert!(searched > 100_000, "{searched} bytes");
        assert_eq!(found, Vec::<String>::new(), "{name}");
        let screen = asking.answered("no\n");
        assert!(screen.contains("The file was left as it is."), "{screen}");
    }
}

#[test]
fn an_import_fits_a_terminal_of_80_columns() {
    if !tools::have("script") {
        return;
    }
    let agent = Agent::start("");
    let file = agent.folder.path().join("drawer.csv");
    let table = format!("0012345678901,{},totp,8,60\nt2,{},hotp,6,7\n", SEEDS[0], SEEDS[1]);
    fs::write(&file, table).unwrap();
    let screen = Asking::about(&agent, &file.display().to_string(), "").answered("yes\n");
    let table = screen.lines().skip_while(|line| !line.contains("SERIAL NUMBER"));
    let table: Vec<&str> = table.take(3).map(|line| line.trim_end_matches('\r')).collect();
    assert!(table.len() == 3 && table[2].contains("next 7"), "{screen}");
    // The heading has marks of a bold font.
    assert!(table[1..].iter().all(|line| line.chars().count() <= 80), "{table:?}");
    assert!(
        screen.contains("2 in stock") && screen.contains("overwritten and removed"),
        "{screen}"
    );
    assert!(!file.exists());
}
