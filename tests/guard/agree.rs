//! The layer and the extractors are two doors of one house.

use axum::Router;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use tokio::runtime::Builder;

use super::desk::{Answer, Desk, NOW, ask};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_layer_and_the_extractors_agree_on_every_request(
        sent in vec((any::<bool>(), 0..10_usize, select(FORMS)), 0..4),
    ) {
        let desk = Desk::new();
        let tokens = tokens(&desk);
        let headers: Vec<(&str, Vec<u8>)> = sent.iter().map(|(cookie, token, form)| {
            let value = form.replace('T', &tokens[*token]);
            match cookie {
                true => ("cookie", format!("a=b; __Host-mfa={value}").into_bytes()),
                false => ("authorization", value.into_bytes()),
            }
        }).collect();
        let headers: Vec<(&str, &[u8])> =
            headers.iter().map(|(name, value)| (*name, value.as_slice())).collect();
        let runtime = Builder::new_current_thread().build().unwrap();
        runtime.block_on(agree(&desk.service(), &headers))?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// RFC 6265 §5.4: what other cookies are called and hold is not ours to read.
    #[test]
    fn cookies_of_other_names_change_nothing_with_any_octets(
        before in vec(vec(octet(), 0..12), 0..4),
        after in vec(vec(octet(), 0..12), 0..4),
        headers in any::<bool>(),
    ) {
        let desk = Desk::new();
        let ours = format!("__Host-mfa={}", desk.of("alice")).into_bytes();
        let foreign = |pairs: Vec<Vec<u8>>| {
            pairs.into_iter().filter(|pair| !pair.starts_with(b"__Host-mfa"))
        };
        let all: Vec<Vec<u8>> = foreign(before).chain([ours]).chain(foreign(after)).collect();
        let sent = if headers { all } else { vec![all.join(&b"; "[..])] };
        let sent: Vec<(&str, &[u8])> =
            sent.iter().map(|value| ("cookie", value.as_slice())).collect();
        let runtime = Builder::new_current_thread().build().unwrap();
        let service = desk.service();
        for path in ["/present", "/optional", "/layer"] {
            let answer = runtime.block_on(ask(&service, path, &sent));
            prop_assert_eq!(&answer.body, "alice", "{}", path);
        }
    }
}

/// Any that a header can hold (RFC 9110 §5.5), but for what separates cookies.
fn octet() -> impl Strategy<Value = u8> {
    any::<u8>().prop_filter("a header holds it", |octet| {
        (*octet >= b' ' || *octet == b'\t') && *octet != 0x7f && *octet != b';'
    })
}

async fn agree(service: &Router, headers: &[(&str, &[u8])]) -> Result<(), TestCaseError> {
    let all = async |path| said(&ask(service, path, headers).await);
    let present = all("/present").await;
    prop_assert_eq!(&present, &all("/layer").await);
    prop_assert_eq!(all("/paying").await, all("/layer/paying").await);
    // The optional extractor differs in one case: a request without a token.
    let optional = all("/optional").await;
    prop_assert!(
        optional == present || (optional.1 == "nobody" && present.2 == NO_TOKEN),
        "{:?} {:?}",
        optional,
        present
    );
    // A context that satisfies MFA satisfies every place that takes any valid context.
    let any = all("/any").await;
    prop_assert!(present.0 != 200 || any == present, "{:?} {:?}", any, present);
    prop_assert!((any.0 == 200) == (all("/layer/open").await.0 == 200));
    Ok(())
}

fn said(answer: &Answer) -> (u16, String, String) {
    let challenge = answer.header("www-authenticate").unwrap_or_default().to_owned();
    (answer.status.as_u16(), answer.body.clone(), challenge)
}

fn tokens(desk: &Desk) -> [String; 10] {
    [
        desk.of("alice"),
        desk.of("bob"),
        desk.by_key(),
        desk.without_mfa(),
        desk.token(|claims| claims["mfa_time"] = (NOW - 901).into()),
        desk.token(|claims| claims["exp"] = NOW.into()),
        desk.token(|claims| claims["iat"] = (NOW + 60).into()),
        Desk::new().of("alice"),
        "x".to_owned(),
        String::new(),
    ]
}

const FORMS: &[&str] = &[
    "Bearer T",
    "bearer  T",
    "BEARER \t T ",
    "T",
    "Basic T",
    "Bearer\tT",
    "\"T\"",
    "Bearer T, Bearer T",
    " T ",
    "T; __Host-mfa=T",
    "T; __Host-mfa=",
];

const NO_TOKEN: &str = r#"Bearer realm="mfa", acr_values="mfa", max_age="900""#;
