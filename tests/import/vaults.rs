//! Vaults of authenticator apps and password managers.

use test_support::sealed_vaults;
use test_support::sealed_vaults::COSTS;
use twostep::import::{Format, Place, ProblemCode, Settings, TokenKind};
use twostep::otp::Algorithm;
use twostep::secret::Secret;

use super::{Read, read_with, recognised, settings};

/// Compares with the tokens of [`SECRETS`], the same in each app: one of time, one of a counter.
fn assert_both(read: Read, format: Format) {
    assert_eq!(read.format, Some(format));
    let [time, event] = <[_; 2]>::try_from(read.sound()).unwrap();
    assert_eq!(time.place, Place::Entry(1));
    assert_eq!(time.secret.expose(), b"kept by an app no.1");
    assert_eq!(time.name.as_deref(), Some("Werft: ina@example.net"));
    assert_eq!((time.kind, time.digits, time.period), (Some(TokenKind::Totp), Some(8), Some(60)));
    assert_eq!((time.algorithm, time.watermark), (Some(Algorithm::Sha256), None));
    assert_eq!((time.hardware, time.account, time.serial), (Some(false), None, None));
    assert_eq!(event.secret.expose(), b"kept by an app no.2");
    assert_eq!((event.kind, event.counter, event.period), (Some(TokenKind::Hotp), Some(41), None));
    assert_eq!(event.algorithm, Some(Algorithm::Sha1));
}

/// "kept by an app no.1" and "no.2" in base32.
pub(super) const SECRETS: [&str; 2] =
    ["NNSXA5BAMJ4SAYLOEBQXA4BANZXS4MI", "NNSXA5BAMJ4SAYLOEBQXA4BANZXS4MQ"];

fn filled(text: &str) -> String {
    text.replace("ONE", SECRETS[0]).replace("TWO", SECRETS[1])
}

const AEGIS: &str = include_str!("files/aegis-entries.json");

const TWOFAS: &str = include_str!("files/2fas-services.json");

const ANDOTP: &str = include_str!("files/andotp.json");

const STRATUM: &str = include_str!("files/stratum.json");

const RAIVO: &str = include_str!("files/raivo.json");

const PROTON: &str = include_str!("files/proton.json");

const ONEPASSWORD: &str = include_str!("files/1password.json");

const FREEOTP_PLUS: &str = include_str!("files/freeotp-plus.json");

fn vaults() -> Vec<(Format, String)> {
    let aegis = format!(r#"{{"version":1,"header":{{"slots":null,"params":null}},"db":{AEGIS}}}"#);
    let twofas = format!(r#"{{"services":{TWOFAS},"groups":[],"schemaVersion":4}}"#);
    let files = [
        (Format::Aegis, aegis.as_str()),
        (Format::TwoFas, &twofas),
        (Format::AndOtp, ANDOTP),
        (Format::Stratum, STRATUM),
        (Format::Raivo, RAIVO),
        (Format::Proton, PROTON),
        (Format::OnePassword, ONEPASSWORD),
        (Format::FreeOtpPlus, FREEOTP_PLUS),
    ];
    files.map(|(format, file)| (format, filled(file))).into()
}

pub(super) fn plain_files() -> Vec<Vec<u8>> {
    vaults().into_iter().map(|(_, file)| file.into_bytes()).collect()
}

/// Encrypted files, each with the number of bytes that decide how much work it is.
pub(super) fn sealed_files() -> Vec<(usize, Vec<u8>)> {
    vaults_with_passphrase()
        .map(|(format, file)| (if format == Format::AndOtp { 4 } else { 0 }, file))
        .into()
}

/// Encrypted files that are opened with little work, and the format of one that is not recognised.
pub(super) fn cheap_files() -> [(Option<Format>, Vec<u8>); 2] {
    [(None, sealed_aegis(COSTS).into_bytes()), (Some(Format::AndOtp), sealed_andotp(10))]
}

#[test]
fn each_app_is_recognised_and_tells_the_same_two_tokens() {
    for (format, file) in vaults() {
        println!("{format}");
        assert_both(recognised(&file), format);
        assert_both(recognised(format!("\u{feff}{file}")), format);
    }
}

#[test]
fn entries_of_other_kinds_are_unsupported() {
    for file in [
        r#"[{"secret":"ONE","label":"x","type":"STEAM","thumbnail":"Default"}]"#,
        r#"{"Authenticators":[{"Type":3,"Secret":"ONE"},{"Type":4,"Secret":"ONE"},{"Type":9}]}"#,
        r#"{"services":[{"secret":"ONE","otp":{"tokenType":"STEAM"}}]}"#,
        r#"{"version":1,"entries":[{"content":{"entry_type":"Steam","uri":"steam://ONE"}}]}"#,
        r#"{"header":{"slots":null,"params":null},"db":{"entries":[
            {"type":"motp","info":{"secret":"ONE"}},{"type":"yandex","info":{"secret":"ONE"}}]}}"#,
        r#"{"services":[{"secret":"ONE","otp":{"tokenType":"TOTP","algorithm":"MD5"}}]}"#,
    ] {
        let read = recognised(filled(file));
        assert!(!read.problems.is_empty(), "{file}");
        for (_, code) in read.codes() {
            assert_eq!(code, ProblemCode::Unsupported, "{file}");
        }
    }
}

