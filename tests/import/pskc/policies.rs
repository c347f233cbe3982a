//! Policies of keys, PINs, signatures and kinds of keys.

use twostep::import::{Format, ProblemCode, Settings};

use super::{PLAIN, container, package, pskc};
use crate::import::{NOW, read_with, settings};

/// A container of one token with this policy.
fn with_policy(policy: &str) -> String {
    container(&package("A1", &format!("<Data>{PLAIN}</Data><Policy>{policy}</Policy>")))
}

fn codes_of(policy: &str, settings: &Settings) -> Vec<ProblemCode> {
    let read = read_with(Some(Format::Pskc), with_policy(policy), settings);
    read.problems.iter().map(|problem| problem.code).collect()
}

#[test]
fn a_policy_that_is_kept_is_no_problem() {
    let fine = [
        "",
        "<KeyUsage>OTP</KeyUsage>",
        "<KeyUsage>CR</KeyUsage><KeyUsage>OTP</KeyUsage>",
        "<StartDate>2012-08-01T00:00:00Z</StartDate><ExpiryDate>2037-12-31T00:00:00Z</ExpiryDate>",
        "<StartDate>2012-08-01</StartDate><ExpiryDate>2037-12-31T00:00:00.5+01:00</ExpiryDate>",
        "<PINPolicy PINUsageMode=\"Local\" MinLength=\"4\"/>",
        "<PINPolicy MaxFailedAttempts=\"8\"/>",
    ];
    for policy in fine {
        assert_eq!(codes_of(policy, &settings()), [], "{policy}");
    }
}

#[test]
fn a_policy_that_cannot_be_kept_is_a_problem() {
    let rows = [
        ("<KeyUsage>Encrypt</KeyUsage>", ProblemCode::Policy),
        ("<NumberOfTransactions>500</NumberOfTransactions>", ProblemCode::Policy),
        ("<NightShift/>", ProblemCode::Policy),
        ("<x:KeyUsage xmlns:x=\"urn:other\">OTP</x:KeyUsage>", ProblemCode::Policy),
        ("<PINPolicy PINUsageMode=\"Prepend\"/>", ProblemCode::Policy),
        ("<PINPolicy PINUsageMode=\"Algorithmic\"/>", ProblemCode::Policy),
        ("<PINPolicy PINUsageMode=\"Local\" Blinking=\"true\"/>", ProblemCode::Policy),
        ("<PINPolicy PINUsageMode=\"Local\"><More/></PINPolicy>", ProblemCode::Policy),
        ("<StartDate>2037-01-01T00:00:00Z</StartDate>", ProblemCode::Expired),
        ("<ExpiryDate>2022-09-01T00:00:00Z</ExpiryDate>", ProblemCode::Expired),
        ("<ExpiryDate>2022-09-01T00:00:00</ExpiryDate>", ProblemCode::Expired),
        ("<ExpiryDate>01.09.2022</ExpiryDate>", ProblemCode::Value),
    ];
    for (policy, code) in rows {
        assert_eq!(codes_of(policy, &settings()), [code], "{policy}");
    }
}

#[test]
fn exceptions_are_asked_for_by_name() {
    let expired = Settings { expired: true, ..settings() };
    assert_eq!(codes_of("<ExpiryDate>2022-09-01T00:00:00Z</ExpiryDate>", &expired), []);
    assert_eq!(codes_of("<StartDate>2037-01-01T00:00:00Z</StartDate>", &expired), []);
    let prepended = "<PINPolicy PINUsageMode=\"Prepend\"/>";
    assert_eq!(codes_of(prepended, &expired), [ProblemCode::Policy]);
    assert_eq!(codes_of(prepended, &Settings { drop_pins: true, ..settings() }), []);
    let bounded = "<NumberOfTransactions>500</NumberOfTransactions>";
    let all = Settings { drop_pins: true, ..expired };
    assert_eq!(codes_of(bounded, &all), [ProblemCode::Policy]);
}

#[test]
fn a_key_expires_in_the_second_that_is_named() {
    let expiry = |at| format!("<ExpiryDate>{at}</ExpiryDate>");
    let now = NOW.to_string();
    assert_eq!(codes_of(&expiry(&now), &settings()), [ProblemCode::Expired]);
    let later = twostep::time::UnixTime(NOW.0 + 1).to_string();
    assert_eq!(codes_of(&expiry(&later), &settings()), []);
}

#[test]
fn the_dates_of_a_device_hold_for_its_keys() {
    let file = container(&package("A1", &format!("<Data>{PLAIN}</Data>")));
    let file =
        file.replace("</DeviceInfo>", "<ExpiryDate>2020-01-01T00:00:00Z</ExpiryDate></DeviceInfo>");
    assert!(pskc(&file).problem().detail.contains("2020-01-01"));
}

#[test]
fn kinds_of_keys_that_are_not_ours_are_named() {
    let file = container(&package("A1", &format!("<Data>{PLAIN}</Data>")));
    let hotp = "urn:ietf:params:xml:ns:keyprov:pskc:hotp";
    let rows = [
        (hotp, "urn:ietf:params:xml:ns:keyprov:pskc:ocra", "OCRA"),
        (hotp, "http://www.ietf.org/keyprov/pskc#OCRA-1", "OCRA"),
        (hotp, "http://www.yubico.com/#yubikey-aes", "Yubico OTP"),
        (hotp, "urn:ietf:params:xml:ns:keyprov:pskc:securid-aes", "securid-aes"),
        (hotp, "http://example.com/hotp", "hotp"),
        ("Encoding=\"DECIMAL\"", "Encoding=\"HEXADECIMAL\"", "decimal"),
        ("Encoding=\"DECIMAL\"", "Encoding=\"DECIMAL\" CheckDigits=\"true\"", "check digit"),
        ("<AlgorithmParameters>", "<AlgorithmParameters><Suite>HMAC-MD5</Suite>", "hash"),
    ];
    for (ours, other, word) in rows {
        let read = pskc(&file.replace(ours, other));
        assert_eq!(read.code(), ProblemCode::Unsupported, "{other}");
        let problem = read.problem();
        assert!(problem.detail.contains(word), "{}", problem.detail);
        assert_eq!(problem.serial.as_deref(), Some("A1"));
        assert!(read.tokens.is_empty());
    }
}

#[test]
fn a_secret_never_stands_in_a_problem() {
    let secret = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=";
    let file = container(&package(secret, &format!("<Data>{PLAIN}</Data>")));
    let spoilt = [
        file.replace("Length=\"6\"", &format!("Length=\"{secret}\"")),
        file.replace("Data>", &format!("{secret}>")),
        file.replace("pskc:hotp", &format!("pskc:{secret}")),
        file.replace("</KeyPackage>", ""),
        file.replace(secret, &format!("{secret}!{secret}")),
        file.replace(
            "<Data>",
            &format!("<Data><Counter><PlainValue>{secret}</PlainValue></Counter>"),
        ),
    ];
    for file in spoilt {
        for problem in pskc(&file).problems {
            let text = problem.to_string().to_ascii_lowercase();
            assert!(!text.contains("mtizndu2nzg5mdey"), "{problem}");
        }
    }
}
