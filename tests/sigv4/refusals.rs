//! Each way to be refused, beside the request that is not.

use twostep::aws::sigv4::{
    Body, Malformed, Part, Payload, PayloadFault, Place, Refusal, Rules, SessionToken, Streaming,
    TokenFault,
};

use super::{NOW, Sent, access_key, sts};

#[test]
fn a_request_without_a_signature_is_refused() {
    assert_eq!(Sent::plain().refused(&sts()), Refusal::Missing);
    let other = Sent::plain().with("X-Amz-Date", "20150830T123600Z");
    assert_eq!(other.refused(&sts()), Refusal::Missing);
}

#[test]
fn another_scheme_or_algorithm_is_refused() {
    let fault = Refusal::Malformed(Place::Header, Malformed::Algorithm);
    for value in ["", "Bearer x", "AWS AKID:x", "AWS4-HMAC-SHA256X a=b", "AWS4-ECDSA-P256-SHA256 a"]
    {
        assert_eq!(Sent::plain().with("Authorization", value).refused(&sts()), fault, "{value}");
    }
    let sent = Sent::plain().presigned(&sts(), "sts", 60);
    let fault = Refusal::Malformed(Place::Query, Malformed::Algorithm);
    assert_eq!(sent.clone().replacing("SHA256&", "SHA1&").refused(&sts()), fault);
    assert_eq!(sent.replacing("X-Amz-Algorithm", "X-Amz-Other").refused(&sts()), fault);
}

#[test]
fn each_part_of_a_signature_is_needed_once() {
    let header = Sent::plain().signed(&sts(), "sts");
    for (name, part) in [
        ("Credential=", Part::Credential),
        ("SignedHeaders=", Part::SignedHeaders),
        ("Signature=", Part::Signature),
    ] {
        let (_, value) = header.headers.last().unwrap();
        let piece = value.split([' ', ',']).find(|piece| piece.starts_with(name)).unwrap();
        let lacking = value.replace(&format!("{piece}, "), "").replace(&format!(", {piece}"), "");
        let sent = header.clone().without("Authorization").with("Authorization", &lacking);
        let fault = Refusal::Malformed(Place::Header, Malformed::Lacks(part));
        assert_eq!(sent.refused(&sts()), fault, "{lacking}");
        let twice = format!("{value}, {piece}");
        let sent = header.clone().without("Authorization").with("Authorization", &twice);
        assert_eq!(sent.refused(&sts()), Refusal::Repeated(name.trim_end_matches('=')));
    }
    let fault = Refusal::Malformed(Place::Header, Malformed::Lacks(Part::Date));
    assert_eq!(header.clone().without("X-Amz-Date").refused(&sts()), fault);
    let fault = Refusal::Malformed(Place::Header, Malformed::Stray);
    assert_eq!(header.replacing("Signature=", "Other=x, Signature=").refused(&sts()), fault);

    let query = Sent::plain().presigned(&sts(), "sts", 60);
    for (name, part) in [
        ("X-Amz-Credential", Part::Credential),
        ("X-Amz-SignedHeaders", Part::SignedHeaders),
        ("X-Amz-Signature", Part::Signature),
        ("X-Amz-Date", Part::Date),
        ("X-Amz-Expires", Part::Expires),
    ] {
        let fault = Refusal::Malformed(Place::Query, Malformed::Lacks(part));
        assert_eq!(query.clone().replacing(&format!("{name}="), "x=").refused(&sts()), fault);
        let twice = query.clone().with_query(&format!("{name}=x"));
        assert_eq!(twice.refused(&sts()), Refusal::Repeated(name));
    }
}

#[test]
fn a_part_out_of_its_pattern_is_refused() {
    let sent = Sent::plain().signed(&sts(), "sts");
    for (from, to, part) in [
        ("/aws4_request", "/aws4_request/x", Part::Credential),
        ("/us-east-1/", "/", Part::Credential),
        ("AKIDEXAMPLE", "AKID.EXAMPLE", Part::Credential),
        ("/20150830/", "/2015083/", Part::Credential),
        ("host;x-amz-date", "x-amz-date;host", Part::SignedHeaders),
        ("host;x-amz-date", "host;host;x-amz-date", Part::SignedHeaders),
        ("host;x-amz-date", "Host;x-amz-date", Part::SignedHeaders),
        ("host;x-amz-date", "", Part::SignedHeaders),
        ("Signature=", "Signature=0", Part::Signature),
        ("T123600Z", "T123600", Part::Date),
    ] {
        let fault = Refusal::Malformed(Place::Header, Malformed::Invalid(part));
        assert_eq!(sent.clone().replacing(from, to).refused(&sts()), fault, "{to}");
    }
}

