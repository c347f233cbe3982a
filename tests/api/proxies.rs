//! The proxies of `examples/proxies`, as they are shipped, with a site behind them that shows what
//! reaches it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use serde_json::json;
use test_support::agent::Agent;
use test_support::http::{Answer, Client};
use test_support::people::{Token, api_key, enrol, text};
use test_support::reverse_proxy::{Running, Workers};
use test_support::tools;

use super::admin;

#[test]
fn nginx_lets_through_what_the_agent_allows() {
    if !tools::have("nginx") {
        return;
    }
    let shipped = Shipped {
        config: include_str!("../../examples/proxies/nginx.conf"),
        places: &[(":8080", PROXY), ("127.0.0.1:8081", SITE), ("/run/twostep/agent.sock", SOCKET)],
        // Another user, so that only its rule admits it.
        start: |folder, config, port| Running::nginx(folder, Workers::Nobody, config, port),
        several_cookies: SeveralCookies::Kept,
    };
    lets_through_what_the_agent_allows(&shipped, |proxy| {
        // The agent's route is not reachable from outside.
        assert_eq!(proxy.get("/.twostep").status, 404);
    });
}

/// An address in a parameter of another one: no character of it leads out of there, or to another
/// site.
#[test]
fn nginx_sends_browsers_back_only_to_addresses_it_can_encode() {
    if !tools::have("nginx") {
        return;
    }
    let (agent, _) = world();
    let port = free_port();
    let config = include_str!("../../examples/proxies/nginx.conf")
        .replace(":8080", &format!(":{port}"))
        .replace("/run/twostep/agent.sock", &agent.socket().display().to_string())
        .replace("# error_page 401", "error_page 401");
    let proxy = Client::tcp(format!("127.0.0.1:{port}")).to_host("evil.example");
    let running = Running::nginx(agent.folder.path(), Workers::Nobody, &config, port);
    let page = "https://mfa.example.com/login?return_to=https%3A%2F%2Fapp.example.com";
    for path in ["/", "/a/b-c_d.e~f"] {
        let answer = proxy.get(path);
        assert_eq!(answer.status, 302, "{answer:?}");
        assert_eq!(answer.header("location"), Some(format!("{page}{path}").as_str()));
    }
    for path in [
        "/?a=1&return_to=https://evil.example",
        "/a&return_to=https://evil.example",
        "/a%26return_to=x",
        "/a%23b",
        "/a%0d%0aSet-Cookie:x",
        "/a%22b",
        "/a\"b",
        "/@evil.example",
        "/\\evil.example",
        "/?x#y",
    ] {
        let answer = proxy.get(path);
        if answer.status != 400 {
            assert_eq!(answer.status, 302, "{path}: {answer:?}");
            let front = format!("{page}%2F");
            assert_eq!(answer.header("location"), Some(front.as_str()), "{path}");
        }
    }
    drop(running);
}

#[test]
fn caddy_lets_through_what_the_agent_allows() {
    if !tools::have("caddy") {
        return;
    }
    let shipped = Shipped {
        config: include_str!("../../examples/proxies/Caddyfile"),
        places: &[(":8080", PROXY), ("127.0.0.1:8081", SITE), ("/run/twostep/agent.sock", SOCKET)],
        start: |folder, config, port| {
            fs::write(folder.join("Caddyfile"), format!("{{\n\tadmin off\n}}\n{config}")).unwrap();
            let mut caddy = Command::new("caddy");
            caddy
                .args(["run", "--adapter", "caddyfile", "--config"])
                .arg(folder.join("Caddyfile"));
            caddy
                .env("HOME", folder)
                .env("XDG_DATA_HOME", folder)
                .env("XDG_CONFIG_HOME", folder);
            Running::start(caddy, port)
        },
        several_cookies: SeveralCookies::Kept,
    };
    lets_through_what_the_agent_allows(&shipped, |_| {});
}

