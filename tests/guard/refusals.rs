//! Responses to refused requests: RFC 6750 §3, RFC 9470 §3.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::{Value, json};
use twostep::guard::{MfaGuard, Refusal, RefusalReason};
use twostep::policy::Policy;
use twostep::session::{Invalid, RevocationList, RevocationSource};

use super::desk::{Answer, Desk, NOW, ask, bearing, service};

#[tokio::test]
async fn a_context_that_satisfies_the_policy_passes() {
    let desk = Desk::new();
    let service = desk.service();
    for path in ["/present", "/optional", "/any", "/layer", "/layer/open"] {
        let answer = bearing(&service, path, &desk.of("bob")).await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "bob"), "{path}");
        assert!(
            answer.header("www-authenticate").is_none() && answer.header("cache-control").is_none()
        );
    }
    for path in ["/paying", "/layer/paying"] {
        assert_eq!(bearing(&service, path, &desk.by_key()).await.body, "alice");
    }
}

/// Changes to a context, and what is said to be wrong with it then.
const WRONG: [(&str, &str, &str); 4] = [
    ("iss", "https://mfa.example", "issuer; expected=\"twostep\""),
    ("aud", "orders", "audience; expected=\"shop\""),
    ("exp", "", "expiry"),
    ("mfa_serial", "", "claims"),
];

#[tokio::test]
async fn a_header_for_developers_names_the_part_that_is_wrong() {
    let desk = Desk::new();
    let (silent, telling) = (desk.service(), service(&desk.guard().with_diagnosis()));
    let stranger = Desk::new();
    let tokens = WRONG.iter().map(|(claim, value, said)| (wrong(&desk, claim, value), *said));
    let others = [(stranger.token(|_| {}), "key"), ("a.b".to_owned(), "form")];
    for (token, said) in tokens.chain(others) {
        for path in ["/present", "/paying", "/optional", "/any", "/layer"] {
            let answer = bearing(&telling, path, &token).await;
            assert_eq!((answer.status.as_u16(), answer.header("x-mfa-invalid")), (401, Some(said)));
            let answer = bearing(&silent, path, &token).await;
            assert_eq!((answer.status.as_u16(), answer.header("x-mfa-invalid")), (401, None));
        }
    }
    let answer = ask(&telling, "/present", &[]).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-mfa-invalid")), (401, None));
    assert_eq!(bearing(&telling, "/present", &desk.of("bob")).await.header("x-mfa-invalid"), None);
}

#[tokio::test]
async fn a_debug_event_names_the_part_that_is_wrong() {
    let (desk, log) = (Desk::new(), Log::default());
    let (writer, here) = (log.clone(), std::thread::current().id());
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::DEBUG)
        .with_ansi(false)
        .with_writer(move || match std::thread::current().id() == here {
            true => writer.clone(),
            false => Log::default(),
        })
        .finish();
    // The subscriber of one thread can be missed: a thread without one that meets an event first
    // turns it off for all.
    tracing_subscriber::util::SubscriberInitExt::init(subscriber);
    tracing::callsite::rebuild_interest_cache();
    for (claim, value, said) in WRONG {
        let token = wrong(&desk, claim, value);
        bearing(&desk.service(), "/present", &token).await;
        let told = std::mem::take(&mut *log.0.lock().unwrap());
        let told = String::from_utf8(told).unwrap();
        let name = said.split(';').next().unwrap();
        for part in [
            "DEBUG twostep::guard".to_owned(),
            format!("invalid={name:?}"),
            "expected_issuer=\"twostep\"".to_owned(),
            "expected_audience=\"shop\"".to_owned(),
        ] {
            assert!(told.contains(&part), "{part} is not in {told}");
        }
        assert!(!told.contains(&token), "the token is in the log");
    }
}

fn wrong(desk: &Desk, claim: &str, value: &str) -> String {
    desk.token(|claims| match (claim, value) {
        ("exp", _) => claims["exp"] = (NOW - 1).into(),
        (claim, "") => claims[claim] = Value::Null,
        (claim, value) => claims[claim] = value.into(),
    })
}