#[test]
fn two_forms_at_once_are_refused() {
    let presigned = Sent::plain().presigned(&sts(), "sts", 60);
    assert!(presigned.verified(&sts(), NOW).is_ok());
    for value in ["Bearer x", "AWS4-HMAC-SHA256 Credential=x"] {
        let sent = presigned.clone().with("Authorization", value);
        assert_eq!(sent.refused(&sts()), Refusal::TwoForms);
    }
    for name in ["X-Amz-Signature", "X-Amz-Credential", "X-Amz-Algorithm"] {
        let sent = Sent::plain().with_query(&format!("{name}=x")).with("Authorization", "Basic x");
        assert_eq!(sent.refused(&sts()), Refusal::TwoForms);
    }
}

#[test]
fn a_header_that_decides_comes_once() {
    let token = SessionToken::new("token".to_owned());
    let sent = Sent::plain().signed_by("ASIAEXAMPLE", &sts(), "sts", Some(&token));
    assert!(sent.verified(&sts(), NOW).is_ok());
    for (name, known) in [
        ("Authorization", "authorization"),
        ("Host", "host"),
        ("x-amz-date", "x-amz-date"),
        ("X-AMZ-Security-Token", "x-amz-security-token"),
    ] {
        let value = sent.headers.iter().find(|(it, _)| it.eq_ignore_ascii_case(name)).unwrap();
        let twice = sent.clone().with(name, &value.1.clone());
        assert_eq!(twice.refused(&sts()), Refusal::Repeated(known));
    }
    let other = sent.clone().with_query("X-Amz-Security-Token=token");
    assert_eq!(other.refused(&sts()), Refusal::Repeated("X-Amz-Security-Token"));
    let presigned = Sent::plain().presigned(&sts(), "sts", 60);
    let other = presigned.with("X-Amz-Date", "20150830T123600Z");
    assert_eq!(other.refused(&sts()), Refusal::Repeated("X-Amz-Date"));
    let digest = "e".repeat(64);
    let sent = Sent::plain().with("X-Amz-Content-Sha256", &digest);
    let sent = sent.with("X-Amz-Content-Sha256", &digest).with("Authorization", AUTHORIZATION);
    let sent = sent.with("X-Amz-Date", "20150830T123600Z");
    assert_eq!(sent.refused(&sts()), Refusal::Repeated("x-amz-content-sha256"));
}

const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 \
    Credential=AKIDEXAMPLE/20150830/us-east-1/sts/aws4_request, \
    SignedHeaders=host;x-amz-content-sha256;x-amz-date, \
    Signature=0000000000000000000000000000000000000000000000000000000000000000";

#[test]
fn the_host_and_what_aws_reads_must_be_signed() {
    let sent = Sent::plain().with("X-Amz-Target", "x").signed(&sts(), "sts");
    assert!(sent.verified(&sts(), NOW).unwrap().covers("X-Amz-Target"));
    let not_signed = |name: &str| Refusal::NotSigned(name.to_owned());
    for (from, to, name) in [
        ("SignedHeaders=host;", "SignedHeaders=", "host"),
        (";x-amz-date", "", "x-amz-date"),
        (";x-amz-target", "", "x-amz-target"),
    ] {
        assert_eq!(sent.clone().replacing(from, to).refused(&sts()), not_signed(name));
    }
    let other = sent.clone().with("X-Amz-Other", "x");
    assert_eq!(other.refused(&sts()), not_signed("x-amz-other"));
    let presigned = Sent::plain().presigned(&sts(), "sts", 60).with("x-amz-mfa", "GAHT 123456");
    assert_eq!(presigned.refused(&sts()), not_signed("x-amz-mfa"));
    // Others have no meaning here, and proxies add them.
    let other = sent.clone().with("X-Forwarded-For", "192.0.2.1").with("User-Agent", "x");
    assert!(!other.verified(&sts(), NOW).unwrap().covers("X-Forwarded-For"));
    let absent = sent.replacing(";x-amz-target", ";x-amz-target;x-gone");
    assert_eq!(absent.refused(&sts()), Refusal::Absent("x-gone".to_owned()));
}

