//! The proxies of `examples/proxies`, as they are shipped, with a site behind them that shows what reaches it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::agent::Agent;
use crate::http::{Answer, Client};
use crate::people::{Token, enrol, text};
use crate::{admin, tools};

#[test]
fn nginx_lets_through_what_the_agent_allows() {
    if !tools::have("nginx") {
        return;
    }
    let (agent, token) = world();
    let (port, site) = (free_port(), site());
    let folder = agent.folder.path();
    let shipped = placed(include_str!("../../examples/proxies/nginx.conf"), &agent, port, site);
    // A proxy is a stranger to the agent, but for its rule. Who does not test as root has nobody else to be.
    let user = if is_root(folder) { "user nobody nogroup;" } else { "" };
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|kind| format!("{kind}_temp_path {}/tmp;", folder.display()));
    let config = format!(
        "daemon off; {user} pid {0}/nginx.pid; error_log {0}/nginx.log; events {{}}\nhttp {{ access_log off; {1}\n{shipped}\n}}",
        folder.display(),
        temporary.join(" ")
    );
    fs::write(folder.join("nginx.conf"), config).unwrap();
    let mut nginx = Command::new("nginx");
    nginx.arg("-e").arg(folder.join("nginx.log")).arg("-c").arg(folder.join("nginx.conf"));
    let _proxy = Running::start(nginx, port);
    let proxy = Client::tcp(format!("127.0.0.1:{port}"));
    journey(&proxy, &admin(&agent), token);
    // Nobody asks the agent from outside.
    assert_eq!(proxy.get("/.twostep").status, 404);
}

#[test]
fn caddy_lets_through_what_the_agent_allows() {
    if !tools::have("caddy") {
        return;
    }
    let (agent, token) = world();
    let (port, site) = (free_port(), site());
    let folder = agent.folder.path();
    let shipped = placed(include_str!("../../examples/proxies/Caddyfile"), &agent, port, site);
    fs::write(folder.join("Caddyfile"), format!("{{\n\tadmin off\n}}\n{shipped}")).unwrap();
    let mut caddy = Command::new("caddy");
    caddy.args(["run", "--adapter", "caddyfile", "--config"]).arg(folder.join("Caddyfile"));
    caddy.env("HOME", folder).env("XDG_DATA_HOME", folder).env("XDG_CONFIG_HOME", folder);
    let _proxy = Running::start(caddy, port);
    journey(&Client::tcp(format!("127.0.0.1:{port}")), &admin(&agent), token);
}

/// Everything that a visitor may meet on the way to the site.
fn journey(proxy: &Client, admin: &Client, mut token: Token) {
    let mfa = token.session(admin, "alice");
    let proved = Instant::now();
    let person = proxy.bearing(&mfa);
    let seen = passed(person.get("/a/page?x=1"));
    assert!(seen.starts_with("GET /a/page?x=1 "), "{seen}");
    assert_eq!(claims(&seen, "x-mfa-account"), ["alice"]);
    assert_eq!(claims(&seen, "x-mfa-serial"), [token.serial.clone()]);
    assert_eq!(claims(&seen, "x-mfa-time").len(), 1);
    passed(proxy.with("Cookie", &format!("theme=dark; mfa={mfa}")).get("/"));

    // What a visitor adds changes neither the decision nor what the site hears.
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
    let more =
        ["x_mfa_account", "X_MFA_ACCOUNT", "X-MFA_Account", "X_MFA-Account", "X-MFA-Serial", "x_mfa_serial", "X-MFA-Time", "X-MFA-Context"];
    for name in names.into_iter().chain(more) {
        let value = if name.contains("MFA") || name.contains("mfa") { "mallory" } else { "/v1/authz/open" };
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
    challenged(&proxy.with("Cookie", &format!("mfa={mfa}")).with("Cookie", &format!("mfa={plain}")).get("/"), "error=\"invalid_token\"");
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

/// An agent with a policy for the site and one that lets everybody through, and somebody who can sign in.
fn world() -> (Agent, Token) {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let agent = Agent::start_in(
        folder,
        "[socket]\npath = \"agent.sock\"\nmode = \"0666\"\n[forward]\ncookie = \"mfa\"\n[policy.site]\nmax_age = 6\n\
         [policy.open]\nif_exists = { present = true }\nallow_absent = true\n[[peer]]\nuid = 65534\nrole = \"verifier\"\n",
    );
    let token = enrol(&admin(&agent), "alice");
    (agent, token)
}

const MAX_AGE: Duration = Duration::from_secs(6);

/// The shipped configuration, with the places of this test in it.
fn placed(shipped: &str, agent: &Agent, port: u16, site: u16) -> String {
    let places = [
        (":8080", format!(":{port}")),
        ("127.0.0.1:8081", format!("127.0.0.1:{site}")),
        ("/run/twostep/agent.sock", agent.socket().display().to_string()),
    ];
    places.iter().fold(shipped.to_owned(), |text, (shipped, ours)| {
        assert!(text.contains(shipped), "{shipped}");
        text.replace(shipped, ours)
    })
}

fn is_root(folder: &Path) -> bool {
    fs::metadata(folder).unwrap().uid() == 0
}

/// What the site saw of a request that was let through.
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
                let head: Vec<String> = BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
                let head = head.join("\n");
                let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{head}", head.len());
            });
        }
    });
    port
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A proxy, ended with this.
struct Running(Child);

impl Running {
    fn start(mut command: Command, port: u16) -> Running {
        let mut running = Running(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(running.0.try_wait().unwrap().is_none() && Instant::now() < deadline, "the proxy does not listen");
            sleep(Duration::from_millis(20));
        }
        running
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A kill would leave nginx's workers behind.
        let _ = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        let _ = self.0.wait();
    }
}
