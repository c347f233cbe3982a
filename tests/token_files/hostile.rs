//! Files that no honest program writes: each is refused for its reason, with little work and
//! memory, and leaves the store as it was.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, Row};
use test_support::agent::Agent;
use test_support::sealed_vaults::{self, PASSPHRASE};

use super::measured::{forget_peak, peak, resident, worked};
use super::{admin, container, import, nothing_is_staged, started};

/// A file, the settings and the secrets of its import, and the kind of its only problem.
struct Case {
    name: String,
    query: &'static str,
    secrets: Vec<(&'static str, String)>,
    file: Vec<u8>,
    code: &'static str,
}

fn case(name: &str, query: &'static str, file: impl Into<Vec<u8>>, code: &'static str) -> Case {
    Case { name: name.to_owned(), query, secrets: Vec::new(), file: file.into(), code }
}

impl Case {
    fn with(mut self, header: &'static str, text: &str) -> Case {
        self.secrets.push((header, STANDARD.encode(text)));
        self
    }
}

pub(super) const MOST_WORK: Duration = Duration::from_secs(2);

/// KiB beyond those before the file.
pub(super) const MOST_MEMORY: u64 = 64 * 1_024;

#[test]
fn hostile_files_are_refused_with_little_work_and_memory() {
    let agent = started();
    let admin = admin(&agent);
    import(&admin, "", &[], super::table(5).as_bytes()).is(200);
    // The first answers of an agent take memory of their own.
    import(&admin, "", &[], b"nothing").refused(400, "InvalidInput");
    nothing_is_staged(&agent.folder.path().join("store.db"));
    let before = rows(&agent);
    for case in cases() {
        let (worked_before, resident_before) = (worked(&agent), resident(&agent));
        forget_peak(&agent);
        let headers: Vec<(&str, &str)> =
            case.secrets.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let answer = import(&admin, case.query, &headers, &case.file);
        let (work, memory) =
            (worked(&agent) - worked_before, peak(&agent).saturating_sub(resident_before));
        println!("{}: {work:?}, {memory} KiB", case.name);
        let refused = answer.refused(400, "InvalidInput");
        let codes: Vec<&str> = refused["problems"]
            .as_array()
            .unwrap()
            .iter()
            .map(|problem| problem["code"].as_str().unwrap())
            .collect();
        assert_eq!(codes, [case.code], "{}: {refused}", case.name);
        assert!(work <= MOST_WORK, "{}: {work:?}", case.name);
        assert!(memory <= MOST_MEMORY, "{}: {memory} KiB", case.name);
    }
    assert_eq!(rows(&agent), before, "the store is as it was");
}

/// All rows of the store that an import may change.
pub(super) fn rows(agent: &Agent) -> Vec<String> {
    let file = agent.folder.path().join("store.db");
    let store = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let tables = ["accounts", "devices", "tombstones", "fingerprint_aliases", "audit"];
    let of_table = |table: &str| -> Vec<String> {
        let mut all = store.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = all.column_count();
        let row = |row: &Row<'_>| -> rusqlite::Result<String> {
            let values = (0..columns).map(|column| row.get::<_, Value>(column));
            let values: Vec<Value> = values.collect::<Result<_, _>>()?;
            Ok(format!("{table}: {values:?}"))
        };
        all.query_map([], row).unwrap().map(Result::unwrap).collect()
    };
    tables.into_iter().flat_map(of_table).collect()
}

fn cases() -> Vec<Case> {
    let mut cases = of_xml();
    cases.extend(of_ciphers());
    cases.extend(of_vaults());
    cases.extend(of_bytes());
    cases
}

const HEAD: &str = "<KeyContainer Version=\"1.0\" xmlns=\"urn:ietf:params:xml:ns:keyprov:pskc\">";

