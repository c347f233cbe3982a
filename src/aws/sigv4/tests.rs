//! Random requests: those that were signed verify, and with one byte changed they do not; no text
//! makes the reader panic.

use std::time::Duration;

use crate::aws::sigv4::{
    AccessKey, Body, CannotSign, Form, Header, Refusal, Request, Rules, Scope, SessionToken,
    Signer, SigningKey,
};
use crate::random::Random;
use crate::secret::Secret;
use crate::time::UnixTime;

/// A request whose parts a test may change: method, path, query, then names and values of headers.
#[derive(Clone)]
struct Sent {
    texts: Vec<String>,
    body: Vec<u8>,
}

const METHOD: usize = 0;
const PATH: usize = 1;
const QUERY: usize = 2;

impl Sent {
    fn random(random: &mut Random) -> Sent {
        let mut texts = vec![pick(random, &["GET", "PUT", "POST", "DELETE"]), String::new()];
        texts[PATH] = (0..=random.below(3))
            .map(|_| format!("/{}", text(random, PATH_PIECES)))
            .collect();
        let pairs = (0..random.below(4))
            .map(|_| format!("{}={}", text(random, QUERY_PIECES), text(random, QUERY_PIECES)));
        texts.push(pairs.collect::<Vec<_>>().join("&"));
        texts.extend(["Host".to_owned(), format!("{}.example.com", text(random, LETTERS))]);
        for _ in 0..random.below(4) {
            let name = pick(random, &["X-Amz-Target", "content-type", "X-Amz-Meta-A", "accept"]);
            texts.extend([name, text(random, VALUE_PIECES)]);
        }
        let body = (0..1 + random.below(40)).map(|_| byte(random)).collect();
        Sent { texts, body }
    }

    fn request(&self) -> Request<'_> {
        let headers = self.texts[QUERY + 1..].as_chunks().0.iter();
        Request {
            method: &self.texts[METHOD],
            path: &self.texts[PATH],
            query: &self.texts[QUERY],
            headers: headers.map(|[name, value]| Header::new(name, value)).collect(),
            body: Body::Bytes(&self.body),
        }
    }

    /// Changes one byte of one part, to one that means something else. False if it means the same.
    fn change(&mut self, random: &mut Random, body_is_signed: bool) -> bool {
        let part = below(random, self.texts.len() + usize::from(body_is_signed));
        let Some(text) = self.texts.get_mut(part) else {
            let at = below(random, self.body.len());
            let before = self.body[at];
            self.body[at] = byte(random);
            return self.body[at] != before;
        };
        if text.is_empty() {
            return false;
        }
        let at = below(random, text.len());
        let before = text.clone();
        let printable = char::from(b' ' + u8::try_from(random.below(95)).unwrap());
        text.replace_range(at..=at, printable.encode_utf8(&mut [0; 4]));
        let is_name = part > QUERY && (part - QUERY) % 2 == 1;
        let is_escape = before[..at].ends_with('%')
            || before.get(..at.saturating_sub(1)).is_some_and(|text| text.ends_with('%'));
        let folds = is_name || (is_escape && (part == PATH || part == QUERY));
        let is_same = if folds { before.eq_ignore_ascii_case(text) } else { before == *text };
        // Forms write a space in two ways.
        !is_same && (part != QUERY || printable != ' ')
    }
}

