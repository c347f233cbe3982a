//! The context of one request is never another's: on one connection, one after the other and at
//! once.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use axum::routing::get;
use axum::serve::ListenerExt;
use axum::{Router, middleware};
use test_support::http::Client;
use tokio::net::TcpListener;
use twostep::guard::MfaLayer;
use twostep::policy::Policy;
use twostep::session::SessionContext;

use super::desk::{Desk, ask, lenient};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_kept_forgets_who_asked_before() {
    let desk = Desk::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (service, [alice, bob]) =
        (desk.service(), ["alice", "bob"].map(|account| format!("Bearer {}", desk.of(account))));
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let listener = listener.tap_io(move |_| {
        counted.fetch_add(1, Relaxed);
    });
    let server = tokio::spawn(async move { axum::serve(listener, service).await });
    let asked = tokio::task::spawn_blocking(move || {
        let client = Client::tcp(address);
        for turn in 0..50 {
            let (token, who) =
                [(Some(&alice), "alice"), (None, "nobody"), (Some(&bob), "bob")][turn % 3];
            let headers: Vec<(&str, &str)> =
                token.map(|token| ("Authorization", token.as_str())).into_iter().collect();
            for path in ["/any", "/optional", "/layer/open", "/present", "/layer"] {
                let answer = client.raw("GET", path, &headers, b"");
                let strict = ["/present", "/layer"].contains(&path);
                let (status, text) =
                    if strict && who == "nobody" { (401, None) } else { (200, Some(who)) };
                assert_eq!(answer.status, status, "{path} {who}");
                assert!(
                    text.is_none_or(|text| answer.text() == text),
                    "{path}: {} for {who}",
                    answer.text()
                );
                assert!(text.is_some() || !answer.text().contains("alice"));
            }
        }
    });
    asked.await.unwrap();
    assert_eq!(connections.load(Relaxed), 1);
    server.abort();
}

#[tokio::test]
async fn a_context_left_by_an_outer_layer_does_not_count() {
    let desk = Desk::new();
    let planted = desk
        .guard()
        .judge(&bearer(&desk.of("mallory")), &Policy::mfa_present())
        .unwrap();
    let seen = async |request: axum::http::Request<Body>| {
        request
            .extensions()
            .get::<SessionContext>()
            .map_or("nobody".to_owned(), |context| context.account().to_string())
    };
    let service = Router::new()
        .route("/", get(seen))
        .layer(MfaLayer::new(desk.guard()).with_policy(lenient()))
        .layer(middleware::from_fn_with_state(planted, plant));
    assert_eq!(ask(&service, "/", &[]).await.body, "nobody");
    assert_eq!(
        ask(
            &service,
            "/",
            &[("authorization", format!("Bearer {}", desk.without_mfa()).as_bytes())]
        )
        .await
        .body,
        "nobody"
    );
    assert_eq!(
        ask(&service, "/", &[("authorization", format!("Bearer {}", desk.of("bob")).as_bytes())])
            .await
            .body,
        "bob"
    );
}

async fn plant(
    State(planted): State<SessionContext>,
    mut request: Request,
    next: Next,
) -> Response {
    request.extensions_mut().insert(planted);
    next.run(request).await
}

fn bearer(token: &str) -> axum::http::HeaderMap {
    [("authorization".parse().unwrap(), format!("Bearer {token}").parse().unwrap())]
        .into_iter()
        .collect()
}
