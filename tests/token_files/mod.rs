//! Files of tokens and a real agent: killed in the middle of one, hostile ones, large ones, and a
//! search for what is left of their secrets.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod faults;
mod hostile;
mod kills;
mod leaks;
mod measured;
mod size;
mod surprises;
mod writers;

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};
use std::{io, thread};

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use test_support::agent::Agent;
use test_support::http::{Answer, Client};
use test_support::random::Random;
use twostep::import::{Exported, ExportedFactor, PskcWriter};
use twostep::otp::Algorithm;
use twostep::secret::Secret;

/// The administrator of this agent, on its Unix socket.
fn admin(agent: &Agent) -> Client {
    Client::unix(agent.socket())
}

fn import(client: &Client, query: &str, headers: &[(&str, &str)], file: &[u8]) -> Answer {
    client.raw("POST", &format!("/v1/devices/import{query}"), headers, file)
}

/// The number in this variable of the environment, or else this one.
fn number(variable: &str, otherwise: u32) -> u32 {
    std::env::var(variable).map_or(otherwise, |number| number.parse().unwrap())
}

/// A secret of 20 bytes, another one for each number.
fn secret(number: u32) -> Vec<u8> {
    let mut random = Random::new(u64::from(number) << 20);
    let bytes = (0..3).flat_map(|_| random.next().to_be_bytes());
    bytes.take(20).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// A table of so many time-based tokens, without owners: `oath-csv`.
fn table(tokens: u32) -> String {
    (0..tokens).fold(String::new(), |mut file, token| {
        writeln!(file, "CSV{token:06},{},totp,6,30", hex(&secret(token))).unwrap();
        file
    })
}

/// An encrypted container of so many time-based tokens, without owners.
fn container(tokens: u32, passphrase: &str) -> Vec<u8> {
    let (mut file, mut random) = (Vec::new(), Random::new(7));
    let mut fill = |bytes: &mut [u8]| -> io::Result<()> {
        bytes.iter_mut().for_each(|byte| *byte = random.next().to_be_bytes()[0]);
        Ok(())
    };
    let passphrase = Secret::from(passphrase.as_bytes());
    let mut writer = PskcWriter::begin(&mut file, &passphrase, &mut fill).unwrap();
    for token in 0..tokens {
        writer.add(&exported(token)).unwrap();
    }
    writer.end().unwrap();
    file
}

fn exported(token: u32) -> Exported {
    Exported {
        serial: format!("PSKC{token:06}"),
        account: None,
        name: Some(format!("Token number {token} of a large delivery")),
        issuer: "A maker of tokens".to_owned(),
        secret: Secret::new(secret(0x4000_0000 + token)),
        algorithm: Algorithm::Sha1,
        digits: 6,
        factor: ExportedFactor::Totp {
            period: 30,
            t0: 0,
            drift: 0,
            watermark: Some(59_000_000),
            clock: None,
        },
        disabled: false,
        hardware: true,
    }
}

/// The number of all devices, counted page by page.
fn count(client: &Client) -> u32 {
    let (mut all, mut after) = (0, String::new());
    loop {
        let page = client.get(&format!("/v1/devices?limit=1000{after}")).is(200);
        let devices = page["devices"].as_array().unwrap();
        all += u32::try_from(devices.len()).unwrap();
        match &page["next"] {
            Value::String(next) => after = format!("&after={next}"),
            _ => return all,
        }
    }
}

fn started() -> Agent {
    started_with("")
}

fn started_with(config: &str) -> Agent {
    let folder = tempfile::tempdir().unwrap();
    let config = format!("{}{config}", store_in(folder.path()));
    Agent::start_in(folder, &config)
}

/// A store of one file, wherever other tests keep theirs.
fn store_in(folder: &Path) -> String {
    let file = folder.join("store.db");
    format!("[store]\nurl = \"sqlite:{}\"\nkey_file = \"sealing.key\"\n", file.display())
}

/// Waits until no row of an import is left.
fn nothing_is_staged(store: &Path) {
    let store = Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let limit = Instant::now() + Duration::from_secs(60);
    let rows = || -> u32 {
        let sql = "SELECT (SELECT count(*) FROM staged) + (SELECT count(*) FROM imports)";
        store.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    while rows() > 0 {
        assert!(Instant::now() < limit, "{} rows of imports are left", rows());
        thread::sleep(Duration::from_millis(20));
    }
}
