//! Lists of `otpauth://` URIs.

use twostep::import::{Format, Place, ProblemCode, TokenKind};
use twostep::otp::Algorithm;

use super::{read_with, recognised, settings};

#[test]
fn a_line_is_a_token() {
    let file = "otpauth://totp/Acme:ann?secret=GEZDGNBVGY3TQOJQ&digits=8&period=60\r\n\n\
                otpauth://hotp/bob?secret=GEZDGNBVGY3TQOJR&counter=7&algorithm=SHA256\n";
    let read = recognised(file);
    assert_eq!(read.format, Some(Format::Otpauth));
    assert!(read.notes.is_empty());
    let [time, event] = <[_; 2]>::try_from(read.sound()).unwrap();
    assert_eq!((time.kind, time.digits, time.period), (Some(TokenKind::Totp), Some(8), Some(60)));
    assert_eq!(time.secret.expose(), b"1234567890");
    assert_eq!((event.place, event.counter), (Place::Line(3), Some(7)));
}

#[test]
fn each_bad_line_is_named() {
    let read = recognised("otpauth://totp/ann\notpauth://steam/x?secret=GEZDGNBVGY3TQOJQ\n");
    let expected = [
        (Some(Place::Line(1)), ProblemCode::SecretMissing),
        (Some(Place::Line(2)), ProblemCode::Unsupported),
    ];
    assert_eq!(read.codes(), expected);
}

#[test]
fn a_plus_is_a_blank_except_in_an_address() {
    for (uri, name) in [
        ("totp/Air%20Harbour:ben?secret=S&issuer=Air+Harbour", "Air Harbour: ben"),
        ("totp/Air+Harbour:ben?secret=S&issuer=Air%20Harbour", "Air Harbour: ben"),
        ("totp/Hafen:ben+work@example.net?secret=S", "Hafen:ben+work@example.net"),
        ("totp/ben?secret=S&issuer=Hafen", "Hafen: ben"),
        ("totp/Hafen%3Aben?secret=S&issuer=Hafen", "Hafen: ben"),
        ("totp/Hafenamt:ben?secret=S&issuer=Hafen", "Hafen: Hafenamt:ben"),
        ("totp/?secret=S&issuer=Hafen", "Hafen"),
        ("totp/Hafen?secret=S&issuer=Hafen", "Hafen"),
        ("totp?secret=S&issuer=Hafen", "Hafen"),
    ] {
        let uri = format!("otpauth://{}", uri.replace("=S", "=GEZDGNBVGY3TQOJQ"));
        let [token] = <[_; 1]>::try_from(recognised(&uri).sound()).unwrap();
        assert_eq!(token.name.as_deref(), Some(name), "{uri}");
        assert_eq!(token.account, None);
    }
}

#[test]
fn parameters_of_other_apps_are_ignored() {
    let uri = "otpauth://totp/Hafen:ben?secret=gezd%20gnbv+gy3t-qojq%3D%3D&issuer=Hafen&image=x\
               &algorithm=HmacSHA512&codeDisplay=%7B%22pinned%22%3Afalse%2C%22tags%22%3A%5B%5D%7D\
               &amp;digits=8&flag&=";
    let [token] = <[_; 1]>::try_from(recognised(uri).sound()).unwrap();
    assert_eq!(token.secret.expose(), b"1234567890");
    assert_eq!((token.digits, token.period, token.counter), (Some(8), None, None));
    assert_eq!(token.algorithm, Some(Algorithm::Sha512));
}

#[test]
fn steam_is_named_by_any_of_its_signs() {
    for uri in [
        "otpauth://steam/x?secret=GEZDGNBVGY3TQOJQ",
        "steam://GEZDGNBVGY3TQOJQ",
        "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&encoder=steam",
        "otpauth://totp/Steam:x?secret=GEZDGNBVGY3TQOJQ&issuer=Steam",
        "otpauth://totp/Steam:x?secret=GEZDGNBVGY3TQOJQ&issuer=Steam&digits=5",
        "otpauth://motp/x?secret=GEZDGNBVGY3TQOJQ",
        "otpauth://yaotp/x?secret=GEZDGNBVGY3TQOJQ",
    ] {
        let read = read_with(Some(Format::Otpauth), uri, &settings());
        assert_eq!(read.codes(), [(Some(Place::Line(1)), ProblemCode::Unsupported)], "{uri}");
        assert!(read.problems[0].detail.contains("--skip-unsupported"));
    }
}

#[test]
fn each_bad_part_of_a_uri_is_named() {
    let secret = "secret=GEZDGNBVGY3TQOJQ";
    for (uri, code) in [
        (format!("otpauth://totp/x?{secret}&secret=GEZDGNBVGY3TQOJR"), ProblemCode::Value),
        (format!("otpauth://totp/x?{secret}&digits=six"), ProblemCode::Value),
        (format!("otpauth://totp/x?{secret}&digits=6&digits=8"), ProblemCode::Value),
        (format!("otpauth://totp/x?{secret}&period=-30"), ProblemCode::Value),
        (format!("otpauth://hotp/x?{secret}&counter=99999999999999999999"), ProblemCode::Value),
        (format!("otpauth://totp/x?{secret}&algorithm=MD5"), ProblemCode::Unsupported),
        (format!("otpauth://ocra/x?{secret}"), ProblemCode::Unsupported),
        ("otpauth://totp/x?secret=".to_owned(), ProblemCode::SecretMissing),
        ("otpauth://totp/x?secret=GEZ1".to_owned(), ProblemCode::SecretMalformed),
        ("otpauth://totp/x?secret=%FF%FE".to_owned(), ProblemCode::SecretMalformed),
        ("otpauth-migration://offline?data=Cg".to_owned(), ProblemCode::Syntax),
        (format!("https://totp/x?{secret}"), ProblemCode::Syntax),
        ("ben;GEZDGNBVGY3TQOJQ".to_owned(), ProblemCode::Syntax),
    ] {
        let read = read_with(Some(Format::Otpauth), &uri, &settings());
        assert_eq!(read.codes(), [(Some(Place::Line(1)), code)], "{uri}");
        assert!(!read.problems[0].to_string().contains("GEZ"), "{}", read.problems[0]);
    }
}
