//! Search for the secrets of token files in all that an agent wrote, showed and kept in memory.

use std::collections::BTreeMap;
use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use test_support::agent::Agent;
use test_support::canaries::{Canaries, plain_forms};
use test_support::http::{Answer, Client};
use test_support::memory;
use test_support::sealed_vaults::{self, COSTS, PASSPHRASE};

use super::{admin, container, exported, hex, import, secret};

/// A file that is imported, and its secrets.
struct Marked {
    name: &'static str,
    query: &'static str,
    passphrase: Option<&'static str>,
    file: Vec<u8>,
    secrets: Vec<Vec<u8>>,
}

const OTHER_PASSPHRASE: &str = "another passphrase than the one";

const TOKENS: u32 = 12;

fn base32(bytes: &[u8]) -> String {
    base32::encode(base32::Alphabet::Rfc4648 { padding: false }, bytes)
}

fn marked() -> Vec<Marked> {
    let secrets = |from: u32| -> Vec<Vec<u8>> { (from..from + TOKENS).map(secret).collect() };
    let csv = secrets(100);
    let lines = csv.iter().zip(1_000..);
    let table: String = lines.map(|(s, n)| format!("csv{n},{},totp,6,30\n", hex(s))).collect();
    let plain = secrets(200);
    let entries = plain.iter().map(|secret| {
        json!({"name": "Harbour", "secret": base32(secret), "otp": {"account": "ina",
            "algorithm": "SHA1", "digits": 6, "period": 30, "tokenType": "TOTP"}})
    });
    let services = json!({"services": entries.collect::<Vec<_>>(), "schemaVersion": 4});
    let sealed = secrets(300);
    let entries = sealed.iter().map(|secret| {
        json!({"type": "totp", "uuid": "x", "name": "ina", "issuer": "Harbour", "info":
            {"secret": base32(secret), "algo": "SHA1", "digits": 6, "period": 30}})
    });
    let entries = json!({"version": 3, "entries": entries.collect::<Vec<_>>()});
    let pskc = (0..TOKENS).map(|token| exported(token).secret.expose().to_vec()).collect();
    let marked = |name, passphrase, file: Vec<u8>, secrets| Marked {
        name,
        query: "?account=ina",
        passphrase,
        file,
        secrets,
    };
    vec![
        marked("csv", None, table.into(), csv),
        marked("vault", None, services.to_string().into(), plain),
        Marked {
            query: "",
            ..marked("pskc", Some(OTHER_PASSPHRASE), container(TOKENS, OTHER_PASSPHRASE), pskc)
        },
        marked(
            "encrypted vault",
            Some(PASSPHRASE),
            sealed_vaults::aegis(&entries.to_string(), COSTS).into(),
            sealed,
        ),
    ]
}

impl Marked {
    fn import(&self, client: &Client, query: &str) -> Answer {
        let passphrase = self.passphrase.map(|passphrase| STANDARD.encode(passphrase));
        let headers: Vec<(&str, &str)> = passphrase
            .iter()
            .map(|text| ("X-Twostep-Import-Passphrase", text.as_str()))
            .collect();
        import(client, &format!("{}{query}", self.query), &headers, &self.file)
    }

    fn keep(&self, canaries: &mut Canaries) {
        for secret in &self.secrets {
            canaries.keep("a seed", secret);
        }
        if let Some(passphrase) = self.passphrase {
            canaries.keep("a passphrase", passphrase);
        }
    }
}

