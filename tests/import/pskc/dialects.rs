//! Spellings of writers that follow the standard in part.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use twostep::import::{Format, ProblemCode, TokenDrift, TokenKind};
use twostep::otp::Algorithm;

use super::{PLAIN, container, package, pskc, pskc_with_key};
use crate::import::recognised;

/// privacyIDEA's spelling, of a token whose clock is 73 seconds ahead.
fn privacyidea(kind: &str) -> String {
    format!(
        "<keycontainer version=\"1.0\" xmlns=\"urn:ietf:params:xml:ns:keyprov:pskc\">\
         <keypackage><deviceinfo><manufacturer>Schl&#252;ssel &amp; Co</manufacturer>\
         <serialno>TOTP1</serialno></deviceinfo>\
         <key algorithm=\"urn:ietf:params:xml:ns:keyprov:pskc:{kind}\" id=\"TOTP1\">\
         <issuer>privacyIDEA</issuer><algorithmparameters>\
         <responseformat encoding=\"DECIMAL\" length=\"8\"></responseformat>\
         <suite hashalgo=\"sha256\"></suite></algorithmparameters>\
         <data><secret><plainvalue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=</plainvalue></secret>\
         <time><plainvalue>0</plainvalue></time>\
         <timeinterval><plainvalue>30</plainvalue></timeinterval>\
         <counter><plainvalue>59862276</plainvalue></counter>\
         <timedrift><plainvalue>-73.25</plainvalue></timedrift></data></key></keypackage>\
         </keycontainer>"
    )
}

#[test]
fn privacyidea_writes_small_letters_seconds_and_watermarks() {
    let read = recognised(privacyidea("totp"));
    assert_eq!(read.format, Some(Format::Pskc));
    let token = read.token();
    assert_eq!((token.kind, token.digits), (Some(TokenKind::Totp), Some(8)));
    assert_eq!((token.algorithm, token.period), (Some(Algorithm::Sha256), Some(30)));
    assert_eq!((token.counter, token.watermark), (None, Some(59_862_276)));
    assert_eq!(token.drift, Some(TokenDrift::Seconds(-73.25)));
    assert_eq!(token.hardware, None, "programs are among its tokens");
}

#[test]
fn privacyidea_writes_the_next_counter_of_an_event_token() {
    let token = recognised(privacyidea("hotp")).token();
    assert_eq!((token.counter, token.watermark), (Some(59_862_276), None));
    assert_eq!((token.period, token.drift), (None, None));
}

#[test]
fn malformed_seconds_are_a_problem() {
    for bad in ["NaN", "inf", "soon", ""] {
        let read = pskc(&privacyidea("totp").replace("-73.25", bad));
        assert_eq!(read.code(), ProblemCode::Value, "{bad}");
    }
}

#[test]
fn the_standard_counts_drift_in_whole_steps() {
    let drift = |text: &str| {
        let data = format!(
            "<Data>{PLAIN}<Time><PlainValue>0</PlainValue></Time><TimeInterval><PlainValue> 60 \
             </PlainValue></TimeInterval><TimeDrift><PlainValue>{text}</PlainValue></TimeDrift>\
             </Data>"
        );
        pskc(&container(&package("A1", &data).replace("pskc:hotp", "pskc:totp")))
    };
    let token = drift("-3").token();
    assert_eq!((token.period, token.drift), (Some(60), Some(TokenDrift::Steps(-3))));
    assert_eq!((token.counter, token.watermark), (None, None));
    assert_eq!(drift("2.5").code(), ProblemCode::Value);
}

#[test]
fn the_hash_is_named_in_several_ways() {
    let names = [("HMAC-SHA256", Algorithm::Sha256), ("sha512", Algorithm::Sha512)];
    for (name, algorithm) in names {
        let file = container(&package("A1", &format!("<Data>{PLAIN}</Data>")));
        let parameters = format!("<AlgorithmParameters><Suite>{name}</Suite>");
        let file = file.replace("<AlgorithmParameters>", &parameters);
        assert_eq!(pskc(&file).token().algorithm, Some(algorithm), "{name}");
    }
}

#[test]
fn a_token_may_have_neither_serial_number_nor_kind() {
    let file = container(&format!("<KeyPackage><Key><Data>{PLAIN}</Data></Key></KeyPackage>"));
    let token = pskc(&file).token();
    assert_eq!((token.serial, token.kind, token.digits), (None, None, None));
}

#[test]
fn prefixes_and_blanks_are_of_no_account() {
    let file = container(&package("A1", &format!("<Data>{PLAIN}</Data>")));
    let prefixed = file
        .replace("xmlns=\"urn", "xmlns:p = 'urn")
        .replace(":pskc\" xmlns:ds", ":pskc' xmlns:ds")
        .replace("</", "\u{0}")
        .replace("<?xml", "\u{1}")
        .replace('<', "<p:")
        .replace('\u{0}', "</p:")
        .replace('\u{1}', "<?xml");
    assert_eq!(recognised(prefixed).token().serial.as_deref(), Some("A1"));
    let spread = file.replace("MTIzNDU2", "\n MTIz\t<![CDATA[NDU2]]><!-- half -->\r\n");
    assert_eq!(pskc(&spread).token().secret.expose(), b"12345678901234567890");
}