fn of_xml() -> Vec<Case> {
    let pskc = "?format=pskc";
    let inside = |text: &str| format!("{HEAD}{text}</KeyContainer>");
    let long = "x".repeat(70_000);
    let wide = |mark: &str| -> Vec<u8> {
        let text = format!("{mark}{}", inside(""));
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    };
    let laughs = "<!DOCTYPE k [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]>";
    let external = "<!DOCTYPE k SYSTEM \"file:///etc/passwd\">";
    vec![
        case("document type", pskc, format!("<!DOCTYPE KeyContainer>{HEAD}"), "hostile"),
        case("document type in small letters", pskc, format!("<!doctype k>{HEAD}"), "hostile"),
        case("external document type", pskc, format!("{external}{}", inside("")), "hostile"),
        case("entities of entities", pskc, format!("{laughs}{}", inside("&b;")), "hostile"),
        case("entity", pskc, inside("<Extensions>&xxe;</Extensions>"), "hostile"),
        case("entity in an attribute", pskc, inside("<Extensions a=\"&xxe;\"/>"), "hostile"),
        case("depth", pskc, inside(&"<a>".repeat(32)), "hostile"),
        case("endless depth", pskc, format!("{HEAD}{}", "<a>".repeat(4 << 20)), "hostile"),
        case("attribute", pskc, inside(&format!("<a b=\"{long}\"/>")), "too_large"),
        case("text", pskc, inside(&format!("<a>{long}</a>")), "too_large"),
        case("endless text", pskc, format!("{HEAD}<a>{}", "x".repeat(80 << 20)), "too_large"),
        case("UTF-16", pskc, wide(""), "hostile"),
        case("UTF-16 with a mark", pskc, wide("\u{feff}"), "hostile"),
        case("NUL in XML", pskc, inside("<a>\0</a>"), "hostile"),
        case("tokens in another order", "?format=safenet-xml", inside("<a/>"), "syntax"),
    ]
}

/// Containers whose parameters cost work, or that cannot be authenticated.
fn of_ciphers() -> Vec<Case> {
    let sound = String::from_utf8(container(1, PASSPHRASE)).unwrap();
    let encrypted = |name: &str, file: String, code: &'static str| {
        assert_ne!(file, sound, "{name} is a fault");
        case(name, "", file, code).with("X-Twostep-Import-Passphrase", PASSPHRASE)
    };
    let with = |from: &str, to: &str| sound.replace(from, to);
    let iterations =
        |number: &str| with("<IterationCount>600000<", &format!("<IterationCount>{number}<"));
    let in_last = |name: &str, change: &dyn Fn(&[u8]) -> Vec<u8>| {
        let from = sound.rfind(&format!("<{name}>")).unwrap() + name.len() + 2;
        let to = from + sound[from..].find('<').unwrap();
        let bytes = STANDARD.decode(&sound[from..to]).unwrap();
        format!("{}{}{}", &sound[..from], STANDARD.encode(change(&bytes)), &sound[to..])
    };
    let short = |length: usize| move |bytes: &[u8]| bytes[..length].to_vec();
    let value = "xenc:CipherValue";
    let code = "pskc:ValueMAC";
    let mac = {
        let (from, to) = ("<pskc:MACMethod", "</pskc:MACMethod>");
        let (before, rest) = sound.split_once(from).unwrap();
        format!("{before}{}", rest.split_once(to).unwrap().1)
    };
    let no_code = {
        let (before, rest) = sound.rsplit_once("<pskc:ValueMAC>").unwrap();
        format!("{before}{}", rest.split_once("</pskc:ValueMAC>").unwrap().1)
    };
    let key = |name: &str, key: &str| {
        let derived = sound.find("<xenc11:DerivedKey>").unwrap();
        let end = sound.find("</xenc11:DerivedKey>").unwrap() + "</xenc11:DerivedKey>".len();
        let named = "<ds:KeyName xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">k</ds:KeyName>";
        let file = format!("{}{named}{}", &sound[..derived], &sound[end..]);
        case(name, "", file, "key_wrong").with("X-Twostep-Import-Key", key)
    };
    vec![
        encrypted("no iterations", iterations("0"), "encryption"),
        encrypted("ten million iterations and one", iterations("10000001"), "encryption"),
        encrypted("length of the key", with("<KeyLength>32<", "<KeyLength>20<"), "encryption"),
        encrypted("no initialisation vector", in_last(value, &short(16)), "encryption"),
        encrypted("half a vector", in_last(value, &short(8)), "encryption"),
        encrypted("no whole block", in_last(value, &short(40)), "encryption"),
        encrypted("code cut off", in_last(code, &short(16)), "encryption"),
        encrypted("no method of codes", mac, "encryption"),
        encrypted("no code", no_code, "encryption"),
        key("key of five bytes", "0102030405"),
        key("key of another cipher", &"01".repeat(16)),
    ]
}

