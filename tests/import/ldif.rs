//! Entries of directories: FreeIPA and SafeWord.

use twostep::import::{Format, Place, ProblemCode, Settings, TokenDrift, TokenKind};
use twostep::otp::Algorithm;
use twostep::time::UnixTime;

use super::{read_with, recognised, settings};

fn line(number: u64) -> Option<Place> {
    Some(Place::Line(number))
}

const FREEIPA: &str = "# extended LDIF
version: 1

dn: cn=otp,dc=example,dc=org
objectClass: nsContainer

dn: ipatokenuniqueid=t-1,cn=otp,dc=example,dc=org
objectClass: ipatoken
objectClass: ipatokentotp
ipatokenUniqueID: t-1
ipatokenOwner: uid=ann,cn=users,cn=accounts,dc=exa
 mple,dc=org
ipatokenOTPkey:: MTIzNDU2Nzg5MDEyMz
 Q1Ng==
ipatokenOTPalgorithm: sha512
ipatokenOTPdigits: 8
ipatokenTOTPclockOffset: -61
ipatokenTOTPtimeStep: 60
ipatokenTOTPwatermark: 29866201
ipatokenDisabled: TRUE
description: of the safe

dn: ipatokenuniqueid=e-2,cn=otp,dc=example,dc=org
objectclass: ipatokenHOTP
ipatokenUniqueID: e-2
ipatokenOTPkey: 1234567890abc
ipatokenHOTPcounter: 17

search: 2
result: 0 Success
";

#[test]
fn entries_of_freeipa_are_tokens() {
    let read = recognised(FREEIPA);
    assert_eq!(read.format, Some(Format::FreeIpaLdif));
    let [time, event] = <[_; 2]>::try_from(read.sound()).unwrap();
    assert_eq!((time.place, time.serial.as_deref()), (Place::Line(7), Some("t-1")));
    assert_eq!(time.account.as_deref(), Some("ann"));
    assert_eq!(time.secret.expose(), b"1234567890123456");
    assert_eq!((time.algorithm, time.digits), (Some(Algorithm::Sha512), Some(8)));
    assert_eq!((time.period, time.drift), (Some(60), Some(TokenDrift::Seconds(-61.0))));
    // The attributes name the next step and counter.
    assert_eq!((time.watermark, event.counter), (Some(29_866_200), Some(17)));
    assert!(time.disabled && !event.disabled);
    assert_eq!(time.name.as_deref(), Some("of the safe"));
    assert_eq!((event.kind, event.account), (Some(TokenKind::Hotp), None));
    assert_eq!(event.secret.expose(), b"1234567890abc");
}

fn freeipa(attributes: &str) -> String {
    format!(
        "dn: ipatokenuniqueid=t-1,cn=otp\nobjectClass: ipatoken\nobjectClass: ipatokentotp\n\
         ipatokenUniqueID: t-1\n{attributes}\n"
    )
}

#[test]
fn entries_of_freeipa_that_are_wrong_are_named() {
    let key = "ipatokenOTPkey:: MTIzNDU2Nzg5MDEyMzQ1Ng==\n";
    for (attributes, at, code) in [
        (String::new(), 1, ProblemCode::SecretMissing),
        ("ipatokenOTPkey:: *\n".to_owned(), 5, ProblemCode::Syntax),
        ("ipatokenOTPkey:< file:///x\n".to_owned(), 5, ProblemCode::Syntax),
        (format!("{key}no attribute\n"), 6, ProblemCode::Syntax),
        (format!("{key}ipatokenOTPalgorithm: md5\n"), 1, ProblemCode::Unsupported),
        (format!("{key}ipatokenOTPdigits: six\n"), 1, ProblemCode::Value),
        (format!("{key}ipatokenTOTPclockOffset: 1 h\n"), 1, ProblemCode::Value),
        (format!("{key}ipatokenNotAfter: 20200101000000Z\n"), 1, ProblemCode::Expired),
        (format!("{key}ipatokenNotBefore: 20300101000000Z\n"), 1, ProblemCode::Expired),
        (format!("{key}ipatokenNotBefore: soon\n"), 1, ProblemCode::Value),
        (format!("{key}objectClass: ipatokenHOTP\n"), 1, ProblemCode::Unsupported),
    ] {
        let read = recognised(freeipa(&attributes));
        assert_eq!(read.codes(), [(line(at), code)], "{attributes}");
        assert!(read.tokens.is_empty());
    }
    let expired = Settings { expired: true, ..settings() };
    let file = freeipa(&format!("{key}ipatokenNotAfter: 20200101000000Z\n"));
    assert_eq!(read_with(None, file, &expired).sound().len(), 1);
}

