//! Requests of a browser between the shop and the console.

use std::error::Error;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower::ServiceExt;

use super::agent::Agent;
use super::shop::SHOP;

/// Goes from the password to the paid order.
pub(crate) async fn walk(shop: Router, mut agent: Agent) -> Result<(), Box<dyn Error>> {
    let (refused, _) = send(&shop, get("/pay", "")?).await?;
    println!("GET /pay: {refused}");
    let (status, headers) = send(&shop, post("/log-in", "account=alice", "", SHOP)?).await?;
    let (page, first) = (header(&headers, "location"), cookie(&headers));
    println!("POST /log-in: {status}, on to the console");
    let page = page.strip_prefix(&agent.console).ok_or("not the console")?;
    let started = hidden(&ask(&agent.console, "GET", page, "").await?, "started")?;
    let form = format!("started={started}&code={}", agent.token.press_text());
    let signed_in = ask(&agent.console, "POST", "/login/code", &form).await?;
    let (token, page) = (hidden(&signed_in, "token")?, hidden(&signed_in, "return_to")?);
    println!("POST /login/code, on the console: a token for the shop");
    let form = format!("token={token}&return_to={page}");
    // The token of another page, and the token for another browser.
    let mut refusals = Vec::new();
    for (cookie, origin) in [(first.as_str(), "https://evil.example"), ("", &agent.console)] {
        refusals.push(send(&shop, post("/mfa", &form, cookie, origin)?).await?.0);
    }
    let (status, headers) = send(&shop, post("/mfa", &form, &first, &agent.console)?).await?;
    println!("POST /mfa: {status}; from elsewhere {refusals:?}");
    let (paid, _) = send(&shop, get("/pay", &cookie(&headers))?).await?;
    println!("GET /pay: {paid}");
    assert_eq!((refused, refusals, status, paid), (401, vec![403, 403], 303, 200));
    Ok(())
}

fn get(path: &str, cookie: &str) -> Result<Request<Body>, axum::http::Error> {
    Request::get(path).header("cookie", cookie).body(Body::empty())
}

fn post(
    path: &str,
    form: &str,
    cookie: &str,
    origin: &str,
) -> Result<Request<Body>, axum::http::Error> {
    let request = Request::post(path).header("cookie", cookie).header("origin", origin);
    request.body(Body::from(form.to_owned()))
}

async fn send(shop: &Router, request: Request<Body>) -> Result<(u16, HeaderMap), Box<dyn Error>> {
    let answer = shop.clone().oneshot(request).await?;
    Ok((answer.status().as_u16(), answer.headers().clone()))
}

/// Asks the console, whose pages send their own origin.
async fn ask(origin: &str, method: &str, path: &str, form: &str) -> Result<String, Box<dyn Error>> {
    let host = origin.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host.replace("localhost", "127.0.0.1")).await?;
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut page = String::new();
    stream.read_to_string(&mut page).await?;
    Ok(page)
}

/// The value of a hidden field.
fn hidden(page: &str, name: &str) -> Result<String, Box<dyn Error>> {
    let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\"")).ok_or("no such field")?;
    Ok(rest.split('"').next().unwrap_or_default().to_owned())
}

/// The first cookie that was set, as it is sent back.
fn cookie(headers: &HeaderMap) -> String {
    header(headers, "set-cookie").split(';').next().unwrap_or_default().to_owned()
}

fn header(headers: &HeaderMap, name: &str) -> String {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}
