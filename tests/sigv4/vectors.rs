//! The signing test suite of AWS: 38 requests, each signed in both forms.

use std::time::Duration;

use twostep::aws::sigv4::{Form, Paths, Payload, Refusal, Rules, SessionToken, Signer, SigningKey};

use super::{NOW, Sent, access_key, signing_key};

struct Vector {
    name: &'static str,
    rules: Rules,
    sent: Sent,
    canonical_request: &'static str,
    string_to_sign: &'static str,
}

/// A token that was appended unsigned, as some services want it; here it is refused.
const UNSIGNED_TOKEN: &str = "post-sts-header-after";

const LIFETIME: Duration = Duration::from_secs(3_600);

#[test]
fn requests_of_the_suite_verify_in_the_header_form() {
    verify(include_str!("../vectors/sigv4/header.txt"), Form::Header);
}

#[test]
fn requests_of_the_suite_verify_in_the_presigned_form() {
    verify(include_str!("../vectors/sigv4/query.txt"), Form::Presigned { expires: LIFETIME });
}

#[test]
fn the_unsigned_token_is_refused_in_both_forms() {
    for (file, refusal) in [
        (
            include_str!("../vectors/sigv4/header.txt"),
            Refusal::NotSigned("x-amz-security-token".to_owned()),
        ),
        (include_str!("../vectors/sigv4/query.txt"), Refusal::Mismatch),
    ] {
        let vector = vectors(file).into_iter().find(|it| it.name == UNSIGNED_TOKEN).unwrap();
        assert_eq!(vector.sent.verified(&vector.rules, NOW).err(), Some(refusal));
    }
}

#[test]
fn the_signer_signs_as_the_suite_does() {
    let key = signing_key("AKIDEXAMPLE", "service");
    for vector in vectors(include_str!("../vectors/sigv4/header.txt")) {
        let token = token_of(&vector, "x-amz-security-token");
        let unsigned = vector.sent.clone().without("x-amz-date").without("authorization");
        let unsigned = unsigned.without("x-amz-security-token");
        let added = signer(&vector, &key, token.as_ref()).sign(&unsigned.request(), NOW).unwrap();
        let (_, authorization) = added.last().unwrap();
        assert!(
            vector.sent.headers.iter().any(|(_, value)| value == authorization),
            "{}: {authorization}",
            vector.name
        );
    }
    for vector in vectors(include_str!("../vectors/sigv4/query.txt")) {
        let token = token_of(&vector, "X-Amz-Security-Token");
        let mut unsigned = vector.sent.clone();
        let (query, _) = unsigned.query.split_once("X-Amz-Algorithm").unwrap();
        unsigned.query = query.trim_end_matches('&').to_owned();
        let signer = signer(&vector, &key, token.as_ref());
        let signed = signer.presign(&unsigned.request(), NOW, LIFETIME).unwrap();
        let (_, signature) = signed.rsplit_once('=').unwrap();
        assert!(vector.sent.query.ends_with(signature), "{}: {signed}", vector.name);
    }
}

fn verify(file: &'static str, form: Form) {
    let key = access_key("AKIDEXAMPLE");
    let mut verified = 0;
    for vector in vectors(file).into_iter().filter(|vector| vector.name != UNSIGNED_TOKEN) {
        let name = vector.name;
        let claimed = vector.rules.parse(&vector.sent.request(), NOW).expect(name);
        let canonical = std::str::from_utf8(claimed.canonical_request()).unwrap();
        assert_eq!(canonical, vector.canonical_request, "{name}");
        assert_eq!(claimed.string_to_sign(), vector.string_to_sign, "{name}");
        let signed = claimed.verify_with(&key).expect(name);
        assert_eq!((signed.form(), signed.signed_at()), (form, NOW), "{name}");
        assert_eq!(signed.payload(), Payload::Compared, "{name}");
        assert!(signed.covers("Host") && !signed.covers("Authorization"), "{name}");
        let has_token = ["get-vanilla-with-session-token", "post-sts-header-before"];
        assert_eq!(signed.session_token().is_some(), has_token.contains(&name), "{name}");
        verified += 1;
    }
    assert_eq!(verified, 37);
}

fn signer<'a>(
    vector: &'a Vector,
    key: &'a SigningKey,
    token: Option<&'a SessionToken>,
) -> Signer<'a> {
    let signer = Signer::new(&vector.rules, key);
    // The token that is appended later is not known to the signer.
    match token.filter(|_| vector.name != UNSIGNED_TOKEN) {
        Some(token) => signer.session_token(token),
        None => signer,
    }
}

/// The token of a signed request, as text.
fn token_of(vector: &Vector, name: &str) -> Option<SessionToken> {
    let headers = &vector.sent.headers;
    let header = headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    let pairs = vector
        .sent
        .query
        .split('&')
        .find_map(|pair| pair.strip_prefix(&format!("{name}=")));
    let decoded =
        pairs.map(|text| text.replace("%2F", "/").replace("%2B", "+").replace("%3D", "="));
    decoded.or(header.map(|(_, value)| value.clone())).map(SessionToken::new)
}

fn vectors(file: &'static str) -> Vec<Vector> {
    let blocks: Vec<_> = file.split("\n=== ").skip(1).map(vector).collect();
    assert_eq!(blocks.len(), 38);
    blocks
}

fn vector(block: &'static str) -> Vector {
    let (title, rest) = block.split_once('\n').unwrap();
    let parts: Vec<&str> = rest.trim_end_matches('\n').split("\n---\n").collect();
    let [sent, canonical_request, string_to_sign] = parts[..] else { panic!("{title}") };
    let rules = Rules::service("service").unwrap().regions(["us-east-1"]);
    let (name, rules) = match title.strip_suffix(" kept") {
        Some(name) => (name, rules.paths(Paths::Kept)),
        None => (title, rules),
    };
    Vector { name, rules, sent: request(sent), canonical_request, string_to_sign }
}

/// An HTTP/1.1 message. A folded line becomes one line, as servers unfold it (RFC 9112 §5.2).
fn request(text: &str) -> Sent {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let (line, headers) = head.split_once('\n').unwrap();
    let (method, target) = line.split_once(' ').unwrap();
    let target = target.strip_suffix(" HTTP/1.1").unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let unfolded = headers.replace("\n ", " ");
    let headers = unfolded.lines().map(|line| line.split_once(':').unwrap());
    Sent {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        body: body.as_bytes().to_vec(),
    }
}