#[test]
fn a_watermark_of_zero_tells_that_no_code_was_used() {
    let key = "ipatokenOTPkey:: MTIzNDU2Nzg5MDEyMzQ1Ng==\n";
    let read = recognised(freeipa(&format!("{key}ipatokenTOTPwatermark: 0\n")));
    assert_eq!(read.sound()[0].watermark, None);
}

#[test]
fn values_without_end_are_refused() {
    let file = freeipa(&format!("description: a\n{}", " aaaaaaa\n".repeat(10_000)));
    assert_eq!(recognised(file).codes(), [(line(5), ProblemCode::TooLarge)]);
    let file = freeipa(&"description: a\n".repeat(2_000));
    assert_eq!(recognised(file).codes(), [(line(1_001), ProblemCode::TooLarge)]);
}

fn safeword(data: &str) -> String {
    format!(
        "# ===== SafeWord Authenticator Records $Version: 100$ =====\n\
         dn: sccAuthenticatorId=AB01\nobjectclass: sccCompatibleToken\nsccAuthenticatorId: AB01\n\
         sccTokenType: eToken-PASS\nsccTokenData: {data}\nsccSignature:MC0=   \n"
    )
}

const KEY: &str = "sccKey=0102030405060708090A0B0C0D0E0F1011121314";

#[test]
fn time_tokens_of_safeword_count_from_2000() {
    let data = "sccMode=T;sccPwLen=7;sccVer=6.20;sccTick=60;sccPrTime=2019/03/12 01:02:03;";
    let read = recognised(safeword(&format!("{KEY};{data}crypto=HmacSHA256   ")));
    assert_eq!(read.format, Some(Format::SafeWordDat));
    let [token] = <[_; 1]>::try_from(read.sound()).unwrap();
    assert_eq!((token.serial.as_deref(), token.t0), (Some("AB01"), Some(946_684_800)));
    assert_eq!((token.kind, token.period), (Some(TokenKind::Totp), Some(60)));
    assert_eq!((token.digits, token.algorithm), (Some(7), Some(Algorithm::Sha256)));
    assert_eq!(token.clock_set, Some(UnixTime::noon("2019-03-12").unwrap()));
}

#[test]
fn event_tokens_of_safeword_tell_no_counter() {
    let read = recognised(safeword(&format!("{KEY};sccMode=E;sccPwLen=6;")));
    let [token] = <[_; 1]>::try_from(read.sound()).unwrap();
    assert_eq!((token.kind, token.counter), (Some(TokenKind::Hotp), None));
    assert_eq!((token.t0, token.digits), (None, Some(6)));
}

#[test]
fn records_of_safeword_that_are_wrong_are_named() {
    for (data, code) in [
        ("sccMode=E".to_owned(), ProblemCode::SecretMissing),
        ("sccKey=(AES:0102);sccMode=E".to_owned(), ProblemCode::Encryption),
        ("sccKey=01x;sccMode=E".to_owned(), ProblemCode::SecretMalformed),
        (format!("{KEY};sccMode=C"), ProblemCode::Unsupported),
        (format!("{KEY};sccMode=E;sccPwLen=six"), ProblemCode::Value),
        (format!("{KEY};sccMode=T;crypto=HmacMD5"), ProblemCode::Unsupported),
    ] {
        let read = recognised(safeword(&data));
        assert_eq!(read.codes(), [(line(2), code)], "{data}");
        assert_eq!(read.problems[0].serial.as_deref(), Some("AB01"));
    }
}
