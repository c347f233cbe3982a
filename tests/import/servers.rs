//! Exports of servers: Keycloak, privacyIDEA.

use aes::cipher::{Array, BlockModeEncrypt, KeyIvInit};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use hmac::{Hmac, KeyInit, Mac};
use twostep::import::{Format, Place, ProblemCode, Settings, TokenDrift, TokenKind};
use twostep::otp::Algorithm;
use twostep::secret::Secret;

use super::{Read, read_with, recognised, settings};

const REALM: &str = include_str!("files/keycloak-realm.json");

#[test]
fn a_realm_of_keycloak_has_its_users_tokens() {
    let read = recognised(REALM);
    assert_eq!(read.format, Some(Format::Keycloak));
    let [(None, note)] = read.notes.as_slice() else { panic!("{:?}", read.notes) };
    assert!(note.starts_with("2 security keys"), "{note}");
    let [time, event] = <[_; 2]>::try_from(read.sound()).unwrap();
    assert_eq!(time.secret.expose(), b"the text is the key");
    assert_eq!(time.account.as_deref(), Some("ina"));
    assert_eq!(time.name.as_deref(), Some("my \"blue\" phone"));
    assert_eq!((time.kind, time.digits, time.period), (Some(TokenKind::Totp), Some(8), Some(60)));
    assert_eq!((time.algorithm, time.watermark), (Some(Algorithm::Sha512), None));
    assert!(!time.disabled);
    assert_eq!(event.secret.expose(), b"the text is the key!");
    assert_eq!((event.kind, event.counter, event.period), (Some(TokenKind::Hotp), Some(12), None));
    assert!(event.disabled, "its user is disabled");
}

