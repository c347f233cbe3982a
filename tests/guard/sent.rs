//! The ways to send a token, and the ways to send something else.

use twostep::guard::{BadName, CookieName};

use super::desk::{Desk, ask, bearing};
use super::refusals::refused;

const EVERYWHERE: [&str; 4] = ["/present", "/optional", "/any", "/layer"];

#[tokio::test]
async fn bearer_has_any_case_and_any_blanks_around_the_token() {
    let desk = Desk::new();
    let (service, token) = (desk.service(), desk.of("alice"));
    for (before, after) in [
        ("Bearer ", ""),
        ("bearer ", ""),
        ("BEARER ", ""),
        ("bEaReR ", ""),
        ("Bearer   ", ""),
        ("Bearer\t", ""),
        ("bearer \t ", ""),
        ("Bearer ", " \t"),
    ] {
        for path in EVERYWHERE {
            let answer = ask(
                &service,
                path,
                &[("authorization", format!("{before}{token}{after}").as_bytes())],
            )
            .await;
            assert_eq!(answer.body, "alice", "{before:?} {after:?} {path}");
        }
    }
}

#[tokio::test]
async fn a_malformed_bearer_counts_neither_as_token_nor_as_absent() {
    let desk = Desk::new();
    let (service, token) = (desk.service(), desk.of("alice"));
    for path in EVERYWHERE {
        for (value, status) in [
            (format!("Bearer,{token}"), 400),
            (format!("Bearer: {token}"), 400),
            (format!("Bearer={token} x"), 400),
            (format!("\"Bearer\" {token}"), 400),
            (format!("B\u{435}arer {token}"), 400),
            (format!("Bearer\u{a0}{token}"), 400),
            (format!("Bearer \u{a0}{token}"), 400),
            (String::new(), 400),
            (" ".to_owned(), 400),
            ("Bearer".to_owned(), 401),
            ("Bearer ".to_owned(), 401),
            (format!("Bearer {token},"), 401),
            (format!("Bearer {token} {token}"), 401),
            (format!("Bearer {token}, Bearer {token}"), 401),
            (format!("Bearer \"{token}\""), 401),
            (format!("Bearer Bearer {token}"), 401),
            (format!("Bearer {}", "a".repeat(100_000)), 401),
        ] {
            let answer = ask(&service, path, &[("authorization", value.as_bytes())]).await;
            let code = if status == 400 { "InvalidInput" } else { "Unauthorized" };
            refused(&answer, status, code);
            let error = if status == 400 { "invalid_request" } else { "invalid_token" };
            assert!(
                answer.challenge().contains(&format!("error=\"{error}\"")),
                "{path} {value:?}: {}",
                answer.challenge()
            );
        }
        let answer = ask(&service, path, &[("authorization", b"Bearer \xff\xfe")]).await;
        refused(&answer, 400, "InvalidInput");
    }
}

#[tokio::test]
async fn other_schemes_are_ignored() {
    let desk = Desk::new();
    let service = desk.service();
    for value in ["Basic YTpi", "Bearers x", "BearerToken", "DPoP x", "Negotiate"] {
        assert_eq!(
            ask(&service, "/optional", &[("authorization", value.as_bytes())]).await.body,
            "nobody",
            "{value}"
        );
        let cookie = format!("__Host-mfa={}", desk.of("alice"));
        let both = [("authorization", value.as_bytes()), ("cookie", cookie.as_bytes())];
        assert_eq!(ask(&service, "/present", &both).await.body, "alice", "{value}");
    }
    // RFC 9110 §5.5: what they hold is octets.
    let cookie = format!("__Host-mfa={}", desk.of("alice"));
    for value in [&b"Digest username=\"REZ\xc9\""[..], "Basic REZÉ".as_bytes(), b"Custom \xff\xfe"]
    {
        assert_eq!(ask(&service, "/optional", &[("authorization", value)]).await.body, "nobody");
        assert_eq!(
            ask(&service, "/present", &[("authorization", value), ("cookie", cookie.as_bytes())])
                .await
                .body,
            "alice"
        );
    }
}

#[tokio::test]
async fn a_cookie_is_found_among_others() {
    let desk = Desk::new();
    let (service, token) = (desk.service(), desk.of("alice"));
    for cookies in [
        format!("__Host-mfa={token}"),
        format!("a=b; __Host-mfa={token}; c=d"),
        format!("a=b;__Host-mfa={token};c=d"),
        format!("; ;=;a; __Host-mfa = {token} ;"),
        format!("x=__Host-mfa=1; __Host-mfa={token}"),
        format!(
            "mfa=1; __Host-mfaa=2; _Host-mfa=3; __host-mfa=4; __HOST-MFA=5; __Host-mfa={token}"
        ),
        // Spellings that other parsers take for this name: foreign white space, a version, a quoted
        // list.
        format!("\u{2000}__Host-mfa=1; \u{a0}__Host-mfa=2; __Host-mfa={token}"),
        format!(
            "$Version=1,__Host-mfa=1; \"__Host-mfa\"=2; a=\"x,__Host-mfa=3\"; __Host-mfa={token}"
        ),
    ] {
        for path in EVERYWHERE {
            assert_eq!(
                ask(&service, path, &[("cookie", cookies.as_bytes())]).await.body,
                "alice",
                "{path} {cookies}"
            );
        }
    }
    // HTTP/2 sends them one by one, and some of them are no UTF-8.
    let mine = format!("__Host-mfa={token}");
    let several: [(&str, &[u8]); 3] =
        [("cookie", b"a=\xff\xfe"), ("cookie", mine.as_bytes()), ("cookie", b"b=c")];
    assert_eq!(ask(&service, "/present", &several).await.body, "alice");
}

