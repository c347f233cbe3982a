//! Forward authentication: what a proxy is told, and what it is not moved by.

use serde_json::json;
use test_support::agent::Agent;
use test_support::http::{Answer, Client};
use test_support::people::{api_key, enrol, text};

use super::{TCP, admin};

const POLICIES: &str = "[policy.mfa]\npresent = true\n\
                        [policy.key]\nphishing_resistant = true\nmax_age = 900\n\
                        [policy.known]\nknown = true\nallow_without_mfa = true\n\
                        [policy.open]\nif_exists = { present = true }\nallow_absent = true\n";

#[track_caller]
fn challenged(answer: Answer, with: &str) {
    let challenge = answer.header("www-authenticate").unwrap_or_default().to_owned();
    answer.refused(401, "Unauthorized");
    assert!(challenge.contains(with), "{challenge}");
}

#[test]
fn a_proxy_proves_itself_and_authorization_is_the_persons() {
    let agent = Agent::start(&format!("{TCP}{POLICIES}"));
    let admin = admin(&agent);
    let session = enrol(&admin, "alice").session(&admin, "alice");
    let key = api_key(&admin, json!({"role": "verifier"}));
    let stranger = Client::tcp(agent.address());
    for nobody in [
        stranger.bearing(&key),
        stranger.bearing(&session),
        stranger.with("X-Twostep-Key", &session),
        stranger.with("X-Twostep-Key", ""),
    ] {
        challenged(nobody.get("/v1/authz/mfa"), "Bearer");
    }
    let proxy = stranger.with("X-Twostep-Key", &key);
    challenged(proxy.with("X-Twostep-Key", &key).bearing(&session).get("/v1/authz/mfa"), "Bearer");
    // An API key is no context.
    challenged(proxy.bearing(&key).get("/v1/authz/mfa"), "error=\"invalid_token\"");
    for path in [
        "/v1/authz/mfa",
        "/v1/authz/mfa?policy=known",
        "/v1/authz/mfa/",
        "/v1/authz/mfa/a/b/../known",
    ] {
        let answer = proxy.bearing(&session).get(path);
        assert_eq!(
            (answer.status, answer.header("x-mfa-account"), answer.header("cache-control")),
            (200, Some("alice"), Some("no-store"))
        );
    }
    assert_eq!(proxy.bearing(&session).send("POST", "/v1/authz/mfa/a", None).status, 200);
    challenged(proxy.send("POST", "/v1/authz/mfa/a", None), "Bearer acr_values");
    proxy.bearing(&session).get("/v1/authz/none").refused(404, "NoSuchEntity");
    // For a proxy that is limited to others, the account does not exist.
    let limited = stranger
        .with("X-Twostep-Key", &api_key(&admin, json!({"role": "verifier", "accounts": ["bob"]})));
    challenged(limited.bearing(&session).get("/v1/authz/mfa"), "error=\"invalid_token\"");
}

#[test]
fn tokens_that_disagree_are_refused() {
    let agent = Agent::start(&format!("{POLICIES}[forward]\ncookie = \"mfa\"\n"));
    let admin = admin(&agent);
    let mut token = enrol(&admin, "alice");
    let (one, other) = (token.session(&admin, "alice"), token.session(&admin, "alice"));
    let bearer = |token: &str| ("Authorization", format!("Bearer {token}"));
    let cookie = |token: &str| ("Cookie", format!("a=b; mfa={token}"));
    let decide = |headers: &[(&str, String)]| {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        admin.raw("GET", "/v1/authz/mfa", &headers, b"")
    };
    let basic = ("Authorization", "Basic YTpi".to_owned());
    let lower = ("Authorization", format!("bearer {one}"));
    for agreeing in [
        &[bearer(&one)][..],
        &[cookie(&one)],
        &[bearer(&one), cookie(&one)],
        &[cookie(&one), cookie(&one)],
        &[basic, cookie(&one)],
        &[lower],
    ] {
        assert_eq!(decide(agreeing).status, 200, "{agreeing:?}");
    }
    let twice = ("Cookie", format!("mfa={one}; mfa={other}"));
    for disagreeing in [
        &[bearer(&one), bearer(&other)][..],
        &[bearer(&one), cookie(&other)],
        &[cookie(&one), cookie(&other)],
        &[twice],
    ] {
        challenged(decide(disagreeing), "error=\"invalid_token\"");
    }
    challenged(decide(&[("Cookie", format!("mfax={one}"))]), "Bearer acr_values");
}