#[test]
fn one_changed_byte_never_verifies() {
    let rules = [Rules::service("sts").unwrap(), Rules::s3()];
    let token = SessionToken::new("AQoDYXdzEPT//wEXAMPLE==".to_owned());
    let mut random = Random::new(20_150_830);
    let (mut changed, mut presigned) = (0, 0);
    while changed < 10_000 {
        let rules = &rules[below(&mut random, 2)];
        let key = signing_key(&rules.service);
        let signer = Signer::new(rules, &key);
        let signer = if random.below(2) == 0 { signer } else { signer.session_token(&token) };
        let mut sent = Sent::random(&mut random);
        let is_presigned = random.below(2) == 0;
        if is_presigned {
            let lifetime = Duration::from_secs(1 + u64::from(random.below(604_800)));
            sent.texts[QUERY] = signer.presign(&sent.request(), NOW, lifetime).unwrap();
        } else {
            let added = signer.sign(&sent.request(), NOW).unwrap();
            sent.texts
                .extend(added.into_iter().flat_map(|(name, value)| [name.to_owned(), value]));
        }
        assert_eq!(verdict(rules, &sent, &key), Ok(()), "{:?}", sent.texts);
        let before = sent.texts.clone();
        let body_is_signed = !(is_presigned && rules.service == "s3");
        if sent.change(&mut random, body_is_signed) {
            let refused = verdict(rules, &sent, &key);
            assert!(refused.is_err(), "{before:?}\n{:?}", sent.texts);
            (changed, presigned) = (changed + 1, presigned + usize::from(is_presigned));
        }
    }
    assert!((4_000..6_000).contains(&presigned), "{presigned}");
}

#[test]
fn no_text_makes_the_reader_panic() {
    let rules = [Rules::service("sts").unwrap(), Rules::s3()];
    let mut random = Random::new(1);
    let mut read = 0;
    for _ in 0..20_000 {
        let mut sent = Sent {
            texts: (0..3 + 2 * random.below(6)).map(|_| text(&mut random, PIECES)).collect(),
            body: Vec::new(),
        };
        if random.below(2) == 0 {
            sent.texts[METHOD] = "GET".to_owned();
            sent.texts[PATH].insert(0, '/');
            sent.texts.extend(["authorization".to_owned(), text(&mut random, PIECES)]);
        }
        let parsed = rules[below(&mut random, 2)].parse(&sent.request(), NOW);
        read += usize::from(!matches!(parsed, Err(Refusal::BadCharacter | Refusal::Missing)));
    }
    assert!(read > 1_000, "{read}");
}

#[test]
fn a_signer_signs_once_on_the_day_of_its_key() {
    let rules = Rules::service("sts").unwrap();
    let key = signing_key("sts");
    let signer = Signer::new(&rules, &key);
    let host = vec![Header::new("host", "example.com")];
    let plain =
        Request { method: "GET", path: "/", query: "", headers: host, body: Body::Bytes(b"") };
    let week = Duration::from_secs(604_800);
    let tomorrow = NOW.plus(Duration::from_secs(86_400));
    let other_day = CannotSign::OtherDay { key: NOW.into(), signed_at: tomorrow };
    assert_eq!(signer.sign(&plain, tomorrow).err(), Some(other_day));
    for (lifetime, fits) in
        [(Duration::ZERO, false), (week, true), (week + Duration::from_secs(1), false)]
    {
        assert_eq!(signer.presign(&plain, NOW, lifetime).is_ok(), fits, "{lifetime:?}");
    }
    for (name, said) in [
        ("Authorization", "Authorization"),
        ("x-amz-date", "X-Amz-Date"),
        ("X-AMZ-SECURITY-TOKEN", "X-Amz-Security-Token"),
    ] {
        let mut signed = plain.clone();
        signed.headers.push(Header::new(name, "x"));
        assert_eq!(signer.sign(&signed, NOW).err(), Some(CannotSign::SignedBefore(said)));
        assert_eq!(signer.presign(&signed, NOW, week).err(), Some(CannotSign::SignedBefore(said)));
    }
    let query = Request { query: "X-Amz-Signature=x", ..plain.clone() };
    assert_eq!(signer.sign(&query, NOW).err(), Some(CannotSign::SignedBefore("X-Amz-Signature")));
    let no_host = Request { headers: Vec::new(), ..plain.clone() };
    assert_eq!(signer.sign(&no_host, NOW).err(), Some(CannotSign::NoHost));
    let bad = Request { path: "x", ..plain };
    let refused = CannotSign::Malformed(Refusal::MalformedPath);
    assert_eq!(signer.sign(&bad, NOW).err(), Some(refused));
}

