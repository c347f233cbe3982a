//! The way back from the console's sign-in page to a site behind a proxy.

use serde_json::json;
use test_support::agent::Agent;
use test_support::http::{Answer, Client};
use test_support::people::{api_key, enrol, text};

use super::{CONSOLE, TCP, admin};

const RETURN: &str = "/v1/authz-return";

const SITE: &str = "https://orders.example.com";

const ORIGIN: &str = "http://localhost:7443";

const POLICY: &str = "[policy.site]\npresent = true\n\
    [policy.open]\nif_exists = { present = true }\nallow_absent = true\n";

/// Sends a token to the first page of a site, as its proxy does with the form of the console.
pub(super) fn sent(proxy: &Client, site: &str, token: &str) -> Answer {
    let form = form(&[("token", token), ("return_to", &format!("{site}/"))]);
    posted(proxy, &headers(ORIGIN, site), &form)
}

fn form(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}

fn headers<'t>(origin: &'t str, site: &'t str) -> Vec<(&'t str, &'t str)> {
    let (scheme, host) = site.split_once("://").unwrap();
    vec![
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Origin", origin),
        ("X-Forwarded-Proto", scheme),
        ("X-Forwarded-Host", host),
    ]
}

fn posted(proxy: &Client, headers: &[(&str, &str)], form: &str) -> Answer {
    proxy.raw("POST", RETURN, headers, form.as_bytes())
}

/// An agent with a console and a site, and a token of Alice for that site.
struct World {
    agent: Agent,
    admin: Client,
    token: String,
}

impl World {
    fn open() -> World {
        World::with("[forward]\ncookie = \"mfa\"\naudience = \"orders\"\n", CONSOLE)
    }

    fn with(forward: &str, console: &str) -> World {
        let agent = Agent::start(&format!("{TCP}{POLICY}{forward}{console}"));
        let admin = admin(&agent);
        let mut token = enrol(&admin, "alice");
        let proof = json!({
            "account": "alice", "serial": token.serial, "code": token.code(), "audience": "orders",
        });
        let token = text(&admin.post("/v1/sessions", proof).is(201)["token"]);
        World { agent, admin, token }
    }

    /// A proxy on TCP, with a key that trusts it to name its site or does not.
    fn proxy(&self, forward: bool) -> Client {
        let key = api_key(&self.admin, json!({"role": "verifier", "forward": forward}));
        Client::tcp(self.agent.address()).with("X-Twostep-Key", &key)
    }
}

#[test]
fn a_form_of_the_console_signs_in_at_the_site() {
    let world = World::open();
    let proxy = world.proxy(true);
    let address = format!("{SITE}/cart?a=b&c=%2F#d");
    let fields = [("token", world.token.as_str()), ("return_to", &address), ("state", "s")];
    let answer = posted(&proxy, &headers(ORIGIN, SITE), &form(&fields));
    assert_eq!(answer.status, 303, "{answer:?}");
    assert_eq!(answer.header("location"), Some(address.as_str()));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let cookie = answer.header("set-cookie").unwrap();
    let (pair, attributes) = cookie.split_once("; ").unwrap();
    assert_eq!(pair, format!("mfa={}", world.token));
    let (age, rest) = attributes.split_once("; ").unwrap();
    let age: u64 = age.strip_prefix("Max-Age=").unwrap().parse().unwrap();
    assert!((3_540..=3_600).contains(&age), "{age}");
    assert_eq!(rest, "Path=/; Secure; HttpOnly; SameSite=Lax");
    // The proxy asks about the next request with this cookie.
    let next = proxy.with("Cookie", pair).get("/v1/authz/site");
    assert_eq!((next.status, next.header("x-mfa-account")), (200, Some("alice")));
}

