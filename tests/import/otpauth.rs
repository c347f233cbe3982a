//! Lists of `otpauth://` URIs.

use twostep::import::{Format, Place, ProblemCode, TokenKind};

use super::recognised;

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
