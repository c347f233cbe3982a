//! A site without code of its own, behind nginx alone, from the first visit to signed in.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use nix::unistd::Uid;
use test_support::chromium::{Browser, Protocol};
use test_support::reverse_proxy::{Running, Workers};
use test_support::{people, tools};

use crate::journeys::{World, add_key, free_port};

/// nginx with the shipped configuration in front of a plain site.
struct Site {
    origin: String,
    world: World,
    _nginx: Running,
}

impl Site {
    fn open() -> Site {
        let port = free_port();
        let origin = format!("http://localhost:{port}");
        // The browser's visitors are this user's requests to the agent.
        let before = format!(
            "[forward]\ncookie = \"mfa\"\n[policy.site]\nmax_age = 900\n\
             [[peer]]\nuid = {}\nrole = \"admin\"\nforward = true\n",
            Uid::effective()
        );
        let more = format!(
            "open_codes = true\n[[console.service]]\nname = \"Intranet\"\norigin = \"{origin}\"\n\
             receive = \"/.twostep-return\"\naudience = \"twostep\"\n"
        );
        let world = World::with(&before, &more);
        let config = include_str!("../../examples/proxies/nginx.conf")
            .replace("# error_page 401", "error_page 401")
            .replace(":8080", &format!(":{port}"))
            .replace("127.0.0.1:8081", &plain_site())
            .replace("/run/twostep/agent.sock", &world.agent.socket().display().to_string())
            .replace("https://mfa.example.com", &world.origin)
            .replace("https%3A%2F%2Fapp.example.com", &format!("http%3A%2F%2Flocalhost%3A{port}"))
            .replace("X-Forwarded-Proto https", "X-Forwarded-Proto http")
            .replace("app.example.com", &format!("localhost:{port}"));
        let nginx = Running::nginx(world.agent.folder.path(), Workers::Same, &config, port);
        Site { origin, world, _nginx: nginx }
    }

    /// Visits a page of the site, and stands on the console's sign-in page.
    fn visit(&self, browser: &mut Browser) {
        browser.go(&format!("{}/reports/may", self.origin));
        assert_eq!(browser.heading(), "Sign in to Intranet");
        assert!(browser.address().starts_with(&self.world.origin));
        browser.fill("Account", "alice");
        browser.press("button", "Continue");
        browser.arrives("Sign in to Intranet");
    }

    /// The browser is on the page that it asked for, and the site knows whose it is.
    fn is_seen_by(&self, browser: &mut Browser) {
        browser.arrives("Plain site");
        assert_eq!(browser.address(), format!("{}/reports/may", self.origin));
        assert!(browser.text().contains("for alice"), "{}", browser.text());
        let cookies = browser.cookies();
        let cookie = cookies.iter().find(|cookie| cookie["name"] == "mfa").unwrap();
        assert_eq!((&cookie["httpOnly"], &cookie["secure"]), (&true.into(), &true.into()));
        // The next page needs no sign-in.
        browser.go(&format!("{}/reports/june", self.origin));
        assert_eq!(browser.heading(), "Plain site");
    }
}

/// A site that believes what its proxy says of the visitor. It ends with the test program.
fn plain_site() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(stream));
        }
    });
    address
}

fn serve(mut stream: TcpStream) {
    let lines = BufReader::new(&stream).lines().map_while(Result::ok);
    let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let account = head.iter().find_map(|line| line.strip_prefix("X-MFA-Account: "));
    let page = format!(
        "<!doctype html><html lang=en><title>Site</title><h1>Plain site</h1><p>for {}",
        account.unwrap_or_default()
    );
    let _ = write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{page}",
        page.len()
    );
}

#[test]
fn nginx_alone_takes_a_visitor_to_the_console_and_back() {
    if !tools::have("chromium,nginx") {
        return;
    }
    let site = Site::open();
    let mut browser = site.world.newcomer("alice");
    browser.plug_in(Protocol::Ctap2);
    add_key(&mut browser, "Desk key");
    site.visit(&mut browser);
    let button = browser.by("button", "Use a security key");
    browser.click(&button);
    site.is_seen_by(&mut browser);
}

#[test]
fn a_visitor_comes_back_without_a_script() {
    if !tools::have("chromium,nginx") {
        return;
    }
    let site = Site::open();
    let mut token = people::enrol(&site.world.admin, "alice");
    let mut browser = Browser::new();
    browser.scripts(false);
    site.visit(&mut browser);
    browser.fill("Code", &token.code());
    browser.press("button", "Sign in");
    assert_eq!(browser.heading(), "Signed in");
    browser.press("button", "Continue to Intranet");
    site.is_seen_by(&mut browser);
}
