//! Encrypted containers: every cipher, every code, and every reason to refuse one before any work.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use twostep::import::{ProblemCode, TokenDrift};

use super::figures::{FIGURE_6_KEY, figure_6, figure_7};
use super::sealer::Sealer;
use super::{package, pskc, pskc_with_key, pskc_with_passphrase};

const SECRET: &[u8] = b"a secret of 20 bytes";

const CBC: [(&str, usize); 3] = [("aes128-cbc", 16), ("aes192-cbc", 24), ("aes256-cbc", 32)];
const WRAP: [(&str, usize); 3] = [("kw-aes128", 16), ("kw-aes192", 24), ("kw-aes256", 32)];
const MACS: [&str; 5] = ["hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"];

#[test]
fn every_cipher_and_every_code_is_read() {
    for (cipher, length) in CBC {
        for mac in MACS {
            for mac_key in [None, Some(b"another key".to_vec())] {
                let sealer = Sealer { mac: Some(mac), mac_key, ..Sealer::cbc(cipher, length) };
                let token = pskc_with_key(&sealer.one("A1", SECRET), &sealer.key_text()).token();
                assert_eq!(token.secret.expose(), SECRET, "{cipher} {mac}");
            }
        }
    }
    for (cipher, length) in WRAP {
        for secret in [&SECRET[..16], SECRET] {
            let sealer = Sealer { mac: None, ..Sealer::cbc(cipher, length) };
            let file = sealer.one("A1", secret);
            assert_eq!(pskc_with_key(&file, &sealer.key_text()).token().secret.expose(), secret);
            let wrong = "ff".repeat(length);
            assert_eq!(pskc_with_key(&file, &wrong).code(), ProblemCode::KeyWrong);
        }
    }
}

#[test]
fn every_function_of_pbkdf2_is_read() {
    // Python: hashlib.pbkdf2_hmac(HASH, b"over the hills", b"salt of sixteen.", 5, 32)
    let rows = [
        ("", "53ad7f0f64c7fa72b671a1830b0ef006a2aecd54938b44ff85cb3ff4cd61b0fb"),
        (
            "<PRF>http://www.w3.org/2001/04/xmldsig-more#hmac-sha256</PRF>",
            "a501e3c2a5d022084aad499f292a9b1742383ae50a26bcbe1c32a163ec24c253",
        ),
        ("<PRF/>", "53ad7f0f64c7fa72b671a1830b0ef006a2aecd54938b44ff85cb3ff4cd61b0fb"),
        (
            "<PRF Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#hmac-sha256\"/>",
            "a501e3c2a5d022084aad499f292a9b1742383ae50a26bcbe1c32a163ec24c253",
        ),
        (
            "<PRF Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#hmac-sha512\"/>",
            "8694e1fb8a78d308f4a34f4b76b3bd405f53475fa9bcbdabc020087902d69f0c",
        ),
    ];
    for (prf, key) in rows {
        for prefix in ["", "xenc11:", "pkcs5:"] {
            let key = (0..key.len() / 2)
                .map(|i| u8::from_str_radix(&key[2 * i..2 * i + 2], 16).unwrap())
                .collect();
            let key_info = pbkdf2(prefix, "c2FsdCBvZiBzaXh0ZWVuLg==", "5", "32", prf);
            let sealer = Sealer { key, key_info, ..Sealer::cbc("aes256-cbc", 32) };
            let read = pskc_with_passphrase(&sealer.one("A1", SECRET), "over the hills");
            assert_eq!(read.token().secret.expose(), SECRET, "{prefix}{prf}");
        }
    }
}

pub(super) fn pbkdf2(
    prefix: &str,
    salt: &str,
    iterations: &str,
    length: &str,
    prf: &str,
) -> String {
    format!(
        "<xenc11:DerivedKey><xenc11:KeyDerivationMethod \
         Algorithm=\"http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#pbkdf2\">\
         <{prefix}PBKDF2-params \
         xmlns:pkcs5=\"http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#\">\
         <Salt><Specified>{salt}</Specified></Salt><IterationCount>{iterations}</IterationCount>\
         <KeyLength>{length}</KeyLength>{prf}</{prefix}PBKDF2-params>\
         </xenc11:KeyDerivationMethod></xenc11:DerivedKey>"
    )
}