#[test]
fn traefik_lets_through_what_the_agent_allows() {
    if !tools::have("venv:traefik") {
        return;
    }
    let shipped = Shipped {
        config: include_str!("../../examples/proxies/traefik.yml"),
        places: &[
            ("http://127.0.0.1:8081", "http://SITE"),
            ("127.0.0.1:7878", TCP_AGENT),
            ("twostep_...", KEY),
        ],
        start: |folder, config, port| {
            fs::write(folder.join("traefik.yml"), config).unwrap();
            let mut traefik = Command::new(tools::beside_python("traefik"));
            traefik.arg(format!("--entryPoints.site.address=127.0.0.1:{port}"));
            traefik
                .arg(format!("--providers.file.filename={}", folder.join("traefik.yml").display()));
            traefik.args(["--global.checkNewVersion=false", "--global.sendAnonymousUsage=false"]);
            Running::start(traefik, port)
        },
        several_cookies: SeveralCookies::Kept,
    };
    lets_through_what_the_agent_allows(&shipped, |proxy| {
        assert_eq!(proxy.to_host("localhost").get("/").status, 404, "the rule names another host");
    });
}

#[test]
fn envoy_lets_through_what_the_agent_allows() {
    if !tools::have("venv:envoy") {
        return;
    }
    let shipped = Shipped {
        config: include_str!("../../examples/proxies/envoy.yaml"),
        places: &[
            ("port_value: 8080", "port_value: PROXY"),
            ("port_value: 8081", "port_value: SITE"),
            ("/run/twostep/agent.sock", SOCKET),
        ],
        start: |folder, config, port| {
            fs::write(folder.join("envoy.yaml"), config).unwrap();
            let mut envoy = Command::new(tools::beside_python("envoy"));
            envoy.arg("-c").arg(folder.join("envoy.yaml")).args([
                "--disable-hot-restart",
                "--concurrency",
                "1",
                "-l",
                "error",
            ]);
            Running::start(envoy, port)
        },
        several_cookies: SeveralCookies::JoinedByComma,
    };
    lets_through_what_the_agent_allows(&shipped, |proxy| {
        // The path chooses the policy, and nothing in it leads out of there.
        for path in
            ["/../open", "/..%2fopen", "/%2e%2e/open", "//../open", "/a/../../open", "/..%5copen"]
        {
            let answer = proxy.get(path);
            assert!([400, 401, 404].contains(&answer.status), "{path}: {answer:?}");
        }
    });
}

/// A configuration of `examples/proxies`, and how its proxy is run.
struct Shipped {
    config: &'static str,
    /// Placeholders of the example, and the names below that replace them.
    places: &'static [(&'static str, &'static str)],
    start: fn(&Path, &str, u16) -> Running,
    several_cookies: SeveralCookies,
}

/// Treatment of two `Cookie` headers over HTTP/1.1, which no browser sends (RFC 6265 §5.4). Over
/// HTTP/2, where browsers do, every proxy joins them.
#[derive(Clone, Copy)]
enum SeveralCookies {
    Kept,
    JoinedByComma,
}

/// Names for the places of this test.
const PROXY: &str = ":PROXY";
const SITE: &str = "127.0.0.1:SITE";
const SOCKET: &str = "SOCKET";
const TCP_AGENT: &str = "AGENT";
const KEY: &str = "KEY";

/// The site as its visitors call it. The agent does not know that name.
const HOST: &str = "app.example.com";

fn lets_through_what_the_agent_allows(shipped: &Shipped, more: impl FnOnce(&Client)) {
    let (agent, mut token) = world();
    let admin = admin(&agent);
    let (port, site) = (free_port(), site());
    let key = api_key(&admin, json!({"role": "verifier", "forward": true}));
    let ours = |config: &str| {
        let config = shipped.places.iter().fold(config.to_owned(), |config, (shipped, name)| {
            assert!(config.contains(shipped), "{shipped}");
            config.replace(shipped, name)
        });
        let places = [
            ("PROXY", port.to_string()),
            ("127.0.0.1:SITE", format!("127.0.0.1:{site}")),
            ("//SITE", format!("//127.0.0.1:{site}")),
        ];
        let places = places.into_iter().chain([
            (": SITE", format!(": {site}")),
            ("SOCKET", agent.socket().display().to_string()),
        ]);
        let places = places.chain([(TCP_AGENT, agent.address()), (KEY, key.clone())]);
        places.fold(config, |config, (name, place)| config.replace(name, &place))
    };
    let proxy = Client::tcp(format!("127.0.0.1:{port}")).to_host(HOST);
    let running = (shipped.start)(agent.folder.path(), &ours(shipped.config), port);
    wait_for(&proxy);
    let person = proxy.bearing(&token.session(&admin, "alice"));
    long_headers_and_any_octets(
        &proxy,
        &person,
        &token.session(&admin, "alice"),
        shipped.several_cookies,
    );
    preflights(&proxy, &person, Preflight::Refused);
    more(&proxy);
    comes_back(&proxy, &token.session(&admin, "alice"));
    journey(&proxy, &admin, &mut token);
    drop(running);

    let _running = (shipped.start)(agent.folder.path(), &ours(&switched_on(shipped.config)), port);
    wait_for(&proxy);
    preflights(&proxy, &proxy.bearing(&token.session(&admin, "alice")), Preflight::Passed);
}