#[test]
fn only_the_consoles_page_hands_a_token_over() {
    let world = World::open();
    let fields = form(&[("token", world.token.as_str()), ("return_to", &format!("{SITE}/"))]);
    // The user of this test is an administrator on the socket, and trusted with nothing else.
    sent(&world.admin, SITE, &world.token).refused(403, "AccessDenied");
    let proxy = world.proxy(true);
    for origin in [
        "null",
        "",
        "http://localhost",
        "http://localhost:7444",
        "https://localhost:7443",
        "http://localhost:7443/",
        "http://LOCALHOST:7443",
        "http://localhost:7443.evil.example",
        "http://xlocalhost:7443",
        "https://evil.example",
        SITE,
    ] {
        let answer = posted(&proxy, &headers(origin, SITE), &fields);
        assert_eq!(answer.header("set-cookie"), None, "{origin}");
        answer.refused(403, "AccessDenied");
    }
    let with = |more: &[(&'static str, &'static str)]| {
        let mut all = headers(ORIGIN, SITE);
        all.retain(|(name, _)| *name != "Origin");
        all.extend(more);
        posted(&proxy, &all, &fields)
    };
    with(&[]).refused(403, "AccessDenied");
    with(&[("Origin", ORIGIN), ("Origin", ORIGIN)]).refused(403, "AccessDenied");
    assert_eq!(with(&[("Origin", ORIGIN)]).status, 303);
    // The console's origin opens this route alone.
    let page = proxy.with("Origin", ORIGIN);
    page.get("/v1/authz/open").refused(403, "AccessDenied");
    page.bearing(&api_key(&world.admin, json!({"role": "admin"})))
        .get("/v1/accounts")
        .refused(403, "AccessDenied");
    assert_eq!(proxy.get(RETURN).status, 405);
    assert_eq!(page.get(RETURN).status, 405);
}

#[test]
fn a_proxy_names_its_site_where_it_is_trusted() {
    let world = World::open();
    let proxy = world.proxy(true);
    sent(&world.proxy(false), SITE, &world.token).refused(403, "AccessDenied");
    sent(&Client::tcp(world.agent.address()), SITE, &world.token).refused(401, "Unauthorized");
    for site in [
        "https://other.example.com",
        "http://orders.example.com",
        "https://orders.example.com:8443",
        "https://orders.example.com.evil.example",
        "https://evil.example@orders.example.com",
        ORIGIN,
    ] {
        sent(&proxy, site, &world.token).refused(404, "NoSuchEntity");
    }
    let fields = form(&[("token", world.token.as_str()), ("return_to", &format!("{SITE}/"))]);
    for name in ["X-Forwarded-Host", "X-Forwarded-Proto"] {
        let mut without = headers(ORIGIN, SITE);
        without.retain(|(known, _)| *known != name);
        posted(&proxy, &without, &fields).refused(404, "NoSuchEntity");
        let mut twice = headers(ORIGIN, SITE);
        twice.push((name, "evil.example"));
        posted(&proxy, &twice, &fields).refused(404, "NoSuchEntity");
    }
}

#[test]
fn the_way_on_stays_on_the_site() {
    let second = "[[console.service]]\nname = \"Other\"\nreceive = \"/mfa\"\n\
        origin = \"https://other.example.com\"\naudience = \"orders\"\n";
    let forward = "[forward]\ncookie = \"mfa\"\naudience = \"orders\"\n";
    let world = World::with(forward, &format!("{CONSOLE}{second}"));
    let proxy = world.proxy(true);
    for address in [
        "https://evil.example/",
        "https://other.example.com/",
        "https://orders.example.com.evil.example/",
        "https://orders.example.com@evil.example/",
        "https://user@orders.example.com/",
        "https://user:pw@orders.example.com/",
        "http://orders.example.com/",
        "https://orders.example.com:8443/",
        "https://orders.example.com./",
        "https://xorders.example.com/",
        "https://example.com/",
        "//orders.example.com/",
        "//evil.example/",
        "/\\evil.example/",
        "/cart",
        "orders.example.com",
        "javascript:alert(1)//https://orders.example.com/",
        "data:text/html,https://orders.example.com/",
        "blob:https://orders.example.com/0",
        "ftp://orders.example.com/",
        "https://evil.example\\@orders.example.com/",
        "https://evil.example#@orders.example.com/",
        "https://evil.example/?https://orders.example.com/",
        "https://orders.example.com%2f@evil.example/",
        "",
    ] {
        let fields = form(&[("token", world.token.as_str()), ("return_to", address)]);
        let answer = posted(&proxy, &headers(ORIGIN, SITE), &fields);
        assert_eq!((answer.header("location"), answer.header("set-cookie")), (None, None));
        answer.refused(400, "InvalidInput");
    }
    for (address, location) in [
        ("https://orders.example.com", "https://orders.example.com/"),
        ("https://orders.example.com//evil.example/", "https://orders.example.com//evil.example/"),
        ("https:\\\\orders.example.com\\a", "https://orders.example.com/a"),
        ("https://orders.example.com/\r\nX: y", "https://orders.example.com/X:%20y"),
    ] {
        let fields = form(&[("token", world.token.as_str()), ("return_to", address)]);
        let answer = posted(&proxy, &headers(ORIGIN, SITE), &fields);
        assert_eq!(answer.header("location"), Some(location), "{address:?}");
    }
}