#[test]
fn parameters_of_pbkdf2_are_bounded_before_any_work() {
    let rows = [
        ("c2FsdA==", "0", "32"),
        ("c2FsdA==", "10000001", "32"),
        ("c2FsdA==", "99999999999999999999", "32"),
        ("c2FsdA==", "-1", "32"),
        ("c2FsdA==", "", "32"),
        ("c2FsdA==", "1000", "20"),
        ("c2FsdA==", "1000", "0"),
        ("c2FsdA==", "1000", "4294967296"),
        ("", "1000", "32"),
        ("!!", "1000", "32"),
    ];
    for (salt, iterations, length) in rows {
        let key_info = pbkdf2("xenc11:", salt, iterations, length, "");
        let sealer = Sealer { key_info, ..Sealer::cbc("aes256-cbc", 32) };
        let began = Instant::now();
        let read = pskc_with_passphrase(&sealer.one("A1", SECRET), "over the hills");
        assert_eq!(read.code(), ProblemCode::Encryption, "{salt} {iterations} {length}");
        assert!(began.elapsed() < Duration::from_secs(2));
    }
    // A key that the cipher cannot take is not derived: ten million rounds take seconds.
    let key_info = pbkdf2("xenc11:", "c2FsdA==", "10000000", "16", "");
    let sealer = Sealer { key_info, ..Sealer::cbc("aes256-cbc", 32) };
    let began = Instant::now();
    let read = pskc_with_passphrase(&sealer.one("A1", SECRET), "over the hills");
    assert_eq!(read.code(), ProblemCode::Encryption);
    assert!(began.elapsed() < Duration::from_secs(1));
    let unknown = figure_7().replace("#pbkdf2", "#scrypt");
    assert!(pskc_with_passphrase(&unknown, "qwerty").problem().detail.contains("scrypt"));
}

#[test]
fn encrypted_numbers_are_read_after_their_code() {
    let sealer = Sealer::cbc("aes256-cbc", 32);
    let data = [sealer.value("Secret", SECRET), sealer.value("Counter", &[0, 0, 0, 0, 0, 0, 1, 2])];
    let file = sealer.container(&package("A1", &format!("<Data>{}</Data>", data.concat())));
    assert_eq!(pskc_with_key(&file, &sealer.key_text()).token().counter, Some(258));
    let data = [
        sealer.value("Secret", SECRET),
        sealer.value("TimeInterval", &[0, 0, 0, 60]),
        sealer.value("TimeDrift", &[0xff, 0xff, 0xff, 0xfe]),
    ];
    let package = package("A1", &format!("<Data>{}</Data>", data.concat()));
    let file = sealer.container(&package.replace("pskc:hotp", "pskc:totp"));
    let token = pskc_with_key(&file, &sealer.key_text()).token();
    assert_eq!((token.period, token.drift), (Some(60), Some(TokenDrift::Steps(-2))));
}

#[test]
fn a_cipher_without_code_of_its_own_needs_one() {
    let sealer = Sealer::cbc("aes128-cbc", 16);
    let without = Sealer { mac: None, ..sealer.clone() };
    let read = pskc_with_key(&without.one("A1", SECRET), &sealer.key_text());
    assert_eq!(read.code(), ProblemCode::Encryption);
    assert!(read.problem().detail.contains("ValueMAC"));
    // A code, and no word on how it is made.
    let file = figure_6();
    let (before, rest) = file.split_once("<MACMethod").unwrap();
    let (_, after) = rest.split_once("</MACMethod>").unwrap();
    let read = pskc_with_key(&format!("{before}{after}"), FIGURE_6_KEY);
    assert_eq!(read.code(), ProblemCode::Encryption);
    // A key for codes that is no longer there.
    let (before, rest) = file.split_once("<MACKey>").unwrap();
    let (_, after) = rest.split_once("</MACKey>").unwrap();
    let read = pskc_with_key(&format!("{before}{after}"), FIGURE_6_KEY);
    assert_eq!(read.code(), ProblemCode::KeyWrong);
}