/// A proxy that listens may still be reading what it is to do.
fn wait_for(proxy: &Client) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while proxy.try_raw("GET", "/", &[], b"").map_or(0, |answer| answer.status) != 401 {
        assert!(Instant::now() < deadline, "the proxy does not ask the agent");
        sleep(Duration::from_millis(50));
    }
}

/// The configuration with the lines in force that are switched off: those with a `#` and anything
/// but one blank behind it.
fn switched_on(config: &str) -> String {
    let lines = config.lines().map(|line| {
        let indent = line.len() - line.trim_start().len();
        let (indent, rest) = line.split_at(indent);
        match rest.strip_prefix('#') {
            Some(off) if !off.is_empty() && (!off.starts_with(' ') || off.starts_with("  ")) => {
                format!("{indent}{off}")
            }
            _ => line.to_owned(),
        }
    });
    let on = lines.collect::<Vec<_>>().join("\n");
    assert_ne!(on, config.trim_end(), "something is switched off");
    on
}

fn long_headers_and_any_octets(
    proxy: &Client,
    person: &Client,
    session: &str,
    several_cookies: SeveralCookies,
) {
    // A context may have 8,192 characters, and a browser brings the cookies of the whole site.
    challenged(
        &proxy.bearing(&format!("e30.{}.e30", "A".repeat(8_180))).get("/"),
        "error=\"invalid_token\"",
    );
    let many = format!(
        "mfa={session}; {}",
        (0..6)
            .map(|at| format!("c{at}={}", "x".repeat(3_500)))
            .collect::<Vec<_>>()
            .join("; ")
    );
    passed(proxy.with("Cookie", &many).get("/"));
    let octets = [&b"store=REZ\xc9; mfa="[..], session.as_bytes()].concat();
    passed(proxy.octets("GET", "/", &[("Cookie", &octets)]));
    let split = proxy.octets(
        "GET",
        "/",
        &[("Cookie", b"store=REZ\xc9"), ("Cookie", format!("mfa={session}").as_bytes())],
    );
    match several_cookies {
        SeveralCookies::Kept => drop(passed(split)),
        SeveralCookies::JoinedByComma => challenged(&split, "acr_values=\"mfa\""),
    }
    let utf8 = "store=REZÉ";
    passed(person.octets("GET", "/", &[("Cookie", utf8.as_bytes())]));
    challenged(&proxy.octets("GET", "/", &[("Cookie", b"store=REZ\xc9")]), "acr_values=\"mfa\"");
    for path in ["/REZ%C9", "/caf%C3%A9?q=%ff", "/%ff/%e2%80%ae"] {
        passed(person.get(path));
        challenged(&proxy.get(path), "acr_values=\"mfa\"");
    }
}

