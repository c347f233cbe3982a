//! Surprises of each format, through the route: the answer to a dry run says what was understood.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use test_support::sealed_vaults::{self, COSTS, PASSPHRASE};

use super::hostile::{MOST_MEMORY, MOST_WORK, rows};
use super::measured::{forget_peak, peak, resident, worked};
use super::{admin, import, nothing_is_staged, started};

/// A file, the settings of its import, and members that its tokens must have; problems by their
/// line and code.
struct Surprise {
    name: &'static str,
    query: &'static str,
    passphrase: Option<&'static str>,
    file: Vec<u8>,
    tokens: Value,
    problems: Value,
}

fn surprise(
    name: &'static str,
    query: &'static str,
    file: impl Into<Vec<u8>>,
    tokens: Value,
) -> Surprise {
    Surprise { name, query, passphrase: None, file: file.into(), tokens, problems: json!([]) }
}

impl Surprise {
    fn with(self, passphrase: &'static str) -> Surprise {
        Surprise { passphrase: Some(passphrase), ..self }
    }

    fn refused(self, problems: Value) -> Surprise {
        Surprise { problems, ..self }
    }
}

#[test]
fn surprises_of_formats_are_understood_through_the_route() {
    let agent = started();
    let admin = admin(&agent);
    import(&admin, "", &[], super::table(5).as_bytes()).is(200);
    nothing_is_staged(&agent.folder.path().join("store.db"));
    let before = rows(&agent);
    let surprises = [tables(), hosts(), directories(), apps(), pskc()].into_iter().flatten();
    for case in surprises {
        let (worked_before, resident_before) = (worked(&agent), resident(&agent));
        forget_peak(&agent);
        let passphrase = case.passphrase.map(|passphrase| STANDARD.encode(passphrase));
        let headers: Vec<(&str, &str)> = passphrase
            .iter()
            .map(|text| ("X-Twostep-Import-Passphrase", text.as_str()))
            .collect();
        let query = format!("?dry_run=true{}", case.query);
        let answer = import(&admin, &query, &headers, &case.file).is(200);
        let (work, memory) =
            (worked(&agent) - worked_before, peak(&agent).saturating_sub(resident_before));
        println!("{}: {work:?}, {memory} KiB", case.name);
        let problems = answer["problems"].as_array().unwrap();
        let problems = problems.iter().map(|problem| json!([problem["line"], problem["code"]]));
        assert_eq!(Value::from_iter(problems), case.problems, "{}: {answer}", case.name);
        has(&answer["tokens"], &case.tokens, case.name);
        assert!(work <= MOST_WORK && memory <= MOST_MEMORY, "{}: {work:?} {memory}", case.name);
    }
    assert_eq!(rows(&agent), before, "the store is as it was");
}

/// Sees that each token has these members; one that is null is not there.
fn has(tokens: &Value, expected: &Value, name: &str) {
    let (tokens, expected) = (tokens.as_array().unwrap(), expected.as_array().unwrap());
    assert_eq!(tokens.len(), expected.len(), "{name}: {tokens:?}");
    for (token, expected) in tokens.iter().zip(expected) {
        for (member, value) in expected.as_object().unwrap() {
            assert_eq!(&token[member], value, "{name}: {member} of {token}");
        }
    }
}

fn base64(text: &str) -> String {
    STANDARD.encode(text)
}

fn pskc() -> Vec<Surprise> {
    let name = "urn:ietf:params:xml:ns:keyprov:pskc";
    let secret = base64("a secret in two lines of text");
    let lines = secret.split_at(12);
    let mixed = format!(
        "<p:KeyContainer Version=\"1.0\" xmlns:p=\"{name}\"><KeyPackage xmlns=\"{name}\">\
         <DeviceInfo><SerialNo>MIX1</SerialNo></DeviceInfo><Key Id=\"1\" Algorithm=\"{name}:totp\">\
         <AlgorithmParameters><Suite>HMAC-SHA256</Suite><p:ResponseFormat Length=\"8\" \
         Encoding=\"DECIMAL\"/></AlgorithmParameters><Data><Secret><PlainValue>\n {}\n {}\n\
         </PlainValue></Secret><TimeInterval><PlainValue>60</PlainValue></TimeInterval><TimeDrift>\
         <PlainValue>-3</PlainValue></TimeDrift></Data></Key></KeyPackage></p:KeyContainer>",
        lines.0, lines.1,
    );
    let small = format!(
        "<keycontainer version=\"1.0\" xmlns=\"{name}\"><keypackage><deviceinfo><serialno>SMALL1\
         </serialno></deviceinfo><key algorithm=\"{name}:totp\" id=\"1\"><algorithmparameters>\
         <responseformat encoding=\"DECIMAL\" length=\"6\"></responseformat>\
         <suite hashalgo=\"sha512\"></suite></algorithmparameters><data><secret><plainvalue>{}\
         </plainvalue></secret><timeinterval><plainvalue>30</plainvalue></timeinterval><counter>\
         <plainvalue>59862276</plainvalue></counter><timedrift><plainvalue>-61.5</plainvalue>\
         </timedrift></data></key></keypackage></keycontainer>",
        base64("in small letters all of it"),
    );
    let time = json!({"serial": "MIX1", "kind": "totp", "algorithm": "SHA256", "digits": 8,
        "period": 60, "drift_steps": -3, "drift_seconds": -180});
    let counted = json!({"serial": "SMALL1", "algorithm": "SHA512", "watermark": 59_862_276,
        "counter": null, "drift_seconds": -62});
    let ours = super::container(1, PASSPHRASE);
    let ours = surprise("encrypted PSKC", "", ours, json!([{"serial": "PSKC000000"}]));
    let silent = mixed.replace(" Length=\"8\" Encoding=\"DECIMAL\"", "");
    vec![
        surprise("PSKC of two spellings", "", &*mixed, json!([time])),
        surprise("PSKC without digits", "", silent, json!([]))
            .refused(json!([[null, "value_malformed"]])),
        surprise("PSKC of privacyIDEA", "", small, json!([counted])),
        ours.with(PASSPHRASE),
    ]
}