#[test]
fn a_proof_that_is_impossible_is_not_asked_for() {
    let agent = Agent::start(POLICIES);
    let admin = admin(&agent);
    let session = enrol(&admin, "alice").session(&admin, "alice");
    let problem = admin.bearing(&session).get("/v1/authz/key").refused(403, "AccessDenied");
    assert!(text(&problem["detail"]).contains("no device of this account"), "{problem}");
    test_support::held_key::enrol_key(&admin, "alice", "alice");
    challenged(admin.bearing(&session).get("/v1/authz/key"), "acr_values=\"phr\", max_age=\"900\"");
    // Without any device a step-up is impossible; a policy that asks for no MFA still passes.
    let plain = text(&admin.post("/v1/sessions", json!({"account": "Zoë 100%"})).is(201)["token"]);
    let answer = admin.bearing(&plain).get("/v1/authz/known");
    assert_eq!((answer.status, answer.header("x-mfa-account")), (200, Some("Zo%C3%AB 100%25")));
    assert_eq!((answer.header("x-mfa-serial"), answer.header("x-mfa-time")), (Some(""), Some("")));
    challenged(admin.bearing(&plain).get("/v1/authz/mfa"), "insufficient_user_authentication");
}

#[test]
fn a_browser_signs_in_and_returns_to_our_origins() {
    let forward = "[forward]\nsign_in = \"https://login.example.com/mfa\"\n\
                   return_to = [\"https://app.example.com\", \"http://localhost:8080\"]\n";
    let agent = Agent::start(&format!("{TCP}{POLICIES}{forward}"));
    let admin = admin(&agent);
    let key = |forward: bool| api_key(&admin, json!({"role": "verifier", "forward": forward}));
    let proxy = |forward: bool| {
        Client::tcp(agent.address())
            .with("X-Twostep-Key", &key(forward))
            .with("Accept", "text/html,*/*")
    };
    let (trusted, other) = (proxy(true), proxy(false));
    let request = |proto: &'static str, host: &'static str, uri: &'static str| {
        [("X-Forwarded-Proto", proto), ("X-Forwarded-Host", host), ("X-Forwarded-Uri", uri)]
    };
    let sent = |headers: &[(&str, &str)]| {
        let answer = trusted.raw("GET", "/v1/authz/key", headers, b"");
        assert_eq!(answer.status, 302, "{answer:?}");
        answer.header("location").unwrap().to_owned()
    };
    let page = "https://login.example.com/mfa?acr_values=phr&max_age=900";
    assert_eq!(
        sent(&request("https", "app.example.com", "/a?b=c&d")),
        format!("{page}&return_to=https%3A%2F%2Fapp%2Eexample%2Ecom%2Fa%3Fb%3Dc%26d")
    );
    assert!(
        sent(&request("http", "localhost:8080", "//evil.example/"))
            .ends_with("&return_to=http%3A%2F%2Flocalhost%3A8080%2F%2Fevil%2Eexample%2F")
    );
    for (proto, host, uri) in [
        ("https", "evil.example", "/"),
        ("http", "app.example.com", "/"),
        ("https", "app.example.com:8443", "/"),
        ("https", "app.example.com.evil.example", "/"),
        ("https", "app.example.com@evil.example", "/"),
        ("https", "app.example.com, evil.example", "/"),
        ("https", "app.example.com", ".evil.example/"),
        ("https", "app.example.com", "@evil.example/"),
        ("https", "app.example.com", "/\\evil.example"),
        ("javascript", "app.example.com", "/"),
    ] {
        assert_eq!(sent(&request(proto, host, uri)), page, "{proto} {host} {uri}");
    }
    let twice = [("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Host", "app.example.com")];
    assert_eq!(
        sent(&[&twice[..], &[("X-Forwarded-Proto", "https"), ("X-Forwarded-Uri", "/")]].concat()),
        page
    );
    // Programs get an answer and no redirect, and so do visitors of a proxy without `forward`.
    let from = request("https", "app.example.com", "/");
    challenged(other.raw("GET", "/v1/authz/key", &from, b""), "acr_values");
    challenged(
        trusted.raw(
            "GET",
            "/v1/authz/key",
            &[&from[..], &[("X-Forwarded-Method", "POST")]].concat(),
            b"",
        ),
        "acr_values",
    );
    challenged(
        Client::tcp(agent.address())
            .with("X-Twostep-Key", &key(true))
            .get("/v1/authz/key"),
        "acr_values",
    );
}