#[test]
fn no_secret_of_a_file_is_written_or_shown() {
    let agent = Agent::start("[log]\nlevel = \"debug\"\n");
    let admin = admin(&agent);
    let (mut canaries, mut told) = (Canaries::default(), Vec::new());
    let mut keep = |answer: Answer, status: u16| {
        assert_eq!(answer.status, status, "{}", answer.text());
        told.extend(format!("{:?}", answer.headers).bytes());
        told.extend(answer.body);
    };
    for file in marked() {
        println!("{}", file.name);
        file.keep(&mut canaries);
        let joint = if file.query.is_empty() { "?" } else { "&" };
        keep(file.import(&admin, &format!("{joint}dry_run=true")), 200);
        // A passphrase that is wrong, a kind that is wrong, a file that is cut off.
        let wrong = Marked { passphrase: Some("hunter2-hunter2"), ..file.again() };
        let query = format!("{joint}dry_run=true");
        keep(wrong.import(&admin, &query), 200);
        for format in ["oath-csv", "otpauth", "pskc", "keycloak", "google-authenticator"] {
            keep(file.import(&admin, &format!("{joint}dry_run=true&format={format}")), 200);
        }
        let cut = Marked { file: file.file[..file.file.len() * 2 / 3].to_vec(), ..file.again() };
        keep(cut.import(&admin, &query), 200);
        keep(file.import(&admin, ""), 200);
        keep(file.import(&admin, ""), 400);
    }
    canaries.keep("a wrong passphrase", "hunter2-hunter2");
    canaries.keep("a passphrase of an export", "a passphrase of an export");
    let order = json!({"format": "pskc", "passphrase": "a passphrase of an export"});
    keep(admin.post("/v1/devices/export", order), 200);
    for path in ["/v1/devices?limit=1000", "/v1/audit?limit=1000", "/metrics"] {
        keep(admin.get(path), 200);
    }
    let mut places = BTreeMap::from([("answers".to_owned(), told)]);
    for name in ["cmdline", "environ"] {
        places.insert(name.to_owned(), fs::read(format!("/proc/{}/{name}", agent.pid())).unwrap());
    }
    for entry in fs::read_dir(agent.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && !path.ends_with("sealing.key") {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            places.insert(name, fs::read(&path).unwrap());
        }
    }
    assert!(places["log"].len() > 200 && places["answers"].len() > 20_000);
    assert_eq!(canaries.found_in(&places), Vec::<String>::new());
    canaries.are_found_where_planted();
    // No other file, such as a temporary one, was written.
    for open in fs::read_dir(format!("/proc/{}/fd", agent.pid())).unwrap() {
        let Ok(target) = fs::read_link(open.unwrap().path()) else { continue };
        let is_ours = target.starts_with(agent.folder.path());
        assert!(is_ours || !target.starts_with(std::env::temp_dir()), "{}", target.display());
    }
}

impl Marked {
    fn again(&self) -> Marked {
        Marked { file: self.file.clone(), secrets: Vec::new(), ..*self }
    }
}

/// The request itself stays in the buffer of the HTTP server until that is used again: its head
/// with a passphrase in base64, and the first bytes of the file as they were sent. Nothing that was
/// read out of it is left.
#[test]
fn memory_holds_no_secret_after_an_import_but_the_request() {
    for file in marked() {
        let agent = Agent::start("");
        let admin = admin(&agent);
        file.import(&admin, "").is(200);
        admin.get("/v1/devices?limit=1000").is(200);
        let mut canaries = Canaries::default();
        file.keep(&mut canaries);
        let search = canaries.search(plain_forms);
        let (mut searched, mut found) = (0, Vec::new());
        for (region, bytes) in memory::of(agent.pid()) {
            searched += bytes.len();
            let places = search.all_of(&bytes);
            let places = places.into_iter().filter(|(_, at)| !file.is_request(&bytes, *at));
            found.extend(places.map(|(what, at)| format!("{what} at {at} of {region}")));
        }
        assert!(searched > 1 << 20, "{searched} bytes");
        assert!(found.is_empty(), "{}: {found:#?}", file.name);
    }
}

impl Marked {
    /// True if these bytes are of the request, as it was sent.
    fn is_request(&self, bytes: &[u8], at: usize) -> bool {
        let header = b"X-Twostep-Import-Passphrase: ";
        // A text that was read out of it stands alone.
        let copied = |from: usize, to: usize| {
            let around = &bytes[from..to.min(bytes.len())];
            self.file.windows(around.len()).any(|window| window == around)
        };
        let is_of_file = copied(at.saturating_sub(16), at + 16) || copied(at, at + 64);
        is_of_file || bytes[..at].ends_with(header)
    }
}