const HEX: &str = "4fb09e8c7d6a5b4c3d2e1f00a1b2c3d4e5f60718";

const BASE32: &str = "N4WX5PQ7RSTUVWYZABCDEFGHIJKLM2K3";

fn tables() -> Vec<Surprise> {
    let sha256 = "0f".repeat(32);
    let oath = format!("# list\nt1, {HEX}, , , ,\nt2, {sha256}, totp, 8, 60,\n");
    let oath = surprise(
        "oath-csv",
        "",
        oath,
        json!([
            {"serial": "t1", "kind": "hotp", "algorithm": "SHA1", "pair_needed": true},
            {"serial": "t2", "kind": "totp", "algorithm": "SHA256", "digits": 8, "period": 60},
        ]),
    );
    let owners = format!("ann, OATH1, {HEX}, hotp, 6\nn/a, TOTP2, {sha256}, totp, 8, 60\n");
    let owners = surprise(
        "privacyidea-csv",
        "",
        owners,
        json!([
            {"account": "ann", "pair_needed": true}, {"account": null, "algorithm": "SHA256"},
        ]),
    );
    let head = "upn,serial number,secret key,time interval,manufacturer,model\r\n";
    let entra = format!("{head}a@example.com,0012345,{BASE32},30,Acme,T1\r\n");
    let known = json!([{"serial": "0012345", "account": "a@example.com", "period": 30}]);
    let mark = [b"\xef\xbb\xbf", entra.as_bytes()].concat();
    let wide: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(entra.encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    let spoiled = format!("{head}a@example.com,2.6E+12,{BASE32},30,Acme,T1\r\n");
    let spoiled = surprise("entra-csv of a spreadsheet", "", spoiled, json!([]))
        .refused(json!([[2, "serial_malformed"]]));
    let log = format!("LOGGING START,1\nOATH-HOTP,1.2.26 10:42,1,ubhe,,{HEX},,,0,0,0,8,0,0\n");
    let log = surprise("yubico-csv", "", log, json!([{"serial": "ubhe", "digits": 8}]));
    let keys = format!("700123,,0,{HEX},,2026-02-01T10:42:00,\n");
    let keys = surprise("yubico-csv as configured", "", keys, json!([{"serial": "700123"}]));
    vec![
        oath,
        owners,
        surprise("entra-csv with a mark", "", mark, known.clone()),
        surprise("entra-csv in UTF-16", "", wide, known),
        spoiled,
        log,
        keys,
    ]
}

fn hosts() -> Vec<Surprise> {
    let google = "GEZDGNBVGY3TQOJQGEZDGNBVGY\n";
    let account = "&account=ina";
    let used =
        format!("{google}\" DISALLOW_REUSE 59732400 59732398\n\" TIME_SKEW 4\n\" TOTP_AUTH\n");
    let event = format!("{google}\" HOTP_COUNTER 17\n12345678\n");
    let silent = format!("{google}\" TOTP_AUTH\n");
    let users = format!("HOTP ann - {HEX} 41 123456 2026-10-13T10:00:00L\nHOTP ben - {HEX}77 41\n");
    vec![
        surprise(
            "google-authenticator",
            account,
            used,
            json!([
                {"watermark": 59_732_400, "drift_steps": 4, "account": "ina"},
            ]),
        ),
        surprise("google-authenticator of an event", account, event, json!([{"counter": 17}])),
        surprise(
            "google-authenticator without used steps",
            account,
            silent,
            json!([
                {"watermark": null, "state": "pending"},
            ]),
        ),
        surprise(
            "users-oath",
            "",
            users,
            json!([
                {"account": "ann", "counter": 42}, {"account": "ben", "counter": 41},
            ]),
        ),
    ]
}

fn directories() -> Vec<Surprise> {
    let freeipa = "dn: ipatokenuniqueid=t-1,cn=otp\nobjectClass: ipatoken\nobjectClass: \
                   ipatokentotp\nipatokenUniqueID: t-1\nipatokenOwner: uid=ann,cn=users,dc=exa\n \
                   mple\nipatokenOTPkey:: MTIzNDU2Nzg5MDEyMz\n Q1Ng==\nipatokenTOTPclockOffset: \
                   -61\nipatokenTOTPwatermark: 29866201\n\ndn: \
                   ipatokenuniqueid=e-2,cn=otp\nobjectclass: ipatokenHOTP\nipatokenUniqueID: \
                   e-2\nipatokenOTPkey: 1234567890abc\nipatokenHOTPcounter: 17\n";
    let safeword = format!(
        "dn: sccAuthenticatorId=AB01\nobjectclass: sccCompatibleToken\nsccAuthenticatorId: AB01\n\
         sccTokenData: sccKey={HEX};sccMode=T;sccPwLen=6;sccTick=60;sccPrTime=2019/03/12  \n"
    );
    let safenet = |seed: &str| {
        format!(
            "<Tokens>\n<Token serial=\"AL1\"><Applications><Application><Seed>{seed}</Seed>\
             <MovingFactor>17</MovingFactor></Application></Applications></Token></Tokens>"
        )
    };
    vec![
        surprise(
            "freeipa-ldif",
            "",
            freeipa,
            json!([
                {"serial": "t-1", "account": "ann", "watermark": 29_866_200, "drift_seconds": -61},
                {"serial": "e-2", "counter": 17},
            ]),
        ),
        surprise("safeword-dat", "", safeword, json!([{"t0": 946_684_800, "period": 60}])),
        surprise("safenet-xml", "", safenet(HEX), json!([{"serial": "AL1", "counter": 17}])),
        surprise("safenet-xml of odd digits", "", safenet(&HEX[1..]), json!([]))
            .refused(json!([[2, "secret_malformed"]])),
    ]
}

fn apps() -> Vec<Surprise> {
    let account = "&account=ina";
    let filled = |text: &str| {
        let secrets = ["NNSXA5BAMJ4SAYLOEBQXA4BANZXS4MI", "NNSXA5BAMJ4SAYLOEBQXA4BANZXS4MQ"];
        text.replace("ONE", secrets[0]).replace("TWO", secrets[1])
    };
    let both = || json!([{"digits": 8, "period": 60}, {"kind": "hotp", "counter": 41}]);
    let aegis = filled(include_str!("../import/files/aegis-entries.json"));
    let twofas = filled(include_str!("../import/files/2fas-services.json"));
    let andotp = filled(include_str!("../import/files/andotp.json"));
    let [aegis, twofas, andotp] = [
        ("aegis", sealed_vaults::aegis(&aegis, COSTS).into_bytes()),
        ("2fas", sealed_vaults::twofas(&twofas).into_bytes()),
        ("andotp", sealed_vaults::andotp(&andotp, 1_000)),
    ]
    .map(|(name, file)| surprise(name, account, file, both()).with(PASSPHRASE));
    let andotp = Surprise { query: "&account=ina&format=andotp", ..andotp };
    let realm = include_str!("../import/files/keycloak-realm.json");
    // A step of 60 seconds that is over.
    let server = include_str!("../import/files/privacyidea.json").replace("59862276", "29862276");
    let migration =
        "otpauth-migration://offline?data=CiEKFWtlcHQgYnkgYSBwaG9uZSBuby4gMRICeHkgASgBMAIQARgB\n";
    vec![
        aegis,
        twofas,
        andotp,
        surprise(
            "freeotp-plus",
            account,
            include_str!("../import/files/freeotp-plus.json"),
            both(),
        ),
        surprise(
            "keycloak",
            "",
            realm,
            json!([
                {"account": "ina", "algorithm": "SHA512", "period": 60},
                {"account": "ole", "counter": 12, "state": "disabled"},
            ]),
        ),
        surprise(
            "privacyidea",
            "&skip_unsupported=true",
            server,
            json!([
                {"serial": "TOTP00AB", "watermark": 29_862_276, "drift_seconds": -108},
                {"serial": "OATH00CD", "counter": 5},
                {"serial": "TOTP00EF", "watermark": null},
            ]),
        ),
        surprise("otpauth-migration", account, migration, json!([{"kind": "totp", "period": 30}])),
    ]
}