#[test]
fn a_token_belongs_to_a_temporary_key() {
    let token = SessionToken::new("token+/=".to_owned());
    let sent = |id: &str, token| Sent::plain().signed_by(id, &sts(), "sts", token);
    let signed = sent("ASIAEXAMPLE", Some(&token)).verified(&sts(), NOW).unwrap();
    assert_eq!(signed.session_token().unwrap().expose(), "token+/=");
    assert!(sent("AKIAEXAMPLE", None).verified(&sts(), NOW).is_ok());
    let fault = sent("AKIAEXAMPLE", Some(&token)).refused(&sts());
    assert_eq!(fault, Refusal::Token(TokenFault::Unexpected));
    assert_eq!(sent("ASIAEXAMPLE", None).refused(&sts()), Refusal::Token(TokenFault::Missing));
    let presigned = Sent::plain().presigned(&sts(), "sts", 60);
    let other = presigned.clone().replacing("AKIDEXAMPLE", "ASIAEXAMPLE");
    assert_eq!(other.refused(&sts()), Refusal::Token(TokenFault::Missing));
    let other = presigned.replacing("AKIDEXAMPLE", "AKIAEXAMPLE");
    let other = other.with_query("X-Amz-Security-Token=x");
    assert_eq!(other.refused(&sts()), Refusal::Token(TokenFault::Unexpected));
    let empty = SessionToken::new(String::new());
    let fault = Refusal::Malformed(Place::Header, Malformed::Invalid(Part::SecurityToken));
    assert_eq!(sent("ASIAEXAMPLE", Some(&empty)).refused(&sts()), fault);
}

#[test]
fn the_body_is_the_one_that_was_signed() {
    for rules in [sts(), Rules::s3()] {
        let service = if rules.kind() == Rules::s3().kind() { "s3" } else { "sts" };
        let digest = "230d8358dc8e8890b4c58deeb62912ee2f20357ae92a5cc861b98e68fe31acb5";
        let sent = Sent::plain().with("X-Amz-Content-Sha256", digest).signed(&rules, service);
        assert_eq!(sent.verified(&rules, NOW).unwrap().payload(), Payload::Compared);
        let mut other = sent.clone();
        other.body = b"other".to_vec();
        assert_eq!(other.refused(&rules), Refusal::Payload(PayloadFault::Differs));

        // A body that is not here is for its reader to compare.
        let mut request = sent.request();
        request.body = Body::NotHere;
        let claimed = rules.parse(&request, NOW).unwrap();
        let signed = claimed.verify_with(&access_key("AKIDEXAMPLE")).unwrap();
        assert!(matches!(signed.payload(), Payload::Claimed([0x23, 0x0d, ..])));
    }
    let without = Sent::plain().signed(&sts(), "sts");
    let mut other = without.clone();
    other.body = b"other".to_vec();
    assert_eq!(other.refused(&sts()), Refusal::Mismatch);
    let mut request = without.request();
    request.body = Body::NotHere;
    let refusal = sts().parse(&request, NOW).err();
    assert_eq!(refusal, Some(Refusal::Payload(PayloadFault::Unknown)));
}

#[test]
fn only_s3_takes_payloads_that_are_not_signed() {
    for (text, payload) in [
        ("UNSIGNED-PAYLOAD", Payload::Unsigned),
        ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", Payload::Streaming(Streaming::Signed)),
        (
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
            Payload::Streaming(Streaming::SignedTrailer),
        ),
        ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", Payload::Streaming(Streaming::UnsignedTrailer)),
    ] {
        let sent = Sent::plain().with("x-amz-content-sha256", text).signed(&Rules::s3(), "s3");
        assert_eq!(sent.verified(&Rules::s3(), NOW).unwrap().payload(), payload);
        let other = Rules::service("s3").unwrap();
        assert_eq!(sent.refused(&other), Refusal::Payload(PayloadFault::NotSigned));
    }
    let capitals = "A".repeat(64);
    for text in ["", "UNSIGNED", &capitals] {
        let sent = Sent::plain().with("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
        let sent = sent.signed(&Rules::s3(), "s3").replacing("UNSIGNED-PAYLOAD", text);
        assert_eq!(sent.refused(&Rules::s3()), Refusal::Payload(PayloadFault::Malformed));
    }
    let sent = Sent::plain().presigned(&Rules::s3(), "s3", 60);
    assert_eq!(sent.verified(&Rules::s3(), NOW).unwrap().payload(), Payload::Unsigned);
}

#[test]
fn characters_that_move_parts_of_a_request_are_refused() {
    let sent = Sent::plain().signed(&sts(), "sts");
    let mut method = sent.clone();
    method.method = "POST\n/a/b".to_owned();
    assert_eq!(method.refused(&sts()), Refusal::BadCharacter);
    let header = sent.clone().with("X-Other", "x\nx-amz-mfa:y");
    assert_eq!(header.refused(&sts()), Refusal::BadCharacter);
    let mut path = sent.clone();
    path.path = "a/b".to_owned();
    assert_eq!(path.refused(&sts()), Refusal::MalformedPath);
    assert_eq!(sent.with_query("z=%4").refused(&sts()), Refusal::MalformedQuery);
}