#[test]
fn sizes_that_do_not_fit_are_refused_before_any_work() {
    let seal = "AAECAwQFBgcICQoLDA0OD+cIHItlB3Wra1DUpxVvOx2lef1VmNPCMl8jwZqIUqGv";
    let code = "Su+NvtQfmvfJzF6bmQiJqoLRExc=";
    let of = |bytes: usize| BASE64_STANDARD.encode(vec![7; bytes]);
    for bytes in [0, 15, 16, 31, 33, 47] {
        let read = pskc_with_key(&figure_6().replace(seal, &of(bytes)), FIGURE_6_KEY);
        assert_eq!(read.code(), ProblemCode::Encryption, "{bytes} bytes");
    }
    for bytes in [0, 10, 19, 21] {
        let read = pskc_with_key(&figure_6().replace(code, &of(bytes)), FIGURE_6_KEY);
        assert_eq!(read.code(), ProblemCode::Encryption, "a code of {bytes} bytes");
    }
    let sealer = Sealer { mac: None, ..Sealer::cbc("kw-aes128", 16) };
    for bytes in [0, 8, 15, 23] {
        let file = sealer.one("A1", &SECRET[..16]);
        let (before, rest) = file.split_once("<xenc:CipherValue>").unwrap();
        let (_, after) = rest.split_once("</xenc:CipherValue>").unwrap();
        let file = format!("{before}<xenc:CipherValue>{}</xenc:CipherValue>{after}", of(bytes));
        let read = pskc_with_key(&file, &sealer.key_text());
        assert_eq!(read.code(), ProblemCode::Encryption, "{bytes} wrapped bytes");
    }
}

#[test]
fn a_malformed_key_is_named() {
    let cases = [
        ("1234567890123456789012345678901", "hexadecimal"),
        ("not hexadecimal at all, this one", "hexadecimal"),
        ("123456789012345678901234567890123456789012345678", "24 bytes"),
        ("", "0 bytes"),
    ];
    for (key, word) in cases {
        let read = pskc_with_key(&figure_6(), key);
        assert_eq!(read.code(), ProblemCode::KeyWrong);
        assert!(read.problem().detail.contains(word), "{}", read.problem().detail);
    }
    let read = pskc_with_passphrase(&figure_6(), "a passphrase");
    assert_eq!(read.code(), ProblemCode::KeyNeeded);
    assert!(read.problem().detail.contains("--key-file"));
    assert!(pskc(&figure_7()).problem().detail.contains("--passphrase-file"));
}

#[test]
fn ciphers_that_are_not_supported_are_named() {
    for cipher in ["tripledes-cbc", "camellia128-cbc", "rsa-oaep-mgf1p", "aes128-gcm"] {
        let read = pskc_with_key(&figure_6().replace("aes128-cbc", cipher), FIGURE_6_KEY);
        assert_eq!(read.code(), ProblemCode::Encryption);
        assert!(read.problem().detail.contains(cipher), "{}", read.problem().detail);
    }
    let read = pskc_with_key(&figure_6().replace("hmac-sha1", "hmac-md5"), FIGURE_6_KEY);
    assert!(read.problem().detail.contains("hmac-md5"));
}

#[test]
fn a_wrong_key_and_an_altered_file_have_one_answer() {
    let wrong = pskc_with_key(&figure_6(), "ff345678901234567890123456789012");
    let altered = pskc_with_key(&figure_6().replace("Su+N", "Su+M"), FIGURE_6_KEY);
    // The padding of the key for codes is broken here, and that of the secret there.
    let padding = pskc_with_key(&figure_6().replace("I5wSX", "I5wSW"), FIGURE_6_KEY);
    let other = pskc_with_key(&figure_6().replace("ZqIUqGv", "ZqIUqGw"), FIGURE_6_KEY);
    for read in [&altered, &padding, &other] {
        assert_eq!(read.problems, wrong.problems);
        assert!(read.tokens.is_empty());
    }
    assert_eq!(wrong.code(), ProblemCode::KeyWrong);
}