#[test]
fn elements_of_others_are_left_out() {
    let other = "<v:Secret xmlns:v=\"urn:vendor\"><v:PlainValue>AAAA</v:PlainValue></v:Secret>";
    let file = container(&package("A1", &format!("<Data>{other}{PLAIN}{other}</Data>")));
    assert_eq!(pskc(&file).token().secret.expose(), b"12345678901234567890");
}

#[test]
fn a_value_that_is_there_twice_is_a_problem() {
    let counter = "<Counter><PlainValue>7</PlainValue></Counter>";
    let twice = [
        format!("{PLAIN}{PLAIN}"),
        format!("{PLAIN}{counter}{counter}"),
        PLAIN.replace("</PlainValue>", "</PlainValue><PlainValue>AAAA</PlainValue>"),
    ];
    for data in twice {
        let read = pskc(&container(&package("A1", &format!("<Data>{data}</Data>"))));
        assert_eq!(read.code(), ProblemCode::Syntax, "{data}");
        assert!(read.tokens.is_empty());
    }
}

/// ActivIdentity's draft. The values were made with Python's `cryptography`.
fn actividentity(secret: &str, digest: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n\
         <KeyContainer xmlns=\"urn:ietf:params:xml:ns:keyprov:container:1.0\" version=\"1.0\">\n\
         <EncryptionMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#aes128-cbc\">\
         <IV>aW5pdGlhbGlzYXRpb24hIQ==</IV></EncryptionMethod>\
         <DigestMethod Algorithm=\"http://www.w3.org/2000/09/xmldsig#hmac-sha1\"/>\
         <Device><DeviceId><Manufacturer>ActivIdentity</Manufacturer>\
         <SerialNo>0912345678</SerialNo></DeviceId>\
         <Key KeyAlgorithm=\"http://www.ietf.org/keyprov/pskc#hotp\" KeyId=\"0912345678\">\
         <Issuer>ActivIdentity</Issuer><Usage OTP=\"true\">\
         <ResponseFormat Format=\"DECIMAL\" Length=\"8\"/></Usage>\
         <Data Name=\"SECRET\"><Value>{secret}</Value>{digest}</Data>\
         <Data Name=\"COUNTER\"><Value>{}</Value></Data></Key></Device></KeyContainer>",
        BASE64_STANDARD.encode(70_000_u64.to_be_bytes()),
    )
}

const DRAFT_KEY: &str = "00112233445566778899aabbccddeeff";
const DRAFT_SECRET: &str = "jyvqZ5igHZ8IxI2NCLteHGajAbo2qZkbBEhq+D1d9kQ=";
const DRAFT_DIGEST: &str = "<ValueDigest>ILuttKSvTlvyiOx68DvyeLSH7vk=</ValueDigest>";

#[test]
fn actividentity_writes_a_draft_of_the_standard() {
    let token = pskc_with_key(&actividentity(DRAFT_SECRET, DRAFT_DIGEST), DRAFT_KEY).token();
    assert_eq!(token.serial.as_deref(), Some("0912345678"));
    assert_eq!((token.kind, token.digits), (Some(TokenKind::Hotp), Some(8)));
    assert_eq!(token.secret.expose(), b"a secret of 20 bytes");
    assert_eq!(token.counter, Some(70_000));
}

#[test]
fn a_draft_is_refused_where_its_code_does_not_hold() {
    let wrong = pskc_with_key(&actividentity(DRAFT_SECRET, DRAFT_DIGEST), &"00".repeat(16));
    assert_eq!(wrong.code(), ProblemCode::KeyWrong);
    let bytes = BASE64_STANDARD.decode(DRAFT_SECRET).unwrap();
    for at in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        let file = actividentity(&BASE64_STANDARD.encode(altered), DRAFT_DIGEST);
        assert_eq!(pskc_with_key(&file, DRAFT_KEY).code(), ProblemCode::KeyWrong);
    }
    let without = pskc_with_key(&actividentity(DRAFT_SECRET, ""), DRAFT_KEY);
    assert_eq!(without.code(), ProblemCode::Encryption);
    let other_use =
        actividentity(DRAFT_SECRET, DRAFT_DIGEST).replace("OTP=\"true\"", "CR=\"true\"");
    assert_eq!(pskc_with_key(&other_use, DRAFT_KEY).code(), ProblemCode::Policy);
    let standard = actividentity(DRAFT_SECRET, DRAFT_DIGEST).replace(
        "urn:ietf:params:xml:ns:keyprov:container:1.0",
        "urn:ietf:params:xml:ns:keyprov:pskc",
    );
    let read = pskc_with_key(&standard, DRAFT_KEY);
    assert_eq!(read.code(), ProblemCode::KeyWrong, "the standard's codes cover the ciphertext");
}
