//! AWS's error codes and messages for each refusal.

use std::time::Duration;

use twostep::aws::sigv4::{
    Malformed, Part, PayloadFault, Place, Refusal, ScopeFault, ServiceKind, TokenFault,
};
use twostep::time::UnixTime;

use super::NOW;

#[test]
fn each_refusal_has_the_code_of_its_dialect() {
    let lacks = Malformed::Lacks(Part::Signature);
    for (refusal, others, s3) in [
        (Refusal::Missing, "403 MissingAuthenticationToken", "403 AccessDenied"),
        (Refusal::TwoForms, "400 IncompleteSignature", "400 InvalidArgument"),
        (
            Refusal::Malformed(Place::Header, lacks),
            "400 IncompleteSignature",
            "400 AuthorizationHeaderMalformed",
        ),
        (
            Refusal::Malformed(Place::Query, lacks),
            "400 IncompleteSignature",
            "400 AuthorizationQueryParametersError",
        ),
        (Refusal::Repeated("host"), "400 IncompleteSignature", "400 InvalidRequest"),
        (Refusal::BadCharacter, "400 IncompleteSignature", "400 InvalidRequest"),
        (Refusal::MalformedPath, "400 IncompleteSignature", "400 InvalidURI"),
        (Refusal::MalformedQuery, "404 MalformedQueryString", "400 InvalidURI"),
        (Refusal::NotSigned("host".into()), "403 SignatureDoesNotMatch", "403 AccessDenied"),
        (Refusal::Absent("x".into()), "403 SignatureDoesNotMatch", "403 SignatureDoesNotMatch"),
    ] {
        coded(&refusal, others, s3);
    }
}

#[test]
fn scope_clock_and_payload_have_the_code_of_their_dialect() {
    let allowance = Duration::from_secs(300);
    let region = ScopeFault::Region(None);
    for (refusal, others, s3) in [
        (
            Refusal::Scope(Place::Header, region.clone()),
            "403 SignatureDoesNotMatch",
            "400 AuthorizationHeaderMalformed",
        ),
        (
            Refusal::Scope(Place::Query, region),
            "403 SignatureDoesNotMatch",
            "400 AuthorizationQueryParametersError",
        ),
        (
            Refusal::Skewed { signed_at: NOW, now: NOW, allowance },
            "403 SignatureDoesNotMatch",
            "403 RequestTimeTooSkewed",
        ),
        (
            Refusal::Expired { expired_at: NOW, now: NOW },
            "403 SignatureDoesNotMatch",
            "403 AccessDenied",
        ),
        (Refusal::Token(TokenFault::Unexpected), "403 InvalidClientTokenId", "400 InvalidToken"),
        (Refusal::Token(TokenFault::Missing), "403 InvalidClientTokenId", "403 InvalidAccessKeyId"),
        (
            Refusal::Payload(PayloadFault::Differs),
            "403 SignatureDoesNotMatch",
            "400 XAmzContentSHA256Mismatch",
        ),
        (
            Refusal::Payload(PayloadFault::Malformed),
            "400 IncompleteSignature",
            "400 InvalidArgument",
        ),
        (
            Refusal::Payload(PayloadFault::NotSigned),
            "400 IncompleteSignature",
            "400 InvalidArgument",
        ),
        (Refusal::Payload(PayloadFault::Unknown), "400 IncompleteSignature", "400 InvalidRequest"),
        (Refusal::Mismatch, "403 SignatureDoesNotMatch", "403 SignatureDoesNotMatch"),
    ] {
        coded(&refusal, others, s3);
    }
}

#[track_caller]
fn coded(refusal: &Refusal, others: &str, s3: &str) {
    let code = |kind| {
        let code = refusal.code(kind);
        format!("{} {code}", code.status())
    };
    assert_eq!(code(ServiceKind::Other), others, "{refusal:?}");
    assert_eq!(code(ServiceKind::S3), s3, "{refusal:?}");
}

#[test]
fn the_message_on_clocks_has_both_times() {
    let allowance = Duration::from_secs(300);
    let skewed =
        |now| Refusal::Skewed { signed_at: NOW, now: UnixTime(now), allowance }.to_string();
    assert_eq!(
        skewed(NOW.0 + 301),
        "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z \
         (20150830T124101Z - 5 min.)"
    );
    assert_eq!(
        skewed(NOW.0 - 301),
        "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z \
         (20150830T123059Z + 5 min.)"
    );
    let expired = Refusal::Expired { expired_at: NOW, now: UnixTime(NOW.0 + 1) };
    assert_eq!(
        expired.to_string(),
        "Request has expired: 20150830T123600Z is now earlier than 20150830T123601Z"
    );
}

#[test]
fn messages_name_the_part_that_is_wrong() {
    let (header, query) = (Place::Header, Place::Query);
    for (refusal, message) in [
        (
            Refusal::Malformed(header, Malformed::Lacks(Part::Credential)),
            "Authorization header requires 'Credential' parameter.",
        ),
        (
            Refusal::Malformed(query, Malformed::Lacks(Part::Credential)),
            "AWS query-string parameters must include 'X-Amz-Credential'.",
        ),
        (
            Refusal::Malformed(query, Malformed::Invalid(Part::Expires)),
            "'X-Amz-Expires' must be a number of seconds from 1 to 604800",
        ),
        (
            Refusal::Scope(header, ScopeFault::Service("sts".to_owned())),
            "Credential should be scoped to correct service: 'sts'.",
        ),
        (
            Refusal::Scope(header, ScopeFault::Region(Some("eu-west-1".to_owned()))),
            "Credential should be scoped to a valid region: 'eu-west-1'.",
        ),
        (
            Refusal::Scope(header, ScopeFault::Region(None)),
            "Credential should be scoped to a valid region.",
        ),
        (
            Refusal::Scope(
                header,
                ScopeFault::Day { scope: "20150831".parse().unwrap(), signed_at: NOW },
            ),
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from \
             HTTP: '20150831' != '20150830', from '20150830T123600Z'.",
        ),
    ] {
        assert_eq!(refusal.to_string(), message);
    }
}