#[test]
fn debug_hides_token_and_signature() {
    let rules = Rules::service("sts").unwrap();
    let key = signing_key("sts");
    let token = SessionToken::new("hidden".to_owned());
    let host = vec![Header::new("host", "example.com")];
    let mut request =
        Request { method: "GET", path: "/", query: "", headers: host, body: Body::Bytes(b"") };
    let signer = Signer::new(&rules, &key).session_token(&token);
    let query = signer.presign(&request, NOW, Duration::from_secs(60)).unwrap();
    request.query = &query;
    let claimed = rules.parse(&request, NOW).unwrap();
    assert_eq!(claimed.form(), Form::Presigned { expires: Duration::from_secs(60) });
    assert_eq!(format!("{request:?}"), "Request(\"GET\" \"/\", ..)");
    let scope = "20150830/us-east-1/sts/aws4_request";
    assert_eq!(format!("{claimed:?}"), format!("Claimed(AKIDEXAMPLE, {scope}, ..)"));
    assert_eq!(format!("{:?}", claimed.session_token()), "Some(SessionToken(..))");
    assert_eq!(format!("{:?}", claimed.signature), "Signature(..)");
    let signed = claimed.verify(&key).unwrap();
    assert_eq!(format!("{signed:?}"), format!("Signed(AKIDEXAMPLE, {scope}, ..)"));
}

fn verdict(rules: &Rules, sent: &Sent, key: &SigningKey) -> Result<(), Refusal> {
    rules.parse(&sent.request(), NOW)?.verify(key).map(|_| ())
}

fn signing_key(service: &str) -> SigningKey {
    let secret = Secret::from(b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".as_slice());
    let key = AccessKey::new("AKIDEXAMPLE".parse().unwrap(), secret).unwrap();
    SigningKey::derive(&key, Scope::new(NOW.into(), "us-east-1", service).unwrap())
}

fn text(random: &mut Random, pieces: &[&str]) -> String {
    (0..=random.below(6)).map(|_| pick(random, pieces)).collect()
}

fn pick(random: &mut Random, from: &[&str]) -> String {
    from[below(random, from.len())].to_owned()
}

fn below(random: &mut Random, bound: usize) -> usize {
    usize::try_from(random.below(u32::try_from(bound).unwrap())).unwrap()
}

fn byte(random: &mut Random) -> u8 {
    u8::try_from(random.below(256)).unwrap()
}

/// 2015-08-30T12:36:00Z
const NOW: UnixTime = UnixTime(1_440_938_160);

const LETTERS: &[&str] = &["a", "b", "z", "0", "-"];
const PATH_PIECES: &[&str] = &["a", "Z", "9", "-", "_", "~", "%20", "%2F", "%C3%A9", "@", "="];
const QUERY_PIECES: &[&str] = &["a", "Z", "9", "-", ".", "~", "+", "%20", "%2B", "%3D", "/", "*"];
const VALUE_PIECES: &[&str] = &["a", "Z", "9", " b ", ",", ";", "=", "\"", "/", ":"];
const PIECES: &[&str] = &[
    "AWS4-HMAC-SHA256",
    " ",
    "Credential=",
    "AKIDEXAMPLE/20150830/us-east-1/sts/aws4_request",
    ",",
    "SignedHeaders=",
    "host;x-amz-date",
    ";",
    "Signature=",
    "20150830T123600Z",
    "X-Amz-Date",
    "X-Amz-Signature",
    "X-Amz-Credential",
    "X-Amz-Algorithm=AWS4-HMAC-SHA256",
    "&",
    "=",
    "%",
    "%2",
    "%zz",
    "/",
    "..",
    "?",
    "é",
    "\u{202e}",
    "\n",
    "host",
    "x-amz-date",
    "x-amz-security-token",
    "A",
    "UNSIGNED-PAYLOAD",
    "x-amz-content-sha256",
];