/// A forwarded header is octets, and what cannot be an address, a method or a host is not guessed
/// at.
#[test]
fn a_browser_comes_back_to_a_path_of_any_octets() {
    let forward = "[forward]\ncookie = \"mfa\"\nsign_in = \"https://login.example.com/mfa\"\n\
                   return_to = [\"https://app.example.com\"]\n";
    let agent = Agent::start(&format!("{TCP}{POLICIES}{forward}"));
    let admin = admin(&agent);
    let (one, other) = {
        let mut token = enrol(&admin, "alice");
        (token.session(&admin, "alice"), token.session(&admin, "alice"))
    };
    let proxy = Client::tcp(agent.address())
        .with("X-Twostep-Key", &api_key(&admin, json!({"role": "verifier", "forward": true})));
    let page = "https://login.example.com/mfa?acr_values=mfa";
    let back = format!("{page}&return_to=https%3A%2F%2Fapp%2Eexample%2Ecom");
    let asked = |changes: &[(&'static str, &[u8])]| {
        let mut headers: Vec<(&str, &[u8])> = vec![
            ("X-Forwarded-Proto", b"https"),
            ("X-Forwarded-Host", b"app.example.com"),
            ("X-Forwarded-Uri", b"/"),
            ("X-Forwarded-Method", b"GET"),
            ("Accept", b"text/html"),
        ];
        headers.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
        headers.extend(changes);
        proxy.octets("GET", "/v1/authz/mfa", &headers)
    };
    for (path, encoded) in [
        (&b"/"[..], "%2F"),
        (b"/caf\xc3\xa9", "%2Fcaf%25C3%25A9"),
        (b"/REZ\xc9?q=\xff", "%2FREZ%25C9%3Fq%3D%25FF"),
        (b"/a b\tc", "%2Fa%2520b%2509c"),
        (b"/\"<>", "%2F%2522%253C%253E"),
        (b"/%C9%ff%", "%2F%25C9%25ff%25"),
        (b"/\xe2\x80\xae", "%2F%25E2%2580%25AE"),
    ] {
        let answer = asked(&[("X-Forwarded-Uri", path)]);
        assert_eq!(
            (answer.status, answer.header("location")),
            (302, Some(&*format!("{back}{encoded}"))),
            "{path:?}"
        );
    }
    for (name, value) in [
        ("X-Forwarded-Host", &b"app.example.com\xff"[..]),
        ("X-Forwarded-Host", b"\xc9.example"),
        ("X-Forwarded-Proto", b"https\xff"),
        ("X-Forwarded-Uri", b"\xc9"),
        ("X-Forwarded-Uri", b""),
        ("X-Forwarded-Uri", b"/\\\xff"),
    ] {
        let answer = asked(&[(name, value)]);
        assert_eq!(
            (answer.status, answer.header("location")),
            (302, Some(page)),
            "{name} {value:?}"
        );
    }
    for methods in [
        &[("X-Forwarded-Method", &b"POST"[..])][..],
        &[("X-Forwarded-Method", b"\xff")],
        &[("X-Forwarded-Method", b"")],
    ] {
        challenged(asked(methods), "acr_values");
    }
    challenged(
        asked(&[("X-Forwarded-Method", b"GET"), ("X-Forwarded-Method", b"GET")]),
        "acr_values",
    );
    for accept in [
        &[("Accept", &b"text/html, \xff"[..])][..],
        &[("Accept", b"\xc9"), ("Accept", b"text/html")],
    ] {
        assert_eq!(asked(accept).status, 302, "{accept:?}");
    }
    // Signing in takes no other cookie away: a browser with two would come back for ever.
    let mine = format!("store=REZÉ; mfa={one}");
    assert_eq!(asked(&[("Cookie", mine.as_bytes())]).status, 200);
    assert_eq!(asked(&[("Cookie", b"store=REZ\xc9")]).status, 302);
    assert_eq!(asked(&[("Cookie", b"mfa=x")]).status, 302);
    challenged(
        asked(&[("Cookie", format!("mfa={one}; mfa={other}").as_bytes())]),
        "send one token",
    );
}

#[test]
fn a_proxy_may_repeat_a_path_of_any_octets() {
    let agent = Agent::start(POLICIES);
    let admin = admin(&agent);
    let person = admin.bearing(&enrol(&admin, "alice").session(&admin, "alice"));
    for path in [
        "/caf%C3%A9",
        "/REZ%C9",
        "/%ff/%00/%2f",
        "/a%",
        "/%zz?%ff",
        "//",
        "/%e2%80%ae/../x",
        "/café",
    ] {
        assert_eq!(person.get(&format!("/v1/authz/mfa{path}")).status, 200, "{path}");
        challenged(admin.get(&format!("/v1/authz/mfa{path}")), "Bearer acr_values");
        person.get(&format!("/v1/authz/none{path}")).refused(404, "NoSuchEntity");
    }
    // The policy alone is read, as it is written or percent-encoded.
    assert_eq!(person.get("/v1/authz/%6dfa/REZ%C9").status, 200);
    person.get("/v1/authz/%ff/REZ").refused(404, "NoSuchEntity");
}

/// A visitor may have sent headers of these names: the proxy replaces them by what the agent says.
#[test]
fn a_visitor_without_a_context_passes_with_blank_headers() {
    let agent = Agent::start(POLICIES);
    let admin = admin(&agent);
    let answer = admin.with("X-MFA-Account", "root").get("/v1/authz/open");
    assert_eq!(answer.status, 200, "{answer:?}");
    for name in ["x-mfa-account", "x-mfa-serial", "x-mfa-time"] {
        assert_eq!(answer.header(name), Some(""), "{name}");
    }
    // Without MFA, the account alone is named.
    let opened = admin.post("/v1/sessions", json!({"account": "alice"})).is(201);
    let answer = admin.bearing(&text(&opened["token"])).get("/v1/authz/known");
    let said = ["x-mfa-account", "x-mfa-serial", "x-mfa-time"].map(|name| answer.header(name));
    assert_eq!(said, [Some("alice"), Some(""), Some("")]);
}