#[test]
fn a_token_for_this_site_alone_is_taken() {
    let world = World::open();
    let proxy = world.proxy(true);
    let mut other = enrol(&world.admin, "bob");
    let elsewhere = other.session(&world.admin, "bob");
    let plain = json!({"account": "bob", "audience": "orders"});
    let plain = text(&world.admin.post("/v1/sessions", plain).is(201)["token"]);
    for token in [elsewhere.as_str(), &plain, "e30.e30.e30", "none", ""] {
        let answer = sent(&proxy, SITE, token);
        assert_eq!(answer.header("set-cookie"), None);
        answer.refused(403, "AccessDenied");
    }
    let problem = sent(&proxy, SITE, &"x".repeat(4_096)).refused(400, "InvalidInput");
    assert!(text(&problem["detail"]).contains("too long for a cookie"), "{problem}");
    assert_eq!(sent(&proxy, SITE, &world.token).status, 303);
    world.admin.post("/v1/accounts/alice/revoke-sessions", json!({})).is(200);
    sent(&proxy, SITE, &world.token).refused(403, "AccessDenied");
    // For a proxy that is limited to others, the account does not exist.
    let limited = json!({"role": "verifier", "forward": true, "accounts": ["bob"]});
    let limited = api_key(&world.admin, limited);
    let limited = Client::tcp(world.agent.address()).with("X-Twostep-Key", &limited);
    sent(&limited, SITE, &world.token).refused(403, "AccessDenied");
}

#[test]
fn only_a_whole_form_is_read() {
    let world = World::open();
    let (proxy, token) = (world.proxy(true), world.token.as_str());
    let address = format!("{SITE}/");
    let whole = [("token", token), ("return_to", address.as_str())];
    for fields in [
        &[][..],
        &whole[..1],
        &whole[1..],
        &[whole[0], whole[0], whole[1]],
        &[whole[0], whole[1], whole[1]],
        &[whole[0], whole[1], ("other", "x")],
    ] {
        let answer = posted(&proxy, &headers(ORIGIN, SITE), &form(fields));
        answer.refused(400, "InvalidInput");
    }
    let mut json = headers(ORIGIN, SITE);
    json[0].1 = "application/json";
    let body = json!({"token": token, "return_to": address}).to_string();
    posted(&proxy, &json, &body).refused(400, "InvalidInput");
}

#[test]
fn a_missing_setting_is_named() {
    let cookie = "[forward]\ncookie = \"mfa\"\n";
    let audience = "[forward]\naudience = \"orders\"\n";
    for (forward, console, status, named) in [
        (cookie, CONSOLE, 400, "name one audience"),
        (audience, CONSOLE, 404, "set cookie in [forward]"),
        (cookie, "", 403, "requests of web pages"),
    ] {
        let world = World::with(forward, console);
        let answer = sent(&world.proxy(true), SITE, &world.token);
        assert_eq!(answer.status, status, "{answer:?}");
        let problem = answer.json();
        let detail = text(&problem["detail"]);
        assert!(detail.contains(named), "{detail}");
    }
}