#[test]
fn a_malformed_entry_is_named_and_the_next_one_read() {
    let file = r#"[{"type":"TOTP","label":"a","thumbnail":"","secret":"ONE1"},
        {"type":"TOTP","label":"b"},
        {"type":"TOTP","label":"c","secret":"ONE","digits":"six"},
        {"type":"HOTP","label":"d","secret":"ONE","counter":-1},
        {"type":"TOTP","label":"e","secret":"TWO"}]"#;
    let read = recognised(filled(file));
    assert_eq!(
        read.codes(),
        [
            (Some(Place::Entry(1)), ProblemCode::SecretMalformed),
            (Some(Place::Entry(2)), ProblemCode::SecretMissing),
            (Some(Place::Entry(3)), ProblemCode::Value),
            (Some(Place::Entry(4)), ProblemCode::Value),
        ]
    );
    assert_eq!(read.tokens.len(), 1);
}

#[test]
fn members_that_2fas_leaves_out_stay_unknown() {
    let file = r#"{"services":[{"name":"Werft","secret":"ONE","otp":{"account":"ina"}},
        {"name":"Kran","secret":"TWO","otp":{"algorithm":null,"digits":null,"period":null}}],
        "schemaVersion":1}"#;
    for token in recognised(filled(file)).sound() {
        assert_eq!((token.kind, token.digits, token.period), (Some(TokenKind::Totp), None, None));
        assert_eq!(token.algorithm, None);
    }
}

#[test]
fn freeotp_plus_has_signed_bytes_and_the_last_counter() {
    let token = |secret: &str, counter: &str| {
        format!(
            r#"{{"tokenOrder":[],"tokens":[{{"type":"HOTP","secret":{secret},
            "counter":{counter}}}]}}"#
        )
    };
    let [read] = <[_; 1]>::try_from(recognised(token("[-1,-128,127]", "0")).sound()).unwrap();
    assert_eq!((read.secret.expose(), read.counter), (&[255, 128, 127][..], Some(1)));
    for (secret, counter, code) in [
        ("[256]", "0", ProblemCode::Syntax),
        ("[-129]", "0", ProblemCode::Syntax),
        ("[1]", "18446744073709551615", ProblemCode::Value),
    ] {
        assert_eq!(recognised(token(secret, counter)).codes()[0].1, code);
    }
}

fn with_passphrase(passphrase: &str) -> Settings {
    Settings { passphrase: Some(Secret::from(passphrase.as_bytes())), ..settings() }
}

fn sealed_twofas() -> String {
    sealed_vaults::twofas(&filled(TWOFAS))
}

fn sealed_andotp(iterations: u32) -> Vec<u8> {
    sealed_vaults::andotp(&filled(ANDOTP), iterations)
}

fn sealed_aegis(costs: &str) -> String {
    sealed_vaults::aegis(&filled(AEGIS), costs)
}

fn vaults_with_passphrase() -> [(Format, Vec<u8>); 3] {
    [
        (Format::Aegis, sealed_aegis(COSTS).into_bytes()),
        (Format::TwoFas, sealed_twofas().into_bytes()),
        (Format::AndOtp, sealed_andotp(70_000)),
    ]
}

#[test]
fn encrypted_vaults_open_with_their_passphrase_alone() {
    for (format, file) in vaults_with_passphrase() {
        println!("{format}");
        assert_both(read_with(None, &file, &with_passphrase("quay side")), format);
        let wrong = read_with(None, &file, &with_passphrase("quayside"));
        assert_eq!(wrong.codes(), [(None, ProblemCode::KeyWrong)]);
        let missing = recognised(&file);
        assert_eq!(missing.codes(), [(None, ProblemCode::KeyNeeded)]);
        assert!(missing.problems[0].detail.contains("--passphrase-file"));
    }
}