/// The form of the console's sign-in page, which ends in the cookie that opens the site.
fn comes_back(proxy: &Client, session: &str) {
    let form = format!("token={session}&return_to=https%3A%2F%2F{HOST}%2Fcart%3Fa%3Db");
    let post = |origin: &str, more: &[(&'static str, &'static str)]| {
        let kind = ("Content-Type", "application/x-www-form-urlencoded");
        let headers = [&[kind, ("Origin", origin)][..], more].concat();
        proxy.raw("POST", "/.twostep-return", &headers, form.as_bytes())
    };
    for more in [
        &[][..],
        &[("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "http")],
        &[("Cookie", "mfa=other")],
    ] {
        let answer = post("http://localhost:7443", more);
        assert_eq!(answer.status, 303, "{more:?}: {answer:?}");
        let location = format!("https://{HOST}/cart?a=b");
        assert_eq!(answer.header("location"), Some(location.as_str()));
        let cookie = answer.header("set-cookie").and_then(|cookie| cookie.split(';').next());
        let seen = passed(proxy.with("Cookie", cookie.unwrap()).get("/cart?a=b"));
        assert_eq!(claims(&seen, "x-mfa-account"), ["alice"]);
    }
    for origin in ["https://evil.example", "null"] {
        let answer = post(origin, &[]);
        assert_eq!((answer.status, answer.header("set-cookie")), (403, None), "{answer:?}");
    }
    assert_eq!(proxy.get("/.twostep-return").status, 405);
}

#[derive(Clone, Copy, PartialEq)]
enum Preflight {
    Refused,
    Passed,
}

/// Preflight requests, which browsers send before a page of another origin may send credentials,
/// and look-alikes.
fn preflights(proxy: &Client, person: &Client, expected: Preflight) {
    let origin = ("Origin", "https://other.example");
    let method = ("Access-Control-Request-Method", "PUT");
    let claims_of = ("X-MFA-Account", "mallory");
    let asked = [
        origin,
        method,
        ("Access-Control-Request-Headers", "authorization"),
        claims_of,
        ("x_mfa_account", "mallory"),
    ];
    let answer = proxy.raw("OPTIONS", "/a", &asked, b"");
    if expected == Preflight::Passed {
        let seen = passed(answer);
        assert!(seen.starts_with("OPTIONS /a ") && !seen.contains("mallory"), "{seen}");
        assert!(claims(&seen, "x-mfa-account").iter().all(String::is_empty), "{seen}");
        assert!(claims(&seen, "x-twostep-key").is_empty(), "{seen}");
    } else {
        challenged(&answer, "acr_values=\"mfa\"");
    }
    for (verb, headers) in [
        ("OPTIONS", &[origin][..]),
        ("OPTIONS", &[method]),
        ("OPTIONS", &[]),
        ("GET", &[origin, method]),
        ("PUT", &[origin, method]),
        (
            "POST",
            &[
                origin,
                method,
                ("X-HTTP-Method-Override", "OPTIONS"),
                ("X-Forwarded-Method", "OPTIONS"),
            ],
        ),
    ] {
        challenged(&proxy.raw(verb, "/", headers, b""), "acr_values=\"mfa\"");
    }
    let seen = passed(person.raw("PUT", "/", &[origin], b""));
    assert_eq!(claims(&seen, "x-mfa-account"), ["alice"]);
}

/// The cases that a visitor may meet on the way to the site.
fn journey(proxy: &Client, admin: &Client, token: &mut Token) {
    let mfa = token.session(admin, "alice");
    let proved = Instant::now();
    let person = proxy.bearing(&mfa);
    let seen = passed(person.get("/a/page?x=1"));
    assert!(seen.starts_with("GET /a/page?x=1 "), "{seen}");
    assert_eq!(claims(&seen, "x-mfa-account"), ["alice"]);
    assert_eq!(claims(&seen, "x-mfa-serial"), std::slice::from_ref(&token.serial));
    assert_eq!(claims(&seen, "x-mfa-time").len(), 1);
    passed(proxy.with("Cookie", &format!("theme=dark; mfa={mfa}")).get("/"));

    // Headers that a visitor adds change neither the decision nor the headers for the site.
    let names = [
        "X-Policy",
        "X-Original-URI",
        "X-Original-URL",
        "X-Forwarded-Uri",
        "X-Forwarded-Host",
        "X-Twostep-Key",
        "X-MFA-Account",
        "x-mfa-account",
    ];
    let more = [
        "x_mfa_account",
        "X_MFA_ACCOUNT",
        "X-MFA_Account",
        "X_MFA-Account",
        "X-MFA-Serial",
        "x_mfa_serial",
        "X-MFA-Time",
        "X-MFA-Context",
    ];
    for name in names.into_iter().chain(more) {
        let value =
            if name.contains("MFA") || name.contains("mfa") { "mallory" } else { "/v1/authz/open" };
        for copies in 1..=2 {
            let headers = [(name, value), (name, value)];
            let headers = &headers[..copies];
            let seen = passed(person.raw("GET", "/", headers, b""));
            assert!(!seen.contains("mallory"), "{name}: {seen}");
            assert_eq!(claims(&seen, "x-mfa-account"), ["alice"], "{name}");
            challenged(&proxy.raw("GET", "/", headers, b""), "acr_values=\"mfa\", max_age=\"6\"");
        }
    }
    assert!(proved.elapsed() < MAX_AGE, "the machine is too slow for this test");

    // Without a context, without MFA in it, with two of them, and with none that is one.
    challenged(&proxy.get("/"), "Bearer acr_values=\"mfa\", max_age=\"6\"");
    let plain = text(&admin.post("/v1/sessions", json!({"account": "alice"})).is(201)["token"]);
    challenged(&proxy.bearing(&plain).get("/"), "error=\"insufficient_user_authentication\"");
    challenged(&person.with("Cookie", &format!("mfa={plain}")).get("/"), "error=\"invalid_token\"");
    challenged(
        &proxy
            .with("Cookie", &format!("mfa={mfa}"))
            .with("Cookie", &format!("mfa={plain}"))
            .get("/"),
        "error=\"invalid_token\"",
    );
    challenged(&proxy.bearing("e30.e30.e30").get("/"), "error=\"invalid_token\"");

    sleep((MAX_AGE + Duration::from_secs(1)).saturating_sub(proved.elapsed()));
    let too_old = "error=\"insufficient_user_authentication\", error_description=\"MFA was proved";
    challenged(&person.get("/"), too_old);
    challenged(&person.get("/"), "acr_values=\"mfa\", max_age=\"6\"");

    let fresh = proxy.bearing(&token.session(admin, "alice"));
    passed(fresh.get("/"));
    admin.post("/v1/accounts/alice/revoke-sessions", json!({})).is(200);
    let revoked = Instant::now();
    challenged(&fresh.get("/"), "error=\"invalid_token\"");
    assert!(revoked.elapsed() < Duration::from_secs(5));
}

/// An agent with a policy for the site and an open one, and an account that can sign in.
fn world() -> (Agent, Token) {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let agent = Agent::start_in(
        folder,
        &format!(
            "listen = [\"127.0.0.1:0\"]\n[socket]\npath = \"agent.sock\"\nmode = \"0666\"\n\
         [forward]\ncookie = \"mfa\"\n[policy.site]\nmax_age = 6\n\
         [policy.open]\nif_exists = {{ present = true }}\nallow_absent = true\n\
         [console]\norigin = \"http://localhost:7443\"\nlisten = [\"127.0.0.1:0\"]\n\
         [[console.service]]\nname = \"Site\"\norigin = \"https://{HOST}\"\n\
         receive = \"/.twostep-return\"\naudience = \"twostep\"\n\
         [[peer]]\nuid = 65534\nrole = \"verifier\"\nforward = true\n\
         [[peer]]\nuid = {}\nrole = \"admin\"\nforward = true\n",
            nix::unistd::Uid::effective()
        ),
    );
    let token = enrol(&admin(&agent), "alice");
    (agent, token)
}

const MAX_AGE: Duration = Duration::from_secs(6);

/// The request as the site saw it.
#[track_caller]
fn passed(answer: Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    let seen = answer.text();
    assert!(seen.contains(" HTTP/1."), "this is not the site: {seen}");
    seen
}

#[track_caller]
fn challenged(answer: &Answer, with: &str) {
    assert_eq!(answer.status, 401, "{answer:?}");
    let challenge = answer.header("www-authenticate").unwrap_or_default();
    assert!(challenge.starts_with("Bearer ") && challenge.contains(with), "{challenge}");
}

/// All values that the site has for this name, whichever way it is spelt.
fn claims(seen: &str, name: &str) -> Vec<String> {
    let lines = seen.lines().filter_map(|line| line.split_once(": "));
    let same = lines.filter(|(known, _)| known.to_ascii_lowercase().replace('_', "-") == name);
    same.map(|(_, value)| value.to_owned()).collect()
}

/// A site that answers with the head of every request. It ends with the test program.
fn site() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let lines = BufReader::new(&stream).split(b'\n').map_while(Result::ok);
                let lines =
                    lines.map(|line| String::from_utf8_lossy(line.trim_ascii_end()).into_owned());
                let head =
                    lines.take_while(|line| !line.is_empty()).collect::<Vec<String>>().join("\n");
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{head}",
                    head.len()
                );
            });
        }
    });
    port
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