/// The log of a test, in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn without_a_token_the_challenge_has_no_error() {
    let service = Desk::new().service();
    for path in ["/present", "/layer"] {
        let answer = ask(&service, path, &[]).await;
        refused(&answer, 401, "Unauthorized");
        assert_eq!(answer.challenge(), r#"Bearer realm="mfa", acr_values="mfa", max_age="900""#);
    }
    for path in ["/paying", "/layer/paying"] {
        let answer = ask(&service, path, &[("authorization", b"Basic YWxpY2U6c2VjcmV0")]).await;
        refused(&answer, 401, "Unauthorized");
        assert_eq!(answer.challenge(), r#"Bearer realm="mfa", acr_values="phr", max_age="60""#);
    }
    for path in ["/optional", "/any", "/layer/open"] {
        let answer = ask(&service, path, &[]).await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "nobody"));
    }
}

#[tokio::test]
async fn an_insufficient_context_is_told_the_demands_of_the_policy() {
    let desk = Desk::new();
    let service = desk.service();
    let old = desk.token(|claims| claims["mfa_time"] = (NOW - 901).into());
    for path in ["/present", "/layer", "/optional"] {
        let answer = bearing(&service, path, &old).await;
        let problem = refused(&answer, 401, "InsufficientUserAuthentication");
        assert_eq!((&problem["max_age"], &problem["acr_values"]), (&json!(900), &json!(["mfa"])));
        let (before, after) = parts(&answer);
        assert_eq!(
            before,
            r#"Bearer realm="mfa", error="insufficient_user_authentication", error_description="#
        );
        assert_eq!(after, r#", acr_values="mfa", max_age="900""#);
    }
    // One second earlier it was good enough.
    assert_eq!(
        bearing(
            &service,
            "/present",
            &desk.token(|claims| claims["mfa_time"] = (NOW - 900).into())
        )
        .await
        .body,
        "alice"
    );
    for path in ["/paying", "/layer/paying"] {
        let answer = bearing(&service, path, &desk.of("alice")).await;
        refused(&answer, 401, "InsufficientUserAuthentication");
        assert_eq!(parts(&answer).1, r#", acr_values="phr", max_age="60""#);
    }
    assert_eq!(bearing(&service, "/any", &old).await.body, "alice", "this one asks for no policy");
}

#[tokio::test]
async fn a_context_without_mfa_is_neither_absent_nor_present() {
    let desk = Desk::new();
    let (service, token) = (desk.service(), desk.without_mfa());
    for path in ["/present", "/paying", "/optional", "/layer", "/layer/paying"] {
        let answer = bearing(&service, path, &token).await;
        refused(&answer, 401, "InsufficientUserAuthentication");
        assert!(
            answer.challenge().contains("error=\"insufficient_user_authentication\""),
            "{}",
            answer.challenge()
        );
        assert!(answer.challenge().contains("acr_values="), "{}", answer.challenge());
    }
    assert_eq!(bearing(&service, "/any", &token).await.body, "alice without");
    assert_eq!(
        bearing(&service, "/layer/open", &token).await.body,
        "nobody",
        "and behind the layer there is no MFA"
    );
}

#[tokio::test]
async fn an_extractor_refuses_what_only_a_lenient_policy_allows() {
    let desk = Desk::new();
    let headers = axum::http::HeaderMap::new();
    assert_eq!(desk.guard().admit(&headers, &super::desk::lenient()).unwrap(), None);
    let refusal = desk.guard().judge(&headers, &super::desk::lenient()).unwrap_err();
    assert_eq!(refusal.reason(), &RefusalReason::NoToken);
    assert_eq!(refusal.step_up().acr_values, ["mfa"]);
}

#[tokio::test]
async fn an_invalid_token_is_refused_everywhere_without_a_reason() {
    let desk = Desk::new();
    let service = desk.service();
    let mut told = Vec::new();
    for token in [
        String::new(),
        "x".to_owned(),
        "a.b.c".to_owned(),
        format!("{}x", desk.of("alice")),
        format!("{}=", desk.of("alice")),
        Desk::new().of("alice"),
        desk.token(|claims| claims["exp"] = NOW.into()),
        desk.token(|claims| claims["nbf"] = (NOW + 6).into()),
        desk.token(|claims| claims["aud"] = "bank".into()),
        desk.token(|claims| claims["iss"] = "somebody".into()),
        desk.token(|claims| claims["mfa_time"] = "1".into()),
    ] {
        for path in ["/present", "/optional", "/any", "/layer", "/layer/open"] {
            let answer = bearing(&service, path, &token).await;
            let problem = refused(&answer, 401, "Unauthorized");
            assert!(
                answer.challenge().starts_with(
                    r#"Bearer realm="mfa", error="invalid_token", error_description=""#
                )
            );
            told.push(problem["detail"].clone());
        }
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
}

#[tokio::test]
async fn who_keeps_a_log_finds_the_reason_in_the_answer() {
    let desk = Desk::new();
    let over = desk.token(|claims| claims["exp"] = NOW.into());
    let headers = [("authorization".parse().unwrap(), format!("Bearer {over}").parse().unwrap())]
        .into_iter()
        .collect();
    let refusal = desk.guard().judge(&headers, &Policy::mfa_present()).unwrap_err();
    assert_eq!(refusal.reason(), &RefusalReason::Invalid(Invalid::Expired));
    let response = refusal.clone().into_response();
    assert_eq!(response.extensions().get::<Refusal>(), Some(&refusal));
    assert!(!format!("{refusal:?}{refusal}").contains(&over[..20]));
}

#[tokio::test]
async fn a_policy_that_nothing_satisfies_asks_for_nothing() {
    let desk = Desk::new();
    let never = Policy::mfa_present().and(Policy::mfa_present().not());
    let headers = [(
        "authorization".parse().unwrap(),
        format!("Bearer {}", desk.of("alice")).parse().unwrap(),
    )]
    .into_iter()
    .collect();
    let refusal = desk.guard().judge(&headers, &never).unwrap_err();
    assert!(matches!(refusal.reason(), RefusalReason::Forbidden(_)), "{refusal:?}");
    let response = refusal.into_response();
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert!(!response.headers().contains_key("www-authenticate"), "nothing would help");
}

/// Unknown revocations are no reason to ask for a second factor: another one would not help.
#[tokio::test]
async fn unknown_revocations_ask_every_caller_to_wait() {
    struct Nothing;
    impl RevocationSource for Nothing {
        fn current(&self) -> Option<Arc<RevocationList>> {
            None
        }
    }
    let desk = Desk::new();
    let guard =
        MfaGuard::new(desk.validator().with_revocations(Arc::new(Nothing)), Policy::mfa_present());
    let service = super::desk::service(&guard);
    for path in ["/present", "/optional", "/any", "/layer", "/layer/open"] {
        let answer = bearing(&service, path, &desk.of("alice")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("retry-after")),
            (503, Some("1")),
            "{path}"
        );
        assert_eq!(
            (answer.header("www-authenticate"), answer.header("cache-control")),
            (None, Some("no-store"))
        );
        assert!(answer.body.contains("\"code\":\"ServiceUnavailable\""), "{}", answer.body);
    }
    let grpc = [
        ("authorization".to_owned(), format!("Bearer {}", desk.of("alice"))),
        ("content-type".to_owned(), "application/grpc".to_owned()),
    ];
    let headers = grpc
        .iter()
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect();
    let response = guard.judge(&headers, &Policy::mfa_present()).unwrap_err().into_response();
    assert_eq!(response.headers()["grpc-status"], "14");
}

#[tokio::test]
async fn the_realm_is_the_services() {
    let desk = Desk::new();
    let guard = desk.guard().with_realm("the shop".parse().unwrap());
    let refusal = guard
        .judge(&axum::http::HeaderMap::new(), &Policy::max_age(Duration::from_secs(5)))
        .unwrap_err();
    let response = refusal.into_response();
    assert_eq!(
        response.headers()["www-authenticate"],
        r#"Bearer realm="the shop", acr_values="mfa", max_age="5""#
    );
    for bad in ["", "a\"b", "a\\b", "a\r\nSet-Cookie: x", "é", "\u{7f}"] {
        assert!(bad.parse::<twostep::guard::Realm>().is_err(), "{bad:?}");
    }
}

/// The challenge before and after the sentence in it.
fn parts(answer: &Answer) -> (&str, &str) {
    let (before, rest) = answer.challenge().split_once("error_description=\"").unwrap();
    let (sentence, after) = rest.split_once('"').unwrap();
    assert!(sentence.len() > 10, "{sentence}");
    (answer.challenge().get(..before.len() + "error_description=".len()).unwrap(), after)
}

/// Every refusal has this form.
#[track_caller]
pub(crate) fn refused(answer: &Answer, status: u16, code: &str) -> Value {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.body);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(answer.challenge().starts_with("Bearer realm=\""));
    let problem: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((&problem["status"], &problem["code"]), (&json!(status), &json!(code)));
    assert_eq!(problem["type"], format!("urn:twostep:problem:{code}"));
    assert!(problem["title"].is_string() && problem["detail"].is_string());
    problem
}
