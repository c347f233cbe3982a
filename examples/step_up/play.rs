//! Serves the page, or sends each of its requests once.

use std::error::Error;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use tokio::net::TcpListener;
use tower::ServiceExt;
use twostep::testing::SimulatedToken;

pub(crate) async fn go(shop: Router, mut token: SimulatedToken) -> Result<(), Box<dyn Error>> {
    if let Some(address) = std::env::args().nth(1) {
        let listener = TcpListener::bind(address).await?;
        println!(
            "http://localhost:{}/ is open, and the token shows {}",
            listener.local_addr()?.port(),
            token.press_text()
        );
        return Ok(axum::serve(listener, shop).await?);
    }
    let (status, headers) = send(&shop, "/pay", "", None).await?;
    println!("pay: {status}\n  {}", header(&headers, "www-authenticate"));
    let (status, headers) = send(&shop, "/step-up", &token.press_text(), None).await?;
    println!("step up: {status}");
    // The first of two cookies: the context.
    let cookie = header(&headers, "set-cookie").split(';').next();
    let (status, _) = send(&shop, "/pay", "", cookie).await?;
    println!("pay again: {status}");
    assert_eq!(status, 200);
    Ok(())
}

async fn send(
    shop: &Router,
    path: &str,
    body: &str,
    cookie: Option<&str>,
) -> Result<(u16, HeaderMap), Box<dyn Error>> {
    let request = Request::post(path)
        .header("cookie", cookie.unwrap_or_default())
        .body(Body::from(body.to_owned()))?;
    let answer = shop.clone().oneshot(request).await?;
    Ok((answer.status().as_u16(), answer.headers().clone()))
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