#[test]
fn altered_vaults_answer_as_to_a_wrong_passphrase() {
    let wrong = |format, file: &[u8]| read_with(format, file, &with_passphrase("nothing")).problems;
    let andotp = sealed_andotp(1_000);
    let format = Some(Format::AndOtp);
    for at in 4..andotp.len() {
        // Each byte of salt and nonce, and some of the ciphertext and the tag.
        if at < 28 || at % 101 == 0 || at + 16 > andotp.len() {
            let mut altered = andotp.clone();
            altered[at] ^= 1;
            let read = read_with(format, &altered, &with_passphrase("quay side"));
            assert_eq!(read.problems, wrong(format, &andotp), "byte {at}");
            assert!(read.tokens.is_empty());
        }
    }
    let aegis = sealed_aegis(COSTS);
    let altered = aegis.replace(
        &format!(r#""nonce":"{}""#, "02".repeat(12)),
        r#""nonce":"030303030303030303030303""#,
    );
    let read = read_with(None, &altered, &with_passphrase("quay side"));
    assert_eq!(read.problems, wrong(None, aegis.as_bytes()));
}

#[test]
fn costs_beyond_limits_are_refused_before_work() {
    let begin = std::time::Instant::now();
    let settings = with_passphrase("quay side");
    for (iterations, code) in [
        (0, ProblemCode::Encryption),
        (10_000_001, ProblemCode::TooLarge),
        (u32::MAX, ProblemCode::TooLarge),
    ] {
        let read = read_with(Some(Format::AndOtp), sealed_andotp(iterations.max(1)), &settings);
        let read = if iterations == 0 {
            let mut file = sealed_andotp(1);
            file[..4].fill(0);
            read_with(Some(Format::AndOtp), file, &settings)
        } else {
            read
        };
        assert_eq!(read.codes(), [(None, code)], "{iterations} iterations");
    }
    for (costs, code) in [
        (r#""n":1048576,"r":8,"p":1"#, ProblemCode::TooLarge),
        (r#""n":2097152,"r":1,"p":2"#, ProblemCode::TooLarge),
        (r#""n":262144,"r":8,"p":2"#, ProblemCode::TooLarge),
        (r#""n":4294967296,"r":4294967296,"p":4294967296"#, ProblemCode::TooLarge),
        (r#""n":0,"r":8,"p":1"#, ProblemCode::Encryption),
        (r#""n":1,"r":8,"p":1"#, ProblemCode::Encryption),
        (r#""n":100,"r":8,"p":1"#, ProblemCode::Encryption),
        (r#""n":16,"r":0,"p":1"#, ProblemCode::Encryption),
        (r#""n":16,"r":8,"p":0"#, ProblemCode::Encryption),
        (r#""n":16,"r":8"#, ProblemCode::Encryption),
    ] {
        let read = read_with(None, sealed_aegis(costs), &settings);
        assert_eq!(read.codes(), [(None, code)], "{costs}");
    }
    assert!(begin.elapsed() < std::time::Duration::from_secs(2), "{:?}", begin.elapsed());
}

#[test]
fn keys_nonces_and_tags_of_another_size_are_refused() {
    let settings = with_passphrase("quay side");
    let aegis = sealed_aegis(COSTS);
    let nonce = "02".repeat(12);
    let short = &nonce[2..];
    let tail = |text: &str| text.replace(&nonce, short);
    let no_params = aegis.replace(r#""params":{"#, r#""params":null,"other":{"#);
    let no_slots = aegis.replace(r#""type":1"#, r#""type":2"#);
    let no_hex = aegis.replace(&nonce, "zz");
    for file in [tail(&aegis), no_params, no_slots, no_hex] {
        let read = read_with(None, file, &settings);
        assert_eq!(read.codes(), [(None, ProblemCode::Encryption)]);
    }
    for sealed in ["", "AAAA", "AAAA:AAAA", "AAAA:AAAA:AAAA", "a:b:c", "AAAA:AAAA:AAAA:AAAA"] {
        let file = format!(r#"{{"services":[],"schemaVersion":4,"servicesEncrypted":"{sealed}"}}"#);
        let read = read_with(None, file, &settings);
        let expected: &[_] =
            if sealed.is_empty() { &[] } else { &[(None, ProblemCode::Encryption)] };
        assert_eq!(read.codes(), expected, "{sealed}");
    }
    for length in [0, 3, 4, 16, 28, 43] {
        let file = &sealed_andotp(70_000)[..length];
        let read = read_with(Some(Format::AndOtp), file, &settings);
        assert_eq!(read.codes(), [(None, ProblemCode::Encryption)], "{length} bytes");
    }
}

#[test]
fn other_encryption_is_named_with_its_remedy() {
    for file in [
        "AUTHENTICATORPRO\u{1}\u{2}",
        "AuthenticatorPro\u{1}\u{2}",
        r#"{"version":1,"salt":"AAAA","content":"AAAA"}"#,
    ] {
        let read = recognised(file);
        assert_eq!(read.codes(), [(None, ProblemCode::Encryption)], "{file}");
        assert!(read.problems[0].detail.contains("without a password"));
    }
}

#[test]
fn bad_json_is_named_by_line_without_its_values() {
    let cut = filled(&AEGIS[..AEGIS.len() - 30]);
    let cut = format!(r#"{{"header":{{"slots":null,"params":null}},"db":{cut}"#);
    let odd = "[\n{\"secret\":5,\"label\":\"\",\"type\":\"\",\"thumbnail\":\"GEZDGNBVGY3TQOJQ\"}]";
    let nested = format!(
        "[{{\"secret\":\"\",\"label\":\"\",\"type\":\"\",\"thumbnail\":{}",
        "[".repeat(90_000)
    );
    for (file, line) in [(cut.as_str(), 5), (odd, 2), (&nested, 1)] {
        let read = recognised(file);
        assert_eq!(read.codes(), [(Some(Place::Line(line)), ProblemCode::Syntax)]);
        assert!(!read.problems[0].detail.contains("GEZ"));
    }
    let nul = recognised(filled(ANDOTP).replace("Werft", "We\0rft"));
    assert_eq!(nul.codes(), [(None, ProblemCode::Hostile)]);
    let wide: Vec<u8> = [0xfeff_u16]
        .into_iter()
        .chain(ANDOTP.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let read = read_with(Some(Format::AndOtp), wide, &with_passphrase("x"));
    assert!(!read.problems.is_empty() && read.tokens.is_empty());
    let mut large = filled(ANDOTP);
    large.push_str(&" ".repeat(17 << 20));
    assert_eq!(recognised(large).codes(), [(None, ProblemCode::TooLarge)]);
}

const BITWARDEN: &str = include_str!("files/bitwarden.json");

#[test]
fn an_item_of_bitwarden_keeps_a_uri_or_a_bare_secret() {
    let read = recognised(filled(BITWARDEN));
    assert_eq!(read.format, Some(Format::Bitwarden));
    assert_eq!(read.codes(), [(Some(Place::Entry(5)), ProblemCode::Unsupported)]);
    let [uri, bare] = <[_; 2]>::try_from(read.tokens).unwrap();
    assert_eq!((uri.period, uri.name.as_deref()), (Some(60), Some("Werft: ina")));
    assert_eq!(bare.secret.expose(), b"kept by an app no.2");
    assert_eq!((bare.kind, bare.name.as_deref()), (Some(TokenKind::Totp), Some("Kran")));
    assert_eq!((bare.place, bare.digits, bare.period), (Place::Entry(2), None, None));
    let sealed = r#"{"encrypted":true,"passwordProtected":true,"kdfType":0,"data":"2.x"}"#;
    assert_eq!(recognised(sealed).codes(), [(None, ProblemCode::Encryption)]);
}

#[test]
fn a_table_of_bitwarden_has_notes_of_several_lines() {
    let note = "line 1\n".repeat(20) + "with a \"\"mark\"\", a comma,\r\nand an end";
    let uri = "otpauth://totp/Werft:ina?secret=ONE&issuer=Werft&period=60";
    let file = format!(
        "folder,favorite,type,name,notes,fields,reprompt,login_uri,login_username,login_password,\
         login_totp\r\n,,login,Werft,\"{note}\",,0,,ina,p\u{e4}ss,{uri}\r\n\r\n\
         ,,note,A note,text,,0,,,,\r\n,,login,Kran,,,0,,,\"p\"\",\",TWO\n,,login,Game,,,0,,,,\
         steam://ONE\n,,login,Cut,,,0"
    );
    let read = recognised(filled(&file));
    assert_eq!(read.format, Some(Format::Bitwarden));
    assert_eq!(
        read.codes(),
        [
            (Some(Place::Line(27)), ProblemCode::Unsupported),
            (Some(Place::Line(28)), ProblemCode::Syntax),
        ]
    );
    let [uri, bare] = <[_; 2]>::try_from(read.tokens).unwrap();
    assert_eq!((uri.place, uri.period), (Place::Line(2), Some(60)));
    assert_eq!(uri.secret.expose(), b"kept by an app no.1");
    assert_eq!((bare.place, bare.name.as_deref()), (Place::Line(26), Some("Kran")));
    for (file, code) in [
        ("name,notes\na,b\n", ProblemCode::Syntax),
        ("", ProblemCode::Syntax),
        ("login_totp\nGEZ1\n", ProblemCode::SecretMalformed),
        ("login_totp\n\"GEZDGNBVGY3TQOJQ\nx", ProblemCode::SecretMalformed),
    ] {
        let read = read_with(Some(Format::Bitwarden), file, &settings());
        assert_eq!(read.codes()[0].1, code, "{file}");
    }
}
