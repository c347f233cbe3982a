//! The sign-in page for other services.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use serde_json::json;
use test_support::chromium::{Browser, Protocol};
use test_support::{people, tools};

use crate::journeys::{World, add_key, posted, problems};

/// A service that sends people to the console, and keeps what is posted to it.
struct Service {
    origin: String,
    posts: Receiver<Post>,
}

/// A form that was posted to the service.
struct Post {
    path: String,
    origin: Option<String>,
    form: Vec<(String, String)>,
}

impl Service {
    fn open() -> Service {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let (sender, posts) = channel();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A browser opens connections that it may not use.
                let sender = sender.clone();
                thread::spawn(move || serve(stream, &sender));
            }
        });
        Service { origin, posts }
    }

    /// The lines of the agent's configuration.
    fn table(&self) -> String {
        format!(
            "[[console.service]]\nname = \"Orders\"\norigin = \"{}\"\nreceive = \"/mfa\"\n\
             audience = \"orders\"\n",
            self.origin
        )
    }

    fn posted(&self) -> Post {
        self.posts.recv_timeout(Duration::from_secs(20)).unwrap()
    }
}

impl Post {
    fn field(&self, name: &str) -> Option<&str> {
        self.form.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }
}

fn serve(mut stream: TcpStream, posts: &Sender<Post>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut lines = reader.by_ref().lines().map_while(Result::ok);
    let request = lines.next().unwrap_or_default();
    let headers: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let header = |name: &str| {
        let mut pairs = headers.iter().filter_map(|line| line.split_once(": "));
        pairs
            .find(|(it, _)| it.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.to_owned())
    };
    let length = header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    if request.starts_with("POST") {
        let form = url::form_urlencoded::parse(&body).into_owned().collect();
        let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
        let _ = posts.send(Post { path, origin: header("origin"), form });
    }
    let page = "<!doctype html><html lang=en><title>Orders</title><h1>Orders</h1>";
    let _ = write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{page}",
        page.len()
    );
}

/// A sign-in that a service starts ends with a token for it, posted by the console's page.
#[test]
fn a_service_starts_a_sign_in_and_gets_a_token() {
    if !tools::have("chromium") {
        return;
    }
    let service = Service::open();
    let world = World::with("audiences = [\"orders\"]", &service.table());
    for (account, scripts) in [("alice", true), ("bob", false)] {
        let mut token = people::enrol(&world.admin, account);
        let return_to = format!("{}/orders?x=1", service.origin);
        let body = json!({ "account": account, "return_to": return_to, "state": "s<1>" });
        let started = world.admin.post("/v1/console/sign-ins", body).is(201);
        let mut browser = Browser::new();
        browser.scripts(scripts);
        browser.go(started["url"].as_str().unwrap());
        assert_eq!(browser.heading(), "Sign in to Orders");
        assert!(browser.text().contains(&format!("as {account}")), "{}", browser.text());
        browser.fill("Code", &token.code());
        browser.press("button", "Sign in");
        if !scripts {
            assert_eq!(browser.heading(), "Signed in");
            browser.press("button", "Continue to Orders");
        }
        browser.arrives("Orders");
        let post = service.posted();
        assert_eq!(post.path, "/mfa");
        assert_eq!(post.origin.as_deref(), Some(world.origin.as_str()));
        assert_eq!(post.field("return_to"), Some(return_to.as_str()));
        assert_eq!(post.field("state"), Some("s<1>"));
        let body = json!({ "token": post.field("token").unwrap(), "audience": "orders" });
        let seen = world.admin.post("/v1/sessions/introspect", body).is(200);
        assert_eq!((&seen["active"], &seen["context"]["account"]), (&json!(true), &json!(account)));
        // The address of the sign-in is used up.
        browser.go(started["url"].as_str().unwrap());
        assert_eq!(browser.heading(), "This sign-in cannot go on");
    }
}

/// With nothing before it, the page takes a key and no code.
#[test]
fn an_open_sign_in_page_takes_keys_alone() {
    if !tools::have("chromium") {
        return;
    }
    let service = Service::open();
    let world = World::with("audiences = [\"orders\"]", &service.table());
    let mut browser = world.newcomer("alice");
    browser.plug_in(Protocol::Ctap2);
    add_key(&mut browser, "Desk key");
    let return_to: String =
        url::form_urlencoded::byte_serialize(service.origin.as_bytes()).collect();
    browser.go(&world.page(&format!("/login?return_to={return_to}%2F&login_hint=alice")));
    assert_eq!(browser.heading(), "Sign in to Orders");
    assert!(!browser.has("textbox", "Code"));
    let button = browser.by("button", "Use a security key");
    browser.click(&button);
    browser.arrives("Orders");
    assert!(service.posted().field("token").is_some());
}

#[test]
fn a_wrong_code_is_refused_and_keeps_the_sign_in_open() {
    if !tools::have("chromium") {
        return;
    }
    let service = Service::open();
    let world = World::with("audiences = [\"orders\"]", &service.table());
    let mut token = people::enrol(&world.admin, "alice");
    let body = json!({ "account": "alice", "return_to": format!("{}/", service.origin) });
    let started = world.admin.post("/v1/console/sign-ins", body).is(201);
    let mut browser = Browser::open(started["url"].as_str().unwrap());
    browser.fill("Code", token.wrong());
    browser.press("button", "Sign in");
    assert_eq!(browser.status(), 403);
    assert!(problems(&mut browser)[0].contains("That did not work."));
    browser.fill("Code", &token.code());
    browser.press("button", "Sign in");
    browser.arrives("Orders");
}

#[test]
fn a_foreign_address_to_return_to_stops_the_sign_in() {
    let service = Service::open();
    let world = World::with("audiences = [\"orders\"]", &service.table());
    let own = service.origin.as_str();
    let host = own.trim_start_matches("http://");
    let spellings = [
        "https://evil.example/".to_owned(),
        format!("{own}.evil.example/"),
        format!("{own}@evil.example/"),
        format!("http://user@{host}/"),
        format!("http://user:pw@{host}/"),
        format!("https://{host}/"),
        format!("{own}0/"),
        "http://localhost/".to_owned(),
        format!("//{host}/"),
        format!("/{host}"),
        format!("javascript:alert(1)//{own}"),
        format!("data:text/html,{own}"),
        format!("http:\\\\evil.example\\{host}"),
        format!("http://evil.example\\@{host}/"),
        format!("http://evil.example#{own}"),
        format!("http://evil.example?{own}"),
        format!("http://127.0.0.1:{}/", host.rsplit(':').next().unwrap_or_default()),
        format!("ftp://{host}/"),
        format!("http://localhost%2eevil.example:{}/", "80"),
        String::new(),
    ];
    for return_to in spellings {
        let form = [("return_to", return_to.as_str()), ("account", "alice"), ("code", "123456")];
        let answer = posted(&world, "/login/code", &form);
        assert_eq!(answer.status, 422, "{return_to}");
        let text = answer.text();
        assert!(text.contains("This sign-in cannot go on"), "{return_to}: {text}");
        assert!(!text.contains("evil.example"), "{return_to}: {text}");
        let body = json!({ "account": "alice", "return_to": return_to });
        let status = world.admin.post("/v1/console/sign-ins", body).status;
        assert!((400..500).contains(&status), "{return_to}: {status}");
    }
}