fn of_vaults() -> Vec<Case> {
    let aegis = |name: &str, costs: &str, code: &'static str| {
        let file = sealed_vaults::aegis(r#"{"version":1,"entries":[]}"#, costs);
        case(name, "", file, code).with("X-Twostep-Import-Passphrase", PASSPHRASE)
    };
    let andotp = |name: &str, iterations: u32, code: &'static str| {
        let mut file = sealed_vaults::andotp("[]", 1);
        file[..4].copy_from_slice(&iterations.to_be_bytes());
        let query = "?format=andotp";
        case(name, query, file, code).with("X-Twostep-Import-Passphrase", PASSPHRASE)
    };
    let deep = format!("{{\"services\":{}", "[".repeat(8 << 20));
    let endless = |head: &str, mib: usize| format!("{head}{}", " ".repeat(mib << 20));
    vec![
        aegis("work of scrypt", r#""n":1048576,"r":4,"p":2"#, "too_large"),
        aegis("memory of scrypt", r#""n":2097152,"r":2,"p":1"#, "too_large"),
        aegis("overflow of scrypt", r#""n":4294967296,"r":4294967296,"p":9"#, "too_large"),
        aegis("costs that are none", r#""n":0,"r":8,"p":1"#, "encryption"),
        andotp("no iterations of andOTP", 0, "encryption"),
        andotp("iterations of andOTP", u32::MAX, "too_large"),
        case("nested JSON", "?format=2fas", deep, "syntax"),
        case("vault of 40 MiB", "?format=aegis", endless("{", 40), "too_large"),
        case("realm of 80 MiB", "?format=keycloak", endless("{", 80), "too_large"),
        case("LDIF of 80 MiB", "?format=freeipa-ldif", endless("dn: x\n", 80), "too_large"),
    ]
}

fn of_bytes() -> Vec<Case> {
    let line = format!("t1,{}", "00".repeat(1 << 20));
    vec![
        case("line of 2 MiB", "?format=oath-csv", line.clone(), "too_large"),
        case("line of 2 MiB of columns", "?columns=serial,secret:hex", line, "too_large"),
        case("line without an end", "?format=otpauth", vec![b'x'; 80 << 20], "too_large"),
        case("gzip", "", b"\x1f\x8b\x08\0\0\0\0\0".to_vec(), "hostile"),
        case("zip", "?format=oath-csv", b"PK\x03\x04\x14\0".to_vec(), "hostile"),
        case("NUL", "?format=oath-csv", "t1,00\0,hotp\n", "hostile"),
        case("nothing", "", "", "format_unknown"),
    ]
}

/// The answers to a wrong passphrase and to an altered file do not differ.
#[test]
fn a_wrong_passphrase_and_an_altered_file_have_one_answer() {
    let agent = Agent::start("");
    let admin = admin(&agent);
    let sound = String::from_utf8(container(1, PASSPHRASE)).unwrap();
    let answer = |file: &str, passphrase: &str| {
        let headers = [("X-Twostep-Import-Passphrase", &*STANDARD.encode(passphrase))];
        let answer = import(&admin, "?dry_run=true", &headers, file.as_bytes()).is(200);
        answer["problems"].clone()
    };
    let wrong = answer(&sound, "quayside");
    assert_eq!(wrong[0]["code"], "key_wrong", "{wrong}");
    let at = sound.find("<xenc:CipherValue>").unwrap() + "<xenc:CipherValue>".len();
    let other = if &sound[at..=at] == "A" { "B" } else { "A" };
    let altered = format!("{}{other}{}", &sound[..at], &sound[at + 1..]);
    assert_eq!(answer(&altered, PASSPHRASE), wrong);
    assert_eq!(answer(&sound, PASSPHRASE), serde_json::json!([]));
}