#[test]
fn users_of_keycloak_stand_alone_too() {
    let users = REALM.split_once("\"users\":").unwrap().1.trim().strip_suffix('}').unwrap();
    for file in [users.to_owned(), format!(r#"{{"users":{users}}}"#)] {
        let read = recognised(file);
        assert_eq!((read.format, read.sound().len()), (Some(Format::Keycloak), 2));
    }
}

#[test]
fn each_bad_credential_of_keycloak_is_named() {
    let user = |secret: &str, data: &str| {
        format!(
            r#"{{"username":"u","credentials":[{{"type":"otp","secretData":{secret},
            "credentialData":{data}}}]}}"#
        )
    };
    let good = r#""{\"subType\":\"totp\"}""#;
    let secret = r#""{\"value\":\"the text is the key\"}""#;
    for (secret, data, code) in [
        ("null", good, ProblemCode::SecretMissing),
        (secret, "null", ProblemCode::SecretMissing),
        (r#""{}""#, good, ProblemCode::SecretMissing),
        (r#""{\"value\":\"\"}""#, good, ProblemCode::SecretMissing),
        (r#""the text is the key""#, good, ProblemCode::Syntax),
        (secret, r#""{\"subType\":\"totp\",\"digits\":\"six\"}""#, ProblemCode::Value),
        (secret, r#""{\"subType\":\"push\"}""#, ProblemCode::Unsupported),
        (secret, r#""{\"algorithm\":\"HmacMD5\"}""#, ProblemCode::Unsupported),
        (secret, r#""{\"secretEncoding\":\"HEX\"}""#, ProblemCode::SecretMalformed),
        (
            r#""{\"value\":\"text 0189\"}""#,
            r#""{\"secretEncoding\":\"BASE32\"}""#,
            ProblemCode::SecretMalformed,
        ),
    ] {
        let users = [user(secret, data), user(r#""{\"value\":\"another key\"}""#, good)].join(",");
        let read = recognised(format!(r#"{{"realm":"r","users":[{users}]}}"#));
        assert_eq!(read.codes(), [(Some(Place::Entry(1)), code)], "{secret} {data}");
        assert_eq!(read.tokens.len(), 1);
        assert!(!read.problems[0].detail.contains("text"), "{}", read.problems[0]);
    }
}

#[test]
fn a_secret_of_keycloak_keeps_its_quotes_and_backslashes() {
    for (escaped, plain) in [
        (r#"a \\\" and a \\\\ of it"#, "a \" and a \\ of it"),
        ("with a control \u{91} in it", "with a control \u{91} in it"),
        (r"with \u0041 and \/ in it", "with A and / in it"),
    ] {
        let file = format!(
            r#"{{"realm":"r","users":[{{"credentials":[{{"type":"otp",
            "secretData":"{{\"value\":\"{escaped}\"}}","credentialData":"{{}}"}}]}}]}}"#
        );
        let [token] = <[_; 1]>::try_from(recognised(file).sound()).unwrap();
        assert_eq!(token.secret.expose(), plain.as_bytes());
    }
}

const TOKENS: &str = include_str!("files/privacyidea.json");

fn assert_tokens(read: Read) {
    assert_eq!(read.format, Some(Format::PrivacyIdea));
    assert_eq!(read.codes(), [(Some(Place::Entry(4)), ProblemCode::Unsupported)]);
    assert_eq!(read.problems[0].serial.as_deref(), Some("PIPU0001"));
    assert!(read.problems[0].detail.contains("push"));
    let [time, event, unused] = <[_; 3]>::try_from(read.tokens).unwrap();
    assert_eq!(time.secret.expose(), b"kept by a server");
    assert_eq!(time.serial.as_deref(), Some("TOTP00AB"));
    assert_eq!(time.account.as_deref(), Some("ina@werft"));
    assert_eq!((time.kind, time.digits, time.period), (Some(TokenKind::Totp), Some(8), Some(60)));
    assert_eq!((time.watermark, time.counter), (Some(59_862_276), None));
    assert_eq!(time.drift, Some(TokenDrift::Seconds(-107.5)));
    assert_eq!((time.hardware, time.disabled), (Some(true), false));
    assert_eq!(
        (event.kind, event.counter, event.watermark),
        (Some(TokenKind::Hotp), Some(5), None)
    );
    assert_eq!((event.hardware, event.disabled, event.account), (Some(false), true, None));
    assert_eq!((unused.watermark, unused.period, unused.drift), (None, None, None));
    assert_eq!(unused.algorithm, None);
}

/// The key of [`fernet`].
const KEY: [u8; 32] = *b"keyfor the MAC..key of the coder";

fn fernet(plain: &[u8]) -> Vec<u8> {
    let padding = 16 - plain.len() % 16;
    let padded = [plain, &vec![u8::try_from(padding).unwrap(); padding]].concat();
    fernet_of_blocks(&padded)
}

fn fernet_of_blocks(padded: &[u8]) -> Vec<u8> {
    let mut text = padded.to_vec();
    let iv = [8; 16];
    let key = <[u8; 16]>::try_from(&KEY[16..]).unwrap();
    let (blocks, _) = Array::slice_as_chunks_mut(&mut text);
    cbc::Encryptor::<aes::Aes128>::new(&Array(key), &Array(iv)).encrypt_blocks(blocks);
    let token = [&[0x80][..], &1_790_000_000_u64.to_be_bytes(), &iv, &text].concat();
    with_mac(token)
}

fn with_mac(token: Vec<u8>) -> Vec<u8> {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&KEY[..16]).unwrap();
    mac.update(&token);
    [token, mac.finalize().into_bytes().to_vec()].concat()
}

pub(super) fn plain_files() -> Vec<Vec<u8>> {
    [REALM, TOKENS].map(|file| file.as_bytes().to_vec()).into()
}

/// Secrets of these files, as they stand there.
pub(super) const SECRETS: [&str; 3] =
    ["the text is the key", "ORUGKIDUMV4HIIDJOMQHI2DFEBVWK6JB", "6b657074206279206120736572766572"];

pub(super) fn key() -> Secret {
    Secret::from(URL_SAFE.encode(KEY).as_bytes())
}

pub(super) fn sealed_file() -> Vec<u8> {
    URL_SAFE.encode(fernet(TOKENS.as_bytes())).into_bytes()
}

fn with_key(key: &str) -> Settings {
    Settings { key: Some(Secret::from(key.as_bytes())), ..settings() }
}

#[test]
fn an_export_of_privacyidea_opens_with_its_key_alone() {
    let file = URL_SAFE.encode(fernet(TOKENS.as_bytes()));
    assert_tokens(read_with(None, &file, &with_key(&format!("{}\n", URL_SAFE.encode(KEY)))));
    assert_tokens(read_with(None, format!("{file}\n"), &with_key(&URL_SAFE.encode(KEY))));
    assert_tokens(recognised(TOKENS));
    let codes = |key: &str| read_with(None, &file, &with_key(key)).codes();
    for key in ["", "x", &URL_SAFE.encode([1; 31]), &URL_SAFE.encode([1; 32]), &"A".repeat(4_000)] {
        assert_eq!(codes(key), [(None, ProblemCode::KeyWrong)], "{key}");
    }
    assert_eq!(recognised(&file).codes(), [(None, ProblemCode::KeyNeeded)]);
}

#[test]
fn an_altered_fernet_token_has_the_answer_of_a_wrong_key() {
    let token = fernet(TOKENS.as_bytes());
    let key = with_key(&URL_SAFE.encode(KEY));
    let read = |token: &[u8]| read_with(Some(Format::PrivacyIdea), URL_SAFE.encode(token), &key);
    for at in (0..token.len()).filter(|at| *at < 26 || at % 97 == 0 || at + 33 > token.len()) {
        let mut altered = token.clone();
        altered[at] ^= 0x10;
        let answer = read(&altered);
        assert!(answer.tokens.is_empty());
        assert_eq!(answer.codes(), [(None, ProblemCode::KeyWrong)], "byte {at}");
    }
    for length in [1, 20, 56, 57, 57 + 15, token.len() - 1] {
        let answer = read(&token[..length]);
        assert_eq!(answer.codes(), [(None, ProblemCode::Encryption)], "{length} bytes");
    }
    let bad_padding = fernet_of_blocks(b"[              \x11");
    assert_eq!(read(&bad_padding).codes(), [(None, ProblemCode::KeyWrong)]);
    let mixed = fernet_of_blocks(b"[            \x01\x03\x03");
    assert_eq!(read(&mixed).codes(), [(None, ProblemCode::KeyWrong)]);
    let not_json = fernet(b"kept by a server");
    assert_eq!(read(&not_json).codes()[0].1, ProblemCode::Syntax);
    let mut version = fernet(TOKENS.as_bytes());
    version.truncate(version.len() - 32);
    version[0] = 0x81;
    assert_eq!(read(&with_mac(version)).codes(), [(None, ProblemCode::Encryption)]);
    let no_token = read_with(Some(Format::PrivacyIdea), "serial;key", &key);
    assert_eq!(no_token.codes(), [(None, ProblemCode::Encryption)]);
}

#[test]
fn an_export_of_privacyidea_in_yaml_is_refused_by_name() {
    let file = "- _hashed_pin: ''\n  active: true\n  counter: 5\n  info_list:\n    hashlib: sha1\n\
                \x20 otpkey: 6b657074206279206120736572766572\n  serial: OATH00CD\n";
    let read = recognised(file);
    assert_eq!(read.codes(), [(None, ProblemCode::FormatRefused)]);
    assert!(read.problems[0].detail.contains("--format pi"), "{}", read.problems[0]);
}

#[test]
fn each_bad_token_of_privacyidea_is_named_with_its_serial_number() {
    for (members, code) in [
        (r#""type":"totp","otpkey":"6b6""#, ProblemCode::SecretMalformed),
        (r#""type":"totp","otpkey":"xx""#, ProblemCode::SecretMalformed),
        (r#""type":"totp""#, ProblemCode::SecretMissing),
        (r#""otpkey":"6b65""#, ProblemCode::Unsupported),
        (r#""type":"totp","otpkey":"6b65","otplen":6.5"#, ProblemCode::Value),
        (r#""type":"totp","otpkey":"6b65","info_list":{"timeShift":"NaN"}"#, ProblemCode::Value),
        (r#""type":"totp","otpkey":"6b65","info_list":{"timeStep":"x"}"#, ProblemCode::Value),
        (
            r#""type":"totp","otpkey":"6b65","info_list":{"hashlib":"md5"}"#,
            ProblemCode::Unsupported,
        ),
    ] {
        let file = format!(r#"[{{"serial":"TOTP77",{members}}}]"#);
        let read = read_with(Some(Format::PrivacyIdea), file, &settings());
        assert_eq!(read.codes(), [(Some(Place::Entry(1)), code)], "{members}");
        assert_eq!(read.problems[0].serial.as_deref(), Some("TOTP77"));
    }
}