#[tokio::test]
async fn cookies_of_other_names_are_ignored() {
    let desk = Desk::new();
    let (service, token) = (desk.service(), desk.of("alice"));
    for name in [
        "__Host-mf",
        "__Host-mfa2",
        "__host-mfa",
        "__HOST-mfa",
        "X__Host-mfa",
        "\u{2000}__Host-mfa",
        "\"__Host-mfa\"",
        "",
    ] {
        assert_eq!(
            ask(&service, "/optional", &[("cookie", format!("{name}={token}").as_bytes())])
                .await
                .body,
            "nobody",
            "{name:?}"
        );
    }
    assert_eq!(ask(&service, "/optional", &[("cookie", b"__Host-mfa")]).await.body, "nobody");
}

#[tokio::test]
async fn a_cookie_that_is_no_token_is_refused() {
    let desk = Desk::new();
    let (service, token) = (desk.service(), desk.of("alice"));
    for path in EVERYWHERE {
        for value in [
            String::new(),
            "x".to_owned(),
            format!("\"{token}\""),
            format!("{token}, {token}"),
            format!("%22{token}"),
            "a=b".to_owned(),
        ] {
            let answer =
                ask(&service, path, &[("cookie", format!("__Host-mfa={value}").as_bytes())]).await;
            refused(&answer, 401, "Unauthorized");
            assert!(answer.challenge().contains("invalid_token"), "{value:?}");
        }
        refused(
            &ask(&service, path, &[("cookie", b"__Host-mfa=\xff\xfe")]).await,
            401,
            "Unauthorized",
        );
    }
}

#[tokio::test]
async fn two_tokens_are_one_too_many() {
    let desk = Desk::new();
    let (service, alice, bob) = (desk.service(), desk.of("alice"), desk.of("bob"));
    let bearer = |token: &str| ("authorization", format!("Bearer {token}"));
    let cookie = |value: String| ("cookie", value);
    let one = |token: &str| format!("__Host-mfa={token}");
    for path in EVERYWHERE {
        for headers in [
            vec![bearer(&alice), bearer(&bob)],
            vec![bearer(&alice), bearer(&alice)],
            vec![bearer(&alice), ("authorization", "Basic YTpi".to_owned())],
            vec![("authorization", "Basic YTpi".to_owned()), bearer(&alice)],
            vec![cookie(format!("{}; {}", one(&alice), one(&bob)))],
            vec![cookie(format!("{};{}; {}", one(&alice), one(""), one(&bob)))],
            vec![cookie(one(&alice)), cookie(one(&bob))],
            vec![cookie(one(&alice)), cookie("a=b".to_owned()), cookie(one(&bob))],
            vec![cookie(one(&alice)), cookie(one(&format!("\"{alice}\"")))],
            vec![bearer(&alice), cookie(one(&bob))],
            vec![bearer(""), cookie(one(&alice))],
            vec![bearer(&alice), cookie(format!("{}; {}", one(&alice), one(&bob)))],
        ] {
            let bytes: Vec<(&str, &[u8])> =
                headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
            let answer = ask(&service, path, &bytes).await;
            refused(&answer, 400, "InvalidInput");
            assert!(answer.challenge().contains("error=\"invalid_request\""));
        }
        for same in [
            vec![bearer(&alice), cookie(one(&alice))],
            vec![cookie(format!("{}; {}", one(&alice), one(&alice)))],
            vec![cookie(one(&alice)), cookie("a=b".to_owned()), cookie(one(&alice))],
            vec![bearer(&alice), cookie(format!("{}; {}", one(&alice), one(&alice)))],
            // An empty cookie is how a site takes a cookie back.
            vec![bearer(&alice), cookie(one(""))],
            vec![bearer(&alice), cookie(one(" "))],
            vec![cookie(format!("{};{} =", one(&alice), "__Host-mfa"))],
            vec![cookie(one("")), cookie(one(&alice))],
        ] {
            let bytes: Vec<(&str, &[u8])> =
                same.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
            assert_eq!(ask(&service, path, &bytes).await.body, "alice", "{same:?}");
        }
    }
}

#[tokio::test]
async fn a_guard_without_a_cookie_name_ignores_cookies() {
    let desk = Desk::new();
    let cookie = format!("__Host-mfa={}", desk.of("alice"));
    let plain =
        twostep::guard::MfaGuard::new(desk.validator(), twostep::policy::Policy::mfa_present());
    let service = axum::Router::new()
        .route(
            "/",
            axum::routing::get(async |mfa: twostep::guard::MfaPresent| mfa.account().to_string()),
        )
        .with_state(plain);
    refused(&ask(&service, "/", &[("cookie", cookie.as_bytes())]).await, 401, "Unauthorized");
    assert_eq!(bearing(&service, "/", &desk.of("alice")).await.body, "alice");
}

#[test]
fn a_cookies_name_is_a_token() {
    for name in ["", "a b", "a=b", "a;b", "\"a\"", "é", "a\r\nb", "a,b", "a\t"] {
        assert_eq!(name.parse::<CookieName>(), Err(BadName::Cookie), "{name:?}");
    }
    assert!("__Secure-mfa.1".parse::<CookieName>().is_ok());
}
